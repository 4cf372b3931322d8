"""What the truth made of real exposures has in common: scores, and groups of pixels."""

import numpy as np
from scipy import ndimage

EIGHT = np.ones((3, 3), bool)


def grown(seeds, candidates):
    """Return seeds and all candidates that touch them through candidates, corners included.

    Parameters
    ----------
    seeds, candidates : ndarray, (R, C), bool

    Returns
    -------
    ndarray, (R, C), bool
    """
    return ndimage.binary_propagation(seeds, mask=seeds | candidates, structure=EIGHT)


def count_events(mask):
    """Count the groups of pixels that touch, corners included."""
    return ndimage.label(mask, structure=EIGHT)[1]


def score(mask, truth, use):
    """Return TPR and FPR of a mask where `use` is true.

    Parameters
    ----------
    mask, truth, use : ndarray, (R, C), bool

    Returns
    -------
    tpr, fpr : float
        Share of the true pixels, and of the others, that are flagged.
    """
    return float(mask[truth & use].mean()), float(mask[~truth & use].mean())
