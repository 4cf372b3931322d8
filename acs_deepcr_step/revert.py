"""Taking the flags of the step back."""

import hashlib
import time

import numpy as np

from . import __version__, exposure, flags, maskfile, provenance, results, saving
from .errors import ExposureError
from .process import current_state, process_stage
from .task import Outcome

__all__ = ["undo"]


def undo(task, stage=None):
    """Take the flags of the step back, so that DQ is as before, bit for bit.

    Parameters
    ----------
    task : Task
    stage : Stage, optional

    Returns
    -------
    Outcome

    Raises
    ------
    ExposureError
        If the flags cannot be told from those of others; nothing is changed.
    """
    stage = stage or process_stage()
    stage.check()
    with saving.locked(task.target, stage.stop.is_set):
        current = current_state(task)
        earlier = provenance.earlier_flags(current)
        if earlier is not None and earlier.planes is not None:
            _require_own_mask(current)
        outcome, arrays = Outcome([]), {}
        for chip in current.chips:
            began = time.perf_counter()
            plane = np.zeros(chip.shape, np.uint8)
            dq = exposure.read_dq(current, chip)
            before = dq.copy()
            if earlier is not None:
                provenance.take_back(dq, earlier, chip)
            plane[dq != before] = flags.FLAGGED
            arrays[chip.dq] = dq
            status = "undone" if earlier is not None else "nothing to undo"
            row = results.row(task, current, chip, plane, exposure.is_good(dq))
            outcome.rows.append({**row, "status": status, "seconds": time.perf_counter() - began})
        if earlier is not None:
            history = f"acs_deepcr_step {__version__} took its flags of DQ bit {earlier.bit} back"
            edits = provenance.edits(current, {}, history, arrays)
            saving.splice(current, task.target, edits, outcome.warnings)
        return outcome


def _require_own_mask(current):
    """Refuse to take flags back by the mask file of another exposure."""
    path = provenance.mask_path(current)
    mask = maskfile.read(path)
    for chip in current.chips:
        digest = hashlib.sha256(exposure.read_raw(current, chip)).hexdigest()
        if not maskfile.same_exposure(mask, current, chip, digest):
            raise ExposureError(
                f"{path} is the mask of another exposure than {current.path}, "
                "or its SCI pixels were changed; nothing was undone: put the right mask file beside it."
            )
