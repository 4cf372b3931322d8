"""Counts of many images and scorers, by exposure, filter and field.

A `Tally` holds what one exposure says of one scorer, without and with dilation, so that both readings
of the paper's "+" can be had from it:

published
    The true-positive rate of the dilated mask is plotted at the false-positive rate **before**
    dilation; ignored pixels are no hits, carry no flags, and count as clean.
plain
    The true-positive rate of the dilated mask at the false-positive rate of the dilated mask; ignored
    pixels are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..errors import ParameterError
from .roc import ROC, Histogram, dilated, points, stored

__all__ = ["PLAIN", "PUBLISHED", "Key", "Tallies", "Tally", "tallied"]

PUBLISHED, PLAIN = "published", "plain"


@dataclass(frozen=True, eq=False)
class Tally:
    """Counts of one scorer; those of several images add up with ``+``.

    Attributes
    ----------
    single : Histogram
        Of the scores.
    grown : Histogram
        Of the dilated scores.
    published : Histogram
        Hits of the dilated scores after those of ignored pixels were set to 0; clean pixels of the
        scores before dilation.
    """

    single: Histogram
    grown: Histogram
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
            As in `roc.dilated`.

        Returns
        -------
        Tally

        Raises
        ------
        ParameterError
            If the arrays do not fit together.
        """
        scores = stored(scores)
        single = Histogram.of(scores, truth, ignore)
        wide = dilated(scores, dilate)
        grown = Histogram.of(wide, truth, ignore)
        if ignore is None or not ignore.any():
            hits = grown.hits
        else:
            blank = np.where(ignore, scores.dtype.type(0), scores)
            hits = Histogram.of(dilated(blank, dilate), truth, ignore).hits
        return cls(single, grown, Histogram(hits, single.clean, single.ignored))

    def __add__(self, other):
        return Tally(self.single + other.single, self.grown + other.grown, self.published + other.published)

    def histogram(self, reading=PLAIN, dilate=False):
        """Return the counts of a reading.

        Parameters
        ----------
        reading : {'plain', 'published'}
        dilate : bool
            Whether it is the curve marked "+".

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
            return self.grown if dilate else self.single
        return (self.published if dilate else self.single).with_ignored_as_clean()


@dataclass(frozen=True, order=True)
class Key:
    """What a curve is of.

    Attributes
    ----------
    filter, field : str
        Of the images; the field is a key of `samples.FIELD_TYPES`, or empty.
    scorer : str
    """

    filter: str
    field: str
    scorer: str


class Tallies:
    """Tallies of all curves, exposure by exposure.

    The memory taken depends on the number of curves and exposures (0.4 MB for a curve of
    probabilities and an exposure), not on that of images; with ``by_exposure=False`` on the number of
    curves alone, and then there is no confidence interval.

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
            What made a mask, where several make one curve (LACosmic's `sigclip`).
        """
        exposures = self._counts.setdefault(key, {}).setdefault(_setting(setting), {})
        name = exposure if self.by_exposure else ""
        exposures[name] = exposures[name] + tally if name in exposures else tally

    def keys(self):
        """Return what there are curves of, sorted.

        Returns
        -------
        list of Key
        """
        return sorted(self._counts)

    def exposures(self, key):
        """Return the names of a curve's exposures, sorted.

        Returns
        -------
        list of str
        """
        return sorted(set().union(*self._counts[key].values()))

    def histograms(self, key, reading=PLAIN, dilate=False):
        """Return the counts of every exposure of a curve.

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
        return [_number(setting) for setting in settings], [
            [by_setting[setting][name].histogram(reading, dilate) for setting in settings] for name in names
        ]

    def roc(self, key, reading=PLAIN, dilate=False):
        """Return a curve over all its exposures.

        Parameters
        ----------
        key : Key
        reading : {'plain', 'published'}
        dilate : bool

        Returns
        -------
        ROC
            For masks of several settings a point each, in order of FPR.
        """
        settings, counts = self.histograms(key, reading, dilate)
        whole = [sum(column[1:], start=column[0]) for column in zip(*counts, strict=True)]
        if not whole[0].is_mask or len(whole) == 1:
            return whole[0].roc()
        found, wrong, thresholds = points(whole, settings)
        with np.errstate(invalid="ignore"):
            fpr, tpr = wrong / whole[0].clean.sum(), found / whole[0].hits.sum()
        order = np.argsort(fpr, kind="stable")
        return ROC(fpr[order], tpr[order], thresholds[order])

    def __add__(self, other):
        both = Tallies(self.by_exposure and other.by_exposure)
        for part in (self, other):
            for key, setting, exposure, tally in part.items():
                both.add(key, exposure, tally, setting)
        return both

    def items(self) -> Iterator:
        """Yield (key, setting, exposure, tally) of everything counted."""
        for key, settings in self._counts.items():
            for setting, exposures in settings.items():
                for exposure, tally in exposures.items():
                    yield key, _number(setting), exposure, tally


def _setting(value):
    """A setting as a key of a dictionary: nan is not equal to itself."""
    return -np.inf if np.isnan(value) else float(value)


def _number(setting):
    return float("nan") if setting == -np.inf else setting


def tallied(samples, scorers, dilate=1, by_exposure=True, progress=None):
    """Apply scorers to samples, each sample once.

    Parameters
    ----------
    samples : iterable of Sample
        One at a time is in memory.
    scorers : sequence of scoring.Scorer
    dilate : int or 'disk'
        The dilation of "+".
    by_exposure : bool
        As for `Tallies`.
    progress : callable, optional
        Called with the sample and the scorer before each one's work.

    Returns
    -------
    Tallies

    Raises
    ------
    ParameterError
        If two scorers cannot be told apart: their counts would be added up.
    """
    known = [(scorer.name, _setting(scorer.setting)) for scorer in scorers]
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
