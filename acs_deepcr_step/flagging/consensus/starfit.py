"""Find the stars of a chip and measure them.

ACS undersamples: between the pixels of another exposure a star's peak is off by ten
per cent, however it is interpolated. So stars are taken out of the image before it is
interpolated, and added back at the requested positions. What interpolation still carries
is the error of the model, of which its own error is a tenth. A round profile is enough
for that; it is measured from the chip's own stars (in the spirit of Anderson & King
2000, PASP 112, 1360, whose profile is not round).
"""

from dataclasses import dataclass, replace

import numpy as np

from ...arrays.morphology import label_groups
from ...arrays.point_sources import has_light_beside, is_local_maximum
from ...arrays.probabilities import SCALE
from .stars import REACH, STEP, Stars, gaussian, light, slopes, windows

__all__ = ["PEAK_SIGMA", "find_stars"]

_REACHES = np.array([5, 7, REACH])  # pixels
_BRIGHT = (250.0, 1000.0)  # sigma of the sky from which the wings of stars stand out farther
PEAK_SIGMA = 25.0  # below, ten per cent of a star are less than its noise
_PROBABILITY = 0.5  # beyond it is a cosmic ray; the network doubts the peaks of bright stars, too
_WIDTHS = np.array([0.55, 0.65, 0.8, 1.0, 1.25, 1.6, 2.0, 2.6, 3.4, 4.5, 6.0])  # pixels
_FEWEST, _MOST = 5, 150  # stars that the profile is measured from
_MODEL_ERROR = 0.02  # of a star's light
_RISE = 1.0  # what a star stands on may rise towards it by this share of what is seen four pixels away
_CLIP = 5.0  # sigma
_AT_A_TIME = 4000  # stars


@dataclass(frozen=True)
class _Window:
    """What a star is fitted to: pixels so far away, in so many steps, and how far it may move."""

    half: int
    steps: int
    farthest: float


_CORE, _WINGS = _Window(2, 2, 1.0), _Window(7, 6, 2.0)


def find_stars(chip):
    """Find the stars of a chip and measure them.

    Parameters
    ----------
    chip : field_chip.FieldChip

    Returns
    -------
    Stars
        Of fewer than five the profile is a Gaussian's.
    """
    bad, saturated, noise = chip.bad, chip.saturated, chip.background.typical_rms
    good = (chip.scaled_probability < _PROBABILITY * SCALE) & ~saturated & ~bad
    image = np.where(bad, np.float32(0), chip.net)
    y, x = _peaks(image, noise, good, saturated)
    if not y.size:
        return Stars.none()
    peak = image[y, x].astype(float)
    reach = _REACHES[np.searchsorted(_BRIGHT, peak / noise)]
    stars = Stars(y.astype(float), x.astype(float), peak, reach, gaussian())
    wells = _Wells.of(saturated, good)
    full, rest = Stars.none(), image
    stars.add_to(rest, -1)
    stars = _exchanged(rest, stars, _placed(stars, rest, good, noise))
    stars = _exchanged(rest, stars, _profiled(stars, rest, good, noise))
    full = _exchanged(rest, full, wells.stars(rest, full, noise, stars.profile))
    stars = _exchanged(rest, stars, _placed(stars, rest, good, noise))
    full = wells.stars(rest, full, noise, stars.profile)
    return Stars(
        *(np.concatenate(pair) for pair in zip(stars.columns, full.columns, strict=True)), stars.profile
    )


