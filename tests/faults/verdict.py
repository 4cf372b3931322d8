"""The exposures of the trials, and what became of them: old, new or lost."""

import contextlib
import os
import re
import shutil
import tempfile
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

import acs_deepcr_step
from acs_deepcr_step import simulate
from acs_deepcr_step.errors import ExposureError, StepWarning
from acs_deepcr_step.files import fitsbytes, mask_file

__all__ = ["SECOND", "Site", "Tally", "content", "flag", "leftovers", "with_right_sum"]

# The parameters of a second run, which differ in what they write.
SECOND = {"threshold": 0.2, "grow": 1, "crbit": 16384}

_LONG_AGO = 1_500_000_000


@dataclass
class Tally:
    """What became of the trials of one fault.

    Attributes
    ----------
    fault : str
    trials, refused, old, new : int
        `refused` are among `old`: our own exception was raised.
    lost : list of str
        What went wrong, a line per trial; empty is what is promised.
    """

    fault: str
    trials: int = 0
    refused: int = 0
    old: int = 0
    new: int = 0
    lost: list = field(default_factory=list)

    def count(self, outcome, state, wrong=()):
        """Count a trial: how it ended, what the file is, and what else is wrong."""
        self.trials += 1
        self.refused += outcome == "refused"
        wrong = list(wrong)
        if outcome == "crashed":
            wrong.append("not our exception")
        if outcome == "refused" and state == "new":
            wrong.append("refused, yet the file is new")
        if outcome == "done" and state == "old":
            wrong.append("done, yet the file is old")
        if state == "lost":
            wrong.append("the file is neither old nor new")
        if wrong:
            self.lost.append("; ".join(wrong))
        else:
            self.old += state == "old"
            self.new += state == "new"

    def __add__(self, other):
        return Tally(
            self.fault,
            *(
                getattr(self, name) + getattr(other, name)
                for name in ("trials", "refused", "old", "new", "lost")
            ),
        )


def flag(paths, **pars):
    """Run the step in this process, quietly."""
    pars = {"progress": False, "runfile": "", "precision": "float32", **pars}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StepWarning)
        return acs_deepcr_step.run(paths, **pars)


def content(path):
    """The bytes of a file without the date of the run (and the checksum, which depends on it)."""
    data = Path(path).read_bytes()
    data = re.sub(rb"(?<=DCRDATE = ')[^']*", b"", data, count=1)
    return re.sub(rb"(?<=CHECKSUM= ')[^']*", b"", data, count=1)


def with_right_sum(data):
    """The bytes of a mask file with their last four (padding) such that the checksum of the whole is right.

    So a changed file meets other checks than that one, as it would if somebody had changed it on purpose.
    """
    if len(data) % 4:
        return data
    rest = data[:-4]
    return rest + (0xFFFFFFFF - fitsbytes.ones_complement(rest)).to_bytes(4, "big")


@contextlib.contextmanager
def place_for_others():
    """A directory that other users can reach; those of pytest are closed to them."""
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        yield Path(root)


def leftovers(directory):
    """Names of temporary and lock files."""
    return sorted(name for name in os.listdir(directory) if name.startswith("."))


class Site:
    """A directory with one small exposure, and what it is when a run is over.

    Parameters
    ----------
    root : pathlib.Path
    seed : int

    Attributes
    ----------
    path, mask : pathlib.Path
        The exposure and its mask file, in a directory of their own.
    report : pathlib.Path
        For `harness`, outside of that directory.
    old, new, second : bytes
        Contents before, after a run with the defaults, and after a second one with `SECOND`.
    """

    def __init__(self, root, seed=41):
        self.root = Path(root)
        made = simulate.association(self.root / "made", n=1, shape=(64, 64), chips=2, seed=seed)[0]
        self.report = self.root / "report.json"
        self.directory = self.root / "site"
        self.directory.mkdir()
        self.path = self.directory / made.name
        self.mask = self.path.with_name(mask_file.name_for(self.path))
        self.original = self.root / made.name
        with fits.open(made, memmap=False) as hdus:
            hdus.writeto(self.original, checksum=True)
        os.utime(self.original, (_LONG_AGO, _LONG_AGO))
        self.fresh()
        self.old = content(self.path)
        flag(self.path)
        self.flagged = self._saved("flagged")
        self.new, self.mask_new = content(self.path), self._mask()
        flag(self.path, **SECOND)
        self.second, self.mask_second = content(self.path), self._mask()

    def _saved(self, name):
        """A copy of the directory as it is."""
        return Path(shutil.copytree(self.directory, self.root / name))

    def fresh(self, flagged=False):
        """Put the directory back: the exposure as it came, or as flagged by a run."""
        for entry in self.directory.iterdir():  # the directory stays: it may be the current one
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        if flagged:
            shutil.copytree(self.flagged, self.directory, dirs_exist_ok=True)
        else:
            shutil.copy2(self.original, self.path)

    def state(self, old=None, new=None):
        """Tell whether the exposure is ``old``, ``new`` or ``lost``."""
        if not self.path.exists():
            return "lost"
        there = content(self.path)
        if there == (self.old if old is None else old):
            return "old"
        return "new" if there == (self.new if new is None else new) and self._checksums_hold() else "lost"

    def _checksums_hold(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                with fits.open(self.path, checksum=True, memmap=False) as hdus:
                    return all(hdu.data is not None for hdu in hdus[1:])
            except AstropyWarning:
                return False

    def _mask(self):
        mask = mask_file.read(self.mask)
        return mask.run, [(chip.reasons & 1, chip.scaled_probability) for chip in mask.chips]

    def mask_is_whole(self):
        """Tell whether the mask file is absent, or that of one of the runs."""
        if not self.mask.exists():
            return True
        try:
            run, chips = self._mask()
        except ExposureError:
            return False
        wanted = next((chips for name, chips in (self.mask_new, self.mask_second) if name == run), None)
        return wanted is not None and all(
            np.array_equal(a, b)
            for one, other in zip(chips, wanted, strict=True)
            for a, b in zip(one, other, strict=True)
        )

    def recovery(self):
        """What is wrong after a fault: the next run and an undo must give what they always give."""
        wrong = [] if self.mask_is_whole() else ["the mask file is damaged"]
        try:
            flag(self.path)
            same_dq = self.dq(self.path) == self.dq(self.flagged / self.path.name)
            wrong += [] if same_dq else ["the next run gives other flags"]
            acs_deepcr_step.undo(self.path, runfile="", progress=False)
            wrong += [] if self.dq(self.path) == self.dq(self.original) else ["undo does not restore DQ"]
        except Exception as error:
            wrong.append(f"the next run fails: {type(error).__name__}: {error}")
        extra = set(os.listdir(self.directory)) - {self.path.name, self.mask.name}
        return wrong + [f"left over: {name}" for name in sorted(extra)]

    @staticmethod
    def dq(path):
        """The DQ bytes of both chips."""
        with fits.open(path, memmap=False) as hdus:
            return [hdus["DQ", version].data.tobytes() for version in (1, 2)]
