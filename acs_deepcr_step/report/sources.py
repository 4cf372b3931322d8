"""Star-like sources of a chip, found without asking the network. Arrays only."""

from dataclasses import dataclass

import numpy as np

__all__ = ["PEAK_SIGMA", "Sources", "star_like"]

# A point source lights up its neighbours on all sides; a cosmic ray does not. The limits were set on
# simulated chips of 500 to 1200 s in F435W, F606W and F814W: of 11,757 peaks of cosmic rays 15 pass, all of
# them in crowded or galaxy fields, and of 6,609 peaks of stars, blended ones included, 5,385.
PEAK_SIGMA = 20.0  # of the peak above its surroundings
_EDGE, _CORNER = 0.15, 0.05  # of the peak, in the faintest of the four nearest pixels, of the four next
_LARGEST_EDGE = 0.7  # of the peak, mean of the four nearest: more is no point source
_LARGEST_RING = 0.2  # of the peak, mean of the sixteen pixels around the 3x3
_HALF = 3  # of the 7x7 pixels that are looked at


@dataclass(frozen=True, eq=False)
class Sources:
    """Star-like sources, (K,) each.

    Attributes
    ----------
    row, column : ndarray, int
        Of the brightest pixel, from 0.
    height : ndarray, float32
        Electrons of that pixel above its surroundings.
    """

    row: np.ndarray
    column: np.ndarray
    height: np.ndarray

    def __len__(self):
        return self.row.size


def star_like(image, bad, sky, noise):
    """Find unsaturated star-like sources.

    Parameters
    ----------
    image : ndarray, (R, C), float32
        Electrons, sky included.
    bad : ndarray, (R, C), bool
        Bad and saturated pixels; a source with one within its 5x5 is left out.
    sky, noise : float
        Level and scatter of the empty sky, electrons.

    Returns
    -------
    Sources

    Notes
    -----
    A source is a pixel no fainter than its eight neighbours, `PEAK_SIGMA` above its
    surroundings (the median of the outermost pixels of the 7x7), such that each of
    the four nearest pixels holds more than 15 % of that height, each of the four
    diagonal ones more than 5 %, the four nearest 70 % in the mean at most, and the
    sixteen around them less than 20 % in the mean.
    """
    columns = image.shape[1]
    index = _peaks(image, sky + PEAK_SIGMA * noise)
    around = np.arange(-_HALF, _HALF + 1)
    offsets = around[:, None] * columns + around
    index = index[~bad.ravel()[index[:, None, None] + offsets[1:-1, 1:-1]].any(axis=(1, 2))]
    stamps = image.ravel()[index[:, None, None] + offsets]
    index, stamps = _finite(index, stamps)
    outermost = np.ones(offsets.shape, bool)
    outermost[1:-1, 1:-1] = False
    surroundings = np.median(stamps[:, outermost], axis=1)
    passed = _has_shape(stamps - surroundings[:, None, None])
    height = stamps[:, _HALF, _HALF] - surroundings
    scatter = np.sqrt(noise**2 + np.maximum(surroundings - sky, 0))
    passed &= height >= PEAK_SIGMA * scatter
    row, column = np.divmod(index[passed], columns)
    return Sources(row, column, height[passed].astype(np.float32))


def _peaks(image, limit):
    """Flat index of bright pixels no fainter than any neighbour, away from the frame's edge."""
    rows, columns = image.shape
    if min(rows, columns) <= 2 * _HALF:
        return np.zeros(0, np.intp)
    bright = image > limit
    bright[:_HALF] = bright[-_HALF:] = False
    bright[:, :_HALF] = bright[:, -_HALF:] = False
    index, flat = np.flatnonzero(bright), image.ravel()
    for step in (1, columns, columns + 1, columns - 1):
        index = index[(flat[index] >= flat[index + step]) & (flat[index] >= flat[index - step])]
    return index


def _finite(index, stamps):
    """Those stamps that hold numbers only."""
    whole = np.isfinite(stamps).all(axis=(1, 2))
    return index[whole], stamps[whole]


def _has_shape(stamps):
    """Which 7x7 stamps, less their surroundings, have the shape of a point source; (K,) bool."""
    m = _HALF
    height = stamps[:, m, m]
    share = stamps / np.where(height > 0, height, np.inf)[:, None, None]
    nearest = share[:, [m - 1, m + 1, m, m], [m, m, m - 1, m + 1]]
    corners = share[:, [m - 1, m - 1, m + 1, m + 1], [m - 1, m + 1, m - 1, m + 1]]
    ring = np.zeros(share.shape[1:], bool)
    ring[1:-1, 1:-1] = True
    ring[m - 1 : m + 2, m - 1 : m + 2] = False
    return (
        (nearest.min(axis=1) > _EDGE)
        & (nearest.mean(axis=1) < _LARGEST_EDGE)
        & (corners.min(axis=1) > _CORNER)
        & (share[:, ring].mean(axis=1) < _LARGEST_RING)
    )
