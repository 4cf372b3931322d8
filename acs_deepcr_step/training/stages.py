"""Work in stages that is taken up again where it stopped.

Each stage has a marker (``.stages/<name>.json``) with the settings it was begun with and, once it
is finished, the files it made. A stage is finished if its settings are the same, the stages that
it builds on are finished and were not done anew since, and its files are there as they were. Where
any of it changed, what the stage made is removed first; where it was only interrupted, it goes on.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InputError, StepError
from ..saving import atomic

__all__ = ["Stage", "Stages"]

_MARKERS = ".stages"


@dataclass(frozen=True)
class Stage:
    """A piece of work.

    Attributes
    ----------
    name : str
        Letters, digits, ``_``, ``-``, ``.`` and ``+``.
    settings : dict
        All that the result depends on beside earlier stages; what JSON can hold.
    work : callable
        Does it and returns the paths of the files it made; where it was interrupted before, what was done
        may be there.
    clear : callable
        Removes what the stage made, finished or not.
    after : tuple of str
        Names of the stages that it builds on.
    """

    name: str
    settings: dict
    work: Callable = field(repr=False)
    clear: Callable = field(repr=False)
    after: tuple = ()


class Stages:
    """Stages in their order, in a directory.

    Parameters
    ----------
    directory : pathlib.Path
    stages : list of Stage
        Each after those that it builds on.
    """

    def __init__(self, directory, stages):
        self.directory, self.stages = Path(directory), list(stages)

    def is_finished(self, stage):
        """Return whether a stage is done, as it would be now."""
        marker = self._read(stage)
        if "made" not in marker or marker["basis"] != self._basis(stage):
            return False
        before = [other for other in self.stages if other.name in stage.after]
        made = marker["made"].items()
        return all(map(self.is_finished, before)) and all(
            _stamp(self.directory / name) == stamp for name, stamp in made
        )

    def run(self, say=print):
        """Do what is not finished, in order.

        Parameters
        ----------
        say : callable
            Gets a line for each stage.

        Raises
        ------
        StepError
            At the end, if stages failed; those that build on them are left out, the others are finished.
            It is the stage's own error where only one failed.
        """
        failed, left_out = {}, set()
        for number, stage in enumerate(self.stages, start=1):
            head = f"[{number}/{len(self.stages)}] {stage.name}"
            if left_out.intersection(stage.after):
                left_out.add(stage.name)
                say(f"{head}: left out, since it builds on what failed")
            elif self.is_finished(stage):
                say(f"{head}: finished before")
            else:
                say(head)
                try:
                    self._do(stage)
                except StepError as error:
                    failed[stage.name] = error
                    left_out.add(stage.name)
                    say(f"{head}: failed: {error}")
        if len(failed) == 1:
            raise next(iter(failed.values()))
        if failed:
            reasons = " ".join(f"{name}: {error}" for name, error in failed.items())
            raise StepError(f"{len(failed)} stages failed; the others are finished. {reasons}")

    def _do(self, stage):
        marker, basis = self._read(stage), self._basis(stage)
        if marker and ("made" in marker or marker["basis"] != basis):
            stage.clear()
        self._write(stage, {"basis": basis})
        made = sorted(Path(path).relative_to(self.directory) for path in stage.work())
        stamps = {str(path): _stamp(self.directory / path) for path in made}
        # Whoever builds on this stage knows by the token that it was done anew.
        self._write(stage, {"basis": basis, "made": stamps, "token": secrets.token_hex(8)})

    def _basis(self, stage):
        """What a stage is made from: its settings, and the stages before it as they were done."""
        before = {
            other.name: self._read(other).get("token") for other in self.stages if other.name in stage.after
        }
        return json.loads(json.dumps({"settings": stage.settings, "after": before}))

    def _marker(self, stage):
        return self.directory / _MARKERS / f"{stage.name}.json"

    def _read(self, stage):
        path = self._marker(stage)
        if not path.is_file():
            return {}
        try:
            marker = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path} is damaged: remove it, and the stage is done anew.") from error
        return marker

    def _write(self, stage, marker):
        path = self._marker(stage)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary:
            temporary.write_text(json.dumps(marker, indent=1), encoding="utf-8")


def _stamp(path):
    """Size and time of a file, as text; empty where there is none."""
    if not path.is_file():
        return ""
    stat = path.stat()
    return f"{stat.st_size} {stat.st_mtime_ns}"
