"""Star-like sources of a chip, found by their shape without the network; local maxima."""

from dataclasses import dataclass

import numpy as np

__all__ = ["PEAK_SIGMA", "Sources", "has_light_beside", "is_local_maximum", "star_like"]

# A point source lights up its neighbours on all sides; a cosmic ray does not. The limits were set on
# simulated chips of 500 to 1200 s in F435W, F606W and F814W: of 11,757 peaks of cosmic rays 15 pass, all of
# them in crowded or galaxy fields, and of 6,609 peaks of stars, blended ones included, 5,385.
PEAK_SIGMA = 20.0  # of the peak above its surroundings
# Shares of the peak:
_LEAST_NEAREST = 0.15  # in the faintest of the four nearest pixels
_LEAST_DIAGONAL = 0.05  # in the faintest of the four diagonal neighbours
_MOST_NEAREST = 0.7  # mean of the four nearest: more is no point source
_MOST_RING = 0.2  # mean of the sixteen pixels around the 3x3
_HALF = 3  # pixels on each side of the middle one: the 7x7 that are looked at


@dataclass(frozen=True, eq=False)
class Sources:
    """Star-like sources; each field has the shape (K,).

    Attributes
    ----------
    row, column : ndarray, int
        Of the brightest pixel, from 0.
    peak : ndarray, float32
        Electrons of that pixel above its surroundings.
    """

    row: np.ndarray
    column: np.ndarray
    peak: np.ndarray

    def __len__(self):
        return self.row.size


def star_like(image, bad, background):
    """Find unsaturated star-like sources.

    Parameters
    ----------
    image : ndarray, (R, C), float32
        Electrons, background included.
    bad : ndarray, (R, C), bool
        Bad and saturated pixels; a source with one within its 5x5 is left out.
    background : background.Background

    Returns
    -------
    Sources

    Notes
    -----
    A source is a pixel no fainter than its eight neighbours, `PEAK_SIGMA` above its
    surroundings (the median of the outermost pixels of the 7x7), such that each of
    the four nearest pixels holds more than 15 % of that peak, each of the four
    diagonal ones more than 5 %, the four nearest less than 70 % in the mean, and the
    sixteen around them less than 20 % in the mean.
    """
    columns = image.shape[1]
    index = _peaks(image, background.sigma_above(PEAK_SIGMA))
    around = np.arange(-_HALF, _HALF + 1)
    offsets = around[:, None] * columns + around
    index = index[~bad.ravel()[index[:, None, None] + offsets[1:-1, 1:-1]].any(axis=(1, 2))]
    cutouts = image.ravel()[index[:, None, None] + offsets]
    finite = np.isfinite(cutouts).all(axis=(1, 2))
    index, cutouts = index[finite], cutouts[finite]
    outermost = np.ones(offsets.shape, bool)
    outermost[1:-1, 1:-1] = False
    surroundings = np.median(cutouts[:, outermost], axis=1)
    star = _is_star_shaped(cutouts - surroundings[:, None, None])
    peak = cutouts[:, _HALF, _HALF] - surroundings
    rms = np.sqrt(background.rms**2 + np.maximum(surroundings - background.level, 0))
    star &= peak >= PEAK_SIGMA * rms
    row, column = np.divmod(index[star], columns)
    return Sources(row, column, peak[star].astype(np.float32))


def is_local_maximum(image, index, usable=None):
    """Return which pixels are no fainter than their eight neighbours.

    Parameters
    ----------
    image : ndarray, (R, C)
    index : ndarray, (K,), int
        Flat index of the pixels, none of which lies at the image's edge.
    usable : ndarray, (R, C), bool, optional
        Neighbours that are compared; default: all. A pixel with nan among these is no maximum.

    Returns
    -------
    ndarray, (K,), bool
    """
    columns, flat = image.shape[1], image.ravel()
    highest = np.ones(index.size, bool)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            neighbour = index + dy * columns + dx
            lower = flat[neighbour] <= flat[index]
            highest &= lower if usable is None else lower | ~usable.ravel()[neighbour]
    return highest


def has_light_beside(image, index, level=0.0, usable=None):
    """Return which peaks have light beside them, as a star has and a hot pixel has not.

    Parameters
    ----------
    image : ndarray, (R, C)
    index : ndarray, (K,), int
        Flat index of the peaks, none of which lies at the image's edge.
    level : float
        Of the background, in the unit of the image.
    usable : ndarray, (R, C), bool, optional
        Pixels that count; default: all.

    Returns
    -------
    ndarray, (K,), bool
        Whether the median of the 3x3 pixels stands above the level by a tenth of what the peak does.
    """
    columns, flat = image.shape[1], image.ravel()
    around = index + np.array([[dy * columns + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    if usable is None:
        middle = np.median(flat[around], axis=0)
    else:
        middle = np.nanmedian(np.where(usable.ravel()[around], flat[around], np.nan), axis=0)
    return middle > level + 0.1 * (flat[index] - level)


def _peaks(image, limit):
    """Return the flat index of local maxima above a limit, away from the image's edges."""
    rows, columns = image.shape
    if min(rows, columns) <= 2 * _HALF:
        return np.zeros(0, np.intp)
    bright = image > limit
    bright[:_HALF] = bright[-_HALF:] = False
    bright[:, :_HALF] = bright[:, -_HALF:] = False
    index = np.flatnonzero(bright)
    return index[is_local_maximum(image, index)]


def _is_star_shaped(cutouts):
    """Return which 7x7 cutouts, less their surroundings, have the shape of a point source; (K,) bool."""
    m = _HALF
    peak = cutouts[:, m, m]
    share = cutouts / np.where(peak > 0, peak, np.inf)[:, None, None]
    nearest = share[:, [m - 1, m + 1, m, m], [m, m, m - 1, m + 1]]
    diagonal = share[:, [m - 1, m - 1, m + 1, m + 1], [m - 1, m + 1, m - 1, m + 1]]
    ring = np.zeros(share.shape[1:], bool)
    ring[1:-1, 1:-1] = True
    ring[m - 1 : m + 2, m - 1 : m + 2] = False
    return (
        (nearest.min(axis=1) > _LEAST_NEAREST)
        & (nearest.mean(axis=1) < _MOST_NEAREST)
        & (diagonal.min(axis=1) > _LEAST_DIAGONAL)
        & (share[:, ring].mean(axis=1) < _MOST_RING)
    )
