"""Receiver operating characteristic (ROC) of scores, exact and in one pass.

Histograms of the scores of hit and of clean pixels give the rates of every threshold at once, and those
of many images add up in constant memory.

Scores are rounded as in the step (whole 1/10000), and a pixel is flagged where its scaled score is above
the threshold. So the curve holds **every** threshold that the step distinguishes: 10,001 points, from 1
(nothing is flagged) to 0. Scores below 1/20000 are all 0, so the curve ends before (1, 1).
"""

from dataclasses import dataclass

import numpy as np

from ...arrays.numerics import numpy_defaults
from ...arrays.probabilities import SCALE
from ...config.arguments import IMAGE, WHOLE, Kind, checked, optional
from ...errors import ParameterError
from .scores import DISK, dilated, scaled_probability

__all__ = [
    "HIGH_FPR",
    "LOW_FPR",
    "ROC",
    "FlaggedCounts",
    "Histogram",
    "curve",
    "flagged_counts",
]

# The false-positive rates of the paper's Table 3.
LOW_FPR, HIGH_FPR = 5e-4, 5e-3


@dataclass(frozen=True, eq=False)
class ROC:
    """True-positive rate against false-positive rate.

    Attributes
    ----------
    fpr, tpr : ndarray, (K,), float64
        Flagged shares of the clean and of the hit pixels, by increasing `fpr`; nan without any clean or
        any hit pixel.
    thresholds : ndarray, (K,), float64
        Pixels with a score above it are flagged. For masks: the setting that made each mask.
    """

    fpr: np.ndarray
    tpr: np.ndarray
    thresholds: np.ndarray

    def tpr_at(self, fpr, conservative=False):
        """Return the true-positive rate at a false-positive rate.

        Parameters
        ----------
        fpr : float or array-like
            0 to 1.
        conservative : bool
            False: interpolate linearly between the two nearest thresholds, as for published figures.
            True: the best of the thresholds that do not exceed `fpr`.

        Returns
        -------
        float or ndarray
            Beyond a curve of scores: the TPR of threshold 0, the last one. Outside the points of masks: nan.
        """
        x = np.asarray(fpr, float)
        if not np.isfinite([self.fpr, self.tpr]).all():
            return _scalar_or_array(np.full(x.shape, np.nan))
        if conservative:
            last = np.searchsorted(self.fpr, x, side="right") - 1
            found = np.where(last < 0, np.nan, np.maximum.accumulate(self.tpr)[last])
        else:
            found = np.interp(x, self.fpr, self.tpr, left=np.nan)
        beyond = (x > self.fpr[-1]) & (self.thresholds[-1] > 0)
        return _scalar_or_array(np.where(beyond, np.nan, found))

    def reaches(self, fpr):
        """Return whether a threshold that flags anything has at most this false-positive rate.

        Parameters
        ----------
        fpr : float

        Returns
        -------
        bool
            False: `tpr_at` lies on the straight line from the strictest threshold to (0, 0).
        """
        return bool(((self.fpr <= fpr) & (self.tpr > 0)).any())

    def at(self, threshold):
        """Return the rates at a threshold.

        Parameters
        ----------
        threshold : float

        Returns
        -------
        fpr, tpr : float
            At the greatest listed threshold not above `threshold`; it flags the same pixels in the step.

        Raises
        ------
        ParameterError
            If all listed thresholds are above `threshold`.
        """
        listed = np.where(self.thresholds <= threshold + 1e-9, self.thresholds, -np.inf)
        best = int(np.argmax(listed))
        if not np.isfinite(listed[best]):
            raise ParameterError(
                f"threshold={threshold!r} is below all of the curve: give {self.thresholds.min():g} or more."
            )
        return float(self.fpr[best]), float(self.tpr[best])


def _scalar_or_array(values):
    return float(values) if values.ndim == 0 else values


