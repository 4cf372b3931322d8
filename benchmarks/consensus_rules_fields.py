"""The exposures that `consensus_rules.py` decides on, and what is counted of their flags."""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import disturbed_cases
import numpy as np
import uvis_truth
from changed_sources import ChangedSources, changed_sources
from disturbed_figures import Before, Figures
from field_decisions import judge, measured
from scipy.ndimage import maximum_filter
from uvis_ways import groupings

from acs_deepcr_step import simulate

_RATES = ("tpr", "fpr", "events", "far")
_CHANGES = {"variables": 0.1, "movers": 6}
_CASES = ("focus 8 %", "lost guiding", "glow 100 at side", "offset 1", "5 s and 500 s")


@dataclass(frozen=True, eq=False)
class Simulated:
    """Exposures of one simulated field.

    Attributes
    ----------
    files : list of Path
    before : list of dict of int to Before
    alone : dict of Path to dict of int to ndarray, (R, C), bool
        Flags of each exposure by itself.
    changed : list of ChangedSources
    """

    files: list[Path]
    before: list[dict[int, Before]]
    alone: dict[Path, dict[int, np.ndarray]]
    changed: list[ChangedSources]

    @classmethod
    def of(cls, write, directory, seed, shape):
        """Simulate a field and let the network judge it.

        Parameters
        ----------
        write : callable
            Takes the others, and returns the files.
        directory : Path
        seed : int
        shape : tuple of int or None
            Of its chip; the usual one by default.

        Returns
        -------
        list of Simulated
            One.
        """
        files = write(directory, seed, shape)
        before = [Before.read(path) for path in files]
        alone = dict(zip(files, judge(files), strict=True))
        chips = [next(iter(one.values())).truth for one in before]
        return [cls(files, before, alone, changed_sources(chips, measured(files)))]

    def counted(self, flags):
        """Count flags by path, as Counter: those of `Figures`, and flagged sources that moved or varied."""
        total = Counter()
        for path, before, changed in zip(self.files, self.before, self.changed, strict=True):
            total.update(Figures.of(before, flags[path]).counts)
            beside = maximum_filter(next(iter(flags[path].values())), size=3)
            for name in ("moved", "varied"):
                places = getattr(changed, name)
                total[f"of_{name}"] += places[0].size
                total[name] += int(np.count_nonzero(beside[places]))
        return total

    @staticmethod
    def figures(total):
        """Return the figures of counts, a dict."""
        names = (
            "false", "missed_away", "missed_near", "stars", "peaks",
            "of_moved", "moved", "of_varied", "varied",
        )  # fmt: skip
        rates = {"tpr": total["found"] / total["hit"], "fpr": total["wrong"] / total["other"]}
        return rates | {name: round(total[name]) for name in names}


@dataclass(frozen=True, eq=False)
class Real:
    """Some of the real exposures of `uvis_truth.py`.

    Attributes
    ----------
    exposures : list of uvis_truth.Exposure
    alone : dict of Path to dict of int to ndarray, (R, C), bool
    """

    exposures: list[uvis_truth.Exposure]
    alone: dict[Path, dict[int, np.ndarray]]

    @classmethod
    def of(cls, source, n, directory, _seed, _shape):
        """Read the exposures and let the network judge them; a list of Real, one for each group of n."""
        directory.mkdir()
        exposures = uvis_truth.read_exposures(uvis_truth.unpack(source, directory))
        paths = [one.path for one in exposures]
        alone = dict(zip(paths, judge(paths), strict=True))
        return [cls(group, alone) for group in groupings(exposures, n)[f"{n}"]]

    @property
    def files(self):
        """Their paths."""
        return [one.path for one in self.exposures]

    def counted(self, flags):
        """Sum the figures of flags by path, as Counter."""
        total = Counter()
        for one in self.exposures:
            its = uvis_truth.figures(one, flags[one.path][1])
            total.update(
                exposures=1,
                tpr=its.tpr,
                fpr=its.fpr,
                events=its.events,
                far=its.far,
                object=its.object_flagged,
            )
        return total

    @staticmethod
    def figures(total):
        """Return the means of the rates, and the flags on the object, a dict."""
        means = {name: total[name] / total["exposures"] for name in _RATES}
        return means | {"object": int(total["object"])}


def _association(kind, n, changes, directory, seed, shape):
    return simulate.association(
        directory, n=n, shape=shape or (1024, 1024), chips=1, filter="F814W", exptime=500.0, field=kind,
        seed=seed, **changes,
    )  # fmt: skip


def _disturbed(case, directory, seed, shape):
    return disturbed_cases.write(case, directory, seed, shape=shape or disturbed_cases.SHAPE)


STATIC = {
    f"{kind}, N={n}": partial(Simulated.of, partial(_association, kind, n, {}))
    for kind, n in (("sparse", 2), ("crowded", 2), ("galaxies", 2), ("crowded", 4))
}
CHANGING = {
    f"{kind}, changing": partial(Simulated.of, partial(_association, kind, 2, _CHANGES))
    for kind in ("sparse", "crowded")
}
DISTURBED = {case: partial(Simulated.of, partial(_disturbed, case)) for case in _CASES}


def real(source):
    """Return the groups of real exposures of a folder."""
    return {f"UVIS, N={n}": partial(Real.of, source, n) for n in (2, 4)}
