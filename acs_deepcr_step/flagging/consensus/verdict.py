"""From what the other exposures show to a verdict on the candidates. Arrays only."""

from dataclasses import dataclass, fields, replace

import numpy as np

from ...arrays.morphology import label_groups
from ..saturation import SaturatedPixels
from .rules import Rules
from .shapes import Excess, beside_full, candidates_at, like_a_source, passes, standing_groups

__all__ = ["Verdict", "compare", "saturated_events"]

# Of the charge of a saturated pixel that a star, seen a pixel aside, gives at least.
_STAR_SHARE = 0.1
_AT_A_TIME = 200_000  # candidates: what is computed of them takes memory
_STANDING = 3.0  # sigma
_FEWEST_AROUND = 3  # of 5x5 pixels
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


@dataclass(frozen=True, eq=False)
class _Expected:
    """What the others lead to expect of candidates; (K,) each.

    `known` says whether anything, `full` a full well, `alone` less than half of what is here, `source` a
    source; `value` are electrons above the background and `sigma` their error.
    """

    known: np.ndarray
    full: np.ndarray
    alone: np.ndarray
    source: np.ndarray
    value: np.ndarray
    sigma: np.ndarray


def compare(found, rms, evidence, threshold=0.5, rules=None):
    """Decide on candidates by what each other exposure shows.

    Parameters
    ----------
    found : lookup.Candidates
    rms : float
        Of the background in their chip, electrons.
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
        parts.append(_expected(found.part(part), rms, [one.part(part) for one in evidence], rules))
    expected = _Expected(
        *(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(_Expected))
    )
    with np.errstate(invalid="ignore"):
        more = np.where(expected.known, found.flux - expected.value, np.nan)
        value, sure = _as_bright_as_here(found, expected, rules)
        sigma = np.clip((found.flux - value) / expected.sigma, -_LARGEST, _LARGEST)
    excess = Excess(found, more, sigma, expected.source)
    seen = replace(expected, value=value)
    return Verdict(
        usable=seen.known,
        flagged=_flagged(excess, seen, sure, rms, threshold, rules),
        excess=sigma,
        full=seen.full,
        alone=seen.alone,
    )


def _expected(found, rms, evidence, rules):
    """Return what the others lead to expect of some candidates."""
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
    sigma = np.sqrt(rms**2 + expected + variance + (rules.flat * expected) ** 2)
    with np.errstate(invalid="ignore"):
        source = high > rules.source * np.sqrt(rms**2 + 1)
    full = (saturated & usable).any(axis=0)
    return _Expected(usable.any(axis=0), full, alone, source, value, sigma)


def _as_bright_as_here(found, expected, rules):
    """Return what is expected on sources if they are as bright as most of their pixels are here.

    A star that varies, or another focus, is no cosmic ray. Returned with it: where
    enough of the pixels around are known for that.
    """
    value, on_source = expected.value, expected.known & expected.source
    chosen = np.flatnonzero(on_source & (found.flux > value + expected.sigma))
    columns = found.shape[1]
    around = np.array([dy * columns + dx for dy in range(-2, 3) for dx in range(-2, 3)])
    at, there = candidates_at(found, found.index[chosen] + around[:, None])
    usual = np.where(there & on_source[at] & (found.p[at] < rules.neighbour), value[at], 0)
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


def _flagged(excess, seen, sure, rms, threshold, rules):
    """Return which candidates are flagged, given what is expected of them; (K,) bool."""
    found, source, sigma, known = excess.found, seen.source, excess.sigma, seen.known
    with np.errstate(invalid="ignore"):
        # Upon a bright source the network sees no faint cosmic ray, so that its doubt says nothing.
        on_bright_source = source & (seen.value > rules.dazzling * rms)
        p = np.where(on_bright_source, np.maximum(found.p, rules.candidate), found.p)
        total = sigma + rules.belief * (_logit(p) - _logit(threshold))
        total -= np.where(source, rules.on_source, rules.on_blank)
        suspected = found.p > rules.candidate
        flagged = known & suspected & (total > 0) & ~seen.full
        bright = (
            source & sure & (total > rules.unsuspected) & (found.flux > (1 + rules.contrast) * seen.value)
        )
        bright |= ~source & (sigma > rules.unsuspected_on_blank)
        bright &= known & ~suspected & ~seen.full
        light = known & ~seen.full & ~beside_full(found)
        standing = light & (sigma > _STANDING)
    usable_excess = replace(excess, more=np.where(light, excess.more, np.nan))
    doubtful = (flagged & source & (found.p < threshold)) | bright
    spread, moving = standing_groups(usable_excess, standing | doubtful, rules)
    doubtful &= spread
    doubtful[doubtful] = like_a_source(usable_excess, np.flatnonzero(doubtful), rules)
    flagged &= ~doubtful
    bright &= ~doubtful & ~moving
    flagged &= ~passes(usable_excess, flagged, threshold, rules)
    return flagged | bright


def saturated_events(found, saturated, evidence):
    """Divide the saturated pixels by what the others show there: a star or none.

    Parameters
    ----------
    found : lookup.Candidates
        With all saturated pixels among them.
    saturated : ndarray, (R, C), bool
    evidence : list of lookup.Evidence

    Returns
    -------
    saturation.SaturatedPixels
        Groups of saturated pixels where the others say that a star is, and where they say that none
        is. In neither where they say nothing.
    """
    labels, count = label_groups(saturated)
    label = labels.ravel()[found.index]
    known, star = (np.zeros(count + 1, bool) for _ in range(2))
    for one in evidence:
        seen = np.isfinite(one.value) & (label > 0)
        known[label[seen]] = True
        with np.errstate(invalid="ignore"):
            star[label[seen & (one.near | (one.high > _STAR_SHARE * found.flux))]] = True
    known[0] = star[0] = False

    def mask(of_group):
        out = np.zeros(saturated.shape, bool)
        out.ravel()[found.index] = of_group[label]
        return out

    return SaturatedPixels(star=mask(star), cosmic_ray=mask(known & ~star))


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
    position = np.cumsum(weight, axis=0) - 0.5 * weight  # of each in the whole, 0 to 1
    middle = [each[0].copy() for each in (value, high)]
    for i in range(1, len(value)):
        step = np.clip((0.5 - position[i - 1]) / np.maximum(position[i] - position[i - 1], 1e-6), 0, 1)
        step = np.where(weight[i] > 0, step, 0)
        for out, each in zip(middle, (value, high), strict=True):
            out += step * (np.where(weight[i] > 0, each[i] - each[i - 1], 0))
    middle = [np.where(total > 0, each, np.nan) for each in middle]
    # Where they disagree more than they should, the source changes.
    off = np.sort(np.where(weight > 0, np.abs(value - middle[0]), np.inf), axis=0)
    count = (weight > 0).sum(axis=0)
    inner = [
        np.take_along_axis(off, at[None], axis=0)[0] for at in (np.maximum(count - 1, 0) // 2, count // 2)
    ]
    scatter = np.where(count > 1, sum(inner) / 2, 0)
    with np.errstate(divide="ignore"):
        return *middle, np.maximum(1.5 / total, 2.2 * scatter**2 / np.maximum(count - 1, 1))


def _logit(p):
    p = np.clip(p, 1e-4, 1 - 1e-4)
    return np.log(p / (1 - p))
