"""What several tests need: files by their bytes, damage to files, and what must stay as it was."""

import os
import shutil
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits

from acs_deepcr_step import run

BLOCK, CARD = 2880, 80


def snapshot(directory):
    """Everything below a directory: the bytes and mode of files, the target of links."""
    found = {}
    for path in sorted(Path(directory).rglob("*")):
        name = str(path.relative_to(directory))
        if path.is_symlink():
            found[name] = os.readlink(path)
        else:
            found[name] = (path.stat().st_mode, path.read_bytes() if path.is_file() else None)
    return found


def changed(before, after):
    """Names that were made, removed or changed between two snapshots."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def flag(*files, **pars):
    """Run the step on files without a log; the result table."""
    return run([str(file) for file in files], **{"runfile": "", "progress": False, **pars})


def spans(path):
    """(header, data, end) of every HDU, in bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tests make malformed headers on purpose
        hdus = fits.open(path, lazy_load_hdus=False, memmap=False)
    with hdus:
        places = [hdu.fileinfo() for hdu in hdus]
    return [(p["hdrLoc"], p["datLoc"], p["datLoc"] + p["datSpan"]) for p in places]


def index_of(path, name, extver=1):
    """Index of an extension."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(path, memmap=False) as hdus:
            return hdus.index_of((name, extver))


def hdu_bytes(path):
    """(header, data) bytes of every HDU."""
    content = Path(path).read_bytes()
    return [(content[header:data], content[data:end]) for header, data, end in spans(path)]


def data_bytes(path, name, extver=1):
    """The data of an extension as the file stores them."""
    return hdu_bytes(path)[index_of(path, name, extver)][1]


def cards(block):
    """The 80-byte cards of a header before END."""
    all_cards = [block[i : i + CARD] for i in range(0, len(block), CARD)]
    return all_cards[: next(i for i, card in enumerate(all_cards) if card.rstrip() == b"END")]


def insert_cards(path, index, new):
    """Put 80-byte cards at the end of a header, byte by byte; what follows moves."""
    content, (start, data, _) = Path(path).read_bytes(), spans(path)[index]
    padded = [card.ljust(CARD) for card in new]
    assert all(len(card) == CARD for card in padded)
    header = b"".join([*cards(content[start:data]), *padded, b"END".ljust(CARD)])
    header = header.ljust(-(-len(header) // BLOCK) * BLOCK)
    Path(path).write_bytes(content[:start] + header + content[data:])


def edit(path, change):
    """Change a file through astropy; `change` gets the open HDU list."""
    with fits.open(path, mode="update", memmap=False) as hdus:
        change(hdus)
    return Path(path)


def rewrite(path, change):
    """Write a file anew from the HDU list that `change` returns."""
    with fits.open(path, memmap=False) as hdus:
        content = fits.HDUList(change(hdus))
        content.writeto(path, overwrite=True)
    return Path(path)


def dq(path, extver=1):
    """A DQ array, native byte order."""
    with fits.open(path, memmap=False) as hdus:
        data = hdus["DQ", extver].data
        return data.astype(data.dtype.newbyteorder("="))


def sci(path, extver=1):
    """A SCI array, native byte order."""
    return fits.getdata(path, "SCI", extver).astype(np.float32)


def flagged(path, extver=1, bit=8192):
    """Where a DQ bit is set."""
    return (dq(path, extver) & bit) != 0


def set_dq(path, where, bit, extver=1):
    """Set a DQ bit as another program would."""

    def change(hdus):
        hdus["DQ", extver].data[where] |= bit

    return edit(path, change)


def cards_of(path, index=0):
    """A header, parsed."""
    return fits.getheader(path, index)


def mask_of(path):
    """The path of an exposure's mask file."""
    return path.with_name(f"{path.stem}_deepcr.fits")


def copy(path, name):
    """A copy of a file under another name or in another directory."""
    target = path.parent / name
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy2(path, target))
