"""Confidence intervals of curves, by bootstrap over exposures.

Pixels of one exposure are not independent, so whole exposures are drawn with replacement.
"""

import numpy as np

from ...errors import ParameterError
from .roc import flagged_counts

__all__ = ["LEVEL", "bootstrap"]

LEVEL = 0.95
_BLOCK = 64  # draws in memory at a time


def bootstrap(counts, fpr, *, draws=1000, seed=0, level=LEVEL):
    """Return the confidence interval of the true-positive rate at false-positive rates.

    Parameters
    ----------
    counts : list of list of Histogram
        By exposure, then by setting, as `tally.Tallies.histograms` returns them.
    fpr : sequence of float, (F,)
    draws : int
    seed : int
        The same seed gives the same interval.
    level : float
        Share of the draws in the interval, by percentiles.

    Returns
    -------
    ndarray, (F, 2), float64
        Lower and upper end; nan for fewer than two exposures, or where a draw is nan.

    Raises
    ------
    ParameterError
        If `level` is not between 0 and 1 or `draws` below 2.

    References
    ----------
    Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13.
    """
    if not 0 < level < 1 or draws < 2:
        raise ParameterError(
            f"level={level!r}, draws={draws!r}: give a share between 0 and 1, and 2 or more."
        )
    fpr = np.atleast_1d(np.asarray(fpr, float))
    if len(counts) < 2:
        return np.full((len(fpr), 2), np.nan)
    flagged = [flagged_counts(row) for row in counts]
    flagged_hits, flagged_clean = (
        np.array([getattr(one, name) for one in flagged]) for name in ("hits", "clean")
    )
    hits, clean = (
        np.array([float(getattr(row[0], name).sum()) for row in counts]) for name in ("hits", "clean")
    )
    weights = np.random.default_rng(seed).multinomial(len(counts), [1 / len(counts)] * len(counts), draws)
    rates, is_mask = [], counts[0][0].is_mask
    for first in range(0, draws, _BLOCK):
        drawn = weights[first : first + _BLOCK].astype(float)
        x, y = drawn @ flagged_clean, drawn @ flagged_hits
        if is_mask:  # curves of scores are sorted already
            order = np.argsort(x, axis=1, kind="stable")
            x, y = np.take_along_axis(x, order, 1), np.take_along_axis(y, order, 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            rates.append(
                np.stack(
                    [_interpolated(rate * (drawn @ clean), x, y, is_mask) / (drawn @ hits) for rate in fpr], 1
                )
            )
    ends = np.quantile(np.concatenate(rates), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ends.T


def _interpolated(wanted, x, y, is_mask):
    """Interpolate each curve (a row of x and y, x increasing) at its own `wanted`, as `ROC.tpr_at`."""
    rows, last = np.arange(len(x)), x.shape[1] - 1
    below = np.count_nonzero(x <= wanted[:, None], axis=1) - 1
    left, right = np.maximum(below, 0), np.minimum(below + 1, last)
    x0, x1, y0, y1 = x[rows, left], x[rows, right], y[rows, left], y[rows, right]
    share = (wanted - x0) / np.where(x1 > x0, x1 - x0, 1)
    outside = (below < 0) | (is_mask & (wanted > x[:, -1]))
    return np.where(outside, np.nan, y0 + share * (y1 - y0))
