"""The point-spread function: diffraction, charge diffusion and the pixel itself.

The pupil is HST's: a 2.4 m primary with a central obscuration of 0.33 of the radius and the secondary's
four vanes (0.022 of the radius wide), whose diffraction spikes lie along the diagonals of the detector. The
ACS Instrument Handbook (section 5.6) gives the rest: residual aberrations of 1/20 wave at 550 nm, which
take light out of the core (Marechal's formula; here into a halo whose width is free), and the charge
diffusion, whose kernel at 400 nm has 0.40 in the centre and 0.11 in the neighbours, a Gaussian of 0.6
pixels rms. It narrows to the red, where photons are absorbed deeper in the thinned CCD; how fast is chosen
so that the width (FWHM 0.10 to 0.13 arcsec in F550M) comes out right.

`psf` has one PSF for the whole field and every focus. `aberrated` has one for a place in the field and a
focus: `optics` says what the wavefront is there, and the halo keeps what is left of the 1/20 wave, the
polishing errors of the mirrors. For WFC3/UVIS the diffusion is that of the kernels measured on the ground
(ISR WFC3 2008-40, by way of Tiny Tim's ``wfc3_uvis2.pup``), and the rest is the same. At the centre of chip
2 and in focus, 3x3 pixels around a star hold .615 of its light in F814W, .676 in F550M and .623 in UVIS's
F606W; drizzlepac's model PSFs, which are for there, with their diffusion: .588, .651 and .625.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft, ndimage

__all__ = [
    "ACS_WFC", "CORE", "PHASES", "PIXEL", "PSF", "SAMPLES", "SIZE", "Sampling", "UVIS", "aberrated", "psf",
]  # fmt: skip

PIXEL = 0.05  # arcsec
SAMPLES = 4  # samples of the tabulated PSF per detector pixel
SIZE = 1024  # samples along a side of the tabulated PSF
PHASES = 32  # sub-pixel positions per pixel of the ready-made stamps
CORE = 10  # half width of the ready-made stamps, pixels
_OBSCURATION = 0.33
_VANE = 0.022
_JITTER = 0.006  # arcsec, rms per axis
_WAVEFRONT = 550.0 / 20  # nm, rms
_POLISHING = 18.0  # nm, rms: those of the two mirrors, by the order of Tiny Tim's maps
_HALO = 2.5  # pixels, rms per axis


@dataclass(frozen=True)
class Sampling:
    """How the pixels of a camera sample a star.

    Attributes
    ----------
    pixel : float
        Side, arcsec.
    wavelengths : tuple of float
        nm.
    diffusion : tuple of float
        Charge diffusion at these, pixels rms per axis.
    """

    pixel: float
    wavelengths: tuple[float, ...]
    diffusion: tuple[float, ...]

    def diffused(self, wavelength):
        """Return the charge diffusion at a wavelength (nm), pixels rms per axis."""
        return float(np.interp(wavelength, self.wavelengths, self.diffusion))


ACS_WFC = Sampling(PIXEL, (400.0, 550.0, 800.0), (0.62, 0.57, 0.50))
UVIS = Sampling(0.0396, (400.0, 600.0, 800.0), (0.51, 0.46, 0.41))


@dataclass(frozen=True, eq=False)
class PSF:
    """A pixel-integrated PSF: the share of a star's light that falls in a pixel.

    Attributes
    ----------
    spline : ndarray, (SIZE, SIZE), float64
        Cubic spline coefficients of the PSF, `SAMPLES` per pixel, centre at ``SIZE // 2``.
    stamps : ndarray, (PHASES, PHASES, 2 CORE + 1, 2 CORE + 1), float32
        The PSF at sub-pixel offsets (y, x) from -0.5 to 0.5 (bin centres).
    kernel : ndarray, (2 CORE + 1, 2 CORE + 1), float32
        The PSF centred on a pixel, with the sum 1.
    """

    spline: np.ndarray
    stamps: np.ndarray
    kernel: np.ndarray

    def at(self, dx, dy):
        """Return the share of the light in pixels at offsets from the star.

        Parameters
        ----------
        dx, dy : float or ndarray
            Pixels; of shapes that broadcast.

        Returns
        -------
        ndarray, float64
            Of their common shape.
        """
        return _share(self.spline, dx, dy)


def _share(spline, dx, dy):
    centre = SIZE // 2
    dx, dy = np.broadcast_arrays(dx, dy)
    return ndimage.map_coordinates(
        spline, (centre + SAMPLES * dy, centre + SAMPLES * dx), order=3, prefilter=False
    )


@lru_cache(maxsize=8)
def psf(pivot, width, sampling=ACS_WFC):
    """Return the PSF of a bandpass; made once per process.

    Parameters
    ----------
    pivot, width : float
        Pivot wavelength and rms width, nm.
    sampling : Sampling, optional
        Of the camera.

    Returns
    -------
    PSF
    """
    image = _polychromatic(pivot, width, sampling)
    return _psf(image, pivot, sampling, _WAVEFRONT, sampling.diffused(pivot) ** 2)


@lru_cache(maxsize=48)
def aberrated(pivot, width, aberrations, sampling=ACS_WFC):
    """Return the PSF of a bandpass at a place and a focus; a process keeps the last 48.

    Parameters
    ----------
    pivot, width : float
        Pivot wavelength and rms width, nm.
    aberrations : optics.Aberrations
    sampling : Sampling, optional
        Of the camera.

    Returns
    -------
    PSF
        Its centroid is where the star is, as the distortion solution has it.
    """
    transfer = _polychromatic(pivot, width, sampling, aberrations)
    # A shift is a phase that grows with frequency; that of the lowest one tells the centroid.
    frequency, lowest = fft.fftfreq(SIZE, 1 / SAMPLES), SAMPLES / SIZE
    for axis, phase in enumerate((np.angle(transfer[1, 0]), np.angle(transfer[0, 1]))):
        shift = np.exp(-1j * phase / lowest * frequency)
        transfer = transfer * (shift[:, None] if axis == 0 else shift[None, :])
    diffusion2 = sampling.diffused(pivot) ** 2 + aberrations.diffusion
    return _psf(transfer, pivot, sampling, _POLISHING, diffusion2)


def _polychromatic(pivot, width, sampling, aberrations=None):
    return sum(_transfer(pivot + step * width, sampling, aberrations) for step in (-1.2, 0.0, 1.2)) / 3


def _psf(image, pivot, sampling, wavefront, diffusion2):
    """Return the PSF of a transfer function, with a halo and the charge diffusion (a variance)."""
    frequency = fft.fftfreq(SIZE, 1 / SAMPLES)  # cycles per pixel
    sigma2 = diffusion2 + (_JITTER / sampling.pixel) ** 2
    factor = np.sinc(frequency) * np.exp(-2 * (np.pi * frequency) ** 2 * sigma2)
    strehl = np.exp(-((2 * np.pi * wavefront / pivot) ** 2))
    halo = np.exp(-2 * (np.pi * frequency * _HALO) ** 2)
    image = image * (strehl + (1 - strehl) * np.outer(halo, halo))
    table = fft.fftshift(fft.ifft2(image * np.outer(factor, factor)).real) * SAMPLES**2
    spline = ndimage.spline_filter(table, order=3)
    offsets = (np.arange(PHASES) + 0.5) / PHASES - 0.5
    grid = np.arange(-CORE, CORE + 1)[None, :] - offsets[:, None]
    stamps = _share(spline, grid[None, :, None, :], grid[:, None, :, None]).astype(np.float32)
    kernel = _share(spline, grid.mean(0)[None, :], grid.mean(0)[:, None]).astype(np.float32)
    return PSF(spline, stamps, kernel / kernel.sum())


def _transfer(wavelength, sampling, aberrations=None):
    """Optical transfer function at one wavelength (nm), zero frequency first, 1 there."""
    step = sampling.pixel / SAMPLES * np.pi / 648000
    radius = 0.5 * 2.4 * SIZE * step / (wavelength * 1e-9)
    axis = np.arange(SIZE) - SIZE // 2
    x, y = axis[None, :], axis[:, None]
    r = np.hypot(x, y)
    pupil = np.clip(radius - r + 0.5, 0, 1) * np.clip(r - _OBSCURATION * radius + 0.5, 0, 1)
    for distance in ((x + y) / np.sqrt(2), (x - y) / np.sqrt(2)):
        pupil *= 1 - np.clip(0.5 * _VANE * radius - abs(distance) + 0.5, 0, 1)
    if aberrations is not None:
        reach = int(radius) + 2  # the rest of the array is dark
        lit = slice(SIZE // 2 - reach, SIZE // 2 + reach + 1)
        path = aberrations.wavefront(x[:, lit] / radius, y[lit] / radius, pupil[lit, lit])
        pupil = pupil.astype(complex)
        pupil[lit, lit] *= np.exp(2j * np.pi / wavelength * path)
    intensity = abs(fft.fft2(pupil)) ** 2
    transfer = fft.fft2(intensity)
    return transfer / transfer[0, 0].real
