"""Changes to a FITS file at the level of its bytes.

A header is edited card by card and everything else is copied, so that what is
not meant to change cannot: neither its values nor its formatting, padding,
scaling or compression. (A library that parses and writes anew may change any of
these.) Source: FITS Standard 4.0, sections 3.3, 4.1 and appendix J (checksum).
"""

import textwrap

import numpy as np
from astropy.io import fits

__all__ = [
    "BLOCK",
    "CARD",
    "edited_header",
    "file_sum",
    "has_end",
    "header_text",
    "ones_complement",
    "padded",
    "with_checksum",
]

BLOCK = 2880
CARD = 80
_PIECE = 2**23  # bytes read at a time


def _cards(block):
    """Return the 80-byte cards of a header, without END and what follows."""
    cards = [block[i : i + CARD] for i in range(0, len(block), CARD)]
    end = cards.index(b"END".ljust(CARD))
    return cards[:end]


def header_text(text):
    """Return a text as a header can hold it: whatever is no printable ASCII becomes a question mark."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def has_end(block):
    """Return whether a header (whole blocks, bytes) has an END card with nothing but blanks on it."""
    cards = (block[i : i + CARD] for i in range(0, len(block), CARD))
    return any(card == b"END".ljust(CARD) for card in cards)


def _keyword(card):
    return card[:8].decode("ascii", "replace").rstrip()


def edited_header(block, values, remove=(), history=None):
    """Return a header with cards set, removed and added.

    Parameters
    ----------
    block : bytes
        The header's bytes, whole blocks of 2880.
    values : dict of str to (value, comment)
        Cards to set, in place where the keyword exists, else at the end.
    remove : sequence of str
        Keywords whose cards are dropped.
    history : str, optional
        One more HISTORY line, on as many cards as it takes.

    Returns
    -------
    bytes
        Whole blocks; every card not named keeps its 80 bytes.
    """
    new = {key: fits.Card(key, *value).image.encode("ascii") for key, value in values.items()}
    cards, dropped = [], False
    for card in _cards(block):
        key = _keyword(card)
        if key == "CONTINUE" and dropped:
            continue  # the rest of a long string that was set or removed
        dropped = key in values or key in remove
        if not dropped:
            cards.append(card)
        elif key in new:
            cards.append(new.pop(key))
    # Blank cards at the end are room for growth: use them up first.
    while cards and cards[-1].strip() == b"":
        cards.pop()
    cards += new.values()
    if history is not None:
        for line in textwrap.wrap(history, CARD - 8):
            cards.append(fits.Card("HISTORY", line).image.encode("ascii"))
    return _joined(cards)


def _joined(cards):
    content = b"".join(cards) + b"END".ljust(CARD)
    return content.ljust(-(-len(content) // BLOCK) * BLOCK)


def padded(data):
    """Return an array's bytes, padded with zeros to whole blocks."""
    return data.tobytes() + b"\0" * (-data.nbytes % BLOCK)


def ones_complement(data, total=0):
    """Return the 32-bit ones' complement sum of bytes, as FITS checksums use.

    Parameters
    ----------
    data : bytes-like
        Of a length that is a multiple of 4.
    total : int
        The sum so far.

    Returns
    -------
    int
        0 to 2**32 - 1.
    """
    # Slices keep the sum of 32-bit words below 2**64.
    words = np.frombuffer(data, ">u4")
    for start in range(0, words.size, 2**24):
        total += int(words[start : start + 2**24].sum(dtype=np.uint64))
        while total >> 32:
            total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def file_sum(path):
    """Return the ones' complement sum of a whole file, read piece by piece.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    int
        As of `ones_complement`.

    Raises
    ------
    ValueError
        If its length is no multiple of 4.
    """
    total = 0
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            total = ones_complement(piece, total)
    return total


def _encoded(value):
    """Return the 16 characters that bring a checksum to zero (appendix J.2)."""
    value = ~value & 0xFFFFFFFF
    excluded = [ord(c) for c in ":;<=>?@[\\]^_`"]
    out = bytearray(16)
    for i in range(4):
        byte = value >> (24 - 8 * i) & 0xFF
        quarter, rest = divmod(byte, 4)
        digits = [quarter + rest + 48, quarter + 48, quarter + 48, quarter + 48]
        while any(digit in excluded for digit in digits):
            for j in (0, 2):
                if digits[j] in excluded or digits[j + 1] in excluded:
                    digits[j] += 1
                    digits[j + 1] -= 1
        for j in range(4):
            out[4 * j + i] = digits[j]
    return bytes(out[-1:] + out[:-1]).decode("ascii")


def with_checksum(block, data):
    """Return a header with its CHECKSUM and DATASUM brought up to date.

    Parameters
    ----------
    block : bytes
        Header, whole blocks.
    data : bytes-like
        The HDU's data as in the file, padding included.

    Returns
    -------
    bytes
        The header unchanged where it has neither card. The total length is the
        same in any case.
    """
    present = {_keyword(card) for card in _cards(block)}
    datasum = ones_complement(data)
    if "DATASUM" in present:
        block = edited_header(block, {"DATASUM": (str(datasum), "data unit checksum")})
    if "CHECKSUM" not in present:
        return block
    block = edited_header(block, {"CHECKSUM": ("0" * 16, "HDU checksum")})
    value = _encoded(ones_complement(block, datasum))
    return edited_header(block, {"CHECKSUM": (value, "HDU checksum")})
