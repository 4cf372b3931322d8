"""The stars of a chip, modelled well enough that interpolation need not carry their peaks. Arrays only.

ACS undersamples: between the pixels of another exposure a star's peak is off by ten
per cent, however it is interpolated. So stars are taken out of the image before it is
interpolated, and put back where they are asked for. What interpolation still carries
is the error of the model, so its own error counts a tenth. A round profile is enough
for that; it is measured from the stars of the chip itself (in the spirit of Anderson &
King 2000, PASP 112, 1360).
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from .. import flags, saturation

__all__ = ["REACH", "Stars", "find_stars"]

REACH = 10  # pixels to which a bright star is modelled
_REACHES = np.array([5, 7, REACH])
_BRIGHT = (250.0, 1000.0)  # sigma of the sky from which the wings of stars stand out farther
_PEAK_SIGMA = 25.0  # below, ten per cent of a star are less than its noise
_PROBABILITY = 0.5  # beyond it is a cosmic ray; the network doubts the peaks of bright stars, too
_WIDTHS = np.array([0.55, 0.65, 0.8, 1.0, 1.25, 1.6, 2.0, 2.6, 3.4, 4.5, 6.0])  # pixels
_FEWEST, _MOST = 5, 150  # stars that the profile is measured from
_ROUNDS = 2
_STEP = 0.02  # pixels between tabulated radii
_MODEL_ERROR = 0.02
_RISE = 1.  # times what a star stands on four pixels away, and it may stand on that at its place
_CLIP = 5.0  # sigma
_FADE = 2.0  # pixels
_AT_A_TIME = 4000


@dataclass(frozen=True)
class _Window:
    """What a star is fitted to: pixels so far away, in so many steps, and how far it may move."""

    half: int
    steps: int
    farthest: float


_CORE, _WINGS = _Window(2, 3, 1.0), _Window(7, 6, 2.0)


@dataclass(frozen=True, eq=False)
class Stars:
    """Stars of a chip.

    Attributes
    ----------
    y, x : ndarray, (K,)
        Places, pixels.
    peak : ndarray, (K,)
        Electrons of the profile's centre.
    reach : ndarray, (K,), int
        Pixels to which each is modelled.
    profile : ndarray
        Light at the radii 0, 0.02, ..., `REACH` pixels; 1 at the centre.
    """

    y: np.ndarray
    x: np.ndarray
    peak: np.ndarray
    reach: np.ndarray
    profile: np.ndarray = field(repr=False)

    @property
    def columns(self):
        """Places, peaks and reaches."""
        return self.y, self.x, self.peak, self.reach

    @classmethod
    def none(cls, profile=None):
        """Return no stars."""
        return cls(*np.zeros((3, 0)), np.zeros(0, int), _first_profile() if profile is None else profile)

    def through(self, way):
        """Follow the stars to another chip.

        Parameters
        ----------
        way : callable
            From rows and columns here to those there, nan where they are off.

        Returns
        -------
        here, there : Stars
            Those that are on both. After flat-fielding a star has fewer electrons
            where pixels cover more sky.
        """
        y, x = way(self.y, self.x)
        step = 0.5
        rows, columns = (
            np.array(way(self.y + dy, self.x + dx)) - way(self.y - dy, self.x - dx)
            for dy, dx in ((step, 0), (0, step))
        )
        area = np.abs(rows[0] * columns[1] - rows[1] * columns[0])
        on = np.isfinite(y) & np.isfinite(x)
        area = np.where(np.isfinite(area), area, 1.0)
        here, there = (
            Stars(*(each[on] for each in one), self.profile)
            for one in (
                (self.y, self.x, self.peak, self.reach),
                (y, x, self.peak * area, self.reach),
            )
        )
        return here, there

    def add_to(self, image, factor=1.0):
        """Add the light of all stars, times a factor, to an image in place; (R, C) float32, electrons."""
        flat = image.reshape(-1)
        for reach in np.unique(self.reach):
            which = np.flatnonzero(self.reach == reach)
            for first in range(0, which.size, _AT_A_TIME):
                some = which[first : first + _AT_A_TIME]
                at, inside, dy, dx = _windows(self.y[some], self.x[some], reach, image.shape)
                inside &= dy * dy + dx * dx < reach * reach
                peak = np.broadcast_to((factor * self.peak[some])[:, None, None], inside.shape)
                light = _light(self.profile, dy[inside], dx[inside], reach) * peak[inside]
                np.add.at(flat, at[inside], light.astype(np.float32))


def find_stars(image, sky, noise, stored, saturated, bad):
    """Find the stars of a chip and measure them.

    Parameters
    ----------
    image : ndarray, (R, C), float32
        Electrons, sky included.
    sky, noise : float
    stored : ndarray, (R, C), int16
        10,000 times the probability of a cosmic ray.
    saturated, bad : ndarray, (R, C), bool

    Returns
    -------
    Stars
        None where there are too few to measure a profile.
    """
    good = (stored < _PROBABILITY * flags.STORED_UNIT) & ~saturated & ~bad
    image = image - np.float32(sky)
    y, x = _peaks(image, noise, good, saturated)
    if y.size < _FEWEST:
        return Stars.none()
    peak = image[y, x].astype(float)
    reach = _REACHES[np.searchsorted(_BRIGHT, peak / noise)]
    stars = Stars(y.astype(float), x.astype(float), peak, reach, _first_profile())
    wells = _Wells.of(saturated, good)
    full, rest = Stars.none(), image
    stars.add_to(rest, -1)
    for _ in range(_ROUNDS):
        stars = _exchanged(rest, stars, _placed(stars, rest, good, noise))
        stars = _exchanged(rest, stars, _profiled(stars, rest, good, noise))
        full = _exchanged(rest, full, wells.stars(rest, full, noise, stars.profile))
    stars = _exchanged(rest, stars, _placed(stars, rest, good, noise))
    full = wells.stars(rest, full, noise, stars.profile)
    return Stars(*(np.concatenate(pair) for pair in zip(stars.columns, full.columns, strict=True)), stars.profile)


def _exchanged(rest, old, new):
    """The new stars, after their light took the place of the old one in what was taken out of `rest`."""
    old.add_to(rest)
    new.add_to(rest, -1)
    return new


@dataclass(frozen=True, eq=False)
class _Wells:
    """Groups of saturated pixels: their places, and which pixels beside them say something."""

    y: np.ndarray
    x: np.ndarray
    good: np.ndarray

    @classmethod
    def of(cls, saturated, good):
        """Find them; charge bleeds along columns, so the row is that of the widest part."""
        labels, count = saturation.groups(saturated)
        rows, columns = np.nonzero(saturated)
        label = labels[rows, columns] - 1
        _, row, wide = np.unique(label * saturated.shape[0] + rows, return_inverse=True, return_counts=True)
        weight = wide[row].astype(float) ** 4
        total = np.bincount(label, weight, count)
        y, x = (np.bincount(label, weight * each, count) / total for each in (rows, columns))
        # The ends of trails hold charge that is not of the wings.
        clear = good.copy()
        for dy in range(-3, 4):
            for dx in (-1, 0, 1):
                at = (rows + dy).clip(0, clear.shape[0] - 1), (columns + dx).clip(0, clear.shape[1] - 1)
                clear[at] = False
        return cls(y, x, clear)

    def stars(self, rest, before, noise, profile):
        """Return the stars that filled them, by their wings; the peak is what it would be."""
        if not self.y.size:
            return before
        if before.y.size:
            return Stars(*_fitted(before, rest, self.good, noise, _WINGS), before.reach, profile)
        at, inside, dy, dx = _windows(self.y, self.x, _WINGS.half, rest.shape)
        usable = inside & self.good.ravel()[at] & (dy**2 + dx**2 < (_WINGS.half - 1) ** 2)
        light = _light(profile, dy, dx, REACH)
        values = np.where(usable, rest.ravel()[at] / np.maximum(light, 1e-9), np.inf).reshape(self.y.size, -1)
        values = np.sort(values, axis=1)
        peak = np.take_along_axis(values, usable.sum(axis=(1, 2))[:, None] // 2, axis=1)[:, 0]
        some = np.isfinite(peak) & (peak > _PEAK_SIGMA * noise)
        first = Stars(self.y[some], self.x[some], peak[some], np.full(np.count_nonzero(some), REACH), profile)
        first.add_to(rest, -1)
        fitted = Stars(*_fitted(first, rest, self.good, noise, _WINGS), first.reach, profile)
        first.add_to(rest)
        return fitted


def _peaks(image, noise, good, saturated):
    """Rows and columns of the peaks of stars."""
    high = image > _PEAK_SIGMA * noise
    high[:2] = high[-2:] = False
    high[:, :2] = high[:, -2:] = False
    index = np.flatnonzero(high & good)
    columns = image.shape[1]
    around = index + np.array([[dy * columns + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    flat, fine = image.ravel(), good.ravel()
    # Pixels that cannot be used say nothing; where the peak itself is one, a neighbour stands for it.
    chosen = ((flat[around] <= flat[index]) | ~fine[around]).all(axis=0)
    chosen &= ~saturated.ravel()[around].any(axis=0) & (fine[around].sum(axis=0) > 4)
    index, around = index[chosen], around[:, chosen]
    # A hot pixel is a peak too, but a star has light beside it.
    beside = np.nanmedian(np.where(fine[around], flat[around], np.nan), axis=0)
    index = index[beside > 0.1 * flat[index]]
    return np.divmod(index, columns)


def _first_profile():
    radii = np.arange(0, REACH + _STEP / 2, _STEP)
    return np.exp(-(radii**2) / (2 * 0.95**2))


def _windows(y, x, reach, shape):
    """Flat indices of the pixels around places, whether they are on the chip, and offsets (K, n, n)."""
    steps = np.arange(-reach, reach + 1)
    iy, ix = np.rint(y).astype(int), np.rint(x).astype(int)
    rows, columns = iy[:, None] + steps, ix[:, None] + steps
    inside = ((rows >= 0) & (rows < shape[0]))[:, :, None] & ((columns >= 0) & (columns < shape[1]))[:, None]
    at = rows.clip(0, shape[0] - 1)[:, :, None] * shape[1] + columns.clip(0, shape[1] - 1)[:, None]
    dy, dx = np.broadcast_arrays((rows - y[:, None])[:, :, None], (columns - x[:, None])[:, None])
    return at, inside, dy, dx


def _light(profile, dy, dx, reach):
    """The profile at offsets; it fades out over the last pixels before `reach`, so that no step is left."""
    radius = np.sqrt(dy * dy + dx * dx)
    inner = np.minimum((radius / _STEP).astype(np.intp), profile.size - 2)
    part = np.clip(radius / _STEP - inner, 0, 1)
    light = profile[inner] + part * (profile[inner + 1] - profile[inner])
    return light * np.clip((reach - radius) / _FADE, 0, 1)


def _slopes(profile, dy, dx):
    """Derivatives of the profile by the star's row and column."""
    radius = np.sqrt(dy * dy + dx * dx)
    inner = np.minimum((radius / _STEP).astype(np.intp), profile.size - 2)
    steep = -(profile[inner + 1] - profile[inner]) / _STEP / np.maximum(radius, 1e-9)
    return steep * dy, steep * dx


