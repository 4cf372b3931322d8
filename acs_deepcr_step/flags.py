"""Which pixels of a chip are flagged, and why. Arrays only.

A plane of reasons (uint8) goes with every chip: it is what the mask file stores,
what the DQ bit is set from, and what allows to take the flags back.
"""

import numpy as np
from scipy import ndimage

from . import detect

__all__ = ["ALREADY", "FLAGGED", "GROWN", "PREVIOUS", "SPARED", "decide", "from_stored", "ours", "to_stored"]

FLAGGED = 1  # the step flags this pixel
ALREADY = 2  # the DQ bit was set here before the step, by somebody else
GROWN = 4  # flagged only because it is a neighbour of a flagged pixel (grow)
SPARED = 8  # above the threshold, but not flagged: beside a saturated pixel
PREVIOUS = 128  # flagged by the run before this one, with the bit that the mask file names

# Probabilities are decided on as they are stored, so that a run which reuses
# them comes to the same flags as the run which computed them.
_STORED_UNIT = 10_000


def to_stored(probability):
    """Return probabilities as stored: int16 of 10,000 p, (R, C)."""
    return np.rint(probability * np.float32(_STORED_UNIT)).astype(np.int16)


def from_stored(stored):
    """Return probabilities (float32) out of `to_stored`, (R, C)."""
    return stored / np.float32(_STORED_UNIT)


def decide(stored, image, saturated_dq, parameters):
    """Decide which pixels to flag.

    Parameters
    ----------
    stored : ndarray, (R, C), int16
        From `to_stored`.
    image : ndarray, (R, C)
        Electrons.
    saturated_dq : ndarray, (R, C), bool
        Where DQ tells of saturation.
    parameters : Parameters
        Of which threshold, grow and protect_saturated matter.

    Returns
    -------
    ndarray, (R, C), uint8
        `FLAGGED`, `GROWN` and `SPARED`.
    """
    probability = from_stored(stored)
    above = detect.mask(probability, parameters.threshold)
    flagged, wanted = above, detect.dilate(above, parameters.grow)
    if parameters.protect_saturated:
        saturated = saturated_dq | (image > detect.SATURATION_LEVEL)
        flagged = detect.protect_saturated(above, probability, saturated)
        # Growth must not put back what was just spared.
        wanted = detect.dilate(flagged, parameters.grow)
        if parameters.grow:
            wanted = detect.protect_saturated(wanted, probability, saturated)
    plane = wanted.astype(np.uint8) * FLAGGED
    plane[wanted & ~flagged] |= GROWN
    plane[above & ~wanted] |= SPARED
    return plane


def ours(plane):
    """Return where the DQ bit is there because of us, (R, C) bool."""
    return (plane & (FLAGGED | ALREADY)) == FLAGGED


def count_groups(flagged):
    """Return the number of groups of flagged pixels that touch, corners included."""
    return ndimage.label(flagged, structure=np.ones((3, 3), bool))[1]
