"""Whether the WCS of two exposures agree, by the stars that both must show."""

import math
from dataclasses import dataclass, field

import numpy as np
from astropy.wcs import WCS
from scipy.spatial import cKDTree

from ...arrays.point_sources import has_light_beside, is_local_maximum
from ...arrays.probabilities import SCALE
from .chip_map import ChipMap
from .field_chip import FieldChip
from .lookup import Candidates, Misalignment, look_up
from .stars import Stars

__all__ = ["Alignment", "BrightPixels", "ChipStars", "align", "bright_pixels", "measured_shift"]

_PEAK_SIGMA = 15.0
_STAR_PROBABILITY = 0.05  # the network is sure that it is no cosmic ray
_FEWEST, _MOST = 5, 4000
_FEWEST_PIXELS = 20
_FOUND = 0.9
_SHARE = 0.3  # of a star's peak that its 2x2 place in another exposure holds at least
_SLOPES = (0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)  # pixels of misalignment that the decision can allow for
_SCATTER = 1.25
_STEEP = 50.0  # sigma for each pixel of misalignment
_UNSEEN = 0.02  # pixels of it, assumed where no pixel is steep enough to measure it
_FARTHEST = 1.2  # pixels from its place at which a star is looked for
_LARGEST_SHIFT = 0.7  # pixels; beyond, the product is spoilt in any case, and has to be aligned
_AGREE = 0.2  # pixels, scatter of the shifts of stars


@dataclass(frozen=True)
class Alignment:
    """How well another exposure shows the stars of one.

    Attributes
    ----------
    stars, found : int
    misalignment : lookup.Misalignment
        To be allowed for; its slope is nan where that is too much.
    """

    stars: int
    found: int
    misalignment: Misalignment

    @property
    def offset(self):
        """Pixels by which the other's stars lie off their places."""
        return math.hypot(*self.misalignment.shift)

    @property
    def enough(self):
        """Whether there are enough stars to measure the alignment."""
        return self.stars >= _FEWEST

    @property
    def usable(self):
        """Whether the other exposure can be used for the comparison."""
        close = self.offset <= _LARGEST_SHIFT and not math.isnan(self.misalignment.slope)
        return self.enough and close and self.found >= _FOUND * self.stars

    @property
    def fault(self):
        """Why it cannot, in words; empty where it can."""
        if self.usable:
            return ""
        if not self.enough:
            return f"too few stars ({self.stars}) to check the alignment"
        if self.offset > _LARGEST_SHIFT:
            return f"misaligned: its stars are off by {self.offset:.2f} pixels"
        return f"misaligned: {self.found} of {self.stars} stars found"


@dataclass(frozen=True, eq=False)
class BrightPixels:
    """Pixels of stars of a chip.

    Attributes
    ----------
    chip : field_chip.FieldChip
        Its arrays may be empty: only what is not an array is needed.
    pixels : lookup.Candidates
    peak : ndarray, (K,), bool
        Which of them are peaks.
    """

    chip: FieldChip
    pixels: Candidates
    peak: np.ndarray = field(repr=False)


@dataclass(frozen=True, eq=False)
class ChipStars:
    """The stars of a chip, and where it looks."""

    wcs: WCS
    shape: tuple[int, int]
    stars: Stars


