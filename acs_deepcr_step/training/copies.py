"""Copies of the exposures of an observation set that drizzlepac may change.

A copy carries no flag of a cosmic ray, whoever set it (calacs' acsrej, AstroDrizzle, this
step): the truth is what AstroDrizzle finds in the pixels, and nothing else.
"""

import re
import shutil

import numpy as np
from astropy.io import fits

from .. import dq, inputs, maskfile, provenance
from ..errors import InputError
from ..inspection import inspect, quiet
from .truth_options import WCS_NAME

__all__ = ["checked", "make", "strip", "unaligned"]

_ANY_CR = dq.CR_ASTRODRIZZLE | dq.CR_ACSREJ


def checked(files):
    """Return the exposures of one observation set.

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
    paths, _ = inputs.expand(files)
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
    for what in (lambda exposure: exposure.rootname, lambda exposure: exposure.path.name):
        keys = [what(exposure) for exposure in exposures]
        double = sorted({key for key in keys if keys.count(key) > 1})
        if double:
            raise InputError(f"{', '.join(double)} is given more than once: give each exposure once.")
    return exposures


def make(exposures, directory):
    """Copy exposures, without the flags of cosmic rays.

    Parameters
    ----------
    exposures : list of exposure.Exposure
    directory : pathlib.Path

    Returns
    -------
    list of pathlib.Path
        ``<rootname>_flc.fits``, whatever the names of the exposures.

    Raises
    ------
    ExposureError
        If the flags of this step are not to be told from those of others, since the mask file is missing.
    """
    return [_copy(exposure, directory / _name(i, exposure)) for i, exposure in enumerate(exposures)]


def _name(index, exposure):
    """A name as the archive gives, from which drizzlepac makes those of its own files."""
    usual = re.fullmatch("[a-z0-9]+", exposure.rootname)
    return f"{exposure.rootname if usual else f'exposure{index:02d}'}_flc.fits"


def _copy(exposure, copy):
    earlier = provenance.earlier_flags(exposure) if _ours_at_user_bit(exposure) else None
    shutil.copyfile(exposure.path, copy)
    with quiet(), fits.open(copy, mode="update", memmap=False) as hdus:
        for keyword in exposure.provenance:
            del hdus[0].header[keyword]
        for chip in exposure.chips:
            flags = hdus[chip.dq].data
            if earlier is not None:
                provenance.take_back(flags, earlier, chip)
            hdus[chip.dq].data = _without(flags)
    return copy


def _ours_at_user_bit(exposure):
    """Whether the step flagged an exposure at bit 16384, which others use for other things."""
    return provenance.is_flagged(exposure) and exposure.provenance.get("DCRBIT") == dq.USER


def unaligned(copies):
    """Return the names of the copies whose WCS is not of TweakReg's fit.

    Parameters
    ----------
    copies : list of pathlib.Path

    Returns
    -------
    list of str
        Among them the one that the others were aligned on.
    """
    names = []
    for copy in copies:
        with quiet():
            header = fits.getheader(copy, "SCI", 1)
        if header.get("FITNAME") != WCS_NAME:
            names.append(copy.name)
    return names


def strip(copies):
    """Take the flags of cosmic rays away from copies, in place.

    Parameters
    ----------
    copies : list of pathlib.Path
    """
    for copy in copies:
        with quiet(), fits.open(copy, mode="update", memmap=False) as hdus:
            for hdu in hdus:
                if hdu.name == "DQ":
                    hdu.data = _without(hdu.data)
        copy.with_name(maskfile.name_for(copy)).unlink(missing_ok=True)


def _without(flags):
    flags = np.array(flags)
    flags &= flags.dtype.type(np.iinfo(flags.dtype).max & ~_ANY_CR) if flags.dtype.kind == "u" else ~_ANY_CR
    return flags
