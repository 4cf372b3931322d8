"""One exposure from its file to its flags: the unit of work.

`flag` and `apply_mask` depend on nothing but their `Task` and the files it names, so
they can run in any thread, process or machine that sees these, and be repeated. Both
go the same way (`decide`, then `store`); what differs is who decides: see `deciders`.
"""

import time
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np

from .. import __version__
from ..arrays import background, dq, reasons
from ..arrays.numerics import numpy_defaults
from ..errors import ExposureError
from ..files import exposure as exposures
from ..files import fitsbytes, mask_file, provenance
from ..files.atomic import locked
from ..files.inspection import inspect
from ..files.rights import Rights
from ..files.splice import splice
from ..flagging.chip import ChipImage
from . import filling, results, up_to_date
from .deciders import GivenMask, Network
from .masks_beside import known_mask, remove_hidden_mask, stored_probabilities
from .output_copy import require_same_pixels
from .task import Outcome, Stage

__all__ = [
    "DecidedExposure", "apply_mask", "current_headers", "current_state", "decide", "flag",
    "process_stage", "store", "with_current_state",
]  # fmt: skip

# How often a file is read anew that other runs write into meanwhile.
_TRIES = 10


@lru_cache(maxsize=1)
def process_stage():
    """Return the `Stage` of tasks that are sent to this process one by one."""
    return Stage()


@dataclass(frozen=True, eq=False)
class DecidedExposure:
    """What was decided on an exposure.

    Attributes
    ----------
    chips : tuple of mask_file.ChipMask
    dq : dict of int to ndarray
        DQ arrays with the flags, by HDU.
    earlier : provenance.Earlier or None
        Flags that the file carried before.
    """

    chips: tuple[mask_file.ChipMask, ...]
    dq: dict[int, np.ndarray] = field(repr=False)
    earlier: provenance.Earlier | None = field(repr=False)


@numpy_defaults()
def flag(task, stage=None):
    """Flag the cosmic rays of one exposure.

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
        If the exposure cannot be processed; it is as it was.
    """
    stage = stage or process_stage()
    stage.check()
    with locked(task.target, stage.stop.is_set):
        if not task.probe or task.parameters.mask_file:
            remove_hidden_mask(task)
        exposure, outcome = current_state(task), Outcome([])
        if task.probe:
            stored = Network(task, stored_probabilities(task, wanted=False), stage)
            if _probabilities_are_there(stored, exposure):
                return replace(outcome, made_by=stored.made_by, notes=[_of_reuse(task, stored)])
        known = known_mask(task)
        network = Network(task, known, stage)
        if not task.probe and task.parameters.rerun == "skip":
            if up_to_date.is_up_to_date(task, known, network.made_by, outcome):
                return outcome
        if network.knows_probabilities:
            outcome.notes.append(_of_reuse(task, network))
        decided = decide(task, exposure, known, network, outcome)
        mask = mask_file.MaskFile(
            exposure.rootname, exposure.expstart, network.made_by, task.parameters.decision
        )
        store(task, exposure, mask, decided, stage, outcome.warnings)
        return Outcome([], outcome.warnings, network.made_by) if task.probe else outcome


def _of_reuse(task, network):
    made_by = network.made_by
    return (
        f"{task.label}: probabilities of an earlier run are used again, from its mask file "
        f"(model {made_by.model}, {made_by.model_hash}, {made_by.precision})"
    )


def _probabilities_are_there(network, exposure):
    """Whether an earlier run left the probabilities that the other exposures' decision needs."""
    known = network.known
    return network.knows_probabilities and all(
        mask_file.is_mask_of(known, exposure, exposures.read_sci(exposure, chip)) for chip in exposure.chips
    )


@numpy_defaults()
def apply_mask(task, stage=None):
    """Set the flags that a mask file made elsewhere holds.

    Parameters
    ----------
    task : Task
        With `mask`.
    stage : Stage, optional

    Returns
    -------
    Outcome

    Raises
    ------
    ExposureError
        If the mask is not of this exposure, or the exposure cannot be written.
    """
    stage = stage or process_stage()
    stage.check()
    mask = mask_file.read(task.mask)
    with locked(task.target, stage.stop.is_set):
        remove_hidden_mask(task)
        exposure, outcome = current_state(task), Outcome([])
        given = GivenMask(task, exposure, mask)
        decided = decide(task, exposure, known_mask(task), given, outcome)
        store(task, exposure, mask, decided, stage, outcome.warnings)
        return outcome


def current_state(task):
    """Return the exposure as it is now, made of the pixels that the user named.

    Another run may have flagged it while we waited.
    """
    current = current_headers(task)
    if task.original is not None:
        require_same_pixels(current, task.original)
    return current


def current_headers(task):
    """Return the exposure as its headers are now; its pixels are not looked at."""
    try:
        same = exposures.FileState.of(task.exposure.path) == task.exposure.state
    except OSError as error:
        raise ExposureError(f"{task.exposure.path} is gone ({error.strerror}).") from error
    return task.exposure if same else inspect(task.exposure.path, task.parameters.any_detector)


def with_current_state(task, function):
    """Return what a function makes of the exposure as its file is now.

    Another run may write flags into it while it is read without its lock: then it is read again.

    Parameters
    ----------
    task : Task
    function : callable
        Takes an `Exposure` and reads its file.

    Returns
    -------
    object

    Raises
    ------
    ExposureError
        Of the function, about a file that did not change meanwhile, or if it changes all the time.
    """
    tries, now = 0, current_headers(task)
    while True:
        try:
            return function(now)
        except ExposureError:
            tries, before = tries + 1, now
            now = current_headers(replace(task, exposure=before))
            if now is before or tries == _TRIES:
                raise


