"""Measure how complete the truth is that AstroDrizzle makes, and write the package's table of it.

    python benchmarks/truth_completeness.py [--quick] [--output FILE]

Each case simulates an association of one chip (1024 x 1024 pixels, F814W), makes its truth with the
default settings of AstroDrizzle, and compares. Takes about five minutes on one core; ``--quick``
measures two cases and writes nothing.
"""

import argparse
import itertools
from dataclasses import asdict

from astropy.table import Table

from acs_deepcr_step.training.truth import completeness, completeness_simulation

NUMBERS = (2, 3, 4, 6, 8)
TIMES = (350.0, 500.0, 1000.0)
QUICK = ((2, 500.0, "extragalactic"), (4, 500.0, "extragalactic"))
_DESCRIPTIONS = {
    "n": "exposures of the set",
    "exptime": "of each exposure",
    "filter": "of the exposures",
    "field": "key of acs_deepcr_step.training.samples.FIELD_TYPES",
    "completeness": "share of the pixels hit that the truth holds",
    "false": "share of the clean pixels that the truth takes for hit",
    "hidden": "share of the pixels without truth that a cosmic ray did hit",
    "completeness_counted": "completeness with the ring of a pixel around true cosmic rays left out",
    "hidden_counted": "hidden with that ring left out",
}


def main():
    """Measure the cases and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two cases, and no table")
    parser.add_argument("--output", default=completeness.TABLE, help="the table (default: the package's)")
    arguments = parser.parse_args()
    cases = QUICK if arguments.quick else itertools.product(NUMBERS, TIMES, completeness.FIELDS)
    rows = []
    for n, exptime, field in cases:
        measured = completeness_simulation.measure(n, exptime, field=field)
        print(f"{field:14} {measured.statement}", flush=True)
        rows.append(asdict(measured))
    if arguments.quick:
        return
    made = Table({name: [row[name] for row in rows] for name in _DESCRIPTIONS})
    made.sort(["field", "exptime", "n"])
    made.round(6)
    for name, text in _DESCRIPTIONS.items():
        made[name].description = text
    made["exptime"].unit = "s"
    made.meta["title"] = (
        "Completeness of truth made by driz_cr with the defaults of AstroDrizzle 3.11, measured on simulated "
        "associations (one chip of 1024 x 1024 pixels, exact alignment) by benchmarks/truth_completeness.py"
    )
    made.write(arguments.output, format="ascii.ecsv", overwrite=True)


if __name__ == "__main__":
    main()
