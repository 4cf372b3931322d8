"""Whether the WCS of two exposures agree, by the stars that both must show. Arrays only."""

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from .lookup import Candidates, look_up
from .mapping import ChipMap

__all__ = ["Alignment", "alignment", "bright_pixels", "measured_shift"]

_PEAK_SIGMA = 15.0
_STAR_PROBABILITY = 0.05  # the network is sure that it is no cosmic ray
_FEWEST, _MOST = 5, 4000
_FEWEST_PIXELS = 20
_FOUND = 0.9
_SHARE = 0.3  # of a star's peak that its 2x2 place in another exposure holds at least
_SLOPES = (0.003, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)  # pixels of misalignment that the decision can allow for
_SCATTER = 1.25
_STEEP = 50.0  # sigma for each pixel of misalignment
_UNSEEN = 0.02  # pixels of it, where no pixel is steep enough to tell
_FARTHEST = 1.2  # pixels from its place at which a star is looked for
_LARGEST_SHIFT = 0.7  # pixels; beyond, the product is spoilt in any case, and has to be aligned
_AGREE = 0.2  # pixels, scatter of the shifts of stars


@dataclass(frozen=True)
class Alignment:
    """How well another exposure shows the stars of one.

    Attributes
    ----------
    stars, found : int
    slope : float
        What to allow for the misalignment, pixels; nan where that is too much.
    shift : tuple of float
        Rows and columns by which the other's stars lie off their places, to be allowed for.
    """

    stars: int
    found: int
    slope: float
    shift: tuple[float, float] = (0.0, 0.0)

    @property
    def enough(self):
        """Whether there are stars enough to tell."""
        return self.stars >= _FEWEST

    @property
    def usable(self):
        """Whether the other exposure can be asked."""
        close = math.hypot(*self.shift) <= _LARGEST_SHIFT
        return self.enough and close and self.found >= _FOUND * self.stars and self.slope == self.slope

    @property
    def fault(self):
        """Why it cannot, in words; empty where it can."""
        if self.usable:
            return ""
        if not self.enough:
            return f"too few stars ({self.stars}) to check the alignment"
        if math.hypot(*self.shift) > _LARGEST_SHIFT:
            return f"misaligned: its stars are off by {math.hypot(*self.shift):.2f} pixels"
        return f"misaligned: {self.found} of {self.stars} stars found"


def bright_pixels(member):
    """Find pixels of stars of a chip, and which of them are peaks.

    Parameters
    ----------
    member : lookup.Member

    Returns
    -------
    found : lookup.Candidates
    peak : ndarray, (K,), bool
    """
    bright = member.image > member.sky + _PEAK_SIGMA * member.noise
    bright &= ~member.near_saturated & ~member.bad
    index = np.flatnonzero(bright)
    shape = member.image.shape
    y, x = np.divmod(index, shape[1])
    inner = (y > 0) & (x > 0) & (y < shape[0] - 1) & (x < shape[1] - 1)
    index = index[inner]
    image, stored = member.image.ravel(), member.stored.ravel()
    around = [index + dy * shape[1] + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    clean = np.all([stored[at] < _STAR_PROBABILITY * 10_000 for at in around], axis=0)
    index = index[clean]
    around = [at[clean] for at in around]
    peak = np.all([image[at] <= image[index] for at in around], axis=0)
    # A hot pixel is a peak too, but a star has light beside it.
    beside = np.median([image[at] for at in around], axis=0) if index.size else np.zeros(0)
    peak &= beside > member.sky + 0.1 * (image[index] - member.sky)
    chosen = _some(peak)
    flux = image[index].astype(np.float32) - np.float32(member.sky)
    found = Candidates(index, flux, np.zeros(index.size, np.float32), shape)
    return found.part(chosen), peak[chosen]


def _some(peak):
    """Not too many of all pixels, and of the peaks."""
    peaks, others = np.flatnonzero(peak), np.flatnonzero(~peak)
    steps = [max(1, each.size // _MOST) for each in (peaks, others)]
    return np.sort(np.concatenate([peaks[:: steps[0]], others[:: steps[1]]]))


def measured_shift(frames, others):
    """Measure how far the stars of another exposure lie off where the WCS puts them.

    Parameters
    ----------
    frames, others : list of (astropy.wcs.WCS, tuple of int, stars.Stars)
        The chips of both exposures, their shapes and stars.

    Returns
    -------
    tuple of float
        Rows and columns; zeros where the stars do not agree on it.
    """
    found = []
    for wcs, shape, stars in frames:
        for other_wcs, other_shape, others_stars in others:
            if stars.y.size and others_stars.y.size:
                way = ChipMap(wcs, shape, other_wcs, other_shape)
                found.append(_offsets(np.column_stack(way(stars.y, stars.x)), others_stars))
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


def alignment(chips, others, rules, shift=(0.0, 0.0)):
    """Compare the stars of an exposure with another one.

    Parameters
    ----------
    chips : list of (lookup.Member, Candidates, ndarray)
        Of the exposure: each with its `bright_pixels`.
    others : iterable of lookup.Member
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
        for member, pixels, peak in chips:
            seen = look_up(pixels, member, [other], replace(rules, slope=0.0), shift)
            with np.errstate(invalid="ignore"):
                known = (seen.p < _STAR_PROBABILITY) & ~seen.near & np.isfinite(seen.value)
                shown = known & peak & (seen.high > _SHARE * pixels.flux)
            stars += int(np.count_nonzero(known & peak))
            found += int(np.count_nonzero(shown))
            value = seen.value[known]
            model = np.maximum(value, 0)
            off.append(pixels.flux[known] - value)
            sigma2.append(member.noise**2 + model + seen.variance[known] + (rules.flat * model) ** 2)
            spread.append(seen.spread[known])
        del other  # before the next one is read
    off, sigma2, spread = (np.concatenate(one) if one else np.zeros(0) for one in (off, sigma2, spread))
    # Where a small misalignment would show it must not; most pixels have more noise than that.
    steep = spread > _STEEP * np.sqrt(sigma2)
    if np.count_nonzero(steep) >= _FEWEST_PIXELS:
        tame = [s for s in _SLOPES if _is_tame(off, sigma2 + (s * spread) ** 2, steep)]
    else:
        tame = [s for s in _SLOPES if s >= _UNSEEN]
    slopes = [s for s in tame if _is_tame(off, sigma2 + (s * spread) ** 2, np.ones_like(steep))]
    return Alignment(stars, found, slopes[0] if slopes else np.nan, shift)


def _is_tame(off, sigma2, chosen):
    values = np.abs(off[chosen]) / np.sqrt(sigma2[chosen])
    return values.size >= _FEWEST_PIXELS and 1.4826 * np.median(values) < _SCATTER
