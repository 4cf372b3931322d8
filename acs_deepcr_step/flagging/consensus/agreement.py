"""How well another exposure shows what is no cosmic ray: bright pixels that the network does not suspect."""

from dataclasses import dataclass, replace

import numpy as np

from .likelihood import FLAT

__all__ = ["Agreement", "StarCounts", "agreement", "allowing_for", "stars_shown"]

BRIGHT_SIGMA = 15.0
_UNSUSPECTED = 0.05  # probability
SHOWN = 0.3  # of the peak of a star, that another exposure shows somewhere in its 2x2 pixels
_EXPECTED_SIGMA = 25.0
_FEWEST = 20  # pixels that a scatter can be measured from
_STEEP = 50.0  # sigma that a pixel of misalignment would change
_SLOPES = np.geomspace(0.001, 2.0, 60)  # pixels
_MISSED, _STARS = 0.05, 10.0  # as if ten stars had been seen before, and hardly one missed


@dataclass(frozen=True)
class Agreement:
    """What sources say of another exposure.

    Attributes
    ----------
    slope : float
        Pixels of misalignment that the differences of bright pixels allow for: a shift, a roll.
    share : float
        Of the light of a star, by which its peak differs: another focus, another time.
    astray : float
        Probability that it shows another place than it should, by the stars that one shows and the other
        does not.
    stars, missed : int
        Stars of either exposure, and those that the other one does not show.
    """

    slope: float
    share: float
    astray: float
    stars: int
    missed: int


def agreement(found, shown, pointing, counts):
    """Measure how well another exposure agrees with a chip.

    Parameters
    ----------
    found : candidates.Candidates
    shown : lookup.Shown
    pointing : pointing.Pointing
        Of the other exposure.
    counts : StarCounts
        Of the other exposure's stars.

    Returns
    -------
    Agreement
    """
    with np.errstate(invalid="ignore"):
        bright = (found.flux > BRIGHT_SIGMA * found.rms) & shown.known & ~shown.near & ~found.near
    bright = np.flatnonzero(bright & (found.p < _UNSUSPECTED))
    bright = bright[found.part(bright).p_beside < _UNSUSPECTED]
    found, shown = found.part(bright), shown.part(bright)
    peak = (found.flux >= found.beside.max(axis=0)) & (found.beside.min(axis=0) > 0)
    stars = int(np.count_nonzero(peak)) + counts.stars
    missed = int(np.count_nonzero(peak & (shown.high < SHOWN * found.flux))) + counts.missed
    value = np.maximum(shown.value, 0)
    off = found.flux - shown.value
    sigma2 = found.rms**2 + value + shown.variance + (FLAT * value) ** 2
    share = abs(1 - pointing.brightness)
    size, sigma2 = np.abs(off), sigma2 + (share * value) ** 2
    steep = shown.spread > _STEEP * np.sqrt(sigma2)
    # Where the place is known to some pixels only, the look-up allows for that already.
    least = 0.0 if pointing.reach else pointing.error
    slope = max(
        _slope(size, sigma2, shown.spread),
        _slope(size[steep], sigma2[steep], shown.spread[steep]),
        least,
    )
    return Agreement(slope, share, (missed + _MISSED) / (stars + _STARS), stars, missed)


def _slope(off, sigma2, spread):
    """Return the smallest misalignment with which the differences are no larger than their errors."""
    if off.size < _FEWEST:
        return 0.0
    for slope in _SLOPES:
        if 1.4826 * np.median(off / np.sqrt(sigma2 + (slope * spread) ** 2)) < 1:
            break
    return float(slope)


def allowing_for(shown, agrees):
    """Return what an exposure shows, with the variance of what it disagrees by."""
    variance = shown.variance + (np.float32(agrees.slope) * shown.spread) ** 2
    return replace(shown, variance=variance + (np.float32(agrees.share) * np.maximum(shown.value, 0)) ** 2)


@dataclass(frozen=True)
class StarCounts:
    """How many stars of another exposure a chip should show, and how many it does not."""

    stars: int = 0
    missed: int = 0

    def __add__(self, other):
        return StarCounts(self.stars + other.stars, self.missed + other.missed)


def stars_shown(chip, places, peaks):
    """Count the stars of another exposure that a chip shows.

    Parameters
    ----------
    chip : field_chip.FieldChip
    places : ndarray, (2, K)
        Rows and columns on the chip, nan where they are off it.
    peaks : ndarray, (K,)
        Electrons that are expected of them here.

    Returns
    -------
    StarCounts
        Of those that would stand 25 sigma high and are not near saturation.
    """
    rows, columns = chip.net.shape
    with np.errstate(invalid="ignore"):
        inside = (places[0] > 1) & (places[1] > 1) & (places[0] < rows - 2) & (places[1] < columns - 2)
    y, x = np.rint(places[:, inside]).astype(int)
    peak = peaks[inside]
    tells = (peak > _EXPECTED_SIGMA * chip.background.rms_at(y, x)) & ~(chip.near_saturated | chip.bad)[y, x]
    y, x, peak = y[tells], x[tells], peak[tells]
    around = [chip.net[y + dy, x + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    high = np.max(around, axis=0, initial=-np.inf)
    return StarCounts(peak.size, int(np.count_nonzero(~(high > SHOWN * peak))))
