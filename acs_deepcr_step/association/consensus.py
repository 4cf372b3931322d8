"""From what the other exposures show to flags and reasons. Arrays only."""

from dataclasses import dataclass

import numpy as np

from .. import detect, flags, saturation
from .lookup import Rules

__all__ = ["Verdict", "decide", "judge"]

# Of the charge of a saturated pixel that a star, seen a pixel aside, gives at least.
_STAR_SHARE = 0.1
_AT_A_TIME = 200_000  # candidates: what is computed of them takes memory
_STANDING = 3.0  # sigma
_FEWEST_AROUND = 3  # of eight pixels
_LARGEST = 30.0  # sigma; beyond, the noise model says no more


@dataclass(frozen=True, eq=False)
class Verdict:
    """What is decided of candidates; (K,) each.

    Attributes
    ----------
    usable : ndarray, bool
        Where another exposure says something; elsewhere the rest means nothing.
    flagged : ndarray, bool
    excess : ndarray, float32
        Sigma above what the others lead to expect.
    full : ndarray, bool
        Where the others show a saturated source.
    alone : ndarray, bool
        Where none of the others shows even half of it.
    """

    usable: np.ndarray
    flagged: np.ndarray
    excess: np.ndarray
    full: np.ndarray
    alone: np.ndarray


def judge(found, noise, evidence, threshold=0.5, rules=None):
    """Decide on candidates by what each other exposure shows.

    Parameters
    ----------
    found : lookup.Candidates
    noise : float
        Of the empty sky in their chip, electrons.
    evidence : list of lookup.Evidence
        One for each other exposure.
    threshold : float
        Probability at which a pixel is as likely a cosmic ray as not.
    rules : Rules, optional

    Returns
    -------
    Verdict
    """
    rules = rules or Rules()
    parts = []
    for first in range(0, max(found.index.size, 1), _AT_A_TIME):
        part = slice(first, first + _AT_A_TIME)
        parts.append(_judge(found.part(part), noise, [one.part(part) for one in evidence], threshold, rules))
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    known, flagged, excess, full, alone, bright, expected, source = joined
    flagged &= ~_passing(found, flagged & known, source, excess, (threshold, rules.passing))
    bright[bright] = _group_sizes(found, known & (excess > _STANDING), bright) <= rules.crowd
    bright[bright] = ~_changed(found, np.where(known, expected, np.nan), bright, rules)
    return Verdict(known, (flagged | bright) & known, excess, full, alone)


def _judge(found, noise, evidence, threshold, rules):
    """The fields of a `Verdict` of some candidates, which are bright without being asked for, what
    is expected of them (electrons), and where the others show a source."""
    value, high, variance, p, saturated = (
        np.stack([getattr(one, name) for one in evidence])
        for name in ("value", "high", "variance", "p", "saturated")
    )
    usable = np.isfinite(value)
    with np.errstate(invalid="ignore"):
        alone = usable.any(axis=0) & ~(high > 0.5 * found.flux).any(axis=0)
    usable &= ~_suspect(found.flux, usable, high, variance, p, saturated, rules)
    value, high, variance = _together(value, high, variance, usable)
    expected = np.maximum(value, 0)
    sigma = np.sqrt(noise**2 + expected + variance + (rules.flat * expected) ** 2)
    known = usable.any(axis=0)
    full = (saturated & usable).any(axis=0)
    with np.errstate(invalid="ignore"):
        excess = np.clip((found.flux - value) / sigma, -_LARGEST, _LARGEST)
        source = high > rules.source * np.sqrt(noise**2 + 1)
        total = excess + rules.belief * (_logit(found.p) - _logit(threshold))
        total -= np.where(source, rules.on_source, rules.on_blank)
        asked = found.p > rules.candidate
        flagged = asked & (total > 0) & ~full
        bright = source & (excess > rules.unasked) & (found.flux > (1 + rules.contrast) * expected)
    return known, flagged, excess, full, alone, bright & ~asked & ~full, expected, source


