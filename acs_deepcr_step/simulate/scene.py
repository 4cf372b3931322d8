"""The sky: stars and galaxies on a plane of 0.05" pixels, and their image on a detector.

Three fields. ``sparse``: a high-latitude field, some stars and many faint galaxies. ``crowded``: the
outskirts of a globular cluster, stars from below the noise to far above saturation. ``galaxies``: a nearby
disc galaxy with arms, dust, clusters and a sheet of half-resolved stars, and more background galaxies.
Numbers per area and magnitude are round ones of the right order; they are free, and can be scaled by the
options.
"""

from dataclasses import dataclass

import numpy as np
from scipy.signal import oaconvolve

from . import psf as psfs

FIELDS = ("sparse", "crowded", "galaxies")
_ARCMIN2 = (60 / psfs.PIXEL) ** 2  # pixels


@dataclass(frozen=True, eq=False)
class Scene:
    """What is in the sky.

    Attributes
    ----------
    stars : ndarray, fields x, y (plane pixels), rate (e-/s) galaxies : ndarray, fields x, y, rate, radius
    (half-light, pixels), ratio (axes), angle (rad), index (Sersic) disc : Disc or None
        A resolved galaxy.
    """

    stars: np.ndarray
    galaxies: np.ndarray
    disc: "Disc | None"


@dataclass(frozen=True)
class Disc:
    """A face-on spiral: centre (plane pixels), scale length (pixels), central brightness (e-/s/pixel)."""

    x: float
    y: float
    scale: float
    brightness: float
    phase: float

    def density(self, x, y):
        """Relative brightness of the disc's stars at plane positions: exponential, with two arms."""
        radius = np.hypot(x - self.x, y - self.y) / self.scale
        return np.exp(-radius) * (1 + 0.5 * np.cos(self._winding(x, y, radius)))

    def surface(self, x, y):
        """Smooth light, e-/s/pixel, dimmed by the dust along the arms' inner edges."""
        radius = np.hypot(x - self.x, y - self.y) / self.scale
        ripple = np.sin(x / 23.0 + self.phase) * np.sin(y / 17.0 - self.phase) * np.sin((x + y) / 41.0)
        dust = 0.55 * np.exp(4 * (np.cos(self._winding(x, y, radius) + 0.9) - 1)) * (1 + 0.6 * ripple)
        bulge = 6.0 * np.exp(-6.0 * np.sqrt(radius))
        return self.brightness * (self.density(x, y) * (1 - np.clip(dust, 0, 0.9)) + bulge)

    def _winding(self, x, y, radius):
        return 2 * (np.arctan2(y - self.y, x - self.x) - 2.5 * np.log(radius + 0.1)) + self.phase


def draw(field, box, band, options, rng):
    """Draw the scene of a field.

    Parameters
    ----------
    field : {'sparse', 'crowded', 'galaxies'}
    box : tuple of float
        x0, y0, x1, y1 of the plane to fill, pixels.
    band : filters.Filter
    options : SimulationOptions
    rng : numpy.random.Generator

    Raises
    ------
    ValueError
        If there is no such field.
    """
    if field not in FIELDS:
        raise ValueError(f"no field {field!r}; the fields are {', '.join(FIELDS)}")
    area = (box[2] - box[0]) * (box[3] - box[1])
    disc = None
    if field == "sparse":
        stars = _stars(
            area, box, band, rng, per_arcmin2=30 * options.star_density, limits=(17, 27.5), slope=0.14
        )
    elif field == "crowded":
        stars = _stars(
            area, box, band, rng, per_arcmin2=12000 * options.star_density, limits=(15, 27.5), slope=0.20
        )
    else:
        disc = Disc(
            0.7 * box[0] + 0.3 * box[2],
            0.6 * box[1] + 0.4 * box[3],
            0.5 * np.sqrt(area),
            3 * band.sky,
            rng.uniform(0, 2 * np.pi),
        )
        stars = _stars(
            area, box, band, rng, per_arcmin2=150000 * options.star_density, limits=(20, 28), slope=0.5
        )
        peak = 1.5
        stars = stars[rng.uniform(0, peak, stars.size) < disc.density(stars["x"], stars["y"])]
        near = _stars(
            area, box, band, rng, per_arcmin2=30 * options.star_density, limits=(17, 27.5), slope=0.14
        )
        stars = np.concatenate([stars, near])
    density = {"sparse": 1.0, "crowded": 0.3, "galaxies": 1.0}[field] * options.galaxy_density
    return Scene(stars, _galaxies(area, box, band, density, rng), disc)


