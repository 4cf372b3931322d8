"""One exposure from its file to its flags: the unit of work.

`flag` and `apply_mask` depend on nothing but their `Task` and the files it names, so
they can run in any thread, process or machine that sees these, and be repeated.
"""

import hashlib
import math
import time
from dataclasses import replace
from functools import lru_cache

import numpy as np

from . import (
    __version__,
    bars,
    cleanfile,
    detect,
    exposure,
    fitsbytes,
    flags,
    maskfile,
    models,
    provenance,
    rerun,
    results,
    saving,
)
from .errors import ExposureError
from .inspection import inspect
from .task import Outcome, Stage

__all__ = ["apply_mask", "current_state", "flag", "known_mask", "process_stage", "store", "work"]


@lru_cache(maxsize=1)
def process_stage():
    """Return the `Stage` of tasks that are sent to this process one by one."""
    return Stage()


@lru_cache(maxsize=8)
def _detector(model, precision, device, threads):
    return detect.Detector(models.load(model), precision=precision, device=device, threads=threads or None)


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
    with saving.locked(task.target, stage.stop.is_set):
        current = current_state(task)
        outcome = Outcome([])
        known = known_mask(task)
        detector = _detector(task.model, task.parameters.precision, task.parameters.device, task.threads)
        if _nothing_to_do(task, current, known, detector, outcome):
            return outcome

        def judge(chip, image, digest):
            stored = _reused(known, chip, detector)
            if stored is None:
                title = f"{current.rootname}[SCI,{chip.extver}]"
                bar = stage, title, detector.tiles(image.shape), task.parameters.progress
                with stage.network, bars.of_tiles(*bar) as progress:
                    stored = flags.to_stored(detector.probability(image, progress))
            return stored, lambda saturated: flags.alone(stored, image, saturated, task.parameters)

        made = work(task, current, known, judge, outcome)
        store(task, current, _new_mask(task, current, detector), made, stage, outcome.warnings)
        return Outcome([], outcome.warnings) if task.probe else outcome


def _nothing_to_do(task, current, known, detector, outcome):
    """Whether what this task would make is there already."""
    network = (detector.model.info.sha256[:16], detector.precision)
    if not task.probe:
        return task.parameters.rerun == "skip" and rerun.is_up_to_date(task, known, network, outcome)
    if not task.parameters.mask_file:
        task.store_path.unlink(missing_ok=True)  # of a run that was killed
        return False
    return known is not None and all(
        maskfile.same_exposure(
            known, current, chip, hashlib.sha256(exposure.read_raw(current, chip)).hexdigest()
        )
        and _reused(known, chip, detector) is not None
        for chip in current.chips
    )


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
    given = maskfile.read(task.mask)
    with saving.locked(task.target, stage.stop.is_set):
        current = current_state(task)
        outcome = Outcome([])

        def judge(chip, image, digest):
            if not maskfile.same_exposure(given, current, chip, digest):
                raise ExposureError(
                    f"{task.mask} was not made of {current.path}: rootname, start, chip, shape or SCI pixels "
                    "differ; the exposure is left as it is."
                )
            its = given.chip(chip.extver)
            return its.stored, lambda saturated: its.plane & ~np.uint8(flags.ALREADY | flags.PREVIOUS)

        company = results.Company(given.members, given.group)
        made = work(task, current, known_mask(task), judge, outcome, company)
        store(task, current, given, made, stage, outcome.warnings)
        return outcome


def current_state(task):
    """Return the exposure as it is now: another run may have flagged it while we waited."""
    try:
        same = exposure.FileState.of(task.exposure.path) == task.exposure.state
    except OSError as error:
        raise ExposureError(f"{task.exposure.path} is gone ({error.strerror}).") from error
    return task.exposure if same else inspect(task.exposure.path, task.parameters.any_detector)


def known_mask(task):
    """Return the mask file that is there already, or None."""
    return maskfile.read(task.mask_path) if task.mask_path.exists() else None


def _reused(known, chip, detector):
    """Stored probabilities of the same SCI data, model and precision, or None."""
    if known is None:
        return None
    same = (known.model_hash, known.precision) == (detector.model.info.sha256[:16], detector.precision)
    return known.chip(chip.extver).stored if same else None


