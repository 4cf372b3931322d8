"""Probabilities as mask files store them: whole ten-thousandths.

Flags are decided on the stored values, so that a run which reuses them comes to the same
flags as the run which computed them.
"""

import math

import numpy as np

__all__ = ["SCALE", "above_threshold", "from_scaled", "to_scaled"]

SCALE = 10_000


def to_scaled(probability):
    """Return probabilities as whole ten-thousandths.

    Parameters
    ----------
    probability : ndarray, (R, C), float
        0 to 1.

    Returns
    -------
    ndarray, (R, C), int16
        10,000 times the probability.
    """
    scaled = np.empty(probability.shape, np.int16)
    for row, out in zip(probability, scaled, strict=True):  # no temporary of the image's size
        out[:] = np.rint(row * np.float32(SCALE))
    return scaled


def from_scaled(scaled_probability):
    """Return probabilities out of `to_scaled`, float32 of the same shape."""
    return scaled_probability / np.float32(SCALE)


def above_threshold(scaled_probability, threshold):
    """Return where probabilities are above a threshold.

    Parameters
    ----------
    scaled_probability : ndarray, (R, C), int16
        From `to_scaled`.
    threshold : float
        A probability, 0 to 1.

    Returns
    -------
    ndarray, (R, C), bool
    """
    # Of whole numbers those above t are those above its floor; the small term is
    # for thresholds like 0.29, whose product falls short of 2900.
    return scaled_probability > math.floor(threshold * SCALE + 1e-6)