def _placed(stars, rest, good, noise):
    """The stars with places and peaks fitted to the 5x5 pixels around each."""
    y, x, peak = (np.array(each, float) for each in (stars.y, stars.x, stars.peak))
    for first in range(0, y.size, _AT_A_TIME):
        part = slice(first, first + _AT_A_TIME)
        some = Stars(y[part], x[part], peak[part], stars.reach[part], stars.profile)
        y[part], x[part], peak[part] = _fitted(some, rest, good, noise)
    return Stars(y, x, peak, stars.reach, stars.profile)


def _fitted(stars, rest, good, noise, window=_CORE):
    """Places and peaks by some steps of least squares (Gauss-Newton)."""
    at, inside, dy, dx = _windows(stars.y, stars.x, window.half, rest.shape)
    usable = inside & good.ravel()[at]
    y, x, peak, rise = np.zeros(stars.y.size), np.zeros(stars.y.size), stars.peak, np.zeros(stars.y.size)
    data = rest.ravel()[at] + _light(stars.profile, dy, dx, stars.reach[:, None, None]) * stars.peak[:, None, None]
    level = _level(stars, rest, good)
    data -= level[:, None, None]
    # A star may stand on a source that rises towards it, though hardly on an empty sky.
    prior = np.zeros((y.size, 4, 4))
    prior[:, 3, 3] = 1 / (noise + _RISE * np.maximum(level, 0)) ** 2
    for _ in range(window.steps):
        off_y, off_x = dy - y[:, None, None], dx - x[:, None, None]
        light = _light(stars.profile, off_y, off_x, REACH)
        slopes = _slopes(stars.profile, off_y, off_x)
        model = light * peak[:, None, None]
        weight = usable / (noise**2 + np.maximum(model, 0) + (_MODEL_ERROR * model) ** 2)
        design = np.stack([light, *(slope * peak[:, None, None] for slope in slopes), np.ones_like(light)], -1)
        design = design.reshape(y.size, -1, 4)
        weighted = design * weight.reshape(y.size, -1, 1)
        normal = weighted.transpose(0, 2, 1) @ design + prior
        normal += (1e-6 * normal + 1e-12) * np.eye(4)
        left = data - model - rise[:, None, None]
        right = weighted.transpose(0, 2, 1) @ left.reshape(y.size, -1, 1)
        right[:, 3, 0] -= prior[:, 3, 3] * rise
        step = np.linalg.solve(normal, right)[..., 0]
        rise = rise + step[:, 3]
        peak = np.clip(peak + step[:, 0], 0.3 * stars.peak, 3 * stars.peak)
        y = np.clip(y + np.clip(step[:, 1], -0.4, 0.4), -window.farthest, window.farthest)
        x = np.clip(x + np.clip(step[:, 2], -0.4, 0.4), -window.farthest, window.farthest)
    return stars.y + y, stars.x + x, peak


