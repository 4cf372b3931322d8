"""Groups of flagged pixels that touch: size, charge, shape, and which look like trails. Arrays only."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

__all__ = ["Groups", "Trail", "groups", "trails"]

_EIGHT = np.ones((3, 3), bool)

# Cosmic rays leave straight tracks too: of those that come isotropically the share that is longer than L
# pixels falls as 1/L^2, and in 500 s one in fifty chips has one of 250 pixels.
_TRAIL_LENGTH = 250.0  # pixels
_SMALL_CHIP = 0.6  # of the shorter side, where that is less
_SLENDER = 4.0  # length over width
_PIECE = 12.0  # pixels: a shorter group has no direction
_FEWEST_PIECES = 5
_ANGLE = np.radians(4.0)
_OFFSET, _OFFSET_GROWTH = 6.0, 0.02  # pixels beside the line, and more of them with distance


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of pixels that touch, corners included; (K,) each.

    Attributes
    ----------
    size : ndarray, int
        Pixels.
    charge : ndarray, float64
        Electrons above the sky.
    row, column : ndarray, float64
        Mean position, from 0.
    length, width : ndarray, float64
        Of a uniform bar of the same second moments, pixels.
    angle : ndarray, float64
        Of the longer side, radians from the rows (-pi/2 to pi/2).
    peak : ndarray, int
        Flat index of the brightest pixel.
    """

    size: np.ndarray
    charge: np.ndarray
    row: np.ndarray
    column: np.ndarray
    length: np.ndarray
    width: np.ndarray
    angle: np.ndarray
    peak: np.ndarray

    def __len__(self):
        return self.size.size


@dataclass(frozen=True)
class Trail:
    """Something long and straight in a mask.

    Attributes
    ----------
    start, end : tuple of float
        Row and column, from 0.
    pieces : int
        Groups that it is made of.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    pieces: int

    @property
    def length(self):
        """Pixels from end to end."""
        return float(np.hypot(self.end[0] - self.start[0], self.end[1] - self.start[1]))

    @property
    def along_column(self):
        """Whether it runs along a column, as charge that bleeds and bad columns do."""
        return abs(self.end[1] - self.start[1]) <= 2 + 0.01 * abs(self.end[0] - self.start[0])


def groups(pixels, image, sky):
    """Measure the groups of pixels that touch.

    Parameters
    ----------
    pixels : ndarray, (R, C), bool
    image : ndarray, (R, C), float32
        Electrons, sky included.
    sky : float

    Returns
    -------
    Groups
    """
    labels, count = ndimage.label(pixels, structure=_EIGHT)
    index = np.flatnonzero(pixels)
    label = labels.ravel()[index] - 1
    del labels
    flux = np.nan_to_num(image.ravel()[index].astype(np.float64) - sky)
    row, column = np.divmod(index, pixels.shape[1])
    size = np.bincount(label, minlength=count)

    def mean(values):
        return np.bincount(label, values, count) / size

    y, x = mean(row), mean(column)
    dy, dx = row - y[label], column - x[label]
    yy, xx, xy = mean(dy * dy), mean(dx * dx), mean(dx * dy)
    half, spread = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    order = np.lexsort((flux, label))  # the last of each label is its brightest
    return Groups(
        size=size,
        charge=np.bincount(label, flux, count),
        row=y,
        column=x,
        length=np.sqrt(12 * (half + spread) + 1),
        width=np.sqrt(12 * np.maximum(half - spread, 0) + 1),
        angle=0.5 * np.arctan2(2 * xy, xx - yy),
        peak=index[order[np.cumsum(size) - 1]],
    )


def trails(found, shape):
    """Find long straight groups, and slender groups that lie on one line.

    Parameters
    ----------
    found : Groups
    shape : tuple of int
        Rows and columns of the chip.

    Returns
    -------
    list of Trail
        The longest first.
    """
    least = min(_TRAIL_LENGTH, _SMALL_CHIP * min(shape))
    slender = np.flatnonzero((found.length >= _PIECE) & (found.length >= _SLENDER * found.width))
    left = slender[np.argsort(found.length[slender])[::-1]]
    result = []
    while left.size:
        first = left[0]
        members = left[_on_line(found, first, left)]
        whole = _trail(found, first, members)
        if whole.length >= least and members.size >= _FEWEST_PIECES:
            result.append(whole)
            left = left[~np.isin(left, members)]
            continue
        if found.length[first] >= least:
            result.append(_trail(found, first, left[:1]))
        left = left[1:]
    return sorted(result, key=lambda trail: trail.length, reverse=True)


def _on_line(found, first, others):
    """Which of other groups lie along the line through one; (K,) bool, the one itself among them."""
    cosine, sine = np.cos(found.angle[first]), np.sin(found.angle[first])
    dx, dy = found.column[others] - found.column[first], found.row[others] - found.row[first]
    along, beside = dx * cosine + dy * sine, np.abs(dy * cosine - dx * sine)
    turn = np.abs((found.angle[others] - found.angle[first] + np.pi / 2) % np.pi - np.pi / 2)
    return (turn < _ANGLE) & (beside < _OFFSET + _OFFSET_GROWTH * np.abs(along))


def _trail(found, first, members):
    cosine, sine = np.cos(found.angle[first]), np.sin(found.angle[first])
    along = (found.column[members] - found.column[first]) * cosine
    along += (found.row[members] - found.row[first]) * sine
    half = found.length[members] / 2
    ends = (along - half).min(), (along + half).max()
    start, end = ((float(found.row[first] + t * sine), float(found.column[first] + t * cosine)) for t in ends)
    return Trail(start, end, int(members.size))
