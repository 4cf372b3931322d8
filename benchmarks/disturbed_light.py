"""Changes of simulated exposures that `disturbed_cases.py` is made of: light, unused pixels, subarrays.

Every change keeps the truth beside the exposure valid. What light adds to a pixel gets its Poisson noise,
goes into SCI and ERR, and raises the charge from which a pixel counts as hit (`simulate.truth`).
"""

from dataclasses import dataclass, replace

import numpy as np
from astropy.io import fits
from scipy import ndimage

from acs_deepcr_step import simulate
from acs_deepcr_step.arrays import dq
from acs_deepcr_step.simulate import filters, psf, rendering
from acs_deepcr_step.simulate import truth as truths

FULL_WELL = 80_000.0  # electrons, the simulator's
_READ_NOISE = 4.1  # electrons, mean of chip 1's amplifiers
_STEP = 64  # values are whole 1/64 e-, as the simulator's are
_LOWEST_VARIANCE = 9.0  # e-2, as in `simulate.truth`
_BLUR = 0.7  # pixels, rms of the Gaussian that another focus blurs with
_DISPERSION = 120  # pixels that the first order of a spectrum is long
_ZEROTH, _ZEROTH_AT = 0.02, 100  # share of the light in the zeroth order, pixels between it and the first
_TRAIL, _TRAIL_ANGLE = 15, np.radians(30)


@dataclass(frozen=True, eq=False)
class Chip:
    """A chip of an exposure, and its truth.

    Attributes
    ----------
    sci, err : ndarray, (R, C), float32
        Electrons.
    dq : ndarray, (R, C), int16
    truth : simulate.ChipTruth
    """

    sci: np.ndarray
    err: np.ndarray
    dq: np.ndarray
    truth: simulate.ChipTruth

    @property
    def clean(self):
        """The image without cosmic rays, (R, C) float32."""
        return self.sci - self.truth.cr_charge

    @property
    def saturated(self):
        """Saturated pixels, (R, C) bool."""
        return (self.dq & dq.SATURATED) != 0


def change(path, function):
    """Change the chips of an exposure, and its truth.

    Parameters
    ----------
    path : Path
        The exposure; its truth lies beside it.
    function : callable
        Takes a `Chip` and returns one.
    """
    changed = []
    with fits.open(path, mode="update", memmap=False) as hdus:
        for truth in simulate.read_truth(path):
            arrays = (hdus[name, truth.extver].data for name in ("SCI", "ERR", "DQ"))
            chip = function(Chip(*arrays, truth))
            for name in ("SCI", "ERR", "DQ"):
                hdus[name, truth.extver].data = getattr(chip, name.lower())
            changed.append(chip.truth)
    truths.write_truth(path, changed, simulate.read_field(path))


def with_light(chip, expected, rng):
    """Add light to a chip; its full pixels hold no more.

    Parameters
    ----------
    chip : Chip
    expected : ndarray, (R, C), float
        Electrons on average. Where negative, light is taken away, and its noise stays.
    rng : numpy.random.Generator

    Returns
    -------
    Chip
    """
    expected = np.where(chip.saturated, 0.0, expected)
    more = np.clip(expected, 0, None)
    added = _rounded(rng.poisson(more) + np.clip(expected, None, 0))
    err = np.sqrt(chip.err.astype(float) ** 2 + more).astype(np.float32)
    clean_err = np.sqrt(np.maximum(err.astype(float) ** 2 - chip.truth.cr_charge, _LOWEST_VARIANCE))
    cr = np.where(expected > 0, _hit(chip.truth.cr_charge, clean_err), chip.truth.cr)
    return replace(chip, sci=chip.sci + added, err=err, truth=replace(chip.truth, cr=cr))


def _rounded(electrons):
    return (np.rint(electrons * _STEP) / _STEP).astype(np.float32)


def _hit(charge, clean_err):
    """Return the pixels that count as hit."""
    return charge > np.maximum(truths.LIMIT_SIGMA * clean_err, truths.LIMIT_ELECTRONS)


