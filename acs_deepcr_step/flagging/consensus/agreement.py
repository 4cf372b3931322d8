"""How well another exposure shows what is no cosmic ray: bright pixels that the network does not suspect."""

from dataclasses import dataclass, replace

import numpy as np

from .likelihood import FLAT

__all__ = ["Agreement", "agreement", "allowing_for"]

_BRIGHT_SIGMA = 15.0
_UNSUSPECTED = 0.05  # probability
_SHOWN = 0.3  # of the peak of a star, that another exposure shows somewhere in its 2x2 pixels
_FEWEST = 20  # pixels that a scatter can be measured from
_STEEP = 50.0  # sigma that a pixel of misalignment would change
_SLOPES = np.geomspace(0.001, 2.0, 60)  # pixels
_MISSED, _STARS = 0.05, 5.0  # as if of five stars seen before a twentieth had been missing


@dataclass(frozen=True)
class Agreement:
    """What the bright pixels of an exposure say of another one.

    Attributes
    ----------
    slope : float
        Pixels of misalignment that their differences allow for: a shift, a roll, or another focus.
    astray : float
        Probability that it shows another place than it should, by the stars that it does not show.
    stars, missed : int
        Peaks, and those that it does not show.
    """

    slope: float
    astray: float
    stars: int
    missed: int


def agreement(found, shown, least_slope):
    """Measure how well another exposure agrees with a chip.

    Parameters
    ----------
    found : candidates.Candidates
    shown : lookup.Shown
    least_slope : float
        Error of the pointing, pixels.

    Returns
    -------
    Agreement
    """
    with np.errstate(invalid="ignore"):
        bright = (found.flux > _BRIGHT_SIGMA * found.rms) & shown.known & ~shown.near & ~found.near
    bright &= (found.p < _UNSUSPECTED) & (found.p_beside < _UNSUSPECTED)
    found, shown = found.part(bright), shown.part(bright)
    peak = (found.flux >= found.beside.max(axis=0)) & (found.beside.min(axis=0) > 0)
    stars = int(np.count_nonzero(peak))
    missed = int(np.count_nonzero(peak & (shown.high < _SHOWN * found.flux)))
    value = np.maximum(shown.value, 0)
    off = np.abs(found.flux - shown.value)
    sigma2 = found.rms**2 + value + shown.variance + (FLAT * value) ** 2
    steep = shown.spread > _STEEP * np.sqrt(sigma2)
    slope = max(
        _slope(off, sigma2, shown.spread), _slope(off[steep], sigma2[steep], shown.spread[steep]), least_slope
    )
    return Agreement(slope, (missed + _MISSED) / (stars + _STARS), stars, missed)


def _slope(off, sigma2, spread):
    """Return the smallest misalignment with which the differences are no larger than their errors."""
    if off.size < _FEWEST:
        return 0.0
    for slope in _SLOPES:
        if 1.4826 * np.median(off / np.sqrt(sigma2 + (slope * spread) ** 2)) < 1:
            break
    return float(slope)


def allowing_for(shown, slope):
    """Return what an exposure shows, with the variance of a misalignment."""
    return replace(shown, variance=shown.variance + (np.float32(slope) * shown.spread) ** 2)
