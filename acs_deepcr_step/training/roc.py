"""Receiver operating characteristic of scores, exactly, in one pass.

A histogram of the scores of hit and of clean pixels holds everything that any threshold can tell. So
each image is looked at once, whatever the number of thresholds, and histograms of many images add up
in constant memory.

What is exact: scores are rounded as the step stores them (whole 1/10000), and a pixel is flagged where
its stored score is above the threshold. The curve holds the rates of **every** threshold that the step
can tell apart, counted, not sampled: 10,001 points, from 1 (nothing is flagged) to 0. Nothing is said
beyond: pixels whose score is below 1/20000 are not told apart, so the curve ends before (1, 1).

Dilation needs one maximum filter of the scores, not one of each mask: where the largest score of a
neighbourhood is above a threshold, and only there, one of its pixels is flagged.
"""

from dataclasses import dataclass

import numpy as np

from ..errors import ParameterError
from ..flags import STORED_UNIT, to_stored

__all__ = ["DISK", "HIGH_FPR", "LOW_FPR", "ROC", "Histogram", "curve", "dilated", "points", "stored"]

# The false-positive rates of the paper's Table 3.
LOW_FPR, HIGH_FPR = 5e-4, 5e-3

# deepCR's own kernel, skimage's disk(1): a pixel and its four neighbours.
DISK = "disk"


@dataclass(frozen=True, eq=False)
class ROC:
    """True-positive rate against false-positive rate.

    Attributes
    ----------
    fpr, tpr : ndarray, (K,), float64
        Shares of the clean and of the hit pixels that are flagged, in order of increasing `fpr`; nan
        where there is no clean or no hit pixel.
    thresholds : ndarray, (K,), float64
        Pixels with a score above it are flagged. For masks that one setting each has made, that setting.
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
            False: linear between the two thresholds whose FPR lie around `fpr`, as published figures
            are read off. True: the best of the thresholds that do not exceed `fpr`, which can be had
            with one threshold.

        Returns
        -------
        float or ndarray
            Beyond a curve of scores, the TPR of its last threshold, 0. Beside the points of masks, nan.
        """
        x = np.asarray(fpr, float)
        if not np.isfinite([self.fpr, self.tpr]).all():
            return _plain(np.full(x.shape, np.nan))
        if conservative:
            last = np.searchsorted(self.fpr, x, side="right") - 1
            found = np.where(last < 0, np.nan, np.maximum.accumulate(self.tpr)[last])
        else:
            found = np.interp(x, self.fpr, self.tpr, left=np.nan)
        beyond = (x > self.fpr[-1]) & (self.thresholds[-1] > 0)
        return _plain(np.where(beyond, np.nan, found))

    def reaches(self, fpr):
        """Return whether any threshold that flags something has no more false positives.

        Parameters
        ----------
        fpr : float

        Returns
        -------
        bool
            False: `tpr_at` is on the straight line from the strictest threshold to (0, 0).
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
            At the greatest listed threshold that is not above the one given, which flags the same
            pixels in the step.

        Raises
        ------
        ParameterError
            If all listed thresholds are above it.
        """
        listed = np.where(self.thresholds <= threshold + 1e-9, self.thresholds, -np.inf)
        best = int(np.argmax(listed))
        if not np.isfinite(listed[best]):
            raise ParameterError(
                f"threshold={threshold!r} is below all of the curve: give {self.thresholds.min():g} or more."
            )
        return float(self.fpr[best]), float(self.tpr[best])


