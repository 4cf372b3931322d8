"""The point-spread function at every place of an array."""

from dataclasses import dataclass

import numpy as np

from . import psf as psfs

__all__ = ["PSFField", "changing", "uniform"]

_NODES = (-1.0, 0.0, 1.0)  # places in the field, per axis, at which the PSF is computed


@dataclass(frozen=True, eq=False)
class PSFField:
    """PSFs at nodes; between them a star has the mean of the four around it, weighted bilinearly.

    Attributes
    ----------
    psfs : tuple of psf.PSF
        K of them, row by row.
    place : field.Place or None
        None: there is only one PSF, for all places.
    """

    psfs: tuple[psfs.PSF, ...]
    place: object = None

    @property
    def kernel(self):
        """The kernel of the middle node, for what is wider than the PSF."""
        return self.psfs[len(self.psfs) // 2].kernel

    def weights(self, x, y):
        """Return how much each PSF weighs at the places of stars.

        Parameters
        ----------
        x, y : ndarray, (N,)
            Pixels, 0-based.

        Returns
        -------
        ndarray, (K, N)
            Their sum is 1.
        """
        if self.place is None:
            return np.ones((1, x.size))
        u, v = self.place.units(x, y)
        by_column, by_row = (_linear(np.clip(axis, -1, 1)) for axis in (u, v))
        return (by_row[:, None] * by_column[None]).reshape(-1, x.size)


def _linear(position):
    """Return the weights of the nodes along one axis, (nodes, N)."""
    step = _NODES[1] - _NODES[0]
    return np.clip(1 - abs(np.asarray(_NODES)[:, None] - position) / step, 0, None)


def uniform(bandpass, camera):
    """Return one PSF for the whole field.

    Parameters
    ----------
    bandpass : filters.Bandpass
    camera : cameras.Camera

    Returns
    -------
    PSFField
    """
    return PSFField((psfs.psf(bandpass.pivot, bandpass.width, camera.sampling),))


def changing(bandpass, camera, place, focus):
    """Return a PSF that changes over the field.

    Parameters
    ----------
    bandpass : filters.Bandpass
    camera : cameras.Camera
    place : field.Place
        Of the array.
    focus : float
        How far the secondary mirror is from its nominal place, micron.

    Returns
    -------
    PSFField
    """
    nodes = [camera.optics.at(u, v, focus) for v in _NODES for u in _NODES]
    made = (psfs.aberrated(bandpass.pivot, bandpass.width, one, camera.sampling) for one in nodes)
    return PSFField(tuple(made), place)
