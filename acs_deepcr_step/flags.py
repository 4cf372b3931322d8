"""Which pixels of a chip are flagged, and why. Arrays only.

A plane of reasons (uint8) goes with every chip: it is what the mask file stores,
what the DQ bit is set from, and what allows to take the flags back.
"""

import math

import numpy as np
from scipy import ndimage

from . import detect, pixels, saturation
from .edges import cut_tracks

__all__ = [
    "ADDED", "ALREADY", "FILLED", "FLAGGED", "GROWN", "PREVIOUS", "SPARED", "STORED_UNIT", "VETOED",
    "above_threshold", "alone", "count_groups", "decide", "flagged", "from_stored", "grown", "ours",
    "to_stored",
]  # fmt: skip

FLAGGED = 1  # the step flags this pixel
ALREADY = 2  # the DQ bit was set here before the step, by somebody else
GROWN = 4  # flagged only because it is a neighbour of a flagged pixel (grow)
SPARED = 8  # above the threshold, but not flagged: beside a saturated pixel
VETOED = 16  # above the threshold, but not flagged: other exposures show a source there
ADDED = 32  # below the threshold, but flagged: other exposures do not show it
FILLED = 64  # below the threshold, but flagged: of an event that filled pixels or is cut by the edge; a shore
PREVIOUS = 128  # flagged by the run before this one, with the bit that the mask file names

# Probabilities are decided on as they are stored, so that a run which reuses
# them comes to the same flags as the run which computed them.
STORED_UNIT = 10_000
_SURE = detect.GUARD_PROBABILITY * STORED_UNIT


def to_stored(probability):
    """Return probabilities as stored: int16 of 10,000 p, (R, C)."""
    stored = np.empty(probability.shape, np.int16)
    for row, out in zip(probability, stored, strict=True):  # no temporary of the image's size
        out[:] = np.rint(row * np.float32(STORED_UNIT))
    return stored


def from_stored(stored):
    """Return probabilities (float32) out of `to_stored`, (R, C)."""
    return stored / np.float32(STORED_UNIT)


def above_threshold(stored, threshold):
    """Return where stored probabilities are above a threshold, (R, C) bool."""
    # Of whole numbers those above t are those above its floor; the small term is
    # for thresholds like 0.29, whose product falls short of 2900.
    return stored > math.floor(threshold * STORED_UNIT + 1e-6)


def decide(stored, saturated, parameters, filled=None):
    """Decide which pixels to flag.

    Parameters
    ----------
    stored : ndarray, (R, C), int16
        From `to_stored`.
    saturated : ndarray, (R, C), bool
        Saturated pixels, by DQ or by their charge.
    parameters : Parameters
        Of which threshold, grow and protect_saturated matter.
    filled : ndarray, (R, C), bool, optional
        Pixels that a cosmic ray filled, or that `edges` found, to be flagged in any case.

    Returns
    -------
    ndarray, (R, C), uint8
        `FLAGGED`, `GROWN`, `SPARED` and `FILLED`.
    """
    above = above_threshold(stored, parameters.threshold)
    plane = grown(flagged(stored, saturated, parameters, filled), stored, saturated, parameters)
    plane[above & (plane == 0)] |= SPARED
    if filled is not None:
        plane[filled & ~above] |= FILLED
    return plane


def flagged(stored, saturated, parameters, filled=None):
    """Return which pixels are flagged before they grow.

    Parameters
    ----------
    stored, saturated, parameters, filled
        As for `decide`.

    Returns
    -------
    ndarray, (R, C), bool
    """
    kept = above_threshold(stored, parameters.threshold)
    if parameters.protect_saturated:
        kept = detect.protect_saturated(kept, stored, saturated, _SURE)
        kept = saturation.without_shores(kept, saturated)
    return kept if filled is None else kept | filled


def grown(kept, stored, saturated, parameters):
    """Return the reasons of flags and of what grows from them.

    Parameters
    ----------
    kept : ndarray, (R, C), bool
        The flags.
    stored, saturated, parameters
        As for `decide`.

    Returns
    -------
    ndarray, (R, C), uint8
        `FLAGGED` and `GROWN`; 0 elsewhere.
    """
    wanted = detect.dilate(kept, parameters.grow)
    if parameters.protect_saturated and parameters.grow:
        # Growth must not put back what was just spared.
        wanted = detect.protect_saturated(wanted, stored, saturated, _SURE) | kept
    plane = wanted.astype(np.uint8) * np.uint8(FLAGGED)
    plane[wanted & ~kept] |= GROWN
    return plane


def alone(stored, image, saturated, parameters):
    """Decide on a chip of which nothing else is known.

    Parameters
    ----------
    stored : ndarray, (R, C), int16
        From `to_stored`.
    image : ndarray, (R, C)
        Electrons, sky included.
    saturated : ndarray, (R, C), bool
        Saturated pixels, by DQ or by their charge.
    parameters : Parameters
        As for `decide`.

    Returns
    -------
    ndarray, (R, C), uint8
        As from `decide`.
    """
    levels, limit = pixels.levels(image), parameters.threshold * STORED_UNIT
    guarded, filled = saturation.guarded(image, levels, saturated, stored, limit)
    filled = filled | cut_tracks(image, levels, saturated, parameters.threshold)
    return decide(stored, guarded, parameters, filled)


def ours(plane):
    """Return where the DQ bit is there because of us, (R, C) bool."""
    return (plane & (FLAGGED | ALREADY)) == FLAGGED


def count_groups(flagged):
    """Return the number of groups of flagged pixels that touch, corners included."""
    return ndimage.label(flagged, structure=np.ones((3, 3), bool))[1]
