"""What deciding together is worth on simulated fields, for several codes side by side.

    python benchmarks/fields.py [--n 2] [--seeds FIRST COUNT] [--fields sparse crowded galaxies]
                                [--code NAME=DIR ...] [--parts together posteriors] [--output DIR] [--quick]
                                [--kinds plain field psf rays both]

Associations of `acs_deepcr_step.simulate`: F814W, 500 s, one chip of 1024x1024, the usual dither, nothing
that changes between exposures. Each goes through the network once; then every code decides on a copy of it,
with the same stored probabilities: this one, called ``now``, and other checkouts, ``--code before=DIR`` say.
The part ``together`` has, for each kind of field and code, the mean and the median of the exposures:

- ``tpr_alone``, ``fpr_alone``: flagged shares of the hit and of the other pixels, threshold 0.5, each
  exposure by itself (by the code of now); ``tpr``, ``fpr``: with ``consensus='auto'``;
- ``false``, ``false_alone``: flags on pixels without any charge of a cosmic ray, DQ 0 before;
- ``missed_away``, ``missed_near``: electrons of cosmic rays that are not flagged, in pixels with more than 5
  rms of the background, away from saturated pixels and within 7x7 of one;
- ``stars``: peaks of unsaturated stars, 50 sigma and more, none of whose 3x3 pixels was hit; ``peaks``: how
  many of them are flagged;
- away from saturated pixels, of the posterior log odds by themselves, without the rules that come after them:
  ``tpr_own_fpr``, their TPR at the FPR that the exposure has alone, where its TPR is ``tpr_away_alone``; and
  ``tpr_2e-3`` at an FPR of 2e-3, where that of the probabilities is ``tpr_2e-3_alone``. Of the code of now.

The part ``posteriors``: of the candidates away from saturated pixels that another exposure says something of,
by posterior probability, the mean of it and the share that cosmic rays did hit, of all exposures of a kind.

Seeds from 7501 on are for development, those from 9700 on for evaluation.
"""

import shutil
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import common
import numpy as np
import simulated_kinds
from checkouts import Code, add_code_argument, codes_of
from disturbed_figures import Before, Figures, flags_of, probabilities_of
from field_decisions import judge, measured, together
from scipy.special import expit

from acs_deepcr_step import simulate

DEVELOPMENT = 7501
FIELDS = ("sparse", "crowded", "galaxies")
_SHAPE, _QUICK_SHAPE = (1024, 1024), (384, 384)
_FPR = 2e-3
_BINS = np.array([0, 0.02, 0.05, *np.arange(1, 11) / 10])


@dataclass(frozen=True, eq=False)
class Posteriors:
    """How good the posteriors of one exposure are.

    Attributes
    ----------
    tpr_own_fpr, tpr_2e3 : float
        TPR of the log odds, away from saturated pixels.
    probability, hit : ndarray, (K,)
        Posteriors of the candidates that count, and which of them cosmic rays hit.
    """

    tpr_own_fpr: float
    tpr_2e3: float
    probability: np.ndarray
    hit: np.ndarray

    @classmethod
    def of(cls, chip, judged, own_fpr):
        """Compare with the truth.

        Parameters
        ----------
        chip : disturbed_figures.Before
        judged : list of field_decisions.Judged
            Of this chip, or empty: then nothing is known of it.
        own_fpr : float
        """
        if not judged:
            return cls(np.nan, np.nan, np.zeros(0), np.zeros(0, bool))
        found, cr, area = judged[0].found, chip.truth.cr, chip.seen & ~chip.near_full
        score = np.full(cr.shape, -np.inf, np.float32)
        score.ravel()[found.index] = judged[0].log_odds
        hits, others = score[area & cr], np.sort(score[area & ~cr])[::-1]
        rates = [float(np.mean(hits > others[int(fpr * others.size)])) for fpr in (own_fpr, _FPR)]
        counts = judged[0].verdict.known & ~found.near & area.ravel()[found.index]
        return cls(*rates, expit(judged[0].log_odds[counts]), cr.ravel()[found.index[counts]])


@dataclass(frozen=True, eq=False)
class Exposure:
    """One exposure, decided on alone, by each code together, and by posteriors."""

    alone: Figures
    together: dict[str, Figures]
    posteriors: Posteriors

    def row(self, code):
        """Return the figures of a code, a dict."""
        its, alone = self.together[code], self.alone
        made = {
            "tpr_alone": alone.rate("found", "hit"), "fpr_alone": alone.rate("wrong", "other"),
            "tpr": its.rate("found", "hit"), "fpr": its.rate("wrong", "other"),
            "false_alone": alone.counts["false"],
        }  # fmt: skip
        made |= {name: its.counts[name] for name in ("false", "missed_away", "missed_near", "peaks", "stars")}
        if code == "now":
            made |= {
                "tpr_away_alone": alone.rate("away_found", "away_hit"),
                "tpr_own_fpr": self.posteriors.tpr_own_fpr,
                "tpr_2e-3_alone": alone.tpr_at(_FPR),
                "tpr_2e-3": self.posteriors.tpr_2e3,
            }
        return {name: float(value) for name, value in made.items()}