def _level(stars, rest, good):
    """What the stars stand on: the faint ones of the pixels four away."""
    at, inside, dy, dx = _windows(stars.y, stars.x, 4, rest.shape)
    ring = np.maximum(abs(np.arange(-4, 5))[:, None], abs(np.arange(-4, 5))) == 4
    at, usable = at[:, ring], (inside & good.ravel()[at])[:, ring]
    values = np.sort(np.where(usable, rest.ravel()[at], np.inf), axis=1)
    place = (0.3 * usable.sum(axis=1)).astype(int)[:, None]
    level = np.take_along_axis(values, place, axis=1)[:, 0]
    return np.where(np.isfinite(level), level, 0.0)


def _profiled(stars, rest, good, noise):
    """The stars with a profile measured from some of the bright ones."""
    # Around those whose peak is known for sure.
    at, inside, _, _ = _windows(stars.y, stars.x, 2, rest.shape)
    chosen = np.flatnonzero((inside & good.ravel()[at]).all(axis=(1, 2)))
    chosen = chosen[np.argsort(stars.peak[chosen])[::-1][:_MOST]]
    if chosen.size < _FEWEST:
        return stars
    at, inside, dy, dx = _windows(stars.y[chosen], stars.x[chosen], REACH, rest.shape)
    peak = stars.peak[chosen][:, None, None]
    light = _light(stars.profile, dy, dx, stars.reach[chosen][:, None, None])
    data = rest.ravel()[at] + light * peak
    variance = noise**2 + np.maximum(light * peak, 0) + (_MODEL_ERROR * light * peak) ** 2
    radius2 = dy**2 + dx**2
    usable = inside & good.ravel()[at] & (radius2 < REACH**2)
    # Sources that are no stars are wider: those that the usual profile fits worst are left out.
    off = (data - light * peak)[usable]
    basis = np.exp(-radius2[usable][:, None] / (2 * _WIDTHS**2)) * (peak + 0 * dy)[usable][:, None]
    sigma = np.sqrt(variance[usable])
    values = data[usable]
    weight = 1 / sigma
    for _ in range(3):
        scaled = basis * weight[:, None]
        normal = scaled.T @ scaled
        normal += 1e-7 * np.diag(np.diag(normal))
        coefficients = np.linalg.solve(normal, scaled.T @ (values * weight))
        off = (values - basis @ coefficients) / sigma
        weight = 1 / (sigma * np.sqrt(1 + (off / _CLIP) ** 2))
    radii = np.arange(0, REACH + _STEP / 2, _STEP)
    profile = np.exp(-(radii[:, None] ** 2) / (2 * _WIDTHS**2)) @ coefficients
    if not profile[0] > 0:
        return stars
    return Stars(stars.y, stars.x, stars.peak * profile[0], stars.reach, profile / profile[0])
