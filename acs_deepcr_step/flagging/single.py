"""Which pixels of a chip are flagged where a single exposure decides, and why."""

from ..arrays import reasons
from ..arrays.morphology import dilate
from ..arrays.probabilities import above_threshold
from . import guard, saturation
from .edges import cut_tracks

__all__ = ["decide", "flagged", "flagged_anyway", "grown", "reasons_of"]


def decide(chip, decision):
    """Decide on a chip of which nothing else is known.

    Parameters
    ----------
    chip : chip.ChipImage
    decision : Decision

    Returns
    -------
    ndarray, (R, C), uint16
        `FLAGGED`, `GROWN`, `SPARED` and `FILLED` of `arrays.reasons`.
    """
    return reasons_of(
        chip.scaled_probability,
        flagged_anyway(chip, saturation.divided(chip, decision.threshold), decision),
        decision,
    )


def flagged_anyway(chip, wells, decision):
    """Add the tracks that the image's edge cuts to what is flagged whatever the network says.

    Parameters
    ----------
    chip : chip.ChipImage
    wells : saturation.SaturatedPixels
    decision : Decision

    Returns
    -------
    saturation.SaturatedPixels
    """
    return saturation.SaturatedPixels(wells.star, wells.cosmic_ray | cut_tracks(chip, decision.threshold))


def reasons_of(scaled_probability, wells, decision):
    """Return the reasons where the network and the saturated pixels decide.

    Parameters
    ----------
    scaled_probability : ndarray, (R, C), int16
        10,000 times the probability.
    wells : saturation.SaturatedPixels
        Its `cosmic_ray` pixels are flagged in any case.
    decision : Decision

    Returns
    -------
    ndarray, (R, C), uint16
        As of `decide`.
    """
    above = above_threshold(scaled_probability, decision.threshold)
    out = grown(flagged(scaled_probability, wells, decision), scaled_probability, wells.star, decision)
    out[above & (out == 0)] |= reasons.SPARED
    out[wells.cosmic_ray & ~above] |= reasons.FILLED
    return out


def flagged(scaled_probability, wells, decision):
    """Return which pixels are flagged before they grow.

    Parameters
    ----------
    scaled_probability, wells, decision
        As for `reasons_of`.

    Returns
    -------
    ndarray, (R, C), bool
    """
    kept = above_threshold(scaled_probability, decision.threshold)
    if decision.protect_saturated:
        kept = guard.without_unsure(kept, scaled_probability, wells.star)
        kept = saturation.without_bleed_edges(kept, wells.star)
    return kept | wells.cosmic_ray


def grown(kept, scaled_probability, star, decision):
    """Return the reasons of flags and of what grows from them.

    Parameters
    ----------
    kept : ndarray, (R, C), bool
        The flags.
    scaled_probability : ndarray, (R, C), int16
        10,000 times the probability.
    star : ndarray, (R, C), bool
        Saturated pixels that a star may have filled.
    decision : Decision

    Returns
    -------
    ndarray, (R, C), uint16
        `FLAGGED` and `GROWN`; 0 elsewhere.
    """
    wanted = dilate(kept, decision.grow)
    if decision.protect_saturated and decision.grow:
        # Growth must not put back what was just spared.
        wanted = guard.without_unsure(wanted, scaled_probability, star) | kept
    out = wanted.astype(reasons.DTYPE) * reasons.DTYPE.type(reasons.FLAGGED)
    out[wanted & ~kept] |= reasons.GROWN
    return out
