"""The report at the end of a run: where it goes, and that it spoils nothing if it cannot be written."""

import time

from ..errors import StepError, told
from . import NAME, require, write

__all__ = ["place", "write_of"]


def place(tasks):
    """Return where the report of a run goes, if it can go there.

    Parameters
    ----------
    tasks : list of acs_deepcr_step.task.Task

    Returns
    -------
    pathlib.Path
        In the output directory, else in that of the first exposure.

    Raises
    ------
    ParameterError, InputError
        As of `acs_deepcr_step.report.require`.
    """
    path = tasks[0].target.parent / NAME
    require(path)
    return path


def write_of(tasks, table, path, log):
    """Write the report of a run; the log tells of it.

    Parameters
    ----------
    tasks : list of acs_deepcr_step.task.Task
    table : astropy.table.Table
        Of the results.
    path : pathlib.Path
    log : acs_deepcr_step.runlog.RunLog
        Gets a warning if there is no report: the exposures are finished all the same.
    """
    failed = {row["filename"] for row in table if row["status"].startswith("failed")}
    done = [task for task in tasks if task.label not in failed]
    began = time.perf_counter()
    try:
        if not done:
            raise StepError("no exposure was finished")
        write([file for task in done for file in _files(task)], path, table=table)
    except Exception as error:  # whatever befalls a picture is no fault of the exposures
        log.warning(f"There is no report {path}: {told(error)}")
    else:
        log.info(f"report {path}, {time.perf_counter() - began:.1f} s")


def _files(task):
    """The exposure that carries the flags, or the one they were made of, and the mask file."""
    return task.target if task.parameters.update_dq else task.exposure.path, task.mask_path
