"""How long the report of four full-size exposures takes, how large it is, and how much memory it needs.

    python benchmarks/report.py [--quick] [--repeats N] [--fields FIELD ...] [--output DIR]

Four exposures of each field are simulated and flagged, then the report is written
in a process of its own, which has nothing in memory yet: the seconds hold its
imports. The goal is 20 s and 10 MB for four full-size exposures.
"""

import numpy as np
from common import FULL_SIZE, QUICK_SIZE, measure, parser, table
from exposures import Data, in_child

from acs_deepcr_step import run

FIELDS = ("sparse", "galaxies", "crowded")
_FIGURES = ("seconds", "cpu_seconds", "megabytes", "peak_mb")


def main():
    """Measure the fields that the command line asks for."""
    options = parser(__doc__, ("write",))
    options.add_argument("--fields", nargs="+", choices=FIELDS, default=list(FIELDS), help="kinds of fields")
    arguments = options.parse_args()
    measure("report", {"write": lambda: _write(arguments)}, arguments)


def _write(arguments):
    rows = []
    for field in arguments.fields:
        with Data(QUICK_SIZE if arguments.quick else FULL_SIZE, field=field) as data:
            files = data.copies(4)
            run(files, runfile="", progress=False)
            measurements = [in_child(data.root / "work", "report") for _ in range(arguments.repeats)]
        if None in measurements:
            raise SystemExit("A report failed: see above.")
        rows.append({"field": field, **{key: _median(measurements, key) for key in _FIGURES}})
    return table(rows, ["four exposures of two chips; MB of 1e6 bytes; medians; imports included"])


def _median(measurements, key):
    return float(np.median([measured[key] for measured in measurements]))


if __name__ == "__main__":
    main()
