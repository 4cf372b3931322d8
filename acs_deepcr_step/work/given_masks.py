"""Mask files that were made elsewhere, brought together with their exposures."""

from dataclasses import replace

from ..errors import ExposureError
from ..files import inputs, mask_file
from .task import Refusal

__all__ = ["with_masks"]


def with_masks(planned, masks=None):
    """Return a plan whose tasks have their mask files, and the parameters that those were made with.

    Parameters
    ----------
    planned : task.Plan
    masks : str, path-like, or list of these, optional
        As for `step.apply`: found by their rootname. Default: by their name, beside the
        exposure.

    Returns
    -------
    task.Plan
        It refuses exposures without a mask file, or with one that cannot be read.

    Raises
    ------
    InputError
        If the masks named are not there.
    ExposureError
        If no exposure has a mask file.
    """
    by_root, faults = (None, []) if masks is None else _by_rootname(masks)
    tasks, refusals = [], []
    for task in planned.tasks:
        try:
            tasks.append(_with_mask(task, by_root, faults))
        except ExposureError as error:
            refusals.append(Refusal(task.label, str(error), task))
    return replace(planned.refusing(refusals), tasks=tuple(tasks))


def _by_rootname(masks):
    """Return the paths of masks by the rootname of their exposures, and what is wrong with others."""
    found, faults = {}, []
    for path in inputs.expand(masks).paths:
        try:
            found.setdefault(mask_file.read_header(path).rootname, []).append(path)
        except ExposureError as error:
            faults.append(str(error))
    return found, faults


def _with_mask(task, by_root, faults):
    """Return the task with its mask file, and the parameters that the mask was made with."""
    if by_root is None:
        path = mask_file.beside(task.named_path)
    else:
        path = _of_name(by_root.get(task.exposure.rootname, ()), task.named_path)
    if path is None or not path.is_file():
        # Whose mask it was, a file that cannot be read does not tell: its fault may be the reason.
        raise ExposureError(
            " ".join([f"There is no mask file for {task.label}: name it, or put it beside.", *faults])
        )
    mask = mask_file.read_header(path)
    parameters = replace(task.parameters, decision=mask.decision)
    return replace(task, mask=path, parameters=parameters, model=mask.made_by.model)


def _of_name(paths, exposure_path):
    """Return the mask file of an exposure among those of its rootname: its flc and flt may each have one."""
    name = mask_file.name_for(exposure_path)
    return next((path for path in paths if path.name == name), paths[-1] if paths else None)
