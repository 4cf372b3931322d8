"""The detectors: one record each. Nothing else asks which detector an exposure is of.

Sources: ACS, WFC3 and STIS Instrument Handbooks (pixel and array sizes); Kwon, Zhang & Bloom 2021,
section 2 (what the models were trained on).
"""

import math
from dataclasses import dataclass

__all__ = ["ACS_WFC", "Instrument", "find"]


@dataclass(frozen=True)
class Instrument:
    """What the step has to know of a detector.

    Attributes
    ----------
    name : str
        INSTRUME.
    detector : str
        DETECTOR.
    trained : bool
        Whether the models were trained on it. Another one is taken with `any_detector` only.
    refusal : str
        Why it is never taken; empty where it can be.
    pixel_microns : float
        Side of a pixel; nan where it is not known.
    full_rows : int
        Rows of a chip that is read out whole; as of ACS/WFC where that is not known. Fewer are a
        subarray, beyond whose edge a star may lie whose charge bleeds into it.
    full_well : float
        Electrons, sky included, above which a pixel counts as saturated whatever its DQ says:
        the limit beside which the training left pixels out (paper, section 2).
    shortest_exptime : float
        Seconds; the training left shorter exposures out (paper, section 2).
    counts_per_gain : bool
        Whether exposures in COUNTS are calibrated, and become electrons by ATODGAIN.
    cr_rate : tuple of float
        Usual cosmic rays per second and cm2, lowest and highest.
    cr_fraction : tuple of float
        Usual share of pixels that they hit, per second, lowest and highest; empty where that is
        not known.
    """

    name: str
    detector: str
    trained: bool = False
    refusal: str = ""
    pixel_microns: float = math.nan
    full_rows: int = 2048
    full_well: float = 70_000.0
    shortest_exptime: float = 100.0
    counts_per_gain: bool = True
    cr_rate: tuple[float, float] = (1.0, 1.3)
    cr_fraction: tuple[float, ...] = ()

    def __str__(self):
        return f"{self.name}/{self.detector or '?'}"

    @property
    def pixel_area(self):
        """Area of a pixel in square centimetres; nan where it is not known."""
        return (self.pixel_microns * 1e-4) ** 2


ACS_WFC = Instrument(
    "ACS", "WFC", trained=True, pixel_microns=15.0, counts_per_gain=False, cr_fraction=(1.5e-5, 3e-5)
)

_KNOWN = (
    ACS_WFC,
    Instrument("ACS", "HRC", pixel_microns=21.0, full_rows=1024, counts_per_gain=False),
    Instrument(
        "ACS",
        "SBC",
        refusal="ACS/SBC counts photons with a MAMA, which cosmic rays do not mark",
        counts_per_gain=False,
    ),
    Instrument("WFC3", "UVIS", pixel_microns=15.0, full_rows=2051),
    Instrument("STIS", "CCD", pixel_microns=21.0, full_rows=1024),
)


def find(name, detector):
    """Return the record of a detector.

    Parameters
    ----------
    name, detector : str
        INSTRUME and DETECTOR, upper case.

    Returns
    -------
    Instrument
        One with the defaults for a detector that is not known.
    """
    known = {(one.name, one.detector): one for one in _KNOWN}
    return known.get((name, detector), Instrument(name, detector, counts_per_gain=name != "ACS"))
