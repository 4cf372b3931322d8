"""Copies of the exposures of an observation set, for drizzlepac to change.

Cosmic-ray flags of any program (acsrej, AstroDrizzle, this step) are removed from the copies: the truth
is what AstroDrizzle finds in the pixels alone.
"""

import re
import shutil

import numpy as np
from astropy.io import fits

from ...arrays import dq
from ...errors import InputError
from ...files import inputs, mask_file, provenance
from ...files.fits_reader import quiet
from ...files.inspection import inspect
from .options import WCS_NAME

__all__ = ["inspect_set", "make", "remove_cr_flags", "unaligned"]

_CR_BITS = dq.CR_ASTRODRIZZLE | dq.CR_ACSREJ


def inspect_set(files):
    """Inspect the exposures of one observation set.

    Parameters
    ----------
    files : str, path-like or list of these
        As `inputs.expand` takes them.

    Returns
    -------
    list of exposure.Exposure

    Raises
    ------
    InputError
        If there are fewer than two, or they differ in filter, or two are the same exposure.
    ExposureError
        If one is no exposure that the step can process.
    """
    paths = inputs.expand(files).paths
    exposures = [inspect(path) for path in paths]
    names = ", ".join(path.name for path in paths)
    if len(exposures) < 2:
        raise InputError(
            f"{names} is a single exposure: the truth needs two or more exposures of one field; "
            "name them all."
        )
    filters = sorted({exposure.filter for exposure in exposures})
    if len(filters) > 1:
        raise InputError(
            f"The exposures {names} were taken through {' and '.join(filters)}: give those of one filter."
        )
    for keys in ([one.rootname for one in exposures], [one.path.name for one in exposures]):
        double = sorted({key for key in keys if keys.count(key) > 1})
        if double:
            raise InputError(f"{', '.join(double)} is given more than once: give each exposure once.")
    return exposures


def make(exposures, directory):
    """Copy exposures, without cosmic-ray flags.

    Parameters
    ----------
    exposures : list of exposure.Exposure
    directory : pathlib.Path

    Returns
    -------
    list of pathlib.Path
        ``<rootname>_flc.fits``, independent of the names of the exposures.

    Raises
    ------
    ExposureError
        If this step's flags cannot be distinguished from those of others, as the mask file is missing.
    """
    return [_copy(exposure, directory / _name(i, exposure)) for i, exposure in enumerate(exposures)]


def _name(index, exposure):
    """Return a name like the archive's, from which drizzlepac derives those of its files."""
    is_rootname = re.fullmatch("[a-z0-9]+", exposure.rootname)
    return f"{exposure.rootname if is_rootname else f'exposure{index:02d}'}_flc.fits"


def _copy(exposure, copy):
    earlier = provenance.earlier_flags(exposure) if _flagged_at_user_bit(exposure) else None
    shutil.copyfile(exposure.path, copy)
    with quiet(), fits.open(copy, mode="update", memmap=False) as hdus:
        for keyword in exposure.provenance:
            del hdus[0].header[keyword]
        for chip in exposure.chips:
            flags = hdus[chip.dq].data
            if earlier is not None:
                provenance.take_back(flags, earlier, chip)
            hdus[chip.dq].data = _without_cr_flags(flags)
    return copy


def _flagged_at_user_bit(exposure):
    """Whether the step flagged an exposure at bit 16384, which others use for other things."""
    return provenance.is_flagged(exposure) and exposure.provenance.get("DCRBIT") == dq.USER


def unaligned(copies):
    """Return the names of the copies whose WCS is not fitted by TweakReg.

    Parameters
    ----------
    copies : list of pathlib.Path

    Returns
    -------
    list of str
        Among them the reference, on which the others were aligned.
    """
    names = []
    for copy in copies:
        with quiet():
            header = fits.getheader(copy, "SCI", 1)
        if header.get("FITNAME") != WCS_NAME:
            names.append(copy.name)
    return names


def remove_cr_flags(copies):
    """Remove cosmic-ray flags from copies, in place.

    Parameters
    ----------
    copies : list of pathlib.Path
    """
    for copy in copies:
        with quiet(), fits.open(copy, mode="update", memmap=False) as hdus:
            for hdu in hdus:
                if hdu.name == "DQ":
                    hdu.data = _without_cr_flags(hdu.data)
        mask_file.beside(copy).unlink(missing_ok=True)


def _without_cr_flags(flags):
    flags = np.array(flags)
    flags &= flags.dtype.type(np.iinfo(flags.dtype).max & ~_CR_BITS) if flags.dtype.kind == "u" else ~_CR_BITS
    return flags
