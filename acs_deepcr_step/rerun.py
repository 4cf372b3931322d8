"""Whether an exposure that was flagged before can be left as it is."""

import hashlib
import time

from . import cleanfile, exposure, flags, maskfile, provenance, results
from .inspection import inspect

__all__ = ["is_up_to_date"]


def is_up_to_date(task, known, network, outcome, group=""):
    """Return whether an exposure carries just what this run would give it.

    Parameters
    ----------
    task : task.Task
    known : maskfile.MaskFile or None
        The mask file that is there.
    network : tuple of str
        SHA-256 (16 digits) of the weights of this run, and its precision.
    outcome : task.Outcome
        Gets the rows if it does, else a warning that says why not.
    group : str
        Identifies the exposures that are decided on together, as `maskfile.MaskFile`
        has it; empty for one by itself.

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
    changes = _changes(task, there, known, (network, group), outcome)
    if changes:
        outcome.rows.clear()
        outcome.warnings.append(f"{task.label}: flagged before, but {changes}: it is done anew.")
    return not changes


def _changes(task, there, known, wanted, outcome):
    """What keeps a run from being skipped, in words; appends rows on the way."""
    if known is None:
        return "its mask file is missing"
    network, group = wanted
    if not _same_parameters(task, known, network):
        return "with other parameters"
    if known.group != group:
        return "with other parameters, exposures of its field, or WCS"
    if task.parameters.update_dq and known.run != there.provenance.get("DCRRUN"):
        return "its mask file is of another run"
    if task.parameters.clean_file and not cleanfile.is_current(task.clean_path, known.run, task.parameters):
        return "its clean file is missing, of another run, or made with another model"
    for chip in there.chips:
        began = time.perf_counter()
        digest = hashlib.sha256(exposure.read_raw(there, chip)).hexdigest()
        if not maskfile.same_exposure(known, there, chip, digest):
            return "its SCI pixels are others"
        dq = exposure.read_dq(there, chip)
        plane = known.chip(chip.extver).plane
        own = flags.ours(plane)
        if task.parameters.update_dq:
            if not provenance.carries_all(dq, own, known.crbit):
                return f"another program cleared bit {known.crbit}"
            dq[own] &= dq.dtype.type(~known.crbit)
        row = results.row(task, there, chip, plane, exposure.is_good(dq), results.Company(known.members))
        outcome.rows.append({**row, "status": "skipped", "seconds": time.perf_counter() - began})
    return ""


def _same_parameters(task, known, network):
    names = ("threshold", "grow", "protect_saturated", "crbit")
    return (known.model_hash, known.precision) == network and all(
        getattr(known, name) == getattr(task.parameters, name) for name in names
    )
