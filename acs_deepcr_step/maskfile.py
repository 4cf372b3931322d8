"""The mask file: what the step decided on an exposure, and on which grounds.

``j8xx01abq_flc_deepcr.fits`` holds, per chip, the plane of reasons (`FLAGS`, see
`acs_deepcr_step.flags`) and the probabilities (`PROB`, int16 of 10,000 p), both
RICE-compressed. It allows to take flags back, to decide anew without the
network, and to carry flags to another copy of the same exposure.
"""

import contextlib
import hashlib
import math
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from astropy.io import fits

from . import fitsbytes
from .dq import CR_BITS
from .errors import ExposureError
from .exposure import same_observation
from .saving import atomic

__all__ = ["ChipMask", "MaskFile", "name_for", "read", "read_header", "same_exposure", "write"]

_KIND = "DEEPCR MASK"

# Of a chip; those of ACS/WFC have an eighth of it.
_MOST_PIXELS = 2**26


@dataclass(frozen=True)
class ChipMask:
    """Flags and probabilities of one chip.

    Attributes
    ----------
    extver, ccdchip : int
    sha256 : str
        Of the SCI data as the file stores them.
    plane : ndarray, (R, C), uint8
        Reasons.
    stored : ndarray, (R, C), int16
        10,000 p.
    """

    extver: int
    ccdchip: int
    sha256: str
    plane: np.ndarray = field(repr=False)
    stored: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class MaskFile:
    """A whole mask file.

    Attributes
    ----------
    rootname : str
    expstart : float
    model, model_hash, precision : str
        What the probabilities were computed with.
    threshold : float
    grow : int
    protect_saturated : bool
    crbit : int
        The bit that FLAGGED pixels carry, if the exposure is of run `run`.
    run : str
        Identifies the flags; the exposure's header repeats it (DCRRUN).
    previous_run : str
        The run of which the PREVIOUS pixels are, with bit `previous_bit`; empty
        where there was none.
    previous_bit : int
    chips : tuple of ChipMask
    members : tuple of str
        Rootnames of the exposures that were decided from, this one first; empty
        for this one alone.
    group : str
        Identifies all exposures of the group with their pointing; empty for none.
    """

    rootname: str
    expstart: float
    model: str
    model_hash: str
    precision: str
    threshold: float
    grow: int
    protect_saturated: bool
    crbit: int
    chips: tuple[ChipMask, ...]
    run: str = ""
    previous_run: str = ""
    previous_bit: int = 0
    members: tuple[str, ...] = ()
    group: str = ""

    @property
    def nexp(self):
        """Number of exposures that were decided from."""
        return max(len(self.members), 1)

    def identified(self):
        """Return the same mask with its `run` computed from its content."""
        digest = hashlib.sha256(f"{self.model_hash} {self.crbit}".encode())
        for chip in self.chips:
            digest.update(chip.sha256.encode())
            digest.update(np.packbits(chip.plane & 1))
        return replace(self, run=digest.hexdigest()[:16])

    def chip(self, extver):
        """Return the `ChipMask` of an extension version, or None."""
        return next((chip for chip in self.chips if chip.extver == extver), None)


def name_for(exposure_path):
    """Return the name of an exposure's mask file: `<root>_<suffix>_deepcr.fits`.

    Parameters
    ----------
    exposure_path : path-like

    Returns
    -------
    str
    """
    return f"{Path(exposure_path).stem}_deepcr.fits"


def write(path, mask, notes=None, check=None):
    """Write a mask file in the place of an older one, wholly or not at all.

    Parameters
    ----------
    path : pathlib.Path
    mask : MaskFile
    notes, check : optional
        As for `saving.atomic`.

    Raises
    ------
    ExposureError
        If it cannot be written.
    """
    primary = fits.PrimaryHDU()
    header = primary.header
    header["FILETYPE"] = (_KIND, "made by acs_deepcr_step")
    header["ROOTNAME"] = (mask.rootname, "of the exposure")
    if math.isfinite(mask.expstart):
        header["EXPSTART"] = (mask.expstart, "of the exposure, MJD")
    header["DCRMODEL"] = (fitsbytes.header_text(mask.model), "model")
    header["DCRHASH"] = (mask.model_hash, "SHA-256 of the weights, first 16 digits")
    header["DCRPREC"] = (mask.precision, "precision of the network")
    header["DCRTHRSH"] = (mask.threshold, "probability threshold")
    header["DCRGROW"] = (mask.grow, "growth of the flags in pixels")
    header["DCRPSAT"] = (mask.protect_saturated, "flags beside saturated pixels spared")
    header["DCRBIT"] = (mask.crbit, "DQ bit of the flags")
    header["DCRRUN"] = (mask.run, "identifies these flags")
    header["DCRPREV"] = (mask.previous_run, "run whose flags are marked 128")
    header["DCRPBIT"] = (mask.previous_bit, "DQ bit of that run")
    header["DCRNEXP"] = (mask.nexp, "exposures that the flags were decided from")
    header["DCRGROUP"] = (mask.group, "identifies the exposures of the field")
    for number, member in enumerate(mask.members, start=1):
        header[f"DCRM{number:04d}"] = (fitsbytes.header_text(member), "exposure that was decided from")
    header["HISTORY"] = "FLAGS: 1 flagged, 2 bit was set before, 4 grown, 8 spared at saturation,"
    header["HISTORY"] = "16 spared since others show a source, 32 flagged since others do not,"
    header["HISTORY"] = "64 filled by one, 128 flagged by the run before. PROB: 10000 times the probability."
    hdus = fits.HDUList([primary])
    for chip in mask.chips:
        for name, data in (("FLAGS", chip.plane), ("PROB", chip.stored)):
            tile = (min(64, data.shape[0]), data.shape[1])
            hdu = fits.CompImageHDU(data, name=name, compression_type="RICE_1", tile_shape=tile)
            hdu.ver = chip.extver
            hdu.header["CCDCHIP"] = chip.ccdchip
            hdu.header["SCIHASH"] = chip.sha256  # of the SCI data; no room for a comment
            hdus.append(hdu)
    with atomic(path, notes, check) as temporary:
        hdus.writeto(temporary, checksum=True)


