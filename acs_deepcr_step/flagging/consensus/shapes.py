"""How the excess of pixels is spread: as that of a source, or of a cosmic ray.

A source that changed, or that stands in one exposure only, such as an asteroid, is as wide as
the profile of a star; the track of a cosmic ray is not.
"""

from dataclasses import dataclass

import numpy as np

from ...arrays.morphology import dilate, label_groups
from .lookup import Candidates

__all__ = ["Excess", "beside_full", "candidates_at", "like_a_source", "passes", "standing_groups"]


@dataclass(frozen=True, eq=False)
class Excess:
    """Candidates, and by how much they stand out.

    Attributes
    ----------
    found : lookup.Candidates
    more : ndarray, (K,)
        Electrons above what is expected; nan where that is not known.
    sigma : ndarray, (K,)
        The same in sigma.
    source : ndarray, (K,), bool
        Where the others show a source.
    """

    found: Candidates
    more: np.ndarray
    sigma: np.ndarray
    source: np.ndarray


def candidates_at(found, index):
    """Return which candidates are at flat indices of any shape, and whether there is one."""
    at = np.searchsorted(found.index, index).clip(0, max(found.index.size - 1, 0))
    return at, found.index[at] == index


def beside_full(found):
    """Return which candidates are full wells or touch one: charge bleeds otherwise each time.

    Parameters
    ----------
    found : lookup.Candidates

    Returns
    -------
    ndarray, (K,), bool
    """
    full = np.zeros(found.shape, bool)
    full.ravel()[found.index[found.full]] = True
    return dilate(full, 1).ravel()[found.index]


def like_a_source(seen, chosen, rules, peak=False):
    """Return whether the excess of chosen candidates is spread as a star's is.

    Parameters
    ----------
    seen : Excess
    chosen : ndarray of int
    rules : rules.Rules
    peak : bool
        Whether they are peaks, on all four sides of which a star has light, and not on three at least.

    Returns
    -------
    ndarray of bool
    """
    found, columns = seen.found, seen.found.shape[1]
    at, there = candidates_at(found, found.index[chosen] + np.array([[-columns], [-1], [1], [columns]]))
    beside = np.where(there, seen.more[at], np.nan)
    if found.beside is not None:
        # On blank sky nothing is expected of pixels that were not looked up.
        beside = np.where(np.isnan(beside) & ~seen.source[chosen], found.beside[:, chosen], beside)
    beside = np.sort(np.nan_to_num(beside, nan=-np.inf), axis=0)
    if not peak:
        return beside[1] > rules.alike * seen.more[chosen]
    sides = [share * seen.more[chosen] for share in rules.at_peak]
    return (beside[0] > sides[0]) & (beside[1] > sides[1])


def passes(seen, flagged, threshold, rules):
    """Return which flagged candidates may be of a source that stands in this exposure only.

    Groups on blank sky that are bright and spread as a star is, of which the network takes no pixel
    for a cosmic ray.
    """
    label, peaks = _groups(seen, flagged)
    sure = np.zeros(peaks.size, bool)
    sure[label[flagged & ((seen.found.p > threshold) | seen.source)]] = True
    moving = ~sure & (seen.sigma[peaks] > rules.passing) & like_a_source(seen, peaks, rules, peak=True)
    moving[0] = False
    return moving[label]


def standing_groups(seen, standing, rules):
    """Tell sources from tracks among what stands out, whether the network suspects it or not.

    Parameters
    ----------
    seen : Excess
    standing : ndarray, (K,), bool
    rules : rules.Rules

    Returns
    -------
    spread : ndarray, (K,), bool
        Candidates in groups whose peak is spread as a star's is.
    moves : ndarray, (K,), bool
        Those of them that may be of a source that stands in this exposure only: upon another source
        only large groups, since small ones are hard to tell from cosmic rays there.
    """
    label, peaks = _groups(seen, standing)
    large = np.bincount(label, minlength=peaks.size) > rules.crowd
    spread = like_a_source(seen, peaks, rules, peak=True)
    spread[0] = False
    return spread[label], (spread & (large | ~seen.source[peaks]))[label]


def _groups(seen, chosen):
    """Label the groups of chosen candidates that touch, from 1 (0: not chosen), and name their peaks."""
    mask = np.zeros(seen.found.shape, bool)
    mask.ravel()[seen.found.index[chosen]] = True
    labels, count = label_groups(mask)
    label = labels.ravel()[seen.found.index]
    order = np.argsort(np.nan_to_num(seen.more, nan=-np.inf))
    peaks = np.zeros(count + 1, int)
    peaks[label[order]] = order
    return label, peaks
