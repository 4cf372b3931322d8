"""The published patches (Zenodo record 4295902) in their own layout.

    npy_train/F435W/10349/30/<exposure>_<...>.npy    (3, S, S): image, cosmic rays, ignored pixels
    npy_train/F435W/10349/30/sky.npy                 sky level of each exposure, electrons

The file names begin with the number of the exposure, counted from 1. The patches can be trained on in
place, or be rewritten as shards (a third of the space, far fewer files):
``dataset.write(published.samples(directory), target, PatchOptions(border=0))``.

References
----------
Kwon, Zhang & Bloom 2021, appendix B.
"""

import hashlib

import numpy as np
from astropy.table import Table

from ...errors import InputError
from ...regular_file import require_regular
from ..archive.sets import field_of
from ..samples import Origin, Sample
from .patch import INDEX_COLUMNS, Patch, Patches, clean_patch

__all__ = ["is_here", "read", "samples"]

_SKY = "sky.npy"


def is_here(directory):
    """Return whether a directory holds patches in the published layout."""
    return bool(_folders(directory))


def read(directory):
    """Open the patches; see `dataset.open_patches`. ``npy_test`` is opened only if named itself.

    Parameters
    ----------
    directory : pathlib.Path

    Returns
    -------
    Patches

    Raises
    ------
    InputError
        If there are none, or a file is malformed.

    Notes
    -----
    The manifest covers names, sizes and sky levels, not the pixels: reading all 60 GB takes too long.
    """
    directory = _training_folder(directory)
    paths, rows, digest = [], [], hashlib.sha256()
    for folder in _folders(directory):
        sky = _sky_levels(folder)
        digest.update(sky.astype("<f8").tobytes())
        for path in _files(folder):
            origin = _origin(directory, path)
            rows.append([_sky_of(path, sky) if k == "sky" else getattr(origin, k) for k in INDEX_COLUMNS])
            paths.append(path)
            digest.update(f"{path.relative_to(directory)}\0{path.stat().st_size}\0".encode())
    if not paths:
        raise InputError(f"{directory} holds no patch: unpack the archive again.")
    index = Table(rows=rows, names=list(INDEX_COLUMNS), dtype=list(INDEX_COLUMNS.values()))
    side = _load(paths[0]).image.shape[-1]
    if side % 16:
        raise InputError(
            f"{paths[0]} is {side} pixels wide, which is no multiple of 16: unpack the archive again."
        )
    return Patches(index, _Reader(paths, side), side, digest.hexdigest())


def samples(directory):
    """Yield the published patches as samples, one at a time.

    Parameters
    ----------
    directory : path
        As for `dataset.open_patches`.

    Yields
    ------
    Sample
        Of the size of a patch, observation set after observation set.

    Raises
    ------
    InputError
        If a file is malformed.
    """
    directory = _training_folder(directory)
    for folder in _folders(directory):
        sky = _sky_levels(folder)
        for path in _files(folder):
            patch = _load(path, sky=_sky_of(path, sky))
            yield Sample(patch.image, patch.truth, patch.ignore, patch.sky, _origin(directory, path))


def _training_folder(directory):
    inner = directory / "npy_train"
    return inner if inner.is_dir() else directory


def _folders(directory):
    """Return the folders FILTER/PROPOSAL/VISIT that have sky levels, sorted."""
    return sorted(path.parent for path in _training_folder(directory).glob(f"*/*/*/{_SKY}"))


def _files(folder):
    return sorted((p for p in folder.glob("*.npy") if p.name != _SKY), key=lambda p: (_number(p), p.name))


def _origin(directory, path):
    band, proposal, visit = path.parent.relative_to(directory).parts
    band = band.upper()  # the archive writes f435w
    name = f"{band}_{proposal}_{visit}"
    return Origin(name, f"{name}_{_number(path)}", filter=band, field=field_of(name))


def _number(path):
    first = path.name.partition("_")[0].partition(".")[0]
    if not first.isdecimal() or int(first) < 1:
        raise InputError(
            f"{path} does not begin with the number of its exposure (1, 2, ...), by which {_SKY} gives "
            "the sky: unpack the archive again."
        )
    return int(first)


def _sky_levels(folder):
    path = folder / _SKY
    sky = _array(path)
    if sky.ndim > 1 or not sky.size or not np.isfinite(sky).all():
        raise InputError(
            f"{path} does not hold one finite sky level for each exposure: unpack the archive again."
        )
    return np.atleast_1d(sky).astype(float)


def _sky_of(path, sky):
    number = _number(path)
    if number > len(sky):
        raise InputError(
            f"{path} is of exposure {number}, but {_SKY} beside it has {len(sky)} levels: unpack the archive "
            "again."
        )
    return float(sky[number - 1])


def _array(path):
    try:
        require_regular(path)
        array = np.load(path, allow_pickle=False)
    # The last two: a shape that no memory holds.
    except (OSError, ValueError, EOFError, MemoryError, OverflowError) as error:
        raise InputError(f"{path} cannot be read as a NumPy array: unpack the archive again.") from error
    if array.dtype.kind not in "fiub":
        raise InputError(f"{path} holds {array.dtype}, not numbers: unpack the archive again.")
    return array


def _load(path, side=None, sky=0.0):
    """Read a file as a patch, as it is: pixels may be not finite."""
    array = _array(path)
    side = side or array.shape[-1]
    if array.shape != (3, side, side):
        raise InputError(
            f"{path} has the shape {array.shape}, not (3, {side}, {side}) for image, cosmic rays and ignored "
            "pixels: unpack the archive again."
        )
    return Patch(array[0].astype(np.float32), array[1] != 0, array[2] != 0, sky)


class _Reader:
    """Reads a patch by its number; holds paths only."""

    def __init__(self, paths, side):
        self._paths, self._side = paths, side

    def __call__(self, number, sky):
        return clean_patch(_load(self._paths[number], self._side, sky), fill=0.0)
