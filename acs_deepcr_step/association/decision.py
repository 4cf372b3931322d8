"""From the verdict of the others and the network's to the reasons of a chip's pixels. Arrays only."""

import numpy as np

from .. import detect, flags, saturation
from .rules import Rules
from .shapes import candidates_at

__all__ = ["decide"]


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
    verdict : consensus.Verdict
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
    flagged = flags.flagged(stored, guarded, parameters, filled)
    # Where the others know, they decide; beside a saturated star, whose charge does not bleed
    # equally far each time, they may only spare, unless the network and all of them agree, or the
    # excess is large and not where charge may have bled.
    here = guarded.ravel()[found.index]
    # Beside a trail of the others, whose end moves, the network's certainty counts for more.
    free = verdict.usable & ~(verdict.full & (found.p >= detect.GUARD_PROBABILITY) & ~here)
    enough = np.where(free & ~verdict.full, rules.grow, np.inf)
    if parameters.protect_saturated:
        star = detect.dilate(guarded, detect.GUARD_SIDE // 2).ravel()[found.index]
        star &= ~verdict.alone | (found.p < rules.candidate) | here
        touching = detect.dilate(guarded, 1).ravel()[found.index]
        star &= touching | ~verdict.flagged | (verdict.excess < rules.beside)
        spared = found.index[free & star & ~verdict.flagged]
        flagged.ravel()[spared] = False
        enough[star] = np.where(touching[star], np.inf, np.maximum(enough[star], rules.beside))
        free &= ~star
    flagged.ravel()[found.index[free]] = verdict.flagged[free]
    if parameters.protect_saturated:
        flagged = saturation.without_shores(flagged, guarded)
    _grow_by_excess(flagged, found, verdict.excess > enough)
    near = detect.dilate(guarded, detect.GUARD_SIDE // 2).ravel()[found.index]
    _grow_in_doubt(flagged, found, ~verdict.usable & ~near & (found.p > rules.candidate))
    known = np.zeros(stored.shape, bool)
    known.ravel()[found.index[verdict.usable]] = True
    return _reasons(stored, guarded, flagged, known, parameters)


def _reasons(stored, guarded, flagged, known, parameters):
    """The plane of reasons of what is flagged, which `known` pixels the others decided on."""
    above = flags.above_threshold(stored, parameters.threshold)
    plane = flags.grown(flagged, stored, guarded, parameters)
    left = above & (plane == 0)
    plane[flagged & known & ~above] |= flags.ADDED
    plane[flagged & ~known & ~above] |= flags.FILLED
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
    at, there = candidates_at(found, found.index[doubtful] + around[:, None])
    brighter = there & flagged.ravel()[found.index[at]] & (found.flux[at] > found.flux[doubtful])
    flagged.ravel()[found.index[doubtful[brighter.any(axis=0)]]] = True


def _grow_by_excess(flagged, found, stands_out, rounds=2):
    """Flag the neighbours of flags that stand above what the others show, in place."""
    flat = flagged.ravel()
    left = np.flatnonzero(stands_out & ~flat[found.index])
    for _ in range(rounds):
        near = detect.dilate(flagged, 1).ravel()[found.index[left]]
        if not near.any():
            return
        flat[found.index[left[near]]] = True
        left = left[~near]
