"""What truth made by AstroDrizzle does to the figures of models: the same exposures against three truths.

    python benchmarks/truth_effect.py [--n N ...] [--fields FIELD ...]

Simulated associations (one chip of 512 x 512 pixels, 500 s, F814W) are scored against the simulator's
truth, AstroDrizzle's, and AstroDrizzle's with the ring around true cosmic rays ignored. Takes some
minutes on one core.
"""

import argparse
import tempfile
import warnings
from pathlib import Path

from acs_deepcr_step import simulate
from acs_deepcr_step.errors import StepWarning
from acs_deepcr_step.training.evaluation import scoring
from acs_deepcr_step.training.evaluation.roc import HIGH_FPR, LOW_FPR
from acs_deepcr_step.training.evaluation.tally import tallied
from acs_deepcr_step.training.simulated import simulator
from acs_deepcr_step.training.truth import completeness, pipeline
from acs_deepcr_step.training.truth import file as truth_file
from acs_deepcr_step.training.truth.options import TruthOptions

SHAPE, EXPTIME, SEED = (512, 512), 500.0, 95


def main():
    """Measure the cases that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", nargs="+", type=int, default=[2, 4], help="exposures of an association")
    parser.add_argument("--fields", nargs="+", default=list(completeness.FIELDS), help="types of field")
    arguments = parser.parse_args()
    scorers = scoring.published(["F814W"])[:1] + scoring.lacosmic()
    warnings.simplefilter("ignore", StepWarning)  # two exposures are wanted here
    print(
        "| field | N | truth | model | TPR at 0.05 % / 0.5 % | TPR, FPR at 0.5 |\n|---|---|---|---|---|---|"
    )
    for n in arguments.n:
        for field in arguments.fields:
            for name, tallies in _counts(n, field, scorers):
                for key in tallies.keys():
                    print(f"| {field} | {n} | {name} | {_cells(tallies, key)} |", flush=True)


def _counts(n, field, scorers):
    """Name of the truth, and what was counted against it."""
    with tempfile.TemporaryDirectory() as directory:
        options = {"exptime": EXPTIME, "field": completeness.FIELDS[field], "seed": SEED}
        paths = simulate.association(directory, n=n, shape=SHAPE, chips=1, **options)
        yield "known", tallied(simulator.samples(paths), scorers)
        for ring, name in ((0, "AstroDrizzle, no ring"), (1, "AstroDrizzle, ring ignored")):
            settings = TruthOptions(tweakreg=None, ring=ring, field=field)
            made = pipeline.make(paths, Path(directory, f"ring{ring}"), settings)
            yield name, tallied(truth_file.samples(made), scorers)


def _cells(tallies, key):
    curve = tallies.roc(key)
    low, high = (f"{100 * rate:.1f}" for rate in curve.tpr_at([LOW_FPR, HIGH_FPR]))
    if len(curve.fpr) == len(scoring.SIGCLIPS):
        return f"{key.scorer} | {low} / {high} | -"
    fpr, tpr = curve.at(0.5)
    return f"{key.scorer} | {low} / {high} | {100 * tpr:.1f}, {100 * fpr:.3f} %"


if __name__ == "__main__":
    main()
