"""Stars of a chip, and their light. Arrays only."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np

__all__ = ["REACH", "STEP", "Followed", "Stars", "Windows", "gaussian", "light", "slopes", "windows"]

REACH = 10  # pixels to which the brightest stars are modelled
STEP = 0.02  # pixels between tabulated radii
_FADE = 2.0  # pixels before a star's reach over which its light fades out
_AT_A_TIME = 4000  # stars
_SQUARE = 0.002  # square pixels between the tabulated squares of distances


@dataclass(frozen=True, eq=False)
class Stars:
    """Stars of a chip.

    Attributes
    ----------
    y, x : ndarray, (K,)
        Places, pixels.
    peak : ndarray, (K,)
        Electrons of the profile's centre.
    reach : ndarray, (K,), int
        Pixels to which each is modelled.
    profile : ndarray
        Light at the radii 0, 0.02, ..., `REACH` pixels; 1 at the centre.
    """

    y: np.ndarray
    x: np.ndarray
    peak: np.ndarray
    reach: np.ndarray
    profile: np.ndarray = field(repr=False)

    @property
    def columns(self):
        """Places, peaks and reaches."""
        return self.y, self.x, self.peak, self.reach

    @classmethod
    def none(cls):
        """Return no stars."""
        return cls(*np.zeros((3, 0)), np.zeros(0, int), gaussian())

    def through(self, to_other):
        """Follow the stars to another chip.

        Parameters
        ----------
        to_other : callable
            From rows and columns here to those there, nan where they are off.

        Returns
        -------
        Followed
            Those that are on both. After flat-fielding a star has fewer electrons
            where pixels cover more sky.
        """
        y, x = to_other(self.y, self.x)
        rows, columns = (
            np.array(to_other(self.y + dy, self.x + dx)) - (y, x) for dy, dx in ((1, 0), (0, 1))
        )
        area = np.abs(rows[0] * columns[1] - rows[1] * columns[0])
        on = np.isfinite(y) & np.isfinite(x)
        area = np.where(np.isfinite(area), area, 1.0)
        here, there = (
            Stars(*(each[on] for each in one), self.profile)
            for one in (
                (self.y, self.x, self.peak, self.reach),
                (y, x, self.peak * area, self.reach),
            )
        )
        return Followed(here, there)

    def add_to(self, image, factor=1.0):
        """Add the light of all stars, times a factor, to an image in place; (R, C) float32, electrons."""
        flat = image.reshape(-1)
        for reach in np.unique(self.reach):
            which = np.flatnonzero(self.reach == reach)
            for first in range(0, which.size, _AT_A_TIME):
                some = which[first : first + _AT_A_TIME]
                at, inside, dy, dx = windows(self.y[some], self.x[some], reach, image.shape)
                electrons = light(self.profile, dy, dx, reach)
                electrons *= (factor * self.peak[some]).astype(np.float32)[:, None, None]
                electrons[~inside] = 0
                np.add.at(flat, at.ravel(), electrons.ravel())


class Followed(NamedTuple):
    """The same stars on two chips."""

    here: Stars
    there: Stars


def gaussian(width=0.95):
    """Return the profile of a Gaussian of this width (rms, pixels), as of `Stars`."""
    radii = np.arange(0, REACH + STEP / 2, STEP)
    return np.exp(-(radii**2) / (2 * width**2))


class Windows(NamedTuple):
    """Pixels around K places; (K, n, n) each.

    Attributes
    ----------
    at : ndarray, int
        Flat index; of pixels that are not on the chip, of another one.
    inside : ndarray, bool
        Whether they are on the chip.
    dy, dx : ndarray, float
        Offsets from the place.
    """

    at: np.ndarray
    inside: np.ndarray
    dy: np.ndarray
    dx: np.ndarray


def windows(y, x, reach, shape):
    """Return the `Windows` of (2 reach + 1) squared pixels around places on a chip of some shape."""
    steps = np.arange(-reach, reach + 1)
    iy, ix = np.rint(y).astype(int), np.rint(x).astype(int)
    rows, columns = iy[:, None] + steps, ix[:, None] + steps
    inside = ((rows >= 0) & (rows < shape[0]))[:, :, None] & ((columns >= 0) & (columns < shape[1]))[:, None]
    at = rows.clip(0, shape[0] - 1)[:, :, None] * shape[1] + columns.clip(0, shape[1] - 1)[:, None]
    dy, dx = ((all_ - one[:, None]).astype(np.float32) for all_, one in ((rows, y), (columns, x)))
    return Windows(at, inside, *np.broadcast_arrays(dy[:, :, None], dx[:, None]))


def light(profile, dy, dx, reach):
    """Return the profile at offsets, float32; it fades out before `reach` pixels, so that no step is left."""
    table = _by_square(profile.tobytes(), int(reach)).light
    return table[_place(dy, dx, table.size)]


def slopes(profile, dy, dx):
    """Return derivatives of the profile by the star's row and column, float32."""
    table = _by_square(profile.tobytes(), REACH).slope
    steep = table[_place(dy, dx, table.size)]
    return steep * dy, steep * dx


def _place(dy, dx, size):
    """Places in a table of squares of distances; beyond its end, the last."""
    return np.minimum((dy * dy + dx * dx) * np.float32(1 / _SQUARE), size - 1).astype(np.int32)


class _BySquare(NamedTuple):
    """A profile by the square of the distance, to which no root has to be taken.

    Attributes
    ----------
    light : ndarray, float32
        0 at the end.
    slope : ndarray, float32
        By the square, twice, and negative.
    """

    light: np.ndarray
    slope: np.ndarray


@lru_cache(maxsize=64)
def _by_square(profile, reach):
    profile = np.frombuffer(profile)
    squares = np.arange(0, (reach + 1) ** 2, _SQUARE) + _SQUARE / 2
    radius = np.sqrt(squares)
    values = np.interp(radius, STEP * np.arange(profile.size), profile)
    slope = -2 * np.gradient(values, _SQUARE)
    faded = values * np.clip((reach - radius) / _FADE, 0, 1)
    return _BySquare(faded.astype(np.float32), slope.astype(np.float32))
