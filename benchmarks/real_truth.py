"""What the truth made of real exposures has in common: groups of pixels, and how a mask scores."""

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


def found(mask, truth, use):
    """Return the share of events of which one pixel at least is flagged.

    Parameters
    ----------
    mask, truth, use : ndarray, (R, C), bool
        Events are the groups of `truth` where `use` is true.

    Returns
    -------
    float
        NaN without any event.
    """
    labels, count = ndimage.label(truth & use, structure=EIGHT)
    return np.unique(labels[mask & truth & use]).size / count if count else float("nan")


def far(mask, truth, use):
    """Return the share of the pixels that count which are flagged farther than a pixel from any true one.

    Parameters
    ----------
    mask, truth, use : ndarray, (R, C), bool

    Returns
    -------
    float
    """
    return np.count_nonzero(mask & use & ~ndimage.binary_dilation(truth, EIGHT)) / np.count_nonzero(use)
