"""Figures of merit of one chip, from its image and its mask. Arrays only."""

import math
from dataclasses import dataclass, field

import numpy as np

from ..arrays import background, flag_groups, point_sources, reasons
from ..arrays import dq as dq_bits
from ..arrays.background import Background
from ..arrays.flag_groups import Groups, Trail
from ..arrays.point_sources import Sources
from ..arrays.probabilities import SCALE
from ..work import results
from ..work.results import ChipFigures
from .flagged_exposures import DqState

__all__ = [
    "BINS", "ChipMerit", "ChipObjects", "UsualRange", "find_objects", "measure", "usual_fraction",
    "usual_rate",
]  # fmt: skip

BINS = 50  # of the histogram of probabilities

# No star is looked for on these; hot and warm pixels do no harm.
_NO_STAR = dq_bits.NO_IMAGE | dq_bits.SATURATED | dq_bits.REFERENCE
_ROWS = 256  # that are counted at a time
_FAR = 1.5  # times beyond the usual rate
_FAR_FRACTION = 2.0  # times beyond the usual share of pixels, which varies more
_SIGMA = 2.0


@dataclass(frozen=True)
class UsualRange:
    """What is usual of a figure of merit.

    Attributes
    ----------
    lowest, highest : float
    """

    lowest: float
    highest: float


@dataclass(frozen=True, eq=False)
class ChipObjects:
    """What lies where on a chip.

    Attributes
    ----------
    background : Background
    groups : flag_groups.Groups
        Of flagged pixels, without those that `grow` added.
    sources : point_sources.Sources
        Star-like sources.
    flagged_core : ndarray, (K,), bool
        Which of the sources have a flagged core.
    saturated : ndarray, (R, C), bool
    """

    background: Background
    groups: Groups
    sources: Sources
    flagged_core: np.ndarray
    saturated: np.ndarray = field(repr=False)


@dataclass(frozen=True, eq=False)
class ChipMerit:
    """Figures of merit of one chip.

    Attributes
    ----------
    extver, ccdchip : int
    exptime : float
        Seconds.
    figures : results.ChipFigures
        As in the table of a run.
    rate, fraction : float
        Hits per second and cm2, and share of the good pixels, without those that `grow` added.
    rate_error : float
        Of `rate`, from the number of groups.
    usual_rate : UsualRange
        Hits per second and cm2.
    usual_fraction : UsualRange or None
        Share of pixels; None where it is not known.
    background : Background
    sizes : ndarray, (N,), int
        Pixels of each group, without those that `grow` added.
    charges : ndarray, (N,), float64
        Electrons above the background of each group.
    probability_counts : ndarray, (BINS,), int64
        Pixels by probability, in equal bins from 0 to 1.
    n_stars, n_flagged_stars : int
        Star-like sources, and those whose brightest pixel is flagged.
    trails : list of flag_groups.Trail
    dq_state : flagged_exposures.DqState
    """

    extver: int
    ccdchip: int
    exptime: float
    figures: ChipFigures
    rate: float
    rate_error: float
    fraction: float
    usual_rate: UsualRange
    usual_fraction: UsualRange | None
    background: Background
    sizes: np.ndarray = field(repr=False)
    charges: np.ndarray = field(repr=False)
    probability_counts: np.ndarray = field(repr=False)
    n_stars: int
    n_flagged_stars: int
    trails: list[Trail]
    dq_state: DqState

    @property
    def rate_is_known(self):
        """Whether the rate is a number: on some detectors the area of a pixel is not known."""
        return not math.isnan(self.rate)

    @property
    def rate_verdict(self):
        """``'high'`` or ``'low'`` if the rate is 1.5 times beyond the usual, by two sigma; ``'usual'``."""
        margin = _SIGMA * self.rate_error
        if self.rate - margin > _FAR * self.usual_rate.highest:
            return "high"
        return "low" if self.rate + margin < self.usual_rate.lowest / _FAR else "usual"

    @property
    def fraction_is_unusual(self):
        """Whether the share of pixels is a factor of two beyond the usual one, by two sigma."""
        if self.usual_fraction is None:
            return False
        margin = _SIGMA * self.rate_error / self.rate if self.rate else 0.0
        return (
            self.fraction * (1 - margin) > _FAR_FRACTION * self.usual_fraction.highest
            or self.fraction * (1 + margin) < self.usual_fraction.lowest / _FAR_FRACTION
        )


