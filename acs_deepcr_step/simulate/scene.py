"""The sky: stars and galaxies on a plane with the camera's pixels.

Three fields. ``sparse``: a high-latitude field, some stars and many faint galaxies. ``crowded``: the
outskirts of a globular cluster, stars from below the noise to far above saturation. ``galaxies``: a nearby
disc galaxy with arms, dust, clusters and a sheet of half-resolved stars, and more background galaxies.
Numbers per area and magnitude are round ones of the right order; they are free, and the options can scale
them.
"""

from dataclasses import dataclass

import numpy as np

from . import cameras

__all__ = ["FIELDS", "Disc", "Region", "Scene", "draw"]

FIELDS = ("sparse", "crowded", "galaxies")


@dataclass(frozen=True)
class Region:
    """A rectangle of the sky plane.

    Attributes
    ----------
    x0, y0, x1, y1 : float
        Its lower left and its upper right corner, pixels of the plane.
    """

    x0: float
    y0: float
    x1: float
    y1: float

    @property
    def area(self):
        """Square pixels."""
        return (self.x1 - self.x0) * (self.y1 - self.y0)


@dataclass(frozen=True)
class Disc:
    """A face-on spiral galaxy.

    Attributes
    ----------
    x, y : float
        Its centre, pixels of the plane.
    scale : float
        Scale length, pixels.
    brightness : float
        Central surface brightness of the disc, e-/s per pixel.
    phase : float
        Of the spiral arms, radians.
    """

    x: float
    y: float
    scale: float
    brightness: float
    phase: float

    def density(self, x, y):
        """Return the relative brightness of the disc's stars: exponential, with two arms.

        Parameters
        ----------
        x, y : ndarray, (N,) or of shapes that broadcast
            Pixels of the plane.

        Returns
        -------
        ndarray
        """
        radius = np.hypot(x - self.x, y - self.y) / self.scale
        return np.exp(-radius) * (1 + 0.5 * np.cos(self._winding(x, y, radius)))

    def surface_brightness(self, x, y):
        """Return the smooth light, e-/s per pixel, dimmed by dust along the inner edges of the arms.

        Parameters
        ----------
        x, y : ndarray
            As for `density`.

        Returns
        -------
        ndarray
        """
        radius = np.hypot(x - self.x, y - self.y) / self.scale
        ripple = np.sin(x / 23.0 + self.phase) * np.sin(y / 17.0 - self.phase) * np.sin((x + y) / 41.0)
        dust = 0.55 * np.exp(4 * (np.cos(self._winding(x, y, radius) + 0.9) - 1)) * (1 + 0.6 * ripple)
        bulge = 6.0 * np.exp(-6.0 * np.sqrt(radius))
        return self.brightness * (self.density(x, y) * (1 - np.clip(dust, 0, 0.9)) + bulge)

    def _winding(self, x, y, radius):
        return 2 * (np.arctan2(y - self.y, x - self.x) - 2.5 * np.log(radius + 0.1)) + self.phase


@dataclass(frozen=True, eq=False)
class Scene:
    """What is in the sky.

    Attributes
    ----------
    stars : structured ndarray, (N,), float64 fields
        x, y (pixels of the plane), rate (e-/s).
    galaxies : structured ndarray, (M,), float64 fields
        x, y (pixels of the plane), rate (e-/s), radius (half-light, pixels), ratio (minor to major axis),
        angle (radians), index (Sersic).
    disc : Disc or None
        A resolved galaxy.
    """

    stars: np.ndarray
    galaxies: np.ndarray
    disc: Disc | None


@dataclass(frozen=True)
class _StarCounts:
    """Stars per square arcmin between two magnitudes, and how steeply fainter ones grow more.

    The number per magnitude grows as 10^(slope m).
    """

    per_arcmin2: float
    brightest: float
    faintest: float
    slope: float


_SPARSE = _StarCounts(30, 17, 27.5, 0.14)
_CLUSTER = _StarCounts(12000, 15, 27.5, 0.20)
_DISC = _StarCounts(150000, 20, 28, 0.5)
_DISC_PEAK = 1.5  # highest density of a disc's stars
_GALAXIES_PER_ARCMIN2 = 250
_GALAXY_DENSITY = {"sparse": 1.0, "crowded": 0.3, "galaxies": 1.0}


