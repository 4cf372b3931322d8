"""What single cosmic rays look like, and how alike two sets of them are."""

from dataclasses import astuple, dataclass, fields

import numpy as np
from real_truth import EIGHT
from scipy import ndimage, stats

__all__ = ["MEASURES", "Event", "distances", "measured", "values"]

_MARGIN = 2  # pixels of the image around an event that are looked at
_FAINT = 0.1  # of the event's brightest pixel


@dataclass(frozen=True)
class Event:
    """One cosmic ray.

    Attributes
    ----------
    size : int
        Pixels.
    charge : float
        Electrons, those of the pixels that touch it included.
    length, width : float
        Of a uniform bar with its moments, pixels; 1 for a single pixel.
    sharpness : float
        The brightest pixel's share of the charge in the 3x3 around it.
    faint : float
        Share of its pixels that hold less than a tenth of the brightest one's charge.
    peak : float
        Electrons in the brightest pixel.
    """

    size: int
    charge: float
    length: float
    width: float
    sharpness: float
    faint: float
    peak: float


MEASURES = tuple(field.name for field in fields(Event))


def measured(excess, truth, use):
    """Measure the events of an image.

    Parameters
    ----------
    excess : ndarray, (R, C)
        Electrons, less what is there without cosmic rays.
    truth : ndarray, (R, C), bool
        Pixels that cosmic rays hit; events are groups of them.
    use : ndarray, (R, C), bool
        Pixels that count.

    Returns
    -------
    list of Event
        Left out are those that another one, the edge or a pixel that does not count comes near.
    """
    labels, _ = ndimage.label(truth, EIGHT)
    # Pixels beside an event that are too faint for the truth count neither way; they are the event's.
    bad = ~use & ~ndimage.binary_dilation(truth, EIGHT)
    events = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        box = np.s_[
            max(rows.start - _MARGIN, 0) : rows.stop + _MARGIN,
            max(columns.start - _MARGIN, 0) : columns.stop + _MARGIN,
        ]
        own = np.pad(np.ones((rows.stop - rows.start, columns.stop - columns.start), bool), _MARGIN)
        if labels[box].shape == own.shape:
            own &= labels[box] == number
            near = ndimage.binary_dilation(own, EIGHT)
            others = (labels[box] > 0) & ~own
            alone = not (others & ndimage.binary_dilation(near, EIGHT)).any()
            if alone and not bad[box][near].any():
                events.append(_event(excess[box], own, near))
    return events


def _event(excess, own, near):
    """Return the event of the pixels `own`, which `near` has with those that touch it."""
    inside = np.where(own, excess, 0)
    row, column = np.unravel_index(inside.argmax(), inside.shape)
    peak = inside[row, column]
    around = excess[row - 1 : row + 2, column - 1 : column + 2].sum()
    # A pixel is a square: the 1/12 is its own variance.
    variance = np.cov(np.nonzero(own), aweights=excess[own], ddof=0) + np.eye(2) / 12
    width, length = np.sqrt(12 * np.linalg.eigvalsh(variance))
    return Event(
        int(own.sum()), float(excess[near].sum()), float(length), float(width), float(peak / around),
        float((inside[own] < _FAINT * peak).mean()), float(peak),
    )  # fmt: skip


def values(events):
    """Return the measures of events, (N, measures)."""
    return np.array([astuple(event) for event in events], dtype=float)


def distances(first, second):
    """Return the Kolmogorov-Smirnov distance of two sets of events for each measure.

    Parameters
    ----------
    first, second : list of Event

    Returns
    -------
    list of float
        As in `MEASURES`; 0 for equal distributions, 1 for those that do not overlap.
    """
    pairs = zip(values(first).T, values(second).T, strict=True)
    return [float(stats.ks_2samp(a, b, method="asymp").statistic) for a, b in pairs]
