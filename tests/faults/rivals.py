"""Other programs and other runs at the same file at the same time."""

import itertools
import threading
import time
from pathlib import Path

from astropy.io import fits
from harness import Conditions, call, finish, start
from verdict import SECOND, Site, Tally, content, flag

from acs_deepcr_step.errors import ExposureError
from acs_deepcr_step.files import atomic

__all__ = ["lock_after_a_kill", "other_program", "two_writers"]

_LOOK = "exposure:require_unchanged:"


def other_program(root, trials=None):
    """The file is replaced, changed in place, shortened or deleted at each step before it is written.

    The other program's file stays: as it is, or flagged if the step had not begun to read it.
    """
    site, tally = Site(root), Tally("another program replaces, changes or deletes the file")
    other = _recalibrated(site)
    site.fresh()
    steps = call(site.report, "run", [site.path], {}, Conditions("replace", 0)).steps
    # The last look before the new file takes its place is the end of what can be seen; between the mask
    # file's and that one the mask file may stay.
    looking = [name.startswith(_LOOK) for name in steps]
    looks = [i for i in range(2, len(steps) + 1) if looking[i - 1] and not looking[i - 2]]
    mask_look, last = looks[-2:]
    acts = ("replace", "change", "shorten", "delete")
    stride = max(1, -(-last * len(acts) // trials)) if trials else 1
    for step, act in itertools.islice(itertools.product(range(1, last + 1), acts), 0, None, stride):
        site.fresh()
        fault = Conditions(act, step, victim=str(site.path), other=str(other))
        report = call(site.report, "run", [site.path], {}, fault)
        if step > mask_look:
            site.mask.unlink(missing_ok=True)
        _count_left_alone(tally, site, report, act, other)
    return tally


def _recalibrated(site):
    """The same exposure as another calibration gives it."""
    with fits.open(site.original, memmap=False) as hdus:
        hdus["SCI", 1].data += 1.0
        hdus.writeto(site.root / "other.fits", checksum=True)
    return site.root / "other.fits"


def _count_left_alone(tally, site, report, act, other):
    wrong = []
    if act == "delete":
        theirs = not site.path.exists()
    elif act == "shorten":
        theirs = site.path.stat().st_size == 10_000
    else:
        theirs = site.path.read_bytes() == other.read_bytes()
    flagged_theirs = not theirs and report.outcome == "done" and _is_flagged_copy(site.path, other, site.root)
    if not (theirs or flagged_theirs):
        wrong.append(f"{act}: the other program's file was lost")
    if theirs and report.outcome != "refused":
        wrong.append(f"{act}: {report.outcome}: {report.message}")
    extra = [entry.name for entry in site.directory.iterdir() if entry not in (site.path, site.mask)]
    if theirs and site.mask.exists():
        extra.append(site.mask.name)
    tally.count(
        report.outcome, "new" if flagged_theirs else "old", wrong + [f"left over: {name}" for name in extra]
    )


def _is_flagged_copy(path, other, root):
    copy = root / "copy" / path.name
    copy.parent.mkdir(exist_ok=True)
    copy.write_bytes(other.read_bytes())
    flag(copy)
    return path.exists() and content(path) == content(copy)


def two_writers(root, trials):
    """Two runs with other parameters at the same time: in two processes, or (every second trial) threads."""
    site, tally = Site(root), Tally("two runs on one file at once")
    site.fresh()
    flag(site.path, **SECOND)
    # Whoever comes last decides: DQ is that of a single run.
    single = {"first": site.dq(site.flagged / site.path.name), "second": site.dq(site.path)}
    for trial in range(trials):
        site.fresh()
        reports = _in_processes(site) if trial % 2 == 0 else _in_threads(site)
        wrong = [f"{outcome}: {message}" for outcome, message in reports if outcome != "done"]
        if site.dq(site.path) not in single.values():
            wrong.append("the result is that of neither run")
        if (
            len(fits.getheader(site.path)["HISTORY"])
            != len(fits.getheader(site.original).get("HISTORY", ())) + 2
        ):
            wrong.append("a run was lost")
        tally.count("done", "new", wrong + site.recovery())
    return tally


def _in_processes(site):
    reports = [Path(f"{site.report}.{number}") for number in (1, 2)]
    processes = [
        start(report, "run", [site.path], pars) for report, pars in zip(reports, ({}, SECOND), strict=True)
    ]
    ended = [finish(process, report) for process, report in zip(processes, reports, strict=True)]
    return [(report.outcome, report.message) for report in ended]


def _in_threads(site):
    ended = []

    def work(pars):
        try:
            # No filter of warnings here: those are of the whole process.
            flag(site.path, **pars)
            ended.append(("done", ""))
        except Exception as error:
            ended.append((type(error).__name__, str(error)))

    threads = [threading.Thread(target=work, args=(pars,)) for pars in ({}, SECOND)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return ended if len(ended) == 2 else [*ended, ("hung", "")]


def lock_after_a_kill(root, trials):
    """The holder of the lock is killed while another run waits: that one goes on at once."""
    site, tally = Site(root), Tally("kill -9 of the run that holds the lock")
    site.fresh()
    steps = call(site.report, "run", [site.path], {}, Conditions("kill", 0)).steps
    for trial in range(trials):
        site.fresh()
        fault = Conditions("kill", len(steps) * (trial + 1) // (trials + 1))
        holder, waiting = Path(f"{site.report}.1"), Path(f"{site.report}.2")
        processes = [start(holder, "run", [site.path], {}, fault), start(waiting, "run", [site.path])]
        first = finish(processes[0], holder)
        began = time.perf_counter()
        second = finish(processes[1], waiting, 30)
        wrong = [] if first.outcome == "killed" else [f"the holder was {first.outcome}"]
        wrong += [] if second.outcome == "done" else [f"the next is {second.outcome}: {second.message}"]
        wrong += [] if time.perf_counter() - began < 20 else ["the next waited long"]
        same_dq = site.dq(site.path) == site.dq(site.flagged / site.path.name)
        wrong += [] if same_dq else ["the result is another"]
        tally.count("done", "new", wrong + site.recovery())
    return tally


def time_out_message(path, seconds=0.5):
    """What a run that waits in vain for a lock says; None if it gets it."""
    with atomic.locked(path):
        try:
            with atomic.locked(path, seconds=seconds):
                return None
        except ExposureError as error:
            return str(error)
