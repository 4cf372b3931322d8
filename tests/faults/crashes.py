"""Kills, failing calls, full disks and missing permissions."""

import errno
import os
import random
import shutil
import subprocess
import time

import numpy as np
from harness import Conditions, call, finish, start
from verdict import SECOND, Site, Tally, leftovers

__all__ = [
    "failing_calls",
    "kills_at_random",
    "kills_at_steps",
    "largest_file",
    "mounted",
    "no_permission",
    "small_disk",
]


def kills_at_random(root, trials, seed=1):
    """SIGKILL at random moments of a run: of a fresh exposure, and of one that was flagged before."""
    site, tally, chance = Site(root), Tally("kill -9 at a random moment"), random.Random(seed)
    call(site.report, "run", [site.path])  # the first one also starts the server
    site.fresh()
    began = time.perf_counter()
    call(site.report, "run", [site.path])
    whole = time.perf_counter() - began
    for trial in range(trials):
        again = trial % 2 == 1
        site.fresh(flagged=again)
        process = start(site.report, "run", [site.path], SECOND if again else {})
        time.sleep(chance.uniform(0.0, 1.2) * whole)
        process.kill()
        _count_killed(tally, site, finish(process, site.report), again)
    return tally


def kills_at_steps(root, trials=None):
    """SIGKILL before every line of the modules that write, when it runs first and last; or before so many."""
    site, tally = Site(root), Tally("kill -9 at each step of writing")
    for again in (False, True):
        site.fresh(flagged=again)
        pars = SECOND if again else {}
        steps = call(site.report, "run", [site.path], pars, Conditions("kill", 0)).steps
        first = {name: i for i, name in reversed(list(enumerate(steps, 1)))}
        last = {name: i for i, name in enumerate(steps, 1)}
        chosen = sorted({*first.values(), *last.values()})
        if trials:
            chosen = np.linspace(1, len(steps), trials // 2).round().astype(int).tolist()
        for step in chosen:
            site.fresh(flagged=again)
            report = call(site.report, "run", [site.path], pars, Conditions("kill", step))
            _count_killed(tally, site, report, again, must=True)
    return tally


def _count_killed(tally, site, report, again, must=False):
    wrong = [] if report.outcome == "killed" or not must else [f"it was not killed but {report.outcome}"]
    state = site.state(site.new, site.second) if again else site.state()
    if report.outcome not in ("killed", "done"):
        wrong.append(f"{report.outcome}: {report.message}")
    tally.count(report.outcome, state, wrong + site.recovery())


def failing_calls(root, names, deepest=None):
    """Make the first, second, ... of these calls fail, up to the last that is made or to `deepest`."""
    site, tally = Site(root), Tally("a system call fails (fsync, rename, open ...)")
    for name in names:
        for nth in range(1, (deepest or 1000) + 1):
            site.fresh()
            code = errno.EIO if nth % 2 else errno.ENOSPC
            fault = Conditions(fail=name, nth=nth, errno=code, victim=str(site.directory))
            report = call(site.report, "run", [site.path], {}, fault)
            if not report.injected:
                break
            wrong = [f"{name} {nth}: {report.message}"] if report.outcome == "crashed" else []
            # Where removing itself fails something is left, but the next run removes it.
            wrong += [f"left over: {entry}" for entry in leftovers(site.directory) if name != "os.unlink"]
            tally.count(report.outcome, site.state(), wrong + site.recovery())
    return tally


def largest_file(root, trials):
    """A limit on the size of files (RLIMIT_FSIZE), from one byte to the whole."""
    site, tally = Site(root), Tally("a file may not grow further (RLIMIT_FSIZE)")
    whole = site.original.stat().st_size
    for trial in range(trials):
        again = trial % 2 == 1
        site.fresh(flagged=again)
        limit = 1 + trial * (whole - 1) // trials
        report = call(
            site.report, "run", [site.path], SECOND if again else {}, Conditions(largest_file=limit)
        )
        _count_refused(tally, site, report, again)
    return tally


def _count_refused(tally, site, report, again=False):
    """A trial that has to be refused, with nothing changed."""
    wrong = [] if report.outcome == "refused" else [f"{report.outcome}: {report.message}"]
    state = site.state(site.new) if again else site.state()
    names = {site.path.name, *([site.mask.name] if again else [])}
    wrong += [f"left over: {name}" for name in sorted(set(os.listdir(site.directory)) - names)]
    wrong += [] if "Logging error" not in report.output else ["a traceback of the log"]
    tally.count(report.outcome, state, wrong + site.recovery())


def mounted(directory, size):
    """Mount a tmpfs of a size in bytes; False where that is not permitted."""
    directory.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def small_disk(root, trials):
    """A file system that is full but for some kilobytes; None where mounting is not permitted.

    The check of free space is told that there is room, so that writing itself meets the full disk; every
    second trial it is not, and refuses before the work.
    """
    site, tally = Site(root), Tally("a full disk (small tmpfs)")
    disk = site.root / "disk"
    if not mounted(disk, 4 * site.original.stat().st_size):
        return None
    try:
        site.directory, home = disk / "site", site.directory
        shutil.move(home, site.directory)
        site.path, site.mask = (site.directory / path.name for path in (site.path, site.mask))
        for trial in range(trials):
            again = trial % 4 >= 2
            site.fresh(flagged=again)
            room = int((trial + 1) / (trials + 1) * site.original.stat().st_size)
            filler = disk / "filler"
            filler.write_bytes(b"\0" * max(0, shutil.disk_usage(disk).free - room))
            pretend = Conditions(pretend_room=trial % 2 == 0)
            report = call(site.report, "run", [site.path], SECOND if again else {}, pretend)
            filler.unlink()
            _count_refused(tally, site, report, again)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    return tally


def no_permission(root, user=None):
    """A directory, and a file, without write permission: by mode bits, or as another user."""
    site = Site(root)
    site.root.chmod(0o755)
    tally = Tally("no write permission" + (" (as another user)" if user else " (mode bits)"))
    for which, mode in (("directory", 0o555), ("file", 0o444), ("directory", 0o500), ("file", 0o400)):
        for again in (False, True):
            site.fresh(flagged=again)
            place = site.directory if which == "directory" else site.path
            place.chmod(mode if not user else mode | 0o200)
            report = call(site.report, "run", [site.path], SECOND if again else {}, Conditions(user=user))
            site.directory.chmod(0o755)
            site.path.chmod(0o644)
            _count_refused(tally, site, report, again)
    return tally
