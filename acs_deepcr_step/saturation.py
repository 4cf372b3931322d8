"""Which saturated pixels a cosmic ray filled, and which a star. Arrays only.

Beside saturated pixels the published networks were never trained (paper, section
2), so flags there are kept only where the network is sure. A cosmic ray that fills
wells and bleeds is spared by that rule too; but it has no halo, and no source
stands there in another exposure.
"""

import numpy as np
from scipy import ndimage, sparse

from . import detect

__all__ = ["groups", "guarded", "without_halo", "without_shores"]

_EIGHT = np.ones((3, 3), bool)
_INNER, _OUTER = 4, 6  # pixels from the group: beyond its edge, within a star's halo
_WHOLE = 2048  # rows of a chip that was read out whole
_TRAIL = 64  # rows along which charge of another group may have bled
_HALO_SIGMA = 4.0  # a star that fills a well has 17 sigma of the sky and more at this distance
_SMALLEST_RING = 24  # pixels
_EDGE_SIGMA = 5.0
_WIDE = 3  # pixels in either direction: no column
_MANY = 200_000  # pixels, four times those that a crowded chip has


def groups(saturated):
    """Number the groups of saturated pixels that touch, corners included.

    Parameters
    ----------
    saturated : ndarray, (R, C), bool

    Returns
    -------
    labels : ndarray, (R, C), int32
        0 for none, else 1 to `count`.
    count : int
    """
    labels = np.zeros(saturated.shape, np.int32)
    at = np.flatnonzero(saturated)
    if not at.size:
        return labels, 0
    if at.size > _MANY:
        return ndimage.label(saturated, structure=_EIGHT)
    # A graph of a few pixels takes a fifth of the time of labelling the plane; of all it would take 2 GB.
    width, x = saturated.shape[1], at % saturated.shape[1]
    ends = []
    for step, inside in ((1, x < width - 1), (width - 1, x > 0), (width, True), (width + 1, x < width - 1)):
        neighbour = np.searchsorted(at, at + step).clip(max=at.size - 1)
        touch = np.flatnonzero(inside & (at[neighbour] == at + step))
        ends.append((touch, neighbour[touch]))
    ends = np.concatenate(ends, axis=1)
    graph = sparse.coo_array((np.ones(ends.shape[1], bool), tuple(ends)), shape=(at.size, at.size))
    count, label = sparse.csgraph.connected_components(graph, directed=False)
    labels.ravel()[at] = label + 1
    return labels, count


def without_halo(image, saturated, sky, noise):
    """Find the saturated pixels around which there is no light of a star.

    Parameters
    ----------
    image : ndarray, (R, C)
        Electrons, sky included.
    saturated : ndarray, (R, C), bool
    sky, noise : float
        Level and scatter of the empty sky, electrons.

    Returns
    -------
    ndarray, (R, C), bool
        Those of `saturated` that a cosmic ray filled. In doubt a group is left
        out: at the first and last row of a subarray, or where another group lies along its
        columns, since that may be a star whose charge bled here.
    """
    lone = np.zeros(saturated.shape, bool)
    labels, count = groups(saturated)
    for number, place in enumerate(ndimage.find_objects(labels, count), start=1):
        rows, columns = place
        if _may_be_a_trail(labels, number, rows, columns):
            continue
        window = (_widened(rows, image.shape[0]), _widened(columns, image.shape[1]))
        own = labels[window] == number
        ring = _ring(own, labels[window])
        values = image[window][ring]
        values = values[np.isfinite(values)]
        if values.size >= _SMALLEST_RING and np.median(values) < sky + _HALO_SIGMA * noise:
            lone[place] |= labels[place] == number
    return lone


