"""The image of a scene on a detector: where its sources fall, and their light in each pixel."""

from dataclasses import dataclass

import numpy as np
from scipy.signal import oaconvolve

from . import psf as psfs

__all__ = ["Light", "add_stars", "render"]

_STAR_MARGIN = 100  # pixels outside the frame from which stars may still send light into it
_GALAXY_MARGIN = 200
_BRIGHT = 2e4  # electrons from which a star is not made of a ready-made stamp
_VERY_BRIGHT = 5e5
_WINGS, _WIDE_WINGS = 32, 100  # pixels that the wings of bright and of very bright stars reach
_STAMPS_AT_ONCE = 20000


@dataclass(frozen=True, eq=False)
class Light:
    """What an exposure is expected to collect from its scene, without sky.

    Attributes
    ----------
    electrons : ndarray, (R, C), float32
    stars : structured ndarray, (N,), float64 fields
        The stars within the frame: x, y (0-based pixels), flux_e (electrons), peak_e (electrons in the
        brightest pixel).
    """

    electrons: np.ndarray
    stars: np.ndarray


def render(scene, shape, projection, points, exptime):
    """Make the image of a scene.

    Parameters
    ----------
    scene : scene.Scene
    shape : tuple of int
        Rows and columns.
    projection : projections.Projection
    points : psf_field.PSFField
    exptime : float
        Seconds.

    Returns
    -------
    Light
    """
    image = _galaxies(scene.galaxies, shape, projection, exptime)
    if scene.disc is not None:
        x, y = projection.plane_grid(shape)
        image += scene.disc.surface_brightness(x, y) * exptime
    if image.any():
        pad = psfs.CORE
        image = oaconvolve(np.pad(image, pad, mode="edge"), points.kernel, mode="valid").astype(np.float32)
    stars = _stars_near(scene.stars, shape, projection, exptime)
    stars["peak_e"] = 0
    off = np.rint(stars["x"]) - stars["x"], np.rint(stars["y"]) - stars["y"]
    for point, weight in zip(points.psfs, points.weights(stars["x"], stars["y"]), strict=True):
        some = weight > 0
        flux = weight * stars["flux_e"]
        stars["peak_e"] += flux * point.at(*off)
        add_stars(image, stars["x"][some], stars["y"][some], flux[some], point, stars["flux_e"][some])
    inside = (abs(stars["x"] - (shape[1] - 1) / 2) < shape[1] / 2) & (
        abs(stars["y"] - (shape[0] - 1) / 2) < shape[0] / 2
    )
    return Light(image, stars[inside])


def _near(x, y, shape, margin):
    return (x > -margin) & (x < shape[1] + margin) & (y > -margin) & (y < shape[0] + margin)


def _stars_near(stars, shape, projection, exptime):
    """Return the stars on the detector or near it, as in `Light`; peak_e is still to come."""
    x, y = projection.to_pixels(stars["x"], stars["y"])
    near = _near(x, y, shape, _STAR_MARGIN)
    found = np.zeros(np.count_nonzero(near), [(n, float) for n in ("x", "y", "flux_e", "peak_e")])
    found["x"], found["y"] = x[near], y[near]
    # A flat-fielded image shows surface brightness, so a star has fewer counts where pixels are larger.
    area = abs(np.linalg.det(projection.jacobian(found["x"], found["y"])))
    found["flux_e"] = stars["rate"][near] * exptime / area
    return found


def add_stars(image, x, y, flux, point, whole=None):
    """Add point sources to an image.

    Parameters
    ----------
    image : ndarray, (R, C), float32
        Electrons; changed in place.
    x, y : ndarray, (N,), float64
        Pixels, 0-based.
    flux : ndarray, (N,), float64
        Electrons.
    point : psf.PSF
    whole : ndarray, (N,), float64, optional
        Electrons of the whole stars, where `flux` is a part of theirs; they say how far wings are followed.
    """
    whole = flux if whole is None else whole
    faint = whole < _BRIGHT
    _add_stamps(image, x[faint], y[faint], flux[faint], point)
    for i in np.flatnonzero(~faint):
        _add_with_wings(image, x[i], y[i], flux[i], point, _WINGS if whole[i] < _VERY_BRIGHT else _WIDE_WINGS)