def glow_at_side(chip):
    """Return a glow that falls smoothly from 1 at the left edge to 0 at a third of the chip, (R, C)."""
    return _falling(np.indices(chip.sci.shape)[1] / (chip.sci.shape[1] / 3))


def glow_in_corner(chip):
    """Return a glow around a corner, over a third of the chip, (R, C)."""
    y, x = (index / length for index, length in zip(np.indices(chip.sci.shape), chip.sci.shape, strict=True))
    return _falling(np.hypot(x, y) / np.sqrt(4 / (3 * np.pi)))


def gradient(chip):
    """Return light that rises from 0 to 1 over both chips of an exposure, continuously, (R, C)."""
    rows, columns = chip.sci.shape
    y, x = np.indices(chip.sci.shape)
    above = rows if chip.truth.chip == 1 else 0  # chip 1 lies above chip 2
    return (x / columns + (y + above) / (2 * rows)) / 2


def filament(chip):
    """Return a curved ridge, 2.6 pixels wide, whose peak is 1, (R, C)."""
    rows, columns = chip.sci.shape
    y, x = np.indices(chip.sci.shape)
    phase, swing = 1.6 * np.pi * x / columns, 0.2 * rows
    slope = swing * 1.6 * np.pi / columns * np.cos(phase)
    distance = (y - 0.5 * rows - swing * np.sin(phase)) / np.hypot(1, slope)
    return np.exp(-0.5 * (distance / 1.1) ** 2)


def _falling(distance):
    return np.cos(0.5 * np.pi * np.clip(distance, 0, 1)) ** 2


def stars_of(chip, filter_name, share=1.0):
    """Return the light of a chip's stars without noise.

    Parameters
    ----------
    chip : Chip
    filter_name : str
    share : float or ndarray, (N,)
        By which the light of each is multiplied.

    Returns
    -------
    ndarray, (R, C), float32
        Electrons.
    """
    stars, image = chip.truth.stars, np.zeros(chip.sci.shape, np.float32)
    rendering.add_stars(image, stars["x"], stars["y"], share * stars["flux_e"], _point(filter_name))
    return image


def _point(filter_name):
    bandpass = filters.lookup(filter_name)
    return psf.psf(bandpass.pivot, bandpass.width)


def defocus(chip, filter_name, loss):
    """Return what another focus adds to the light of stars, and takes from their peaks.

    Parameters
    ----------
    chip : Chip
    filter_name : str
    loss : float
        Share by which the peak of a star on the middle of a pixel is lower.

    Returns
    -------
    ndarray, (R, C), float
        Electrons.
    """
    light, kernel = stars_of(chip, filter_name), _point(filter_name).kernel
    left = ndimage.gaussian_filter(kernel, _BLUR).max() / kernel.max()
    return loss / (1 - left) * (ndimage.gaussian_filter(light, _BLUR) - light)


def spectra(light):
    """Return light as a grism shows it: along the rows, the zeroth order beside the first, (R, C)."""
    profile = np.zeros(2 * (_ZEROTH_AT + _DISPERSION) + 1)
    middle = profile.size // 2
    profile[middle : middle + _DISPERSION] = np.sin(np.linspace(0.05, 0.95, _DISPERSION) * np.pi) ** 0.5
    profile *= (1 - _ZEROTH) / profile.sum()
    profile[middle - _ZEROTH_AT] = _ZEROTH
    return ndimage.convolve1d(light, profile, axis=1, mode="nearest")


def trailed(light):
    """Return light as it is where the telescope moved by 15 pixels during the exposure, (R, C)."""
    steps = np.linspace(-0.5, 0.5, 4 * _TRAIL + 1) * _TRAIL
    kernel = np.zeros((_TRAIL + 4, _TRAIL + 4))
    middle = kernel.shape[0] // 2
    x, y = middle + steps * np.cos(_TRAIL_ANGLE), middle + steps * np.sin(_TRAIL_ANGLE)
    np.add.at(kernel, (np.rint(y).astype(int), np.rint(x).astype(int)), 1 / steps.size)
    return ndimage.convolve(light, ndimage.gaussian_filter(kernel, 0.4), mode="nearest")