def _magnitudes(number, limits, slope, rng):
    """Magnitudes whose counts grow as 10^(slope m)."""
    u = rng.uniform(size=number)
    low, high = (10 ** (slope * m) for m in limits)
    return np.log10(low + u * (high - low)) / slope


def _stars(area, box, band, rng, *, per_arcmin2, limits, slope):
    number = rng.poisson(per_arcmin2 * area / _ARCMIN2)
    stars = np.empty(number, [("x", float), ("y", float), ("rate", float)])
    stars["x"] = rng.uniform(box[0], box[2], number)
    stars["y"] = rng.uniform(box[1], box[3], number)
    stars["rate"] = 10 ** (-0.4 * (_magnitudes(number, limits, slope, rng) - band.zeropoint))
    return stars


def _galaxies(area, box, band, density, rng):
    number = rng.poisson(250 * density * area / _ARCMIN2)
    names = ("x", "y", "rate", "radius", "ratio", "angle", "index")
    galaxies = np.empty(number, [(name, float) for name in names])
    galaxies["x"] = rng.uniform(box[0], box[2], number)
    galaxies["y"] = rng.uniform(box[1], box[3], number)
    magnitude = _magnitudes(number, (18.5, 27.5), 0.33, rng)
    galaxies["rate"] = 10 ** (-0.4 * (magnitude - band.zeropoint))
    # Half-light radii fall from about 0.7" at magnitude 20 to 0.15" at 27, with a scatter of 0.2 dex.
    arcsec = 0.7 * 10 ** (-0.095 * (magnitude - 20) + 0.2 * rng.normal(size=number))
    galaxies["radius"] = np.clip(arcsec / psfs.PIXEL, 1.2, 60)
    galaxies["ratio"] = rng.uniform(0.3, 1, number)
    galaxies["angle"] = rng.uniform(0, np.pi, number)
    galaxies["index"] = rng.choice([1.0, 4.0], number, p=[0.8, 0.2])
    return galaxies


def image(scene, shape, view, band, exptime):
    """Expected electrons of the scene on a detector, without sky.

    Parameters
    ----------
    scene : Scene
    shape : tuple of int
    view : object with ``pixels(x, y)``, ``grid(shape)`` and ``jacobian(px, py)``
        Where the plane lies on the detector: `FlatView` or `wcs.SkyView`.
    band : filters.Filter
    exptime : float

    Returns
    -------
    image : float32 ndarray
    stars : ndarray, fields x, y (0-based pixels), flux_e, peak_e
        The stars within the frame.
    """
    point = psfs.psf(band.pivot, band.width)
    out = _paint_galaxies(scene.galaxies, shape, view, exptime)
    if scene.disc is not None:
        x, y = view.grid(shape)
        out += scene.disc.surface(x, y) * exptime
    if out.any():
        pad = psfs.CORE
        out = oaconvolve(np.pad(out, pad, mode="edge"), point.kernel, mode="valid").astype(np.float32)
    stars = _place(scene.stars, shape, view, exptime)
    stars["peak_e"] = stars["flux_e"] * point.at(
        np.rint(stars["x"]) - stars["x"], np.rint(stars["y"]) - stars["y"]
    )
    add_stars(out, stars["x"], stars["y"], stars["flux_e"], point)
    inside = (abs(stars["x"] - (shape[1] - 1) / 2) < shape[1] / 2) & (
        abs(stars["y"] - (shape[0] - 1) / 2) < shape[0] / 2
    )
    return out, stars[inside]


class FlatView:
    """The plane is the detector."""

    def pixels(self, x, y):
        """Detector pixels of plane positions."""
        return x, y

    def grid(self, shape):
        """Plane positions of all pixels, broadcastable."""
        return np.arange(shape[1], dtype=np.float32)[None, :], np.arange(shape[0], dtype=np.float32)[:, None]

    def jacobian(self, px, py):
        """Derivatives of the plane position by the pixel, shape (N, 2, 2)."""
        return np.broadcast_to(np.eye(2), (np.size(px), 2, 2))


def _place(stars, shape, view, exptime, margin=100):
    x, y = view.pixels(stars["x"], stars["y"])
    near = (x > -margin) & (x < shape[1] + margin) & (y > -margin) & (y < shape[0] + margin)
    placed = np.zeros(np.count_nonzero(near), [(n, float) for n in ("x", "y", "flux_e", "peak_e")])
    placed["x"], placed["y"] = x[near], y[near]
    # A flat-fielded image shows surface brightness, so a star has fewer counts where pixels are larger.
    area = abs(np.linalg.det(view.jacobian(placed["x"], placed["y"])))
    placed["flux_e"] = stars["rate"][near] * exptime / area
    return placed


