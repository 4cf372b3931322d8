"""From what the other exposures show to a verdict on the candidates. Arrays only."""

import math
from dataclasses import dataclass, fields

import numpy as np

from . import brightness, likelihood, pooling, shape
from .candidates import SUSPECTED

__all__ = ["COST_OF_MISSING", "Verdict", "compare", "expected_of"]

# What the others leave in doubt is flagged from odds of one to twelve on: a cosmic ray that is missed
# stays in the product, and for a pixel too many there are other exposures. `threshold` moves that: a
# pixel is flagged above the log odds of the threshold less the logarithm of this.
COST_OF_MISSING = 12.0
_STANDS_OUT = 1.0  # sigma
_SURE_OF = 2.0  # sigma, of what the others show of a source
_DOUBT = 4.0  # below the log odds that are flagged, from which the neighbour of a flag may be one
_AT_A_TIME = 200_000  # candidates: what is computed of them takes memory


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is decided of candidates; (K,) each.

    Attributes
    ----------
    known : ndarray, bool
        Where another exposure says something; elsewhere the rest means nothing.
    flagged : ndarray, bool
    log_odds : ndarray, float32
        Posterior log odds of a cosmic ray.
    excess : ndarray, float32
        Sigma above what the others lead to expect; of what is no cosmic ray for sure, at most 0.
    full : ndarray, bool
        Where the others show a saturated source.
    alone : ndarray, bool
        Where none of the others shows even half of it.
    """

    known: np.ndarray
    flagged: np.ndarray
    log_odds: np.ndarray
    excess: np.ndarray
    full: np.ndarray
    alone: np.ndarray


def expected_of(found, others):
    """Return what other exposures lead to expect of candidates.

    Parameters
    ----------
    found : candidates.Candidates
    others : list of comparison.Compared

    Returns
    -------
    pooling.Expected
    """
    agreements = [other.agreement for other in others]
    parts = []
    for first in range(0, max(found.index.size, 1), _AT_A_TIME):
        some = slice(first, first + _AT_A_TIME)
        parts.append(pooling.pooled(found.part(some), [one.shown.part(some) for one in others], agreements))
    joined = {
        one.name: np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(parts[0])
    }
    return pooling.Expected(**joined)


def compare(found, others, calibration, threshold=0.5):
    """Decide on candidates by what other exposures show.

    Parameters
    ----------
    found : candidates.Candidates
    others : list of comparison.Compared
    calibration : calibration.Calibration
        Of the model.
    threshold : float
        Probability.

    Returns
    -------
    Verdict
    """
    expected, cut = expected_of(found, others), _cut(threshold)
    # The rest is none, without a look at it: the network does not suspect it, and it does not stand out.
    with np.errstate(invalid="ignore"):
        sigma = np.sqrt(found.rms**2 + np.maximum(expected.value, 0) + expected.variance)
        asked = (found.flux > expected.value + _STANDS_OUT * sigma) | (found.p > min(SUSPECTED, threshold))
    asked = np.flatnonzero(expected.known & asked)
    log_odds = np.full(found.index.size, -np.inf, np.float32)
    own = calibration.log_odds(found.part(asked))
    log_odds[asked] = own + likelihood.log_ratio(found.part(asked), expected.part(asked), calibration)
    # What would be flagged upon a source may be one that varies.
    some = np.flatnonzero(log_odds[asked] > cut - _DOUBT)
    doubtful = asked[some]
    expected = brightness.as_bright_as_here(found, expected, doubtful)
    log_odds[doubtful] = own[some] + likelihood.log_ratio(
        found.part(doubtful), expected.part(doubtful), calibration
    )
    told = expected.known & ~expected.full
    flagged = told & (log_odds > cut)
    value = np.where(told, expected.value, np.nan)
    with np.errstate(invalid="ignore"):
        sigma = np.sqrt(found.rms**2 + np.maximum(value, 0) + expected.variance)
        # What may be anywhere around is no source here.
        on_source = expected.high > pooling.SOURCE_SIGMA * found.rms
        on_source &= value > _SURE_OF * np.sqrt(expected.variance)
    more = found.flux - value
    flagged &= ~shape.of_a_source(found, more, sigma, flagged, on_source)
    with np.errstate(invalid="ignore"):
        excess = more / sigma
        excess[(log_odds < cut - _DOUBT) & (excess > 0)] = 0
    return Verdict(expected.known, flagged, log_odds, excess, expected.full, expected.alone)


def _cut(threshold):
    """Return the log odds above which candidates are flagged."""
    if not 0 < threshold < 1:
        return math.copysign(math.inf, threshold - 0.5)
    return math.log(threshold / (1 - threshold) / COST_OF_MISSING)
