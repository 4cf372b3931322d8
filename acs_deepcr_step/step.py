"""The step as users call it: inputs -> exposures -> flags -> result table."""

import contextlib
from collections.abc import Mapping

from .config.parameters import APPLY_PARAMETERS, UNDO_PARAMETERS, resolve, resolve_some, runfile_of
from .config.signature import takes_parameters
from .errors import ParameterError, RunError, StepError
from .files import inputs
from .work.call import Call

# Work on pixels is imported where it begins: TEAL imports this module only to look at it.

__all__ = ["apply", "run", "undo"]

# What the log and the progress bar call the pass over the exposures.
_HEADINGS = {
    "run": ("Find cosmic rays", "deepCR"),
    "undo": ("Take flags back", "undo"),
    "apply": ("Set flags of mask files", "apply"),
}


@takes_parameters()
def run(input=None, configobj=None, *, executor=None, **pars):
    """Flag the cosmic rays of calibrated exposures of ACS/WFC, WFC3/UVIS and ACS/HRC in their DQ arrays.

    Parameters
    ----------
    input : str, path-like, iterable of these, or ConfigObj, optional
        Wildcard, comma list, ``@file``, ``_asn.fits`` table or path; a ConfigObj
        here is TEAL calling. Default: the parameter ``input``.
    configobj : str, path-like or ConfigObj, optional
        Parameter file; default: the packaged defaults.
    executor : concurrent.futures.Executor, optional
        Runs the exposures, one a task: a process pool, ``mpi4py.futures``,
        ``dask.distributed.Client(...).get_executor()``. Its workers see the same
        files. Default: this process, or ``workers`` processes.
    **pars
        Any parameter by its name, e.g. ``threshold=0.3``: see Other Parameters. One that
        is given wins over the parameter file; one that is not has the file's value, or
        the default.

    Returns
    -------
    astropy.table.Table
        A row per chip: filename, extver, filter, exptime (s), model, threshold,
        crbit, n_flagged (pixels that carry our flag), fraction (flagged, of the
        pixels with DQ 0 before), cr_rate (8-connected groups per second and cm2),
        nexp (exposures that were decided from), n_vetoed (pixels above the threshold
        that the others spared), n_added (pixels below it that they added), status
        (done, skipped, failed: why), note (what to be careful about, and exposures of
        the field that could not be used, and why), seconds.

    Raises
    ------
    ParameterError, InputError, ExposureError, ModelError
        Before anything is changed: a fault of the call (a parameter, an input that
        matches nothing, two results of one name, no room, ``rerun='error'``), or
        faults of every single file.
    RunError
        At the end, if some exposures failed, for their headers or pixels, or because
        they could not be written. They are as they were; the others are finished. It
        carries the table.

    Notes
    -----
    One bad file does not stop the others. The headers of all are read first, and a
    warning names all faulty files before work begins.

    SCI and ERR are never changed, and of DQ only ``crbit``. A second run takes the
    flags of the first one back before it sets its own.

    Exposures of the same field and filter are decided on together (`consensus`):
    first every one gets its mask file with the probabilities, then the flags.

    With `report` a page to look at ends the run (`acs_deepcr_step.report`).
    """
    call = Call.of("run", configobj, pars, input=input, executor=executor)
    with _refusal_logged(call, pars):
        if isinstance(input, Mapping):
            if configobj is not None:
                raise ParameterError("Give the parameter object once, not both as input and as configobj.")
            input, configobj = None, input
        parameters = resolve(configobj, pars)
        if not (parameters.mask_file or parameters.update_dq or parameters.clean_file):
            raise ParameterError(
                "mask_file=no, update_dq=no and clean_file=no together leave nothing to write: "
                "set one to yes."
            )
        _require_workers(1 if executor is not None else parameters.workers)
        given = inputs.expand(parameters.input if input is None else input)
    from .work import plan
    from .work.exposure_work import flag

    def planned():
        found = plan.without_unsuited(plan.plan_exposures(given.paths, parameters))
        plan.require_runnable(found.tasks, parameters, executor)
        return plan.plan_fields(found, parameters, given.tables)

    return _carry_out(call, flag, planned, parameters, given.notes, executor)


