"""The published patches (Zenodo record 4295902) as they are.

    npy_train/F435W/10349/30/<exposure>_<...>.npy    (3, S, S): image, cosmic rays, ignored pixels
    npy_train/F435W/10349/30/sky.npy                 sky level of each exposure, electrons

The file names begin with the number of the exposure, counted from 1. The patches can be
trained on in place, or turned into shards, which take a third of the space and far fewer
files: ``patches.write(published.samples(directory), target, PatchOptions(border=0))``.

References
----------
Kwon, Zhang & Bloom 2021, appendix B.
"""

import hashlib

import numpy as np
from astropy.table import Table

from ..errors import InputError
from .patch import INDEX_COLUMNS, Patches, clean_patch
from .samples import Origin, Sample
from .sets import field_of

__all__ = ["is_here", "read", "samples"]

_SKY = "sky.npy"


def is_here(directory):
    """Return whether a directory holds patches in the published layout."""
    return bool(_folders(directory))


def read(directory):
    """See `patches.open_patches`; ``npy_test`` is opened only if it is named itself.

    Notes
    -----
    The manifest is made of names, sizes and sky levels: to read 60 GB for it would take
    longer than it is worth.
    """
    directory = _part(directory)
    paths, rows, digest = [], [], hashlib.sha256()
    for folder in _folders(directory):
        sky = _sky(folder)
        digest.update(sky.astype("<f8").tobytes())
        for path in _files(folder):
            origin = _origin(directory, path)
            rows.append([getattr(origin, k) if k != "sky" else _level(path, sky) for k in INDEX_COLUMNS])
            paths.append(path)
            digest.update(f"{path.relative_to(directory)}\0{path.stat().st_size}\0".encode())
    if not paths:
        raise InputError(f"{directory} holds no patch: unpack the archive again.")
    index = Table(rows=rows, names=list(INDEX_COLUMNS), dtype=list(INDEX_COLUMNS.values()))
    side = _load(paths[0])[0].shape[-1]
    if side % 16:
        raise InputError(
            f"{paths[0]} is {side} pixels wide, which is no multiple of 16: unpack the archive again."
        )
    return Patches(index, _Reader(paths, side), side, digest.hexdigest())


def samples(directory):
    """Hand on the published patches, one at a time.

    Parameters
    ----------
    directory : path
        As for `patches.open_patches`.

    Yields
    ------
    Sample
        Of the size of a patch, observation set after observation set.

    Raises
    ------
    InputError
        If a file is not what it should be.
    """
    directory = _part(directory)
    for folder in _folders(directory):
        sky = _sky(folder)
        for path in _files(folder):
            image, truth, ignore = _load(path)
            yield Sample(image, truth, ignore, _level(path, sky), _origin(directory, path))


def _part(directory):
    inner = directory / "npy_train"
    return inner if inner.is_dir() else directory


def _folders(directory):
    """The folders FILTER/PROPOSAL/VISIT that have a sky level, sorted."""
    return sorted(path.parent for path in _part(directory).glob(f"*/*/*/{_SKY}"))


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
            f"{path} does not begin with the number of its exposure (1, 2, ...), by which {_SKY} tells the "
            "sky: unpack the archive again."
        )
    return int(first)


def _sky(folder):
    path = folder / _SKY
    sky = _array(path)
    if sky.ndim > 1 or not sky.size or not np.isfinite(sky).all():
        raise InputError(
            f"{path} does not hold one finite sky level for each exposure: unpack the archive again."
        )
    return np.atleast_1d(sky).astype(float)


def _level(path, sky):
    number = _number(path)
    if number > len(sky):
        raise InputError(
            f"{path} is of exposure {number}, but {_SKY} beside it has {len(sky)} levels: unpack the archive "
            "again."
        )
    return float(sky[number - 1])


def _array(path):
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} cannot be read as a NumPy array: unpack the archive again.") from error
    if array.dtype.kind not in "fiub":
        raise InputError(f"{path} holds {array.dtype}, not numbers: unpack the archive again.")
    return array


def _load(path, side=None):
    """Image, truth and ignore of a file."""
    array = _array(path)
    side = side or array.shape[-1]
    if array.shape != (3, side, side):
        raise InputError(
            f"{path} has the shape {array.shape}, not (3, {side}, {side}) for image, cosmic rays and ignored "
            "pixels: unpack the archive again."
        )
    return array[0].astype(np.float32), array[1] != 0, array[2] != 0


class _Reader:
    """A patch by its number; holds paths only."""

    def __init__(self, paths, side):
        self._paths, self._side = paths, side

    def __call__(self, number):
        # The sky does not matter here: it stands in for pixels that are not finite, which are ignored.
        patch = clean_patch(*_load(self._paths[number], self._side), 0.0)
        return patch.image, patch.truth, patch.ignore
