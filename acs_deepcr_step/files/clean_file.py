"""The clean file: a copy of an exposure with SCI filled at the flagged pixels.

``j8xx01abq_flc_deepcr_clean.fits`` is the exposure as the run leaves it, byte for byte,
but for the flagged pixels of SCI and for the cards that tell of them. It is a picture
to look at, or an input for programs that cannot leave pixels out. Its name and its bytes
are here; the pixels are filled by `work.filling`.
"""

from dataclasses import dataclass, field

import numpy as np
from astropy.io import fits

from .. import __version__
from ..errors import ExposureError
from . import fitsbytes, structure
from .exposure import read_bytes, same_observation
from .fits_reader import quiet
from .names import stem_of
from .rights import Rights
from .splice import Edit, splice

__all__ = ["FilledChip", "Filling", "is_current", "name_for", "require_own", "write"]

# DCRCLEAN marks the file: the step never takes one for an exposure.
MARK = "DCRCLEAN"
_HASH, _RUN, _COUNT = "DCRCHASH", "DCRRUN", "DCRNFILL"


@dataclass(frozen=True, eq=False)
class FilledChip:
    """SCI of one chip, filled.

    Attributes
    ----------
    hdu : int
        Index of its SCI.
    raw : ndarray, (R, C)
        As the file stores it.
    count : int
        Pixels that were filled.
    """

    hdu: int
    raw: np.ndarray = field(repr=False)
    count: int


@dataclass(frozen=True, eq=False)
class Filling:
    """What a clean file was filled with.

    Attributes
    ----------
    model : str
        Name of the inpainting model.
    model_hash : str
        SHA-256 of its weights, first 16 digits; empty for none.
    run : str
        DCRRUN of the flags.
    chips : tuple of FilledChip
    """

    model: str
    model_hash: str
    run: str
    chips: tuple[FilledChip, ...] = ()


@dataclass(frozen=True)
class _Identity:
    """Rootname and start in a header, as `same_observation` compares them."""

    rootname: str
    expstart: float

    @classmethod
    def of(cls, header):
        start = header.get("EXPSTART")
        rootname = fitsbytes.header_text(str(header.get("ROOTNAME", "")).strip()).lower()
        return cls(rootname, float(start) if isinstance(start, (int, float)) else float("nan"))


def name_for(exposure_path):
    """Return the name of an exposure's clean file: `<root>_<suffix>_deepcr_clean.fits`.

    Parameters
    ----------
    exposure_path : path-like

    Returns
    -------
    str
    """
    return f"{stem_of(exposure_path)}_deepcr_clean.fits"


def require_own(path, exposure):
    """Refuse to write over a file that is not the clean file of this exposure.

    Parameters
    ----------
    path : pathlib.Path
    exposure : exposure.Exposure

    Raises
    ------
    ExposureError
    """
    if not (path.exists() or path.is_symlink()):
        return
    header = _header(path)
    if header is None or MARK not in header or not same_observation(_Identity.of(header), exposure):
        raise ExposureError(
            f"{path} is there already and is not the clean file of {exposure.path}: move it away, "
            "or set clean_file to no."
        )


def is_current(path, filling):
    """Return whether a clean file was made in a run, by a model.

    Parameters
    ----------
    path : pathlib.Path
    filling : Filling
        Of which the run and the hash of the model count.

    Returns
    -------
    bool
    """
    header = _header(path) if path.exists() else None
    wanted = (filling.run, filling.model_hash)
    return header is not None and MARK in header and (header.get(_RUN), header.get(_HASH)) == wanted


def write(path, exposure, edits, filling, notes):
    """Write the clean file of an exposure, wholly or not at all.

    Parameters
    ----------
    path : pathlib.Path
    exposure : exposure.Exposure
    edits : dict of int to splice.Edit
        What the run changes in the exposure.
    filling : Filling
    notes : list of str
        Gets warnings.

    Raises
    ------
    ExposureError
        If it cannot be written, or another file is in its place; that stays as it was.
    """
    new = dict(edits)
    for chip in filling.chips:
        header = fitsbytes.edited_header(
            _header_bytes(exposure, chip.hdu), {_COUNT: (chip.count, "pixels filled by acs_deepcr_step")}
        )
        new[chip.hdu] = Edit(fitsbytes.with_checksum(header, fitsbytes.padded(chip.raw)), chip.raw)
    new[0] = _primary(exposure, filling, new.get(0))
    require_own(path, exposure)
    splice(exposure, path, new, notes, lambda: require_own(path, exposure), Rights.of(exposure.path))


def _primary(exposure, filling, edit):
    """Return the primary header, with what is known of the filling."""
    cards = {
        MARK: (fitsbytes.header_text(filling.model)[-60:], "SCI is filled by this model"),
        _HASH: (filling.model_hash, "SHA-256 of its weights, first 16 digits"),
        _RUN: (filling.run, "identifies these flags"),
    }
    header = edit.header if edit else _header_bytes(exposure, 0)
    total = sum(chip.count for chip in filling.chips)
    history = f"acs_deepcr_step {__version__} filled {total} flagged pixels of SCI with {cards[MARK][0]}"
    header = fitsbytes.edited_header(header, cards, history=history)
    span = exposure.spans[0]
    return Edit(fitsbytes.with_checksum(header, read_bytes(exposure, span.data, span.end)))


def _header_bytes(exposure, index):
    span = exposure.spans[index]
    return read_bytes(exposure, span.header, span.data)


def _header(path):
    """Return the primary header of a file, or None where there is none that can be read."""
    try:
        structure.scan(path)
        with quiet():
            return fits.getheader(path)
    except (OSError, ValueError, fits.VerifyError):
        return None
