"""The step as users call it: inputs -> exposures -> flags -> result table."""

import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np
from astropy.table import Table

from . import __version__, handoff, inputs, models, saving
from .errors import ExposureError, InputError, ParameterError, RunError, StepError
from .exposure import inspect
from .parameters import resolve
from .runlog import RunLog

# `process` loads PyTorch, so it is imported where work begins: TEAL imports this
# module only to look at it.

__all__ = ["run"]

# Columns of the result table: name, type, unit, format.
_COLUMNS = (
    ("filename", str, None, None),
    ("extver", int, None, None),
    ("filter", str, None, None),
    ("exptime", float, "s", ".1f"),
    ("model", str, None, None),
    ("threshold", float, None, ".3g"),
    ("crbit", int, None, None),
    ("n_flagged", int, None, None),
    ("fraction", float, None, ".5f"),
    ("cr_rate", float, "1 / (cm2 s)", ".3f"),
    ("status", str, None, None),
    ("seconds", float, "s", ".2f"),
)

# One exposure is read or written while the network works on another; more would
# only take memory.
_AT_A_TIME = 2


def run(input=None, configobj=None, **pars):
    """Flag the cosmic rays of calibrated ACS/WFC exposures in their DQ arrays.

    Parameters
    ----------
    input : str, path-like, list of these, or ConfigObj, optional
        Wildcard, comma list, ``@file``, ``_asn.fits`` table or path; a ConfigObj
        here is TEAL calling. Default: the parameter ``input``.
    configobj : str, path-like or ConfigObj, optional
        Parameter file; default: the packaged defaults.
    **pars
        Any parameter by its name, e.g. ``threshold=0.3``. They win over the
        parameter file. ``acs-deepcr pars`` lists all with their meaning.

    Returns
    -------
    astropy.table.Table
        A row per chip: filename, extver, filter, exptime (s), model, threshold,
        crbit, n_flagged (pixels that carry our flag), fraction (flagged, of the
        pixels with DQ 0 before), cr_rate (8-connected groups per second and cm2),
        status, seconds.

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
    """
    if isinstance(input, Mapping):
        if configobj is not None:
            raise ParameterError("Give the parameter object once, not both as input and as configobj.")
        input, configobj = None, input
    parameters = resolve(configobj, pars)
    if not (parameters.mask_file or parameters.update_dq):
        raise ParameterError("mask_file=no and update_dq=no together leave nothing to write: set one to yes.")
    paths, notes = inputs.expand(parameters.input if input is None else input)
    tasks = _plan(paths, parameters)
    with RunLog(parameters.runfile) as log:
        began = time.perf_counter()
        _log_start(log, parameters, tasks, notes)
        rows = _execute(tasks, parameters, log)
        log.info(f"total time {time.perf_counter() - began:.1f} s")
        return _finish(log, rows)


def _plan(paths, parameters):
    """Tasks for all inputs; nothing is written yet, and every fault is named."""
    from .process import Task

    faults, tasks = [], []
    for path in paths:
        try:
            exposure = inspect(path, parameters.any_detector)
            target = _target(exposure, parameters)
            tasks.append(Task(exposure, target, parameters, _model_for(exposure, parameters)))
        except ExposureError as error:
            faults.append(str(error))
    if faults:
        raise ExposureError(" ".join(faults))
    _require_distinct_targets(tasks)
    for model in {task.model for task in tasks}:
        models.load(model)
    if parameters.output_dir:
        _make_directory(Path(parameters.output_dir))
    _require_room(tasks)
    return tasks


def _model_for(exposure, parameters):
    if parameters.model != models.AUTO:
        return parameters.model
    return models.for_filter(exposure.filter.split("+")[0])


def _target(exposure, parameters):
    """Where the flagged exposure goes."""
    if not parameters.output_dir:
        _require_own_permissions(exposure, parameters)
        return exposure.path
    target = Path(parameters.output_dir).expanduser() / exposure.path.name
    if os.path.realpath(target) == os.path.realpath(exposure.path):
        raise ExposureError(f"{exposure.path} lies in the output_dir itself: give another, or none to flag in place.")
    if target.exists():
        there = inspect(target, parameters.any_detector)
        if (there.rootname, there.expstart) != (exposure.rootname, exposure.expstart) or not there.provenance:
            raise ExposureError(f"{target} is there already and is not a result of this step: move it away.")
    return target


