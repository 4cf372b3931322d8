"""What a network is trained on: patches of exposures, and their split by observation set.

`write` cuts samples into patches and puts them into shards on the disk (`shards`);
`open_patches` opens such shards, or the published archive as it is (`published`). The
patches come one at a time from the disk, so that their number is not bounded by memory.
"""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import InputError, ParameterError, StepWarning

__all__ = ["Patch", "PatchOptions", "Patches", "Split", "cut", "finished", "open_patches", "split", "write"]

# What the index tells of each patch, with the dtype of the column.
INDEX_COLUMNS = {
    "observation_set": str,
    "exposure": str,
    "extver": int,
    "filter": str,
    "field": str,
    "exptime": float,
    "sky": float,
}


@dataclass(frozen=True)
class PatchOptions:
    """How samples are cut. The defaults are the paper's (section 2).

    Attributes
    ----------
    side : int
        Pixels, a multiple of 16.
    border : int
        Pixels left out at every edge of the chip.
    min_exptime : float
        Seconds; shorter exposures are left out.
    shard_patches : int
        Patches in one shard (4096 of the paper's are 1 GiB).
    """

    side: int = 256
    border: int = 128
    min_exptime: float = 100.0
    shard_patches: int = 4096

    def __post_init__(self):
        if self.side < 16 or self.side % 16:
            raise ParameterError(f"side={self.side!r}: give the pixels of a patch, a multiple of 16.")
        if self.border < 0 or self.shard_patches < 1:
            raise ParameterError(
                f"border={self.border!r}, shard_patches={self.shard_patches!r}: give 0 or more pixels and 1 "
                "or more patches."
            )


@dataclass(frozen=True, eq=False)
class Patch:
    """A square of an image with its truth.

    Attributes
    ----------
    image : ndarray, (S, S), float32
        Electrons, sky included; finite.
    truth, ignore : ndarray, (S, S), bool
        Pixels hit by cosmic rays; pixels that do not count.
    sky : float
        Level of the sky in the exposure, electrons.
    """

    image: np.ndarray
    truth: np.ndarray
    ignore: np.ndarray
    sky: float


class Patches:
    """Patches on the disk, by number.

    Parameters
    ----------
    index : astropy.table.Table
        A row per patch with the columns of `INDEX_COLUMNS`.
    reader : callable
        Takes the number of a patch in the whole data set; returns image, truth and
        ignore. It holds paths only, so it goes to other processes as it is.
    side : int
        Pixels.
    manifest : str
        SHA-256 of what the data set consists of.

    Notes
    -----
    Nothing is kept between two calls: the memory does not grow with what was read.
    """

    def __init__(self, index, reader, side, manifest, rows=None):
        self.index, self.side, self.manifest = index, side, manifest
        self._reader = reader
        self._rows = np.arange(len(index)) if rows is None else rows
        self._sky = np.asarray(index["sky"], float)

    def __len__(self):
        return len(self.index)

    def __getitem__(self, number):
        """Return a `Patch`; the memory is the caller's."""
        if not 0 <= number < len(self):
            raise IndexError(f"there are {len(self)} patches, not {number + 1}")
        image, truth, ignore = self._reader(int(self._rows[number]))
        return Patch(image, truth, ignore, float(self._sky[number]))

    def select(self, filter):
        """Return the patches of one filter.

        Parameters
        ----------
        filter : str

        Returns
        -------
        Patches

        Raises
        ------
        InputError
            If there are none.
        """
        names = np.asarray(self.index["filter"], str)
        here = np.flatnonzero(names == filter)
        if not here.size:
            known = ", ".join(sorted(set(names))) or "none"
            raise InputError(f"There are no patches of the filter {filter!r}: the filters are {known}.")
        return Patches(self.index[here], self._reader, self.side, self.manifest, self._rows[here])


def write(samples, directory, options=None):
    """Cut samples into patches and write them, a directory of shards per observation set.

    Parameters
    ----------
    samples : iterable of Sample
        Observation set after observation set; one sample is in memory at a time.
    directory : path
        Made if need be. An observation set that is finished there is not written again
        (`finished` tells which, for who can save the trouble of making their samples).
    options : PatchOptions, optional

    Returns
    -------
    astropy.table.Table
        A row per observation set that was handed over: observation_set, n_exposures,
        n_patches, status (written, kept).

    Raises
    ------
    InputError
        If a sample is malformed, an observation set comes in two places, the directory
        holds patches of other options, or it cannot be written.

    Warns
    -----
    StepWarning
        Names the exposures that gave no patch, and why.
    """
    from . import shards

    return shards.write(samples, Path(directory), options or PatchOptions())


def finished(directory):
    """Return the observation sets whose patches are complete in a directory.

    Parameters
    ----------
    directory : path

    Returns
    -------
    set of str
    """
    from . import shards

    return set(shards.finished(Path(directory)))