def usual_rate(instrument):
    """Return how many cosmic rays are usual, per second and cm2.

    Parameters
    ----------
    instrument : instruments.Instrument

    Returns
    -------
    UsualRange
    """
    lowest, highest = instrument.cr_rate
    return UsualRange(lowest, highest)


def usual_fraction(instrument, exptime):
    """Return which share of the pixels cosmic rays usually hit.

    Parameters
    ----------
    instrument : instruments.Instrument
    exptime : float
        Seconds.

    Returns
    -------
    UsualRange or None
        None where it is not known.
    """
    if not instrument.cr_fraction:
        return None
    lowest, highest = instrument.cr_fraction
    return UsualRange(lowest * exptime, highest * exptime)


def find_objects(pixels):
    """Find the groups of flagged pixels, the star-like sources and the saturated pixels of a chip.

    Parameters
    ----------
    pixels : flagged_exposures.ChipPixels

    Returns
    -------
    ChipObjects
    """
    measured = background.measure(pixels.image)
    sources = point_sources.star_like(pixels.image, (pixels.dq & _NO_STAR) != 0, measured)
    return ChipObjects(
        background=measured,
        groups=flag_groups.measure_groups(_before_growth(pixels.reasons), pixels.image, measured.level),
        sources=sources,
        flagged_core=reasons.is_flagged(pixels.reasons[sources.row, sources.column]),
        saturated=(pixels.dq & dq_bits.SATURATED) != 0,
    )


def measure(exposure, pixels, objects):
    """Measure the figures of merit of one chip.

    Parameters
    ----------
    exposure : exposure.Exposure
        What its headers say.
    pixels : flagged_exposures.ChipPixels
    objects : ChipObjects
        Of these pixels.

    Returns
    -------
    ChipMerit
    """
    chip = pixels.chip
    good = dq_bits.is_good(pixels.dq)
    n_good = int(np.count_nonzero(good))
    n_hit = np.count_nonzero(_before_growth(pixels.reasons) & good)
    exposed = chip.exptime * exposure.instrument.pixel_area * good.size  # s cm2
    groups = objects.groups
    return ChipMerit(
        extver=chip.extver,
        ccdchip=chip.ccdchip,
        exptime=chip.exptime,
        figures=results.figures(exposure, chip, pixels.reasons, good),
        rate=len(groups) / exposed,
        rate_error=math.sqrt(len(groups) + 1) / exposed,
        fraction=n_hit / n_good if n_good else math.nan,
        usual_rate=usual_rate(exposure.instrument),
        usual_fraction=usual_fraction(exposure.instrument, chip.exptime),
        background=objects.background,
        sizes=groups.size,
        charges=groups.charge,
        probability_counts=_histogram(pixels.scaled_probability),
        n_stars=len(objects.sources),
        n_flagged_stars=int(np.count_nonzero(objects.flagged_core)),
        trails=flag_groups.find_trails(groups, good.shape),
        dq_state=pixels.dq_state,
    )


def _before_growth(flags):
    """Return where pixels are flagged, without those that `grow` added; (R, C) bool."""
    return (flags & (reasons.FLAGGED | reasons.GROWN)) == reasons.FLAGGED


def _histogram(scaled_probability):
    """Return the number of pixels by probability, in `BINS` equal bins; (BINS,) int64."""
    counts = np.zeros(BINS, np.int64)
    step = SCALE // BINS
    for first in range(0, scaled_probability.shape[0], _ROWS):
        part = np.clip(scaled_probability[first : first + _ROWS] // np.int16(step), 0, BINS - 1)
        counts += np.bincount(part.ravel(), minlength=BINS)
    return counts
