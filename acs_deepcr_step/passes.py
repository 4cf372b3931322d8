"""The passes of a run: every exposure by itself, then the groups; rows as they come."""

from dataclasses import replace

from . import bars, results
from .association.together import flag_group
from .errors import told
from .runner import execute

__all__ = ["rows"]


def rows(work, tasks, context, groups=(), heading="Find cosmic rays"):
    """Run `work` on all tasks, then decide on groups.

    Parameters
    ----------
    work : callable
        As for `runner.execute`.
    tasks : list of task.Task
    context : tuple
        Parameters, RunLog, and executor or None.
    groups : sequence of grouping.Group
        Their tasks are only probed in the first pass.
    heading : str
        What the log calls the first pass.

    Returns
    -------
    list of dict
        Rows of all tasks, in their order; failures among them.
    """
    grouped = {task.label for group in groups for task in group.tasks}
    first = [replace(task, probe=True) if task.label in grouped else task for task in tasks]
    found = {task.label: [] for task in tasks}
    log = context[1]
    with log.step(heading):
        for row in _results(work, first, ("deepCR", "exposure"), context):
            found[row["filename"]].append(row)
    # Of a group's exposure the first pass gives rows only if it failed.
    left = [group.without({label for label, its in found.items() if its}) for group in groups]
    left = [group for group in left if group.tasks]
    if left:
        with log.step("Decide on fields together"):
            for row in _results(flag_group, left, ("together", "field"), context):
                found[row["filename"]].append(row)
    return [row for task in tasks for row in found[task.label]]


def _results(work, tasks, names, context):
    """Yield the rows of tasks or groups as they end, with a progress bar."""
    (title, unit), (parameters, log, executor) = names, context
    with bars.of_tasks(len(tasks), title, unit, parameters.progress) as bar:
        for index, result in execute(work, tasks, parameters.workers, executor):
            yield from _collected(result, tasks[index], log)
            bar.update()


def _collected(result, task, log):
    """Rows of a finished task or group; one that failed is reported and does not stop the others."""
    if isinstance(result, Exception):
        # Even an unforeseen failure of one exposure is not the others'.
        error = told(result)
        members = getattr(task, "tasks", (task,))
        made = [results.failed_row(one, chip, error) for one in members for chip in one.exposure.chips]
    else:
        made = result.rows
        for warning in result.warnings:
            log.warning(warning)
    failed = {row["filename"]: row["status"] for row in made if row["status"].startswith("failed")}
    for name, status in failed.items():
        log.error(f"{name}: {status.removeprefix('failed: ')}")
    for row in made:
        if row["filename"] not in failed:
            log.info(_told(row))
    return made


def _told(row):
    """A row as the log has it."""
    told = (
        f"{row['filename']}[SCI,{row['extver']}] {row['filter']} {row['exptime']:g} s: {row['status']}, "
        f"{row['n_flagged']} pixels flagged, fraction {row['fraction']:.5f}, "
        f"{row['cr_rate']:.3f} hits/s/cm2, {row['seconds']:.1f} s"
    )
    if row["nexp"] > 1:
        told += f"; decided from {row['nexp']} exposures, {row['n_vetoed']} spared, {row['n_added']} added"
    return f"{told}; not used: {row['note']}" if row["note"] else told
