"""The step as users call it: inputs -> exposures -> flags -> result table."""

import os
from collections.abc import Mapping
from pathlib import Path

from . import cleanfile, inputs, models, saving
from .errors import ExposureError, InputError, ParameterError, RunError
from .exposure import same_observation
from .inspection import inspect
from .parameters import APPLY_PARAMETERS, UNDO_PARAMETERS, resolve, resolve_some
from .runlog import RunLog

# What works on pixels loads PyTorch, so it is imported where work begins: TEAL
# imports this module only to look at it.

__all__ = ["apply", "run", "undo"]

# What the log calls the pass over the exposures.
_STEPS = {"run": "Find cosmic rays", "undo": "Take flags back", "apply": "Set flags of mask files"}


def run(input=None, configobj=None, *, executor=None, **pars):
    """Flag the cosmic rays of calibrated ACS/WFC exposures in their DQ arrays.

    Parameters
    ----------
    input : str, path-like, list of these, or ConfigObj, optional
        Wildcard, comma list, ``@file``, ``_asn.fits`` table or path; a ConfigObj
        here is TEAL calling. Default: the parameter ``input``.
    configobj : str, path-like or ConfigObj, optional
        Parameter file; default: the packaged defaults.
    executor : concurrent.futures.Executor, optional
        Runs the exposures, one a task: a process pool, ``mpi4py.futures``,
        ``dask.distributed.Client(...).get_executor()``. Its workers see the same
        files. Default: this process, or ``workers`` processes.
    **pars
        Any parameter by its name, e.g. ``threshold=0.3``. They win over the
        parameter file. ``acs-deepcr pars`` lists all with their meaning.

    Returns
    -------
    astropy.table.Table
        A row per chip: filename, extver, filter, exptime (s), model, threshold,
        crbit, n_flagged (pixels that carry our flag), fraction (flagged, of the
        pixels with DQ 0 before), cr_rate (8-connected groups per second and cm2),
        nexp (exposures that were decided from), n_vetoed (pixels above the threshold
        that the others spared), n_added (pixels below it that they added), status
        (done, skipped, failed: why), note (exposures of the field that could not be
        used, and why), seconds.

    Raises
    ------
    ParameterError, InputError, ExposureError, ModelError
        Before anything is changed: a fault of the call, or of a file's headers;
        every one is named.
    RunError
        At the end, if exposures failed for their pixels or could not be written.
        They are as they were; the others are finished. It carries the table.

    Notes
    -----
    SCI and ERR are never changed, and of DQ only ``crbit``. A second run takes the
    flags of the first one back before it sets its own.

    Exposures of the same field and filter are decided on together (`consensus`):
    first every one gets its mask file with the probabilities, then the flags.

    With `report` a page to look at ends the run (`acs_deepcr_step.report`).
    """
    if isinstance(input, Mapping):
        if configobj is not None:
            raise ParameterError("Give the parameter object once, not both as input and as configobj.")
        input, configobj = None, input
    parameters = resolve(configobj, pars)
    if not (parameters.mask_file or parameters.update_dq or parameters.clean_file):
        raise ParameterError(
            "mask_file=no, update_dq=no and clean_file=no together leave nothing to write: set one to yes."
        )
    paths, notes = inputs.expand(parameters.input if input is None else input)
    tasks = _plan(paths, parameters)
    _check_run(tasks, parameters, executor)
    fields = _fields(tasks, parameters, inputs.tables(parameters.input if input is None else input))
    page = _page(tasks, parameters)
    from .process import flag

    return _carry_out("run", flag, tasks, parameters, notes, executor=executor, fields=fields, page=page)


