"""Kills while the exposures of a field are decided together."""

import os
import random
import shutil
import time
from pathlib import Path

from astropy.io import fits
from harness import Conditions, call, finish, start
from verdict import SECOND, Tally, content, flag

import acs_deepcr_step
from acs_deepcr_step import simulate

__all__ = ["Field", "kills_together", "two_associations"]

# What another user wants of the same exposures.
_OTHERS = {"model": "ACS-WFC-F814W", **SECOND}


class Field:
    """Two exposures of one field that can be decided on together, in a directory of their own.

    Attributes
    ----------
    paths : list of pathlib.Path
    report : pathlib.Path
        For `harness`, outside of that directory.
    decided : bool
        Whether they were decided on together at all.
    """

    def __init__(self, root):
        self.root, self.report = Path(root), Path(root) / "report.json"
        self.made = simulate.association(
            self.root / "made", n=2, shape=(256, 256), chips=1, field="crowded", seed=43
        )
        self.directory = self.root / "site"
        self.paths = [self.directory / path.name for path in self.made]
        self.fresh()
        self.old = [content(path) for path in self.paths]
        self.decided = list(flag(self.paths)["nexp"]) == [2, 2]
        self.new, self.flags = [content(path) for path in self.paths], self._dq(self.paths)

    def fresh(self):
        """Put the exposures back as they came."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()
        for path in self.made:
            shutil.copy2(path, self.directory)

    def states(self):
        """Tell of each exposure whether it is ``old``, ``new`` or ``lost``."""
        there = [content(path) if path.exists() else None for path in self.paths]
        return [
            "old" if its == old else "new" if its == new else "lost"
            for its, old, new in zip(there, self.old, self.new, strict=True)
        ]

    def recovery(self):
        """What is wrong after a fault: the next run and an undo must give what they always give."""
        wrong = []
        try:
            flag(self.paths)
            wrong += [] if self._dq(self.paths) == self.flags else ["the next run gives other flags"]
            acs_deepcr_step.undo(self.paths, runfile="", progress=False)
            wrong += [] if self._dq(self.paths) == self._dq(self.made) else ["undo does not restore DQ"]
        except Exception as error:
            wrong.append(f"the next run fails: {type(error).__name__}: {error}")
        masks = {path.name.replace("_flc.fits", "_flc_deepcr.fits") for path in self.paths}
        extra = set(os.listdir(self.directory)) - masks - {path.name for path in self.paths}
        return wrong + [f"left over: {name}" for name in sorted(extra)]

    @staticmethod
    def _dq(paths):
        return [fits.getdata(path, ("DQ", 1)).tobytes() for path in paths]


def kills_together(root, trials, seed=2):
    """SIGKILL at random moments and at steps of writing, in both passes; a trial counts each exposure."""
    field, tally, chance = (
        Field(root),
        Tally("kill -9 while a field is decided together"),
        random.Random(seed),
    )
    if not field.decided:
        tally.lost.append("the exposures were not decided on together")
    call(field.report, "run", field.paths)  # the first one also starts the server
    field.fresh()
    began = time.perf_counter()
    steps = call(field.report, "run", field.paths, {}, Conditions("kill", 0)).steps
    whole = time.perf_counter() - began
    for trial in range(trials):
        field.fresh()
        if trial % 2:
            step = 1 + trial * (len(steps) - 1) // trials
            report = call(field.report, "run", field.paths, {}, Conditions("kill", step))
        else:
            process = start(field.report, "run", field.paths)
            time.sleep(chance.uniform(0.0, whole))
            process.kill()
            report = finish(process, field.report)
        states, wrong = field.states(), field.recovery()
        for number, state in enumerate(states):
            # A kill in the second pass may come when one exposure is finished, and the other is not.
            outcome = report.outcome if report.outcome != "done" or state == "new" else "killed"
            tally.count(outcome, state, wrong if number == 0 else ())
    return tally


def two_associations(root, trials, seed=3):
    """Two users run the step on a field at once, with other models and parameters.

    A trial counts each exposure. Whoever comes last decides on it: its header and its flags are those of one
    of the two, alone.
    """
    field, tally, chance = Field(root), Tally("associations of two users at once"), random.Random(seed)
    alone = []
    for pars in ({}, _OTHERS):
        field.fresh()
        flag(field.paths, **pars)
        alone.append([_result(path) for path in field.paths])
    call(field.report, "run", field.paths)  # the first one also starts the server
    field.fresh()
    began = time.perf_counter()
    call(field.report, "run", field.paths)
    whole = time.perf_counter() - began
    for _ in range(trials):
        field.fresh()
        reports = [Path(f"{field.report}.{number}") for number in (1, 2)]
        processes = [start(reports[0], "run", field.paths)]
        time.sleep(chance.uniform(0.0, whole))
        processes.append(start(reports[1], "run", field.paths, _OTHERS))
        ended = [finish(process, report) for process, report in zip(processes, reports, strict=True)]
        wrong = [f"{one.outcome}: {one.message}" for one in ended if one.outcome != "done"]
        for number, path in enumerate(field.paths):
            if _result(path) not in [results[number] for results in alone]:
                wrong.append(f"{path.name} is what neither asked for: {_result(path)[0]}")
        wrong += field.recovery()
        for number, _ in enumerate(field.paths):
            tally.count("done", "new", wrong if number == 0 else ())
    return tally


def _result(path):
    header = fits.getheader(path)
    cards = tuple(header[key] for key in ("DCRMODEL", "DCRHASH", "DCRTHRSH", "DCRGROW", "DCRBIT", "DCRNEXP"))
    return cards, fits.getdata(path, ("DQ", 1)).tobytes()
