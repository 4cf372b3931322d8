"""The clean file of an exposure: its flagged pixels filled by an inpainting model."""

from functools import lru_cache

import numpy as np

from ..arrays import reasons
from ..files import clean_file
from ..files.exposure import read_sci

__all__ = ["filled", "inpainter", "is_current", "write"]


@lru_cache(maxsize=8)
def inpainter(model, precision, device, threads):
    """Return a `network.inpaint.Inpainter`, the same one for the same arguments."""
    from ..network.inpaint import Inpainter

    return Inpainter(model, precision=precision, device=device, threads=threads or None)


def _of_task(task):
    parameters = task.parameters
    return inpainter(parameters.inpaint, parameters.precision, parameters.device, task.threads)


def is_current(task, run):
    """Return whether the clean file that is there was made in a run, by the model that is wanted.

    Parameters
    ----------
    task : task.Task
    run : str
        DCRRUN.

    Returns
    -------
    bool
    """
    wanted = _of_task(task)
    return any(
        clean_file.is_current(task.clean_path, clean_file.Filling(wanted.name, digits, run))
        for digits in wanted.hashes
    )


def write(task, exposure, mask, edits, stage, notes):
    """Fill the flagged pixels of an exposure and write its clean file, wholly or not at all.

    Parameters
    ----------
    task : task.Task
    exposure : exposure.Exposure
    mask : mask_file.MaskFile
        Of this run.
    edits : dict of int to splice.Edit
        What the run changes in the exposure.
    stage : task.Stage
    notes : list of str
        Gets warnings.

    Raises
    ------
    ExposureError
        If it cannot be written, or another file is in its place; that stays as it was.
    """
    model = _of_task(task)
    chips = tuple(_filled(exposure, chip, mask, model, stage) for chip in exposure.chips)
    filling = clean_file.Filling(model.name, model.hashes[0], mask.run, chips)
    clean_file.write(task.clean_path, exposure, edits, filling, notes)


def _filled(exposure, chip, mask, model, stage):
    """Fill SCI where it is flagged."""
    flagged = reasons.is_flagged(mask.chip(chip.extver).reasons)
    with stage.network:
        raw = filled(read_sci(exposure, chip), flagged, model, stage.check)
    return clean_file.FilledChip(chip.sci, raw, int(np.count_nonzero(flagged)))


def filled(sci, flagged, model, progress=None):
    """Return SCI as the file stores it, filled where it is flagged.

    Parameters
    ----------
    sci : exposure.SciPixels
        Its `raw` is changed.
    flagged : ndarray, (R, C), bool
    model : network.inpaint.Inpainter
    progress : callable, optional
        Called after each tile.

    Returns
    -------
    ndarray, (R, C)
    """
    if flagged.any():
        values = model.fill(sci.in_electrons(), flagged, progress=progress)[flagged]
        sci.raw[flagged] = sci.from_electrons(values)
    return sci.raw
