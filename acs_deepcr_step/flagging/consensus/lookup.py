"""What another exposure shows at the candidates.

The network sees a single exposure. The others of the same field, with cosmic rays of their own,
tell whether a source is at a place. Their stars are taken out before they are interpolated
(`starfit`).
"""

from dataclasses import dataclass, fields, replace

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from ...arrays.interpolation import cubic, filled, squares
from ...arrays.probabilities import SCALE
from .chip_map import ChipMap
from .field_chip import FieldChip
from .starfit import PEAK_SIGMA
from .stars import Followed

__all__ = ["Shown", "look_up"]

_AT_A_TIME = 200_000  # candidates: what is computed of them takes memory
SUSPECT = 0.5  # probability above which what another exposure shows is taken for its own cosmic ray
_CURVED_SIGMA = 8.0  # a source so bright is interpolated by cubic convolution,
_CURVED_LEFT = 1.0  # if so many sigma are left of it without the modelled stars (the range of 2x2 pixels)
_SHAPE = 0.05  # error of interpolation, of the range of what is left without the modelled stars
# Of the peak of a source too faint to be modelled, between pixels a straight line loses so much.
_FAINT_SIGMA, _FAINT_LOSS = 3.0, 0.3


@dataclass(frozen=True, eq=False)
class Shown:
    """What another exposure shows at the candidates, in electrons of theirs; (K,) each.

    Attributes
    ----------
    value : ndarray, float32
        What a source there would give here, above the background; nan where the exposure says nothing.
    variance : ndarray, float32
        Of `value`: noise, photons, interpolation, and a place that may be a cosmic ray's.
    photons : ndarray, float32
        By what the variance grows with each electron of the value.
    high : ndarray, float32
        Highest of the 2x2 pixels around the place.
    spread : ndarray, float32
        Range of the 2x2 pixels: what a pixel of misalignment may change.
    saturated : ndarray, bool
        Whether one of the 2x2 pixels is.
    near : ndarray, bool
        Whether one within 7x7 is.
    """

    value: np.ndarray
    variance: np.ndarray
    photons: np.ndarray
    high: np.ndarray
    spread: np.ndarray
    saturated: np.ndarray
    near: np.ndarray

    @classmethod
    def nothing(cls, size):
        """Return what an exposure shows that does not see so many candidates."""
        return cls(*np.full((5, size), np.nan, np.float32), *np.zeros((2, size), bool))

    @property
    def known(self):
        """Where the exposure says something."""
        return np.isfinite(self.value)

    def part(self, chosen):
        """Return what it shows at some of the candidates."""
        return Shown(*(getattr(self, one.name)[chosen] for one in fields(self)))

    def put(self, where, seen):
        """Put in what a chip shows of some candidates."""
        for one in fields(self):
            getattr(self, one.name)[where] = getattr(seen, one.name)

    def scaled(self, factor):
        """Return the same in other electrons."""
        scaled = {name: getattr(self, name) * factor for name in ("value", "photons", "high", "spread")}
        return replace(self, variance=self.variance * factor**2, **scaled)


def look_up(found, chip, other, pointing, shown):
    """Look up candidates on one chip of another exposure.

    Parameters
    ----------
    found : candidates.Candidates
    chip : field_chip.FieldChip
        The chip that they are of.
    other : field_chip.FieldChip
    pointing : pointing.Pointing
        Of the other exposure.
    shown : Shown
        Gets what the other chip shows, where it sees anything.

    Returns
    -------
    places : ndarray, (2, K)
        Of the other chip's stars on this one, nan where they are off it.
    peaks : ndarray, (K,)
        What these stars should have here, electrons.
    """
    shift, scale = pointing.shift, np.float32(chip.exptime / other.exptime)
    here = ChipMap(chip.wcs, found.shape, other.wcs, other.net.shape)
    stars = Followed(other.stars, other.stars)
    if other.stars.y.size:
        there = ChipMap(other.wcs, other.net.shape, chip.wcs, found.shape)
        stars = other.stars.through(lambda y, x: there(y - shift[0], x - shift[1]))
    if here.overlaps:
        seen = _SeenWithin(other, pointing.reach) if pointing.reach else _Seen.of(other, found, stars)
        for first in range(0, found.index.size, _AT_A_TIME):
            some = slice(first, first + _AT_A_TIME)
            y, x = here(*found.part(some).places)
            places = squares(y + shift[0], x + shift[1], other.bad)
            shown.put(first + places.where, seen.at(places, first).scaled(scale))
    return np.stack([stars.there.y, stars.there.x]), scale * stars.there.peak


