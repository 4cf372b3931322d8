"""Work in stages that resumes where it stopped.

Each stage has a marker (``.stages/<name>.json``) with its settings and, once finished, its files. A stage
is finished if its settings and files are unchanged, and the stages that it depends on are finished and
were not repeated since. If any of that changed, its files are removed and it is repeated; if it was
interrupted, it continues.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import InputError, StepError
from ...files.atomic import atomic

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
        All that the result depends on beside earlier stages; JSON-serialisable.
    work : callable
        Does the work and returns the paths of its files; some may exist from an interrupted run.
    clear : callable
        Removes the files of the stage, finished or not.
    depends_on : tuple of str
        Names of earlier stages.
    """

    name: str
    settings: dict[str, str | float | list | dict | None]
    work: Callable = field(repr=False)
    clear: Callable = field(repr=False)
    depends_on: tuple[str, ...] = ()


class Stages:
    """Stages in order, in a directory.

    Parameters
    ----------
    directory : pathlib.Path
    stages : list of Stage
        Each after those that it depends on.
    """

    def __init__(self, directory, stages):
        self.directory, self.stages = Path(directory), list(stages)

    def is_finished(self, stage):
        """Return whether a `Stage` is finished, with its current settings."""
        marker = self._read(stage)
        if "made" not in marker or marker["basis"] != self._basis(stage):
            return False
        return all(map(self.is_finished, self._dependencies(stage))) and all(
            _version(self.directory / name) == version for name, version in marker["made"].items()
        )

    def run(self, say=print):
        """Run the stages that are not finished, in order.

        Parameters
        ----------
        say : callable
            Called with a line of text per stage.

        Raises
        ------
        StepError
            At the end, if stages failed; those that depend on them are left out, the others are finished.
            If only one failed, its own error.
        """
        failed, left_out = {}, set()
        for number, stage in enumerate(self.stages, start=1):
            head = f"[{number}/{len(self.stages)}] {stage.name}"
            if left_out.intersection(stage.depends_on):
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
        paths = sorted(Path(path).relative_to(self.directory) for path in stage.work())
        versions = {str(path): _version(self.directory / path) for path in paths}
        # By the token, stages that depend on this one notice that it was repeated.
        self._write(stage, {"basis": basis, "made": versions, "token": secrets.token_hex(8)})

    def _basis(self, stage):
        """Return the settings of a stage, and the tokens of the stages that it depends on."""
        tokens = {other.name: self._read(other).get("token") for other in self._dependencies(stage)}
        return json.loads(json.dumps({"settings": stage.settings, "after": tokens}))

    def _dependencies(self, stage):
        return [other for other in self.stages if other.name in stage.depends_on]

    def _marker(self, stage):
        return self.directory / _MARKERS / f"{stage.name}.json"

    def _read(self, stage):
        path = self._marker(stage)
        if not path.is_file():
            return {}
        try:
            marker = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is damaged: remove it, and the stage is done anew.") from error
        return marker

    def _write(self, stage, marker):
        path = self._marker(stage)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as temporary:
            temporary.write_text(json.dumps(marker, indent=1), encoding="utf-8")


def _version(path):
    """Return size and time of a file as text; empty if it does not exist."""
    if not path.is_file():
        return ""
    stat = path.stat()
    return f"{stat.st_size} {stat.st_mtime_ns}"
