"""What travels to a worker and what comes back."""

import os
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

from . import cleanfile, maskfile
from .exposure import Exposure
from .parameters import Parameters

__all__ = ["Cancelled", "Outcome", "Stage", "Task"]


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
    """

    label: str
    exposure: Exposure
    target: Path
    parameters: Parameters
    model: str
    threads: int = 0
    mask: Path | None = None
    probe: bool = False

    @property
    def mask_path(self):
        """Where the mask file goes: beside the target."""
        return self.target.with_name(maskfile.name_for(self.target))

    @property
    def clean_path(self):
        """Where the clean file goes: beside the target."""
        return self.target.with_name(cleanfile.name_for(self.target))

    @property
    def store_path(self):
        """Where the probabilities are between the passes: a hidden file if no mask file is wanted."""
        kept = self.parameters.mask_file
        return self.mask_path if kept else self.mask_path.with_name(f".{self.mask_path.name}")

    def absolute(self):
        """Return the same task with absolute paths, for processes elsewhere."""
        return replace(
            self,
            exposure=replace(self.exposure, path=Path(os.path.abspath(self.exposure.path))),
            target=Path(os.path.abspath(self.target)),
            mask=self.mask and Path(os.path.abspath(self.mask)),
        )


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes
    ----------
    rows : list of dict
        A row of the result table per chip.
    warnings : list of str
        For the user.
    """

    rows: list
    warnings: list = field(default_factory=list)


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
