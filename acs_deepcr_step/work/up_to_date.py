"""Whether an exposure that was flagged before can be left as it is."""

import time

from ..arrays import dq, reasons
from ..files import mask_file, provenance
from ..files.exposure import read_dq, read_sci
from ..files.inspection import inspect
from . import filling, results

__all__ = ["change_of_run", "is_up_to_date"]


def is_up_to_date(task, known, made_by, outcome, field_id="", nexp=1):
    """Return whether an exposure carries just what this run would give it, or the same from more exposures.

    Parameters
    ----------
    task : task.Task
    known : mask_file.MaskFile or None
        The mask file that is there.
    made_by : mask_file.MadeBy
        What this run computes probabilities with.
    outcome : task.Outcome
        Gets the rows if it does, else a warning that says why not.
    field_id : str
        Identifies the exposures that are decided on together, as `mask_file.MaskFile`
        has it; empty for one by itself.
    nexp : int
        Exposures that this run could decide from.

    Returns
    -------
    bool
    """
    if not task.parameters.update_dq:  # the mask file alone is the result
        if known is None:
            return False
        there = task.exposure
    elif not task.target.exists():
        return False
    else:
        there = inspect(task.target, task.parameters.any_detector)
        if not provenance.is_flagged(there):
            return False
    change = change_of_run(task, there, known, made_by, field_id, nexp) or _change_of_pixels(
        task, there, known, outcome
    )
    if change:
        outcome.rows.clear()
        outcome.warnings.append(f"{task.label}: flagged before, but {change}: it is done anew.")
    return not change


def change_of_run(task, there, known, made_by, field_id, nexp):
    """Return what differs from the run before, by headers alone.

    Parameters
    ----------
    task, known, made_by, field_id, nexp
        As of `is_up_to_date`; of the mask file no chip is looked at.
    there : exposure.Exposure
        That carries the flags.

    Returns
    -------
    str
        In words; empty for nothing.
    """
    if known is None:
        return "its mask file is missing"
    if not known.made_by.same_network(made_by) or known.decision != task.parameters.decision:
        return "with other parameters"
    # Fewer exposures than the run before had are no reason to give its decision up.
    knows_less = nexp < known.nexp and task.parameters.consensus != "no"
    if known.field_id != field_id and not knows_less:
        return "with other parameters, exposures of its field, or WCS"
    if task.parameters.update_dq and known.run != there.provenance.get("DCRRUN"):
        return "its mask file is of another run"
    if task.parameters.clean_file and not filling.is_current(task, known.run):
        return "its clean file is missing, of another run, or made with another model"
    return ""


def _change_of_pixels(task, there, known, outcome):
    """Return what differs in the pixels from the run before, in words; appends rows on the way."""
    for chip in there.chips:
        began = time.perf_counter()
        if not mask_file.is_mask_of(known, there, read_sci(there, chip)):
            return "its SCI pixels are others"
        bits = read_dq(there, chip)
        flags, crbit = known.chip(chip.extver).reasons, known.decision.crbit
        if task.parameters.update_dq:
            own = reasons.is_ours(flags)
            if not provenance.carries_all(bits, own, crbit):
                return f"another program cleared bit {crbit}"
            bits[own] &= bits.dtype.type(~crbit)
        measured = results.figures(there, chip, flags, dq.is_good(bits))
        joint = results.JointExposures.of(known, chip)
        seconds = time.perf_counter() - began
        outcome.rows.append(results.row(task, chip, measured, joint, results.Status.SKIPPED, seconds))
    return ""
