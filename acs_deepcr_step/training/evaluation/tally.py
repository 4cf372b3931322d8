"""Counts of many images and scorers, by exposure, filter and field.

A `Tally` holds the counts of one exposure and one scorer, for both readings of the paper's "+":

published
    The true-positive rate of the dilated mask is plotted at the false-positive rate **before**
    dilation; ignored pixels count as clean and not flagged.
plain
    The true-positive rate of the dilated mask at the false-positive rate of the dilated mask; ignored
    pixels are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...errors import ParameterError
from ..samples import FIELD_TYPES
from .roc import ROC, Histogram, flagged_counts
from .scores import dilated, scaled_probability

__all__ = ["PLAIN", "PUBLISHED", "Key", "Tallies", "Tally", "TallyEntry", "fields_of", "tallied"]

PUBLISHED, PLAIN = "published", "plain"


@dataclass(frozen=True, eq=False)
class Tally:
    """Counts of one scorer; those of several images add up with ``+``.

    Attributes
    ----------
    undilated : Histogram
        Of the scores.
    dilated : Histogram
        Of the dilated scores.
    published : Histogram
        Hits of the scores that were set to 0 on ignored pixels, then dilated; clean pixels of the
        scores before dilation.
    """

    undilated: Histogram
    dilated: Histogram
    published: Histogram

    @classmethod
    def of(cls, scores, truth, ignore=None, dilate=1):
        """Count one image.

        Parameters
        ----------
        scores : ndarray, (R, C)
            Probabilities, 0 to 1, or a mask of dtype bool.
        truth : ndarray, (R, C), bool
        ignore : ndarray, (R, C), bool, optional
        dilate : int or 'disk'
            As in `scores.dilated`.

        Returns
        -------
        Tally

        Raises
        ------
        ParameterError
            If the arrays do not fit together.
        """
        scores = scaled_probability(scores)
        before = Histogram.of(scores, truth, ignore)
        after = Histogram.of(dilated(scores, dilate), truth, ignore)
        if ignore is None or not ignore.any():
            hits = after.hits
        else:
            blank = np.where(ignore, scores.dtype.type(0), scores)
            hits = Histogram.of(dilated(blank, dilate), truth, ignore).hits
        return cls(before, after, Histogram(hits, before.clean, before.ignored))

    def __add__(self, other):
        return Tally(
            self.undilated + other.undilated, self.dilated + other.dilated, self.published + other.published
        )

    def histogram(self, reading=PLAIN, dilate=False):
        """Return the counts of a reading.

        Parameters
        ----------
        reading : {'plain', 'published'}
        dilate : bool
            For the curve marked "+".

        Returns
        -------
        Histogram

        Raises
        ------
        ParameterError
            If there is no such reading.
        """
        if reading not in (PLAIN, PUBLISHED):
            raise ParameterError(f"reading={reading!r}: give {PLAIN!r} or {PUBLISHED!r}.")
        if reading == PLAIN:
            return self.dilated if dilate else self.undilated
        return (self.published if dilate else self.undilated).with_ignored_as_clean()


@dataclass(frozen=True, order=True)
class Key:
    """What a curve is of; curves are sorted by it.

    Attributes
    ----------
    filter, field : str
        Of the images; the field is a key of `samples.FIELD_TYPES`, or empty.
    scorer : str
    """

    filter: str
    field: str
    scorer: str


@dataclass(frozen=True, eq=False)
class TallyEntry:
    """The counts of one exposure in `Tallies`.

    Attributes
    ----------
    key : Key
    setting : float
        What made a mask; nan for scores.
    exposure : str
    tally : Tally
    """

    key: Key
    setting: float
    exposure: str
    tally: Tally


def fields_of(keys):
    """Return the fields of some keys, in the paper's order, then any others.

    Parameters
    ----------
    keys : iterable of Key

    Returns
    -------
    list of str
    """
    present = {key.field for key in keys}
    return [field for field in FIELD_TYPES if field in present] + sorted(present - FIELD_TYPES.keys())


class Tallies:
    """Tallies of all curves, by exposure.

    A curve of probabilities takes 0.4 MB per exposure; with ``by_exposure=False`` in all, but then
    without confidence interval.

    Parameters
    ----------
    by_exposure : bool
    """

    def __init__(self, by_exposure=True):
        self.by_exposure = by_exposure
        self._counts = {}  # Key -> setting -> exposure -> Tally

    def add(self, key, exposure, tally, setting=float("nan")):
        """Add the counts of an image.

        Parameters
        ----------
        key : Key
        exposure : str
            Images of one exposure are merged.
        tally : Tally
        setting : float
            What made a mask, where several masks make one curve (LACosmic's `sigclip`).
        """
        exposures = self._counts.setdefault(key, {}).setdefault(_as_key(setting), {})
        name = exposure if self.by_exposure else ""
        exposures[name] = exposures[name] + tally if name in exposures else tally

    def keys(self):
        """Return the keys of all curves, sorted.

        Returns
        -------
        list of Key
        """
        return sorted(self._counts)

    def exposures(self, key):
        """Return the names of a curve's exposures, sorted.

        Parameters
        ----------
        key : Key

        Returns
        -------
        list of str
        """
        return sorted(set().union(*self._counts[key].values()))

    def histograms(self, key, reading=PLAIN, dilate=False):
        """Return the histograms of every exposure of a curve.

        Parameters
        ----------
        key : Key
        reading : {'plain', 'published'}
        dilate : bool

        Returns
        -------
        settings : list of float
            In the order of the inner lists; nan for scores.
        counts : list of list of Histogram
            By exposure, then by setting.

        Raises
        ------
        ParameterError
            If not every setting was applied to every exposure.
        """
        by_setting, names = self._counts[key], self.exposures(key)
        if any(len(exposures) != len(names) for exposures in by_setting.values()):
            raise ParameterError(
                f"{key.scorer} ({key.filter}, {key.field}) has counts of other exposures for some of its "
                "settings: count all settings on the same exposures."
            )
        settings = sorted(by_setting, reverse=True)
        return [_as_number(setting) for setting in settings], [
            [by_setting[setting][name].histogram(reading, dilate) for setting in settings] for name in names
        ]

    def roc(self, key, reading=PLAIN, dilate=False):
        """Return the ROC curve of all exposures.

        Parameters
        ----------
        key : Key
        reading : {'plain', 'published'}
        dilate : bool

        Returns
        -------
        ROC
            For masks of several settings: a point each, by increasing FPR.
        """
        settings, counts = self.histograms(key, reading, dilate)
        whole = [sum(column[1:], start=column[0]) for column in zip(*counts, strict=True)]
        if not whole[0].is_mask or len(whole) == 1:
            return whole[0].roc()
        flagged = flagged_counts(whole, settings)
        with np.errstate(invalid="ignore"):
            fpr, tpr = flagged.clean / whole[0].clean.sum(), flagged.hits / whole[0].hits.sum()
        order = np.argsort(fpr, kind="stable")
        return ROC(fpr[order], tpr[order], flagged.thresholds[order])

    def __add__(self, other):
        both = Tallies(self.by_exposure and other.by_exposure)
        for part in (self, other):
            for entry in part.entries():
                both.add(entry.key, entry.exposure, entry.tally, entry.setting)
        return both

    def entries(self) -> Iterator:
        """Yield a `TallyEntry` for each curve, setting and exposure."""
        for key, settings in self._counts.items():
            for setting, exposures in settings.items():
                for exposure, tally in exposures.items():
                    yield TallyEntry(key, _as_number(setting), exposure, tally)


def _as_key(value):
    """Return a setting as a dictionary key: nan, which is not equal to itself, as -inf."""
    return -np.inf if np.isnan(value) else float(value)


def _as_number(setting):
    return float("nan") if setting == -np.inf else setting


def tallied(samples, scorers, dilate=1, by_exposure=True, progress=None):
    """Apply scorers to samples, each sample once.

    Parameters
    ----------
    samples : iterable of Sample
        Only one at a time is in memory.
    scorers : sequence of Scorer
    dilate : int or 'disk'
        The dilation of "+".
    by_exposure : bool
        As for `Tallies`.
    progress : callable, optional
        Called with the sample and the scorer before each is scored.

    Returns
    -------
    Tallies

    Raises
    ------
    ParameterError
        If two scorers have the same name and setting.
    """
    known = [(scorer.name, _as_key(scorer.setting)) for scorer in scorers]
    double = next((name for name, setting in known if known.count((name, setting)) > 1), None)
    if double is not None:
        raise ParameterError(f"{double} is given more than once: give each its own name.")
    tallies = Tallies(by_exposure)
    for sample in samples:
        origin = sample.origin
        for scorer in scorers:
            if not scorer.applies_to(origin):
                continue
            if progress is not None:
                progress(sample, scorer)
            tally = Tally.of(scorer(sample), sample.truth, sample.ignore, dilate)
            key = Key(origin.filter, origin.field, scorer.name)
            tallies.add(key, f"{origin.observation_set}/{origin.exposure}", tally, scorer.setting)
    return tallies
