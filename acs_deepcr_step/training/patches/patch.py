"""Patches in memory: one patch, many by number, and how samples are cut into them."""

from dataclasses import dataclass

import numpy as np

from ...errors import InputError, ParameterError

__all__ = ["INDEX_COLUMNS", "Patch", "PatchOptions", "Patches", "clean_patch", "cut"]

# Columns of the index of patches, with their types.
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
    """How samples are cut into patches. The defaults are the paper's (section 2).

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
    """A square piece of an image with its truth.

    Attributes
    ----------
    image : ndarray, (S, S), float32
        Electrons, background included; finite.
    truth, ignore : ndarray, (S, S), bool
        Pixels hit by cosmic rays; pixels left out of loss and figures.
    sky : float
        Background level of the exposure, electrons.
    """

    image: np.ndarray
    truth: np.ndarray
    ignore: np.ndarray
    sky: float


class Patches:
    """Patches on disk, by number.

    Parameters
    ----------
    index : astropy.table.Table
        A row per patch with the columns of `INDEX_COLUMNS`.
    reader : callable
        Called with the number of a patch in the whole data set and its sky level; returns the `Patch`.
        Holds paths only, so that it can be sent to other processes.
    side : int
        Pixels.
    manifest : str
        SHA-256 that identifies the data set.
    rows : ndarray of int, optional
        Number of each patch in the whole data set; by default all in order.

    Notes
    -----
    Nothing is kept between two calls, so memory does not grow with the number of patches read.
    """

    def __init__(self, index, reader, side, manifest, rows=None):
        self.index, self.side, self.manifest = index, side, manifest
        self._reader = reader
        self._rows = np.arange(len(index)) if rows is None else rows
        self._sky = np.asarray(index["sky"], float)

    def __len__(self):
        return len(self.index)

    def __getitem__(self, number):
        """Return a `Patch` as a copy."""
        if not 0 <= number < len(self):
            raise IndexError(f"there are {len(self)} patches, not {number + 1}")
        return self._reader(int(self._rows[number]), float(self._sky[number]))

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
        selected = np.flatnonzero(names == filter)
        if not selected.size:
            known = ", ".join(sorted(set(names))) or "none"
            raise InputError(f"There are no patches of the filter {filter!r}: the filters are {known}.")
        return Patches(self.index[selected], self._reader, self.side, self.manifest, self._rows[selected])


def cut(sample, options):
    """Cut a sample into patches.

    Parameters
    ----------
    sample : Sample
    options : PatchOptions

    Yields
    ------
    Patch
        Row by row of the chip, without its border; incomplete patches at the far edges are dropped.
        Pixels that are not finite are set to the sky level and ignored.

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
            truth, ignore = np.array(sample.truth[box], bool), np.array(sample.ignore[box], bool)
            yield clean_patch(Patch(image[box], truth, ignore, float(sample.sky)), fill=sample.sky)


def clean_patch(patch, fill):
    """Return a patch without values that are not finite.

    Parameters
    ----------
    patch : Patch
        Its image may be of any numeric dtype.
    fill : float
        Value of pixels that are not finite; they are ignored.

    Returns
    -------
    Patch
        With a copy of the image, float32.
    """
    image, ignore = np.array(patch.image, np.float32), patch.ignore
    bad = ~np.isfinite(image)
    if bad.any():
        # Ignored pixels have the weight 0 in the loss, but 0 times nan is nan.
        image[bad], ignore = fill, ignore | bad
    return Patch(image, patch.truth, ignore, patch.sky)
