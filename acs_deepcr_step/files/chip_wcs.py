"""The WCS of an exposure's chips."""

from dataclasses import dataclass

from astropy.io import fits
from astropy.wcs import WCS

from ..errors import ExposureError
from .exposure import opened
from .fits_reader import quiet

__all__ = ["ExposureWCS", "read_wcs"]


@dataclass(frozen=True, eq=False)
class ExposureWCS:
    """The WCS of an exposure.

    Attributes
    ----------
    chips : dict of int to astropy.wcs.WCS
        By EXTVER, with all their distortion.
    name : str
        WCSNAME.
    """

    chips: dict[int, WCS]
    name: str


def read_wcs(exposure):
    """Read the WCS of an exposure's chips, with all their distortion.

    Parameters
    ----------
    exposure : exposure.Exposure

    Returns
    -------
    ExposureWCS

    Raises
    ------
    ExposureError
        If a chip has no celestial WCS that can be read.
    """
    try:
        with quiet(), opened(exposure) as file, fits.open(file, memmap=False) as hdus:
            chips = {chip.extver: WCS(hdus[chip.sci].header, hdus) for chip in exposure.chips}
            name = str(hdus[exposure.chips[0].sci].header.get("WCSNAME", "")).strip()
        if all(wcs.has_celestial and wcs.naxis == 2 for wcs in chips.values()):
            return ExposureWCS(chips, name)
        reason = "there is none"
    except ExposureError:
        raise
    except Exception as error:  # whatever malformed cards make the WCS library raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
    raise ExposureError(f"{exposure.path} has no WCS that can be used ({reason}): correct its header.")
