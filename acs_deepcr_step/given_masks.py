"""Mask files that were made elsewhere, brought together with their exposures."""

from dataclasses import replace

from . import inputs, maskfile
from .errors import InputError

__all__ = ["with_masks"]


def with_masks(tasks, masks=None):
    """Return tasks with their mask files, and the parameters that those were made with.

    Parameters
    ----------
    tasks : list of task.Task
    masks : str, path-like, or list of these, optional
        As for `step.apply`: found by their rootname. Default: by their name, beside the
        exposure.

    Returns
    -------
    list of task.Task

    Raises
    ------
    InputError, ExposureError
        If an exposure has no mask file, or one is none.
    """
    if masks is None:
        chosen = [task.exposure.path.with_name(maskfile.name_for(task.exposure.path)) for task in tasks]
    else:
        by_root = {maskfile.read_header(path).rootname: path for path in inputs.expand(masks)[0]}
        chosen = [by_root.get(task.exposure.rootname) for task in tasks]
    missing = [
        task.label for task, mask in zip(tasks, chosen, strict=True) if mask is None or not mask.is_file()
    ]
    if missing:
        raise InputError(f"There is no mask file for {', '.join(missing)}: name them, or put them beside.")
    return [_as_recorded(replace(task, mask=mask), maskfile.read_header(mask)) for task, mask in
            zip(tasks, chosen, strict=True)]  # fmt: skip


def _as_recorded(task, header):
    """The task with the parameters that the mask file was made with."""
    recorded = {
        "threshold": header.threshold,
        "grow": header.grow,
        "protect_saturated": header.protect_saturated,
        "crbit": header.crbit,
    }
    return replace(task, parameters=replace(task.parameters, **recorded), model=header.model)