@dataclass(frozen=True, eq=False)
class Measurements:
    """Simulates and measures when first asked."""

    arguments: object

    @cached_property
    def exposures(self):
        """All exposures by field and kind, ((field, kind): list of Exposure) dict."""
        first, count = self.arguments.seeds
        made = {}
        with codes_of(self.arguments, "fields") as codes:
            for field in self.arguments.fields:
                for kind in self.arguments.kinds:
                    made[field, kind] = [
                        one
                        for seed in range(first, first + count)
                        for one in self._measure(field, kind, seed, codes)
                    ]
        return made

    def _measure(self, field, kind, seed, codes):
        with tempfile.TemporaryDirectory(prefix="acs_deepcr_fields_") as root:
            directory = Path(root) / "exposures"
            files = simulate.association(
                directory, n=self.arguments.n, shape=self.arguments.shape, chips=1, filter="F814W",
                exptime=500.0, field=field, seed=seed, **simulated_kinds.settings(kind, self.arguments.n),
            )  # fmt: skip
            before = [Before.read(path) for path in files]
            alone = [
                Figures.of(chips, flags, probabilities_of(path))
                for chips, flags, path in zip(before, judge(files), files, strict=True)
            ]
            by_code = {code.name: _by_code(code, directory, files, before) for code in codes}
            judged = {one.path: one.judged for one in together(measured(files))}
            posteriors = [
                Posteriors.of(chips[1], judged[path], one.rate("away_wrong", "away_other"))
                for chips, path, one in zip(before, files, alone, strict=True)
            ]
        return [
            Exposure(one, {name: its[i] for name, its in by_code.items()}, posteriors[i])
            for i, one in enumerate(alone)
        ]

    def together(self):
        """Return the table of the codes."""
        rows = []
        for (field, kind), exposures in self.exposures.items():
            for code in exposures[0].together:
                its = [one.row(code) for one in exposures]
                for of in (np.mean, np.median):
                    values = {name: float(of([one[name] for one in its])) for name in its[0]}
                    names = {"field": field, "kind": kind, "code": code, "of": of.__name__}
                    rows.append(names | values)
        names = max((list(row) for row in rows), key=len)
        return self._table([{name: row.get(name, np.nan) for name in names} for row in rows])

    def posteriors(self):
        """Return the table of the posteriors."""
        rows = []
        for (field, kind), exposures in self.exposures.items():
            p, hit = (
                np.concatenate([getattr(one.posteriors, name) for one in exposures])
                for name in ("probability", "hit")
            )
            which = np.clip(np.searchsorted(_BINS, p, side="right") - 1, 0, _BINS.size - 2)
            for i in range(_BINS.size - 1):
                its = which == i
                mean, share = (float(one[its].mean()) if its.any() else np.nan for one in (p, hit))
                rows.append({
                    "field": field, "kind": kind, "from": float(_BINS[i]), "to": float(_BINS[i + 1]),
                    "posterior": mean, "cosmic_rays": share, "number": int(its.sum()),
                })  # fmt: skip
        return self._table(rows)

    def _table(self, rows):
        first, count = self.arguments.seeds
        size = "x".join(map(str, self.arguments.shape))
        return common.table(rows, [f"N={self.arguments.n}, {size}, seeds {first} to {first + count - 1}"])


def _by_code(code: Code, directory, files, before):
    """Return the figures of the exposures as a code decides on them."""
    copy = shutil.copytree(directory, directory.with_name(code.name))
    answer = code.decide(copy)
    if answer["error"]:
        raise RuntimeError(f"code {code.name}: {answer['error']}")
    made = [Figures.of(chips, flags_of(copy / path.name)) for chips, path in zip(before, files, strict=True)]
    shutil.rmtree(copy)
    return made


def main():
    """Print the tables and write them."""
    parser = common.parser(__doc__, ("together", "posteriors"), repeats=1)
    parser.add_argument("--n", type=int, default=2, help="exposures of a field")
    parser.add_argument("--seeds", type=int, nargs=2, default=[DEVELOPMENT, 2], metavar=("FIRST", "COUNT"))
    parser.add_argument("--fields", nargs="+", choices=FIELDS, default=list(FIELDS))
    add_code_argument(parser)
    simulated_kinds.add_kinds_argument(parser)
    arguments = parser.parse_args()
    arguments.shape = _QUICK_SHAPE if arguments.quick else _SHAPE
    made = Measurements(arguments)
    parts = {"together": made.together, "posteriors": made.posteriors}
    common.measure("fields", parts, arguments)


if __name__ == "__main__":
    main()
