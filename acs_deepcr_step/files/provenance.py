"""What the step writes into headers, and how it knows its own flags again.

The primary header tells of the last run (`DEEPCR`, `DCR...`); the mask file that
`DCRMASK` names tells which pixels it flagged. Together they allow to take the
flags back, whatever other programs did to the exposure in between.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from .. import __version__
from ..arrays import reasons
from ..arrays.dq import CR_ASTRODRIZZLE, CR_BITS
from ..config.decision import Decision
from ..errors import ExposureError
from . import fitsbytes, mask_file
from .exposure import read_bytes, read_dq, read_sci
from .splice import Edit

__all__ = [
    "Earlier", "cards", "carries_all", "earlier_flags", "edits", "is_flagged", "mask_path", "take_back",
]  # fmt: skip

NO_MASK = "NONE"
_COUNT = "DCRNPIX"
_KEYWORDS = (
    "DEEPCR", "DCRMODEL", "DCRHASH", *Decision().to_cards(),
    "DCRVERS", "DCRDATE", "DCRMASK", "DCRNEXP", "DCRRUN",
)  # fmt: skip


@dataclass(frozen=True)
class Earlier:
    """Flags that the step set in a file before.

    Attributes
    ----------
    run : str
        DCRRUN.
    bit : int
    flagged : dict of int to ndarray of bool, or None
        The pixels, by EXTVER. None: all that carry the bit, since there was no
        mask file and nobody else had set it.
    """

    run: str
    bit: int
    flagged: dict[int, np.ndarray] | None


def cards(mask, mask_name):
    """Return the cards of the primary header for a run.

    Parameters
    ----------
    mask : mask_file.MaskFile
    mask_name : str
        Name of the mask file; empty for none.

    Returns
    -------
    dict of str to (value, comment)
    """
    values = {
        "DEEPCR": ("COMPLETE", "cosmic rays flagged by acs_deepcr_step"),
        "DCRMODEL": (fitsbytes.header_text(mask.made_by.model)[-60:], "deepCR model"),
        "DCRHASH": (mask.made_by.model_hash, "SHA-256 of the weights, first 16 digits"),
        **mask.decision.to_cards(),
        "DCRVERS": (__version__, "version of acs_deepcr_step"),
        "DCRDATE": (datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"), "UTC of this run"),
        "DCRMASK": (fitsbytes.header_text(mask_name) or NO_MASK, "mask file"),
        "DCRNEXP": (mask.nexp, "exposures that the flags were decided from"),
        "DCRRUN": (mask.run, "identifies these flags"),
    }
    return {key: values[key] for key in _KEYWORDS}


def edits(current, primary_cards, history, arrays, counts=None):
    """Return the new headers and DQ arrays of an exposure.

    Parameters
    ----------
    current : exposure.Exposure
    primary_cards : dict
        From `cards`; empty to remove them all.
    history : str
    arrays : dict of int to ndarray
        DQ arrays as in the file, by HDU.
    counts : dict of int to int, optional
        Flagged pixels by HDU; None removes the card.

    Returns
    -------
    dict of int to splice.Edit
    """
    span = current.spans[0]
    primary = fitsbytes.edited_header(
        read_bytes(current, span.header, span.data), primary_cards, remove=_KEYWORDS, history=history
    )
    result = {0: Edit(fitsbytes.with_checksum(primary, read_bytes(current, span.data, span.end)))}
    for index, dq in arrays.items():
        span = current.spans[index]
        count = {_COUNT: (counts[index], "pixels flagged by deepCR")} if counts else {}
        header = fitsbytes.edited_header(read_bytes(current, span.header, span.data), count, remove=(_COUNT,))
        result[index] = Edit(fitsbytes.with_checksum(header, fitsbytes.padded(dq)), dq)
    return result


def is_flagged(current):
    """Return whether an exposure carries flags of the step."""
    return current.provenance.get("DEEPCR") == "COMPLETE"


def earlier_flags(current):
    """Return the flags that an earlier run of the step left in a file.

    Parameters
    ----------
    current : exposure.Exposure

    Returns
    -------
    Earlier or None
        None if the file carries none. Where its header no longer tells of a run, the
        mask file beside it tells whose bits those are.

    Raises
    ------
    ExposureError
        If the mask file that records them is missing, damaged or of another run.
    """
    if not is_flagged(current):
        return _flags_without_card(current)
    run, bit, name = (current.provenance.get(key) for key in ("DCRRUN", "DCRBIT", "DCRMASK"))
    if bit not in CR_BITS or not isinstance(name, str):
        raise ExposureError(
            f"{current.path} was flagged before, but DCRBIT or DCRMASK in its header is missing or altered: "
            "fetch the exposure anew."
        )
    if name == NO_MASK:
        return Earlier(str(run), bit, None)
    path = mask_path(current)
    mask = mask_file.read(path, probabilities=False)
    for recorded in _recorded(mask):
        if recorded.run == run:
            return recorded
    raise ExposureError(
        f"{current.path} was flagged in run {run}, but {path.name} is of run {mask.run}, "
        "so its flags cannot be told from those of others: put the right mask file beside it, "
        "or fetch the exposure anew."
    )


def _recorded(mask):
    """Yield the flags of the run that a mask file is of, and of the run before it.

    The exposure is still of the latter where a run was killed between writing the two.
    """
    own = {chip.extver: reasons.is_ours(chip.reasons) for chip in mask.chips}
    yield Earlier(mask.run, mask.decision.crbit, own)
    if mask.previous_run:
        own = {chip.extver: (chip.reasons & reasons.PREVIOUS) != 0 for chip in mask.chips}
        yield Earlier(mask.previous_run, mask.previous_bit, own)


def _flags_without_card(current):
    """Return the flags in an exposure that lost our cards (its header was put back, say), or None.

    They are ours if every pixel that the mask file beside it calls ours carries the bit: after an
    undo, or before the exposure was flagged, none does.
    """
    path = mask_file.beside(current.path)
    if not path.is_file():
        return None
    try:
        mask = mask_file.read(path, probabilities=False)
    except ExposureError:
        return None  # whoever needs that file says what is wrong with it
    found = [one for one in _recorded(mask) if _carries(current, mask, one)]
    # Where both runs' pixels carry the bit, those of the one are among the other's.
    return max(found, key=lambda one: sum(map(np.count_nonzero, one.flagged.values())), default=None)


def _carries(current, mask, recorded):
    """Whether an exposure is the one of a mask file, and carries flags that this records."""
    some = False
    for chip in current.chips:
        own = recorded.flagged.get(chip.extver)
        if own is None or own.shape != chip.shape:
            return False
        if not carries_all(read_dq(current, chip), own, recorded.bit):
            return False
        some = some or own.any()
    chips = current.chips
    return some and all(mask_file.is_mask_of(mask, current, read_sci(current, chip)) for chip in chips)


def mask_path(current):
    """Return where the mask file of a flagged exposure is, or should be.

    Parameters
    ----------
    current : exposure.Exposure

    Returns
    -------
    pathlib.Path
        By the exposure's name now, else by the name its header records; always
        in the exposure's own directory.
    """
    usual = mask_file.beside(current.path)
    if usual.exists():
        return usual
    # Only the last part of the name counts: a header leads nowhere else.
    name = Path(str(current.provenance.get("DCRMASK", "")).replace("\\", "/")).name
    return current.path.with_name(name) if name not in ("", "..", NO_MASK) else usual


def take_back(dq, earlier, chip):
    """Clear the bits that an earlier run set, in place.

    Parameters
    ----------
    dq : ndarray, (R, C)
        As in the file.
    earlier : Earlier or None
    chip : exposure.Chip

    Raises
    ------
    ExposureError
        If our flags cannot be told from those of others.

    Notes
    -----
    AstroDrizzle's ``resetbits`` clears bit 4096 wholesale before it sets flags of
    its own. So where one of our pixels has lost that bit, all have, and those that
    carry it now are AstroDrizzle's and stay.
    """
    if earlier is None:
        return
    clear = dq.dtype.type(~earlier.bit)
    if earlier.flagged is None:
        carrying = int(np.count_nonzero(dq & earlier.bit))
        if carrying not in (0, chip.dq_count):
            raise ExposureError(
                f"[DQ,{chip.extver}] carries bit {earlier.bit} on {carrying} pixels where the step, "
                f"which wrote no mask file, set {chip.dq_count}: another program changed them, "
                "so ours cannot be taken back."
            )
        dq &= clear
        return
    own = earlier.flagged.get(chip.extver)
    if own is None or own.shape != dq.shape:
        raise ExposureError(f"The mask file holds no flags of shape {dq.shape} for [SCI,{chip.extver}].")
    if earlier.bit == CR_ASTRODRIZZLE and not carries_all(dq, own, earlier.bit):
        return
    dq[own] &= clear


def carries_all(dq, pixels, bit):
    """Return whether all of these pixels carry a bit."""
    return bool((dq[pixels] & bit).all())
