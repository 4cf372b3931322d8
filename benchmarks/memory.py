"""How much memory the step takes, beside other programs, and that it does not grow.

    python benchmarks/memory.py [--quick] [--parts PART ...] [--output DIR]

Every case is a process of its own; its peak is the kernel's own count of
resident memory, imports included (the case ``imports`` says how much they take).
"""

import numpy as np
from common import FULL_SIZE, QUICK_SIZE, bfloat16_is_native, measure, parser, table, version
from exposures import Data, in_child
from tools import NAMES

PARTS = ("tools", "runs", "paths", "growth")

# Exposures in the test of growth, and rows and columns of their chips.
_MANY, _SMALL = 64, (256, 512)


def main():
    """Measure the parts that the command line asks for."""
    arguments = parser(__doc__, PARTS, repeats=1).parse_args()
    with Data(QUICK_SIZE if arguments.quick else FULL_SIZE) as data:
        functions = {
            "tools": lambda: _tools(data),
            "runs": lambda: _runs(data),
            "paths": lambda: _paths(data),
            "growth": lambda: _growth(16 if arguments.quick else _MANY),
        }
        measure("memory", functions, arguments)


def _precisions():
    return ("float32", "bfloat16") if bfloat16_is_native() else ("float32",)


def _row(label, found):
    """Return one row; what could not be measured has no figures."""
    found = found or {}
    figures = {key: found.get(key, np.nan) for key in ("peak_mb", "base_mb", "seconds")}
    return {"case": label, **figures}


def _notes():
    return ["MB of 1e6 bytes; peak: of the process, imports and input included; base: before the work"]


def _tools(data):
    """Measure every program on one chip."""
    rows = []
    for name in NAMES:
        if name == "ours bfloat16" and not bfloat16_is_native():
            continue
        data.copies(1)
        rows.append(_row(name, in_child(data.root / "work", "tool", name)))
    packages = ("deepCR", "astroscrappy", "lacosmic", "dfcosmic", "cosmic-conn")
    notes = [f"{name}: {version(name)}" for name in packages]
    return table(rows, [*_notes(), *notes, "no figures: not installed, or it failed (see the messages)"])


def _runs(data):
    """Measure whole runs of one and of eight exposures."""
    data.copies(1)
    rows = [_row("imports alone", in_child(data.root / "work", "imports"))]
    for precision in _precisions():
        for n in (1, 8):
            data.copies(n)
            found = in_child(data.root / "work", "run", precision)
            rows.append(_row(f"run {precision}, exposures: {n}", found))
    return table(rows, _notes())


def _paths(data):
    """Measure from four exposures to the product, both ways."""
    rows = []
    for way in ("standard", *_precisions()):
        data.copies(4, "drizzle")
        label = "AstroDrizzle standard" if way == "standard" else f"step {way} + AstroDrizzle"
        rows.append(_row(label, in_child(data.root / "drizzle", "drizzle", way)))
    return table(rows, [*_notes(), "four exposures; processes that AstroDrizzle starts are not counted"])


def _growth(n):
    """Measure the resident memory in each eighth of one run of many small exposures."""
    with Data(_SMALL, n=1) as small:
        small.copies(n)
        found = in_child(small.root / "work", "growth", "auto")
    if not found:
        raise SystemExit("The run of many exposures failed: see above.")
    shares = np.array_split(np.array(found["samples_mb"]), 8)
    rows = [{"share": f"{i + 1}/8", "median_mb": float(np.median(s)), "highest_mb": float(s.max())}
            for i, s in enumerate(shares) if s.size]  # fmt: skip
    grown = rows[-1]["median_mb"] - rows[1]["median_mb"]
    return table(rows, [f"{n} exposures of two chips of {_SMALL[0]} x {_SMALL[1]} in one run",
                        f"from the second eighth to the last: {grown:+.1f} MB"])  # fmt: skip


if __name__ == "__main__":
    main()
