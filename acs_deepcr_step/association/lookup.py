"""What another exposure shows at the pixels in doubt. Arrays and WCS only.

The network sees a single exposure. The others of the same field, with cosmic rays
of their own, tell whether a source is at a place. So the pixels in doubt
(`candidates`) are looked up in each other exposure (`look_up`), the stars of which
are taken out before it is interpolated.
"""

from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np

from .. import detect, flags
from ..pixels import cubic, filled, square
from .mapping import ChipMap
from .stars import Stars

__all__ = ["Candidates", "Evidence", "Member", "candidates", "look_up"]

_UNIT = np.float32(flags.STORED_UNIT)


@dataclass(frozen=True, eq=False)
class Member:
    """One chip of one exposure.

    Attributes
    ----------
    wcs : astropy.wcs.WCS
        With all its distortion.
    exptime : float
        Seconds.
    image : ndarray, (R, C), float32
        Electrons, sky included.
    stored : ndarray, (R, C), int16
        10,000 times the probability of a cosmic ray.
    saturated : ndarray, (R, C), bool
    bad : ndarray, (R, C), bool
        Pixels that say nothing of the sky: lost, bad, filled, not finite.
    sky, noise : float
        Level and scatter of the empty sky, electrons per pixel.
    stars : stars.Stars
        Those that interpolation would not meet.
    """

    wcs: object
    exptime: float
    image: np.ndarray = field(repr=False)
    stored: np.ndarray = field(repr=False)
    saturated: np.ndarray = field(repr=False)
    bad: np.ndarray = field(repr=False)
    sky: float
    noise: float
    stars: Stars = field(default_factory=Stars.none, repr=False)

    @cached_property
    def near_saturated(self):
        """Pixels within 7x7 of a saturated one, (R, C) bool."""
        return detect.dilate(self.saturated, detect.GUARD_SIDE // 2)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Pixels in doubt of one chip.

    Attributes
    ----------
    index : ndarray, (K,), int64
        Places in the flat image, rising.
    flux : ndarray, (K,), float32
        Electrons above the sky.
    p : ndarray, (K,), float32
        Probability.
    shape : tuple of int
        Of the chip.
    beside : ndarray, (4, K), float32, optional
        Electrons above the sky of the pixels above, left, right and below.
    """

    index: np.ndarray
    flux: np.ndarray
    p: np.ndarray
    shape: tuple[int, int]
    beside: np.ndarray | None = None

    @property
    def places(self):
        """Rows and columns, two (K,) arrays."""
        return np.divmod(self.index, self.shape[1])

    def part(self, chosen):
        """Return some of the candidates (by slice or index)."""
        return Candidates(self.index[chosen], self.flux[chosen], self.p[chosen], self.shape)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What another exposure shows at the candidates, in electrons of theirs; (K,) float32 each.

    Attributes
    ----------
    value : ndarray
        What a source there would give here; nan where the exposure says nothing.
    high : ndarray
        Highest of the 2x2 pixels around the place.
    variance : ndarray
        Of `value`: noise, and how far an interpolation can be trusted.
    p : ndarray
        Highest probability of a cosmic ray among the 2x2 pixels.
    saturated : ndarray, bool
        Whether one of the 2x2 pixels is.
    near : ndarray, bool
        Whether one of the pixels around is.
    spread : ndarray
        Range of the 2x2 pixels: what a pixel of misalignment may change.
    """

    value: np.ndarray
    high: np.ndarray
    variance: np.ndarray
    p: np.ndarray
    saturated: np.ndarray
    near: np.ndarray
    spread: np.ndarray

    def part(self, chosen):
        """Return what it shows at some of the candidates."""
        return Evidence(*(getattr(self, one.name)[chosen] for one in fields(self)))


def candidates(member, rules):
    """Find the pixels of a chip that the others are asked about.

    Parameters
    ----------
    member : Member
    rules : rules.Rules

    Returns
    -------
    Candidates
    """
    chosen = detect.dilate(member.stored > rules.neighbour * _UNIT, 1)
    chosen &= member.image > member.sky + rules.neighbour_sigma * member.noise
    chosen |= member.stored > rules.candidate * _UNIT
    chosen |= member.image > member.sky + rules.bright * member.noise
    chosen |= member.saturated
    index = np.flatnonzero(chosen)
    shape, image = member.image.shape, member.image.ravel()
    flux = image[index].astype(np.float32) - np.float32(member.sky)
    around = index + np.array([[-shape[1]], [-1], [1], [shape[1]]])
    beside = image[around.clip(0, image.size - 1)].astype(np.float32) - np.float32(member.sky)
    return Candidates(index, flux, member.stored.ravel()[index] / _UNIT, shape, beside)


def look_up(found, member, others, rules, shift=(0.0, 0.0)):
    """Ask the chips of another exposure about candidates.

    Parameters
    ----------
    found : Candidates
    member : Member
        The chip that they are of.
    others : iterable of Member
        The chips of one other exposure; one at a time is held.
    rules : rules.Rules
    shift : tuple of float
        Rows and columns by which its stars lie off their places.

    Returns
    -------
    Evidence
    """
    size = found.index.size
    value, high, variance, spread = (np.full(size, np.nan, np.float32) for _ in range(4))
    p, (saturated, near) = np.zeros(size, np.float32), np.zeros((2, size), bool)
    for other in others:
        way = ChipMap(member.wcs, found.shape, other.wcs, other.image.shape)
        y, x = way(*found.places)
        where, corner, offset = square(y + shift[0], x + shift[1], other)
        if not where.size:
            continue
        rest, light = _without_stars(found, member, other, shift, rules.suspect)
        scale = np.float32(member.exptime / other.exptime)
        seen = _seen(other, rest, (corner, offset, light[where]), scale, rules)
        value[where], high[where], variance[where], p[where], saturated[where], spread[where] = seen
        near[where] = other.near_saturated.ravel()[corner]
        del other, rest, light  # before the next one is read
    return Evidence(value, high, variance, p, saturated, near, spread)


def _without_stars(found, member, other, shift, suspect):
    """The other chip without sky, stars and cosmic rays, and the light of its stars at the candidates."""
    rest = other.image - np.float32(other.sky)
    light = np.zeros(found.index.size, np.float32)
    if other.stars.y.size:
        way = ChipMap(other.wcs, other.image.shape, member.wcs, found.shape)
        # A star off the target chip is left to interpolation, on both.
        stars, there = other.stars.through(lambda y, x: way(y - shift[0], x - shift[1]))
        stars.add_to(rest, -1)
        shown = np.zeros(found.shape, np.float32)
        there.add_to(shown)
        light = shown.ravel()[found.index]
    filled(rest, other.bad | other.saturated | (other.stored > suspect * _UNIT))
    return rest, light


def _seen(other, rest, places, scale, rules):
    """Value, high, variance, p, saturation and spread at places of one chip."""
    corner, offset, light = places
    columns = other.image.shape[1]
    four = corner + np.array([[0], [1], [columns], [columns + 1]])
    (fy, fx) = offset
    weights = np.stack([(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx])
    pixels = other.image.ravel()[four].astype(np.float32) - np.float32(other.sky)
    high = pixels.max(axis=0)
    spread = high - pixels.min(axis=0)
    smooth = rest.ravel()[four]
    value = (weights * smooth).sum(axis=0)
    p = other.stored.ravel()[four].max(axis=0) / _UNIT
    # On a source a straight line between pixels is too coarse; on the sky it is less noisy.
    bend = np.zeros_like(value)
    curves = np.flatnonzero(high > 8 * np.float32(other.noise))
    bend[curves] = 0.5 * np.ptp(smooth[:, curves], axis=0)
    if curves.size:
        curved, good = cubic(rest, corner[curves], offset[:, curves])
        curves, curved = curves[good], curved[good]
        # Where stars are modelled badly, as two that nearly touch, both may be wrong alike.
        least = rules.rough * np.ptp(smooth[:, curves], axis=0)
        bend[curves] = np.maximum(np.abs(curved - value[curves]), least)
        value[curves] = curved
    value += light
    poisson = np.maximum(value, 0) * 0.5
    variance = (weights**2).sum(axis=0) * np.float32(other.noise**2) + poisson
    sharp = 0.0 if other.stars.y.size else rules.sharp
    variance += (rules.bend * bend) ** 2 + (rules.slope * spread) ** 2 + (sharp * high) ** 2
    saturated = other.saturated.ravel()[four].any(axis=0)
    return value * scale, high * scale, variance * scale**2, p, saturated, spread * scale
