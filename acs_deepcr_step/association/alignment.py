"""Whether the WCS of two exposures agree, by the stars that both must show. Arrays only."""

from dataclasses import dataclass, replace

import numpy as np

from .lookup import Candidates, look_up

__all__ = ["Alignment", "alignment", "bright_pixels"]

_PEAK_SIGMA = 15.0
_STAR_PROBABILITY = 0.05  # the network is sure that it is no cosmic ray
_FEWEST, _MOST = 5, 4000
_FEWEST_PIXELS = 20
_FOUND = 0.9
_SHARE = 0.3  # of a star's peak that its 2x2 place in another exposure holds at least
_SLOPES = (0.05, 0.1, 0.2, 0.4)  # pixels of misalignment that the decision can allow for
_SCATTER = 1.25


@dataclass(frozen=True)
class Alignment:
    """How well another exposure shows the stars of one.

    Attributes
    ----------
    stars, found : int
    slope : float
        What to allow for the misalignment, pixels; nan where that is too much.
    """

    stars: int
    found: int
    slope: float

    @property
    def enough(self):
        """Whether there are stars enough to tell."""
        return self.stars >= _FEWEST

    @property
    def usable(self):
        """Whether the other exposure can be asked."""
        return self.enough and self.found >= _FOUND * self.stars and self.slope == self.slope

    @property
    def fault(self):
        """Why it cannot, in words; empty where it can."""
        if self.usable:
            return ""
        if not self.enough:
            return f"too few stars ({self.stars}) to check the alignment"
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


def alignment(chips, others, rules):
    """Compare the stars of an exposure with another one.

    Parameters
    ----------
    chips : list of (lookup.Member, Candidates, ndarray)
        Of the exposure: each with its `bright_pixels`.
    others : iterable of lookup.Member
        Chips of the other exposure; one at a time is held.
    rules : lookup.Rules

    Returns
    -------
    Alignment
    """
    stars = found = 0
    scatter = {slope: [] for slope in _SLOPES}
    for other in others:
        for member, pixels, peak in chips:
            for slope in _SLOPES:
                seen = look_up(pixels, member, [other], replace(rules, slope=slope))
                with np.errstate(invalid="ignore"):
                    known = (seen.p < _STAR_PROBABILITY) & ~seen.near & np.isfinite(seen.value)
                    shown = known & peak & (seen.high > _SHARE * pixels.flux)
                if slope == _SLOPES[0]:
                    stars += int(np.count_nonzero(known & peak))
                    found += int(np.count_nonzero(shown))
                value = seen.value[known]
                model = np.maximum(value, 0)
                sigma2 = member.noise**2 + model + seen.variance[known] + (rules.flat * model) ** 2
                scatter[slope].append((pixels.flux[known] - value) / np.sqrt(sigma2))
        del other  # before the next one is read
    slopes = [slope for slope in _SLOPES if _is_tame(scatter[slope])]
    return Alignment(stars, found, slopes[0] if slopes else np.nan)


def _is_tame(parts):
    values = np.concatenate(parts) if parts else np.zeros(0)
    return values.size >= _FEWEST_PIXELS and 1.4826 * np.median(np.abs(values)) < _SCATTER
