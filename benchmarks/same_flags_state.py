"""What the cases of `same_flags.py` leave: values and arrays, by their names."""

import contextlib
import gzip
import hashlib
import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from same_flags_steps import Place, as_integers

COLUMNS = ("n_flagged", "fraction", "cr_rate", "nexp", "n_vetoed", "n_added", "status", "note")


def states_of(case, files):
    """Do what a case says in a temporary directory.

    Parameters
    ----------
    case : Case
    files : list of Path
        The scene's exposures.

    Returns
    -------
    dict of str to (dict, dict)
        After each step, values and arrays by their names.
    """
    found = {}
    with tempfile.TemporaryDirectory(prefix="acs_deepcr_same_") as name, contextlib.chdir(name):
        place = _place(case, files)
        originals = {file: _originals(file) for file in place.names}
        for number, step in enumerate(case.steps, start=1):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = step.work(place)
                values, arrays = _state(originals)
            if made.error:
                values["error"] = made.error
            values.update(_rows(made.table))
            found[f"{number} {step.name}"] = values, {**arrays, **made.arrays}
    return found


def _place(case, files):
    """Copy the exposures of a case, and their association table, into the current directory."""
    names = []
    for file in files[: case.n]:
        names.append(file.name.removesuffix(".gz"))
        opened = gzip.open if file.suffix == ".gz" else open
        with opened(file, "rb") as source, open(names[-1], "wb") as target:
            shutil.copyfileobj(source, target)
        if case.prepare:
            with fits.open(names[-1], mode="update", memmap=False) as hdus:
                case.prepare(hdus)
        for table in file.parent.glob("*_asn.fits"):
            shutil.copy(table, table.name)
    return Place(tuple(names), {name: Path(name).read_bytes() for name in names})


def _originals(path):
    """SCI, ERR and DQ of an exposure before the first step, by name and version."""
    with fits.open(path, memmap=False) as hdus:
        return {(hdu.name, hdu.ver): hdu.data.copy() for hdu in hdus if hdu.name in ("SCI", "ERR", "DQ")}


def _rows(table):
    """Return the columns that count, by file, chip and name."""
    if table is None:
        return {}
    return {
        f"table / {Path(str(row['filename'])).name},{row['extver']} / {column}": _plain(row[column])
        for row in table
        for column in COLUMNS
    }


def _state(originals):
    """Values and arrays of all files in the current directory."""
    files = sorted(str(path) for path in Path().rglob("*") if path.is_file())
    values, arrays = {"files": " ".join(files)}, {}
    for file in files:
        name = Path(file).name
        if name.endswith("_asn.fits"):
            continue
        with fits.open(file, memmap=False) as hdus:
            for index, hdu in enumerate(hdus):
                for key in hdu.header:
                    if key.startswith(("DCR", "DEEPCR")) and key not in ("DCRDATE", "DCRVERS"):
                        values[f"{file} / {key},{index}"] = _plain(hdu.header[key])
            if name.endswith("_deepcr.fits"):
                arrays.update({f"{file} / {at}": array for at, array in _of_mask(hdus)})
                continue
            before = originals[name.replace("_deepcr_clean", "")]
            values.update({f"{file} / {at}": value for at, value in _of_exposure(hdus, before)})
            arrays.update({f"{file} / {at}": array for at, array in _of_pixels(hdus, before)})
    return values, arrays


def _of_mask(hdus):
    for hdu in hdus:
        if hdu.name in ("FLAGS", "PROB"):
            yield f"{hdu.name},{hdu.ver}", hdu.data.astype(np.uint16)


def _of_exposure(hdus, before):
    """Yield hashes of what must stay, and whether it did."""
    for hdu in hdus:
        if hdu.name in ("SCI", "ERR"):
            content, old = hdu.data.tobytes(), before[hdu.name, hdu.ver].tobytes()
            yield f"{hdu.name},{hdu.ver}", hashlib.sha256(content).hexdigest()
            yield f"{hdu.name} as before,{hdu.ver}", content == old
        elif hdu.name == "DQ":
            yield f"DQ as before,{hdu.ver}", bool(np.array_equal(hdu.data, before["DQ", hdu.ver]))


def _of_pixels(hdus, before):
    """Yield the DQ arrays, and the values of SCI where they are others than before."""
    for hdu in hdus:
        if hdu.name == "DQ":
            yield f"DQ,{hdu.ver}", hdu.data.astype(np.uint16)
        elif hdu.name == "SCI":
            now, old = as_integers(hdu.data), as_integers(before["SCI", hdu.ver])
            if not np.array_equal(now, old):
                yield f"FILLED,{hdu.ver}", np.where(now == old, np.uint32(0), now)


def _plain(value):
    """Return a number or text as JSON keeps it."""
    value = value.item() if isinstance(value, np.generic) else value
    return str(value) if value != value else value
