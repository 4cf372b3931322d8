"""ROC curves: the public names of `evaluation.roc` and `evaluation.scores`."""

from .evaluation.roc import HIGH_FPR, LOW_FPR, ROC, FlaggedCounts, Histogram, curve, flagged_counts
from .evaluation.scores import DISK, dilated, scaled_probability

__all__ = [
    "DISK",
    "HIGH_FPR",
    "LOW_FPR",
    "ROC",
    "FlaggedCounts",
    "Histogram",
    "curve",
    "dilated",
    "flagged_counts",
    "scaled_probability",
]
