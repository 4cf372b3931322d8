"""What several exposures of one field say together. Arrays and WCS only.

The network sees a single exposure. The others of the same field, with cosmic rays
of their own, tell whether a source is at a place. So the pixels in doubt
(`candidates`) are looked up in each other exposure (`look_up`); `decide` flags
what the others do not show and spares what they do. Where none of them is of use,
the decision of the single exposure stands. docs/consensus.md states the rules.
"""

from dataclasses import dataclass, field, fields
from functools import cached_property

import numpy as np

from .. import detect, flags
from ..pixels import cubic, square
from .mapping import ChipMap

__all__ = ["Candidates", "Evidence", "Member", "Rules", "candidates", "look_up"]

_UNIT = np.float32(flags.STORED_UNIT)


@dataclass(frozen=True, eq=False)
class Member:
    """One chip of one exposure.

    Attributes
    ----------
    wcs : astropy.wcs.WCS
        With all its distortion.
    exptime : float
        Seconds.
    image : ndarray, (R, C), float32
        Electrons, sky included.
    stored : ndarray, (R, C), int16
        10,000 times the probability of a cosmic ray.
    saturated : ndarray, (R, C), bool
    bad : ndarray, (R, C), bool
        Pixels that say nothing of the sky: lost, bad, filled, not finite.
    sky, noise : float
        Level and scatter of the empty sky, electrons per pixel.
    """

    wcs: object
    exptime: float
    image: np.ndarray = field(repr=False)
    stored: np.ndarray = field(repr=False)
    saturated: np.ndarray = field(repr=False)
    bad: np.ndarray = field(repr=False)
    sky: float
    noise: float

    @cached_property
    def near_saturated(self):
        """Pixels within 7x7 of a saturated one, (R, C) bool."""
        return detect.dilate(self.saturated, detect.GUARD_SIDE // 2)


@dataclass(frozen=True)
class Rules:
    """Numbers of the decision.

    Attributes
    ----------
    candidate : float
        Probability above which a pixel is looked up.
    neighbour : float
        Probability above which the neighbours are looked up too, if they stand
        `neighbour_sigma` above the sky.
    bright : float
        Pixels so many sigma above the sky are looked up in any case, as are saturated ones.
    flat, bend, slope : float
        Errors of what is expected of a source: share of its value; of what cubic
        and bilinear interpolation differ by; of the range of the 2x2 pixels,
        that is the misalignment in pixels.
    suspect, sure : float
        Probability above which a place in another exposure may be, and certainly is,
        a cosmic ray of that one.
    source : float
        Sigma above which the others show a source.
    belief : float
        Sigma that a unit of the logit of the probability is worth.
    on_source, on_blank : float
        What the sum must exceed.
    unasked, contrast : float
        Sigma, and share of the source's value, that a pixel on a source which the
        network does not suspect must exceed.
    crowd : int
        Pixels of such a group; more are a source that changed.
    alike : float
        So is such a pixel if those around it exceed what is expected of them by more
        than this share of the factor by which it does.
    peak : float
        What it must exceed, as a share of the source's value, at the peak of a source:
        sharper there than interpolation between the pixels of another exposure tells.
    passing : float
        Sigma above which a group on blank sky may be a source that moves, if the network
        takes none of its pixels for a cosmic ray.
    beside : float
        Sigma that flags near a saturated star must exceed if the network does not agree.
    grow : float
        Sigma at which neighbours of flagged pixels are flagged.
    """

    candidate: float = 0.05
    neighbour: float = 0.1
    neighbour_sigma: float = 3.0
    bright: float = 20.0
    flat: float = 0.03
    bend: float = 0.5
    slope: float = 0.05
    suspect: float = 0.5
    sure: float = 0.9
    source: float = 5.0
    belief: float = 0.4
    on_source: float = 2.0
    on_blank: float = -0.7
    unasked: float = 4.5
    contrast: float = 0.2
    crowd: int = 6
    alike: float = 0.4
    peak: float = 0.7
    passing: float = 12.0
    beside: float = 8.0
    grow: float = 4.0


@dataclass(frozen=True, eq=False)
class Candidates:
    """Pixels in doubt of one chip.

    Attributes
    ----------
    index : ndarray, (K,), int64
        Places in the flat image, rising.
    flux : ndarray, (K,), float32
        Electrons above the sky.
    p : ndarray, (K,), float32
        Probability.
    shape : tuple of int
        Of the chip.
    """

    index: np.ndarray
    flux: np.ndarray
    p: np.ndarray
    shape: tuple[int, int]

    @property
    def places(self):
        """Rows and columns, two (K,) arrays."""
        return np.divmod(self.index, self.shape[1])

    def part(self, chosen):
        """Return some of the candidates (by slice or index)."""
        return Candidates(self.index[chosen], self.flux[chosen], self.p[chosen], self.shape)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What another exposure shows at the candidates, in electrons of theirs; (K,) float32 each.

    Attributes
    ----------
    value : ndarray
        What a source there would give here; nan where the exposure says nothing.
    high : ndarray
        Highest of the 2x2 pixels around the place.
    variance : ndarray
        Of `value`: noise, and how far an interpolation can be trusted.
    p : ndarray
        Highest probability of a cosmic ray among the 2x2 pixels.
    saturated : ndarray, bool
        Whether one of the 2x2 pixels is.
    near : ndarray, bool
        Whether one of the pixels around is.
    """

    value: np.ndarray
    high: np.ndarray
    variance: np.ndarray
    p: np.ndarray
    saturated: np.ndarray
    near: np.ndarray

    def part(self, chosen):
        """Return what it shows at some of the candidates."""
        return Evidence(*(getattr(self, one.name)[chosen] for one in fields(self)))


def candidates(member, rules):
    """Find the pixels of a chip that the others are asked about.

    Parameters
    ----------
    member : Member
    rules : Rules

    Returns
    -------
    Candidates
    """
    chosen = detect.dilate(member.stored > rules.neighbour * _UNIT, 1)
    chosen &= member.image > member.sky + rules.neighbour_sigma * member.noise
    chosen |= member.stored > rules.candidate * _UNIT
    chosen |= member.image > member.sky + rules.bright * member.noise
    chosen |= member.saturated
    index = np.flatnonzero(chosen)
    flux = member.image.ravel()[index].astype(np.float32) - np.float32(member.sky)
    return Candidates(index, flux, member.stored.ravel()[index] / _UNIT, member.image.shape)


def look_up(found, member, others, rules):
    """Ask the chips of another exposure about candidates.

    Parameters
    ----------
    found : Candidates
    member : Member
        The chip that they are of.
    others : iterable of Member
        The chips of one other exposure; one at a time is held.
    rules : Rules

    Returns
    -------
    Evidence
    """
    size = found.index.size
    value, high, variance = (np.full(size, np.nan, np.float32) for _ in range(3))
    p, (saturated, near) = np.zeros(size, np.float32), np.zeros((2, size), bool)
    for other in others:
        way = ChipMap(member.wcs, found.shape, other.wcs, other.image.shape)
        where, corner, offset = square(*way(*found.places), other)
        scale = np.float32(member.exptime / other.exptime)
        seen = _seen(other, corner, offset, scale, rules)
        value[where], high[where], variance[where], p[where], saturated[where] = seen
        near[where] = other.near_saturated.ravel()[corner]
        del other  # before the next one is read
    return Evidence(value, high, variance, p, saturated, near)


def _seen(other, corner, offset, scale, rules):
    """Value, high, variance, p and saturation at places of one chip."""
    columns = other.image.shape[1]
    four = corner + np.array([[0], [1], [columns], [columns + 1]])
    (fy, fx) = offset
    weights = np.stack([(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx])
    pixels = other.image.ravel()[four].astype(np.float32) - np.float32(other.sky)
    value, high = (weights * pixels).sum(axis=0), pixels.max(axis=0)
    spread = high - pixels.min(axis=0)
    p = other.stored.ravel()[four].max(axis=0) / _UNIT
    # On a source a straight line between pixels is too coarse; on the sky it is less noisy.
    bend = np.zeros_like(value)
    steep = np.flatnonzero(spread > 8 * np.float32(other.noise))
    bend[steep] = 0.5 * spread[steep]
    if steep.size:
        curved, good = cubic(other, corner[steep], offset[:, steep], rules.suspect)
        steep, curved = steep[good], curved[good]
        bend[steep] = np.abs(curved - value[steep])
        value[steep] = curved
    poisson = np.maximum(value, 0) * 0.5
    variance = (weights**2).sum(axis=0) * np.float32(other.noise**2) + poisson
    variance += (rules.bend * bend) ** 2 + (rules.slope * spread) ** 2
    saturated = other.saturated.ravel()[four].any(axis=0)
    return value * scale, high * scale, variance * scale**2, p, saturated