def undo(input, **pars):
    """Take the flags of the step back: DQ as before, bit for bit.

    Parameters
    ----------
    input : str, path-like, or list of these
        As for `run`.
    **pars
        Of the parameters of `run`: runfile, workers, progress.

    Returns
    -------
    astropy.table.Table
        As of `run`; n_flagged is the number of pixels that were cleared, status
        is ``undone``, ``nothing to undo`` or ``failed: why``.

    Raises
    ------
    InputError, ExposureError
        Before anything is changed.
    RunError
        If flags could not be taken back, because the mask file that records them
        is missing or of another exposure. Those files are as they were.

    Notes
    -----
    What AstroDrizzle, TweakReg or acsrej wrote meanwhile stays. The mask file
    stays too: a later `run` reuses its probabilities. So does a clean file.
    """
    parameters = resolve_some(UNDO_PARAMETERS, pars)
    paths, notes = inputs.expand(input)
    tasks = _plan(paths, parameters)
    from .revert import undo as work

    return _carry_out("undo", work, tasks, parameters, notes)


def apply(files, masks=None, **pars):
    """Set the flags of mask files that were made elsewhere.

    Parameters
    ----------
    files : str, path-like, or list of these
        Exposures, as for `run`.
    masks : str, path-like, or list of these, optional
        Mask files, in any order. Default: ``<root>_<suffix>_deepcr.fits`` beside
        each exposure.
    **pars
        Of the parameters of `run`: runfile, workers, progress, output_dir.

    Returns
    -------
    astropy.table.Table
        As of `run`.

    Raises
    ------
    InputError, ExposureError
        Before anything is changed, e.g. where an exposure has no mask.
    RunError
        If a mask is not of its exposure (rootname, start, chip, shape and SCI
        pixels have to be the same). That exposure is as it was.
    """
    parameters = resolve_some(APPLY_PARAMETERS, pars)
    paths, notes = inputs.expand(files)
    from .given_masks import with_masks
    from .process import apply_mask

    tasks = with_masks(_plan(paths, parameters), masks)
    return _carry_out("apply", apply_mask, tasks, parameters, notes)


def _plan(paths, parameters):
    """Tasks for all inputs; nothing is written yet, and every fault is named."""
    from .task import Task

    faults, tasks = [], []
    for path in paths:
        # Behind a symlink the file is flagged, and its mask lies beside the file.
        file = Path(os.path.realpath(path)) if path.is_symlink() else path
        try:
            exposure = inspect(file, parameters.any_detector)
            target = _target(exposure, parameters)
            label = str(target if parameters.output_dir else path)
            tasks.append(Task(label, exposure, target, parameters, _model_for(exposure, parameters)))
            if parameters.clean_file:
                cleanfile.require_own(tasks[-1].clean_path, exposure)
        except ExposureError as error:
            faults.append(str(error))
    if faults:
        raise ExposureError(" ".join(faults))
    _require_distinct_targets(tasks)
    if parameters.output_dir:
        _make_directory(Path(parameters.output_dir).expanduser())
    _require_room(tasks)
    return tasks


def _fields(tasks, parameters, tables):
    """The groups of exposures to be decided on together, with notes and warnings."""
    from .association import grouping

    if parameters.consensus == "no" or (len(tasks) < 2 and parameters.consensus == "auto"):
        return [], [], []
    fields = grouping.groups(tasks, tables)
    grouped = {task.label for group in fields[0] for task in group.tasks}
    alone = [task.label for task in tasks if task.label not in grouped]
    if parameters.consensus == "yes" and alone:
        raise ExposureError(
            f"consensus=yes, but there is no other exposure of the same field and filter for "
            f"{', '.join(alone)}: name it too, or set consensus to auto."
        )
    return fields


def _page(tasks, parameters):
    """Where the report goes; None if none is wanted."""
    if not parameters.report:
        return None
    if not parameters.mask_file:
        raise ParameterError("report=yes needs mask_file=yes: the report is made of the mask files.")
    from .report.after_run import place

    return place(tasks)


def _model_for(exposure, parameters):
    if parameters.model != models.AUTO:
        return parameters.model
    return models.for_filter(exposure.filter.split("+")[0])


