"""One case in a process of its own, so that its peak memory is its own.

    python benchmarks/child.py CASE [OPTION] DIRECTORY

Works on the exposures in DIRECTORY, which it changes, and prints one line of
JSON: seconds (imports left out), step_seconds, peak_mb, base_mb (after the
imports, before the work).

Cases: ``imports``; ``tool NAME`` (a tool on the first chip);
``run PRECISION`` (the step on all exposures); ``report`` (the page of exposures
that were flagged before); ``decide CONSENSUS`` (the flags of exposures whose
probabilities are there); ``drizzle standard``; ``drizzle PRECISION`` (the step,
then AstroDrizzle without its cosmic-ray steps); ``drizzle "fast PRECISION"`` (the
same with ``ACS-WFC-fast``); ``growth PRECISION`` (the step on
all exposures, memory sampled meanwhile).
"""

import argparse
import gc
import importlib
import json
import os
import sys
import threading
import time
from pathlib import Path

# Interval of the samples of memory, seconds.
_SAMPLING = 0.05
# What `run` imports when it is called.
_STEP_MODULES = (
    "step",
    "work.plan",
    "work.passes",
    "work.exposure_work",
    "work.field_work",
    "network.detect",
)


def peak_mb():
    """Return the peak of this process's resident memory, MB of 1e6 bytes.

    Linux counts ``ru_maxrss`` from the process that started this one, so the
    kernel's high-water mark of this program alone is read where there is one.
    """
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _import_step():
    """Import everything that the step imports: imports are not to be timed."""
    for module in _STEP_MODULES:
        importlib.import_module(f"acs_deepcr_step.{module}")


def _step(paths, way):
    import acs_deepcr_step

    precision = way.removeprefix("fast ")
    model = "ACS-WFC" if precision == way else "ACS-WFC-fast"
    acs_deepcr_step.run([str(p) for p in paths], model=model, precision=precision, progress=False)


def _tool(paths, name):
    import tools
    from common import chips_of

    tool = tools.make(name)
    image = chips_of(paths[:1])[0]

    def work():
        tool.find(image)

    return work


def _run(paths, precision):
    _import_step()
    return lambda: _step(paths, precision)


def _drizzle(paths, way):
    from drizzlepac import astrodrizzle

    import acs_deepcr_step

    _import_step()

    def work():
        names, keywords, began = [p.name for p in paths], {}, time.perf_counter()
        if way != "standard":
            _step(paths, way)
            keywords = acs_deepcr_step.drizzle_kwargs()
        seconds = time.perf_counter() - began
        astrodrizzle.AstroDrizzle(names, output="final", **keywords)
        if not list(Path().glob("final_dr?_sci.fits")) and not list(Path().glob("final_dr?.fits")):
            raise SystemExit("AstroDrizzle left no product.")
        return {"step_seconds": seconds}

    return work


def _decide(paths, consensus):
    """Do all but the network's work: flags from the probabilities of an earlier run."""
    import acs_deepcr_step

    _import_step()

    def work():
        began = time.process_time()
        found = acs_deepcr_step.run([p.name for p in paths], consensus=consensus, progress=False, runfile="")
        return {"cpu_seconds": time.process_time() - began, "exposures": [int(n) for n in found["nexp"]]}

    return work


def _growth(paths, precision):
    """Run the step on all exposures, and sample the resident memory meanwhile."""
    import psutil

    work, samples, stop = _run(paths, precision), [], threading.Event()

    def sample():
        me = psutil.Process()
        while not stop.wait(_SAMPLING):
            samples.append(me.memory_info().rss / 1e6)

    def measured():
        thread = threading.Thread(target=sample)
        thread.start()
        try:
            work()
        finally:
            stop.set()
            thread.join()
        return {"samples_mb": samples}

    return measured


def _imports(_paths, _option):
    _import_step()
    return dict


def _report(paths, _option):
    """Write the report of exposures that were flagged before; its imports count."""

    def work():
        from acs_deepcr_step import report

        began = time.process_time()
        page = report.write(paths)
        return {"cpu_seconds": time.process_time() - began, "megabytes": page.stat().st_size / 1e6}

    return work


_CASES = {
    "imports": _imports, "tool": _tool, "run": _run, "decide": _decide, "drizzle": _drizzle,
    "growth": _growth, "report": _report,
}  # fmt: skip


def main():
    """Run the case that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=_CASES)
    parser.add_argument("option", nargs="?", help="name of the tool, precision, or consensus")
    parser.add_argument("directory", type=Path, help="with the exposures, which are changed")
    arguments = parser.parse_args()
    # What the programs print must not get between the result and its reader.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    directory = arguments.directory.resolve()
    os.chdir(directory)
    work = _CASES[arguments.case](sorted(directory.glob("*_fl?.fits")), arguments.option)
    gc.collect()
    base = peak_mb()
    began = time.perf_counter()
    more = work() or {}
    result = {"seconds": time.perf_counter() - began, "peak_mb": peak_mb(), "base_mb": base, **more}
    print(json.dumps(result), file=answer, flush=True)


if __name__ == "__main__":
    main()