def add_stars(out, x, y, flux, point):
    """Add point sources to an image, in place; wings as far as they matter."""
    faint = flux < 2e4
    _add_stamps(out, x[faint], y[faint], flux[faint], point)
    for i in np.flatnonzero(~faint):
        _add_exact(out, x[i], y[i], flux[i], point)


def _add_stamps(out, x, y, flux, point, chunk=20000):
    reach = np.arange(-psfs.CORE, psfs.CORE + 1)
    for first in range(0, x.size, chunk):
        part = slice(first, first + chunk)
        ix, iy = np.rint(x[part]).astype(int), np.rint(y[part]).astype(int)
        phase_x, phase_y = (
            np.clip(((v - i + 0.5) * psfs.PHASES).astype(int), 0, psfs.PHASES - 1)
            for v, i in ((x[part], ix), (y[part], iy))
        )
        value = point.stamps[phase_y, phase_x] * flux[part, None, None].astype(np.float32)
        px, py = ix[:, None] + reach, iy[:, None] + reach
        value *= ((px >= 0) & (px < out.shape[1]))[:, None, :]
        value *= ((py >= 0) & (py < out.shape[0]))[:, :, None]
        px, py = px.clip(0, out.shape[1] - 1), py.clip(0, out.shape[0] - 1)
        np.add.at(out.reshape(-1), (py[:, :, None] * out.shape[1] + px[:, None, :]).ravel(), value.ravel())


def _add_exact(out, x, y, flux, point):
    """One bright star, with wings of 32 pixels, or 100 where it is very bright."""
    reach = 32 if flux < 5e5 else 100
    x0, x1 = max(int(x) - reach, 0), min(int(x) + reach + 1, out.shape[1])
    y0, y1 = max(int(y) - reach, 0), min(int(y) + reach + 1, out.shape[0])
    if x0 < x1 and y0 < y1:
        share = point.at(np.arange(x0, x1)[None, :] - x, np.arange(y0, y1)[:, None] - y)
        out[y0:y1, x0:x1] += (flux * np.clip(share, 0, None)).astype(np.float32)


def _paint_galaxies(galaxies, shape, view, exptime):
    out = np.zeros(shape, np.float32)
    if not galaxies.size:
        return out
    x, y = view.pixels(galaxies["x"], galaxies["y"])
    near = (x > -200) & (x < shape[1] + 200) & (y > -200) & (y < shape[0] + 200)
    jacobians = view.jacobian(x[near], y[near])
    for gx, gy, galaxy, jacobian in zip(x[near], y[near], galaxies[near], jacobians, strict=True):
        reach = int(np.ceil(min(galaxy["radius"] * (4 if galaxy["index"] < 2 else 7), 200) + 3))
        x0, x1 = max(int(gx) - reach, 0), min(int(gx) + reach + 1, shape[1])
        y0, y1 = max(int(gy) - reach, 0), min(int(gy) + reach + 1, shape[0])
        if x0 < x1 and y0 < y1:
            dx, dy = np.arange(x0, x1)[None, :] - gx, np.arange(y0, y1)[:, None] - gy
            u = jacobian[0, 0] * dx + jacobian[0, 1] * dy
            v = jacobian[1, 0] * dx + jacobian[1, 1] * dy
            out[y0:y1, x0:x1] += exptime * _sersic(galaxy, u, v)
    return out


_SERSIC = {1.0: (1.678, 1 / (2 * np.pi * 1.678**-2)), 4.0: (7.669, 7.669**8 / (8 * np.pi * 5040))}


def _sersic(galaxy, u, v):
    """Surface brightness, e-/s/pixel; total rate as given. The cusp is softened by half a pixel."""
    b, norm = _SERSIC[galaxy["index"]]
    c, s = np.cos(galaxy["angle"]), np.sin(galaxy["angle"])
    major, minor = u * c + v * s, (v * c - u * s) / galaxy["ratio"]
    radius = np.sqrt(major**2 + minor**2 + 0.25) / galaxy["radius"]
    central = galaxy["rate"] * norm / (galaxy["ratio"] * galaxy["radius"] ** 2)
    return central * np.exp(-b * radius ** (1 / galaxy["index"]))
