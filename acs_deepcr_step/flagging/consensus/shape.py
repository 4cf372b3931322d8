"""Sources that moved or changed: as wide as a star, which the track of a cosmic ray is not."""

import numpy as np

from .candidates import at_index

__all__ = ["of_a_source"]

_STANDS = 3.0  # sigma
_EVERY_SIDE, _THREE_SIDES = 0.15, 0.25  # of the excess of a peak, beside it
_WITHIN = 0.5  # sigma
_MANY = 6  # pixels; fewer upon another source are hard to tell from a cosmic ray
_SURE = 0.5  # probability
_LONE = 0.15  # of a star's peak: what no other pixel shares is an error of interpolation


def of_a_source(found, excess, sigma, flagged, on_source):
    """Return which flagged candidates may belong to a source that moved or changed.

    Parameters
    ----------
    found : candidates.Candidates
    excess : ndarray, (K,)
        Electrons above what the others lead to expect; nan where they say nothing.
    sigma : ndarray, (K,)
        Its error.
    flagged : ndarray, (K,), bool
    on_source : ndarray, (K,), bool
        Where the others show a source.

    Returns
    -------
    ndarray, (K,), bool
        Those of the groups of pixels that stand out or are flagged of which the network is sure of no
        flagged pixel, whose peak has light on all sides, and that have more than six pixels or peak on
        no source of the others; and single pixels that add little to the peak of a star.
    """
    with np.errstate(invalid="ignore"):
        standing = excess > _STANDS * sigma
    grouped = standing | flagged
    label, count = found.groups(found.as_mask(grouped))
    sure = np.zeros(count + 1, bool)
    sure[label[flagged & (found.p > _SURE)]] = True
    # In the core of a saturated star the excess may be large, and not known.
    members = np.flatnonzero(grouped)
    order = np.lexsort((np.nan_to_num(excess[members], nan=-np.inf), standing[members]))
    peaks = np.zeros(count + 1, int)
    peaks[label[members[order]]] = members[order]
    size = np.bincount(label, minlength=count + 1)
    wide = ((size > _MANY) | ~on_source[peaks]) & _has_light_beside(found, excess, sigma, peaks)
    lone = (size == 1) & on_source[peaks] & _adds_little(found, excess, peaks)
    spared = ~sure & (wide | lone)
    spared[0] = False
    return spared[label] & flagged


def _has_light_beside(found, excess, sigma, peaks):
    """Return whether the excess of each peak goes on to all sides, as that of a source does."""
    columns = found.shape[1]
    at, there = at_index(found, found.index[peaks] + np.array([[-columns], [-1], [1], [columns]]))
    # What is no candidate is looked up nowhere: the others show there about what they show at the peak.
    expected = found.flux[peaks] - excess[peaks]
    beside = np.where(there & np.isfinite(excess[at]), excess[at], found.part(peaks).beside - expected)
    beside = np.sort(np.nan_to_num(beside + _WITHIN * sigma[peaks], nan=-np.inf), axis=0)
    return (beside[0] > _EVERY_SIDE * excess[peaks]) & (beside[1] > _THREE_SIDES * excess[peaks])


def _adds_little(found, excess, peaks):
    """Return whether each is the highest of its neighbours, and little of it is in excess."""
    flux = found.flux[peaks]
    return (flux >= found.part(peaks).beside.max(axis=0)) & (excess[peaks] < _LONE * flux)
