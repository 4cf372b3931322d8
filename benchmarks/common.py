"""What the benchmarks share: facts about the machine, clocks, tables."""

import argparse
import importlib.metadata
import os
import platform
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

from astropy.table import Table

import acs_deepcr_step

PACKAGES = (
    "acs_deepcr_step", "torch", "numpy", "scipy", "astropy", "drizzlepac", "deepCR", "astroscrappy",
    "lacosmic", "dfcosmic", "cosmic-conn", "openvino",
)  # fmt: skip

# Rows and columns of a chip, chips per exposure.
FULL_SIZE, QUICK_SIZE, CHIPS = (2048, 4096), (512, 1024), 2
EXPOSURE_MEGAPIXELS = CHIPS * FULL_SIZE[0] * FULL_SIZE[1] / 1e6


def parser(description, parts, repeats=3):
    """Return the command line that the benchmarks have in common.

    Parameters
    ----------
    description : str
    parts : sequence of str
        What the benchmark can measure; all of it by default.
    repeats : int
        Default number of interleaved repeats.

    Returns
    -------
    argparse.ArgumentParser
    """
    made = argparse.ArgumentParser(description=description.splitlines()[0])
    made.add_argument(
        "--quick", action="store_true", help="small images: shows that it works, not how fast it is"
    )
    made.add_argument(
        "--parts", nargs="+", choices=parts, default=list(parts), metavar="PART", help=", ".join(parts)
    )
    made.add_argument(
        "--repeats", type=_positive, default=repeats, help="interleaved repeats; medians are printed"
    )
    made.add_argument(
        "--output", type=Path, default=Path("benchmark_results"), help="directory of the tables"
    )
    return made


def _positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give 1 or more")
    return number


def version(package):
    """Return the version of an installed package, or ``not installed``."""
    if package == "acs_deepcr_step":
        return acs_deepcr_step.__version__
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def cores():
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def processor():
    """Return the processor's name, where the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def bfloat16_is_native():
    """Return whether the step would choose bfloat16 on this processor by itself."""
    from acs_deepcr_step import detect

    return detect.Detector(precision="auto", device="cpu").precision == "bfloat16"


def facts():
    """Return what has to be known with any figure: date, machine, load, versions.

    Returns
    -------
    dict of str to str
    """
    load = f"{os.getloadavg()[0]:.2f}" if hasattr(os, "getloadavg") else "unknown"
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "processor": processor(),
        "cores": str(cores()),
        "memory_GiB": _memory(),
        "bfloat16": "native" if bfloat16_is_native() else "not native",
        "system": f"{platform.system()} {platform.release()}",
        "load_before": load,
        "python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def _memory():
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f}"
    except (AttributeError, ValueError, OSError):
        return "unknown"


def timed(function, clock=time.perf_counter):
    """Return how long a call took by a clock, in its units.

    Parameters
    ----------
    function : callable
        Without arguments.
    clock : callable

    Returns
    -------
    float
    """
    began = clock()
    function()
    return clock() - began


def interleaved(cases, repeats, clock=time.perf_counter):
    """Time every case once per repeat, so that a drift of the machine meets all alike.

    Parameters
    ----------
    cases : dict of str to callable
    repeats : int
    clock : callable
        ``time.process_time`` counts the processor's work, whoever else is on the machine.

    Returns
    -------
    dict of str to list of float
        Seconds of each repeat, in the same order for all cases.
    """
    seconds = {name: [] for name in cases}
    for _ in range(repeats):
        for name, function in cases.items():
            seconds[name].append(timed(function, clock))
    return seconds


def median(values):
    """Return the median as a plain number."""
    return float(statistics.median(values))


def ratio(slow, fast):
    """Return the median of the ratios, repeat by repeat.

    Parameters
    ----------
    slow, fast : sequence of float
        Of the same run; the longer is cut to the shorter.

    Returns
    -------
    float
    """
    return median([a / b for a, b in zip(slow, fast, strict=False)])


def table(rows, notes=()):
    """Make a table of rows, with the machine's facts and notes in its metadata.

    Parameters
    ----------
    rows : list of dict
        All with the same keys; floats are shown with four digits.
    notes : sequence of str

    Returns
    -------
    astropy.table.Table
    """
    made = Table(rows=rows)
    for column in made.itercols():
        if column.dtype.kind == "f":
            column.format = ".4g"
    made.meta.update(facts())
    made.meta["notes"] = list(notes)
    return made


def measure(name, functions, arguments):
    """Measure the chosen parts; print and write each table as soon as it is there.

    Parameters
    ----------
    name : str
        Of the benchmark; each part gives ``<name>_<part>.ecsv``, and all that
        were measured ``<name>.txt``.
    functions : dict of str to callable
        Without arguments; each returns a `Table`.
    arguments : argparse.Namespace
        From `parser`.
    """
    arguments.output.mkdir(parents=True, exist_ok=True)
    text = ["\n".join(f"{key}: {value}" for key, value in facts().items())]
    print(text[0], flush=True)
    for part in arguments.parts:
        began = time.perf_counter()
        result = functions[part]()
        result.meta["seconds_to_measure"] = round(time.perf_counter() - began, 1)
        result.write(arguments.output / f"{name}_{part}.ecsv", format="ascii.ecsv", overwrite=True)
        title = f"{name} {part} ({result.meta['seconds_to_measure']:.0f} s to measure)"
        lines = [title, *result.pformat(max_lines=-1, max_width=-1), *result.meta["notes"]]
        text.append("\n".join(lines))
        print("\n" + text[-1], flush=True)
        (arguments.output / f"{name}.txt").write_text("\n\n".join(text) + "\n")


def chips_of(paths):
    """Return the images of exposures, electrons, float32 in native byte order.

    Parameters
    ----------
    paths : sequence of Path

    Returns
    -------
    list of ndarray
    """
    import numpy as np
    from astropy.io import fits

    images = []
    for path in paths:
        with fits.open(path) as hdus:
            images += [np.array(hdu.data, np.float32) for hdu in hdus if hdu.name == "SCI"]
    return images
