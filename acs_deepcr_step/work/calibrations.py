"""The calibration of the model that a run uses."""

from functools import lru_cache

from ..flagging.consensus.calibration import Calibration
from ..network import calibration_file
from ..network.published import GLOBAL

__all__ = ["is_there", "load"]


def load(model):
    """Return the calibration of a mask model.

    Parameters
    ----------
    model : str or path
        A published model, or a weights file.

    Returns
    -------
    Calibration
        That of the global model where the model has none.

    Raises
    ------
    ModelError
        If its file is damaged, or cannot be read.
    """
    path = calibration_file.path_for(model if is_there(model) else GLOBAL)
    changed = path.stat().st_mtime_ns if path.is_file() else 0
    return _read(path, changed)


def is_there(model):
    """Return whether a model has a calibration of its own.

    Parameters
    ----------
    model : str or path
        As for `load`.

    Returns
    -------
    bool
    """
    return calibration_file.path_for(model).is_file()


@lru_cache(maxsize=8)
def _read(path, _changed):
    """Read a calibration; once only, until its file changes."""
    return Calibration.from_json(calibration_file.read(path), path)
