"""How far another exposure lies off where the WCS puts it, and how well that is known."""

import math
from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS
from scipy.spatial import cKDTree

from .chip_map import ChipMap
from .stars import Stars

__all__ = ["ChipStars", "Pointing", "PointingFacts", "known_error", "measure"]

# Errors of the WCS of one exposure against another, seconds of arc along each axis. DrizzlePac Handbook,
# appendix B.3: offsets within a visit agree to 2 to 5 mas, from visit to visit to 10 to 15.
_WITHIN_VISIT, _BETWEEN_VISITS = 0.005, 0.015
# Of exposures that followed a target that moves: on eight of WFC3/UVIS (programme 15460) the WCS of one half
# was up to 6.7 pixels off that of the other.
_FOLLOWING = 0.2
_FARTHEST = 5.0  # pixels: a larger shift cannot be told from another field
_ENOUGH = 10  # stars that must agree on a shift that the WCS's error does not explain
_MOST = 1000  # of a chip's stars, the brightest, are looked for
_AGREE = 0.5  # pixels between stars that agree
_BRIGHTNESS = 2.0  # factor between a star here and there
_ONE_STAR = 0.1  # pixels, of the place of a star that is alone
_FRACTION = 0.5  # pixels
_FEW = 3  # stars that are enough where the WCS is known to more than a fraction of a pixel only
_LARGEST_OF_FEW = 1.0  # pixels
_TOLERANCE = 3.0  # of the WCS's error, where a star is looked for


@dataclass(frozen=True)
class Pointing:
    """Where another exposure lies.

    Attributes
    ----------
    shift : tuple of float
        Rows and columns by which its stars lie off their places.
    error : float
        Of the shift along each axis, pixels.
    stars : int
        That it was measured from.
    brightness : float
        Of the peaks of its stars, for the same time, in units of those here: another focus makes them lower.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    error: float = 0.0
    stars: int = 0
    brightness: float = 1.0

    @property
    def reach(self):
        """Pixels around a place among which the right one is; 0 if it is known to half a pixel."""
        return math.ceil(self.error) if self.error > _FRACTION else 0

    def is_off(self, pixels):
        """Return whether the stars lie off by more than so many pixels, and more than by chance."""
        return self.offset > max(pixels, _TOLERANCE * self.error)

    @property
    def offset(self):
        """Pixels by which the other's stars lie off their places."""
        return math.hypot(*self.shift)


@dataclass(frozen=True)
class PointingFacts:
    """What the error of a pointing depends on.

    Attributes
    ----------
    visit : str
    follows_target : bool
        Whether the telescope followed a target that moves (MTFLAG).
    pixel : float
        Side of a pixel, seconds of arc.
    """

    visit: str
    follows_target: bool
    pixel: float


def known_error(one, other):
    """Return the error of the WCS of one exposure against another along each axis, in pixels.

    Parameters
    ----------
    one, other : PointingFacts

    Returns
    -------
    float
    """
    if one.follows_target or other.follows_target:
        return _FOLLOWING / one.pixel
    return (_WITHIN_VISIT if one.visit == other.visit else _BETWEEN_VISITS) / one.pixel


@dataclass(frozen=True, eq=False)
class ChipStars:
    """The stars of a chip, and where it looks; `exptime` in seconds."""

    wcs: WCS
    shape: tuple[int, int]
    stars: Stars
    exptime: float


def measure(chips, others, known_error):
    """Measure how far the stars of another exposure lie off where the WCS puts them.

    Parameters
    ----------
    chips, others : list of ChipStars
        The chips of both exposures.
    known_error : float
        Of the WCS of one against the other along each axis, pixels.

    Returns
    -------
    Pointing
        The shift of ten stars or more that agree, up to 5 pixels; of fewer, what they say within three times
        the error of the WCS, and that error; without any, no shift.
    """
    offsets = np.concatenate([np.zeros((0, 3)), *(_offsets(one, other) for one in chips for other in others)])
    agreeing = _largest_cluster(offsets)
    if len(agreeing) < _ENOUGH:
        # Few stars agree on a small shift only; on a large one any two of them might.
        far = min(_TOLERANCE * math.hypot(known_error, _ONE_STAR), _LARGEST_OF_FEW)
        agreeing = _largest_cluster(offsets[np.hypot(*offsets.T[:2]) < far])
    if len(agreeing) < (1 if known_error <= _FRACTION else _FEW):
        return Pointing(error=known_error)
    *middle, log_brightness = np.median(agreeing, axis=0)
    scatter = 1.4826 * np.median(np.abs(agreeing[:, :2] - middle))
    if len(agreeing) < _ENOUGH:
        scatter = max(scatter, _ONE_STAR)
    variance = scatter**2 / len(agreeing)
    # What the WCS says counts as one measurement more, unless many stars say otherwise.
    weight = known_error**2 / (known_error**2 + variance) if len(agreeing) < _ENOUGH else 1.0
    shift = tuple(float(weight * one) for one in middle)
    brightness = math.exp(log_brightness) if len(agreeing) >= _ENOUGH else 1.0
    return Pointing(shift, math.sqrt(weight * variance), len(agreeing), brightness)


def _offsets(one, other):
    """From the places of stars to all stars of the other chip that are near and as bright.

    Rows and columns, and the logarithm of their brightness there over that here, (K, 3).
    """
    if not one.stars.y.size or not other.stars.y.size:
        return np.zeros((0, 3))
    brightest = np.argsort(one.stars.peak)[::-1][:_MOST]
    to_other = ChipMap(one.wcs, one.shape, other.wcs, other.shape)
    places = np.column_stack(to_other(one.stars.y[brightest], one.stars.x[brightest]))
    on = np.isfinite(places).all(axis=1)
    places, peak = places[on], one.stars.peak[brightest][on] / one.exptime
    there = np.column_stack([other.stars.y, other.stars.x])
    near = cKDTree(places).sparse_distance_matrix(cKDTree(there), _FARTHEST, output_type="coo_matrix")
    ratio = other.stars.peak[near.col] / other.exptime / peak[near.row]
    alike = (ratio < _BRIGHTNESS) & (ratio > 1 / _BRIGHTNESS)
    return np.column_stack([there[near.col[alike]] - places[near.row[alike]], np.log(ratio[alike])])


def _largest_cluster(offsets):
    """Return the offsets, the first two columns, that agree with the most others; none if there are none."""
    if not len(offsets):
        return offsets
    places = offsets[:, :2]
    number = cKDTree(places).query_ball_point(places, _AGREE, return_length=True)
    centre = places[np.argmax(number)]
    for _ in range(3):
        agreeing = np.hypot(*(places - centre).T) < _AGREE
        centre = np.median(places[agreeing], axis=0)
    return offsets[agreeing]
