"""One chip: from its light to calibrated arrays."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter

from ..arrays import dq
from . import cosmic_rays, detector, silicon, truth

__all__ = ["SimulatedChip", "expose"]


@dataclass(frozen=True, eq=False)
class SimulatedChip:
    """One chip, arrays only.

    Attributes
    ----------
    sci, err : ndarray, (R, C), float32
        Electrons, sky included.
    dq : ndarray, (R, C), int16
    cr : ndarray, (R, C), bool
        Pixels hit by cosmic rays; ``simulate.truth`` has the limit.
    cr_charge : ndarray, (R, C), float32
        ``sci`` minus this is the chip without cosmic rays, exactly.
    dq_clean : ndarray, (R, C), int16
        DQ of the chip without cosmic rays.
    stars : structured ndarray, (N,)
        As in `ChipTruth`.
    """

    sci: np.ndarray
    err: np.ndarray
    dq: np.ndarray
    cr: np.ndarray
    cr_charge: np.ndarray
    dq_clean: np.ndarray
    stars: np.ndarray


def expose(light, ccd, backdrop, place, exptime, options, rng):
    """Collect and read out the light of one chip, with cosmic rays and without.

    Parameters
    ----------
    light : rendering.Light
        Its electrons are changed in place.
    ccd : detector.Detector
    backdrop : backdrop.Backdrop
    place : field.Place
    exptime : float
        Seconds.
    options : SimulationOptions
    rng : numpy.random.Generator

    Returns
    -------
    SimulatedChip
    """
    expected = light.electrons
    expected += backdrop.expected(place)
    expected *= ccd.sensitivity
    expected += ccd.dark * exptime
    electrons = rng.poisson(expected).astype(np.float32)
    noise = detector.draw_noise(expected.shape, rng)
    clean = hit = detector.read(electrons, ccd, noise, exptime, options)
    if options.cosmic_rays:
        chip = silicon.of(options.cosmic_ray_version, options.camera)
        electrons += cosmic_rays.charge(expected.shape, exptime, options.cr_rate, rng, chip)
        hit = detector.read(electrons, ccd, noise, exptime, options)
    charge = hit.sci - clean.sci
    cr = charge > np.maximum(truth.LIMIT_SIGMA * clean.err, truth.LIMIT_ELECTRONS)
    stars = _catalogue(light.stars, clean)
    sci = hit.sci
    if backdrop.sky < 0:
        sci += np.rint(backdrop.sky * detector.STEP) / detector.STEP
    return SimulatedChip(sci, hit.err, hit.dq, cr, charge, clean.dq, stars)


def _catalogue(stars, clean):
    """Return the stars, brightest first, with what the readout without cosmic rays says of each."""
    out = np.zeros(stars.size, truth.STAR)
    for name in ("x", "y", "flux_e", "peak_e"):
        out[name] = stars[name]
    if stars.size:
        rows, columns = clean.sci.shape
        ix = np.rint(stars["x"]).astype(int).clip(0, columns - 1)
        iy = np.rint(stars["y"]).astype(int).clip(0, rows - 1)
        out["snr"] = stars["peak_e"] / clean.err[iy, ix]
        full = maximum_filter((clean.dq & dq.SATURATED) != 0, size=3)
        out["saturated"] = full[iy, ix]
    return out[np.argsort(out["flux_e"])[::-1]]
