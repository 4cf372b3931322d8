"""Which of the other exposures of a field one is asked about: those that can tell it most."""

import numpy as np

from ..flagging.consensus import chip_map
from .fields import same_polarisation

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
    others = [
        other
        for other in members
        if other is not member and not member.is_same_observation(other) and _alike(member, other)
    ]
    if not others:
        return ()
    told = np.concatenate([_told(chip, others) for chip in member.chips.values()], axis=1)
    chosen, known = [], np.ones(told.shape[1])
    while len(chosen) < _MOST:
        gain = np.log1p(told / known).sum(axis=1)
        gain[chosen] = 0
        best = int(np.argmax(gain))
        if gain[best] <= 0:
            break
        chosen.append(best)
        known = known + told[best]
    return tuple(others[i] for i in chosen)


def _alike(member, other):
    """Return whether both see the same light; a field may chain polarisers that differ."""
    orientations = (chip_map.orientation(each.corners[0]) for each in (member, other))
    return same_polarisation(member.exposure.filter, *orientations)


def _told(one, others):
    """Return what others tell at points of a chip, (N, points): this one's variance over theirs."""
    chips = [(i, chip) for i, other in enumerate(others) for chip in other.chips.values()]
    places = chip_map.inner_points(one.corners, _GRID)
    sees = chip_map.contains(np.stack([chip.corners for _, chip in chips]), places)
    told = np.zeros((len(others), len(places)))
    for (i, chip), seen in zip(chips, sees, strict=True):
        rms = chip.background.typical_rms * one.chip.exptime / chip.chip.exptime
        told[i] = np.maximum(told[i], seen * (one.background.typical_rms / rms) ** 2)
    return told