def open_patches(directory):
    """Open the patches in a directory, whichever way they are stored.

    Parameters
    ----------
    directory : path
        What `write` made; or the published archive, unpacked: the directory that holds
        ``npy_train``, ``npy_train`` itself or ``npy_test``.

    Returns
    -------
    Patches

    Raises
    ------
    InputError
        If there are none, or what is there is damaged.
    """
    from . import published, shards

    directory = Path(directory).expanduser()
    if not directory.is_dir():
        raise InputError(f"{directory} is not a directory of patches: check the path.")
    for kind in (shards, published):
        if kind.is_here(directory):
            return kind.read(directory)
    raise InputError(
        f"{directory} holds no patches: neither observation sets that the step wrote, nor the published "
        "archive (npy_train/FILTER/PROPOSAL/VISIT/*.npy)."
    )


def cut(sample, options):
    """Cut a sample into patches.

    Parameters
    ----------
    sample : Sample
    options : PatchOptions

    Yields
    ------
    Patch
        Row by row of the chip, without the border; what is left over at the far edges
        is dropped. Pixels that are not finite hold the sky and are ignored.

    Raises
    ------
    InputError
        If the arrays are not images of one shape.
    """
    image = np.asarray(sample.image)
    shapes = {np.shape(a) for a in (sample.image, sample.truth, sample.ignore)}
    if len(shapes) != 1 or image.ndim != 2 or image.dtype.kind not in "fiu":
        raise InputError(
            f"The sample {sample.origin.exposure} of {sample.origin.observation_set} is not an image with "
            "its truth and ignore masks of the same shape: correct what makes it."
        )
    side, border = options.side, options.border
    rows, columns = image.shape
    for row in range(border, rows - border - side + 1, side):
        for column in range(border, columns - border - side + 1, side):
            box = np.s_[row : row + side, column : column + side]
            truth = np.array(sample.truth[box], bool)
            yield clean_patch(image[box], truth, np.array(sample.ignore[box], bool), sample.sky)


def clean_patch(image, truth, ignore, sky):
    """Return a patch in the dtypes of `Patch`, without values that are not finite."""
    image = np.array(image, np.float32)
    bad = ~np.isfinite(image)
    if bad.any():
        # Ignored pixels weigh nothing, but nan times nothing is nan.
        image[bad], ignore = sky, ignore | bad
    return Patch(image, truth, ignore, float(sky))


@dataclass(frozen=True, eq=False)
class Split:
    """Numbers of the patches to train on and of those to validate with, ascending.

    Attributes
    ----------
    train, validation : ndarray of int
    by : str
        The column of the index whose values are never on both sides.
    """

    train: np.ndarray
    validation: np.ndarray
    by: str = "observation_set"


def split(patches, fraction=0.1, seed=0):
    """Split patches into those to train on and those to validate with.

    Parameters
    ----------
    patches : Patches
    fraction : float
        Share of the patches to validate with, as nearly as whole sets allow; at least
        one set on either side.
    seed : int
        The same patches and seed give the same split.

    Returns
    -------
    Split
        No observation set is on both sides: patches of one field look alike, so a
        network that knew one would be validated on what it knows.

    Raises
    ------
    InputError
        If there is one exposure only.
    ParameterError
        If the fraction is not between 0 and 1.

    Warns
    -----
    StepWarning
        If there is one observation set only, which is split by exposure then.
    """
    if not 0 < fraction < 1:
        raise ParameterError(f"fraction={fraction!r}: give a share between 0 and 1.")
    made = _split_by(patches.index, "observation_set", fraction, seed)
    if made is not None:
        return made
    made = _split_by(patches.index, "exposure", fraction, seed)
    if made is None:
        raise InputError(
            "All patches are of one exposure, so none can be kept for validation: add another exposure, "
            "better another observation set."
        )
    warnings.warn(
        "All patches are of one observation set: validation is with some of its exposures, which show the "
        "same field, so its figures are too good; add another observation set.",
        StepWarning,
        stacklevel=2,
    )
    return replace(made, by="exposure")


def _split_by(index, column, fraction, seed):
    """Whole groups to either side, drawn in random order as long as they bring the share nearer."""
    names, group, sizes = np.unique(np.asarray(index[column], str), return_inverse=True, return_counts=True)
    if len(names) < 2:
        return None
    target, total, chosen = fraction * len(index), 0, []
    for g in np.random.default_rng([seed, 1]).permutation(len(names)):
        if abs(total + sizes[g] - target) < abs(total - target) and len(chosen) < len(names) - 1:
            chosen.append(g)
            total += sizes[g]
    chosen = chosen or [int(np.argmin(sizes))]
    held = np.isin(group, chosen)
    return Split(np.flatnonzero(~held), np.flatnonzero(held))
