"""Which of the other exposures of a field one is asked about: those that can tell it most."""

import numpy as np

from ..flagging.consensus import chip_map

__all__ = ["choose"]

_MOST = 5  # a sixth hardly moves what five have said, and the cost grows with the number of exposures alone
_GRID = 6  # points of a chip along each side, at which it is asked who sees them


def choose(member, members):
    """Choose the members that one is asked about.

    Parameters
    ----------
    member : field_member.FieldMember
    members : list of field_member.FieldMember
        All of the field, in an order that does not depend on how they were given.

    Returns
    -------
    tuple of field_member.FieldMember
        At most five. Each next one is that which adds most to what those before it tell, summed over the
        chips: noise of its own like this exposure's halves what is left to know.
    """
    others = [other for other in members if other is not member and not member.is_same_observation(other)]
    told = np.array([_tells(member, other) for other in others]).reshape(len(others), -1)
    chosen, known = [], np.ones(told.shape[1:])
    while len(chosen) < _MOST:
        gain = np.log(known + told).sum(axis=1) - np.log(known).sum()
        gain[chosen] = 0
        best = int(np.argmax(gain)) if len(others) else 0
        if not len(others) or gain[best] <= 0:
            break
        chosen.append(best)
        known = known + told[best]
    return tuple(others[i] for i in chosen)


def _tells(member, other):
    """Return what another member tells at points of a member's chips: this one's variance over its own."""
    told = []
    for one in member.chips.values():
        places = chip_map.inner_points(one.corners, _GRID)
        here = np.zeros(len(places))
        for another in other.chips.values():
            scale = one.chip.exptime / another.chip.exptime
            ratio = one.background.typical_rms / (scale * another.background.typical_rms)
            here = np.maximum(here, chip_map.contains(another.corners, places) * ratio**2)
        told.append(here)
    return np.concatenate(told)
