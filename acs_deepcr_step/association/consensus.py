"""From what the other exposures show to flags and reasons. Arrays only."""

import warnings
from dataclasses import dataclass, replace

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
        parts.append(_compare(found.part(part), noise, [one.part(part) for one in evidence], rules))
    known, full, alone, source, value, sigma = (np.concatenate(column) for column in zip(*parts, strict=True))
    with np.errstate(invalid="ignore"):
        more = np.where(known, found.flux - value, np.nan)
        value, sure = _as_bright_as_here(found, value, known & source, (sigma, threshold))
        excess = np.clip((found.flux - value) / sigma, -_LARGEST, _LARGEST)
    seen = Verdict(known, known, excess, full, alone)
    return _decided(found, seen, (source, sure, value, more), threshold, rules)


def _compare(found, noise, evidence, rules):
    """What the others lead to expect of some candidates: whether anything, a full well, less than half,
    a source; electrons, and their error."""
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
    with np.errstate(invalid="ignore"):
        source = high > rules.source * np.sqrt(noise**2 + 1)
    return usable.any(axis=0), (saturated & usable).any(axis=0), alone, source, value, sigma


def _as_bright_as_here(found, value, on_source, limits):
    """What is expected on sources if they are as bright as most of their pixels are here.

    A star that varies, or another focus, is no cosmic ray. Returned with it: where
    enough of the pixels around are known for that.
    """
    sigma, threshold = limits
    chosen = np.flatnonzero(on_source & (found.flux > value + sigma))
    columns = found.shape[1]
    around = np.array([dy * columns + dx for dy in range(-2, 3) for dx in range(-2, 3)])
    place = found.index[chosen] + around[:, None]
    at, there = _candidates_at(found, place)
    usual = np.where(there & on_source[at] & (found.p[at] < threshold), value[at], 0)
    usual = np.maximum(usual, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = _middle(found.flux[at] / value[at], usual)
    sure = np.zeros(value.size, bool)
    sure[chosen] = (usual > 0).sum(axis=0) > _FEWEST_AROUND
    value = value.copy()
    value[chosen] *= np.where(sure[chosen], np.maximum(ratio, 1), 1)
    return value, sure


def _middle(values, weight):
    """Medians along the first axis, weighted."""
    values = np.where(weight > 0, values, np.inf)
    order = np.argsort(values, axis=0)
    values, weight = (np.take_along_axis(each, order, axis=0) for each in (values, weight))
    share = np.cumsum(weight, axis=0)
    middle = np.argmax(share >= 0.5 * share[-1], axis=0)[None]
    return np.take_along_axis(values, middle, axis=0)[0]


def _decided(found, seen, expected, threshold, rules):
    """The verdict, given what was seen and what is expected."""
    source, sure, value, more = expected
    known, excess = seen.usable, seen.excess
    with np.errstate(invalid="ignore"):
        total = excess + rules.belief * (_logit(found.p) - _logit(threshold))
        total -= np.where(source, rules.on_source, rules.on_blank)
        asked = found.p > rules.candidate
        flagged = known & asked & (total > 0) & ~seen.full
        bright = source & sure & (excess > rules.unasked) & (found.flux > (1 + rules.contrast) * value)
        bright |= ~source & (excess > rules.unasked_on_blank)
        bright &= known & ~asked & ~seen.full
        light = known & ~seen.full & ~_beside_full(found)
        standing = light & (excess > _STANDING)
        more = np.where(light, more, np.nan)
    doubtful = (flagged & source & (found.p < threshold)) | bright
    doubtful[doubtful] = _like_a_source(found, more, source, np.flatnonzero(doubtful), rules)
    flagged &= ~doubtful
    bright &= ~doubtful
    bright &= ~_moves(found, more, standing | bright, source, rules)
    flagged &= ~_passes(found, more, flagged, (source, excess), (threshold, rules))
    return replace(seen, flagged=flagged | bright)


def _beside_full(found):
    """Full wells and what touches them: charge bleeds otherwise each time, and stands out without a source."""
    plane = np.zeros(found.shape, bool)
    plane.ravel()[found.index[found.flux >= detect.SATURATION_LEVEL]] = True
    return detect.dilate(plane, 1).ravel()[found.index]


def _passes(found, more, flagged, seen, limits):
    """Which flagged candidates may be of a source that stands in this exposure only, such as an asteroid.

    Groups on blank sky that are bright and spread as a star is, of which the network takes no pixel for
    a cosmic ray.
    """
    (source, excess), (threshold, rules) = seen, limits
    label, peaks = _groups(found, more, flagged)
    sure = np.zeros(peaks.size, bool)
    sure[label[flagged & ((found.p > threshold) | source)]] = True
    moving = ~sure & (excess[peaks] > rules.passing) & _like_a_source(found, more, source, peaks, rules, peak=True)
    moving[0] = False
    return moving[label]


def _moves(found, more, standing, source, rules):
    """Which candidates may be of a source that stands in this exposure only: groups spread as a star is.

    Upon another source only large ones: there small ones are hard to tell from cosmic rays.
    """
    label, peaks = _groups(found, more, standing)
    large = np.bincount(label, minlength=peaks.size) > rules.crowd
    moving = (large | ~source[peaks]) & _like_a_source(found, more, source, peaks, rules, peak=True)
    moving[0] = False
    return moving[label]


def _groups(found, more, chosen):
    """Groups of candidates that touch.

    Returns
    -------
    label : ndarray, (K,), int
        0 for those not chosen.
    peaks : ndarray
        The candidate with the largest excess, for each label.
    """
    plane = np.zeros(found.shape, bool)
    plane.ravel()[found.index[chosen]] = True
    labels, count = saturation.groups(plane)
    label = labels.ravel()[found.index]
    order = np.argsort(np.nan_to_num(more, nan=-np.inf))
    peaks = np.zeros(count + 1, int)
    peaks[label[order]] = order
    return label, peaks


def _like_a_source(found, excess, source, chosen, rules, peak=False):
    """Whether the excess of chosen candidates is spread as a star's is: on three sides, at its peak on all."""
    columns = found.shape[1]
    place = found.index[chosen] + np.array([[-columns], [-1], [1], [columns]])
    at, there = _candidates_at(found, place)
    beside = np.where(there, excess[at], np.nan)
    if found.beside is not None:
        # On blank sky nothing is expected of pixels that nobody was asked about.
        beside = np.where(np.isnan(beside) & ~source[chosen], found.beside[:, chosen], beside)
    beside = np.sort(np.nan_to_num(beside, nan=-np.inf), axis=0)
    alike = beside[1] > rules.alike * excess[chosen]
    return alike & (beside[0] > rules.least * excess[chosen]) if peak else alike


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
    # Where they disagree more than they should, the source changes.
    off = np.where(weight > 0, np.abs(value - middle[0]), np.nan)
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # none of them is of use
        scatter = np.nan_to_num(np.nanmedian(off, axis=0))
        return *middle, np.maximum(1.5 / total, 2.2 * scatter**2 / np.maximum((weight > 0).sum(axis=0) - 1, 1))


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
    near = detect.dilate(guarded, detect.GUARD_SIDE // 2).ravel()[found.index]
    _grow_in_doubt(flagged, found, ~verdict.usable & ~near & (found.p > rules.candidate))
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


def _grow_in_doubt(flagged, found, doubtful):
    """Flag, in place, what the network suspects beside a brighter flag where no other exposure tells.

    The shores of an event are less certain to the network than its middle; a star's middle is not its shore.
    """
    doubtful = np.flatnonzero(doubtful)
    columns = found.shape[1]
    around = np.array([dy * columns + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx])
    at, there = _candidates_at(found, found.index[doubtful] + around[:, None])
    brighter = there & flagged.ravel()[found.index[at]] & (found.flux[at] > found.flux[doubtful])
    flagged.ravel()[found.index[doubtful[brighter.any(axis=0)]]] = True


def _candidates_at(found, place):
    """Which candidates are at places, and whether there is one."""
    at = np.searchsorted(found.index, place).clip(0, max(found.index.size - 1, 0))
    return at, found.index[at] == place


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
