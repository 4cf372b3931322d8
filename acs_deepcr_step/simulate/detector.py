"""The detector: pixels that are hot, bad or full, and the amplifiers that read and digitise them.

Gains and read noises are those of ACS/WFC after its repair in 2009 (ACS Instrument Handbook), and rounded
ones of WFC3/UVIS (WFC3 Instrument Handbook, headers of 2018). In both, chip 1 (EXTVER 2) is read by
amplifiers A (left) and B, chip 2 (EXTVER 1) by C and D. Calibrated pixels have bias and dark subtracted and
keep the sky.
"""

from dataclasses import dataclass

import numpy as np

from ..arrays import dq

__all__ = [
    "ACS_WFC", "AMPLIFIERS", "BIAS_DN", "DARK", "Detector", "Electronics", "GAINS", "READ_NOISE", "Readout",
    "ReadoutNoise", "STEP", "Section", "UVIS", "bleed", "draw", "draw_noise", "read", "sections",
]  # fmt: skip

AMPLIFIERS = "ABCD"
GAINS = {"A": 2.02, "B": 1.886, "C": 2.017, "D": 2.011}  # e-/DN at CCDGAIN 2
READ_NOISE = {"A": 4.35, "B": 3.75, "C": 4.05, "D": 5.05}  # electrons
DARK = 0.011  # e-/s, mean
BIAS_DN = 2400  # level that the converter adds before it counts to 65535
STEP = 64  # values are rounded to 1/64 e-, so that float32 differences of them are exact
_LEFT_AND_RIGHT = {1: "AB", 2: "CD"}  # by CCDCHIP
_HALF = 2048  # columns of a chip that an amplifier reads


@dataclass(frozen=True, eq=False)
class Electronics:
    """The CCDs of a camera and what reads them.

    Attributes
    ----------
    gains : dict of str to float
        By amplifier, e-/DN at the nominal gain.
    read_noise : dict of str to float
        By amplifier, electrons.
    nominal_gain : float
        CCDGAIN that is usual.
    full_well : float
        Usual charge at which a pixel bleeds, electrons.
    dark : float
        Mean, e-/s.
    bias_dn : int
        Level that the converter adds before it counts to 65535.
    """

    gains: dict[str, float]
    read_noise: dict[str, float]
    nominal_gain: float
    full_well: float
    dark: float
    bias_dn: int


ACS_WFC = Electronics(GAINS, READ_NOISE, 2.0, 80000.0, DARK, BIAS_DN)
UVIS = Electronics(
    dict.fromkeys(AMPLIFIERS, 1.56), {"A": 3.03, "B": 3.13, "C": 3.08, "D": 3.18}, 1.5, 70000.0, 0.002, 2500
)


@dataclass(frozen=True)
class Section:
    """The part of an array that one amplifier reads.

    Attributes
    ----------
    amplifier : str
        A, B, C or D.
    columns : slice
        Columns of the array.
    electronics : Electronics
    """

    amplifier: str
    columns: slice
    electronics: Electronics = ACS_WFC

    @property
    def read_noise(self):
        """Electrons."""
        return self.electronics.read_noise[self.amplifier]

    def gain(self, ccdgain):
        """Return the electrons per DN at a nominal gain (CCDGAIN)."""
        return self.electronics.gains[self.amplifier] * ccdgain / self.electronics.nominal_gain


@dataclass(frozen=True, eq=False)
class Detector:
    """One chip: its lasting defects, and how it is read.

    Attributes
    ----------
    dark : ndarray, (R, C), float32
        Dark current, e-/s.
    residual : ndarray, (R, C), float32
        What the subtraction of the dark leaves, e-/s; in bad columns also what that of the bias leaves.
    sensitivity : ndarray, (C,), float32
        Relative response of the columns.
    dq : ndarray, (R, C), int16
        Flags of hot, warm and bad pixels.
    sections : tuple of Section
        One per amplifier.
    """

    dark: np.ndarray
    residual: np.ndarray
    sensitivity: np.ndarray
    dq: np.ndarray
    sections: tuple[Section, ...]


@dataclass(frozen=True, eq=False)
class ReadoutNoise:
    """The random numbers of one readout.

    Attributes
    ----------
    normal : ndarray, (R, C), float32
        Standard normal deviates, for the read noise.
    bias_fraction : ndarray, (R, C), float32
        Fraction of a DN (0 to 1) of each pixel's bias. Without it all values would be multiples of the
        gain, which those of calibrated exposures are not.
    """

    normal: np.ndarray
    bias_fraction: np.ndarray


@dataclass(frozen=True, eq=False)
class Readout:
    """The calibrated arrays of one chip.

    Attributes
    ----------
    sci : ndarray, (R, C), float32
        Electrons, sky included.
    err : ndarray, (R, C), float32
        Electrons, as calacs has them: read noise, and Poisson noise of what was collected.
    dq : ndarray, (R, C), int16
    """

    sci: np.ndarray
    err: np.ndarray
    dq: np.ndarray


