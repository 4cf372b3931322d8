"""What a file is, by its headers: an exposure that the step can process, or why not.

`inspect` reads no pixels and changes nothing. All faults of a file are gathered
into one error.
"""

import math
import re
from pathlib import Path

import numpy as np
from astropy.io import fits

from .. import instruments
from ..errors import ExposureError
from . import fitsbytes, structure, suitability
from .exposure import MOST_PIXELS, Chip, Exposure, FileState
from .fits_reader import quiet

__all__ = ["inspect"]

# Products that carry SCI or DQ extensions, but are no calibrated single exposures.
_NOT_EXPOSURES = {
    "raw": "an uncalibrated exposure: run calacs on it and give its flc file",
    "spt": "a support file without an image",
    "asn": "an association table",
    "jit": "a jitter file",
    "crj": "a product in which exposures were combined and cosmic rays removed already",
    "crc": "a product in which exposures were combined and cosmic rays removed already",
    "sx2": "a product of combined and rectified exposures",
    "drz": "a drizzled product: give the exposures it was made of",
    "drc": "a drizzled product: give the exposures it was made of",
    "crmask": "a cosmic-ray mask of AstroDrizzle",
    "deepcr": "a mask file of this step",
    "clean": "a cleaned image of this step",
    "truth": "the truth of a simulated exposure",
}

_INTEGERS = {16: np.dtype(">i2"), 32: np.dtype(">i4")}
_NUMBERS = {8: np.dtype("u1"), -32: np.dtype(">f4"), -64: np.dtype(">f8"), **_INTEGERS}

# How often a file is read anew that is replaced meanwhile.
_TRIES = 10

# Larger numbers have no meaning, and do not fit everywhere.
_LAST_EXTVER = _LAST_CHIP = 9999


def inspect(path, any_detector=False):
    """Read the headers of an exposure and check that the step can process it.

    Parameters
    ----------
    path : path-like
    any_detector : bool
        Whether detectors are allowed that are not taken as they come (never those that are no CCDs).

    Returns
    -------
    Exposure

    Raises
    ------
    ExposureError
        With a sentence that names the file and every fault found.
    """
    path = Path(path)
    suffix = re.search(r"_([a-z0-9]+)\.fits(\.gz|\.fz)?$", path.name.lower())
    if path.name.lower().endswith((".gz", ".fz")):
        tool = "gunzip" if path.name.lower().endswith(".gz") else "funpack"
        raise ExposureError(f"{path} is compressed: unpack it first ({tool} {path.name}).")
    if suffix and suffix[1] in _NOT_EXPOSURES:
        raise ExposureError(
            f"{path} is {_NOT_EXPOSURES[suffix[1]]}; the step takes *_flc.fits or *_flt.fits."
        )
    state = _regular_file(path)
    for left in reversed(range(_TRIES)):
        try:
            found, fault = _inspected(path, state, any_detector), None
        except ExposureError as error:
            found, fault = None, error
        before, state = state, _regular_file(path)
        # A run that put its result in the place of the file meanwhile mixed an old size with new headers.
        if state == before or not left:
            break
    if fault is not None:
        raise fault
    return found


def _inspected(path, state, any_detector):
    try:
        headers, spans = _headers(path)
    except PermissionError as error:
        raise _unreadable(path, error) from error
    except Exception as error:  # whatever a malformed file makes the FITS reader raise
        raise ExposureError(
            f"{path} is not a FITS file that can be read ({_one_line(error)}): "
            "fetch it again from the archive."
        ) from error
    if spans[-1].end > state.size:
        raise ExposureError(
            f"{path} is truncated ({state.size} bytes where its headers require {spans[-1].end}): "
            "fetch it again from the archive."
        )
    try:
        with quiet():  # malformed cards that the step does not need are not its business
            return _checked(path, state, headers, spans, any_detector)
    except ExposureError:
        raise
    except Exception as error:  # as above
        raise ExposureError(
            f"{path} has a header card that cannot be read ({_one_line(error)}): "
            "correct that card, or fetch the file again from the archive."
        ) from error


def _one_line(error):
    return " ".join(str(error).split())[:200] or type(error).__name__


def _unreadable(path, error):
    return ExposureError(f"{path} cannot be read ({error.strerror}): check its permissions.")


