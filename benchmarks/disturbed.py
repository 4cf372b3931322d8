"""Whether deciding together is ever worse than deciding alone, where exposures do not fit each other.

    python benchmarks/disturbed.py [--seeds FIRST COUNT] [--cases NAME ...] [--field sparse|crowded]
                                   [--code NAME=DIR ...] [--output DIR] [--quick]

`disturbed_cases.py` has the pairs of exposures. Each is simulated and goes through the network once; then
every code decides on a copy of it, with the same stored probabilities: this one, called ``now``, and other
checkouts, ``--code before=DIR`` say. Each member of a pair has a row for each code; rates are means over the
seeds, counts are sums:

- ``tpr_alone``, ``fpr_alone``: flagged shares of the hit and of the other pixels, threshold 0.5, each
  exposure by itself (by the code of now); ``tpr_together``, ``fpr_together``: with ``consensus='auto'``;
- ``tpr_away``: that TPR away from saturated pixels; ``tpr_alone_equal_fpr``: of the probabilities alone, at
  the threshold at which their FPR is that of the flags together. Near saturated pixels (7x7; DQ 256, 2048, or
  70,000 electrons) further rules decide, also alone, so both leave those pixels out;
- ``false_*``: flags on pixels without any charge of a cosmic ray, DQ 0 before: alone, together, and together
  in the undisturbed twin; ``far_*``: those of them that are 3 pixels or more from every hit pixel (most
  others lie at the rims of cosmic rays);
- ``stars``: peaks of unsaturated stars, 50 sigma and more, none of whose 3x3 pixels was hit; ``peaks_*``:
  how many of them are flagged;
- ``nexp``, ``note``: of the step's table;
- ``worse``: ``tpr`` if ``tpr_away`` is more than .002 below ``tpr_alone_equal_fpr``; ``false`` if
  ``false_together`` is above 1.2 times the larger of the two others, and 3 for each seed; ``peaks`` if more
  than one further peak a seed is flagged. Never where the flags are as many everywhere as alone.

Seeds from 800 on are for development, those from 9800 on for evaluation.
"""

import shutil
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import common
from checkouts import Code, add_code_argument, codes_of
from disturbed_cases import BY_NAME, CASES, FIELDS, SHAPE
from disturbed_figures import Before, Decided, Figures, flags_of, probabilities_of, row

import acs_deepcr_step
from acs_deepcr_step.errors import StepWarning

DEVELOPMENT = 800
_QUICK_SHAPE = (384, 384)


@dataclass(frozen=True, eq=False)
class Benchmark:
    """Measures cases, each of a seed once.

    Attributes
    ----------
    codes : list of Code
    field : str
    shape : tuple of int
    root : Path
        To work in.
    known : dict
        What was measured: the members of (case, seed, code).
    """

    codes: list[Code]
    field: str
    shape: tuple[int, int]
    root: Path
    known: dict

    def measured(self, case, seed, code):
        """Return both members of a case as a code decided on them, list of Decided."""
        if (case, seed, code) not in self.known:
            for name, members in self._measure(case, seed):
                self.known[case, seed, name] = members
        return self.known[case, seed, code]

    def _measure(self, case, seed):
        """Yield the members of a case by code."""
        directory = self.root / "alone"
        files = BY_NAME[case].write(directory, seed, self.field, self.shape)
        before = [Before.read(path) for path in files]
        acs_deepcr_step.run([str(path) for path in files], consensus="no", runfile="", progress=False)
        alone = [
            Figures.of(chips, flags_of(path), probabilities_of(path))
            for chips, path in zip(before, files, strict=True)
        ]
        for code in self.codes:
            copy = shutil.copytree(directory, self.root / code.name)
            answer = code.decide(copy)
            together = [
                Figures.of(chips, flags_of(copy / path.name))
                for chips, path in zip(before, files, strict=True)
            ]
            yield code.name, [_decided(*pair, path.name, answer)
                              for *pair, path in zip(alone, together, files, strict=True)]  # fmt: skip
            shutil.rmtree(copy)
        shutil.rmtree(directory)


def _decided(alone, together, name, answer):
    note = answer["error"] or answer["note"].get(name, "")
    return Decided(alone, together, answer["nexp"].get(name, 0), note)


def table(arguments):
    """Make the table of all cases.

    Parameters
    ----------
    arguments : argparse.Namespace
        Of the command line.

    Returns
    -------
    astropy.table.Table
    """
    first, count = arguments.seeds
    seeds, rows = range(first, first + count), []
    directory = tempfile.TemporaryDirectory(prefix="acs_deepcr_disturbed_")
    with codes_of(arguments, "disturbed") as codes, directory as root:
        made = Benchmark(codes, arguments.field, arguments.shape, Path(root), {})
        for name in arguments.cases:
            began = time.perf_counter()
            its = _rows(made, name, seeds)
            rows += its
            worse = [f"{one['code']} {one['member']}: {one['worse']}" for one in its if one["worse"]]
            took = (time.perf_counter() - began) / count
            print(f"{name:32}{took:6.1f} s a seed  {', '.join(worse)}", flush=True)
    size = "x".join(map(str, arguments.shape))
    return common.table(rows, [f"{arguments.field}, {size}, seeds {first} to {first + count - 1}"])


def _rows(benchmark, name, seeds):
    """Return the rows of a case: of each member, by code."""
    made = []
    for member in range(2):
        for code in benchmark.codes:
            found, twins = (
                [benchmark.measured(case, seed, code.name)[member] for seed in seeds]
                for case in (name, BY_NAME[name].twins[member])
            )
            made.append(row(name, member + 1, code.name, found, twins))
    return made


def main():
    """Print the table and write it."""
    parser = common.parser(__doc__, ("cases",), repeats=1)
    names = [case.name for case in CASES]
    parser.add_argument("--seeds", type=int, nargs=2, default=[DEVELOPMENT, 3], metavar=("FIRST", "COUNT"))
    parser.add_argument("--cases", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--field", choices=FIELDS, default=FIELDS[0])
    add_code_argument(parser)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", StepWarning)  # every case is there to be warned of
    arguments.shape = _QUICK_SHAPE if arguments.quick else SHAPE
    common.measure("disturbed", {"cases": lambda: table(arguments)}, arguments)


if __name__ == "__main__":
    main()
