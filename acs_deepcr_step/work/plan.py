"""What a run will do, before anything is changed: tasks, fields, and every fault that can be seen."""

import contextlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import ExposureError, InputError
from ..files import clean_file, space
from ..files.atomic import require_no_dangling_link
from ..files.inspection import inspect
from ..files.provenance import is_flagged
from ..files.splice import require_keepable_rights
from ..network import models
from . import calibrations, fewer, filling, output_copy
from .executors import AT_A_TIME
from .task import FieldPlan, Plan, Refusal, Task

__all__ = ["plan_exposures", "plan_fields", "require_runnable", "without_unsuited"]


def plan_exposures(paths, parameters):
    """Read the headers of all inputs: what can be done, and which files cannot. Nothing is written yet.

    Parameters
    ----------
    paths : list of pathlib.Path
    parameters : Parameters

    Returns
    -------
    task.Plan
        Faulty files are among its refusals; they stop no other.

    Raises
    ------
    InputError
        If two inputs would become the same file, or the output directory cannot be made.
    ExposureError
        If no file is sound, with the faults of all; or if there is no room for the results.
    """
    if parameters.output_dir:
        _require_nameable(Path(parameters.output_dir).expanduser())
    inputs = [_Input.of(path, parameters) for path in paths]
    _require_distinct_targets(inputs)
    tasks, refusals = [], []
    for one in inputs:
        try:
            tasks.append(_task(one, parameters))
        except ExposureError as error:
            refusals.append(Refusal(one.label, str(error)))
    planned = Plan(tuple(one.label for one in inputs), tuple(tasks), tuple(refusals))
    if parameters.output_dir:
        _make_directory(Path(parameters.output_dir).expanduser())
    _require_room(tasks)
    return planned


@dataclass(frozen=True)
class _Input:
    """A file that the user named: how, where it is, and where its result goes."""

    label: str
    file: Path
    target: Path

    @classmethod
    def of(cls, path, parameters):
        # Behind a symlink the file is flagged, and its mask lies beside the file.
        file = Path(os.path.realpath(path)) if path.is_symlink() else path
        if not parameters.output_dir:
            return cls(str(path), file, file)
        target = Path(parameters.output_dir).expanduser() / file.name
        return cls(str(target), file, target)


def _task(one, parameters):
    exposure = inspect(one.file, parameters.any_detector)
    _require_target(one, parameters)
    base = output_copy.built_on(exposure, one.target, parameters.any_detector)
    original = None if base is exposure else exposure
    task = Task(one.label, base, one.target, parameters, _model_for(base, parameters), original=original)
    _require_names(task)
    return task


def without_unsuited(planned):
    """Refuse to decide on exposures that are of no kind for it, although their flags could be taken back.

    Parameters
    ----------
    planned : task.Plan

    Returns
    -------
    task.Plan

    Raises
    ------
    ExposureError
        If no exposure is left.
    """
    return planned.refusing(
        [
            Refusal(
                task.label,
                f"{task.exposure.path} cannot be processed: {'; '.join(task.exposure.unsuited)}.",
                task,
            )
            for task in planned.tasks
            if task.exposure.unsuited
        ]
    )


def plan_fields(planned, parameters, tables):
    """Find the exposures that are decided on together.

    Parameters
    ----------
    planned : task.Plan
    parameters : Parameters
    tables : dict of pathlib.Path to pathlib.Path
        As of `inputs.Inputs`.

    Returns
    -------
    task.Plan
        With its fields; with ``consensus=yes`` it refuses the exposures that are in none.

    Raises
    ------
    ExposureError
        If no exposure is left.
    """
    if parameters.consensus == "no" or (len(planned.tasks) < 2 and parameters.consensus == "auto"):
        said = tuple(fewer.warnings(planned.tasks, parameters))
        # Who asks for consensus=no knows what it means.
        found = FieldPlan(notes=said) if parameters.consensus == "no" else FieldPlan(warnings=said)
        return replace(planned, fields=found)
    from .fields import find_fields  # loads the WCS library

    found = find_fields(planned.tasks, tables)
    found = replace(found, warnings=(*found.warnings, *_without_calibration(found)))
    alone = [task for task in planned.tasks if task.label not in found.labels]
    if parameters.consensus == "yes":
        planned = planned.refusing(
            [
                Refusal(
                    task.label,
                    f"consensus=yes, but there is no other exposure of the same field and filter for "
                    f"{task.label}: name it too, or set consensus to auto.",
                    task,
                )
                for task in alone
            ]
        )
        alone = []
    knows_less = [
        *fewer.warnings(alone, parameters),
        *(one for its in found.fields for one in fewer.warnings(its.tasks, parameters, len(its.tasks))),
    ]
    return replace(planned, fields=replace(found, warnings=(*found.warnings, *knows_less)))


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
    own = models.for_filter(exposure.filter.split("+")[0])
    is_own = models.info(own).detector == str(exposure.instrument)
    return own if is_own else exposure.instrument.default_model


def _require_target(one, parameters):
    """Refuse an exposure whose result cannot go where it should."""
    if not parameters.output_dir:
        space.require_writable(one.file.parent, one.file if parameters.update_dq else None)
        if parameters.update_dq:
            require_keepable_rights(one.file)
        return
    require_no_dangling_link(one.target, ExposureError)
    if os.path.realpath(one.target) == os.path.realpath(one.file):
        raise ExposureError(
            f"{one.file} lies in the output_dir itself: give another, or none to flag in place."
        )


def _require_names(task):
    """Refuse names of outputs that lead nowhere, or to what is no file of the step."""
    require_no_dangling_link(task.mask_path, ExposureError)
    if task.parameters.clean_file:
        clean_file.require_own(task.clean_path, task.exposure)


def _require_distinct_targets(inputs):
    seen = {}
    for one in inputs:
        other = seen.setdefault(os.path.realpath(one.target), one)
        if other is not one:
            raise InputError(
                f"{other.file} and {one.file} would both become {one.target}: "
                "run them with different output_dirs."
            )


def _require_nameable(directory):
    """Refuse a name that no directory can have, before files in it are looked for."""
    try:
        with contextlib.suppress(FileNotFoundError):
            os.stat(directory)
    except OSError as error:
        raise InputError(f"output_dir {directory} cannot be made ({error.strerror}).") from error


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