def work(task, current, known, judge, outcome, company=results.ALONE):
    """Decide on all chips of an exposure.

    Parameters
    ----------
    task : Task
    current : exposure.Exposure
    known : maskfile.MaskFile or None
        The mask file that is there.
    judge : callable
        Takes a chip, its image and the SHA-256 of its pixels; it returns the
        stored probabilities, and a function from saturated pixels to reasons.
    outcome : Outcome
        Gets the rows and warnings.
    company : results.Company, optional

    Returns
    -------
    chips : list of maskfile.ChipMask
    arrays : dict of int to ndarray
        DQ arrays by HDU.
    """
    earlier = provenance.earlier_flags(current)
    chips, arrays = [], {}
    for chip in current.chips:
        began = time.perf_counter()
        raw = exposure.read_raw(current, chip)
        digest = hashlib.sha256(raw).hexdigest()
        if known is not None and not maskfile.same_exposure(known, current, chip, digest):
            raise ExposureError(
                f"{task.mask_path} is the mask of another exposure than {current.path}: move it away."
            )
        image = exposure.image_in_electrons(chip, raw)
        stored, decide = judge(chip, image, digest)
        dq = exposure.read_dq(current, chip)
        provenance.take_back(dq, earlier, chip)
        good = exposure.is_good(dq)
        _warn_of_sky(current, chip, image, good, outcome)
        saturated = exposure.is_saturated(dq) | (image > detect.SATURATION_LEVEL)
        plane = decide(saturated)
        del raw, image, decide  # the largest arrays; what follows needs room too
        plane[(dq & task.parameters.crbit) != 0] |= flags.ALREADY
        _require_undoable(task, current, plane)
        dq[flags.ours(plane)] |= task.parameters.crbit
        row = results.row(task, current, chip, plane, good, company)
        outcome.rows.append({**row, "seconds": time.perf_counter() - began})
        chips.append(maskfile.ChipMask(chip.extver, chip.ccdchip, digest, plane, stored))
        arrays[chip.dq] = dq
    return chips, arrays


def store(task, current, mask, made, stage, notes):
    """Write the mask file, the clean file and the exposure; each is old or new at any moment.

    Parameters
    ----------
    task : Task
    current : exposure.Exposure
    mask : maskfile.MaskFile
        Its chips and its identity are still to come.
    made : tuple
        From `work`.
    stage : Stage
    notes : list of str
        Gets warnings.
    """
    chips, arrays = made
    stage.check()
    before = _flags_of_target(task, current)
    if before is not None and before.planes is not None:
        for chip in chips:
            chip.plane[before.planes[chip.extver]] |= flags.PREVIOUS
    mask = replace(
        mask,
        chips=tuple(chips),
        previous_run=before.run if before else "",
        previous_bit=before.bit if before else 0,
    ).identified()
    counts = {
        chip.dq: int(np.count_nonzero(m.plane & flags.FLAGGED))
        for chip, m in zip(current.chips, chips, strict=True)
    }
    new = {}
    if task.parameters.update_dq and not task.probe:
        name = task.mask_path.name if task.parameters.mask_file else ""
        history = f"acs_deepcr_step {__version__} set DQ bit {mask.crbit} on {sum(counts.values())} pixels"
        if mask.members:
            members = ", ".join(fitsbytes.header_text(member) for member in mask.members)
            history += f", decided from {mask.nexp} exposures: {members}"
        new = provenance.edits(current, provenance.cards(mask, name), history, arrays, counts)

    def write_mask():
        if task.parameters.mask_file or task.probe:
            path = task.store_path if task.probe else task.mask_path
            maskfile.write(path, mask, notes, lambda: exposure.require_unchanged(current))

    def write_others():
        if task.parameters.clean_file and not task.probe:
            cleanfile.write(task, current, mask, new, (stage, notes))
        write_mask()

    # The other files take their places when nothing is left to do but to put the exposure into its own.
    if new:
        saving.splice(current, task.target, new, notes, before=write_others)
    else:
        write_others()


def _flags_of_target(task, current):
    """Flags in the file that the mask will lie beside, which may be a copy."""
    if task.target == current.path:
        return provenance.earlier_flags(current)
    if not task.target.exists():
        return None
    return provenance.earlier_flags(inspect(task.target, task.parameters.any_detector))


def _new_mask(task, current, detector):
    """The mask file of this run, its chips still to come."""
    info, parameters = detector.model.info, task.parameters
    return maskfile.MaskFile(
        rootname=current.rootname,
        expstart=current.expstart,
        model=info.name,
        model_hash=info.sha256[:16],
        precision=detector.precision,
        threshold=parameters.threshold,
        grow=parameters.grow,
        protect_saturated=parameters.protect_saturated,
        crbit=parameters.crbit,
        chips=(),
    )


def _require_undoable(task, current, plane):
    if not task.parameters.mask_file and not task.probe and (plane & flags.ALREADY).any():
        raise ExposureError(
            f"{current.path} carries bit {task.parameters.crbit} already, set by another program; "
            "without a mask file our flags could not be told from those: set mask_file=True "
            "or choose another crbit."
        )


def _warn_of_sky(current, chip, image, good, outcome):
    """Warn of a sky that is clearly negative: something was subtracted that was not there."""
    step = max(1, int(math.sqrt(image.size / 65536)))
    sample = image[::step, ::step][good[::step, ::step]].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if sample.size < 100:
        return
    median = np.median(sample)
    spread = 1.4826 * np.median(np.abs(sample - median))
    if median + 5 * 1.253 * spread / math.sqrt(sample.size) < -1:
        outcome.warnings.append(
            f"{current.path.name}: the sky of [SCI,{chip.extver}] is negative ({median:.1f} e-): "
            "check the calibration (bias, dark, an extra sky subtraction)."
        )