def _passing(found, flagged, source, excess, limits):
    """Which flagged candidates may be of a source that stands in this exposure only, such as an asteroid.

    Groups on blank sky that are bright, of which the network takes no pixel for a cosmic ray.
    """
    threshold, sigma = limits
    plane = np.zeros(found.shape, bool)
    plane.ravel()[found.index[flagged]] = True
    labels, count = saturation.groups(plane)
    label = labels.ravel()[found.index[flagged]]
    sure, highest = np.zeros(count + 1, bool), np.zeros(count + 1, np.float32)
    sure[label[(found.p[flagged] > threshold) | source[flagged]]] = True
    np.maximum.at(highest, label, excess[flagged])
    passing = np.zeros(flagged.shape, bool)
    passing[flagged] = (~sure & (highest > sigma))[label]
    return passing


def _changed(found, expected, chosen, rules):
    """Whether chosen candidates are of a source that changed, or its peak that no interpolation meets.

    It changed if around them it is brighter by a like share; where fewer than
    `_FEWEST_AROUND` of the pixels around are known, that is not excluded.
    """
    columns = found.shape[1]
    around = np.array([dy * columns + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx])
    place = found.index[chosen] + around[:, None]
    at = np.searchsorted(found.index, place).clip(0, found.index.size - 1)
    known = (found.index[at] == place) & np.isfinite(expected[at])
    more = np.where(known, np.maximum(found.flux[at] - expected[at], 0), 0).sum(axis=0)
    usual = np.where(known, expected[at], 0).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = found.flux[chosen] / expected[chosen] - 1
        alike = more > rules.alike * own * usual
    highest = expected[chosen] >= np.where(known, expected[at], -np.inf).max(axis=0)
    return alike | (known.sum(axis=0) < _FEWEST_AROUND) | (highest & (own < rules.peak))


def _group_sizes(found, standing, chosen):
    """Of chosen candidates, how many that touch stand above what is expected."""
    plane = np.zeros(found.shape, bool)
    plane.ravel()[found.index[standing]] = True
    labels, _ = saturation.groups(plane)
    return np.bincount(labels.ravel())[labels.ravel()[found.index[chosen]]]


def lone_events(found, saturated, evidence):
    """Find the saturated pixels that a cosmic ray filled: the others show no star there.

    Parameters
    ----------
    found : lookup.Candidates
        With all saturated pixels among them.
    saturated : ndarray, (R, C), bool
    evidence : list of lookup.Evidence

    Returns
    -------
    cosmic, star : ndarray, (R, C), bool
        Groups of saturated pixels where the others say that no star is, and where
        they say that one is. Neither where they say nothing.
    """
    labels, count = saturation.groups(saturated)
    label = labels.ravel()[found.index]
    known, star = (np.zeros(count + 1, bool) for _ in range(2))
    for one in evidence:
        seen = np.isfinite(one.value) & (label > 0)
        known[label[seen]] = True
        with np.errstate(invalid="ignore"):
            star[label[seen & (one.near | (one.high > _STAR_SHARE * found.flux))]] = True
    known[0] = star[0] = False
    return (known & ~star)[labels], star[labels]


def _suspect(flux, usable, high, variance, p, saturated, rules):
    """Where another exposure was hit by a cosmic ray itself, so that it says nothing."""
    seen = np.where(usable, high, np.inf)
    first = np.argmin(seen, axis=0)[None]
    lowest = np.take_along_axis(seen, first, axis=0)
    rest = seen.copy()
    np.put_along_axis(rest, first, np.inf, axis=0)
    least = np.where(np.arange(len(seen))[:, None] == first, rest.min(axis=0), lowest)
    least = np.maximum(np.minimum(least, flux), 0)  # of all the others, the one in question included
    with np.errstate(invalid="ignore"):
        above = high > 1.5 * least + 3 * np.sqrt(variance + least)
        doubtful = (p > rules.suspect) & (above | (p > rules.sure))
        # A star that fills a pixel is bright in every exposure.
        alone = high > 3 * least
    return usable & np.where(saturated, alone, doubtful)


