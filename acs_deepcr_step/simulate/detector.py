"""The detector: pixels that are hot, bad or full, and four amplifiers that read and digitise.

Gains and read noises are those of ACS/WFC after its repair in 2009 (ACS Instrument Handbook). Chip 1
(EXTVER 2) is read by amplifiers A (left) and B, chip 2 (EXTVER 1) by C and D. Calibrated pixels have bias
and dark subtracted and keep the sky.
"""

from dataclasses import dataclass

import numpy as np

from .. import dq

GAINS = {"A": 2.02, "B": 1.886, "C": 2.017, "D": 2.011}  # e-/DN at CCDGAIN 2
READ_NOISE = {"A": 4.35, "B": 3.75, "C": 4.05, "D": 5.05}  # electrons
DARK = 0.011  # e-/s, mean
BIAS_DN = 2400  # level that the converter adds before it counts to 65535
STEP = 64  # values are rounded to 1/64 e-, so that float32 differences of them are exact
_AMPLIFIERS = {1: "AB", 2: "CD"}


@dataclass(frozen=True, eq=False)
class Detector:
    """The lasting faults of one chip.

    Attributes
    ----------
    dark : float32 ndarray
        Dark current, e-/s.
    residual : float32 ndarray
        What dark subtraction leaves, e-/s, and a bad column's share of it.
    sensitivity : float32 ndarray, shape (columns,)
        Relative response of the columns.
    dq : int16 ndarray
        Flags of hot, warm and bad pixels.
    """

    dark: np.ndarray
    residual: np.ndarray
    sensitivity: np.ndarray
    dq: np.ndarray


@dataclass(frozen=True, eq=False)
class Readout:
    """One calibrated image: science, error and data quality, and the saturation level reached."""

    sci: np.ndarray
    err: np.ndarray
    dq: np.ndarray


def amplifiers(chip, columns, start):
    """The amplifier's letter and the slice of array columns that it reads.

    Parameters
    ----------
    chip : int
        CCDCHIP, 1 or 2.
    columns, start : int
        Columns of the array, and the detector column (0-based) of its first.
    """
    split = min(max(2048 - start, 0), columns)
    halves = zip(_AMPLIFIERS[chip], (slice(0, split), slice(split, columns)), strict=True)
    return [(letter, part) for letter, part in halves if part.stop > part.start]


def build(shape, options, rng):
    """Draw the lasting faults of a chip of `shape`."""
    dark = np.full(shape, DARK, np.float32)
    flags = np.zeros(shape, np.int16)
    kinds = ((options.hot_fraction, 0.14, 60.0, dq.HOT), (options.warm_fraction, 0.06, 0.14, dq.WARM))
    for fraction, low, high, flag in kinds:
        number = rng.binomial(dark.size, fraction)
        where = rng.integers(0, dark.size, number)
        # The numbers of pixels fall steeply with the dark current, here as its power -2.5; the slope is free.
        rate = rng.uniform(high**-1.5, low**-1.5, number) ** (-1 / 1.5)
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
    return Detector(dark, residual, sensitivity, flags)


def bleed(electrons, full_well):
    """Let full pixels spill along their columns, half each way; what reaches an edge is lost.

    Parameters
    ----------
    electrons : float ndarray
        Changed in place.
    full_well : float

    Returns
    -------
    full : bool ndarray
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


def read(electrons, detector, noise, exptime, amps, options):
    """Read, digitise and calibrate a chip.

    Parameters
    ----------
    electrons : float32 ndarray
        Collected electrons, dark included; not changed.
    detector : Detector
    noise : tuple of two float32 ndarray
        Standard normal deviates for the read noise, and the fraction of a DN (0 to 1) of each pixel's bias,
        without which all values would lie on a lattice that calibrated data do not have.
    exptime : float
    amps : list
        From `amplifiers`.
    options : SimulationOptions

    Returns
    -------
    Readout
        ``sci`` and ``err`` float32 electrons, ``dq`` int16. ``err`` is as calacs makes it: the read noise
        and the Poisson noise of the collected electrons.
    """
    collected = electrons.copy()
    full = bleed(collected, options.full_well)
    flags = detector.dq | np.where(full, dq.FULL_WELL, 0).astype(np.int16)
    sci = collected.copy()
    err = np.empty_like(collected)
    for letter, part in amps:
        gain, read_noise = GAINS[letter] * options.gain / 2, READ_NOISE[letter]
        value = sci[:, part]
        value += read_noise * noise[0][:, part]
        if options.quantise:
            bias = noise[1][:, part]
            np.rint(value / gain + bias, out=value)
            value -= bias
            value *= gain
        limit = gain * (65535 - BIAS_DN)
        flags[:, part] |= np.where(value >= limit, dq.A_TO_D, 0).astype(np.int16)
        np.minimum(value, limit, out=value)
        err[:, part] = np.sqrt(read_noise**2 + np.clip(collected[:, part], 0, None))
    sci += (detector.residual - detector.dark) * exptime
    np.rint(sci * STEP, out=sci)
    sci /= STEP
    return Readout(sci, err, flags)
