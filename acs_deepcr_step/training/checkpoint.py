"""The state of a training on the disk, so that it goes on after a kill as if nothing had happened."""

import torch

from ..errors import ModelError
from ..saving import atomic

__all__ = ["load", "require_same", "save"]

_FORMAT = 1


def save(path, state):
    """Put a state in the place of the one before, wholly or not at all.

    Parameters
    ----------
    path : pathlib.Path
    state : dict
        Tensors and plain values.
    """
    with atomic(path) as temporary:
        torch.save({"format": _FORMAT, **state}, temporary)


def load(path):
    """Return the state of the training that is to go on.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    dict or None
        None if there is none. Its ``identity`` tells of which training it is.

    Raises
    ------
    ModelError
        If the file is damaged.
    """
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["format"] != _FORMAT or not isinstance(state["identity"], dict):
            raise ValueError("another format")
    except Exception as error:  # whatever a damaged file makes the reader raise
        raise ModelError(
            f"{path} cannot be read as the checkpoint of a training: remove it to train from the beginning."
        ) from error
    return state


def require_same(path, known, identity):
    """Refuse the checkpoint of another training.

    Parameters
    ----------
    path : pathlib.Path
    known, identity : dict
        What decides the weights, by name: as the checkpoint has it, and as it is now.

    Raises
    ------
    ModelError
        Names what differs.
    """
    differing = [
        f"{name} {known.get(name)!r}, now {identity.get(name)!r}"
        for name in sorted(known.keys() | identity.keys())
        if known.get(name) != identity.get(name)
    ]
    if differing:
        raise ModelError(
            f"{path} is of a training with {'; '.join(differing)}: give the same to go on with it, another "
            "output, or remove it to train from the beginning."
        )
