"""Mask files that were made elsewhere, brought together with their exposures."""

from dataclasses import replace

from ..errors import InputError
from ..files import inputs, mask_file

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
        chosen = [task.named_path.with_name(mask_file.name_for(task.named_path)) for task in tasks]
    else:
        by_root = {}
        for path in inputs.expand(masks).paths:
            by_root.setdefault(mask_file.read_header(path).rootname, []).append(path)
        chosen = [_of_name(by_root.get(task.exposure.rootname, ()), task.named_path) for task in tasks]
    pairs = list(zip(tasks, chosen, strict=True))
    missing = [task.label for task, mask in pairs if mask is None or not mask.is_file()]
    if missing:
        raise InputError(f"There is no mask file for {', '.join(missing)}: name them, or put them beside.")
    return [_as_recorded(task, mask, mask_file.read_header(mask)) for task, mask in pairs]


def _of_name(paths, exposure_path):
    """Return the mask file of an exposure among those of its rootname: its flc and flt may each have one."""
    name = mask_file.name_for(exposure_path)
    return next((path for path in paths if path.name == name), paths[-1] if paths else None)


def _as_recorded(task, path, mask):
    """Return the task with the parameters that its mask file was made with."""
    parameters = replace(task.parameters, decision=mask.decision)
    return replace(task, mask=path, parameters=parameters, model=mask.made_by.model)
