"""Taking the flags of the step back."""

import time

import numpy as np

from .. import __version__
from ..arrays import dq, reasons
from ..arrays.numerics import numpy_defaults
from ..errors import ExposureError
from ..files import mask_file, provenance
from ..files.atomic import locked
from ..files.exposure import read_dq, read_sci
from ..files.splice import splice
from . import results
from .exposure_work import current_state, process_stage
from .masks_beside import remove_hidden_mask
from .task import Outcome

__all__ = ["take_flags_back"]


@numpy_defaults()
def take_flags_back(task, stage=None):
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
    with locked(task.target, stage.stop.is_set):
        remove_hidden_mask(task)
        exposure, outcome, arrays = current_state(task), Outcome([]), {}
        earlier = provenance.earlier_flags(exposure)
        if earlier is not None and earlier.flagged is not None:
            _require_own_mask(exposure)
        status = results.Status.NOTHING_TO_UNDO if earlier is None else results.Status.UNDONE
        for chip in exposure.chips:
            began = time.perf_counter()
            bits = read_dq(exposure, chip)
            before = bits.copy()
            provenance.take_back(bits, earlier, chip)
            flags = np.zeros(chip.shape, reasons.DTYPE)
            flags[bits != before] = reasons.FLAGGED
            arrays[chip.dq] = bits
            measured = results.figures(exposure, chip, flags, dq.is_good(bits))
            seconds = time.perf_counter() - began
            outcome.rows.append(results.row(task, chip, measured, status=status, seconds=seconds))
        if earlier is not None:
            history = f"acs_deepcr_step {__version__} took its flags of DQ bit {earlier.bit} back"
            edits = provenance.edits(exposure, {}, history, arrays)
            splice(exposure, task.target, edits, outcome.warnings)
        return outcome


def _require_own_mask(exposure):
    """Refuse to take flags back by the mask file of another exposure."""
    path = provenance.mask_path(exposure)
    mask = mask_file.read(path)
    for chip in exposure.chips:
        if not mask_file.is_mask_of(mask, exposure, read_sci(exposure, chip)):
            raise ExposureError(
                f"{path} is the mask of another exposure than {exposure.path}, "
                "or its SCI pixels were changed; nothing was undone: put the right mask file beside it."
            )
