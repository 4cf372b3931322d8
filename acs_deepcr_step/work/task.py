"""What a run is made of: tasks and fields that travel to workers, and what comes back."""

import os
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..config.parameters import Parameters
from ..errors import ExposureError
from ..files import clean_file, mask_file
from ..files.exposure import Exposure
from .results import Row

__all__ = ["Cancelled", "Field", "FieldPlan", "Outcome", "Plan", "Refusal", "Stage", "Task"]


class Cancelled(BaseException):
    """The run was interrupted; this exposure is as it was."""


@dataclass(frozen=True)
class Task:
    """One exposure to work on.

    Attributes
    ----------
    label : str
        The exposure as the user named it.
    exposure : Exposure
        As inspected before the run.
    target : pathlib.Path
        The exposure's own path, or its copy in the output directory.
    parameters : Parameters
    model : str
        Name or path, never ``auto``.
    threads : int
        Tiles at a time; 0 for PyTorch's own number of threads.
    mask : pathlib.Path, optional
        For `apply_mask`: the mask file made elsewhere.
    probe : bool
        Only compute and store the probabilities: others of its field are asked
        before anything is flagged.
    made_by : mask_file.MadeBy, optional
        What the first pass made the probabilities with, once it is over.
    original : Exposure, optional
        What the user named, where `exposure` is the copy of it that an earlier run made.
    """

    label: str
    exposure: Exposure
    target: Path
    parameters: Parameters
    model: str
    threads: int = 0
    mask: Path | None = None
    probe: bool = False
    made_by: mask_file.MadeBy | None = None
    original: Exposure | None = None

    @property
    def named_path(self):
        """The file that the user named."""
        return (self.original or self.exposure).path

    @property
    def mask_path(self):
        """Where the mask file goes: beside the target."""
        return mask_file.beside(self.target)

    @property
    def clean_path(self):
        """Where the clean file goes: beside the target."""
        return self.target.with_name(clean_file.name_for(self.target))

    @property
    def hidden_path(self):
        """Where a run that leaves no mask file keeps the probabilities between its passes."""
        return self.mask_path.with_name(f".{self.mask_path.name}")

    @property
    def probe_path(self):
        """Where the probabilities are between the passes."""
        return self.mask_path if self.parameters.mask_file else self.hidden_path

    def absolute(self):
        """Return the same task with absolute paths, for processes elsewhere."""
        return replace(
            self,
            exposure=_absolute(self.exposure),
            original=self.original and _absolute(self.original),
            target=Path(os.path.abspath(self.target)),
            mask=self.mask and Path(os.path.abspath(self.mask)),
        )


def _absolute(exposure):
    return replace(exposure, path=Path(os.path.abspath(exposure.path)))


@dataclass(frozen=True)
class Field:
    """Exposures of one field and filter, to be decided on together.

    Attributes
    ----------
    tasks : tuple of task.Task
    """

    tasks: tuple[Task, ...]

    @property
    def label(self):
        """The exposures as the user named them."""
        return ", ".join(task.label for task in self.tasks)

    def without(self, labels):
        """Return the field less the exposures of these labels."""
        return replace(self, tasks=tuple(task for task in self.tasks if task.label not in labels))

    def made_by(self, known):
        """Return the field with what the probabilities of each label were made with."""
        return replace(self, tasks=tuple(replace(task, made_by=known.get(task.label)) for task in self.tasks))


@dataclass(frozen=True)
class FieldPlan:
    """The fields of a run.

    Attributes
    ----------
    fields : tuple of Field
        Of two exposures and more; an exposure without another one is in none.
    notes : tuple of str
        Of exposures without a WCS.
    warnings : tuple of str
        Of fields that may have been aligned in part.
    """

    fields: tuple[Field, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def labels(self):
        """The exposures in any field, as the user named them."""
        return {task.label for field in self.fields for task in field.tasks}


@dataclass(frozen=True)
class Refusal:
    """A file that the run leaves as it is, and why.

    Attributes
    ----------
    label : str
        The file as the user named it.
    reason : str
        A sentence.
    task : Task, optional
        Where its headers could be read.
    """

    label: str
    reason: str
    task: Task | None = None


@dataclass(frozen=True)
class Plan:
    """What a run will do.

    Attributes
    ----------
    labels : tuple of str
        Of all files, in the user's order.
    tasks : tuple of Task
        The sound exposures; at least one.
    refusals : tuple of Refusal
        The other files.
    fields : FieldPlan
    """

    labels: tuple[str, ...]
    tasks: tuple[Task, ...]
    refusals: tuple[Refusal, ...] = ()
    fields: FieldPlan = FieldPlan()

    def __post_init__(self):
        # Also after some were refused later on: a run of nothing is none.
        if not self.tasks:
            raise ExposureError(" ".join(refusal.reason for refusal in self.in_order(self.refusals)))

    def refusing(self, refusals):
        """Return the plan less some of its tasks, which are refused."""
        left_out = {refusal.label for refusal in refusals}
        tasks = tuple(task for task in self.tasks if task.label not in left_out)
        return replace(self, tasks=tasks, refusals=(*self.refusals, *refusals))

    def in_order(self, things):
        """Return what has a label in the user's order."""
        place = {label: number for number, label in enumerate(self.labels)}
        return sorted(things, key=lambda thing: place[thing.label])


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes
    ----------
    rows : list of results.Row
        One for each chip.
    warnings : list of str
        For the user.
    made_by : mask_file.MadeBy, optional
        What the probabilities were made with that the first pass left.
    notes : list of str
        For the log alone: what was reused.
    """

    rows: list[Row]
    warnings: list[str] = field(default_factory=list)
    made_by: mask_file.MadeBy | None = None
    notes: list[str] = field(default_factory=list)


class Stage:
    """What the tasks of one process share: the network's turn, and the way to stop.

    Parameters
    ----------
    stop : object with ``is_set`` and ``set``, optional
        An event of threads or of processes.
    shows_tiles : bool
        Whether this process has the terminal, so that the tiles of a chip may be shown.
    """

    def __init__(self, stop=None, shows_tiles=False):
        self.network = threading.Lock()
        self.shows_tiles = shows_tiles
        self.stop = stop or threading.Event()

    def check(self, _tiles=0):
        """Raise `Cancelled` if the run is to end."""
        if self.stop.is_set():
            raise Cancelled
