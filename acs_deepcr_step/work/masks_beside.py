"""Mask files that are beside an exposure when its turn comes: of a run before, or of the first pass."""

import contextlib

from ..errors import ExposureError
from ..files import mask_file

__all__ = ["known_mask", "remove_hidden_mask", "stored_probabilities"]


def known_mask(task):
    """Return the mask file that is there already, or None."""
    return mask_file.read(task.mask_path) if task.mask_path.exists() else None


def stored_probabilities(task, *, wanted=True):
    """Return the mask file with the probabilities of the first pass, or None.

    Another run on the same exposure may have replaced it, or, where no mask file is wanted, taken it away
    when it ended. If they are not `wanted`, only whether they are there, they are not unpacked.
    """
    try:
        return mask_file.read(task.probe_path, probabilities=wanted) if task.probe_path.exists() else None
    except ExposureError:
        if task.parameters.mask_file and task.probe_path.exists():
            raise  # not ours to replace
        return None


def remove_hidden_mask(task):
    """Remove the probabilities that a killed run without mask files left; they can be made anew."""
    with contextlib.suppress(OSError, ExposureError):
        if mask_file.read_header(task.hidden_path).rootname == task.exposure.rootname:
            task.hidden_path.unlink()
