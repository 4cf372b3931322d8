"""What a run will do, before anything is changed: tasks, fields, and every fault that can be seen."""

import os
from dataclasses import replace
from pathlib import Path

from ..errors import ExposureError, InputError
from ..files import clean_file, space
from ..files.atomic import require_no_dangling_link
from ..files.inspection import inspect
from ..files.provenance import is_flagged
from ..files.splice import require_keepable_rights
from ..network import models
from . import calibrations, filling, output_copy
from .executors import AT_A_TIME
from .task import FieldPlan, Task

__all__ = ["plan_fields", "plan_tasks", "require_runnable"]


def plan_tasks(paths, parameters):
    """Return tasks for all inputs; nothing is written yet, and every fault is named.

    Parameters
    ----------
    paths : list of pathlib.Path
    parameters : Parameters

    Returns
    -------
    list of task.Task

    Raises
    ------
    InputError, ExposureError
    """
    faults, tasks = [], []
    for path in paths:
        # Behind a symlink the file is flagged, and its mask lies beside the file.
        file = Path(os.path.realpath(path)) if path.is_symlink() else path
        try:
            exposure = inspect(file, parameters.any_detector)
            target = _target(exposure, parameters)
            label = str(target if parameters.output_dir else path)
            base = output_copy.built_on(exposure, target, parameters.any_detector)
            task = Task(label, base, target, parameters, _model_for(base, parameters))
            tasks.append(task if base is exposure else replace(task, original=exposure))
            _require_names(tasks[-1])
        except ExposureError as error:
            faults.append(str(error))
    if faults:
        raise ExposureError(" ".join(faults))
    _require_distinct_targets(tasks)
    if parameters.output_dir:
        _make_directory(Path(parameters.output_dir).expanduser())
    _require_room(tasks)
    return tasks


def plan_fields(tasks, parameters, tables):
    """Return the fields whose exposures are decided on together.

    Parameters
    ----------
    tasks : list of task.Task
    parameters : Parameters
    tables : dict of pathlib.Path to pathlib.Path
        From `inputs.tables`.

    Returns
    -------
    task.FieldPlan

    Raises
    ------
    ExposureError
        With ``consensus=yes``, if an exposure is in no field.
    """
    if parameters.consensus == "no" or (len(tasks) < 2 and parameters.consensus == "auto"):
        return FieldPlan()
    from .fields import find_fields  # loads the WCS library

    found = find_fields(tasks, tables)
    found = replace(found, warnings=(*found.warnings, *_without_calibration(found)))
    alone = [task.label for task in tasks if task.label not in found.labels]
    if parameters.consensus == "yes" and alone:
        raise ExposureError(
            f"consensus=yes, but there is no other exposure of the same field and filter for "
            f"{', '.join(alone)}: name it too, or set consensus to auto."
        )
    return found


def _without_calibration(found):
    """Warn of models for which it is not known how often they are right."""
    models_used = {task.model for field in found.fields for task in field.tasks}
    for model in sorted(str(one) for one in models_used if not calibrations.is_there(one)):
        yield (
            f"{model} has no calibration beside it: exposures that decide together use that of the model "
            f"{models.GLOBAL}; count its own by acs-deepcr calibrate {model}."
        )


def require_runnable(tasks, parameters, executor):
    """Refuse what can be refused before the first pixel is read.

    Parameters
    ----------
    tasks : list of task.Task
    parameters : Parameters
    executor : concurrent.futures.Executor or None

    Raises
    ------
    ModelError, ParameterError, ExposureError
    """
    from ..network.detect import Detector

    # The workers of an executor may have devices that this process has not.
    device = parameters.device if executor is None else "cpu"
    for model in {task.model for task in tasks}:
        Detector(model, precision=parameters.precision, device=device)
    if parameters.clean_file:
        filling.inpainter(parameters.inpaint, parameters.precision, device, 0)
    flagged = [task.label for task in tasks if is_flagged(task.exposure)]
    if parameters.rerun == "error" and flagged:
        raise ExposureError(
            f"{', '.join(flagged)}: flagged before, and rerun=error: undo that first, "
            "or set rerun to redo or skip."
        )


def _model_for(exposure, parameters):
    if parameters.model != models.AUTO:
        return parameters.model
    return models.for_filter(exposure.filter.split("+")[0])


def _target(exposure, parameters):
    """Where the flagged exposure goes."""
    if not parameters.output_dir:
        space.require_writable(exposure.path.parent, exposure.path if parameters.update_dq else None)
        if parameters.update_dq:
            require_keepable_rights(exposure.path)
        return exposure.path
    target = Path(parameters.output_dir).expanduser() / exposure.path.name
    require_no_dangling_link(target, ExposureError)
    if os.path.realpath(target) == os.path.realpath(exposure.path):
        raise ExposureError(
            f"{exposure.path} lies in the output_dir itself: give another, or none to flag in place."
        )
    return target


def _require_names(task):
    """Refuse names of outputs that lead nowhere, or to what is no file of the step."""
    require_no_dangling_link(task.mask_path, ExposureError)
    if task.parameters.clean_file:
        clean_file.require_own(task.clean_path, task.exposure)


def _require_distinct_targets(tasks):
    seen = {}
    for task in tasks:
        other = seen.setdefault(os.path.realpath(task.target), task)
        if other is not task:
            raise InputError(
                f"{other.named_path} and {task.named_path} would both become {task.target}: "
                "run them with different output_dirs."
            )


def _make_directory(directory):
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output_dir {directory} cannot be made ({error.strerror}).") from error
    space.require_writable(directory)


def _require_room(tasks):
    """Refuse disks without room for what the run adds, and for the temporary copies it works on."""
    added, working = {}, {}
    for task in tasks:
        size, directory = task.exposure.state.size, task.target.parent
        # A mask takes about a twelfth of its exposure; a copy in output_dir and a clean file stay.
        copies = (task.target != task.exposure.path) + task.parameters.clean_file
        added[directory] = added.get(directory, 0) + size // 8 + size * copies
        working[directory] = max(working.get(directory, 0), AT_A_TIME * size)
    for directory, size in added.items():
        space.require_space(directory, size + working[directory])
