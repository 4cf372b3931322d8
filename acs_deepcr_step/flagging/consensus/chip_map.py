"""Pixels of one chip to pixels of another, through the sky and all distortion. Arrays only."""

import numpy as np
from scipy.interpolate import RectBivariateSpline
from scipy.ndimage import map_coordinates

__all__ = ["ChipMap", "contains", "footprint", "inner_points", "orientation", "overlap", "signature"]

_STEP = 64  # pixels between the nodes at which the exact transformation is evaluated
_MARGIN = 200  # pixels beyond the other chip in which the distortion still has a meaning
_STRAIGHT_TOLERANCE, _TOLERANCE = 0.002, 0.01  # pixels
_CHECKS = 200


class ChipMap:
    """The way from the pixels of one chip to those of another.

    Parameters
    ----------
    source, target : astropy.wcs.WCS
        With their distortion.
    source_shape, target_shape : tuple of int
        Rows, columns.

    Notes
    -----
    The exact transformation is evaluated on nodes 64 pixels apart, and straight lines go between
    the offsets: good to 1e-3 pixel between dithered exposures. That is compared with the exact one
    at points between the nodes; where it is off by more than 0.002 pixel, a cubic spline is taken
    instead, and where that is off by more than 0.01 every point is transformed exactly.
    """

    def __init__(self, source, source_shape, target, target_shape):
        self._wcs = source, target
        self._shape = target_shape
        self._between = self._way_between(source_shape)

    @property
    def overlaps(self):
        """Whether any part of the chip falls on the other."""
        return self._between is not None

    def __call__(self, y, x):
        """Return (y, x) on the other chip, nan where that is off it, each (K,) float64."""
        out_y, out_x = (np.full(np.shape(y), np.nan) for _ in range(2))
        if not self.overlaps or not np.size(y):
            return out_y, out_x
        (y0, y1), (x0, x1), between = self._between
        near = (y >= y0) & (y <= y1) & (x >= x0) & (x <= x1)
        out_y[near], out_x[near] = between(y[near], x[near])
        rows, columns = self._shape
        off = ~((out_y >= -0.5) & (out_y < rows - 0.5) & (out_x >= -0.5) & (out_x < columns - 0.5))
        out_y[off] = out_x[off] = np.nan
        return out_y, out_x

    def _exact(self, y, x):
        source, target = self._wcs
        world = source.all_pix2world(np.column_stack([x, y]), 0)
        pixels = target.all_world2pix(world, 0, tolerance=1e-5, maxiter=40, quiet=True)
        return pixels[:, 1], pixels[:, 0]

    def _way_between(self, shape):
        """Ranges of rows and columns that may fall on the other chip, and the way from there."""
        rows, columns = (np.unique(np.r_[np.arange(0, n, _STEP), n - 1]).astype(float) for n in shape)
        grid = np.meshgrid(rows, columns, indexing="ij")
        box = self._near(grid)
        if box is None:
            return None
        rows, columns = rows[box[0]], columns[box[1]]
        ranges = (rows[0], rows[-1]), (columns[0], columns[-1])
        nodes = np.meshgrid(rows, columns, indexing="ij")
        values = self._exact(*(axis.ravel() for axis in nodes))
        if np.isfinite(values).all() and min(rows.size, columns.size) > 1:
            values = [value.reshape(nodes[0].shape) for value in values]
            for way, tolerance in ((_straight, _STRAIGHT_TOLERANCE), (_curved, _TOLERANCE)):
                between = way(rows, columns, values)
                if self._agrees(between, ranges, tolerance):
                    return *ranges, between
        return *ranges, self._exact

    def _near(self, grid):
        """Slices of the nodes whose rough place is on the other chip or close to it."""
        source, target = self._wcs
        world = source.all_pix2world(np.column_stack([grid[1].ravel(), grid[0].ravel()]), 0)
        rough = target.wcs_world2pix(world, 0)
        inside = np.isfinite(rough).all(axis=1)
        for axis, n in ((1, self._shape[0]), (0, self._shape[1])):
            with np.errstate(invalid="ignore"):
                inside &= (rough[:, axis] > -_MARGIN) & (rough[:, axis] < n + _MARGIN)
        inside = inside.reshape(grid[0].shape)
        if not inside.any():
            return None
        box = []
        for axis in (1, 0):
            hit = np.flatnonzero(inside.any(axis=axis))
            box.append(slice(max(hit[0] - 1, 0), hit[-1] + 2))
        return box

    def _agrees(self, between, ranges, tolerance):
        rng = np.random.default_rng(1)  # any points will do
        y, x = (rng.uniform(*span, _CHECKS) for span in ranges)
        exact = np.array(self._exact(y, x))
        rows, columns = self._shape
        with np.errstate(invalid="ignore"):
            inside = (exact[0] > -1) & (exact[0] < rows) & (exact[1] > -1) & (exact[1] < columns)
        off = np.array(between(y[inside], x[inside])) - exact[:, inside]
        return not off.size or bool((np.abs(off) < tolerance).all())