@takes_parameters(UNDO_PARAMETERS)
def undo(input, **pars):
    """Take the flags of the step back: DQ as before, bit for bit.

    Parameters
    ----------
    input : str, path-like, or list of these
        As for `run`.
    **pars
        Some of the parameters of `run`: see Other Parameters.

    Returns
    -------
    astropy.table.Table
        As of `run`; n_flagged is the number of pixels that were cleared, status
        is ``undone``, ``nothing to undo`` or ``failed: why``.

    Raises
    ------
    ParameterError, InputError, ExposureError
        Before anything is changed: a fault of the call, or faults of every single file.
    RunError
        At the end, if some files are faulty, or flags could not be taken back, because
        the mask file that records them is missing or of another exposure. Those files
        are as they were; the others are finished.

    Notes
    -----
    What AstroDrizzle, TweakReg or acsrej wrote meanwhile stays. The mask file
    stays too: a later `run` reuses its probabilities. So does a clean file.
    """
    call = Call.of("undo", None, pars, input=input)
    with _refusal_logged(call, pars):
        parameters = resolve_some(UNDO_PARAMETERS, pars)
        _require_workers(parameters.workers)
        given = inputs.expand(input)
    from .work.plan import plan_exposures
    from .work.undo_work import take_flags_back

    def planned():
        return plan_exposures(given.paths, parameters)

    return _carry_out(call, take_flags_back, planned, parameters, given.notes)


@takes_parameters(APPLY_PARAMETERS)
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
        Some of the parameters of `run`: see Other Parameters.

    Returns
    -------
    astropy.table.Table
        As of `run`.

    Raises
    ------
    ParameterError, InputError, ExposureError
        Before anything is changed: a fault of the call, or no exposure that is sound
        and has a mask.
    RunError
        At the end, if some exposures are faulty, have no mask, or one that is not
        theirs (rootname, start, chip, shape and SCI pixels have to be the same). Those
        are as they were; the others are finished.
    """
    call = Call.of("apply", None, pars, files=files, masks=masks)
    with _refusal_logged(call, pars):
        parameters = resolve_some(APPLY_PARAMETERS, pars)
        _require_workers(parameters.workers)
        given = inputs.expand(files)
    from .work.exposure_work import apply_mask
    from .work.given_masks import with_masks
    from .work.plan import plan_exposures

    def planned():
        return with_masks(plan_exposures(given.paths, parameters), masks)

    return _carry_out(call, apply_mask, planned, parameters, given.notes)


def _require_workers(workers):
    """Refuse workers where there can be none, before anything is loaded that takes time."""
    from .work.executors import require_startable

    require_startable(workers)


def _report_path(tasks, parameters):
    """Where the report goes; None if none is wanted."""
    if not parameters.report:
        return None
    if not parameters.mask_file:
        raise ParameterError("report=yes needs mask_file=yes: the report is made of the mask files.")
    from .report.after_run import path_for

    return path_for(tasks)


@contextlib.contextmanager
def _refusal_logged(call, pars):
    """Log why a call is refused that gets no further than its parameters and inputs."""
    try:
        yield
    except StepError as error:
        from .work import log as logs

        configobj = call.configobj
        if isinstance(call.arguments.get("input"), Mapping):
            configobj = call.arguments["input"]
        logs.refused(call, runfile_of(configobj, pars), error)
        raise


def _carry_out(call, work, planned, parameters, notes, executor=None):
    """Plan, and run with log and progress bar; the table, or the error that names who failed."""
    from .work import log as logs
    from .work import passes, results

    try:
        plan = planned()
        page = _report_path(plan.tasks, parameters)
    except StepError as error:
        logs.refused(call, parameters.runfile, error, parameters, notes)
        raise
    rows = [row for refusal in plan.refusals for row in results.refused_rows(refusal, parameters)]
    with logs.RunLog(parameters.runfile) as log:
        with log.step("Initialization"):
            logs.begin(log, call, parameters, plan, notes)
        run = passes.Run(parameters, log, executor)
        rows += passes.rows(work, plan.tasks, run, plan.fields.fields, *_HEADINGS[call.what])
        rows = plan.in_order(rows)
        failed = {row.filename: row.failure for row in rows if row.failed}
        table = results.table(rows)
        if page:
            from .report.after_run import write_after

            with log.step("Report"):
                write_after(plan.tasks, table, page, log)
        log.times()
        log.info(
            f"acs_deepcr_step {call.what} ended after {log.seconds:.1f} s: "
            f"{len(plan.labels) - len(failed)} exposures done, {len(failed)} failed"
        )
    if failed:
        reasons = " ".join(
            message if message.startswith(name) else f"{name}: {message}" for name, message in failed.items()
        )
        raise RunError(
            f"{len(failed)} of {len(plan.labels)} exposures failed and are as they were. {reasons}", table
        )
    return table