def _together(value, high, variance, usable):
    """Medians of value and high, weighted by certainty, and the variance of the former.

    A median, since a faint cosmic ray may be among the exposures; between two its
    mean. nan where there is none.
    """
    weight = np.where(usable, 1 / variance, 0)
    total = weight.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight /= total
    order = np.argsort(np.where(usable, value, np.inf), axis=0)
    value, high, weight = (np.take_along_axis(each, order, axis=0) for each in (value, high, weight))
    place = np.cumsum(weight, axis=0) - 0.5 * weight  # of each in the whole, 0 to 1
    middle = [each[0].copy() for each in (value, high)]
    for i in range(1, len(value)):
        step = np.clip((0.5 - place[i - 1]) / np.maximum(place[i] - place[i - 1], 1e-6), 0, 1)
        step = np.where(weight[i] > 0, step, 0)
        for out, each in zip(middle, (value, high), strict=True):
            out += step * (np.where(weight[i] > 0, each[i] - each[i - 1], 0))
    middle = [np.where(total > 0, each, np.nan) for each in middle]
    with np.errstate(divide="ignore"):
        return *middle, 1.5 / total


def _logit(p):
    p = np.clip(p, 1e-4, 1 - 1e-4)
    return np.log(p / (1 - p))


def decide(stored, saturated, found, verdict, parameters, rules=None):
    """Return the reasons of a chip's pixels.

    Parameters
    ----------
    stored : ndarray, (R, C), int16
        10,000 times the probability.
    saturated : tuple of two ndarray, (R, C), bool
        Saturated pixels that a star may have filled, and those that a cosmic ray
        filled in the eyes of this exposure, as of `saturation.guarded`.
    found : lookup.Candidates
    verdict : Verdict
        On them.
    parameters : Parameters
        Of which threshold, grow and protect_saturated matter.
    rules : Rules, optional

    Returns
    -------
    ndarray, (R, C), uint8
        As of `flags.decide`, and VETOED and ADDED.
    """
    rules = rules or Rules()
    guarded, filled = saturated
    single = flags.decide(stored, guarded, parameters, filled)
    flagged = (single & (flags.FLAGGED | flags.GROWN)) == flags.FLAGGED
    # Where the others know, they decide; beside a saturated star, whose charge does not bleed
    # equally far each time, they may only spare, unless the network and all of them agree, or the
    # excess is large and not where charge may have bled.
    here = guarded.ravel()[found.index]
    # Beside a trail of the others, whose end moves, the network's certainty counts for more.
    free = verdict.usable & ~(verdict.full & (found.p >= detect.GUARD_PROBABILITY) & ~here)
    if parameters.protect_saturated:
        star = detect.dilate(guarded, detect.GUARD_SIDE // 2).ravel()[found.index]
        star &= ~verdict.alone | (found.p < rules.candidate) | here
        touching = detect.dilate(guarded, 1).ravel()[found.index]
        star &= touching | ~verdict.flagged | (verdict.excess < rules.beside)
        spared = found.index[free & star & ~verdict.flagged]
        flagged.ravel()[spared] = False
        free &= ~star
    flagged.ravel()[found.index[free]] = verdict.flagged[free]
    _grow_by_excess(flagged, found, verdict.excess > rules.grow, free & ~verdict.full)
    known = np.zeros(stored.shape, bool)
    known.ravel()[found.index[verdict.usable]] = True
    return _reasons(stored, guarded, flagged, known, parameters)


def _reasons(stored, guarded, flagged, known, parameters):
    """The plane of reasons of what is flagged, which `known` pixels the others decided on."""
    above = flags.above_threshold(stored, parameters.threshold)
    wanted = detect.dilate(flagged, parameters.grow)
    if parameters.grow and parameters.protect_saturated:
        sure = detect.GUARD_PROBABILITY * flags.STORED_UNIT
        wanted = flagged | detect.protect_saturated(wanted, stored, guarded, sure)
    plane = wanted.astype(np.uint8) * np.uint8(flags.FLAGGED)
    plane[wanted & ~flagged] |= flags.GROWN
    plane[flagged & known & ~above] |= flags.ADDED
    plane[flagged & ~known & ~above] |= flags.FILLED
    left = above & ~wanted
    plane[left & known] |= flags.VETOED
    plane[left & ~known] |= flags.SPARED
    return plane


def _grow_by_excess(flagged, found, stands_out, free, rounds=2):
    """Flag the neighbours of flags that stand above what the others show, in place."""
    flat = flagged.ravel()
    left = np.flatnonzero(free & stands_out & ~flat[found.index])
    for _ in range(rounds):
        near = detect.dilate(flagged, 1).ravel()[found.index[left]]
        if not near.any():
            return
        flat[found.index[left[near]]] = True
        left = left[~near]