def _exchanged(rest, old, new):
    """Return the new stars, after they were taken out of `rest` in the place of the old ones."""
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
        labels, count = label_groups(saturated)
        rows, columns = np.divmod(np.flatnonzero(saturated), saturated.shape[1])  # faster than nonzero
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
        at, inside, dy, dx = windows(self.y, self.x, _WINGS.half, rest.shape)
        usable = inside & self.good.ravel()[at] & (dy**2 + dx**2 < (_WINGS.half - 1) ** 2)
        shape = np.maximum(light(profile, dy, dx, REACH), 1e-9)
        values = np.where(usable, rest.ravel()[at] / shape, np.inf)
        values = np.sort(values.reshape(self.y.size, -1), axis=1)
        peak = np.take_along_axis(values, usable.sum(axis=(1, 2))[:, None] // 2, axis=1)[:, 0]
        some = np.isfinite(peak) & (peak > PEAK_SIGMA * noise)
        first = Stars(self.y[some], self.x[some], peak[some], np.full(np.count_nonzero(some), REACH), profile)
        first.add_to(rest, -1)
        fitted = Stars(*_fitted(first, rest, self.good, noise, _WINGS), first.reach, profile)
        first.add_to(rest)
        return fitted


def _peaks(image, noise, good, saturated):
    """Rows and columns of the peaks of stars."""
    high = image > PEAK_SIGMA * noise
    high[:2] = high[-2:] = False
    high[:, :2] = high[:, -2:] = False
    index = np.flatnonzero(high & good)
    columns = image.shape[1]
    around = index + np.array([[dy * columns + dx] for dy in (-1, 0, 1) for dx in (-1, 0, 1)])
    # Pixels that cannot be used say nothing; where the peak itself is one, a neighbour stands for it.
    chosen = is_local_maximum(image, index, good)
    chosen &= ~saturated.ravel()[around].any(axis=0) & (good.ravel()[around].sum(axis=0) > 4)
    index = index[chosen]
    return np.divmod(index[has_light_beside(image, index, usable=good)], columns)


def _placed(stars, rest, good, noise):
    """Return the stars with places and peaks fitted to the 5x5 pixels around each."""
    y, x, peak = (np.array(each, float) for each in (stars.y, stars.x, stars.peak))
    for first in range(0, y.size, _AT_A_TIME):
        part = slice(first, first + _AT_A_TIME)
        some = Stars(y[part], x[part], peak[part], stars.reach[part], stars.profile)
        y[part], x[part], peak[part] = _fitted(some, rest, good, noise)
    return Stars(y, x, peak, stars.reach, stars.profile)


def _fitted(stars, rest, good, noise, window=_CORE):
    """Places and peaks by some steps of least squares (Gauss-Newton)."""
    if not stars.y.size:
        return stars.y, stars.x, stars.peak
    at, inside, dy, dx = windows(stars.y, stars.x, window.half, rest.shape)
    usable = inside & good.ravel()[at]
    y, x, peak, rise = np.zeros(stars.y.size), np.zeros(stars.y.size), stars.peak, np.zeros(stars.y.size)
    data = (
        rest.ravel()[at]
        + _own_light(stars, dy, dx) * stars.peak[:, None, None]
    )
    level = _level(stars, rest, good)
    data -= level[:, None, None]
    # A star may stand on a source that rises towards it, though hardly on an empty sky.
    prior = np.zeros((y.size, 4, 4))
    prior[:, 3, 3] = 1 / (noise + _RISE * np.maximum(level, 0)) ** 2
    for _ in range(window.steps):
        off_y, off_x = dy - y[:, None, None], dx - x[:, None, None]
        shape = light(stars.profile, off_y, off_x, REACH)
        model = shape * peak[:, None, None]
        slope = slopes(stars.profile, off_y, off_x)
        weight = usable / (noise**2 + np.maximum(model, 0) + (_MODEL_ERROR * model) ** 2)
        design = [shape, *(each * peak[:, None, None] for each in slope), np.ones_like(shape)]
        design = np.stack(design, -1).reshape(y.size, -1, 4)
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


def _own_light(stars, dy, dx):
    """Return the light of stars, of peak 1, in the windows around each, to the reach of each."""
    out = np.empty(dy.shape, np.float32)
    for reach in np.unique(stars.reach):
        its = stars.reach == reach
        out[its] = light(stars.profile, dy[its], dx[its], reach)
    return out


def _level(stars, rest, good):
    """Return the local background under each star: the faint ones of the pixels four away."""
    at, inside, dy, dx = windows(stars.y, stars.x, 4, rest.shape)
    ring = np.maximum(abs(np.arange(-4, 5))[:, None], abs(np.arange(-4, 5))) == 4
    at, usable = at[:, ring], (inside & good.ravel()[at])[:, ring]
    values = np.sort(np.where(usable, rest.ravel()[at], np.inf), axis=1)
    place = (0.3 * usable.sum(axis=1)).astype(int)[:, None]
    level = np.take_along_axis(values, place, axis=1)[:, 0]
    return np.where(np.isfinite(level), level, 0.0)


def _profiled(stars, rest, good, noise):
    """Return the stars with a profile measured from some of the bright ones."""
    # Around those whose peak is known for sure.
    at, inside, _, _ = windows(stars.y, stars.x, 2, rest.shape)
    chosen = np.flatnonzero((inside & good.ravel()[at]).all(axis=(1, 2)))
    chosen = chosen[np.argsort(stars.peak[chosen])[::-1][:_MOST]]
    if chosen.size < _FEWEST:
        return stars
    at, inside, dy, dx = windows(stars.y[chosen], stars.x[chosen], REACH, rest.shape)
    peak = np.broadcast_to(stars.peak[chosen][:, None, None], at.shape)
    usual = _own_light(replace(stars, reach=stars.reach[chosen]), dy, dx) * peak
    radius2 = dy**2 + dx**2
    usable = inside & good.ravel()[at] & (radius2 < REACH**2)
    usual, peak, radius2 = usual[usable], peak[usable], radius2[usable]
    values = rest.ravel()[at[usable]] + usual
    sigma = np.sqrt(noise**2 + np.maximum(usual, 0) + (_MODEL_ERROR * usual) ** 2)
    design = np.exp(-radius2[:, None] / (2 * _WIDTHS**2)) * peak[:, None]
    weight = 1 / sigma
    for _ in range(3):  # sources beside, and cosmic rays, count less each time
        scaled = design * weight[:, None]
        normal = scaled.T @ scaled
        normal += 1e-7 * np.diag(np.diag(normal))
        shares = np.linalg.solve(normal, scaled.T @ (values * weight))
        off = (values - design @ shares) / sigma
        weight = 1 / (sigma * np.sqrt(1 + (off / _CLIP) ** 2))
    radii = np.arange(0, REACH + STEP / 2, STEP)
    profile = np.exp(-(radii[:, None] ** 2) / (2 * _WIDTHS**2)) @ shares
    if not profile[0] > 0:
        return stars
    return Stars(stars.y, stars.x, stars.peak * profile[0], stars.reach, profile / profile[0])