def _plain(values):
    return float(values) if values.ndim == 0 else values


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many hit and clean pixels have which score; several images' add up with ``+``.

    Attributes
    ----------
    hits, clean : ndarray, (L + 1,), int64
        Pixels by their score 0 .. L; L is 10,000 for probabilities and 1 for masks.
    ignored : int
        Pixels that were left out.
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
            A mask, or scores from `stored`.
        truth : ndarray, (R, C), bool
            Hit pixels.
        ignore : ndarray, (R, C), bool, optional
            Pixels to leave out.

        Returns
        -------
        Histogram

        Raises
        ------
        ParameterError
            If the shapes differ.
        """
        _require_same_shape(scores, truth, ignore)
        levels = 1 if scores.dtype == bool else STORED_UNIT
        hit = truth if ignore is None else truth & ~ignore
        # Hit and ignored pixels are few: counting them apart saves a copy of all the others.
        hits = _counted(scores[hit], levels)
        left_out = 0 if ignore is None else int(np.count_nonzero(ignore))
        clean = _counted(scores.ravel(), levels) - hits
        if left_out:
            clean -= _counted(scores[ignore], levels)
        return cls(hits, clean, left_out)

    @property
    def is_mask(self):
        """Whether the pixels were flagged or not, without a score."""
        return len(self.hits) == 2

    def __add__(self, other):
        return Histogram(self.hits + other.hits, self.clean + other.clean, self.ignored + other.ignored)

    def with_ignored_as_clean(self):
        """Return the counts as published: ignored pixels are clean and not flagged."""
        clean = self.clean.copy()
        clean[0] += self.ignored
        return Histogram(self.hits, clean)

    def roc(self):
        """Return the curve; a single point for a mask.

        Returns
        -------
        ROC
        """
        found, wrong, thresholds = points([self])
        with np.errstate(invalid="ignore"):
            return ROC(wrong / self.clean.sum(), found / self.hits.sum(), thresholds)


def points(histograms, settings=None):
    """Return how many pixels are flagged at each threshold.

    Parameters
    ----------
    histograms : sequence of Histogram
        One of scores, or any number of masks.
    settings : sequence of float, optional
        What made each mask.

    Returns
    -------
    found, wrong : ndarray, (K,), float64
        Flagged hit pixels and flagged clean pixels.
    thresholds : ndarray, (K,), float64
        Decreasing for scores; for masks their settings, 0.5 where there is none.
    """
    if not histograms[0].is_mask:
        [scores] = histograms
        levels = len(scores.hits) - 1
        # Flagged at threshold k: all scores from k + 1 on.
        found, wrong = (
            np.append(0, np.cumsum(counts[:0:-1])).astype(float) for counts in (scores.hits, scores.clean)
        )
        return found, wrong, np.arange(levels, -1, -1) / levels
    found, wrong = (
        np.array([float(getattr(mask, name)[1]) for mask in histograms]) for name in ("hits", "clean")
    )
    thresholds = [0.5] * len(histograms) if settings is None else settings
    return found, wrong, np.array(thresholds, float)


def _counted(values, levels):
    # Nine in ten pixels have the score 0: adding 1 to the same count again and again is slow.
    scored = values[values > 0]
    counts = np.bincount(scored, minlength=levels + 1)
    counts[0] = values.size - scored.size
    return counts


def _require_same_shape(scores, truth, ignore):
    if truth.shape != scores.shape or (ignore is not None and ignore.shape != scores.shape):
        other = "" if ignore is None else f", ignored pixels of {ignore.shape}"
        raise ParameterError(
            f"Scores of {scores.shape} pixels, truth of {truth.shape}{other}: give arrays of one shape."
        )


def stored(probability):
    """Return scores as the step stores them; masks as they are.

    Parameters
    ----------
    probability : ndarray, (R, C)
        Float, 0 to 1; or a mask of dtype bool.

    Returns
    -------
    ndarray, (R, C), int16 or bool

    Raises
    ------
    ParameterError
        If the array is not two-dimensional, or holds anything but numbers from 0 to 1.
    """
    probability = np.asarray(probability)
    if probability.ndim != 2 or probability.dtype.kind not in "fb":
        raise ParameterError(
            f"Scores must be a two-dimensional array of probabilities or a mask, not {probability.dtype} "
            f"of shape {probability.shape}."
        )
    if probability.dtype == bool:
        return probability
    # nan fails both comparisons, so the extremes tell of every pixel.
    if probability.size and not (probability.min() >= 0 and probability.max() <= 1):
        raise ParameterError("Scores must be probabilities from 0 to 1, without nan: rescale them.")
    return to_stored(probability[None])[0]  # all rows at once: a patch's rows are short


def dilated(scores, dilate):
    """Return the scores whose thresholded masks are the dilated masks of the scores given.

    Parameters
    ----------
    scores : ndarray, (R, C), int16 or bool
    dilate : int or 'disk'
        A square of ``2 * dilate + 1`` pixels, so 1 is the paper's 3x3; `DISK` is deepCR's ``disk(1)``.

    Returns
    -------
    ndarray, (R, C), of the same dtype
        The scores themselves for 0.

    Raises
    ------
    ParameterError
        If `dilate` is neither a whole number, 0 or more, nor ``disk``.
    """
    if dilate == DISK:
        grown = scores.copy()
        for axis in (0, 1):
            _spread(grown, scores, axis, 1)
        return grown
    if isinstance(dilate, bool | str) or int(dilate) != dilate or dilate < 0:
        raise ParameterError(f"dilate={dilate!r}: give a whole number of pixels, 0 or more, or 'disk'.")
    for axis in (0, 1) if dilate else ():
        grown = scores.copy()
        for shift in range(1, min(int(dilate), scores.shape[axis] - 1) + 1):
            _spread(grown, scores, axis, shift)
        scores = grown
    return scores


def _spread(grown, scores, axis, shift):
    """Raise `grown`, in place, to the scores that lie so many pixels before and behind along an axis."""
    # Shifted copies: 20 times as fast as scipy's maximum filter, which looks at each window.
    ours, theirs = np.swapaxes(grown, 0, axis), np.swapaxes(scores, 0, axis)
    np.maximum(ours[shift:], theirs[:-shift], out=ours[shift:])
    np.maximum(ours[:-shift], theirs[shift:], out=ours[:-shift])


def curve(probability, truth, ignore=None, dilate=0):
    """Return the curve of one image.

    The plain reading: rates of the dilated mask against its own false positives, ignored pixels left
    out. `tally.Tally` gives the published one too, and the curve of many images.

    Parameters
    ----------
    probability : ndarray, (R, C)
        Float, 0 to 1; or a mask of dtype bool, whose curve is one point.
    truth : ndarray, (R, C), bool
    ignore : ndarray, (R, C), bool, optional
        Pixels that do not count. Flags on them are dilated all the same, as the step's `grow` does.
    dilate : int or 'disk'
        See `dilated`.

    Returns
    -------
    ROC

    Raises
    ------
    ParameterError
        If the arrays do not fit, or `dilate` is none of these.

    References
    ----------
    Kwon, Zhang & Bloom 2021, section 3.1.
    """
    truth = np.asarray(truth, bool)
    ignore = None if ignore is None else np.asarray(ignore, bool)
    return Histogram.of(dilated(stored(probability), dilate), truth, ignore).roc()
