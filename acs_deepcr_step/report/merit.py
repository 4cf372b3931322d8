"""Figures of merit of one chip, of its image and its mask. Arrays only."""

import math
from dataclasses import dataclass, field

import numpy as np

from .. import dq as bits
from .. import exposure as exposures
from .. import flags, pixels, results
from . import groups, sources

__all__ = ["RATE", "ChipMerit", "Found", "expected_fraction", "measure"]

# Cosmic rays on ACS: hits per second and cm2 of detector; share of the WFC's pixels per second.
RATE = (1.0, 1.3)
_FRACTION = (1.5e-5, 3e-5)

# A star's centre means little on these; hot and warm pixels do no harm.
_NO_STAR = bits.NO_IMAGE | bits.SATURATED | bits.REFERENCE
_ROWS = 256  # that are counted at a time
BINS = 50  # of the histogram of probabilities


@dataclass(frozen=True, eq=False)
class ChipMerit:
    """What is said of one chip.

    Attributes
    ----------
    extver, ccdchip : int
    exptime : float
        Seconds.
    figures : dict
        n_flagged, fraction, cr_rate, n_vetoed, n_added, as in the table of a run.
    rate, fraction : float
        The same without what was grown.
    rate_error : float
        Of `rate`, by the number of groups.
    wfc : bool
        Whether the share of pixels is known that cosmic rays hit.
    sky, noise : float
        Electrons.
    sizes : ndarray, int
        Pixels of each group, without what was grown.
    charges : ndarray, float
        Electrons above the sky of each group.
    probabilities : ndarray, (BINS,), int
        Pixels by probability, from 0 to 1.
    stars, flagged_stars : int
        Star-like sources, and those whose brightest pixel is flagged.
    trails : list of groups.Trail
    in_file : bool
        Whether the exposure's header says that it carries these flags.
    missing : int
        Flags that are gone from its DQ.
    """

    extver: int
    ccdchip: int
    exptime: float
    figures: dict
    rate: float
    rate_error: float
    fraction: float
    wfc: bool
    sky: float
    noise: float
    sizes: np.ndarray = field(repr=False)
    charges: np.ndarray = field(repr=False)
    probabilities: np.ndarray = field(repr=False)
    stars: int
    flagged_stars: int
    trails: list
    in_file: bool
    missing: int


@dataclass(frozen=True, eq=False)
class Found:
    """Where things are on a chip, for the cut-outs.

    Attributes
    ----------
    groups : groups.Groups
        Of flagged pixels, without what was grown.
    sources : sources.Sources
    flagged : ndarray, (K,), bool
        Which of the sources have a flagged core.
    saturated : ndarray, (R, C), bool
    """

    groups: groups.Groups
    sources: sources.Sources
    flagged: np.ndarray
    saturated: np.ndarray


def expected_fraction(exptime):
    """Return the lowest and highest usual share of ACS/WFC pixels that cosmic rays hit.

    Parameters
    ----------
    exptime : float
        Seconds.

    Returns
    -------
    low, high : float
    """
    return tuple(share * exptime for share in _FRACTION)


def measure(current, given):
    """Measure one chip.

    Parameters
    ----------
    current : acs_deepcr_step.exposure.Exposure
        What its headers say.
    given : load.ChipPixels

    Returns
    -------
    ChipMerit
    Found
    """
    chip, image, plane = given.chip, given.image, given.plane
    sky, noise = pixels.levels(image)
    good = exposures.is_good(given.dq)
    core = (plane & (flags.FLAGGED | flags.GROWN)) == flags.FLAGGED
    found = groups.groups(core, image, sky)
    stars = sources.star_like(image, (given.dq & _NO_STAR) != 0, sky, noise)
    on_star = (plane[stars.row, stars.column] & flags.FLAGGED) != 0
    exposed = chip.exptime * current.pixel_area * plane.size
    n_good = int(np.count_nonzero(good))
    merit = ChipMerit(
        extver=chip.extver,
        ccdchip=chip.ccdchip,
        exptime=chip.exptime,
        figures=results.figures(current, chip, plane, good),
        rate=len(found) / exposed,
        rate_error=math.sqrt(len(found) + 1) / exposed,
        fraction=np.count_nonzero(core & good) / n_good if n_good else math.nan,
        wfc=(current.instrument, current.detector) == ("ACS", "WFC"),
        sky=sky,
        noise=noise,
        sizes=found.size,
        charges=found.charge,
        probabilities=_histogram(given.stored),
        stars=len(stars),
        flagged_stars=int(np.count_nonzero(on_star)),
        trails=groups.trails(found, plane.shape),
        in_file=given.in_file,
        missing=given.missing,
    )
    return merit, Found(found, stars, on_star, exposures.is_saturated(given.dq))


def _histogram(stored):
    """Pixels by probability in `BINS` equal bins."""
    counts = np.zeros(BINS, np.int64)
    step = flags.STORED_UNIT // BINS
    for first in range(0, stored.shape[0], _ROWS):
        part = np.clip(stored[first : first + _ROWS] // np.int16(step), 0, BINS - 1)
        counts += np.bincount(part.ravel(), minlength=BINS)
    return counts
