"""What the log of a run begins with: versions, parameters, models, and warnings known beforehand."""

import numpy
import torch

from . import __version__, cleanfile, handoff, models, saving

__all__ = ["begin"]


def begin(log, what, parameters, tasks, notes):
    """Log versions, parameters, models and exposures, and warn of what can be known before.

    Parameters
    ----------
    log : runlog.RunLog
    what : {'run', 'undo', 'apply'}
    parameters : parameters.Parameters
    tasks : list of task.Task
    notes : list of str
        Logged as they are.
    """
    log.info(f"acs_deepcr_step {__version__} {what}, PyTorch {torch.__version__}, NumPy {numpy.__version__}")
    for line in parameters.describe():
        log.info(f"parameter {line}")
    for note in notes:
        log.info(note)
    log.info(f"{len(tasks)} exposures")
    for task in tasks:
        warning = saving.hard_link_warning(task.target) if task.parameters.update_dq else None
        if warning:
            log.warning(warning)
    if what != "run":
        return
    for model in sorted({task.model for task in tasks}):
        info = models.load(model).info
        log.info(f"model {info.name}: {info.file}, SHA-256 {info.sha256}")
    if parameters.clean_file:
        filler = cleanfile.inpainter(parameters.inpaint, parameters.precision, "cpu", 0)
        log.info(f"inpainting model {filler.name}" + (f", SHA-256 {filler.sha256}" if filler.sha256 else ""))
    for task in tasks:
        for warning in task.exposure.warnings:
            log.warning(warning)
    targets = [task.target for task in tasks]
    for warning in (handoff.crbit_warning(parameters.crbit), handoff.stale_crmask_warning(targets)):
        if warning:
            log.warning(warning)
