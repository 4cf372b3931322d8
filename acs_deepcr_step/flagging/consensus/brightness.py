"""Sources that are brighter here than in the others: a star that varies is no cosmic ray."""

from dataclasses import replace

import numpy as np

from .candidates import at_index
from .pooling import SOURCE_SIGMA

__all__ = ["as_bright_as_here"]

_UNSUSPECTED = 0.1  # probability
_DIMMEST = 0.25  # of the light around: what is brighter in three quarters of it varies
_FEWEST = 3  # of the 5x5 pixels around


def as_bright_as_here(found, expected, asked):
    """Return what is expected if sources are as bright as three quarters of their light are here.

    Parameters
    ----------
    found : candidates.Candidates
    expected : pooling.Expected
    asked : ndarray of int
        The candidates at which it matters.

    Returns
    -------
    pooling.Expected
        Where a pixel stands above what the others show of a source, their value is multiplied by the
        lower quartile, by light, of what is here over what they show in the 5x5 pixels around, if that is
        more than 1: a cosmic ray brightens some of them, a star that varies all.
    """
    with np.errstate(invalid="ignore"):
        on_source = expected.known & (expected.high > SOURCE_SIGMA * found.rms)
    chosen = asked[on_source[asked]]
    columns = found.shape[1]
    around = np.array([dy * columns + dx for dy in range(-2, 3) for dx in range(-2, 3)])
    at, there = at_index(found, found.index[chosen] + around[:, None])
    usual = np.where(there & on_source[at] & (found.p[at] < _UNSUSPECTED), expected.value[at], 0)
    usual = np.maximum(usual, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = _quartile(found.flux[at] / expected.value[at], usual)
    enough = (usual > 0).sum(axis=0) > _FEWEST
    factor = np.ones(found.index.size, np.float32)
    factor[chosen] = np.where(enough & (ratio > 1), ratio, 1)
    return replace(expected, value=expected.value * factor, variance=expected.variance * factor**2)


def _quartile(values, weight):
    """Lower quartiles along the first axis, weighted."""
    values = np.where(weight > 0, values, np.inf)
    order = np.argsort(values, axis=0)
    values, weight = (np.take_along_axis(each, order, axis=0) for each in (values, weight))
    share = np.cumsum(weight, axis=0)
    lower = np.argmax(share >= _DIMMEST * share[-1], axis=0)[None]
    return np.take_along_axis(values, lower, axis=0)[0]