def with_other_light(chip, function, rng):
    """Expose a chip anew to its light after a change of it, with the cosmic rays that it has.

    Its light is its image without cosmic rays, less the median; so `function` has to smear it widely enough
    to take its noise away. Dark current makes no noise here. No stars are left in the truth.

    Parameters
    ----------
    chip : Chip
    function : callable
        Takes light, electrons, and returns it as it is now.
    rng : numpy.random.Generator

    Returns
    -------
    Chip
    """
    clean, truth = chip.clean.astype(float), chip.truth
    sky = np.median(clean)
    expected = np.clip(sky + function(clean - sky), 0, FULL_WELL)
    noise = _READ_NOISE * rng.standard_normal(expected.shape)
    clean = _rounded(np.minimum(rng.poisson(expected) + noise, FULL_WELL))
    sci = np.minimum(clean + truth.cr_charge, np.float32(FULL_WELL))
    charge = sci - clean
    full = np.where(expected >= 0.999 * FULL_WELL, dq.FULL_WELL, 0).astype(np.int16)
    clean_dq = truth.dq_clean & ~np.int16(dq.SATURATED) | full
    filled = np.where(charge != 0, chip.dq & ~truth.dq_clean, 0).astype(np.int16)
    clean_err = np.sqrt(_READ_NOISE**2 + expected)
    err = np.sqrt(clean_err**2 + np.clip(charge, 0, None)).astype(np.float32)
    truth = replace(
        truth, cr=_hit(charge, clean_err), cr_charge=charge, dq_clean=clean_dq, stars=truth.stars[:0]
    )
    return Chip(sci, err, clean_dq | filled, truth)


def without_image(chip, share, value):
    """Return a chip of which the upper rows were not used: DQ 4.

    Parameters
    ----------
    chip : Chip
    share : float
        Of the rows.
    value : float
        Of SCI there.

    Returns
    -------
    Chip
    """
    rows = slice(round((1 - share) * chip.sci.shape[0]), None)
    arrays = {"sci": chip.sci.copy(), "err": chip.err.copy(), "dq": chip.dq.copy()}
    truth = {name: getattr(chip.truth, name).copy() for name in ("cr", "cr_charge", "dq_clean")}
    arrays["sci"][rows], arrays["err"][rows], arrays["dq"][rows] = value, 0, dq.BAD
    truth["cr"][rows], truth["cr_charge"][rows], truth["dq_clean"][rows] = False, 0, dq.BAD
    seen = chip.truth.stars[chip.truth.stars["y"] < rows.start - 1]
    return Chip(**arrays, truth=replace(chip.truth, stars=seen, **truth))


def cut(path, first, count):
    """Cut an exposure of one chip down to some of its rows: a subarray of the same detector.

    Parameters
    ----------
    path : Path
        Its truth lies beside it.
    first, count : int
        The rows.
    """
    rows = slice(first, first + count)
    [truth] = simulate.read_truth(path)
    with fits.open(path, memmap=False) as hdus:
        for name in ("SCI", "ERR", "DQ"):
            hdus[name, 1].data = hdus[name, 1].data[rows].copy()
        header = hdus["SCI", 1].header
        for key, by in (("CRPIX2", -first), ("IDCYREF", -first), ("LTV2", -first), ("CENTERA2", first)):
            header[key] += by
        header["SIZAXIS2"] = count
        hdus.writeto(path, overwrite=True)
    stars = truth.stars.copy()
    stars["y"] -= first
    stars = stars[(stars["y"] > -0.5) & (stars["y"] < count - 0.5)]
    arrays = {name: getattr(truth, name)[rows] for name in ("cr", "cr_charge", "dq_clean")}
    truths.write_truth(path, [replace(truth, stars=stars, **arrays)], simulate.read_field(path))
