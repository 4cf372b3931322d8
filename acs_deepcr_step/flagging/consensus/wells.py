"""What filled the saturated pixels of a chip, by what the other exposures show there."""

from dataclasses import dataclass

import numpy as np

from ..guard import PROBABILITY

__all__ = ["Wells", "wells"]

# Of the charge of a saturated pixel, what another exposure shows in its 2x2 pixels: with less than that no
# star filled it, wherever its centre lies between pixels.
_FILLS = 0.5


@dataclass(frozen=True, eq=False)
class Wells:
    """Saturated pixels of a chip by what the others show; (R, C) bool each, none where they say nothing.

    Attributes
    ----------
    star : ndarray
        A star that may have filled them.
    no_star : ndarray
        None that can have: a cosmic ray did.
    """

    star: np.ndarray
    no_star: np.ndarray


def wells(found, saturated, others):
    """Divide saturated pixels by what the others show there.

    Parameters
    ----------
    found : candidates.Candidates
        With all saturated pixels among them.
    saturated : ndarray, (R, C), bool
    others : list of comparison.Compared

    Returns
    -------
    Wells
        A group of pixels is a star's if any of the others shows one there, no star's if all that see it show
        none. Of a star's group that part is no star's which lies apart from all that is saturated in
        exposures as long, if the network is sure of it: the track of a cosmic ray meets the star's trail.
    """
    label, count = found.groups(saturated)
    known, bright = (np.zeros(count + 1, bool) for _ in range(2))
    apart = label > 0
    for other in others:
        one = other.shown
        seen = one.known & (label > 0)
        known[label[seen]] = True
        with np.errstate(invalid="ignore"):
            star = seen & (one.near | (one.high > _FILLS * found.flux))
        bright[label[star]] = True
        # In a shorter exposure the charge of the star has not bled so far.
        apart &= seen & ~star & other.as_long
    known[0] = False
    track = _sure(found, apart & bright[label])
    no_star = (known & ~bright)[label] | track
    return Wells(found.as_mask((known & bright)[label] & ~track), found.as_mask(no_star))


def _sure(found, chosen):
    """Return those of the groups of chosen candidates in which the network is sure of a pixel."""
    label, count = found.groups(found.as_mask(chosen))
    sure = np.zeros(count + 1, bool)
    sure[label[found.p >= PROBABILITY]] = True
    sure[0] = False
    return sure[label]
