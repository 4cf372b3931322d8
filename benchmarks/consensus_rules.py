"""What each rule of deciding together is worth: each is switched off, and all others are left.

    python benchmarks/consensus_rules.py [--seeds FIRST COUNT] [--rules NAME ...] [--uvis DIR]
                                         [--parts static changing disturbed uvis] [--output DIR] [--quick]

`consensus_rules_list.py` has the rules, with a sentence and a replacement for each. They act on

- ``static``: fields of `acs_deepcr_step.simulate`, sparse, crowded and galaxies, F814W, 500 s, one chip of
  1024x1024, the usual dither, two exposures, and four of a crowded one;
- ``changing``: two exposures of the same, sparse and crowded, in which one star in ten varies by up to half
  a magnitude either way and six sources move by 3.6 pixels;
- ``disturbed``: pairs of `disturbed_cases.py`, sparse with 20 times the usual stars, 768x768: the second
  exposure out of focus by 8 % of the peaks, trailed, with a glow of 100 electrons at one side, or one pixel
  off its WCS; and one of 5 s with one of 500 s;
- ``uvis``: the eight real exposures of `uvis_truth.py` in a folder DIR, in groups of two and of four.

The network judges each exposure once. For each group of exposures the rows ``alone`` and ``everything`` have
the figures of each exposure by itself and of all rules together, summed over exposures and seeds; the others
by how much a figure is more, or less, without the rule, and ``pixels``, whose flags are others then:

- ``tpr``, ``fpr``: flagged shares of the hit and of the other pixels; ``false``: flags on pixels without any
  charge of a cosmic ray, DQ 0 before;
- ``missed_away``, ``missed_near``: electrons of cosmic rays that are not flagged, in pixels with more than 5
  rms of the background, away from saturated pixels and within 7x7 of one;
- ``peaks``: flagged peaks of unsaturated stars, of ``stars``: 50 sigma and more, none of whose 3x3 pixels
  was hit; ``moved``, ``varied``: sources with a flag in their 3x3 pixels, of ``of_moved`` and ``of_varied``:
  peaks of 10 sigma and more, unsaturated, none of whose 5x5 pixels was hit, that the truth of another
  exposure has at another place of its WCS (so all do where that is off), or a tenth brighter or fainter;
- of real exposures means of TPR, FPR, the share of events found, and that of false flags farther than a pixel
  from any true one; ``object``: flags on the 3x3 pixels of the object.

Seeds from 7601 on are for development, those from 9800 on for evaluation.
"""

import shutil
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from pathlib import Path

import common
import numpy as np
from consensus_rules_fields import CHANGING, DISTURBED, STATIC, real
from consensus_rules_list import RULES
from field_decisions import measured, together

from acs_deepcr_step.errors import StepWarning

DEVELOPMENT = 7601
_QUICK_SHAPE = (384, 384)
_PARTS = {"static": STATIC, "changing": CHANGING, "disturbed": DISTURBED}


def table(groups, seeds, arguments):
    """Make the table of groups of exposures.

    Parameters
    ----------
    groups : dict of str to callable
        Each makes the fields of a seed, in a directory.
    seeds : sequence of int
    arguments : argparse.Namespace
        Of the command line.

    Returns
    -------
    astropy.table.Table
    """
    rows = []
    with tempfile.TemporaryDirectory(prefix="acs_deepcr_rules_") as root:
        directory = Path(root) / "exposures"
        for name, make in groups.items():
            began, totals, figures = time.perf_counter(), defaultdict(Counter), None
            for seed in seeds:
                for field in make(directory, seed, arguments.shape):
                    figures = field.figures
                    for rule, counts in _ways(field, arguments.rules):
                        totals[rule].update(counts)
                shutil.rmtree(directory)
            rows += _rows(name, totals, figures)
            print(f"{name:24}{(time.perf_counter() - began) / len(seeds):6.1f} s a seed", flush=True)
    return common.table(rows, [f"seeds {seeds[0]} to {seeds[-1]}"])


def _ways(field, names):
    """Yield what is counted of a field: alone, with every rule, and without each one of them."""
    yield "alone", field.counted(field.alone)
    members = measured(field.files)
    usual = _flags(members)
    yield "everything", field.counted(usual)
    for rule in RULES:
        if rule.name in names:
            with rule.off():
                its = _flags(measured(field.files) if rule.measures else members)
            yield rule.name, field.counted(its) + Counter(pixels=_others(usual, its))


def _flags(members):
    """Return the flags of a field by path."""
    return {one.path: one.flags for one in together(members)}


def _others(usual, flags):
    """Return how many pixels have another flag."""
    return sum(
        int(np.count_nonzero(chips[extver] != flags[path][extver]))
        for path, chips in usual.items()
        for extver in chips
    )


def _rows(group, totals, figures):
    """Return the rows of a group; rules by what changes without them."""
    every, rows = figures(totals["everything"]), []
    for rule, total in totals.items():
        its = figures(total)
        if rule not in ("alone", "everything"):
            its = {name: its[name] - every[name] for name in its}
        rows.append({"group": group, "without": rule, "pixels": int(total["pixels"]), **its})
    return rows


def main():
    """Print the tables and write them."""
    parser = common.parser(__doc__, (*_PARTS, "uvis"), repeats=1)
    names = [rule.name for rule in RULES]
    parser.add_argument("--seeds", type=int, nargs=2, default=[DEVELOPMENT, 2], metavar=("FIRST", "COUNT"))
    parser.add_argument("--rules", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--uvis", type=Path, metavar="DIR", help="with the eight exposures of uvis_truth.py")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", StepWarning)  # some exposures are there to be warned of
    arguments.shape = _QUICK_SHAPE if arguments.quick else None
    if arguments.uvis is None:
        arguments.parts = [part for part in arguments.parts if part != "uvis"]
    first, count = arguments.seeds
    seeds = range(first, first + count)
    parts = {part: lambda groups=groups: table(groups, seeds, arguments) for part, groups in _PARTS.items()}
    parts["uvis"] = lambda: table(real(arguments.uvis), [0], arguments)
    common.measure("consensus_rules", parts, arguments)


if __name__ == "__main__":
    main()
