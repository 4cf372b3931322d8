"""The report at the end of a run: where it goes, and that it costs no exposure if it cannot be written."""

import time

from ..errors import StepError, message_of
from ..work import results
from . import NAME, require, write

__all__ = ["path_for", "write_after"]


def path_for(tasks):
    """Return where the report of a run goes, if it can go there.

    Parameters
    ----------
    tasks : list of work.task.Task

    Returns
    -------
    pathlib.Path
        In the output directory, else in that of the first exposure.

    Raises
    ------
    ParameterError, InputError, OutputError
        As by `report.require`.
    """
    path = tasks[0].target.parent / NAME
    require(path)
    return path


def write_after(tasks, table, path, log):
    """Write the report of a run, and log that it is there, or why not.

    Parameters
    ----------
    tasks : list of work.task.Task
    table : astropy.table.Table
        Of the results.
    path : pathlib.Path
    log : work.log.RunLog
        Gets a warning if there is no report: the exposures are finished all the same.
    """
    failures = results.failures(table)
    inputs = []
    for task in tasks:
        if task.label not in failures:
            flagged = task.target if task.parameters.update_dq else task.exposure.path
            inputs += [flagged, task.mask_path]
    began = time.perf_counter()
    try:
        if not inputs:
            raise StepError("no exposure was finished")
        write(inputs, path, table=table)
    except Exception as error:  # no fault of a report may make a run fail
        log.warning(f"There is no report {path}: {message_of(error)}")
    else:
        log.info(f"report {path}, {time.perf_counter() - began:.1f} s")
