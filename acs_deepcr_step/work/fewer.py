"""Warns of a run that knows less than the one whose flags it replaces."""

import contextlib

from ..errors import ExposureError
from ..files import mask_file, provenance
from ..files.inspection import inspect

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
    if parameters.rerun != "redo":  # skip keeps them, or says itself why not
        return
    were = {task.label: _exposures_before(task) for task in tasks}
    less = [
        f"{label} ({was} exposures)"
        for label, was in were.items()
        if number < was and (was <= told or not told)
    ]
    if less:
        now = f"from {number}" if number > 1 else "by each alone"
        if parameters.consensus == "no":
            way = "leave consensus at auto, or set none of them anew"
        elif told:
            way = "see to those of the field that failed, then run the step again"
        else:
            way = "name the others of the field too, or set rerun=skip to keep what was decided"
        yield f"{', '.join(less)}: decided together before, {now} now, so that their flags get worse: {way}."


def _exposures_before(task):
    """Return from how many exposures the flags were decided that a run replaces; 1 where there are none."""
    number = None
    with contextlib.suppress(ExposureError):  # said when its turn comes
        if not task.parameters.update_dq:
            number = mask_file.read_header(task.mask_path).nexp if task.mask_path.exists() else 1
        elif task.target == task.exposure.path:
            number = _recorded(task.exposure)
        elif task.target.exists():
            number = _recorded(inspect(task.target, task.parameters.any_detector))
    return number if isinstance(number, int) else 1


def _recorded(exposure):
    return exposure.provenance.get("DCRNEXP") if provenance.is_flagged(exposure) else 1