def _unusable(chip):
    """Return the pixels of a chip that do not show the sky."""
    return chip.bad | chip.saturated | (chip.scaled_probability > SUSPECT * SCALE)


class _SeenWithin:
    """What a chip shows at places that are known to some pixels only: anything around may be meant."""

    def __init__(self, other, reach):
        self._other = other
        rest = other.net.copy()
        filled(rest, _unusable(other))
        self._high, self._low = (
            of(rest, 2 * reach + 2, origin=-1).ravel() for of in (maximum_filter, minimum_filter)
        )

    def at(self, places, _first):
        """Return what places show, as `Shown` in electrons of that chip."""
        other, corner = self._other, places.corner
        high, low = self._high[corner], self._low[corner]
        value, rms = (high + low) / 2, other.background.rms_at(*np.divmod(corner, other.net.shape[1]))
        near = other.near_saturated.ravel()[corner]
        variance = rms**2 + (high - low) ** 2 / 12  # as of any value between the two
        return Shown(value, variance, np.ones_like(value), high, high - low, near, near)


@dataclass(frozen=True, eq=False)
class _Seen:
    """What a chip shows, interpolated.

    Attributes
    ----------
    other : field_chip.FieldChip
    rest : ndarray, (R, C), float32
        The chip without stars and cosmic rays.
    light : ndarray, (K,), float32
        Of its stars, at all candidates.
    """

    other: FieldChip
    rest: np.ndarray
    light: np.ndarray

    @classmethod
    def of(cls, other, found, stars):
        """Take the stars out of a chip, and draw them where the candidates are."""
        # A star off the target chip is left to interpolation, on both.
        drawn = np.zeros(found.shape, np.float32)
        stars.there.add_to(drawn)
        light = drawn.ravel()[found.index]
        del drawn
        rest = other.net.copy()
        stars.here.add_to(rest, -1)
        filled(rest, _unusable(other))
        return cls(other, rest, light)

    def at(self, places, first):
        """Return what places of the candidates from `first` on show, as `Shown` in electrons of the chip."""
        other, corner, (fy, fx) = self.other, places.corner, places.offset
        columns = other.net.shape[1]
        rms = other.background.rms_at(*np.divmod(corner, columns))
        four = corner + np.array([[0], [1], [columns], [columns + 1]])
        weights = np.stack([(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx])
        pixels, smooth = (image.ravel()[four] for image in (other.net, self.rest))
        high = pixels.max(axis=0)
        value, noise, error = self._interpolated(places, smooth, weights, high, rms)
        value += self.light[first + places.where]
        variance = noise * (rms**2 + np.maximum(value, 0)) + error**2
        suspect = np.flatnonzero((other.scaled_probability.ravel()[four] > SUSPECT * SCALE).any(axis=0))
        variance[suspect] += (high[suspect] - value[suspect]) ** 2
        near = other.near_saturated.ravel()[corner]
        saturated = near.copy()
        saturated[near] = other.saturated.ravel()[four[:, near]].any(axis=0)
        return Shown(value, variance, noise, high, high - pixels.min(axis=0), saturated, near)

    def _interpolated(self, places, smooth, weights, high, rms):
        """Return value, variance for pixels of variance 1, and error of the interpolation."""
        value, noise = (weights * smooth).sum(axis=0), (weights**2).sum(axis=0)
        left = np.ptp(smooth, axis=0)
        peak = smooth.max(axis=0)
        faint = (peak > _FAINT_SIGMA * rms) & (peak < PEAK_SIGMA * rms)
        error = np.maximum(_SHAPE * left, np.where(faint, np.float32(_FAINT_LOSS) * peak, 0))
        # On a source a straight line between pixels is too coarse; on the background it is less noisy.
        curves = np.flatnonzero((high > _CURVED_SIGMA * rms) & (left > _CURVED_LEFT * np.sqrt(rms**2 + high)))
        if curves.size:
            curved, noise[curves], good = cubic(self.rest, places.corner[curves], places.offset[:, curves])
            error[curves[~good]] = 0.5 * left[curves[~good]]
            curves, curved = curves[good], curved[good]
            error[curves] = np.maximum(np.abs(curved - value[curves]), _SHAPE * left[curves])
            value[curves] = curved
        return value, noise, error
