"""One exposure from its file to its flags: the unit of work.

`flag` depends on nothing but its `Task` and the files the task names, so it can
run in any thread, process or machine that sees them, and be repeated.
"""

import contextlib
import hashlib
import math
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import numpy as np

from . import __version__, detect, exposure, fitsbytes, flags, maskfile, models, saving
from .errors import ExposureError
from .exposure import Exposure
from .parameters import Parameters

__all__ = ["Cancelled", "Outcome", "Stage", "Task", "flag"]

NO_MASK = "NONE"
PROVENANCE = (
    "DEEPCR", "DCRMODEL", "DCRHASH", "DCRTHRSH", "DCRGROW", "DCRBIT", "DCRVERS",
    "DCRDATE", "DCRMASK", "DCRNEXP", "DCRRUN",
)  # fmt: skip


class Cancelled(BaseException):
    """The run was interrupted; this exposure is as it was."""


@dataclass(frozen=True)
class Task:
    """One exposure to flag.

    Attributes
    ----------
    exposure : Exposure
        As inspected before the run.
    target : pathlib.Path
        The exposure's own path, or its copy in the output directory.
    parameters : Parameters
    model : str
        Name or path, never ``auto``.
    threads : int
        Tiles at a time; 0 for PyTorch's own number of threads.
    """

    exposure: Exposure
    target: Path
    parameters: Parameters
    model: str
    threads: int = 0

    @property
    def mask_path(self):
        """Where the mask file goes: beside the target."""
        return self.target.with_name(maskfile.name_for(self.target))


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes
    ----------
    rows : list of dict
        A row of the result table per chip.
    notes, warnings : list of str
        For the log.
    """

    rows: list
    notes: list = field(default_factory=list)
    warnings: list = field(default_factory=list)


class Stage:
    """What the tasks of one process share: the network's turn, and the way to stop."""

    def __init__(self):
        self.network = threading.Lock()
        self.stop = threading.Event()

    def check(self, _tiles=0):
        """Raise `Cancelled` if the run is to end."""
        if self.stop.is_set():
            raise Cancelled


@dataclass(frozen=True)
class _Earlier:
    """Flags that the step set in a file before.

    `planes` maps EXTVER to the pixels; None means all that carry the bit.
    """

    run: str
    bit: int
    planes: dict | None


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
    stage = stage or Stage()
    stage.check()
    with saving.locked(task.target) if _writes(task) else contextlib.nullcontext():
        current = _current(task)
        mask, edits, outcome = _decide(task, current, stage)
        stage.check()
        if task.parameters.mask_file:
            maskfile.write(task.mask_path, mask)
        if task.parameters.update_dq:
            saving.splice(current, task.target, edits)
        return outcome


def _writes(task):
    return task.parameters.mask_file or task.parameters.update_dq


def _current(task):
    """The exposure as it is now: another run may have flagged it while we waited."""
    try:
        same = exposure.FileState.of(task.exposure.path) == task.exposure.state
    except OSError as error:
        raise ExposureError(f"{task.exposure.path} is gone ({error.strerror}).") from error
    return task.exposure if same else exposure.inspect(task.exposure.path, task.parameters.any_detector)


