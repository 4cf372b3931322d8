"""The long form of the fault tests: every fault many times, and a table of what became of the files.

`make soak` runs it; the table goes into docs/reliability_results.md, in the place of the one before.
"""

import argparse
import datetime
import os
import platform
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "reliability_results.md"
BEGIN, END = "<!-- table of make soak -->", "<!-- end of the table -->"

CALLS = ("os.fsync", "os.replace", "os.open", "open", "os.fchmod", "os.fchown", "os.unlink")
NOBODY = 65534


def rows(scale):
    """Yield a tally per fault; `scale` 1 is the full number of trials."""
    import closed_streams
    import crashes
    import endurance
    import fields
    import hostile
    import mutants
    import rivals

    def many(trials):
        return max(4, round(trials * scale))

    steps = None if scale >= 1 else many(400)
    yield lambda root: crashes.kills_at_random(root, many(200))
    yield lambda root: crashes.kills_at_steps(root, steps)
    yield lambda root: fields.kills_together(root, many(60))
    yield lambda root: fields.two_associations(root, many(40))
    yield lambda root: crashes.failing_calls(root, CALLS)
    yield lambda root: crashes.largest_file(root, many(60))
    yield lambda root: crashes.small_disk(root, many(60))
    yield crashes.no_permission
    if os.geteuid() == 0:
        yield lambda root: crashes.no_permission(root, NOBODY)
        yield lambda root: hostile.another_user(root, many(60))
    yield lambda root: hostile.flips_in_masks(root, many(60))
    yield lambda root: hostile.hostile_sizes(root, many(60))
    yield lambda root: rivals.other_program(root, many(400))
    yield lambda root: rivals.two_writers(root, many(100))
    yield lambda root: rivals.lock_after_a_kill(root, many(40))
    yield lambda root: mutants.exposures(root, many(300))
    yield lambda root: mutants.masks(root, many(300))
    yield lambda root: mutants.associations(root, many(100))
    yield lambda root: endurance.interrupts(root, many(20))
    yield lambda root: endurance.interrupts(root, many(8), workers=2)
    yield lambda root: endurance.interrupts(root, many(8), workers=2, group=True)
    yield lambda root: endurance.killed_parents(root, many(12))
    yield lambda root: closed_streams.closed_streams(root, many(45))
    yield lambda root: endurance.memory_is_flat(root, max(16, many(64)))[0]


def main():
    """Run all, print the table as it grows, and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="fraction of the trials; below 1 nothing is written"
    )
    scale = parser.parse_args().scale
    heading = ["fault", "trials", "refused cleanly", "old file kept", "new file complete", "lost"]
    lines = [f"| {' | '.join(heading)} |", "|---|--:|--:|--:|--:|--:|"]
    print("\n".join(lines), flush=True)
    lost, began = [], time.perf_counter()
    for trial in rows(scale):
        with tempfile.TemporaryDirectory() as root:
            Path(root).chmod(0o755)
            tally = trial(Path(root))
        if tally is None:
            print("(a small disk cannot be mounted here)", file=sys.stderr)
            continue
        cells = (tally.fault, tally.trials, tally.refused, tally.old, tally.new, len(tally.lost))
        lines.append(f"| {' | '.join(map(str, cells))} |")
        print(lines[-1], flush=True)
        lost += [f"{tally.fault}: {what}" for what in tally.lost]
    minutes = (time.perf_counter() - began) / 60
    packages = ("acs_deepcr_step", "astropy", "numpy", "torch", "filelock")
    versions = ", ".join(f"{name} {_version(name)}" for name in packages)
    lines += [
        "",
        f"`make soak`, {datetime.date.today().isoformat()}, {minutes:.0f} minutes; "
        f"Python {platform.python_version()}, {versions}; "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores.",
    ]
    print(lines[-1])
    print("\n".join(lost), file=sys.stderr)
    if scale >= 1:
        _put_into_page("\n".join(lines))
    return 1 if lost else 0


def _put_into_page(table):
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def _version(name):
    import acs_deepcr_step

    return acs_deepcr_step.__version__ if name == "acs_deepcr_step" else version(name)


if __name__ == "__main__":
    for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(_name, "1")
    sys.path[:0] = [str(HERE), str(HERE.parents[1])]
    sys.exit(main())
