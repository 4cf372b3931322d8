"""The passes of a run: every exposure by itself, then the fields; rows as they come."""

from concurrent.futures import Executor
from dataclasses import dataclass, replace

from ..config.parameters import Parameters
from ..errors import message_of
from . import fewer, progress, results
from .executors import execute
from .log import RunLog
from .task import Outcome

__all__ = ["Run", "rows"]

# Exposures of fields that are in hand between measuring and deciding.
_PER_WORKER, _AT_A_TIME_ELSEWHERE = 8, 256


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


def rows(work, tasks, run, fields=(), heading="Find cosmic rays", title="deepCR"):
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
    title : str
        What its progress bar says.

    Returns
    -------
    list of results.Row
        Of all tasks, in their order; failures among them.
    """
    in_fields = {task.label for field in fields for task in field.tasks}
    first = [replace(task, probe=True) if task.label in in_fields else task for task in tasks]
    found = {task.label: [] for task in tasks}
    made_by = {}
    with run.log.step(heading):
        for row in _results(work, first, run, made_by, title):
            found[row.filename].append(row)
    # Of a field's exposure the first pass gives rows only if it failed.
    left = [field.without({label for label, its in found.items() if its}) for field in fields]
    for before, now in zip(fields, left, strict=True):
        if len(now.tasks) < len(before.tasks):
            for warning in fewer.warnings(now.tasks, run.parameters, len(now.tasks), len(before.tasks)):
                run.log.warning(warning)
    left = [field.made_by(made_by) for field in left if field.tasks]
    if left:
        with run.log.step("Decide on fields together"):
            for row in _rows_of_fields(left, run):
                found[row.filename].append(row)
    return [row for task in tasks for row in found[task.label]]


def _rows_of_fields(fields, run):
    """Measure the members of some fields, then decide on each; yield the rows as they come."""
    from .field_member import measure_member
    from .field_work import field_tasks, flag_member

    total = sum(len(field.tasks) for field in fields)
    with progress.of_tasks(2 * total, "together", "step", run.parameters.progress) as bar:
        for some in _batches(fields, run):
            tasks = [task for field in some for task in field.tasks]
            members = {}
            for index, result in execute(measure_member, tasks, run.parameters.workers, run.executor):
                if isinstance(result, Exception):
                    yield from _collected(result, tasks[index], run.log)
                    bar.update()
                else:
                    members[tasks[index].label] = result
                bar.update()
            deciding = [
                one
                for field in some
                for one in field_tasks([members[t.label] for t in field.tasks if t.label in members])
            ]
            for index, result in execute(flag_member, deciding, run.parameters.workers, run.executor):
                yield from _collected(result, deciding[index].task, run.log)
                bar.update()


def _batches(fields, run):
    """Yield fields together that have enough members for every worker, and no more: they take memory."""
    enough = _AT_A_TIME_ELSEWHERE if run.executor is not None else _PER_WORKER * run.parameters.workers
    batch, members = [], 0
    for field in fields:
        batch.append(field)
        members += len(field.tasks)
        if members >= enough:
            yield batch
            batch, members = [], 0
    if batch:
        yield batch


def _results(work, tasks, run, made_by, title):
    """Yield the rows of tasks as they end, with a progress bar; fill in what probabilities were made with."""
    with progress.of_tasks(len(tasks), title, "exposure", run.parameters.progress) as bar:
        for index, result in execute(work, tasks, run.parameters.workers, run.executor):
            if isinstance(result, Outcome):
                made_by[tasks[index].label] = result.made_by
            yield from _collected(result, tasks[index], run.log)
            bar.update()


def _collected(result, task, log):
    """Rows of a finished task; one that failed is reported and does not stop the others."""
    if isinstance(result, Exception):
        # Even an unforeseen failure of one exposure is not the others'.
        message = message_of(result)
        found = [results.failed_row(task, chip, message) for chip in task.exposure.chips]
    else:
        found = result.rows
        for note in result.notes:
            log.info(note)
        for warning in result.warnings:
            log.warning(warning)
    for name, message in {row.filename: row.failure for row in found if row.failed}.items():
        log.error(f"{name}: {message}")
    for row in found:
        if not row.failed:
            log.info(_line(row))
    progress.tell(found)
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
    return f"{line}; not used: {row.unused}" if row.unused else line
