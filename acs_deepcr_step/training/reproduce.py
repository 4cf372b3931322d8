"""The whole of the paper, in order: sets, exposures, truth, patches, models, curves, Table 3.

Three sources: the paper's observation sets from the archive; the patches that the authors
published; simulated sets. `plan` says what would be done, `Plan.run` does what is not finished.

    DIR/exposures/<set>/   from the archive or the simulator
    DIR/truth/<set>/       truth files
    DIR/patches/           what is trained on
    DIR/models/            global.safetensors, F435W.safetensors, ...
    DIR/counts/            of each test set
    DIR/results/           Table 3, figures
    DIR/published/         the published archive, with `Options.from_zenodo`
"""

import json
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError, ParameterError
from ..saving import atomic, locked
from . import reproduce_text
from .reproduce_sets import ArchivedSets, SimulatedSets
from .reproduce_source import Options
from .stages import Stages

__all__ = ["Options", "Plan", "plan"]

MARKER = "reproduce.json"


@dataclass(frozen=True, eq=False)
class Plan:
    """What would be done.

    Attributes
    ----------
    directory : pathlib.Path
    stages : Stages
    text : str
        What is to be fetched, the disk and the time it takes.
    """

    directory: Path
    stages: Stages
    text: str

    @property
    def to_do(self):
        """The stages that are not finished."""
        return [stage for stage in self.stages.stages if not self.stages.is_finished(stage)]

    def run(self, say=print):
        """Do what is not finished; see `Stages.run`.

        Returns
        -------
        str
            Table 3, as a person reads it.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        marker = self.directory / MARKER
        with locked(marker, seconds=1.0):
            if not marker.exists():
                with atomic(marker) as temporary:
                    temporary.write_text(json.dumps({"made by": "acs-deepcr reproduce"}))
            self.stages.run(say)
        return "\n\n".join(path.read_text() for path in sorted(self.directory.glob("results*/table3_*.txt")))


def plan(directory, options=None):
    """Find out what there is to do; changes nothing.

    Parameters
    ----------
    directory : path-like
        New, empty, or of an earlier reproduction.
    options : Options, optional

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        If the directory holds other things.
    ParameterError
        If there is nothing to train on.
    ArchiveError
        If the archive has to be asked and does not answer.
    """
    directory, options = Path(directory).expanduser().absolute(), options or Options()
    if directory.exists() and not directory.is_dir():
        raise InputError(f"{directory} is not a directory: give another one.")
    if directory.exists() and any(directory.iterdir()) and not (directory / MARKER).is_file():
        raise InputError(f"{directory} holds other things: give a new or empty directory.")
    source = _source(directory, options)
    stages = Stages(directory, source.stages())
    return Plan(directory, stages, reproduce_text.text(source, stages))


def _source(directory, options):
    if options.from_zenodo:
        from .reproduce_published import PublishedPatches

        return PublishedPatches(directory, options)
    source = (SimulatedSets if options.simulated else ArchivedSets)(directory, options)
    if not source.train:
        raise ParameterError("None of the sets is for training: name some of Table 1 too.")
    return source
