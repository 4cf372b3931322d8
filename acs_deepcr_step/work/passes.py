"""The passes of a run: every exposure by itself, then the fields; rows as they come."""

from concurrent.futures import Executor
from dataclasses import dataclass, replace

from ..config.parameters import Parameters
from ..errors import message_of
from . import progress, results
from .executors import execute
from .log import RunLog

__all__ = ["Run", "rows"]


@dataclass(frozen=True)
class Run:
    """What all tasks of a run have in common.

    Attributes
    ----------
    parameters : Parameters
    log : log.RunLog
    executor : concurrent.futures.Executor or None
        The user's own.
    """

    parameters: Parameters
    log: RunLog
    executor: Executor | None = None


def rows(work, tasks, run, fields=(), heading="Find cosmic rays"):
    """Run `work` on all tasks, then decide on fields.

    Parameters
    ----------
    work : callable
        As for `executors.execute`.
    tasks : list of task.Task
    run : Run
    fields : sequence of task.Field
        Their tasks are only probed in the first pass.
    heading : str
        What the log calls the first pass.

    Returns
    -------
    list of results.Row
        Of all tasks, in their order; failures among them.
    """
    in_fields = {task.label for field in fields for task in field.tasks}
    first = [replace(task, probe=True) if task.label in in_fields else task for task in tasks]
    found = {task.label: [] for task in tasks}
    with run.log.step(heading):
        for row in _results(work, first, run, title="deepCR", unit="exposure"):
            found[row.filename].append(row)
    # Of a field's exposure the first pass gives rows only if it failed.
    left = [field.without({label for label, its in found.items() if its}) for field in fields]
    left = [field for field in left if field.tasks]
    if left:
        from .field_work import flag_field

        with run.log.step("Decide on fields together"):
            for row in _results(flag_field, left, run, title="together", unit="field"):
                found[row.filename].append(row)
    return [row for task in tasks for row in found[task.label]]


def _results(work, tasks, run, *, title, unit):
    """Yield the rows of tasks or fields as they end, with a progress bar."""
    with progress.of_tasks(len(tasks), title, unit, run.parameters.progress) as bar:
        for index, result in execute(work, tasks, run.parameters.workers, run.executor):
            yield from _collected(result, tasks[index], run.log)
            bar.update()


def _collected(result, task, log):
    """Rows of a finished task or field; one that failed is reported and does not stop the others."""
    if isinstance(result, Exception):
        # Even an unforeseen failure of one exposure is not the others'.
        message = message_of(result)
        members = getattr(task, "tasks", (task,))
        found = [results.failed_row(one, chip, message) for one in members for chip in one.exposure.chips]
    else:
        found = result.rows
        for warning in result.warnings:
            log.warning(warning)
    for name, message in {row.filename: row.failure for row in found if row.failed}.items():
        log.error(f"{name}: {message}")
    for row in found:
        if not row.failed:
            log.info(_line(row))
    return found


def _line(row):
    """Return a row as the log has it."""
    line = (
        f"{row.filename}[SCI,{row.extver}] {row.filter} {row.exptime:g} s: {row.status.value}, "
        f"{row.n_flagged} pixels flagged, fraction {row.fraction:.5f}, "
        f"{row.cr_rate:.3f} hits/s/cm2, {row.seconds:.1f} s"
    )
    if row.nexp > 1:
        line += f"; decided from {row.nexp} exposures, {row.n_vetoed} spared, {row.n_added} added"
    return f"{line}; not used: {row.note}" if row.note else line