@dataclass(frozen=True, eq=False)
class Histogram:
    """Histograms of the scores of hit and of clean pixels; those of several images add up with ``+``.

    Attributes
    ----------
    hits, clean : ndarray, (L + 1,), int64
        Number of pixels with score 0 .. L; L is 10,000 for probabilities and 1 for masks.
    ignored : int
        Number of pixels left out.
    """

    hits: np.ndarray
    clean: np.ndarray
    ignored: int = 0

    @classmethod
    def of(cls, scores, truth, ignore=None):
        """Count the pixels of an image.

        Parameters
        ----------
        scores : ndarray, (R, C), bool or int16
            A mask, or scores from `scaled_probability`.
        truth : ndarray, (R, C), bool
            Hit pixels.
        ignore : ndarray, (R, C), bool, optional
            Pixels left out.

        Returns
        -------
        Histogram

        Raises
        ------
        ParameterError
            If the shapes differ.
        """
        _require_same_shape(scores, truth, ignore)
        levels = 1 if scores.dtype == bool else SCALE
        hit = truth if ignore is None else truth & ~ignore
        # Hit and ignored pixels are few: counting them separately saves a copy of all the others.
        hits = _histogram(scores[hit], levels)
        n_ignored = 0 if ignore is None else int(np.count_nonzero(ignore))
        clean = _histogram(scores.ravel(), levels) - hits
        if n_ignored:
            clean -= _histogram(scores[ignore], levels)
        return cls(hits, clean, n_ignored)

    @property
    def is_mask(self):
        """Whether the scores are a mask."""
        return len(self.hits) == 2

    def __add__(self, other):
        return Histogram(self.hits + other.hits, self.clean + other.clean, self.ignored + other.ignored)

    def with_ignored_as_clean(self):
        """Return the histograms with ignored pixels counted as clean and not flagged, as published."""
        clean = self.clean.copy()
        clean[0] += self.ignored
        return Histogram(self.hits, clean)

    def roc(self):
        """Return the ROC curve; a single point for a mask.

        Returns
        -------
        ROC
        """
        counts = flagged_counts([self])
        with np.errstate(invalid="ignore"):
            fpr, tpr = counts.clean / self.clean.sum(), counts.hits / self.hits.sum()
        return ROC(fpr, tpr, counts.thresholds)


@dataclass(frozen=True, eq=False)
class FlaggedCounts:
    """Numbers of flagged pixels at each threshold.

    Attributes
    ----------
    hits, clean : ndarray, (K,), float64
        Flagged hit pixels (true positives) and flagged clean pixels (false positives).
    thresholds : ndarray, (K,), float64
        Decreasing for scores; for masks their settings, 0.5 where there is none.
    """

    hits: np.ndarray
    clean: np.ndarray
    thresholds: np.ndarray


def flagged_counts(histograms, settings=None):
    """Return how many pixels are flagged at each threshold.

    Parameters
    ----------
    histograms : sequence of Histogram
        One of scores, or any number of masks.
    settings : sequence of float, optional
        What made each mask.

    Returns
    -------
    FlaggedCounts
    """
    if not histograms[0].is_mask:
        [scores] = histograms
        levels = len(scores.hits) - 1
        # Flagged at threshold k: all scores from k + 1 on.
        hits, clean = (
            np.append(0, np.cumsum(counts[:0:-1])).astype(float) for counts in (scores.hits, scores.clean)
        )
        return FlaggedCounts(hits, clean, np.arange(levels, -1, -1) / levels)
    hits, clean = (
        np.array([float(getattr(mask, name)[1]) for mask in histograms]) for name in ("hits", "clean")
    )
    thresholds = [0.5] * len(histograms) if settings is None else settings
    return FlaggedCounts(hits, clean, np.array(thresholds, float))


def _histogram(values, levels):
    # Nine in ten pixels have the score 0, and bincount is slow on equal values.
    positive = values[values > 0]
    counts = np.bincount(positive, minlength=levels + 1)
    counts[0] = values.size - positive.size
    return counts


def _require_same_shape(scores, truth, ignore):
    if truth.shape != scores.shape or (ignore is not None and ignore.shape != scores.shape):
        other = "" if ignore is None else f", ignored pixels of {ignore.shape}"
        raise ParameterError(
            f"Scores of {scores.shape} pixels, truth of {truth.shape}{other}: give arrays of one shape."
        )


_DILATE = Kind(
    f"a whole number of pixels, or {DISK!r}", lambda value: WHOLE.accepts(value) or str(value) == DISK
)


@checked(probability=IMAGE, truth=IMAGE, ignore=optional(IMAGE), dilate=_DILATE)
@numpy_defaults()
def curve(probability, truth, ignore=None, dilate=0):
    """Return the ROC curve of one image.

    Both rates are those of the dilated mask, and ignored pixels are left out (the plain reading).
    `tally.Tally` gives the published reading too, and the curve of many images.

    Parameters
    ----------
    probability : ndarray, (R, C)
        Float, 0 to 1; or a mask of dtype bool, whose curve is one point.
    truth : ndarray, (R, C), bool
    ignore : ndarray, (R, C), bool, optional
        Pixels left out. Flags on them are dilated nevertheless, as by the step's `grow`.
    dilate : int or 'disk'
        See `dilated`.

    Returns
    -------
    ROC

    Raises
    ------
    ParameterError
        If the arrays do not fit together, or `dilate` is invalid.

    References
    ----------
    Kwon, Zhang & Bloom 2021, section 3.1.
    """
    truth = np.asarray(truth, bool)
    ignore = None if ignore is None else np.asarray(ignore, bool)
    return Histogram.of(dilated(scaled_probability(probability), dilate), truth, ignore).roc()
