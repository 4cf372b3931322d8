"""Warns of a run that knows less than the one whose flags it replaces."""

import contextlib

from ..errors import ExposureError, ParameterError
from ..files import mask_file, provenance
from ..files.inspection import inspect
from ..network import models
from . import deciders, up_to_date

__all__ = ["warnings"]


def warnings(tasks, parameters, number=1, told=0):
    """Yield what to say of exposures that were decided from more exposures before.

    Parameters
    ----------
    tasks : sequence of task.Task
        Of a field, or each by itself.
    parameters : Parameters
    number : int
        Exposures that each can be decided from now.
    told : int
        Those that were decided from more than these were named already; 0 for none.

    Yields
    ------
    str
    """
    replaced = ((task.label, *_replaced(task, number)) for task in tasks)
    less = [
        f"{label} ({was} exposures{f'; rerun=skip cannot keep it: {why}' if why else ''})"
        for label, was, why in replaced
        if number < was and (was <= told or not told)
    ]
    if less:
        now = f"from {number}" if number > 1 else "by each alone"
        if parameters.consensus == "no":
            way = "leave consensus at auto, or set none of them anew"
        elif told:
            way = "see to those of the field that failed, then run the step again"
        elif parameters.rerun == "skip":
            way = "name the others of the field too"
        else:
            way = "name the others of the field too, or set rerun=skip to keep what was decided"
        yield f"{', '.join(less)}: decided together before, {now} now, so that their flags get worse: {way}."


def _replaced(task, number):
    """Return from how many exposures the flags were decided that a run replaces, and why it cannot keep them.

    By headers alone; 1 where there are no flags, or it keeps them.
    """
    # What cannot be read is said when its turn comes.
    with contextlib.suppress(ExposureError):
        there = task.exposure
        if task.parameters.update_dq and task.target != there.path:
            if not task.target.exists():
                return 1, ""
            there = inspect(task.target, task.parameters.any_detector)
        skips = task.parameters.rerun == "skip"
        known = _known_header(task) if skips or not task.parameters.update_dq else None
        was = _recorded(there) if task.parameters.update_dq else known.nexp if known else 1
        if not isinstance(was, int) or was <= number or not skips:
            return was if isinstance(was, int) else 1, ""
        made_by = _made_by(task, known) if known else None
        why = up_to_date.change_of_run(task, there, known, made_by, "", number)
        return (was, why) if why else (1, "")
    return 1, ""


def _known_header(task):
    return mask_file.read_header(task.mask_path) if task.mask_path.exists() else None


def _recorded(exposure):
    return exposure.provenance.get("DCRNEXP") if provenance.is_flagged(exposure) else 1


def _made_by(task, known):
    """Return what this run computes probabilities with."""
    from ..network.engine import choose_backend

    precision = known.made_by.precision
    with contextlib.suppress(ParameterError):  # of a device that only the workers of an executor have
        precision = choose_backend(task.parameters.device, task.parameters.precision).precision
    return deciders.made_by(models.load(task.model).info, precision)