def bright_pixels(chip):
    """Find pixels of stars of a chip, and which of them are peaks.

    Parameters
    ----------
    chip : field_chip.FieldChip

    Returns
    -------
    BrightPixels
    """
    bright = chip.image > chip.background.sigma_above(_PEAK_SIGMA)
    bright &= ~chip.near_saturated & ~chip.bad
    index = np.flatnonzero(bright)
    shape, level = chip.image.shape, chip.background.level
    y, x = np.divmod(index, shape[1])
    inner = (y > 0) & (x > 0) & (y < shape[0] - 1) & (x < shape[1] - 1)
    index = index[inner]
    image, scaled = chip.image.ravel(), chip.scaled_probability.ravel()
    around = [index + dy * shape[1] + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    clean = np.all([scaled[at] < _STAR_PROBABILITY * SCALE for at in around], axis=0)
    index = index[clean]
    peak = is_local_maximum(chip.image, index) & has_light_beside(chip.image, index, level)
    chosen = _some(peak)
    flux = image[index].astype(np.float32) - np.float32(level)
    nothing = np.zeros(index.size, np.float32)
    found = Candidates(index, flux, nothing, shape, nothing.astype(bool))
    return BrightPixels(chip, found.part(chosen), peak[chosen])


def _some(peak):
    """Not too many of all pixels, and of the peaks."""
    peaks, others = np.flatnonzero(peak), np.flatnonzero(~peak)
    steps = [max(1, each.size // _MOST) for each in (peaks, others)]
    return np.sort(np.concatenate([peaks[:: steps[0]], others[:: steps[1]]]))


def measured_shift(chips, others):
    """Measure how far the stars of another exposure lie off where the WCS puts them.

    Parameters
    ----------
    chips, others : list of ChipStars
        The chips of both exposures.

    Returns
    -------
    tuple of float
        Rows and columns; zeros where the stars do not agree on it.
    """
    found = []
    for one in chips:
        for other in others:
            if one.stars.y.size and other.stars.y.size:
                chip_map = ChipMap(one.wcs, one.shape, other.wcs, other.shape)
                found.append(_offsets(np.column_stack(chip_map(one.stars.y, one.stars.x)), other.stars))
    found = np.concatenate(found) if found else np.zeros((0, 2))
    if len(found) < _FEWEST:
        return 0.0, 0.0
    middle = np.median(found, axis=0)
    if (1.4826 * np.median(np.abs(found - middle), axis=0) > _AGREE).any():
        return 0.0, 0.0
    return tuple(float(one) for one in middle)


def _offsets(places, stars):
    """Of places on a chip, to the nearest star there, (K, 2)."""
    places = places[np.isfinite(places).all(axis=1)]
    there = np.column_stack([stars.y, stars.x])
    distance, nearest = cKDTree(there).query(places, distance_upper_bound=_FARTHEST)
    near = np.isfinite(distance)
    return there[nearest[near]] - places[near]


def align(bright, others, rules, shift=(0.0, 0.0)):
    """Compare the stars of an exposure with another one.

    Parameters
    ----------
    bright : list of BrightPixels
        Of the exposure's chips.
    others : iterable of field_chip.FieldChip
        Chips of the other exposure; one at a time is held.
    rules : rules.Rules
    shift : tuple of float
        From `measured_shift`.

    Returns
    -------
    Alignment
    """
    stars = found = 0
    off, sigma2, spread = [], [], []
    for other in others:
        for one in bright:
            pixels = one.pixels
            seen = look_up(pixels, one.chip, [other], rules, Misalignment(0.0, shift))
            with np.errstate(invalid="ignore"):
                known = (seen.p < _STAR_PROBABILITY) & ~seen.near & np.isfinite(seen.value)
                shown = known & one.peak & (seen.high > _SHARE * pixels.flux)
            stars += int(np.count_nonzero(known & one.peak))
            found += int(np.count_nonzero(shown))
            value = seen.value[known]
            model = np.maximum(value, 0)
            off.append(pixels.flux[known] - value)
            rms = one.chip.background.rms
            sigma2.append(rms**2 + model + seen.variance[known] + (rules.flat * model) ** 2)
            spread.append(seen.spread[known])
        del other  # before the next one is read
    off, sigma2, spread = (np.concatenate(one) if one else np.zeros(0) for one in (off, sigma2, spread))
    return Alignment(stars, found, Misalignment(_slope(off, sigma2, spread), shift))


def _slope(off, sigma2, spread):
    """Pixels of misalignment with which the differences are no larger than their errors; nan for none."""
    # Where a small misalignment would show it must not; most pixels have more noise than that.
    steep = spread > _STEEP * np.sqrt(sigma2)
    if np.count_nonzero(steep) >= _FEWEST_PIXELS:
        tame = [s for s in _SLOPES if _is_tame(off, sigma2 + (s * spread) ** 2, steep)]
    else:
        tame = [s for s in _SLOPES if s >= _UNSEEN]
    slopes = [s for s in tame if _is_tame(off, sigma2 + (s * spread) ** 2, np.ones_like(steep))]
    return slopes[0] if slopes else np.nan


def _is_tame(off, sigma2, chosen):
    values = np.abs(off[chosen]) / np.sqrt(sigma2[chosen])
    return values.size >= _FEWEST_PIXELS and 1.4826 * np.median(values) < _SCATTER
