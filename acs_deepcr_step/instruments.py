"""The detectors: one record each. Nothing else asks which detector an exposure is of.

Sources: the Instrument Handbooks of ACS (wells, gains, cosmic rays), WFC3 (table 5.1), STIS (table 7.1) and
WFPC2; ISR WFC3 2010-10 (wells from 63,000 electrons on); Kwon, Zhang & Bloom 2021, section 2 (what the
models were trained on). What the flags are worth on each, and the cosmic rays of WFC3/UVIS, are measured on
real exposures: docs/accuracy.md.
"""

import math
from dataclasses import dataclass, field, replace

__all__ = ["ACS_WFC", "KNOWN", "Instrument", "find", "without_switch"]

_GLOBAL_MODEL = "ACS-WFC"
# Amplifiers differ from their nominal gain by up to 6 %, and flat fields from 1 by some 8 %: of 4,515
# saturated pixels of simulated stars at gain 1 whose DQ lacks the bits, 1,783 are flagged at the well's
# limit, 284 with a margin of 10 %, and none with this one; TPR and FPR are those with the bits.
_CEILING_MARGIN = 0.85
# Stars of 0.05 arcsec a pixel and of 0.0507 (STIS) were measured; of 0.1 (WFPC2) most are flagged.
_COARSEST = 1.1


@dataclass(frozen=True)
class Instrument:
    """What the step has to know of a detector.

    Attributes
    ----------
    name : str
        INSTRUME.
    detector : str
        DETECTOR; in a record, empty for all of the instrument that have none of their own.
    is_taken : bool
        Whether exposures are taken as they come. Others are taken with `any_detector` only.
    refusal : str
        Why it is never taken; empty where it can be.
    pixel_microns, pixel_arcsec : float
        Side of a pixel; nan where it is not known. All of them have the same telescope before them, so
        the angle says how finely the PSF is sampled.
    full_rows : int
        Rows of a chip that is read out whole; as of ACS/WFC where that is not known. Fewer are a
        subarray, beyond whose edge a star may lie whose charge bleeds into it.
    full_well : float
        Electrons, sky included, above which a pixel counts as saturated whatever its DQ says: at most
        70,000, beside which the training left pixels out (paper, section 2). The wells of ACS/HRC hold
        more; on its real exposure more stars are flagged where they are taken at their word.
    highest_dn : float
        What the converter's highest number is above the bias level, DN.
    gain : float
        Of the exposure, electrons per DN; nan where it is not known.
    shortest_exptime : float
        Seconds; the training left shorter exposures out (paper, section 2).
    counts_per_gain : bool
        Whether exposures in COUNTS are calibrated, and become electrons by ATODGAIN.
    default_model : str
        What ``model=auto`` takes where no model was trained on the filter of this detector.
    cr_rate : tuple of float
        Usual cosmic rays per second and cm2, lowest and highest.
    cr_fraction : tuple of float
        Usual share of pixels that they hit, per second, lowest and highest; empty where that is
        not known.
    """

    name: str
    detector: str
    is_taken: bool = False
    refusal: str = ""
    pixel_microns: float = math.nan
    pixel_arcsec: float = math.nan
    full_rows: int = 2048
    full_well: float = 70_000.0
    # 16 bits, less a bias level of some 2,500.
    highest_dn: float = 63_000.0
    # Two exposures of a detector belong together whatever their gains.
    gain: float = field(default=math.nan, compare=False)
    shortest_exptime: float = 100.0
    counts_per_gain: bool = True
    default_model: str = _GLOBAL_MODEL
    cr_rate: tuple[float, float] = (1.0, 1.3)
    cr_fraction: tuple[float, ...] = ()

    def __str__(self):
        return f"{self.name}/{self.detector}" if self.detector else self.name

    @property
    def pixel_area(self):
        """Area of a pixel in square centimetres; nan where it is not known."""
        return (self.pixel_microns * 1e-4) ** 2

    @property
    def saturation(self):
        """Electrons above which a pixel counts as saturated: its well is full, or the converter ends."""
        ceiling = _CEILING_MARGIN * self.highest_dn * self.gain
        return min(self.full_well, ceiling) if ceiling > 0 else self.full_well

    @property
    def is_coarse(self):
        """Whether stars look sharper to it than any that the models were trained on, or may do so."""
        return not self.pixel_arcsec <= _COARSEST * ACS_WFC.pixel_arcsec


ACS_WFC = Instrument(
    "ACS",
    "WFC",
    is_taken=True,
    pixel_microns=15.0,
    pixel_arcsec=0.05,
    counts_per_gain=False,
    cr_fraction=(1.5e-5, 3e-5),
)

_RAMPS = "is no CCD: it is read up the ramp, and its pipeline takes cosmic rays out of it"
_COUNTS_PHOTONS = "counts photons, which cosmic rays do not mark"

KNOWN = (
    ACS_WFC,
    Instrument(
        "WFC3",
        "UVIS",
        is_taken=True,
        pixel_microns=15.0,
        pixel_arcsec=0.04,
        full_rows=2051,
        full_well=63_000.0,
        cr_rate=(1.3, 1.8),
        cr_fraction=(2.5e-5, 4e-5),
    ),
    Instrument(
        "ACS",
        "HRC",
        is_taken=True,
        pixel_microns=21.0,
        pixel_arcsec=0.027,
        full_rows=1024,
        counts_per_gain=False,
        cr_fraction=(1.5e-5, 3e-5),
    ),
    # At gain 1 its amplifier saturates at 33,000 electrons.
    Instrument("STIS", "CCD", pixel_microns=21.0, pixel_arcsec=0.0507, full_rows=1024, highest_dn=33_000.0),
    # Its planetary camera (0.046 arcsec, one chip of four) comes in the same files. 12 bits.
    Instrument("WFPC2", "", pixel_microns=15.0, pixel_arcsec=0.1, full_rows=800, highest_dn=3_700.0),
    Instrument("ACS", "SBC", refusal=f"ACS/SBC is a MAMA, which {_COUNTS_PHOTONS}", counts_per_gain=False),
    Instrument("WFC3", "IR", refusal=f"WFC3/IR {_RAMPS}"),
    Instrument("NICMOS", "", refusal=f"NICMOS {_RAMPS}"),
    Instrument("STIS", "FUV-MAMA", refusal=f"STIS/FUV-MAMA {_COUNTS_PHOTONS}"),
    Instrument("STIS", "NUV-MAMA", refusal=f"STIS/NUV-MAMA {_COUNTS_PHOTONS}"),
    Instrument("COS", "", refusal=f"COS {_COUNTS_PHOTONS}"),
    Instrument("FOC", "", refusal=f"FOC {_COUNTS_PHOTONS}"),
)


def find(name, detector, gain=math.nan):
    """Return the record of a detector.

    Parameters
    ----------
    name, detector : str
        INSTRUME and DETECTOR, upper case.
    gain : float, optional
        Of the exposure, electrons per DN.

    Returns
    -------
    Instrument
        One with the defaults for a detector that is not known.
    """
    known = {(one.name, one.detector): one for one in KNOWN}
    unknown = Instrument(name, detector, counts_per_gain=name != "ACS")
    record = known.get((name, detector), known.get((name, ""), unknown))
    return replace(record, detector=detector, gain=gain)


def without_switch():
    """Return the detectors whose exposures are taken as they come, in words."""
    *others, last = (str(one) for one in KNOWN if one.is_taken)
    return f"{', '.join(others)} and {last}"