def _target(exposure, parameters):
    """Where the flagged exposure goes."""
    if not parameters.output_dir:
        saving.require_writable(exposure.path.parent, exposure.path if parameters.update_dq else None)
        return exposure.path
    target = Path(parameters.output_dir).expanduser() / exposure.path.name
    if os.path.realpath(target) == os.path.realpath(exposure.path):
        raise ExposureError(
            f"{exposure.path} lies in the output_dir itself: give another, or none to flag in place."
        )
    if target.exists():
        there = inspect(target, parameters.any_detector)
        if not same_observation(there, exposure) or not there.provenance:
            raise ExposureError(f"{target} is there already and is not a result of this step: move it away.")
    return target


def _require_distinct_targets(tasks):
    seen = {}
    for task in tasks:
        other = seen.setdefault(os.path.realpath(task.target), task)
        if other is not task:
            raise InputError(
                f"{other.exposure.path} and {task.exposure.path} would both become {task.target}: "
                "run them with different output_dirs."
            )


def _make_directory(directory):
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output_dir {directory} cannot be made ({error.strerror}).") from error
    saving.require_writable(directory)


def _require_room(tasks):
    """Room for what the run adds, and for the temporary copies it works on."""
    from .runner import AT_A_TIME

    needed = {}
    for task in tasks:
        size = task.exposure.state.size
        added, working = needed.get(task.target.parent, (0, 0))
        # A mask takes about a twelfth of its exposure; a copy in output_dir and a clean file stay.
        copies = (task.target != task.exposure.path) + task.parameters.clean_file
        kept = size // 8 + size * copies
        needed[task.target.parent] = (added + kept, max(working, AT_A_TIME * size))
    for directory, (added, working) in needed.items():
        saving.require_space(directory, added + working)


def _check_run(tasks, parameters, executor):
    """What can be refused before the first pixel is read."""
    from .detect import Detector
    from .provenance import is_flagged

    # The workers of an executor may have devices that this process has not.
    device = parameters.device if executor is None else "cpu"
    for model in {task.model for task in tasks}:
        Detector(model, precision=parameters.precision, device=device)
    if parameters.clean_file:
        cleanfile.inpainter(parameters.inpaint, parameters.precision, device, 0)
    flagged = [task.label for task in tasks if is_flagged(task.exposure)]
    if parameters.rerun == "error" and flagged:
        raise ExposureError(
            f"{', '.join(flagged)}: flagged before, and rerun=error: undo that first, "
            "or set rerun to redo or skip."
        )


def _carry_out(what, work, tasks, parameters, notes, *, executor=None, fields=((), (), ()), page=None):
    """Run tasks with log and progress bar; the table, or the error that names who failed."""
    from . import logstart, passes, results

    groups, remarks, warnings = fields
    with RunLog(parameters.runfile) as log:
        with log.step("Initialization"):
            logstart.begin(log, what, parameters, tasks, [*notes, *remarks])
            for group in groups:
                log.info(f"decided on together: {group.label}")
            for warning in warnings:
                log.warning(warning)
        rows = passes.rows(work, tasks, (parameters, log, executor), groups, _STEPS[what])
        failed = {row["filename"]: row["status"] for row in rows if row["status"].startswith("failed")}
        table = results.table(rows)
        if page:
            from .report.after_run import write_of

            with log.step("Report"):
                write_of(tasks, table, page, log)
        log.times()
        log.info(
            f"acs_deepcr_step {what} ended after {log.seconds:.1f} s: "
            f"{len(tasks) - len(failed)} exposures done, {len(failed)} failed"
        )
    if failed:
        reasons = " ".join(f"{name}: {status.removeprefix('failed: ')}" for name, status in failed.items())
        raise RunError(
            f"{len(failed)} of {len(tasks)} exposures failed and are as they were. {reasons}", table
        )
    return table
