"""One exposure on disk: its facts, and its pixels.

An `Exposure` is made by `inspection.inspect`; `read_sci` and `read_dq` give the pixels of one
chip, by the bytes: DQ is kept as the file stores it, so that writing it back changes the wanted
bits and nothing else.
"""

import contextlib
import hashlib
import math
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import ExposureError
from ..instruments import Instrument
from .suitability import Caution

__all__ = [
    "MOST_PIXELS",
    "Chip",
    "Exposure",
    "FileState",
    "SciPixels",
    "Span",
    "opened",
    "read_bytes",
    "read_dq",
    "read_sci",
    "require_unchanged",
    "same_observation",
]

# Of a chip, as a mask file can hold it and memory can; those of ACS/WFC have an eighth of it.
MOST_PIXELS = 2**26


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
    blank : int or None
        BLANK of SCI: as stored, pixels without a value.
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
    blank: int | None = None


@dataclass(frozen=True)
class Exposure:
    """What the headers of an exposure say.

    Attributes
    ----------
    path : pathlib.Path
    rootname : str
    expstart : float
        Modified Julian date; nan where the header has none.
    instrument : Instrument
    filter : str
    passband : str
        What of the sky it shows: its filter, and the wavelength that a ramp filter was set to.
    follows_target : bool
        Whether the telescope followed a target that moves (MTFLAG).
    chips : tuple of Chip
    spans : tuple of Span
        One per HDU.
    state : FileState
        When the headers were read.
    provenance : dict of str to str, float, int or bool
        Cards of an earlier run of the step; empty where there was none.
    unsuited : tuple of str
        Why it is not for the step to decide on, although it flagged it before.
    cautions : tuple of suitability.Caution
        Why its flags need a look.
    """

    path: Path
    rootname: str
    expstart: float
    instrument: Instrument
    filter: str
    passband: str
    follows_target: bool
    chips: tuple[Chip, ...]
    spans: tuple[Span, ...]
    state: FileState
    provenance: dict[str, str | float | int | bool]
    unsuited: tuple[str, ...] = ()
    cautions: tuple[Caution, ...] = ()

    @property
    def warnings(self):
        """The cautions as sentences that name the file."""
        return tuple(f"{self.path.name}: {caution}" for caution in self.cautions)


@dataclass(frozen=True, eq=False)
class SciPixels:
    """The SCI pixels of one chip, as the file stores them.

    Attributes
    ----------
    chip : Chip
    raw : ndarray, (R, C)
        Big-endian, unscaled.
    """

    chip: Chip
    raw: np.ndarray = field(repr=False)

    @cached_property
    def sha256(self):
        """SHA-256 of the bytes in the file: identifies the pixels, 64 hex digits."""
        return hashlib.sha256(self.raw).hexdigest()

    def in_electrons(self):
        """Return the image in electrons, (R, C).

        `raw` itself where it holds electrons already, else float32. Pixels without a
        value (BLANK) are nan.
        """
        chip = self.chip
        if (chip.scale, chip.zero, chip.to_electrons, chip.blank) == (1.0, 0.0, 1.0, None):
            return self.raw
        image = self.raw.astype(np.float32)
        image *= chip.scale * chip.to_electrons
        image += chip.zero * chip.to_electrons
        if chip.blank is not None:
            image[self.raw == chip.blank] = np.nan
        return image

    def native_electrons(self):
        """Return the image in electrons, (R, C) float32, contiguous and in the byte order of this machine."""
        return np.ascontiguousarray(self.in_electrons(), np.float32)

    def from_electrons(self, values):
        """Return electrons as the file stores them, (N,) float64.

        Parameters
        ----------
        values : ndarray, (N,), float
        """
        values = (values.astype(np.float64) / self.chip.to_electrons - self.chip.zero) / self.chip.scale
        if self.raw.dtype.kind in "iu":
            limits = np.iinfo(self.raw.dtype)
            values = np.rint(values).clip(limits.min, limits.max)
        return values


def same_observation(one, other):
    """Return whether two `Exposure` (or mask files) have the same rootname and start.

    Exposures without a start (EXPSTART) have the same one.
    """
    starts = (one.expstart, other.expstart)
    return one.rootname == other.rootname and (
        starts[0] == starts[1] or all(math.isnan(start) for start in starts)
    )


def read_sci(exposure, chip):
    """Read a chip's SCI pixels.

    Parameters
    ----------
    exposure : Exposure
    chip : Chip

    Returns
    -------
    SciPixels

    Raises
    ------
    ExposureError
        If the file is gone, or not the one that was inspected.
    """
    return SciPixels(chip, _read(exposure, exposure.spans[chip.sci].data, chip.sci_dtype, chip.shape))


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
        bits of `arrays.dq` are as they should be.

    Raises
    ------
    ExposureError
        If the file is gone, or not the one that was inspected.
    """
    return _read(exposure, exposure.spans[chip.dq].data, chip.dq_dtype, chip.shape)


def read_bytes(exposure, start, end):
    """Read some bytes of an exposure's file.

    Parameters
    ----------
    exposure : Exposure
    start, end : int

    Returns
    -------
    bytes

    Raises
    ------
    ExposureError
        If the file is gone, or not the one that was inspected.
    """
    with opened(exposure) as file:
        file.seek(start)
        return file.read(end - start)


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
