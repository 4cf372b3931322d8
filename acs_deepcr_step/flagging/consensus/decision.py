"""From the verdict of the other exposures and the network's to the reasons of a chip's pixels."""

from dataclasses import replace

import numpy as np

from ...arrays import reasons
from ...arrays.morphology import dilate
from ...arrays.probabilities import above_threshold
from .. import guard, saturation, single
from . import verdict as verdicts
from . import wells

__all__ = ["decide", "reasons_of"]

_GROW_SIGMA = 2.0  # at which neighbours of flags are flagged
_BESIDE_SIGMA = 3.0  # the same near a saturated star, whose wings are less well known
_SUSPECTED = 0.05  # probability


def decide(chip, found, others, calibration, decision):
    """Decide on a chip by what other exposures show.

    Parameters
    ----------
    chip : field_chip.FieldChip
    found : candidates.Candidates
        Of the chip.
    others : list of comparison.Compared
        Those that are used.
    calibration : calibration.Calibration
    decision : Decision

    Returns
    -------
    ndarray, (R, C), uint16
        Reasons of the pixels; without another exposure as of `single.decide`.
    """
    filled = single.flagged_anyway(chip, _filled(chip, found, others, decision.threshold), decision)
    if not others:
        return single.reasons_of(chip.scaled_probability, filled, decision)
    verdict = verdicts.compare(found, others, calibration, decision.threshold)
    return reasons_of(chip.scaled_probability, filled, found, verdict, decision)


def _filled(chip, found, others, threshold):
    """Return the saturated pixels by what filled them: where the others tell, they overrule this exposure."""
    seen = wells.wells(found, chip.saturated, others)
    # What a cosmic ray filled is decided on pixel by pixel; upon a star some hold the star's light alone.
    itself = saturation.divided(replace(chip, saturated=chip.saturated & ~seen.no_star), threshold)
    return saturation.SaturatedPixels(
        star=itself.star | seen.star, cosmic_ray=itself.cosmic_ray & ~dilate(seen.star, 1)
    )


def reasons_of(scaled_probability, filled, found, verdict, decision):
    """Return the reasons of a chip's pixels.

    Parameters
    ----------
    scaled_probability : ndarray, (R, C), int16
        10,000 times the probability.
    filled : saturation.SaturatedPixels
        Divided in the eyes of this exposure.
    found : candidates.Candidates
    verdict : verdict.Verdict
        On them.
    decision : Decision

    Returns
    -------
    ndarray, (R, C), uint16
        As of `single.decide`, and VETOED and ADDED.
    """
    flagged = single.flagged(scaled_probability, filled, decision)
    near = guard.near(filled.star).ravel()[found.index]
    # Where the others know, they decide; beside a saturated star, whose charge does not bleed
    # equally far each time, they may only spare, unless the network and all of them agree, or the
    # excess is large and not where charge may have bled.
    here = filled.star.ravel()[found.index]
    # Beside a trail of the others, whose end moves, the network's certainty counts for more.
    free = verdict.known & ~(verdict.full & (found.p >= guard.PROBABILITY) & ~here)
    enough = np.where(free & ~verdict.full, _GROW_SIGMA, np.inf)
    if decision.protect_saturated:
        star = near & (~verdict.alone | (found.p < _SUSPECTED) | here)
        touching = dilate(filled.star, 1).ravel()[found.index]
        star &= touching | ~verdict.flagged | (verdict.excess < _BESIDE_SIGMA)
        spared = found.index[free & star & ~verdict.flagged]
        flagged.ravel()[spared] = False
        enough[star] = np.where(touching[star], np.inf, np.maximum(enough[star], _BESIDE_SIGMA))
        free &= ~star
    flagged.ravel()[found.index[free]] = verdict.flagged[free]
    if decision.protect_saturated:
        flagged = saturation.without_bleed_edges(flagged, filled.star)
    _grow_by_excess(flagged, found, verdict.excess > enough)
    return _reasons(scaled_probability, filled.star, flagged, found.as_mask(verdict.known), decision)


def _reasons(scaled_probability, star, flagged, known, decision):
    """Return the reasons of what is flagged, of which pixels the others decided on `known` ones."""
    above = above_threshold(scaled_probability, decision.threshold)
    out = single.grown(flagged, scaled_probability, star, decision)
    left = above & (out == 0)
    out[flagged & known & ~above] |= reasons.ADDED
    out[flagged & ~known & ~above] |= reasons.FILLED
    out[left & known] |= reasons.VETOED
    out[left & ~known] |= reasons.SPARED
    return out


def _grow_by_excess(flagged, found, stands_out, rounds=2):
    """Flag the neighbours of flags that stand above what the others show, in place."""
    flat = flagged.ravel()
    left = np.flatnonzero(stands_out & ~flat[found.index])
    for _ in range(rounds):
        near = dilate(flagged, 1).ravel()[found.index[left]]
        if not near.any():
            return
        flat[found.index[left[near]]] = True
        left = left[~near]