def _decide(task, current, stage):
    """Everything but writing: the mask, the new headers and DQ arrays, the outcome."""
    parameters = task.parameters
    detector = _detector(task.model, parameters.precision, parameters.device, task.threads)
    earlier = earlier_flags(current)
    known = _known_mask(task)
    outcome, chips, arrays = Outcome([]), [], {}
    for chip in current.chips:
        began = time.perf_counter()
        raw = exposure.read_raw(current, chip)
        digest = hashlib.sha256(raw).hexdigest()
        image = exposure.image_in_electrons(chip, raw)
        if known is not None and not maskfile.same_exposure(known, current, chip, digest):
            raise ExposureError(
                f"{task.mask_path} is the mask of another exposure than {current.path}: move it away."
            )
        stored = _reused(known, chip, detector)
        if stored is None:
            with stage.network:
                stored = flags.to_stored(detector.probability(image, stage.check))
        dq = exposure.read_dq(current, chip)
        _take_back(dq, earlier, chip)
        plane = flags.decide(stored, image, exposure.is_saturated(dq), parameters)
        plane[(dq & parameters.crbit) != 0] |= flags.ALREADY
        _require_undoable(task, current, plane)
        _warn_of_sky(current, chip, image, dq, outcome)
        row = _row(task, current, chip, plane, exposure.is_good(dq))
        dq[flags.ours(plane)] |= parameters.crbit
        chips.append(maskfile.ChipMask(chip.extver, chip.ccdchip, digest, plane, stored))
        arrays[chip.dq] = (dq, row["n_flagged"])
        outcome.rows.append({**row, "seconds": time.perf_counter() - began})
        del raw, image
    mask = _mask(task, current, chips, detector)
    return mask, _edits(task, current, mask, arrays), outcome


def earlier_flags(current):
    """Return the flags that an earlier run of the step left in a file.

    Parameters
    ----------
    current : Exposure

    Returns
    -------
    _Earlier or None
        None if the file was never flagged.

    Raises
    ------
    ExposureError
        If the mask file that records them is missing, damaged or of another run.
    """
    cards = current.provenance
    if cards.get("DEEPCR") != "COMPLETE":
        return None
    run, bit, name = str(cards.get("DCRRUN")), cards.get("DCRBIT"), str(cards.get("DCRMASK"))
    if name == NO_MASK:
        return _Earlier(run, bit, None)
    mask = maskfile.read(_beside(current.path, name))
    if mask.run == run:
        return _Earlier(run, mask.crbit, {c.extver: flags.ours(c.plane) for c in mask.chips})
    if mask.previous_run == run:
        planes = {c.extver: (c.plane & flags.PREVIOUS) != 0 for c in mask.chips}
        return _Earlier(run, mask.previous_bit, planes)
    raise ExposureError(
        f"{current.path} was flagged in run {run}, but its mask file is of run {mask.run}, so the earlier flags "
        "cannot be told from those of others: put the right mask file beside it, or fetch it anew."
    )


def _beside(path, recorded):
    """Mask file of an exposure: by its name now, else by the one its header records."""
    usual = path.with_name(maskfile.name_for(path))
    if usual.exists():
        return usual
    # Only the name counts: a header leads nowhere outside the exposure's directory.
    name = Path(recorded.replace("\\", "/")).name
    return path.with_name(name) if name else usual


def _known_mask(task):
    """The mask file that is there already, or None."""
    return maskfile.read(task.mask_path) if task.mask_path.exists() else None


def _reused(known, chip, detector):
    """Stored probabilities of the same SCI data, model and precision, or None."""
    if known is None:
        return None
    same = (known.model_hash, known.precision) == (detector.model.info.sha256[:16], detector.precision)
    return known.chip(chip.extver).stored if same else None


def _take_back(dq, earlier, chip):
    """Clear the bits that an earlier run set, in place."""
    if earlier is None:
        return
    keep = dq.dtype.type(~earlier.bit)
    if earlier.planes is None:
        dq &= keep
        return
    own = earlier.planes.get(chip.extver)
    if own is None or own.shape != dq.shape:
        raise ExposureError(f"The mask file holds no flags of shape {dq.shape} for [SCI,{chip.extver}].")
    dq[own] &= keep


def _require_undoable(task, current, plane):
    if not task.parameters.mask_file and (plane & flags.ALREADY).any():
        raise ExposureError(
            f"{current.path} carries bit {task.parameters.crbit} already, set by another program; without a mask file "
            "our flags could not be told from those: set mask_file=True or choose another crbit."
        )


def _warn_of_sky(current, chip, image, dq, outcome):
    """Warn of a sky that is clearly negative: something was subtracted that was not there."""
    step = max(1, int(math.sqrt(image.size / 65536)))
    sample = image[::step, ::step][exposure.is_good(dq[::step, ::step])].astype(np.float64)
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


