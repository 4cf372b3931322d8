"""One exposure on disk: its facts, and its pixels.

An `Exposure` is made by `acs_deepcr_step.inspection.inspect`; `read_raw` and
`read_dq` give the pixels of one chip, by the bytes: DQ is kept as the file stores
it, so that writing it back changes the wanted bits and nothing else.
"""

import contextlib
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import dq
from .errors import ExposureError

__all__ = [
    "Chip",
    "Exposure",
    "FileState",
    "Span",
    "image_in_electrons",
    "is_good",
    "is_saturated",
    "opened",
    "read_dq",
    "read_raw",
    "require_unchanged",
    "same_observation",
]

# Side of a pixel in micrometres, for rates per area.
_PIXEL_MICRONS = {("ACS", "WFC"): 15.0, ("ACS", "HRC"): 21.0, ("WFC3", "UVIS"): 15.0, ("STIS", "CCD"): 21.0}


@dataclass(frozen=True)
class Span:
    """Where an HDU stands in its file, in bytes."""

    header: int
    data: int
    end: int


@dataclass(frozen=True)
class FileState:
    """Size, time and identity of a file, to notice that it was changed or replaced."""

    size: int
    mtime_ns: int
    inode: int
    device: int

    @classmethod
    def of(cls, path):
        """State of the file at a path (or an open descriptor)."""
        stat = os.stat(path)
        return cls(stat.st_size, stat.st_mtime_ns, stat.st_ino, stat.st_dev)


@dataclass(frozen=True)
class Chip:
    """One SCI and DQ pair.

    Attributes
    ----------
    extver : int
    ccdchip : int
    shape : tuple of int
        Rows, columns.
    exptime : float
        Seconds.
    to_electrons : float
        Factor from the SCI unit to electrons.
    sci, dq : int
        Index of the HDUs.
    sci_dtype, dq_dtype : numpy.dtype
        As in the file (big-endian).
    dq_count : int or None
        Pixels that an earlier run of the step flagged (DCRNPIX).
    scale, zero : float
        BSCALE and BZERO of SCI.
    """

    extver: int
    ccdchip: int
    shape: tuple[int, int]
    exptime: float
    to_electrons: float
    sci: int
    dq: int
    sci_dtype: np.dtype
    dq_dtype: np.dtype
    dq_count: int | None = None
    scale: float = 1.0
    zero: float = 0.0


@dataclass(frozen=True)
class Exposure:
    """What the headers of an exposure say.

    Attributes
    ----------
    path : pathlib.Path
    rootname : str
    expstart : float
        Modified Julian date; nan where the header has none.
    instrument, detector, filter : str
    chips : tuple of Chip
    spans : tuple of Span
        One per HDU.
    state : FileState
        When the headers were read.
    provenance : dict
        Cards of an earlier run of the step; empty where there was none.
    warnings : tuple of str
    """

    path: Path
    rootname: str
    expstart: float
    instrument: str
    detector: str
    filter: str
    chips: tuple[Chip, ...]
    spans: tuple[Span, ...]
    state: FileState
    provenance: dict
    warnings: tuple[str, ...] = ()

    @property
    def pixel_area(self):
        """Area of a pixel in square centimetres; nan for an unknown detector."""
        return (_PIXEL_MICRONS.get((self.instrument, self.detector), math.nan) * 1e-4) ** 2


def same_observation(one, other):
    """Return whether two `Exposure` (or mask files) have the same rootname and start.

    Exposures without a start (EXPSTART) have the same one.
    """
    starts = (one.expstart, other.expstart)
    return one.rootname == other.rootname and (
        starts[0] == starts[1] or all(math.isnan(start) for start in starts)
    )


def read_raw(exposure, chip):
    """Read a chip's SCI pixels as the file stores them.

    Parameters
    ----------
    exposure : Exposure
    chip : Chip

    Returns
    -------
    ndarray, (R, C)
        Big-endian, unscaled.

    Raises
    ------
    ExposureError
        If the file is gone, or not the one that was inspected.
    """
    return _read(exposure, exposure.spans[chip.sci].data, chip.sci_dtype, chip.shape)


def image_in_electrons(chip, raw):
    """Return a chip's image in electrons.

    Parameters
    ----------
    chip : Chip
    raw : ndarray, (R, C)
        From `read_raw`.

    Returns
    -------
    ndarray, (R, C)
        `raw` itself where it holds electrons already, else float32.
    """
    if (chip.scale, chip.zero, chip.to_electrons) == (1.0, 0.0, 1.0):
        return raw
    image = raw.astype(np.float32)
    image *= chip.scale * chip.to_electrons
    image += chip.zero * chip.to_electrons
    return image


def read_dq(exposure, chip):
    """Read a chip's DQ array as the file stores it.

    Parameters
    ----------
    exposure : Exposure
    chip : Chip

    Returns
    -------
    ndarray, (R, C), big-endian int16 or int32
        Where the file holds unsigned integers the top bit is turned over; all
        bits of `acs_deepcr_step.dq` are as they should be.

    Raises
    ------
    ExposureError
        If the file is gone, or not the one that was inspected.
    """
    return _read(exposure, exposure.spans[chip.dq].data, chip.dq_dtype, chip.shape)


def is_good(raw_dq):
    """Return where no DQ bit is set, in an array from `read_dq`, (R, C) bool."""
    top = np.iinfo(raw_dq.dtype).max
    return (raw_dq & top) == 0


def is_saturated(raw_dq):
    """Return where DQ tells of saturation, in an array from `read_dq`, (R, C) bool."""
    return (raw_dq & dq.SATURATED) != 0


def _read(exposure, offset, dtype, shape):
    try:
        with opened(exposure) as file:
            file.seek(offset)
            pixels = np.fromfile(file, dtype, shape[0] * shape[1])
    except OSError as error:
        raise ExposureError(f"{exposure.path} can no longer be read ({error.strerror}).") from error
    if pixels.size != shape[0] * shape[1]:
        raise _changed(exposure)
    return pixels.reshape(shape)


@contextlib.contextmanager
def opened(exposure):
    """Open the file of an exposure to read its bytes.

    Parameters
    ----------
    exposure : Exposure

    Yields
    ------
    file object

    Raises
    ------
    ExposureError
        If the file is gone, or not the one that was inspected.
    """
    try:
        file = open(exposure.path, "rb")
    except OSError as error:
        raise ExposureError(f"{exposure.path} can no longer be read ({error.strerror}).") from error
    with file:
        if FileState.of(file.fileno()) != exposure.state:
            raise _changed(exposure)
        yield file


def require_unchanged(exposure):
    """Refuse an exposure whose file is gone, or not the one that was inspected.

    Parameters
    ----------
    exposure : Exposure

    Raises
    ------
    ExposureError
    """
    try:
        state = FileState.of(exposure.path)
    except OSError as error:
        raise ExposureError(f"{exposure.path} can no longer be read ({error.strerror}).") from error
    if state != exposure.state:
        raise _changed(exposure)


def _changed(exposure):
    return ExposureError(
        f"{exposure.path} was changed by another program while the step ran; it is left as it is: "
        "run the step again."
    )