def decide(task, exposure, known, decider, outcome):
    """Decide on all chips of an exposure.

    Parameters
    ----------
    task : Task
    exposure : exposure.Exposure
    known : mask_file.MaskFile or None
        The mask file that is there.
    decider : deciders.Decider
    outcome : Outcome
        Gets the rows and warnings.

    Returns
    -------
    DecidedExposure
    """
    earlier = provenance.earlier_flags(exposure)
    chips, arrays = [], {}
    for chip in exposure.chips:
        began = time.perf_counter()
        sci = exposures.read_sci(exposure, chip)
        if known is not None and not mask_file.is_mask_of(known, exposure, sci):
            raise ExposureError(
                f"{task.mask_path} is the mask of another exposure than {exposure.path}: move it away."
            )
        scaled_probability = decider.scaled_probability(sci)
        bits = exposures.read_dq(exposure, chip)
        provenance.take_back(bits, earlier, chip)
        good = dq.is_good(bits)
        electrons = sci.in_electrons()
        _warn_of_sky(exposure, chip, electrons, good, outcome)
        image = ChipImage.of(
            electrons, bits, scaled_probability, exposure.instrument, decider.background(chip)
        )
        del electrons
        flags = decider.reasons(sci, image)
        digest = sci.sha256
        del sci, image  # the largest arrays; what follows needs room too
        flags[(bits & task.parameters.decision.crbit) != 0] |= reasons.ALREADY
        _require_undoable(task, exposure, flags)
        bits[reasons.is_ours(flags)] |= task.parameters.decision.crbit
        measured, joint = results.figures(exposure, chip, flags, good), decider.joint(chip)
        outcome.rows.append(results.row(task, chip, measured, joint, seconds=time.perf_counter() - began))
        chips.append(
            mask_file.ChipMask(chip.extver, chip.ccdchip, digest, flags, scaled_probability, joint.nexp)
        )
        arrays[chip.dq] = bits
    return DecidedExposure(tuple(chips), arrays, earlier)


def store(task, exposure, mask, decided, stage, notes):
    """Write the mask file, the clean file and the exposure; each is old or new at any moment.

    Parameters
    ----------
    task : Task
    exposure : exposure.Exposure
    mask : mask_file.MaskFile
        Its chips and its identity are still to come.
    decided : DecidedExposure
    stage : Stage
    notes : list of str
        Gets warnings.
    """
    stage.check()
    mask = _completed(task, exposure, mask, decided)
    new = {}
    if task.parameters.update_dq and not task.probe:
        name = task.mask_path.name if task.parameters.mask_file else ""
        counts = {
            chip.dq: int(np.count_nonzero(reasons.is_flagged(mask.chip(chip.extver).reasons)))
            for chip in exposure.chips
        }
        history = _history(mask, sum(counts.values()))
        new = provenance.edits(exposure, provenance.cards(mask, name), history, decided.dq, counts)

    def write_others():
        if task.parameters.clean_file and not task.probe:
            filling.write(task, exposure, mask, new, stage, notes)
        if task.parameters.mask_file or task.probe:
            path = task.probe_path if task.probe else task.mask_path
            rights = Rights.of(exposure.path)
            mask_file.write(path, mask, notes, lambda: exposures.require_unchanged(exposure), rights)

    # The other files take their places when nothing is left to do but to put the exposure into its own.
    if new:
        splice(exposure, task.target, new, notes, before=write_others)
    else:
        write_others()


def _completed(task, exposure, mask, decided):
    """Return the mask file with its chips, the flags of the run before, and its identity."""
    before = decided.earlier if task.target == exposure.path else _flags_of_target(task)
    if before is not None and before.flagged is not None:
        for chip in decided.chips:
            chip.reasons[before.flagged[chip.extver]] |= reasons.PREVIOUS
    return replace(
        mask,
        chips=decided.chips,
        previous_run=before.run if before else "",
        previous_bit=before.bit if before else 0,
    ).identified()


def _history(mask, count):
    history = f"acs_deepcr_step {__version__} set DQ bit {mask.decision.crbit} on {count} pixels"
    if mask.members:
        members = ", ".join(fitsbytes.header_text(member) for member in mask.members)
        history += f", decided from {mask.nexp} exposures: {members}"
    return history


def _flags_of_target(task):
    """Return flags in the copy of the exposure that the mask will lie beside."""
    if not task.target.exists():
        return None
    return provenance.earlier_flags(inspect(task.target, task.parameters.any_detector))


def _require_undoable(task, exposure, flags):
    if not task.parameters.mask_file and not task.probe and (flags & reasons.ALREADY).any():
        raise ExposureError(
            f"{exposure.path} carries bit {task.parameters.decision.crbit} already, set by another program; "
            "without a mask file our flags could not be told from those: set mask_file=True "
            "or choose another crbit."
        )


def _warn_of_sky(exposure, chip, image, good, outcome):
    """Warn of a sky that is clearly negative: something was subtracted that was not there."""
    sky = background.level_with_error(image, good)
    if sky.size >= 100 and sky.value + 5 * sky.error < -1:
        outcome.warnings.append(
            f"{exposure.path.name}: the sky of [SCI,{chip.extver}] is negative ({sky.value:.1f} e-): "
            "check the calibration (bias, dark, an extra sky subtraction)."
        )
