"""Which saturated pixels a cosmic ray filled, and which a star.

A cosmic ray that fills wells and bleeds is spared by the guard at saturated pixels (`guard`)
as stars are; but it has no halo, and no source stands there in another exposure.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from ..arrays.morphology import connected_to, dilate, label_groups
from ..arrays.probabilities import SCALE

__all__ = ["SaturatedPixels", "divided", "without_bleed_edges", "without_halo"]

_INNER, _OUTER = 4, 6  # pixels from the group: beyond its edge, within a star's halo
_TRAIL = 64  # rows along which charge of another group may have bled
_HALO_SIGMA = 4.0  # a star that fills a well has 17 sigma of the background and more at this distance
_SMALLEST_RING = 24  # pixels
_EDGE_SIGMA = 5.0
_WIDE = 3  # pixels in either direction: no column


@dataclass(frozen=True, eq=False)
class SaturatedPixels:
    """Saturated pixels of a chip, by what filled them.

    Attributes
    ----------
    star : ndarray, (R, C), bool
        Those that a star may have filled: near them only sure flags stay.
    cosmic_ray : ndarray, (R, C), bool
        Those that a cosmic ray filled, with the neighbours that hold charge of it; they are
        flagged whatever the network says.
    """

    star: np.ndarray = field(repr=False)
    cosmic_ray: np.ndarray = field(repr=False)


def divided(chip, threshold):
    """Divide the saturated pixels of a single exposure by what filled them.

    Parameters
    ----------
    chip : chip.ChipImage
    threshold : float
        Probability.

    Returns
    -------
    SaturatedPixels
    """
    if not chip.saturated.any():
        return SaturatedPixels(chip.saturated, chip.saturated)
    lone = without_halo(chip)
    return SaturatedPixels(chip.saturated & ~lone, _with_edges(_likely(lone, chip, threshold), chip))


def without_halo(chip):
    """Find the saturated pixels around which there is no light of a star.

    Parameters
    ----------
    chip : chip.ChipImage

    Returns
    -------
    ndarray, (R, C), bool
        Those of the saturated pixels that a cosmic ray filled. In doubt a group is left out: at
        the first and last row of a subarray, or where another group lies along its columns,
        since that may be a star whose charge bled here.
    """
    lone = np.zeros(chip.saturated.shape, bool)
    labels, count = label_groups(chip.saturated)
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels, count), start=1):
        if _may_be_a_trail(labels, number, rows, columns, chip.is_subarray):
            continue
        window = (_widened(rows, labels.shape[0]), _widened(columns, labels.shape[1]))
        ring = _ring(labels[window], number)
        values = chip.net[window][ring]
        values = values[np.isfinite(values)]
        limit = _HALO_SIGMA * chip.background.rms_at(rows.start, columns.start)
        if values.size >= _SMALLEST_RING and np.median(values) < limit:
            lone[rows, columns] |= labels[rows, columns] == number
    return lone


def without_bleed_edges(flagged, star):
    """Unflag the edges of a saturated star's bleed trails: charge does not bleed equally far each time.

    Parameters
    ----------
    flagged : ndarray, (R, C), bool
    star : ndarray, (R, C), bool
        Saturated pixels that a star may have filled.

    Returns
    -------
    ndarray, (R, C), bool
        The flags but for groups of which every pixel is, or touches, a star's: the track of a
        cosmic ray mostly reaches farther. Saturated pixels that are all flagged are no star's.
    """
    unflagged = star & ~flagged
    if not unflagged.any():
        return flagged
    near = dilate(unflagged | connected_to(unflagged, star & flagged), 1)
    beyond = flagged & ~near
    return beyond | connected_to(beyond, flagged & near)


def _likely(lone, chip, threshold):
    """Of groups without a halo those that the network takes for a cosmic ray: not a bad column, say.

    Most of a narrow one must be above the threshold. Within a wide one everything is equally
    bright, which no training had, so a tenth is enough.
    """
    if not lone.any():
        return lone
    labels, count = label_groups(lone)
    likely = np.zeros(count + 1, bool)
    for number, place in enumerate(ndimage.find_objects(labels, count), start=1):
        wide = min(side.stop - side.start for side in place) >= _WIDE
        values = chip.scaled_probability[place][labels[place] == number]
        likely[number] = np.quantile(values, 0.9 if wide else 0.5) >= threshold * SCALE
    return likely[labels]


def _with_edges(filled, chip):
    """Add neighbours that stand out of the background: no star's light is there to protect."""
    if not filled.any():
        return filled
    return filled | chip.background.above(chip.net, _EDGE_SIGMA, among=dilate(filled, 1))


def _widened(span, size):
    return slice(max(span.start - _OUTER, 0), min(span.stop + _OUTER, size))


def _may_be_a_trail(labels, number, rows, columns, is_subarray):
    """Whether the group touches an edge that charge may bleed over, or another lies along its columns."""
    # Over the edges of the detector itself nothing bleeds.
    if is_subarray and (rows.start == 0 or rows.stop == labels.shape[0]):
        return True
    along = labels[
        max(rows.start - _TRAIL, 0) : rows.stop + _TRAIL, max(columns.start - 1, 0) : columns.stop + 1
    ]
    return bool(((along != 0) & (along != number)).any())


def _ring(labels, number):
    """Pixels at some distance from a group, and from all other groups."""
    distance = ndimage.distance_transform_cdt(labels != number, "chessboard")
    away = ndimage.distance_transform_cdt(labels == 0, "chessboard") >= _INNER
    return (distance >= _INNER) & (distance <= _OUTER) & away
