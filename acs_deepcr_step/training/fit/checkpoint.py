"""Checkpoints: the state of a training on disk, from which a killed training resumes."""

import torch

from ...errors import ModelError
from ...files.atomic import atomic
from ...regular_file import require_regular

__all__ = ["load", "require_same_training", "save"]

_FORMAT = 1


def save(path, state):
    """Write a state, atomically replacing the one before.

    Parameters
    ----------
    path : pathlib.Path
    state : dict
        Tensors and plain values.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with atomic(path) as temporary:
        torch.save({"format": _FORMAT, **state}, temporary)


def load(path):
    """Return the state of the training to resume.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    dict or None
        None if there is none. Its ``identity`` holds what decides the weights.

    Raises
    ------
    ModelError
        If the file is damaged.
    """
    if not path.exists():
        return None
    try:
        require_regular(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["format"] != _FORMAT or not isinstance(state["identity"], dict):
            raise ValueError("another format")
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror or error}): move it away.") from error
    except Exception as error:  # whatever a damaged file makes the reader raise
        raise ModelError(
            f"{path} cannot be read as the checkpoint of a training: remove it to train from the beginning."
        ) from error
    return state


def require_same_training(path, saved, current):
    """Refuse the checkpoint of another training.

    Parameters
    ----------
    path : pathlib.Path
    saved, current : dict
        What decides the weights, by name: in the checkpoint, and now.

    Raises
    ------
    ModelError
        Names what differs.
    """
    differing = [
        f"{name} {saved.get(name)!r}, now {current.get(name)!r}"
        for name in sorted(saved.keys() | current.keys())
        if saved.get(name) != current.get(name)
    ]
    if differing:
        raise ModelError(
            f"{path} is of a training with {'; '.join(differing)}: give the same to go on with it, another "
            "output, or remove it to train from the beginning."
        )