def _require_own_permissions(exposure, parameters):
    file = Path(os.path.realpath(exposure.path))
    saving.require_writable(file.parent, file if parameters.update_dq else None)
    if file.parent != exposure.path.parent and parameters.mask_file:
        saving.require_writable(exposure.path.parent)


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
        directory.expanduser().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output_dir {directory} cannot be made ({error.strerror}).") from error
    saving.require_writable(directory.expanduser())


def _require_room(tasks):
    """Room for what the run adds, and for the temporary copies it works on."""
    needed = {}
    for task in tasks:
        size = task.exposure.state.size
        added, working = needed.get(task.target.parent, (0, 0))
        # A mask takes about a twelfth of its exposure; a copy in output_dir stays.
        kept = size // 8 + (size if task.target != task.exposure.path else 0)
        needed[task.target.parent] = (added + kept, max(working, _AT_A_TIME * size))
    for directory, (added, working) in needed.items():
        saving.require_space(directory, added + working)


def _log_start(log, parameters, tasks, notes):
    import torch

    log.info(f"acs_deepcr_step {__version__}, PyTorch {torch.__version__}, NumPy {np.__version__}")
    for line in parameters.describe():
        log.info(f"parameter {line}")
    for note in notes:
        log.info(note)
    for model in sorted({task.model for task in tasks}):
        info = models.load(model).info
        log.info(f"model {info.name}: {info.file}, SHA-256 {info.sha256}")
    log.info(f"{len(tasks)} exposures")
    for task in tasks:
        for warning in task.exposure.warnings:
            log.warning(warning)
    targets = [task.target for task in tasks]
    for warning in (handoff.crbit_warning(parameters.crbit), handoff.stale_crmask_warning(targets)):
        if warning:
            log.warning(warning)


def _execute(tasks, parameters, log):
    """Run all tasks; rows by task, in the order of the tasks."""
    from tqdm import tqdm

    from .process import Stage, flag

    stage, rows = Stage(), {}
    # disable=None: no bar where the output is not a terminal.
    with (
        tqdm(total=len(tasks), desc="deepCR", unit="exposure", disable=None if parameters.progress else True) as bar,
        ThreadPoolExecutor(min(_AT_A_TIME, len(tasks))) as pool,
    ):
        try:
            futures = {pool.submit(flag, task, stage): index for index, task in enumerate(tasks)}
            for future in as_completed(futures):
                index = futures[future]
                rows[index] = _collected(future, tasks[index], log)
                bar.update()
        except BaseException:
            stage.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    return [row for index in range(len(tasks)) for row in rows[index]]


def _collected(future, task, log):
    """Rows of a finished task; a failed one is reported and does not stop the others."""
    try:
        outcome = future.result()
    except Exception as error:  # one exposure's failure, even an unforeseen one, is not the others'
        if not isinstance(error, StepError):
            error = ExposureError(f"unexpected {type(error).__name__}: {error}")
        log.error(f"{task.exposure.path}: {error}")
        return [_failed_row(task, chip, error) for chip in task.exposure.chips]
    for note in outcome.notes:
        log.info(note)
    for warning in outcome.warnings:
        log.warning(warning)
    for row in outcome.rows:
        log.info(
            f"{row['filename']}[SCI,{row['extver']}] {row['filter']} {row['exptime']:g} s: {row['n_flagged']} pixels "
            f"flagged, fraction {row['fraction']:.5f}, {row['cr_rate']:.3f} hits/s/cm2, {row['seconds']:.1f} s"
        )
    return outcome.rows


def _failed_row(task, chip, error):
    return {
        "filename": str(task.target),
        "extver": chip.extver,
        "filter": task.exposure.filter,
        "exptime": chip.exptime,
        "model": task.model,
        "threshold": task.parameters.threshold,
        "crbit": task.parameters.crbit,
        "n_flagged": 0,
        "fraction": np.nan,
        "cr_rate": np.nan,
        "status": f"failed: {error}",
        "seconds": np.nan,
    }


def _finish(log, rows):
    """The result table; the error at the end if exposures failed."""
    table = Table([[row[name] for row in rows] for name, *_ in _COLUMNS], names=[c[0] for c in _COLUMNS])
    for name, _, unit, form in _COLUMNS:
        table[name].unit = unit
        table[name].format = form
    failed = {row["filename"]: row["status"] for row in rows if row["status"] != "done"}
    done = len({row["filename"] for row in rows}) - len(failed)
    log.info(f"{done} exposures done, {len(failed)} failed")
    if failed:
        reasons = " ".join(f"{name}: {status.removeprefix('failed: ')}" for name, status in failed.items())
        raise RunError(f"{len(failed)} of {done + len(failed)} exposures failed and are as they were. {reasons}", table)
    return table