def guarded(image, levels, saturated, probability, threshold):
    """Divide the saturated pixels of a single exposure.

    Parameters
    ----------
    image : ndarray, (R, C)
        Electrons, sky included.
    levels : tuple of float
        Level and scatter of the empty sky, as of `pixels.levels`.
    saturated : ndarray, (R, C), bool
    probability : ndarray, (R, C)
    threshold : float
        In the unit of `probability`.

    Returns
    -------
    guarded : ndarray, (R, C), bool
        Those beside which only sure flags stay: a star may have filled them.
    filled : ndarray, (R, C), bool
        Those that a cosmic ray filled, with the neighbours that hold charge of it.
    """
    if not saturated.any():
        return saturated, saturated
    lone = without_halo(image, saturated, *levels)
    return saturated & ~lone, _with_edges(_likely(lone, probability, threshold), image, *levels)


def without_shores(flagged, guarded):
    """Unflag the shores of saturated stars: charge does not bleed equally far each time.

    Parameters
    ----------
    flagged : ndarray, (R, C), bool
    guarded : ndarray, (R, C), bool
        Saturated pixels that a star may have filled.

    Returns
    -------
    ndarray, (R, C), bool
        The flags but for groups of which every pixel is, or touches, a guarded one: the track of
        a cosmic ray mostly reaches farther. Saturated pixels that are all flagged are no star's.
    """
    # A well of which every pixel is flagged is no star's.
    seen = guarded & ~flagged
    if not seen.any():
        return flagged
    of_star = seen | _touching(seen, guarded & flagged)
    near = detect.dilate(of_star, 1)
    beyond = flagged & ~near
    return beyond | _touching(beyond, flagged & near)


def _touching(seeds, among):
    """Those of some pixels that touch seeds, by way of each other too; planes (R, C) of bool.

    They are few, so this takes less time than to number the groups of the whole plane.
    """
    reached, found = seeds.copy(), np.zeros(seeds.shape, bool)
    # Ten times faster than nonzero of two axes.
    rows, columns = np.divmod(np.flatnonzero(among), among.shape[1])
    while rows.size:
        near = np.zeros(rows.size, bool)
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                y, x = (rows + dy).clip(0, seeds.shape[0] - 1), (columns + dx).clip(0, seeds.shape[1] - 1)
                near |= reached[y, x]
        if not near.any():
            break
        reached[rows[near], columns[near]] = found[rows[near], columns[near]] = True
        rows, columns = rows[~near], columns[~near]
    return found


def _likely(lone, probability, threshold):
    """Of lone groups those that the network takes for a cosmic ray: not a bad column, say.

    Most of a narrow one must be above the threshold. Within a wide one everything is equally
    bright, which no training had, so a tenth is enough.
    """
    if not lone.any():
        return lone
    labels, count = groups(lone)
    likely = np.zeros(count + 1, bool)
    for number, place in enumerate(ndimage.find_objects(labels, count), start=1):
        wide = min(side.stop - side.start for side in place) >= _WIDE
        values = probability[place][labels[place] == number]
        likely[number] = np.quantile(values, 0.9 if wide else 0.5) >= threshold
    return likely[labels]


def _with_edges(filled, image, sky, noise):
    """The pixels, and neighbours that stand out of the sky: there is no star's light to spare."""
    if not filled.any():
        return filled
    near = ndimage.binary_dilation(filled, _EIGHT)
    return filled | (near & (image > sky + _EDGE_SIGMA * noise))


def _widened(span, size):
    return slice(max(span.start - _OUTER, 0), min(span.stop + _OUTER, size))


def _may_be_a_trail(labels, number, rows, columns):
    """Whether the group touches an edge that charge may bleed over, or another lies along its columns."""
    # Over the edges of the detector itself nothing bleeds.
    if labels.shape[0] < _WHOLE and (rows.start == 0 or rows.stop == labels.shape[0]):
        return True
    along = labels[
        max(rows.start - _TRAIL, 0) : rows.stop + _TRAIL, max(columns.start - 1, 0) : columns.stop + 1
    ]
    return bool(((along != 0) & (along != number)).any())


def _ring(own, labels):
    """Pixels at some distance from the group, and from all other groups."""
    distance = ndimage.distance_transform_cdt(~own, "chessboard")
    away = ndimage.distance_transform_cdt(labels == 0, "chessboard") >= _INNER
    return (distance >= _INNER) & (distance <= _OUTER) & away
