"""A patch, how samples are cut into patches, and many of them by number. No files."""

from dataclasses import dataclass

import numpy as np

from ..errors import InputError, ParameterError

__all__ = ["INDEX_COLUMNS", "Patch", "PatchOptions", "Patches", "clean_patch", "cut"]

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