def _row(task, current, chip, plane, good):
    flagged = (plane & flags.FLAGGED) != 0
    n_flagged, n_good = int(np.count_nonzero(flagged)), int(np.count_nonzero(good))
    area = current.pixel_area * flagged.size
    return {
        "filename": str(task.target),
        "extver": chip.extver,
        "filter": current.filter,
        "exptime": chip.exptime,
        "model": task.model,
        "threshold": task.parameters.threshold,
        "crbit": task.parameters.crbit,
        "n_flagged": n_flagged,
        "fraction": np.count_nonzero(flagged & good) / n_good if n_good else math.nan,
        "cr_rate": flags.count_groups(flagged) / (chip.exptime * area),
        "status": "done",
    }


def _mask(task, current, chips, detector):
    """The mask file's content; it remembers the flags of the run before too."""
    before = _flags_of_target(task, current)
    if before is not None and before.planes is not None:
        for chip in chips:
            chip.plane[before.planes[chip.extver]] |= flags.PREVIOUS
    info = detector.model.info
    return maskfile.MaskFile(
        rootname=current.rootname,
        expstart=current.expstart,
        model=info.name,
        model_hash=info.sha256[:16],
        precision=detector.precision,
        threshold=task.parameters.threshold,
        grow=task.parameters.grow,
        crbit=task.parameters.crbit,
        chips=tuple(chips),
        previous_run=before.run if before else "",
        previous_bit=before.bit if before else 0,
    ).identified()


def _flags_of_target(task, current):
    """Flags in the file that the mask will lie beside, which may be a copy."""
    if task.target == current.path:
        return earlier_flags(current)
    if not task.target.exists():
        return None
    return earlier_flags(exposure.inspect(task.target, task.parameters.any_detector))


def _edits(task, current, mask, arrays):
    """New headers and DQ arrays, by HDU."""
    with open(current.path, "rb") as file:

        def header(index):
            span = current.spans[index]
            file.seek(span.header)
            return file.read(span.data - span.header)

        def data(index):
            span = current.spans[index]
            file.seek(span.data)
            return file.read(span.end - span.data)

        primary = fitsbytes.edited_header(header(0), _provenance(task, mask), history=_history(task, arrays))
        edits = {0: saving.Edit(fitsbytes.with_checksum(primary, data(0)))}
        for index, (dq, n_flagged) in arrays.items():
            edited = fitsbytes.edited_header(header(index), {"DCRNPIX": (n_flagged, "pixels flagged by deepCR")})
            padding = b"\0" * (-dq.nbytes % fitsbytes.BLOCK)
            edits[index] = saving.Edit(fitsbytes.with_checksum(edited, dq.tobytes() + padding), dq)
    return edits


def _provenance(task, mask):
    name = task.mask_path.name.encode("ascii", "replace").decode() if task.parameters.mask_file else NO_MASK
    cards = {
        "DEEPCR": ("COMPLETE", "cosmic rays flagged by acs_deepcr_step"),
        "DCRMODEL": (mask.model.encode("ascii", "replace").decode()[-60:], "deepCR model"),
        "DCRHASH": (mask.model_hash, "SHA-256 of the weights, first 16 digits"),
        "DCRTHRSH": (mask.threshold, "probability threshold"),
        "DCRGROW": (mask.grow, "growth of the flags in pixels"),
        "DCRBIT": (mask.crbit, "DQ bit of the flags"),
        "DCRVERS": (__version__, "version of acs_deepcr_step"),
        "DCRDATE": (datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "UTC of this run"),
        "DCRMASK": (name, "mask file"),
        "DCRNEXP": (1, "exposures that the flags were decided from"),
        "DCRRUN": (mask.run, "identifies these flags"),
    }
    return {key: cards[key] for key in PROVENANCE}


def _history(task, arrays):
    total = sum(n_flagged for _, n_flagged in arrays.values())
    return f"acs_deepcr_step {__version__} set DQ bit {task.parameters.crbit} on {total} pixels"
