"""The mask file: what the step decided on an exposure, and on which grounds.

``j8xx01abq_flc_deepcr.fits`` holds, per chip, the reasons (`FLAGS`, 16 bits, see `arrays.reasons`)
and the probabilities (`PROB`, int16, 10,000 times the probability), both RICE-compressed. It
allows to take flags back, to decide anew without the network, and to carry flags to another copy
of the same exposure.
"""

import contextlib
import hashlib
import io
import math
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from astropy.io import fits

from ..arrays import reasons
from ..arrays.dq import CR_BITS
from ..arrays.probabilities import SCALE
from ..config.decision import Decision
from ..errors import ExposureError
from . import fitsbytes, structure
from .atomic import write_bytes
from .exposure import MOST_PIXELS, same_observation
from .fits_reader import quiet
from .names import stem_of

__all__ = [
    "ChipMask", "MadeBy", "MaskFile", "beside", "is_mask_of", "name_for", "read", "read_header", "write",
]  # fmt: skip

_KIND = "DEEPCR MASK"

# Bytes of the largest file that can be one: of some chips of `MOST_PIXELS`, hardly compressed.
_LARGEST = 2**30


@dataclass(frozen=True)
class ChipMask:
    """Flags and probabilities of one chip.

    Attributes
    ----------
    extver, ccdchip : int
    sha256 : str
        Of the SCI data as the file stores them.
    reasons : ndarray, (R, C), uint16
        Bits of `arrays.reasons`.
    scaled_probability : ndarray, (R, C), int16
        10,000 times the probability.
    nexp : int
        Number of exposures that this chip was decided from; 0 where that is not known.
    """

    extver: int
    ccdchip: int
    sha256: str
    reasons: np.ndarray = field(repr=False)
    scaled_probability: np.ndarray = field(repr=False)
    nexp: int = 0


@dataclass(frozen=True)
class MadeBy:
    """What probabilities were computed with.

    Attributes
    ----------
    model : str
        Name of the model.
    model_hash : str
        SHA-256 of its weights, first 16 digits (`network.models.ModelInfo.hashes`).
    precision : str
        Of the network.
    other_hashes : tuple of str
        What else mask files call the same weights; not written.
    """

    model: str
    model_hash: str
    precision: str
    other_hashes: tuple[str, ...] = field(default=(), compare=False)

    def same_network(self, other):
        """Return whether the weights and the precision are the same, whatever the model is called."""
        hashes = {self.model_hash, *self.other_hashes} & {other.model_hash, *other.other_hashes}
        return bool(hashes) and self.precision == other.precision


@dataclass(frozen=True)
class MaskFile:
    """A whole mask file.

    Attributes
    ----------
    rootname : str
    expstart : float
    made_by : MadeBy
    decision : Decision
        Its `crbit` is carried by the flagged pixels, if the exposure is of run `run`.
    chips : tuple of ChipMask
    run : str
        Identifies the flags; the exposure's header repeats it (DCRRUN).
    previous_run : str
        The run of which the PREVIOUS pixels are, with bit `previous_bit`; empty
        where there was none.
    previous_bit : int
    members : tuple of str
        Rootnames of the exposures that were decided from, this one first; empty
        for this one alone.
    field_id : str
        Identifies all exposures of the field with their pointing; empty for none.
    """

    rootname: str
    expstart: float
    made_by: MadeBy
    decision: Decision
    chips: tuple[ChipMask, ...] = ()
    run: str = ""
    previous_run: str = ""
    previous_bit: int = 0
    members: tuple[str, ...] = ()
    field_id: str = ""

    @property
    def nexp(self):
        """Number of exposures that were decided from."""
        return max(len(self.members), 1)

    def identified(self):
        """Return the same mask with its `run` computed from its content."""
        digest = hashlib.sha256(f"{self.made_by.model_hash} {self.decision.crbit}".encode())
        for chip in self.chips:
            digest.update(chip.sha256.encode())
            # Which flags are ours counts too: with others' bits under them, undo takes other ones back.
            for pixels in (reasons.is_flagged(chip.reasons), reasons.is_ours(chip.reasons)):
                digest.update(np.packbits(pixels))
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
    return f"{stem_of(exposure_path)}_deepcr.fits"


def beside(exposure_path):
    """Return the path of the mask file that lies beside an exposure.

    Parameters
    ----------
    exposure_path : pathlib.Path

    Returns
    -------
    pathlib.Path
    """
    return exposure_path.with_name(name_for(exposure_path))