def draw(field, region, bandpass, options, rng):
    """Draw the scene of a field.

    Parameters
    ----------
    field : {'sparse', 'crowded', 'galaxies'}
    region : Region
        The part of the plane to fill.
    bandpass : filters.Bandpass
    options : SimulationOptions
        Of which `camera`, `star_density` and `galaxy_density` matter.
    rng : numpy.random.Generator

    Returns
    -------
    Scene

    Raises
    ------
    ValueError
        If there is no such field.
    """
    if field not in FIELDS:
        raise ValueError(f"no field {field!r}; the fields are {', '.join(FIELDS)}")
    density, disc = options.star_density, None
    pixel = cameras.find(options.camera).pixel
    if field == "sparse":
        stars = _stars(_SPARSE, region, bandpass, density, pixel, rng)
    elif field == "crowded":
        stars = _stars(_CLUSTER, region, bandpass, density, pixel, rng)
    else:
        disc = _disc(region, bandpass, rng)
        stars = _stars(_DISC, region, bandpass, density, pixel, rng)
        kept = rng.uniform(0, _DISC_PEAK, stars.size) < disc.density(stars["x"], stars["y"])
        foreground = _stars(_SPARSE, region, bandpass, density, pixel, rng)
        stars = np.concatenate([stars[kept], foreground])
    galaxies = _galaxies(region, bandpass, _GALAXY_DENSITY[field] * options.galaxy_density, pixel, rng)
    return Scene(stars, galaxies, disc)


def _disc(region, bandpass, rng):
    return Disc(
        0.7 * region.x0 + 0.3 * region.x1,
        0.6 * region.y0 + 0.4 * region.y1,
        0.5 * np.sqrt(region.area),
        3 * bandpass.sky,
        rng.uniform(0, 2 * np.pi),
    )


def _magnitudes(number, brightest, faintest, slope, rng):
    """Draw magnitudes whose counts grow as 10^(slope m)."""
    u = rng.uniform(size=number)
    low, high = (10 ** (slope * m) for m in (brightest, faintest))
    return np.log10(low + u * (high - low)) / slope


def _stars(counts, region, bandpass, density, pixel, rng):
    number = rng.poisson(counts.per_arcmin2 * density * region.area / (60 / pixel) ** 2)
    stars = np.empty(number, [("x", float), ("y", float), ("rate", float)])
    stars["x"] = rng.uniform(region.x0, region.x1, number)
    stars["y"] = rng.uniform(region.y0, region.y1, number)
    magnitude = _magnitudes(number, counts.brightest, counts.faintest, counts.slope, rng)
    stars["rate"] = 10 ** (-0.4 * (magnitude - bandpass.zeropoint))
    return stars


def _galaxies(region, bandpass, density, pixel, rng):
    number = rng.poisson(_GALAXIES_PER_ARCMIN2 * density * region.area / (60 / pixel) ** 2)
    names = ("x", "y", "rate", "radius", "ratio", "angle", "index")
    galaxies = np.empty(number, [(name, float) for name in names])
    galaxies["x"] = rng.uniform(region.x0, region.x1, number)
    galaxies["y"] = rng.uniform(region.y0, region.y1, number)
    magnitude = _magnitudes(number, 18.5, 27.5, 0.33, rng)
    galaxies["rate"] = 10 ** (-0.4 * (magnitude - bandpass.zeropoint))
    # Half-light radii fall from about 0.7" at magnitude 20 to 0.15" at 27, with a scatter of 0.2 dex.
    arcsec = 0.7 * 10 ** (-0.095 * (magnitude - 20) + 0.2 * rng.normal(size=number))
    galaxies["radius"] = np.clip(arcsec / pixel, 1.2, 60)
    galaxies["ratio"] = rng.uniform(0.3, 1, number)
    galaxies["angle"] = rng.uniform(0, np.pi, number)
    galaxies["index"] = rng.choice([1.0, 4.0], number, p=[0.8, 0.2])
    return galaxies
