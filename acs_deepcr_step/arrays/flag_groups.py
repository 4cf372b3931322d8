"""Groups of flagged pixels that touch: size, charge, shape, and which look like trails."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .morphology import EIGHT

__all__ = ["Groups", "Position", "Trail", "find_trails", "measure_groups"]

# Cosmic rays leave straight tracks too: of those that come isotropically the share that is longer than L
# pixels falls as 1/L^2, and in 500 s one in fifty chips has one of 250 pixels.
_TRAIL_LENGTH = 250.0  # pixels
_TRAIL_SHARE = 0.6  # of the chip's shorter side: the limit on a small chip
_SLENDER = 4.0  # length over width
_PIECE_LENGTH = 12.0  # pixels: the direction of a shorter group is not known
_FEWEST_PIECES = 5
_LARGEST_ANGLE = np.radians(4.0)  # between a piece and the line
_LARGEST_OFFSET, _OFFSET_PER_PIXEL = 6.0, 0.02  # pixels beside the line, and more with distance along it


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of pixels that touch, corners included; each field has the shape (K,).

    Attributes
    ----------
    size : ndarray, int
        Number of pixels.
    charge : ndarray, float64
        Electrons above the background.
    row, column : ndarray, float64
        Mean position, from 0.
    length, width : ndarray, float64
        Of a uniform bar of the same second moments, pixels.
    angle : ndarray, float64
        Of the longer side, radians from the rows (-pi/2 to pi/2).
    brightest : ndarray, int
        Flat index of the brightest pixel.
    """

    size: np.ndarray
    charge: np.ndarray
    row: np.ndarray
    column: np.ndarray
    length: np.ndarray
    width: np.ndarray
    angle: np.ndarray
    brightest: np.ndarray

    def __len__(self):
        return self.size.size


@dataclass(frozen=True)
class Position:
    """A place on a chip.

    Attributes
    ----------
    row, column : float
        Pixels, from 0.
    """

    row: float
    column: float


@dataclass(frozen=True)
class Trail:
    """Something long and straight in a mask.

    Attributes
    ----------
    start, end : Position
    pieces : int
        Number of groups that it is made of.
    """

    start: Position
    end: Position
    pieces: int

    @property
    def length(self):
        """Pixels from end to end."""
        return float(np.hypot(self.end.row - self.start.row, self.end.column - self.start.column))

    @property
    def along_column(self):
        """Whether it runs along a column, as bleeding charge and bad columns do."""
        columns, rows = abs(self.end.column - self.start.column), abs(self.end.row - self.start.row)
        return columns <= 2 + 0.01 * rows


def measure_groups(mask, image, level):
    """Measure the groups of pixels that touch in a mask.

    Parameters
    ----------
    mask : ndarray, (R, C), bool
    image : ndarray, (R, C), float32
        Electrons, background included.
    level : float
        Of the background, electrons per pixel.

    Returns
    -------
    Groups
    """
    labels, count = ndimage.label(mask, structure=EIGHT)
    index = np.flatnonzero(mask)
    label = labels.ravel()[index] - 1
    del labels
    flux = np.nan_to_num(image.ravel()[index].astype(np.float64) - level)
    row, column = np.divmod(index, mask.shape[1])
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
        brightest=index[order[np.cumsum(size) - 1]],
    )


def find_trails(groups, shape):
    """Find long straight groups, and slender groups that lie on one line.

    Parameters
    ----------
    groups : Groups
    shape : tuple of int
        Rows and columns of the chip.

    Returns
    -------
    list of Trail
        The longest first.
    """
    shortest = min(_TRAIL_LENGTH, _TRAIL_SHARE * min(shape))
    slender = np.flatnonzero((groups.length >= _PIECE_LENGTH) & (groups.length >= _SLENDER * groups.width))
    left = slender[np.argsort(groups.length[slender])[::-1]]
    trails = []
    while left.size:
        first = left[0]
        members = left[_on_line(groups, first, left)]
        trail = _trail(groups, first, members)
        if trail.length >= shortest and members.size >= _FEWEST_PIECES:
            trails.append(trail)
            left = left[~np.isin(left, members)]
            continue
        if groups.length[first] >= shortest:
            trails.append(_trail(groups, first, left[:1]))
        left = left[1:]
    return sorted(trails, key=lambda trail: trail.length, reverse=True)


def _on_line(groups, first, others):
    """Return which of `others` lie along the line through the group `first`; (K,) bool."""
    cosine, sine = np.cos(groups.angle[first]), np.sin(groups.angle[first])
    dx, dy = groups.column[others] - groups.column[first], groups.row[others] - groups.row[first]
    along, beside = dx * cosine + dy * sine, np.abs(dy * cosine - dx * sine)
    turn = np.abs((groups.angle[others] - groups.angle[first] + np.pi / 2) % np.pi - np.pi / 2)
    return (turn < _LARGEST_ANGLE) & (beside < _LARGEST_OFFSET + _OFFSET_PER_PIXEL * np.abs(along))


def _trail(groups, first, members):
    """Return the line through the group `first`, from end to end of the `members` that lie on it."""
    cosine, sine = np.cos(groups.angle[first]), np.sin(groups.angle[first])
    along = (groups.column[members] - groups.column[first]) * cosine
    along += (groups.row[members] - groups.row[first]) * sine
    half = groups.length[members] / 2

    def position(distance):
        row = groups.row[first] + distance * sine
        return Position(float(row), float(groups.column[first] + distance * cosine))

    return Trail(position((along - half).min()), position((along + half).max()), int(members.size))
