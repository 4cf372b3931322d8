"""Where the sky plane lies on a detector."""

from typing import Protocol

import numpy as np

__all__ = ["FlatProjection", "Projection", "SkyProjection"]

_GRID_STEP = 32  # pixels between the nodes of a grid
_MARGIN = 400  # pixels around a window within which its distortion has a meaning


class Projection(Protocol):
    """Where the sky plane lies on a detector: `FlatProjection` or `SkyProjection`."""

    def to_pixels(self, x, y):
        """Return the detector's pixels (x, y) of plane positions; NaN where there are none."""

    def plane_grid(self, shape):
        """Return the plane positions (x, y) of all pixels, of shapes that broadcast."""

    def jacobian(self, px, py):
        """Return the derivatives of the plane position by the pixel, (N, 2, 2)."""


class FlatProjection:
    """The plane is the detector."""

    def to_pixels(self, x, y):
        """Return the detector's pixels (x, y) of plane positions."""
        return x, y

    def plane_grid(self, shape):
        """Return the plane positions (x, y) of all pixels, of shapes that broadcast."""
        return np.arange(shape[1], dtype=np.float32)[None, :], np.arange(shape[0], dtype=np.float32)[:, None]

    def jacobian(self, px, py):
        """Return the derivatives of the plane position by the pixel, (N, 2, 2)."""
        return np.broadcast_to(np.eye(2), (np.broadcast(px, py).size, 2, 2))


class SkyProjection:
    """Where the sky plane lies on one window, distortion included.

    Parameters
    ----------
    plane : astropy.wcs.WCS
        Of the sky plane.
    wcs : astropy.wcs.WCS
        Of the window.
    shape : tuple of int
        Rows and columns of the window.
    """

    def __init__(self, plane, wcs, shape):
        self._plane, self._wcs, self._shape = plane, wcs, shape

    def to_pixels(self, x, y):
        """Return the detector's pixels of plane positions.

        Parameters
        ----------
        x, y : ndarray, (N,)

        Returns
        -------
        x, y : ndarray, (N,), float64
            NaN more than 400 pixels outside, where the distortion has no meaning.
        """
        world = self._plane.wcs_pix2world(np.stack([x, y], axis=-1), 0)
        rough = self._wcs.wcs_world2pix(world, 0)
        near = ((rough > -_MARGIN) & (rough < np.array(self._shape[::-1]) + _MARGIN)).all(axis=1)
        out = np.full_like(rough, np.nan)
        if near.any():
            out[near] = self._wcs.all_world2pix(world[near], 0, tolerance=1e-6, maxiter=40, quiet=True)
        return out[:, 0], out[:, 1]

    def to_plane(self, px, py):
        """Return the plane positions of the detector's pixels.

        Parameters
        ----------
        px, py : ndarray
            Of the same shape, N elements.

        Returns
        -------
        ndarray, (N, 2), float64
        """
        world = self._wcs.all_pix2world(np.stack([np.ravel(px), np.ravel(py)], axis=-1), 0)
        return self._plane.wcs_world2pix(world, 0)

    def plane_grid(self, shape):
        """Return the plane positions of all pixels, good to 0.003 pixels.

        Parameters
        ----------
        shape : tuple of int
            Rows and columns.

        Returns
        -------
        x, y : ndarray, (R, C), float32
            Bilinear between nodes 32 pixels apart.
        """
        rows, columns = (np.arange(0, n + _GRID_STEP, _GRID_STEP) for n in shape)
        nodes = self.to_plane(*np.meshgrid(columns, rows)).reshape(rows.size, columns.size, 2)
        by_row, by_column = _linear_weights(shape[0], rows.size), _linear_weights(shape[1], columns.size)
        x, y = ((by_row @ nodes[:, :, axis].astype(np.float32)) @ by_column.T for axis in (0, 1))
        return x, y

    def jacobian(self, px, py):
        """Return the derivatives of the plane position by the pixel.

        Parameters
        ----------
        px, py : ndarray, (N,)

        Returns
        -------
        ndarray, (N, 2, 2), float64
        """
        by_x = self.to_plane(px + 0.5, py) - self.to_plane(px - 0.5, py)
        by_y = self.to_plane(px, py + 0.5) - self.to_plane(px, py - 0.5)
        return np.stack([by_x, by_y], axis=-1)


def _linear_weights(size, nodes):
    """Return the weights of the nodes for linear interpolation at every pixel, (size, nodes) float32."""
    position = np.arange(size) / _GRID_STEP
    weights = 1 - abs(position[:, None] - np.arange(nodes))
    return np.clip(weights, 0, None).astype(np.float32)