def read(path):
    """Read a mask file.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    MaskFile

    Raises
    ------
    ExposureError
        If there is no such file, or it is not a whole mask file.
    """
    path = Path(path)
    with _opened(path) as hdus:
        # Every HDU of ours sums to all ones, and so does the whole file.
        if fitsbytes.ones_complement(path.read_bytes()) != 0xFFFFFFFF:
            raise ValueError("it is damaged: its checksum is wrong")
        header = _header(hdus)
        return replace(header, chips=_chips(hdus))


def read_header(path):
    """Read a mask file without its pixels: a `MaskFile` without chips."""
    with _opened(Path(path)) as hdus:
        return _header(hdus)


@contextlib.contextmanager
def _opened(path):
    if not path.is_file():
        raise ExposureError(f"The mask file {path} is missing: put it back beside its exposure.")
    try:
        fitsbytes.check_counts(path)
        with fits.open(path, memmap=False) as hdus:
            if hdus[0].header.get("FILETYPE") != _KIND:
                raise ValueError("it is not one")
            yield hdus
    except Exception as error:  # whatever a damaged file makes the FITS reader raise
        raise ExposureError(
            f"{path} cannot be read as a mask file of this step ({' '.join(str(error).split())[:200]}): "
            "move it away, or put a whole one in its place."
        ) from error


def _chips(hdus):
    chips = []
    for hdu in hdus:
        if hdu.name == "FLAGS":
            # Checked before the pixels are unpacked: a small file can hold a vast image.
            for plane in (hdu, hdus["PROB", hdu.ver]):
                if len(plane.shape) != 2 or math.prod(plane.shape) > _MOST_PIXELS:
                    raise ValueError(f"an image of shape {plane.shape}")
            stored = hdus["PROB", hdu.ver].data
            if stored.dtype.kind != "i" or stored.dtype.itemsize != 2:
                raise ValueError("PROB does not hold 16-bit integers")
            if stored.shape != hdu.data.shape or hdu.data.dtype != np.uint8:
                raise ValueError("FLAGS and PROB do not fit")
            keys = hdu.header
            chips.append(ChipMask(hdu.ver, int(keys["CCDCHIP"]), str(keys["SCIHASH"]), hdu.data, stored))
    return tuple(chips)


def _header(hdus):
    header = hdus[0].header
    if header["DCRBIT"] not in CR_BITS or header["DCRPBIT"] not in (0, *CR_BITS):
        raise ValueError("the bit of its flags is not one for cosmic rays")
    return MaskFile(
        rootname=str(header["ROOTNAME"]),
        expstart=float(header.get("EXPSTART", math.nan)),
        model=str(header["DCRMODEL"]),
        model_hash=str(header["DCRHASH"]),
        precision=str(header["DCRPREC"]),
        threshold=float(header["DCRTHRSH"]),
        grow=int(header["DCRGROW"]),
        protect_saturated=bool(header["DCRPSAT"]),
        crbit=int(header["DCRBIT"]),
        chips=(),
        run=str(header["DCRRUN"]),
        previous_run=str(header["DCRPREV"]),
        previous_bit=int(header["DCRPBIT"]),
        members=tuple(str(value) for key, value in header.items() if re.fullmatch(r"DCRM\d{4}", key)),
        group=str(header.get("DCRGROUP", "")),
    )


def same_exposure(mask, exposure, chip, sha256):
    """Tell whether a mask is of this chip of this exposure.

    Parameters
    ----------
    mask : MaskFile
    exposure : acs_deepcr_step.exposure.Exposure
    chip : acs_deepcr_step.exposure.Chip
    sha256 : str
        Of the chip's SCI data in the exposure.

    Returns
    -------
    bool
        Whether rootname, start, chip, shape and SCI data are the same. Headers
        that TweakReg and AstroDrizzle change do not count.
    """
    its = mask.chip(chip.extver)
    return (
        its is not None
        and same_observation(mask, exposure)
        and its.ccdchip == chip.ccdchip
        and its.plane.shape == chip.shape
        and its.sha256 == sha256
    )
