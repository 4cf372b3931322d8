"""Cosmic rays that the edge of an image cuts.

The network sees the image reflected at its edge (`network.tiling`), so half a track and its mirror
image may look like a star. A star has light on both sides along the edge, however much of it is cut
off; a track mostly has not.
"""

import numpy as np

from ..arrays.morphology import dilate
from . import guard

__all__ = ["cut_tracks"]

_BRIGHT, _STANDS = 8.0, 5.0  # sigma of the background
_SIDE = 0.1  # of a star's light; a narrow one between two pixels has 0.3 on the weaker side
_PEAK = 0.5  # of the brighter side at least
_ROUNDS = 2  # pixels inwards


def cut_tracks(chip, threshold):
    """Find the tracks that the edge of an image cuts.

    Parameters
    ----------
    chip : chip.ChipImage
        Within the guard of its saturated pixels nothing is found.
    threshold : float
        Of the probability; nothing is found for one above 0.9.

    Returns
    -------
    ndarray, (R, C), bool
        Pixels of the outermost rows and columns, 8 sigma above the background, that have less than
        a tenth of their light on one side along the edge and no more than twice as much on the
        other, with neighbours 5 sigma above the background.
    """
    net = chip.net
    found = np.zeros(net.shape, bool)
    if threshold > guard.PROBABILITY:
        return found
    border = np.zeros(net.shape, bool)
    for line in _outermost(border):
        line[:] = True
    bright = chip.background.above(net, _BRIGHT, among=border)
    for line, peak, out in zip(*map(_outermost, (net, bright, found)), strict=True):
        light = np.pad(line.astype(np.float32), 1, constant_values=np.inf)
        light, sides = light[1:-1], np.sort([light[:-2], light[2:]], axis=0)
        # The flank of a star falls off as steeply, but rises as steeply on the other side.
        steep = np.where(np.isinf(sides[1]), 0, sides[1]) < light / _PEAK
        out |= peak & steep & (sides[0] < _SIDE * light)
    if not found.any():
        return found
    usable = ~chip.near_saturated
    found &= usable
    usable = chip.background.above(net, _STANDS, among=usable & dilate(found, _ROUNDS))
    for _ in range(_ROUNDS):
        found |= dilate(found, 1) & usable
    return found


def _outermost(array):
    """First and last row and column of an array: views."""
    return array[0], array[-1], array[:, 0], array[:, -1]
