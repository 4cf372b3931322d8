"""Where the HDUs of a FITS file stand, found by its bytes before a reader believes them.

A reader of FITS files forgives much: it takes what it cannot read for bytes after the last HDU, counts
to whatever a header says, unpacks what is compressed, and searches a tail of zeros for more. So this
looks first. Source: FITS Standard 4.0, sections 3.3, 3.5, 4.4.1 and 7.3.1.
"""

import math
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from .exposure import Span
from .fitsbytes import BLOCK, CARD, has_end

__all__ = ["Hdu", "scan"]

# More axes or columns than this the standard does not allow. HST's files have some dozens of HDUs, their
# headers some thousand cards each.
_MOST = 999
_MOST_HDUS = 999
_MOST_HEADER_BYTES = 2**24
# What stood on tape was filled up to ten blocks.
_LONGEST_TAIL = 2**20
# Where so many blocks or fewer were lost, the next header stands among as many of the last data.
_LAST_BLOCKS = 5000

_END = b"END".ljust(CARD)
_KEYWORD = re.compile(rb"[ -~]{8}")
_INTEGER = re.compile(rb"([A-Z0-9]{1,8}) *= *([+-]?\d+) *(?:/.*)?", re.S)
_BEGINNINGS = (b"SIMPLE  =", b"XTENSION=")
_COMPRESSED = {b"\x1f\x8b": "gunzip", b"BZh": "bunzip2", b"\xfd7zXZ": "unxz", b"PK\x03\x04": "unzip"}
_COMPRESSED |= {b"\x1f\x9d": "uncompress", b"\x28\xb5\x2f\xfd": "unzstd"}


@dataclass(frozen=True)
class Hdu:
    """One header and data unit.

    Attributes
    ----------
    header : bytes
        Whole blocks, with the END card.
    span : exposure.Span
        Of a file that was cut the last one ends beyond the file.
    """

    header: bytes = field(repr=False)
    span: Span


def scan(path):
    """Find the HDUs of a FITS file.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    tuple of Hdu
        Each follows right after the one before.

    Raises
    ------
    ValueError
        If the file is none, or damaged: compressed, a block lost or put in, a header without an end, a
        size that cannot be, or more than a FITS file has. Says what, in a few words.
    OSError
        If it cannot be read.
    """
    if not Path(path).is_file():  # a pipe would be waited for
        raise ValueError("it is no regular file")
    hdus, header_bytes = [], 0
    with open(path, "rb") as file:
        end = os.fstat(file.fileno()).st_size
        while file.tell() < end:
            if len(hdus) > _MOST_HDUS:
                raise ValueError(f"it has more than {_MOST_HDUS} HDUs")
            begin = file.tell()
            header = _header(file, len(hdus), _MOST_HEADER_BYTES - header_bytes)
            if not header:
                _check_tail(file, hdus[-1], begin, end)
                break
            header_bytes += len(header)
            data = begin + len(header)
            size = _data_size(header, len(hdus))
            hdus.append(Hdu(header, Span(begin, data, data + size + -size % BLOCK)))
            file.seek(hdus[-1].span.end)
        if not hdus:
            raise ValueError("it is empty")
        _check_last(file, hdus[-1], len(hdus) - 1)
    return tuple(hdus)


def _header(file, index, most):
    """Bytes of the header that begins here; empty where none does."""
    block = file.read(BLOCK)
    if not block.startswith(_BEGINNINGS[min(index, 1)]):
        if index:
            return b""
        tool = next((tool for magic, tool in _COMPRESSED.items() if block.startswith(magic)), None)
        raise ValueError(f"it is compressed: {tool} unpacks it" if tool else "it does not begin with SIMPLE")
    header = bytearray(block)
    while not has_end(block):
        block = file.read(BLOCK)
        if not block or len(header) > most:
            raise ValueError(f"the header of HDU {index} has no proper END card")
        header += block
    if len(header) % BLOCK:
        raise ValueError(f"the header of HDU {index} is cut")
    # Where a block was lost or put in, a header runs on into data, and into the next header.
    for card in (header[i : i + CARD] for i in range(CARD, len(header), CARD)):
        if card == _END:
            break
        if card.startswith(_BEGINNINGS) or not _KEYWORD.match(card):
            raise ValueError(f"the header of HDU {index} is damaged")
    return bytes(header)


def _data_size(header, index):
    """Bytes of the data after a header, without padding."""
    cards = (_INTEGER.fullmatch(header[i : i + CARD]) for i in range(0, len(header), CARD))
    # Of a keyword that stands twice the first counts, as for the reader.
    values = {card[1]: int(card[2]) for card in reversed(list(cards)) if card}
    for key in (b"NAXIS", b"TFIELDS", b"ZNAXIS"):
        if values.get(key, 0) > _MOST:
            raise ValueError(f"{key.decode()} is above {_MOST}")
    try:
        axes = [values[b"NAXIS%d" % i] for i in range(1, values[b"NAXIS"] + 1)]
        bits = abs(values[b"BITPIX"])
    except KeyError as missing:
        raise ValueError(
            f"the header of HDU {index} has no {missing.args[0].decode()} to tell the size of its data"
        ) from None
    pixels = values.get(b"PCOUNT", 0) + math.prod(axes) if axes else 0
    size = bits // 8 * values.get(b"GCOUNT", 1) * pixels
    if size < 0 or any(axis < 0 for axis in axes):
        raise ValueError("its axes, PCOUNT and GCOUNT give data of a negative size")
    return size


def _check_tail(file, last, begin, end):
    """Refuse bytes after the last HDU that may be an HDU, or data that were displaced."""
    if end - begin > _LONGEST_TAIL:
        raise ValueError(f"{end - begin} bytes follow its last HDU")
    file.seek(begin)
    tail = file.read()
    if b"XTENSION" in tail or b"EXTNAME" in tail:
        raise ValueError("an HDU is damaged, so that those after it cannot be found")
    # The fill of the last block: data where there should be none are data that were displaced.
    data_end = last.span.data + _data_size(last.header, 0)
    file.seek(data_end)
    if file.read(last.span.end - data_end).strip(b"\0 "):
        raise ValueError("the data of its last HDU go on where they should end")


def _check_last(file, last, index):
    """Refuse a last HDU whose data hold the header of another one, as where a block was lost."""
    if not re.match(rb"XTENSION= '(IMAGE|TABLE|BINTABLE) *'", last.header):
        return  # an HDRLET holds a file of its own
    first = max(last.span.data, last.span.end - _LAST_BLOCKS * BLOCK)
    for place in range(first, last.span.end, BLOCK):
        file.seek(place)
        if file.read(len(_BEGINNINGS[1])) == _BEGINNINGS[1]:
            raise ValueError(f"another HDU begins within the data of HDU {index}, which is damaged")
