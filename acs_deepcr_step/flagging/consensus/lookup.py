"""What another exposure shows at the candidates: the pixels that may be cosmic rays.

The network sees a single exposure. The others of the same field, with cosmic rays of their own,
tell whether a source is at a place. So the `candidates` of a chip are looked up in each other
exposure (`look_up`), the stars of which are taken out before it is interpolated.
"""

from dataclasses import dataclass, fields

import numpy as np

from ...arrays.interpolation import cubic, filled, squares
from ...arrays.morphology import dilate
from ...arrays.probabilities import SCALE
from .chip_map import ChipMap

__all__ = ["Candidates", "Evidence", "Misalignment", "candidates", "look_up"]

_SCALE = np.float32(SCALE)


@dataclass(frozen=True)
class Misalignment:
    """How far another exposure lies off where the WCS puts it.

    Attributes
    ----------
    slope : float
        Pixels that its error allows for.
    shift : tuple of float
        Rows and columns by which its stars lie off their places.
    """

    slope: float = 0.003
    shift: tuple[float, float] = (0.0, 0.0)


_ALIGNED = Misalignment()


@dataclass(frozen=True, eq=False)
class Candidates:
    """Pixels of one chip that may be cosmic rays.

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
    full : ndarray, (K,), bool
        Whether the pixel is a full well.
    beside : ndarray, (4, K), float32, optional
        Electrons above the sky of the pixels above, left, right and below.
    """

    index: np.ndarray
    flux: np.ndarray
    p: np.ndarray
    shape: tuple[int, int]
    full: np.ndarray
    beside: np.ndarray | None = None

    @property
    def places(self):
        """Rows and columns, two (K,) arrays."""
        return np.divmod(self.index, self.shape[1])

    def part(self, chosen):
        """Return some of the candidates (by slice or index)."""
        return Candidates(
            self.index[chosen], self.flux[chosen], self.p[chosen], self.shape, self.full[chosen]
        )


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

    @classmethod
    def none(cls, size):
        """Return the evidence of an exposure that says nothing of so many candidates."""
        unknown = (np.full(size, np.nan, np.float32) for _ in range(4))
        value, high, variance, spread = unknown
        saturated, near = np.zeros((2, size), bool)
        return cls(value, high, variance, np.zeros(size, np.float32), saturated, near, spread)

    def put(self, where, seen, scale):
        """Put in what a chip shows of some candidates.

        Parameters
        ----------
        where : ndarray of int
            Which candidates.
        seen : Evidence
            Of these, in electrons of the chip.
        scale : float
            Electrons of theirs for one of the chip.
        """
        for name in ("value", "high", "spread"):
            getattr(self, name)[where] = getattr(seen, name) * scale
        self.variance[where] = seen.variance * scale**2
        for name in ("p", "saturated", "near"):
            getattr(self, name)[where] = getattr(seen, name)

    def part(self, chosen):
        """Return what it shows at some of the candidates."""
        return Evidence(*(getattr(self, one.name)[chosen] for one in fields(self)))


def candidates(chip, rules, threshold):
    """Find the pixels of a chip at which the other exposures are looked up.

    Parameters
    ----------
    chip : field_chip.FieldChip
    rules : rules.Rules
    threshold : float
        Probability above which pixels are flagged.

    Returns
    -------
    Candidates
    """
    image, background = chip.image, chip.background
    chosen = dilate(chip.scaled_probability > rules.neighbour * _SCALE, 1)
    chosen &= image > background.sigma_above(rules.neighbour_sigma)
    chosen |= chip.scaled_probability > min(rules.candidate, threshold) * _SCALE
    chosen |= image > background.sigma_above(rules.bright)
    chosen |= chip.saturated
    index = np.flatnonzero(chosen)
    shape, values, level = image.shape, image.ravel(), np.float32(background.level)
    flux = values[index].astype(np.float32) - level
    around = index + np.array([[-shape[1]], [-1], [1], [shape[1]]])
    beside = values[around.clip(0, values.size - 1)].astype(np.float32) - level
    p = chip.scaled_probability.ravel()[index] / _SCALE
    return Candidates(index, flux, p, shape, chip.saturated.ravel()[index], beside)


