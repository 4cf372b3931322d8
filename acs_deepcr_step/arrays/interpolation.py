"""Interpolation at places between pixels."""

from typing import NamedTuple

import numpy as np

__all__ = ["Squares", "cubic", "filled", "squares"]


class Squares(NamedTuple):
    """The 2x2 pixels around places on a chip.

    Attributes
    ----------
    where : ndarray, (M,), int
        Those places whose 2x2 pixels are on the chip and good.
    corner : ndarray, (M,), int64
        Flat index of the lowest row and column of the 2x2.
    offset : ndarray, (2, M), float32
        Of the place from there, rows and columns, 0 to 1.
    """

    where: np.ndarray
    corner: np.ndarray
    offset: np.ndarray


def squares(y, x, bad):
    """Find the 2x2 pixels around places on a chip.

    Parameters
    ----------
    y, x : ndarray, (K,), float
        Places; nan for none.
    bad : ndarray, (R, C), bool
        Pixels of the chip that cannot be used.

    Returns
    -------
    Squares
    """
    rows, columns = bad.shape
    with np.errstate(invalid="ignore"):
        where = np.flatnonzero((y >= 0) & (x >= 0) & (y < rows - 1) & (x < columns - 1))
    iy, ix = y[where].astype(np.int64), x[where].astype(np.int64)
    corner = iy * columns + ix
    flat = bad.ravel()
    good = ~(flat[corner] | flat[corner + 1] | flat[corner + columns] | flat[corner + columns + 1])
    offset = np.stack([y[where] - iy, x[where] - ix]).astype(np.float32)
    return Squares(where[good], corner[good], offset[:, good])


def filled(image, unusable):
    """Give pixels that cannot be used the mean of those around that can, in place.

    Parameters
    ----------
    image : ndarray, (R, C), float32
    unusable : ndarray, (R, C), bool
        Where none of the eight around can be used either, 0 is written.
    """
    index = np.flatnonzero(unusable)
    values, fine = image.reshape(-1), ~unusable.reshape(-1)
    total, count = np.zeros(index.size, np.float32), np.zeros(index.size, np.float32)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            # At an edge this may be a pixel of another row; there no 4x4 pixels are asked for.
            at = (index + dy * image.shape[1] + dx).clip(0, values.size - 1)
            usable = fine[at]
            total += np.where(usable, values[at], 0)
            count += usable
    values[index] = total / np.maximum(count, 1)


def cubic(image, corner, offset):
    """Interpolate by cubic convolution over the 4x4 pixels around places.

    Parameters
    ----------
    image : ndarray, (R, C)
    corner, offset
        From `squares`.

    Returns
    -------
    value : ndarray, (M,), float32
    noise : ndarray, (M,), float32
        Variance of the value, of pixels of variance 1.
    good : ndarray, (M,), bool
        Where all 16 pixels are in the image.
    """
    rows, columns = image.shape
    iy, ix = np.divmod(corner, columns)
    good = (iy > 0) & (ix > 0) & (iy < rows - 2) & (ix < columns - 2)
    image = image.ravel()
    by_row, by_column = _weights(offset[0]), _weights(offset[1])
    value = np.zeros(corner.size, np.float32)
    for i in range(4):
        for j in range(4):
            at = np.where(good, corner + (i - 1) * columns + j - 1, 0)
            value += by_row[i] * by_column[j] * image[at]
    noise = sum(w * w for w in by_row) * sum(w * w for w in by_column)
    return value, noise, good


def _weights(t):
    """Of the four pixels along one axis (Keys 1981, a = -1/2)."""
    return (
        t * (t * (1 - t / 2) - 0.5),
        1 + t * t * (1.5 * t - 2.5),
        t * (0.5 + t * (2 - 1.5 * t)),
        t * t * (t - 1) / 2,
    )