def sections(ccdchip, columns, first_column, electronics=ACS_WFC):
    """Return what each amplifier reads of an array.

    Parameters
    ----------
    ccdchip : int
        CCDCHIP, 1 or 2.
    columns : int
        Columns of the array.
    first_column : int
        The detector's column (0-based) that is the array's first.
    electronics : Electronics, optional

    Returns
    -------
    tuple of Section
        From left to right, one or two.
    """
    split = min(max(_HALF - first_column, 0), columns)
    left, right = _LEFT_AND_RIGHT[ccdchip]
    parts = (left, slice(0, split)), (right, slice(split, columns))
    halves = [Section(*part, electronics) for part in parts]
    return tuple(half for half in halves if half.columns.stop > half.columns.start)


def draw(shape, parts, options, rng):
    """Draw the lasting defects of a chip.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    parts : tuple of Section
        From `sections`.
    options : SimulationOptions
        Of which `hot_fraction`, `warm_fraction` and `bad_columns` matter.
    rng : numpy.random.Generator

    Returns
    -------
    Detector
    """
    dark = np.full(shape, parts[0].electronics.dark, np.float32)
    flags = np.zeros(shape, np.int16)
    for fraction, lowest, highest, flag in (
        (options.hot_fraction, 0.14, 60.0, dq.HOT),
        (options.warm_fraction, 0.06, 0.14, dq.WARM),
    ):
        number = rng.binomial(dark.size, fraction)
        where = rng.integers(0, dark.size, number)
        # The numbers of pixels fall steeply with the dark current, here as its power -2.5; the slope is free.
        rate = rng.uniform(highest**-1.5, lowest**-1.5, number) ** (-1 / 1.5)
        dark.flat[where] = rate
        flags.flat[where] = flag
    # A dark frame is some days old; hot pixels change by a few per cent meanwhile.
    residual = np.where(flags > 0, dark * 0.02 * rng.standard_normal(shape, dtype=np.float32), 0).astype(
        np.float32
    )
    sensitivity = np.ones(shape[1], np.float32)
    for column in rng.integers(0, shape[1], rng.poisson(options.bad_columns * shape[1] / 1000)):
        rows = slice(rng.integers(0, shape[0]), None)
        if rng.random() < 0.5:
            flags[rows, column] |= dq.BIAS
            residual[rows, column] += rng.normal() * 0.02
        else:
            flags[:, column] |= dq.BAD
            sensitivity[column] = rng.uniform(0.6, 0.95)
    return Detector(dark, residual, sensitivity, flags, parts)


def bleed(electrons, full_well):
    """Let full pixels spill along their columns, half each way; what reaches an edge is lost.

    Parameters
    ----------
    electrons : ndarray, (R, C), float
        Changed in place.
    full_well : float
        Electrons that a pixel holds.

    Returns
    -------
    ndarray, (R, C), bool
        Pixels at the full well.
    """
    columns = np.flatnonzero((electrons > full_well).any(axis=0))
    if columns.size:
        part = np.ascontiguousarray(electrons[:, columns], dtype=np.float64)
        excess = np.clip(part - full_well, 0, None)
        part -= excess
        _carry(part, excess / 2, full_well)
        _carry(part[::-1], excess[::-1] / 2, full_well)
        electrons[:, columns] = part
    return electrons >= full_well * (1 - 1e-6)


def _carry(part, excess, full_well):
    """Carry the excess of each row onwards to higher rows until it finds room."""
    carry = np.zeros(part.shape[1])
    for row, own in zip(part, excess, strict=True):
        total = row + carry
        carry = np.clip(total - full_well, 0, None)
        row[:] = total - carry
        carry += own


def draw_noise(shape, rng):
    """Draw the random numbers of one readout.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    rng : numpy.random.Generator

    Returns
    -------
    ReadoutNoise
    """
    return ReadoutNoise(rng.standard_normal(shape, dtype=np.float32), rng.random(shape, dtype=np.float32))


def read(electrons, detector, noise, exptime, options):
    """Read, digitise and calibrate a chip.

    Parameters
    ----------
    electrons : ndarray, (R, C), float32
        Collected electrons, dark included; not changed.
    detector : Detector
    noise : ReadoutNoise
    exptime : float
        Seconds.
    options : SimulationOptions
        Of which `gain`, `full_well` and `quantise` matter.

    Returns
    -------
    Readout
    """
    collected = electrons.copy()
    full = bleed(collected, options.full_well)
    flags = detector.dq | np.where(full, dq.FULL_WELL, 0).astype(np.int16)
    sci = collected.copy()
    err = np.empty_like(collected)
    for section in detector.sections:
        part, gain, read_noise = section.columns, section.gain(options.gain), section.read_noise
        value = sci[:, part]
        value += read_noise * noise.normal[:, part]
        if options.quantise:
            bias = noise.bias_fraction[:, part]
            np.rint(value / gain + bias, out=value)
            value -= bias
            value *= gain
        limit = gain * (65535 - section.electronics.bias_dn)
        flags[:, part] |= np.where(value >= limit, dq.A_TO_D, 0).astype(np.int16)
        np.minimum(value, limit, out=value)
        err[:, part] = np.sqrt(read_noise**2 + np.clip(collected[:, part], 0, None))
    sci += (detector.residual - detector.dark) * exptime
    np.rint(sci * STEP, out=sci)
    sci /= STEP
    return Readout(sci, err, flags)