def look_up(found, chip, others, rules, misalignment=_ALIGNED):
    """Look up candidates on the chips of another exposure.

    Parameters
    ----------
    found : Candidates
    chip : field_chip.FieldChip
        The chip that they are of.
    others : iterable of field_chip.FieldChip
        The chips of one other exposure; one at a time is held.
    rules : rules.Rules
    misalignment : Misalignment, optional
        Of the other exposure.

    Returns
    -------
    Evidence
    """
    evidence = Evidence.none(found.index.size)
    dy, dx = misalignment.shift
    for other in others:
        chip_map = ChipMap(chip.wcs, found.shape, other.wcs, other.image.shape)
        y, x = chip_map(*found.places)
        where, corner, offset = squares(y + dy, x + dx, other.bad)
        if not where.size:
            continue
        rest, light = _without_stars(found, chip, other, misalignment.shift, rules.suspect)
        places = _Places(corner, offset, light[where])
        scale = np.float32(chip.exptime / other.exptime)
        evidence.put(where, _seen(other, rest, places, rules, misalignment.slope), scale)
        del other, rest, light, places  # before the next one is read
    return evidence


def _without_stars(found, chip, other, shift, suspect):
    """Return the other chip without background, stars and cosmic rays; and its stars' light here."""
    rest = other.image - np.float32(other.background.level)
    light = np.zeros(found.index.size, np.float32)
    if other.stars.y.size:
        chip_map = ChipMap(other.wcs, other.image.shape, chip.wcs, found.shape)
        # A star off the target chip is left to interpolation, on both.
        stars, there = other.stars.through(lambda y, x: chip_map(y - shift[0], x - shift[1]))
        stars.add_to(rest, -1)
        shown = np.zeros(found.shape, np.float32)
        there.add_to(shown)
        light = shown.ravel()[found.index]
    filled(rest, other.bad | other.saturated | (other.scaled_probability > suspect * _SCALE))
    return rest, light


@dataclass(frozen=True, eq=False)
class _Places:
    """Places on another chip.

    Of each the corner of the 2x2 pixels around it, the offset from there, and the light of that chip's
    stars, electrons.
    """

    corner: np.ndarray
    offset: np.ndarray
    light: np.ndarray


def _seen(other, rest, places, rules, slope):
    """Return what places of one chip show, as `Evidence` in electrons of that chip."""
    corner, offset = places.corner, places.offset
    columns, rms = other.image.shape[1], other.background.rms
    four = corner + np.array([[0], [1], [columns], [columns + 1]])
    (fy, fx) = offset
    weights = np.stack([(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx])
    pixels = other.image.ravel()[four].astype(np.float32) - np.float32(other.background.level)
    high = pixels.max(axis=0)
    spread = high - pixels.min(axis=0)
    smooth = rest.ravel()[four]
    value = (weights * smooth).sum(axis=0)
    # On a source a straight line between pixels is too coarse; on the background it is less noisy.
    bend = np.zeros_like(value)
    curves = np.flatnonzero(high > 8 * np.float32(rms))
    bend[curves] = 0.5 * np.ptp(smooth[:, curves], axis=0)
    if curves.size:
        curved, good = cubic(rest, corner[curves], offset[:, curves])
        curves, curved = curves[good], curved[good]
        # Where stars are modelled badly, as two that nearly touch, both may be wrong alike.
        least = rules.rough * np.ptp(smooth[:, curves], axis=0)
        bend[curves] = np.maximum(np.abs(curved - value[curves]), least)
        value[curves] = curved
    value += places.light
    poisson = np.maximum(value, 0) * 0.5
    variance = (weights**2).sum(axis=0) * np.float32(rms**2) + poisson
    sharp = 0.0 if other.stars.y.size else rules.sharp
    variance += (rules.bend * bend) ** 2 + (slope * spread) ** 2 + (sharp * high) ** 2
    return Evidence(
        value,
        high,
        variance,
        p=other.scaled_probability.ravel()[four].max(axis=0) / _SCALE,
        saturated=other.saturated.ravel()[four].any(axis=0),
        near=other.near_saturated.ravel()[corner],
        spread=spread,
    )
