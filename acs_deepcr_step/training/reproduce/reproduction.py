"""Reproduction of the whole paper: sets, exposures, truth, patches, models, curves, Table 3.

From one of three sources: the paper's observation sets, the authors' published patches, or simulated
sets. `plan` describes what would be done, `Plan.run` does what is not finished.

    DIR/exposures/<set>/   from the archive or the simulator
    DIR/truth/<set>/       truth files
    DIR/patches/           for training
    DIR/models/            global.safetensors, F435W.safetensors, ...
    DIR/counts/            of each test set
    DIR/results/           Table 3, figures
    DIR/published/         the published archive, with `Options.from_zenodo`
"""

import json
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError, ParameterError
from ...files.atomic import atomic_under_lock, locked
from . import estimate
from .sets import ArchivedSets, SimulatedSets
from .source import Options
from .stages import Stages

__all__ = ["MARKER", "Options", "Plan", "plan"]

MARKER = "reproduce.json"


@dataclass(frozen=True, eq=False)
class Plan:
    """The stages of a reproduction, and a text about them.

    Attributes
    ----------
    directory : pathlib.Path
    stages : Stages
    text : str
        What is to be fetched, and the disk space and time it takes.
    """

    directory: Path
    stages: Stages
    text: str

    @property
    def to_do(self):
        """The stages that are not finished."""
        return [stage for stage in self.stages.stages if not self.stages.is_finished(stage)]

    def run(self, say=print):
        """Run the stages that are not finished; see `Stages.run`.

        Parameters
        ----------
        say : callable
            Called with a line of text per stage.

        Returns
        -------
        str
            Table 3.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        marker = self.directory / MARKER
        with locked(marker, seconds=1.0):
            if not marker.exists():
                with atomic_under_lock(marker) as temporary:
                    temporary.write_text(json.dumps({"made by": "acs-deepcr reproduce"}))
            self.stages.run(say)
        return "\n\n".join(path.read_text() for path in sorted(self.directory.glob("results*/table3_*.txt")))


def plan(directory, options=None):
    """Find out what is to be done, without changing anything.

    Parameters
    ----------
    directory : path-like
        New, empty, or that of an earlier reproduction.
    options : Options, optional

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        If the directory holds anything else.
    ParameterError
        If there are no training sets.
    ArchiveError
        If the archive has to be asked and does not answer.
    """
    directory, options = Path(directory).expanduser().absolute(), options or Options()
    if directory.exists() and not directory.is_dir():
        raise InputError(f"{directory} is not a directory: give another one.")
    if directory.exists() and any(directory.iterdir()) and not (directory / MARKER).is_file():
        raise InputError(f"{directory} holds other things: give a new or empty directory.")
    source = _choose_source(directory, options)
    stages = Stages(directory, source.stages())
    return Plan(directory, stages, estimate.text(source, stages))


def _choose_source(directory, options):
    if options.from_zenodo:
        from .published import PublishedPatches

        return PublishedPatches(directory, options)
    source = (SimulatedSets if options.simulated else ArchivedSets)(directory, options)
    if not source.train:
        raise ParameterError("None of the sets is for training: name some of Table 1 too.")
    return source
