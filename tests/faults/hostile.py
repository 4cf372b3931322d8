"""Users of a group at one file, flipped bits in mask files, and files of hostile sizes."""

import os
import shutil
import time

import numpy as np
from astropy.io import fits
from harness import Conditions, call
from verdict import SECOND, Site, Tally, leftovers

__all__ = ["SIZES", "another_user", "flips_in_masks", "hostile_sizes"]

BLOCK = 2880
OWNER, COLLEAGUE, TEAM, OTHER_TEAM = 1500, 1501, 2500, 2501

_SECONDS, _MEMORY = 5.0, 300_000_000  # of a refusal; memory beyond what a run needs


def another_user(root, trials, seed=11):
    """A colleague runs the step on another one's exposure; nobody may lose it, no other group may get it."""
    site, tally, chance = Site(root), Tally("a run by another user of the group"), np.random.default_rng(seed)
    site.root.chmod(0o755)
    for trial in range(trials):
        again = trial % 2 == 1
        site.fresh(flagged=again)
        mode = int(chance.choice([0o660, 0o664, 0o666, 0o646, 0o640, 0o600, 0o606]))
        groups = (TEAM,) if chance.integers(3) else (OTHER_TEAM,)
        for path in site.directory.iterdir():
            os.chown(path, OWNER, TEAM)
            path.chmod(mode)
        site.directory.chmod(0o777)
        fault = Conditions(user=COLLEAGUE, groups=groups)
        report = call(site.report, "run", [site.path], SECOND if again else {}, fault)
        state = site.state(site.new, site.second) if again else site.state()
        wrong = [] if report.outcome in ("done", "refused") else [f"{report.outcome}: {report.message}"]
        wrong += [f"mode {mode:o}, groups {groups}: {what}" for what in _opened_or_lost(site, mode)]
        wrong += [f"left over: {name}" for name in leftovers(site.directory)]
        for path in site.directory.iterdir():
            os.chown(path, os.geteuid(), os.getegid())
        tally.count(report.outcome, state, wrong + site.recovery())
    return tally


def _opened_or_lost(site, mode):
    """What is wrong with owner, group and mode of the exposure and its mask file."""
    for path in site.directory.iterdir():
        now = path.stat()
        others, group = now.st_mode & 0o7, now.st_mode >> 3 & 0o7
        if now.st_mode & 0o777 & ~mode:
            yield f"{path.name} has mode {now.st_mode & 0o777:o}"
        if now.st_gid != TEAM and group & ~others:
            yield f"{path.name} is open to group {now.st_gid}"
        reached = now.st_mode >> 6 if now.st_uid == OWNER else group if now.st_gid == TEAM else others
        if path == site.path and reached & 0o6 != 0o6:
            yield f"its owner is locked out of {path.name}"


def flips_in_masks(root, trials):
    """One bit of a new mask file is another one when the disk is said to have it."""
    site, tally = Site(root), Tally("flips in masks")
    for trial in range(trials):
        again = trial % 2 == 1
        site.fresh(flagged=again)
        fault = Conditions("flip", trial, victim=f"{site.directory}/.{site.mask.name}.*")
        report = call(site.report, "run", [site.path], SECOND if again else {}, fault)
        wrong = [] if report.injected else ["no bit was flipped"]
        wrong += [] if report.outcome == "refused" else [f"{report.outcome}: {report.message}"]
        wrong += [f"left over: {name}" for name in leftovers(site.directory)]
        state = site.state(site.new) if again else site.state()
        tally.count(report.outcome, state, wrong + site.recovery())
    return tally


# Files that take little room on the disk and claim or hide much.


def _zeros_at_the_end(path, size):
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size + size)


def _no_end(path, size):
    card = b"COMMENT ".ljust(80)
    with open(path, "r+b") as file:
        file.write(b"SIMPLE  =                    T".ljust(80) + card * 35)
        for _ in range(size // (BLOCK * 100)):
            file.write(card * 36 * 100)


def _many_hdus(path, count):
    with open(path, "ab") as file:
        file.write(fits.ImageHDU().header.tostring().encode() * count)


def _vast_image(path, side):
    headers = []
    for name, dtype in (("SCI", np.float32), ("DQ", np.int16)):
        header = fits.ImageHDU(np.zeros((2, 2), dtype), name=name, ver=1).header
        header["NAXIS1"] = header["NAXIS2"] = side
        headers.append((header, np.dtype(dtype).itemsize))
    primary = fits.getheader(path).tostring().encode()
    with open(path, "wb") as file:
        file.write(primary)
        for header, size in headers:
            file.write(header.tostring().encode())
            file.seek(-(-size * side**2 // BLOCK) * BLOCK, os.SEEK_CUR)
        file.truncate(file.tell())


def _pipe(path, _size):
    path.unlink()
    os.mkfifo(path)


SIZES = {
    "zeros at the end": (_zeros_at_the_end, (3_000_000, 300_000_000, 20_000_000_000)),
    "a header without end": (_no_end, (10_000_000, 100_000_000)),
    "HDUs without end": (_many_hdus, (2_000, 40_000)),
    "a vast image": (_vast_image, (10_000, 40_000)),
    "a pipe": (_pipe, (0,)),
}


def hostile_sizes(root, trials, seed=13):
    """Endless headers, tails and HDUs, vast images and pipes, as exposure, mask file and table."""
    site, tally, chance = Site(root), Tally("hostile sizes"), np.random.default_rng(seed)
    site.fresh()
    usual = call(site.report, "run", [site.path]).peak
    kinds = [(name, size) for name, (_, sizes) in SIZES.items() for size in sizes]
    for trial in range(trials):
        role = ("exposure", "mask", "table")[trial % 3]
        kind, size = kinds[(trial // 3) % len(kinds)] if trial < 3 * len(kinds) else _any_of(chance, kinds)
        site.fresh(flagged=role != "table")
        victim = {"exposure": site.path, "mask": site.mask}.get(role, site.directory / "hostile_asn.fits")
        if role == "table":
            shutil.copyfile(next((site.root / "made").glob("*_asn.fits")), victim)
        SIZES[kind][0](victim, size)
        before = victim.stat()
        began = time.perf_counter()
        report = call(site.report, "run", [victim if role == "table" else site.path])
        seconds = time.perf_counter() - began
        same = victim.stat()
        wrong = [] if report.outcome == "refused" else [f"{report.outcome}: {report.message}"]
        wrong += [f"it took {seconds:.1f} s"] if seconds > _SECONDS else []
        more = report.peak - usual
        wrong += [f"it took {more / 1e6:.0f} MB"] if more > _MEMORY else []
        wrong += [] if (same.st_ino, same.st_size) == (before.st_ino, before.st_size) else ["it was changed"]
        state = "old" if role == "exposure" else site.state(site.new if role == "mask" else site.old)
        label = f"{kind} ({size}) as {role}"
        victim.unlink()
        wrong += [f"left over: {name}" for name in leftovers(site.directory)]
        tally.count(report.outcome, state, [f"{label}: {'; '.join(wrong)}"] if wrong else [])
    return tally


def _any_of(chance, things):
    return things[int(chance.integers(len(things)))]