def _straight(rows, columns, values):
    """Return the way between nodes by straight lines between the offsets there."""
    offsets = [values[0] - rows[:, None], values[1] - columns]

    def between(y, x):
        at = [np.interp(one, nodes, np.arange(nodes.size)) for one, nodes in ((y, rows), (x, columns))]
        dy, dx = (map_coordinates(offset, at, order=1, mode="nearest") for offset in offsets)
        return y + dy, x + dx

    return between


def _curved(rows, columns, values):
    """Return the way between nodes by cubic splines."""
    degrees = {"kx": min(3, rows.size - 1), "ky": min(3, columns.size - 1)}
    splines = [RectBivariateSpline(rows, columns, value, **degrees) for value in values]
    return lambda y, x: tuple(spline.ev(y, x) for spline in splines)


def footprint(wcs, shape):
    """Return unit vectors to the corners of a chip, in order, (4, 3)."""
    rows, columns = shape
    corners = np.array([[0, 0], [columns - 1, 0], [columns - 1, rows - 1], [0, rows - 1]], float)
    ra, dec = np.radians(wcs.all_pix2world(corners, 0)).T
    return np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def inner_points(corners, side):
    """Return unit vectors to points spread over a chip, so many along each side, (side * side, 3)."""
    at = (np.arange(side) + 0.5) / side
    low = corners[0] + at[:, None] * (corners[1] - corners[0])
    high = corners[3] + at[:, None] * (corners[2] - corners[3])
    points = (low + at[:, None, None] * (high - low)).reshape(-1, 3)
    return points / np.linalg.norm(points, axis=1)[:, None]


def contains(corners, points):
    """Return which points lie on chips.

    Parameters
    ----------
    corners : ndarray, (..., 4, 3)
        From `footprint`.
    points : ndarray, (K, 3)
        Unit vectors.

    Returns
    -------
    ndarray, (..., K), bool
    """
    sides = np.cross(corners, np.roll(corners, -1, axis=-2)) @ points.T
    near = corners.sum(axis=-2) @ points.T > 0
    return near & ((sides > 0).all(axis=-2) | (sides < 0).all(axis=-2))


def orientation(corners):
    """Return the position angle of a chip's columns, east of north, degrees."""
    up = corners[3] - corners[0]
    centre = corners.sum(axis=0)
    centre /= np.linalg.norm(centre)
    east = np.cross([0, 0, 1.0], centre)
    return float(np.degrees(np.arctan2(up @ east, up @ np.cross(centre, east))))


def signature(wcs, shape):
    """Return text that changes when the pointing or distortion of a chip does (0.001 pixel)."""
    rows, columns = shape
    points = np.array([[0, 0], [columns - 1, 0], [(columns - 1) / 2, (rows - 1) / 2], [0, rows - 1]], float)
    return " ".join(f"{value:.8f}" for value in wcs.all_pix2world(points, 0).ravel())


def overlap(one, other):
    """Return whether two chips share some of the sky.

    Parameters
    ----------
    one, other : ndarray, (4, 3)
        From `footprint`.
    """
    centre = one.sum(axis=0)
    centre /= np.linalg.norm(centre)
    if (other @ centre < 0.9).any():
        return False
    east = np.cross([0, 0, 1.0], centre) if abs(centre[2]) < 0.9 else np.cross([1.0, 0, 0], centre)
    east /= np.linalg.norm(east)
    axes = np.stack([east, np.cross(centre, east)], axis=1)
    flat = [(corners @ axes) / (corners @ centre)[:, None] for corners in (one, other)]
    # Two convex figures are apart if a side of one of them has the other beyond it.
    for corners in flat:
        sides = np.roll(corners, -1, axis=0) - corners
        for normal in np.column_stack([sides[:, 1], -sides[:, 0]]):
            a, b = (figure @ normal for figure in flat)
            if a.max() < b.min() or b.max() < a.min():
                return False
    return True