def _add_stamps(image, x, y, flux, point):
    """Add faint stars, each by the ready-made stamp nearest to its sub-pixel position."""
    reach = np.arange(-psfs.CORE, psfs.CORE + 1)
    rows, columns = image.shape
    for first in range(0, x.size, _STAMPS_AT_ONCE):
        part = slice(first, first + _STAMPS_AT_ONCE)
        ix, iy = np.rint(x[part]).astype(int), np.rint(y[part]).astype(int)
        value = point.stamps[_phase(y[part], iy), _phase(x[part], ix)]
        value = value * flux[part, None, None].astype(np.float32)
        px, py = ix[:, None] + reach, iy[:, None] + reach
        value *= ((px >= 0) & (px < columns))[:, None, :]
        value *= ((py >= 0) & (py < rows))[:, :, None]
        px, py = px.clip(0, columns - 1), py.clip(0, rows - 1)
        np.add.at(image.reshape(-1), (py[:, :, None] * columns + px[:, None, :]).ravel(), value.ravel())


def _phase(position, pixel):
    """Return the number of the sub-pixel position among those of the stamps."""
    return np.clip(((position - pixel + 0.5) * psfs.PHASES).astype(int), 0, psfs.PHASES - 1)


def _add_with_wings(image, x, y, flux, point, reach):
    """Add one bright star, pixel by pixel, as far as its wings reach."""
    x0, x1 = max(int(x) - reach, 0), min(int(x) + reach + 1, image.shape[1])
    y0, y1 = max(int(y) - reach, 0), min(int(y) + reach + 1, image.shape[0])
    if x0 < x1 and y0 < y1:
        share = point.at(np.arange(x0, x1)[None, :] - x, np.arange(y0, y1)[:, None] - y)
        image[y0:y1, x0:x1] += (flux * np.clip(share, 0, None)).astype(np.float32)


def _galaxies(galaxies, shape, projection, exptime):
    """Return the electrons of background galaxies before the PSF, (R, C) float32."""
    image = np.zeros(shape, np.float32)
    if not galaxies.size:
        return image
    x, y = projection.to_pixels(galaxies["x"], galaxies["y"])
    near = _near(x, y, shape, _GALAXY_MARGIN)
    jacobians = projection.jacobian(x[near], y[near])
    for gx, gy, galaxy, jacobian in zip(x[near], y[near], galaxies[near], jacobians, strict=True):
        reach = int(np.ceil(min(galaxy["radius"] * (4 if galaxy["index"] < 2 else 7), 200) + 3))
        x0, x1 = max(int(gx) - reach, 0), min(int(gx) + reach + 1, shape[1])
        y0, y1 = max(int(gy) - reach, 0), min(int(gy) + reach + 1, shape[0])
        if x0 < x1 and y0 < y1:
            dx, dy = np.arange(x0, x1)[None, :] - gx, np.arange(y0, y1)[:, None] - gy
            u = jacobian[0, 0] * dx + jacobian[0, 1] * dy
            v = jacobian[1, 0] * dx + jacobian[1, 1] * dy
            image[y0:y1, x0:x1] += exptime * _sersic(galaxy, u, v)
    return image


# By Sersic index: the exponent's factor, and the central brightness of a profile of unit light and radius.
_SERSIC = {1.0: (1.678, 1 / (2 * np.pi * 1.678**-2)), 4.0: (7.669, 7.669**8 / (8 * np.pi * 5040))}


def _sersic(galaxy, u, v):
    """Return the surface brightness of a galaxy, e-/s per pixel. The cusp is softened by half a pixel."""
    b, norm = _SERSIC[galaxy["index"]]
    c, s = np.cos(galaxy["angle"]), np.sin(galaxy["angle"])
    major, minor = u * c + v * s, (v * c - u * s) / galaxy["ratio"]
    radius = np.sqrt(major**2 + minor**2 + 0.25) / galaxy["radius"]
    central = galaxy["rate"] * norm / (galaxy["ratio"] * galaxy["radius"] ** 2)
    return central * np.exp(-b * radius ** (1 / galaxy["index"]))
