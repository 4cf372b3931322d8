"""The background of a chip as a map: its level and its rms, from boxes of good pixels."""

from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import distance_transform_edt, median_filter

__all__ = ["BackgroundMap", "measure_map"]

_BOX = 64  # pixels on a side
_STEP = 2  # every second row and column of a box is looked at
_ROUNDS = 5  # of clipping
_CLIP = 3.0  # sigma
_FEWEST = 0.2  # of a box's pixels that must be good
_UNKNOWN = 1e6  # electrons: the rms where no pixel is good, above which nothing stands out
_ROWS = 256  # of an image that are worked on at a time


@dataclass(frozen=True, eq=False)
class BackgroundMap:
    """Background of a chip, known at nodes: the level goes between them by cubic splines, the rms straight.

    Attributes
    ----------
    rows, columns : ndarray, (M,) and (N,)
        Places of the nodes, pixels.
    level, rms : ndarray, (M, N), float32
        Electrons per pixel; the rms is that of the noise from pixel to pixel, at least 1.
    """

    rows: np.ndarray = field(repr=False)
    columns: np.ndarray = field(repr=False)
    level: np.ndarray
    rms: np.ndarray

    @classmethod
    def flat(cls, shape, level, rms):
        """Return the map of a background that is the same everywhere on a chip of some shape."""
        rows, columns = (np.array([0.0, max(n - 1.0, 1.0)]) for n in shape)
        return cls(rows, columns, np.full((2, 2), level, np.float32), np.full((2, 2), rms, np.float32))

    @property
    def typical_level(self):
        """Median level, electrons."""
        return float(np.median(self.level))

    @property
    def typical_rms(self):
        """Median rms, electrons."""
        return float(np.median(self.rms))

    def subtracted_from(self, image):
        """Return an image less its background, (R, C) float32."""
        net = np.array(image, np.float32)
        for rows, background in _bands(_by_splines, self.rows, self.columns, self.level, net.shape):
            net[rows] -= background
        return net

    def above(self, net, sigma, among=None):
        """Return where an image less its background stands more than so many rms high, (R, C) bool.

        With `among`, (R, C) bool, only there: for a few pixels that is much sooner done.
        """
        out = np.zeros(net.shape, bool)
        if among is not None:
            at = np.flatnonzero(among)
            rms = self._rms_between(*np.divmod(at, net.shape[1]))
            out.ravel()[at] = net.ravel()[at] > np.float32(sigma) * rms
            return out
        for rows, rms in _bands(_straight, self.rows, self.columns, self.rms, net.shape):
            np.greater(net[rows], np.float32(sigma) * rms, out=out[rows])
        return out

    def rms_at(self, y, x):
        """Return the rms at the node nearest to pixels, float32 of the shape of `y`."""
        return self.rms[_nearest(self.rows, y), _nearest(self.columns, x)]

    def _rms_between(self, y, x):
        """Return the rms at pixels, (N,) float32, between nodes as `above` takes it."""
        (row, down), (column, right) = _places(self.rows, y), _places(self.columns, x)
        left, beside = (
            self.rms[row, at] * (1 - down) + self.rms[row + 1, at] * down for at in (column, column + 1)
        )
        return left * (1 - right) + beside * right


def _bands(weights, rows, columns, nodes, shape):
    """Yield slices of rows, and what goes between nodes there."""
    by_column = weights(columns, np.arange(shape[1])).T
    for first in range(0, shape[0], _ROWS):
        band = slice(first, min(first + _ROWS, shape[0]))
        yield band, weights(rows, np.arange(band.start, band.stop)) @ nodes @ by_column


def _by_splines(nodes, at):
    """Return the weights of nodes at places, (places, nodes) float32; beyond the last they go on straight."""
    if nodes.size < 3:
        return _straight(nodes, at)
    return CubicSpline(nodes, np.eye(nodes.size), bc_type="natural")(at).astype(np.float32)


def _nearest(nodes, at):
    return np.searchsorted((nodes[1:] + nodes[:-1]) / 2, at)


def _places(nodes, at):
    """Return the node before each place, and which part of the way to the next it is, float32."""
    first = np.clip(np.searchsorted(nodes, at) - 1, 0, nodes.size - 2)
    part = np.clip((at - nodes[first]) / (nodes[first + 1] - nodes[first]), 0, 1)
    return first, part.astype(np.float32)


def _straight(nodes, at):
    first, part = _places(nodes, at)
    weights = np.zeros((at.size, nodes.size), np.float32)
    weights[np.arange(at.size), first] = 1 - part
    weights[np.arange(at.size), first + 1] += part
    return weights


def measure_map(image, good):
    """Measure the background of a chip.

    Parameters
    ----------
    image : ndarray, (R, C)
        Electrons.
    good : ndarray, (R, C), bool
        Pixels that count.

    Returns
    -------
    BackgroundMap
        Of the medians of boxes of 64 pixels, clipped at 3 sigma, where sigma is the scatter below the median:
        sources and cosmic rays are above it. Boxes with few good pixels get what the nearest others have. A
        median over 3x3 boxes takes out what single sources leave.
    """
    edges = [np.linspace(0, n, max(round(n / _BOX), 1) + 1).astype(int) for n in image.shape]
    (rows, columns), centres = edges, [(each[1:] + each[:-1] - 1) / 2 for each in edges]
    level, rms = (np.full((rows.size - 1, columns.size - 1), np.nan, np.float32) for _ in range(2))
    for i, (top, bottom) in enumerate(zip(rows[:-1], rows[1:], strict=True)):
        band = slice(top, bottom, _STEP)
        values = np.where(good[band], image[band], np.nan).astype(np.float32)
        for j, (left, right) in enumerate(zip(columns[:-1], columns[1:], strict=True)):
            level[i, j], rms[i, j] = _clipped(values[:, left:right:_STEP])
    unknown = np.isnan(level)
    if unknown.all():
        return BackgroundMap.flat(image.shape, 0.0, _UNKNOWN)
    nearest = tuple(distance_transform_edt(unknown, return_distances=False, return_indices=True))
    level, rms = (median_filter(each[nearest], 3, mode="nearest") for each in (level, rms))
    rms = np.maximum(rms, np.float32(1))
    if min(level.shape) < 2:
        return BackgroundMap.flat(image.shape, np.median(level), np.median(rms))
    return BackgroundMap(*centres, level, rms)


def _clipped(box):
    """Return level and rms of a box of pixels, those that do not count being nan; nan for too few."""
    values = np.sort(box, axis=None)
    fewest = _FEWEST * values.size
    values = values[: np.count_nonzero(np.isfinite(values))]
    if values.size < max(fewest, 2):
        return np.nan, np.nan
    for _ in range(_ROUNDS):
        middle = values[values.size // 2]
        sigma = middle - values[int(0.1587 * values.size)]
        kept = np.searchsorted(values, middle + _CLIP * sigma, side="right")
        if kept == values.size:
            break
        values = values[:kept]
    return middle, sigma
