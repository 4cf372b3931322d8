"""Long runs: flat memory, and an interrupt that ends them soon."""

import os
import shutil
import signal
import time

import psutil
from harness import finish, start
from verdict import Site, Tally, content, flag

from acs_deepcr_step.files import mask_file

__all__ = ["interrupts", "killed_parents", "many_exposures", "memory_is_flat"]

# The first exposures fill caches (weights, network, header parser).
WARM_UP = 4

# What an interrupt may take, in seconds.
SOON = 2.0

# What the end of processes that nobody needs any more may take, in seconds.
NO_HANG = 5.0


def many_exposures(site, count, side=1):
    """Copies of the exposure under other names; their paths."""
    site.fresh()
    names = [site.path.name.replace("aaq_", f"{i:02d}q_") for i in range(count)]
    paths = [shutil.copy2(site.path, site.directory / name) for name in names]
    site.path.unlink()
    return paths


def memory_is_flat(root, count):
    """Run exposures one after the other in this process; the tally, and the resident sizes in bytes.

    The mean of the last ten (of a short run: of the last third) is to be within 5 % of that of the first ten
    after the warm-up.
    """
    site, tally = Site(root), Tally("resident memory over many exposures")
    process, sizes = psutil.Process(), []
    for path in many_exposures(site, count):
        flag(path)
        sizes.append(process.memory_info().rss)
        tally.count("done", "new")
    window = min(10, (count - WARM_UP) // 2)
    first, last = (sum(part) / window for part in (sizes[WARM_UP : WARM_UP + window], sizes[-window:]))
    if abs(last / first - 1) > 0.05:
        tally.lost.append(f"{first / 1e6:.0f} MB became {last / 1e6:.0f} MB")
    return tally, last / first


def interrupts(root, trials, workers=1, group=False, soon=SOON):
    """Ctrl-C during a run of several exposures: to the process alone, or to its group as a terminal does."""
    how = f"workers={workers}, to the {'group' if group else 'process'}"
    site, tally = Site(root), Tally(f"Ctrl-C ({how})")
    for trial in range(trials):
        paths = many_exposures(site, 24)
        process = start(site.report, "run", paths, {"workers": workers, "consensus": "no"})
        _wait_for(site, 1 + trial % 6)
        began = time.perf_counter()
        (os.killpg if group else os.kill)(process.pid, signal.SIGINT)
        report = finish(process, site.report, 60)
        took = time.perf_counter() - began
        wrong = [] if report.outcome == "interrupted" else [f"{report.outcome}: {report.message}"]
        wrong += [] if took < soon else [f"it took {took:.1f} s"]
        done = [_state(site, path) for path in paths]
        wrong += [] if "lost" not in done else ["an exposure is neither old nor new"]
        wrong += (
            []
            if 0 < done.count("new") < len(paths)
            else [f"{done.count('new')} of {len(paths)} were finished"]
        )
        wrong += [f"left over: {name}" for name in os.listdir(site.directory) if name.startswith(".")]
        tally.count("interrupted", "new", wrong)
    return tally


def killed_parents(root, trials):
    """The process that started the workers is killed, terminated, or loses its terminal.

    Its workers end soon, and the next run makes good what is left.
    """
    site, tally = Site(root), Tally("the parent of the workers is killed (SIGKILL, SIGTERM, SIGHUP)")
    signals = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)
    for trial in range(trials):
        paths = many_exposures(site, 24)
        process = start(site.report, "run", paths, {"workers": 2, "consensus": "no"})
        _wait_for(site, 1 + trial % 6)
        workers = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signals[trial % len(signals)])
        _, alive = psutil.wait_procs(workers, timeout=NO_HANG)
        finish(process, site.report)
        wrong = [f"a worker lives {NO_HANG:g} s longer than its parent"] if alive else []
        wrong += ["there were no workers"] if len(workers) < 2 else []
        done = [_state(site, path) for path in paths]
        wrong += [] if "lost" not in done else ["an exposure is neither old nor new"]
        flag(paths, rerun="skip", consensus="no")
        wrong += [] if {_state(site, path) for path in paths} == {"new"} else ["the next run gives others"]
        wrong += [f"left over: {name}" for name in os.listdir(site.directory) if name.startswith(".")]
        tally.count("killed", "new", wrong)
        for worker in alive:
            worker.kill()
    return tally


def _wait_for(site, count):
    """Wait until so many exposures are finished."""
    end = time.monotonic() + 60
    while sum(name.endswith("_deepcr.fits") for name in os.listdir(site.directory)) < count:
        if time.monotonic() > end:
            raise AssertionError("nothing was finished within a minute")
        time.sleep(0.005)


def _state(site, path):
    """``old``, ``new`` or ``lost``; the name of the mask file in the header is the exposure's own."""
    there = content(path).replace(mask_file.name_for(path).encode(), site.mask.name.encode())
    return {site.old: "old", site.new: "new"}.get(there, "lost")
