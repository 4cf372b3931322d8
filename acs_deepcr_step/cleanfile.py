"""The clean file: a copy of an exposure with SCI filled at the flagged pixels.

``j8xx01abq_flc_deepcr_clean.fits`` is the exposure as the run leaves it, byte for byte,
but for the flagged pixels of SCI and for the cards that tell of them. It is a picture
to look at, or an input for programs that cannot leave pixels out.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from . import __version__, exposure, fitsbytes, saving
from .errors import ExposureError
from .exposure import opened, same_observation

__all__ = ["is_current", "name_for", "require_own", "write"]

# DCRCLEAN marks the file: the step never takes one for an exposure.
MARK = "DCRCLEAN"
_HASH, _RUN, _COUNT = "DCRCHASH", "DCRRUN", "DCRNFILL"


def name_for(exposure_path):
    """Return the name of an exposure's clean file: `<root>_<suffix>_deepcr_clean.fits`.

    Parameters
    ----------
    exposure_path : path-like

    Returns
    -------
    str
    """
    return f"{Path(exposure_path).stem}_deepcr_clean.fits"


def require_own(path, current):
    """Refuse to write over a file that is not the clean file of this exposure.

    Parameters
    ----------
    path : pathlib.Path
    current : exposure.Exposure

    Raises
    ------
    ExposureError
    """
    if not (path.exists() or path.is_symlink()):
        return
    its = _header(path)
    if its is None or MARK not in its or not same_observation(_Identity(its), current):
        raise ExposureError(
            f"{path} is there already and is not the clean file of {current.path}: move it away, "
            "or set clean_file to no."
        )


def is_current(path, run, parameters):
    """Return whether a clean file was made in a run, by the model that is wanted.

    Parameters
    ----------
    path : pathlib.Path
    run : str
        DCRRUN.
    parameters : Parameters

    Returns
    -------
    bool
    """
    its = _header(path) if path.exists() else None
    wanted = inpainter(parameters.inpaint, parameters.precision, parameters.device, 0).sha256[:16]
    return its is not None and MARK in its and (its.get(_RUN), its.get(_HASH)) == (run, wanted)


class _Identity:
    """Rootname and start in a header, as `same_observation` compares them."""

    def __init__(self, header):
        start = header.get("EXPSTART")
        self.expstart = float(start) if isinstance(start, (int, float)) else float("nan")
        self.rootname = fitsbytes.header_text(str(header.get("ROOTNAME", "")).strip()).lower()


def _header(path):
    """The primary header of a file, or None where there is none that can be read."""
    from astropy.io import fits

    from .inspection import quiet

    try:
        fitsbytes.check_counts(path)
        with quiet():
            return fits.getheader(path)
    except (OSError, ValueError, fits.VerifyError):
        return None


@lru_cache(maxsize=8)
def inpainter(model, precision, device, threads):
    """Return an `inpaint.Inpainter`, the same one for the same arguments."""
    from .inpaint import Inpainter

    return Inpainter(model, precision=precision, device=device, threads=threads or None)


def write(task, current, mask, edits, context):
    """Write the clean file of an exposure, wholly or not at all.

    Parameters
    ----------
    task : task.Task
    current : exposure.Exposure
    mask : maskfile.MaskFile
        Of this run.
    edits : dict of int to saving.Edit
        What the run changes in the exposure.
    context : tuple of task.Stage and list of str
        The list gets warnings.

    Raises
    ------
    ExposureError
        If it cannot be written, or another file is in its place; that stays as it was.
    """
    from . import flags  # loads PyTorch, which a plan of a run does without

    stage, notes = context
    parameters = task.parameters
    made = inpainter(parameters.inpaint, parameters.precision, parameters.device, task.threads)
    new, total = dict(edits), 0
    for chip in current.chips:
        flagged = (mask.chip(chip.extver).plane & flags.FLAGGED) != 0
        with stage.network:
            raw = _filled(current, chip, flagged, made, stage)
        count = int(np.count_nonzero(flagged))
        header = fitsbytes.edited_header(
            _header_bytes(current, chip.sci), {_COUNT: (count, "pixels filled by acs_deepcr_step")}
        )
        new[chip.sci] = saving.Edit(fitsbytes.with_checksum(header, fitsbytes.padded(raw)), raw)
        total += count
    new[0] = _primary(current, mask, made, new.get(0), total)
    require_own(task.clean_path, current)
    saving.splice(current, task.clean_path, new, notes, lambda: require_own(task.clean_path, current))


def _filled(current, chip, flagged, made, stage):
    """SCI as the file stores it, filled where it is flagged."""
    raw = exposure.read_raw(current, chip)
    if not flagged.any():
        return raw
    image = exposure.image_in_electrons(chip, raw)
    values = made.fill(image, flagged, progress=stage.check)[flagged].astype(np.float64)
    values = (values / chip.to_electrons - chip.zero) / chip.scale
    if raw.dtype.kind in "iu":
        limits = np.iinfo(raw.dtype)
        values = np.rint(values).clip(limits.min, limits.max)
    raw[flagged] = values
    return raw


def _primary(current, mask, made, edit, total):
    """The primary header, with what is known of the filling."""
    cards = {
        MARK: (fitsbytes.header_text(made.name)[-60:], "SCI is filled by this model"),
        _HASH: (made.sha256[:16], "SHA-256 of its weights, first 16 digits"),
        _RUN: (mask.run, "identifies these flags"),
    }
    header = edit.header if edit else _header_bytes(current, 0)
    history = f"acs_deepcr_step {__version__} filled {total} flagged pixels of SCI with {cards[MARK][0]}"
    header = fitsbytes.edited_header(header, cards, history=history)
    span = current.spans[0]
    return saving.Edit(fitsbytes.with_checksum(header, _bytes(current, span.data, span.end)))


def _header_bytes(current, index):
    span = current.spans[index]
    return _bytes(current, span.header, span.data)


def _bytes(current, start, end):
    with opened(current) as file:
        file.seek(start)
        return file.read(end - start)
