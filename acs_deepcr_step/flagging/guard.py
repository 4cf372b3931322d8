"""The guard at saturated pixels: near them only flags that the network is sure of stay.

The published training left out all pixels within 7x7 of a saturated one (paper, section 2), so
a star's saturated core may look like a cosmic ray to the network. Bright cosmic rays saturate
pixels too, but the network is sure of those.
"""

from ..arrays.morphology import dilate
from ..arrays.probabilities import SCALE

__all__ = ["PROBABILITY", "SIDE", "near", "without_unsure"]

SIDE = 7  # pixels
PROBABILITY = 0.9


def near(saturated):
    """Return the pixels within 7x7 of a saturated one.

    Parameters
    ----------
    saturated : ndarray, (R, C), bool

    Returns
    -------
    ndarray, (R, C), bool
    """
    return dilate(saturated, SIDE // 2)


def without_unsure(flagged, scaled_probability, saturated):
    """Unflag what the network is not sure of near saturated pixels.

    Parameters
    ----------
    flagged : ndarray, (R, C), bool
    scaled_probability : ndarray, (R, C), int16
        10,000 times the probability.
    saturated : ndarray, (R, C), bool

    Returns
    -------
    ndarray, (R, C), bool
        The flags less those with a probability below 0.9 within 7x7 of a saturated pixel.
    """
    if not saturated.any():
        return flagged
    unsure = flagged & near(saturated)
    unsure[unsure] = scaled_probability[unsure] < PROBABILITY * SCALE
    return flagged & ~unsure