def _regular_file(path):
    try:
        if not path.is_file():
            raise ExposureError(f"{path} is not a file: name a calibrated exposure, e.g. *_flc.fits.")
        state = FileState.of(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    if state.size == 0:
        raise ExposureError(f"{path} is empty: fetch it again from the archive.")
    return state


def _headers(path):
    """Headers and places of all HDUs, without reading pixels."""
    spans = tuple(hdu.span for hdu in structure.scan(path))
    options = {"memmap": False, "lazy_load_hdus": False, "disable_image_compression": True}
    with quiet(), fits.open(path, **options) as hdus:  # what is wrong is found and named below
        headers = [hdu.header.copy() for hdu in hdus]
        places = [(where["hdrLoc"], where["datLoc"]) for where in (hdu.fileinfo() for hdu in hdus)]
    # Readers disagree about a file that is damaged, and users have one of them.
    if places != [(span.header, span.data) for span in spans]:
        raise ValueError("where its HDUs begin is not clear")
    return headers, spans


def _text(header, key):
    return str(header.get(key, "")).strip()


def _number(header, key):
    value = header.get(key)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else math.nan


def _checked(path, state, headers, spans, any_detector):
    primary = headers[0]
    instrument = _instrument(primary)
    provenance = {key: primary[key] for key in primary if key == "DEEPCR" or key.startswith("DCR")}
    unsuited = suitability.refusals(instrument, any_detector, primary)
    # What the step flagged, it can undo, whatever it is.
    faults = [] if provenance else list(unsuited)
    extensions = _extensions(headers, faults)
    if "DCRCLEAN" in primary:
        faults.append("its SCI pixels were filled by this step: give the exposure that it was made of")
    if any(_text(header, "EXTNAME").upper() == "WHT" for header in headers[1:]):
        faults.append("it is a drizzled product: give the exposures it was made of")
    chips = []
    for extver in sorted(version for name, version in extensions if name == "SCI"):
        pair = (extensions["SCI", extver], extensions.get(("DQ", extver)))
        chips.append(_chip(instrument, headers, pair, extver, faults))
        _check_sizes(chips[-1], spans, faults)
    if not any(name == "SCI" for name, _ in extensions):
        faults.append("it has no SCI extension: give a calibrated exposure (*_flc.fits)")
    if faults:
        raise ExposureError(f"{path} cannot be processed: {'; '.join(dict.fromkeys(faults))}.")
    telling = [primary, *(headers[chip.sci] for chip in chips)]
    shortest, filter_name = min(chip.exptime for chip in chips), _filter_name(primary)
    return Exposure(
        path=path,
        rootname=fitsbytes.header_text(_text(primary, "ROOTNAME") or path.name.split("_")[0]).lower(),
        expstart=_number(primary, "EXPSTART"),
        instrument=instrument,
        filter=filter_name,
        passband=_passband(primary),
        follows_target=suitability.follows_target(primary),
        chips=tuple(chips),
        spans=spans,
        state=state,
        provenance=provenance,
        unsuited=tuple(unsuited),
        cautions=suitability.cautions(instrument, telling, filter_name, shortest),
    )


def _instrument(primary):
    """Return the record of the detector, at the exposure's gain."""
    gain = _number(primary, "CCDGAIN")
    name, detector = (_text(primary, key).upper() for key in ("INSTRUME", "DETECTOR"))
    return instruments.find(name, detector, _number(primary, "ATODGAIN") if math.isnan(gain) else gain)


def _check_sizes(chip, spans, faults):
    """Refuse images whose data are not as large as their shape implies (PCOUNT, GCOUNT)."""
    for name, index, dtype in (("SCI", chip.sci, chip.sci_dtype), ("DQ", chip.dq, chip.dq_dtype)):
        if index is None or dtype is None:
            continue
        size = chip.shape[0] * chip.shape[1] * dtype.itemsize
        if spans[index].end - spans[index].data != size + -size % fitsbytes.BLOCK:
            faults.append(f"[{name},{chip.extver}] is not as large as its shape implies")


def _extensions(headers, faults):
    """Index of each SCI and DQ extension by (name, version); the others are not the step's business."""
    found = {}
    for index, header in enumerate(headers[1:], start=1):
        name, version = _text(header, "EXTNAME").upper(), header.get("EXTVER", 1)
        if name not in ("SCI", "DQ"):
            continue
        if not isinstance(version, int) or not 0 < version <= _LAST_EXTVER:
            faults.append(f"HDU {index} has EXTVER {version!r}")
            continue
        if (name, version) in found:
            faults.append(f"it has two extensions [{name},{version}]")
        found.setdefault((name, version), index)
    return found


def _filter_name(primary):
    """Name of the filter: FILTER1 and FILTER2 without the clear positions."""
    # WFPC2 numbers its filters there.
    keys = ("FILTNAM1", "FILTNAM2") if "FILTNAM1" in primary else ("FILTER", "FILTER1", "FILTER2")
    names = [_text(primary, key).upper() for key in keys]
    return "+".join(name for name in names if name and not name.startswith(("CLEAR", "N/A")))


def _passband(primary):
    """Name of the filter, and the wavelength that it is set to if it is a ramp filter."""
    wavelength = _number(primary, "LRFWAVE")
    name = _filter_name(primary)
    return f"{name}@{wavelength:g}" if wavelength > 0 else name


def _chip(instrument, headers, pair, extver, faults):
    """Check one SCI and DQ pair; the chip's facts, of use only if there was no fault."""
    primary, sci = headers[0], headers[pair[0]]
    shape = _image_shape(sci, f"[SCI,{extver}]", faults)
    if sci.get("BITPIX") not in _NUMBERS:
        faults.append(f"[SCI,{extver}] has BITPIX {sci.get('BITPIX')!r}")
    dq_dtype = _check_dq(headers[pair[1]] if pair[1] else None, extver, shape, faults)
    exptime = _number(sci, "EXPTIME")
    if math.isnan(exptime):
        exptime = _number(primary, "EXPTIME")
    if not (math.isfinite(exptime) and exptime > 0):
        faults.append(f"EXPTIME is {primary.get('EXPTIME')!r}: a time above 0 s is needed")
    if shape[0] * shape[1] > MOST_PIXELS:
        faults.append(f"[SCI,{extver}] has more pixels ({shape[1]} x {shape[0]}) than a mask file can hold")
    scale, zero = (_number(sci, key) for key in ("BSCALE", "BZERO"))
    ccdchip = _number(sci, "CCDCHIP")
    return Chip(
        extver=extver,
        ccdchip=int(ccdchip) if abs(ccdchip) <= _LAST_CHIP else extver,
        shape=shape,
        exptime=exptime,
        to_electrons=_to_electrons(instrument, primary, sci, exptime, faults),
        sci=pair[0],
        dq=pair[1],
        sci_dtype=_NUMBERS.get(sci.get("BITPIX")),
        dq_dtype=dq_dtype,
        dq_count=headers[pair[1]].get("DCRNPIX") if pair[1] else None,
        scale=1.0 if math.isnan(scale) else scale,
        zero=0.0 if math.isnan(zero) else zero,
        blank=_blank(sci),
    )


def _blank(header):
    """Return the number that stands for a pixel without a value; only integers have one."""
    value = header.get("BLANK")
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and header.get("BITPIX", 0) > 0 else None


def _image_shape(header, name, faults):
    """Rows and columns of an image extension; (0, 0) with a fault where it is none."""
    if _text(header, "XTENSION") != "IMAGE":
        what = "is tile-compressed: unpack the file with funpack" if "ZIMAGE" in header else "is no image"
        faults.append(f"{name} {what}")
    elif header.get("NAXIS") == 0:
        faults.append(
            f"{name} has no pixels (a constant, PIXVALUE {header.get('PIXVALUE')!r}): "
            "expand it to an array of its SCI's shape first"
        )
    elif header.get("NAXIS") != 2 or not all(
        isinstance(header.get(key), int) and header[key] > 0 for key in ("NAXIS1", "NAXIS2")
    ):
        faults.append(f"{name} is not two-dimensional")
    else:
        return header["NAXIS2"], header["NAXIS1"]
    return 0, 0


def _check_dq(header, extver, shape, faults):
    name = f"[DQ,{extver}]"
    if header is None:
        faults.append(
            f"[SCI,{extver}] has no DQ extension to write flags into: give the file as calacs wrote it"
        )
        return None
    dq_shape = _image_shape(header, name, faults)
    if dq_shape != (0, 0) and dq_shape != shape:
        faults.append(f"{name} has shape {dq_shape}, but its SCI {shape}")
    dtype = _INTEGERS.get(header.get("BITPIX"))
    # An unsigned array is stored with its top bit turned over, which no CR bit is.
    unsigned = 2.0 ** (8 * dtype.itemsize - 1) if dtype is not None else 0.0
    if dtype is None or header.get("BSCALE", 1) != 1 or header.get("BZERO", 0) not in (0, unsigned):
        faults.append(f"{name} does not hold 16- or 32-bit integers")
    return dtype


def _to_electrons(instrument, primary, sci, exptime, faults):
    """Factor from the unit of SCI to electrons."""
    unit = re.sub(r"\s", "", _text(sci, "BUNIT").upper())
    if unit in ("ELECTRONS", "ELECTRON"):
        return 1.0
    if unit in ("ELECTRONS/S", "ELECTRON/S"):
        return exptime
    if unit == "COUNTS" and instrument.counts_per_gain:
        gain = _number(sci, "ATODGAIN")
        gain = _number(primary, "ATODGAIN") if math.isnan(gain) else gain
        if gain > 0:
            return gain
        faults.append("its unit is COUNTS and its header has no gain (ATODGAIN) to make electrons of them")
    elif unit == "COUNTS":
        faults.append("its unit is COUNTS: it is not calibrated; run calacs on it, which gives ELECTRONS")
    else:
        faults.append(f"the unit of its SCI (BUNIT) is {unit or 'missing'}: ELECTRONS is needed")
    return math.nan