def write(path, mask, notes=None, check=None, rights=None):
    """Write a mask file in the place of an older one, wholly or not at all.

    Parameters
    ----------
    path : pathlib.Path
    mask : MaskFile
    notes, check : optional
        As for `atomic.atomic`.
    rights : rights.Rights, optional
        Of its exposure.

    Raises
    ------
    ExposureError
        If it cannot be written, or is not on the disk as it was written.
    """
    primary = fits.PrimaryHDU()
    header = primary.header
    header["FILETYPE"] = (_KIND, "made by acs_deepcr_step")
    header["ROOTNAME"] = (mask.rootname, "of the exposure")
    if math.isfinite(mask.expstart):
        header["EXPSTART"] = (mask.expstart, "of the exposure, MJD")
    header["DCRMODEL"] = (fitsbytes.header_text(mask.made_by.model), "model")
    header["DCRHASH"] = (mask.made_by.model_hash, "SHA-256 of the weights, first 16 digits")
    header["DCRPREC"] = (mask.made_by.precision, "precision of the network")
    header.update(mask.decision.to_cards())
    header["DCRRUN"] = (mask.run, "identifies these flags")
    header["DCRPREV"] = (mask.previous_run, f"run whose flags are marked {reasons.PREVIOUS}")
    header["DCRPBIT"] = (mask.previous_bit, "DQ bit of that run")
    header["DCRNEXP"] = (mask.nexp, "exposures that the flags were decided from")
    header["DCRGROUP"] = (mask.field_id, "identifies the exposures of the field")
    for number, member in enumerate(mask.members, start=1):
        header[f"DCRM{number:04d}"] = (fitsbytes.header_text(member), "exposure that was decided from")
    for line in reasons.summary():
        header["HISTORY"] = f"FLAGS {line}"
    header["HISTORY"] = f"PROB: {SCALE} times the probability"
    hdus = fits.HDUList([primary])
    for chip in mask.chips:
        for name, data in (("FLAGS", chip.reasons.astype(np.int16)), ("PROB", chip.scaled_probability)):
            tile = (min(64, data.shape[0]), data.shape[1])
            hdu = fits.CompImageHDU(data, name=name, compression_type="RICE_1", tile_shape=tile)
            hdu.ver = chip.extver
            hdu.header["CCDCHIP"] = chip.ccdchip
            hdu.header["SCIHASH"] = chip.sha256  # of the SCI data; no room for a comment
            if chip.nexp and name == "FLAGS":
                hdu.header["DCRNEXP"] = (chip.nexp, "exposures that this chip was decided from")
            hdus.append(hdu)
    content = io.BytesIO()
    with quiet():
        hdus.writeto(content, checksum=True)
    write_bytes(path, content.getbuffer(), rights=rights, notes=notes, check=check, error=ExposureError)


def read(path, *, probabilities=True):
    """Read a mask file.

    Parameters
    ----------
    path : pathlib.Path
    probabilities : bool, optional
        Whether to read them; they take most of the time. Else they are None.

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
        if fitsbytes.file_sum(path) != 0xFFFFFFFF:
            raise ValueError("it is damaged: its checksum is wrong")
        header = _header(hdus)
        return replace(header, chips=_chips(hdus, probabilities))


def read_header(path):
    """Read a mask file without its pixels: a `MaskFile` without chips."""
    with _opened(Path(path)) as hdus:
        return _header(hdus)


@contextlib.contextmanager
def _opened(path):
    if not path.exists():
        raise ExposureError(f"The mask file {path} is missing: put it back beside its exposure.")
    try:
        structure.scan(path)
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is larger than any")
        # The FITS library changes the filters of warnings, the whole process's, for compressed images.
        with quiet(), fits.open(path, memmap=False) as hdus:
            if hdus[0].header.get("FILETYPE") != _KIND:
                raise ValueError("it is not one")
            yield hdus
    except Exception as error:  # whatever a damaged file makes the FITS reader raise
        raise ExposureError(
            f"{path} cannot be read as a mask file of this step ({' '.join(str(error).split())[:200]}): "
            "move it away, or put a whole one in its place."
        ) from error


def _chips(hdus, wanted):
    chips = []
    for hdu in hdus:
        if hdu.name == "FLAGS":
            probabilities = hdus["PROB", hdu.ver]
            # Checked before the pixels are unpacked: a small file can hold a vast image.
            for image in (hdu, probabilities):
                if len(image.shape) != 2 or math.prod(image.shape) > MOST_PIXELS:
                    raise ValueError(f"an image of shape {image.shape}")
            scaled = probabilities.data if wanted else None
            if wanted and (scaled.dtype.kind != "i" or scaled.dtype.itemsize != 2):
                raise ValueError("PROB does not hold 16-bit integers")
            # Mask files of version 0.1 had FLAGS of 8 bits.
            if probabilities.shape != hdu.data.shape or hdu.data.dtype not in (np.uint8, np.int16):
                raise ValueError("FLAGS and PROB do not fit")
            flags, keys = hdu.data.astype(reasons.DTYPE), hdu.header
            number, nexp = int(keys["CCDCHIP"]), int(keys.get("DCRNEXP", 0))
            chips.append(ChipMask(hdu.ver, number, str(keys["SCIHASH"]), flags, scaled, nexp))
    return tuple(chips)


def _header(hdus):
    header = hdus[0].header
    if header["DCRBIT"] not in CR_BITS or header["DCRPBIT"] not in (0, *CR_BITS):
        raise ValueError("the bit of its flags is not one for cosmic rays")
    return MaskFile(
        rootname=str(header["ROOTNAME"]),
        expstart=float(header.get("EXPSTART", math.nan)),
        made_by=MadeBy(str(header["DCRMODEL"]), str(header["DCRHASH"]), str(header["DCRPREC"])),
        decision=Decision.from_cards(header),
        run=str(header["DCRRUN"]),
        previous_run=str(header["DCRPREV"]),
        previous_bit=int(header["DCRPBIT"]),
        members=tuple(str(value) for key, value in header.items() if re.fullmatch(r"DCRM\d{4}", key)),
        field_id=str(header.get("DCRGROUP", "")),
    )


def is_mask_of(mask, exposure, sci):
    """Tell whether a mask is of this chip of this exposure.

    Parameters
    ----------
    mask : MaskFile
    exposure : exposure.Exposure
    sci : exposure.SciPixels
        Of the chip in the exposure.

    Returns
    -------
    bool
        Whether rootname, start, chip, shape and SCI data are the same. Headers
        that TweakReg and AstroDrizzle change do not count.
    """
    chip = mask.chip(sci.chip.extver)
    return (
        chip is not None
        and same_observation(mask, exposure)
        and chip.ccdchip == sci.chip.ccdchip
        and chip.reasons.shape == sci.chip.shape
        and chip.sha256 == sci.sha256
    )
