"""Which pixels of an exposure other exposures of the set see too.

AstroDrizzle compares a pixel with the median of all exposures. Where no other exposure has a good
pixel, that median is the pixel itself, and no cosmic ray can be found.
"""

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from scipy.ndimage import map_coordinates

from ...files.fits_reader import quiet

__all__ = ["output_pixels", "seen_by_others", "used_in_median"]

_STEP = 16  # pixels of the grid; the distortion is smooth


def used_in_median(weight, min_weight):
    """Return the pixels of a separately drizzled exposure that enter the median.

    Parameters
    ----------
    weight : ndarray, (Y, X)
    min_weight : float
        In units of the mean weight: ``combine_maskpt``.

    Returns
    -------
    ndarray, (Y, X), bool
    """
    positive = weight > 1e-8
    mean = weight[positive].mean(dtype=float) if positive.any() else 0.0
    return positive & (weight > min_weight * mean)


def output_pixels(copy, extver, output):
    """Return the positions of a chip's pixels in the drizzled image.

    Parameters
    ----------
    copy : pathlib.Path
        An aligned exposure.
    extver : int
    output : astropy.io.fits.Header
        Of the drizzled image.

    Returns
    -------
    x, y : ndarray, (R, C), float32
        0-based.
    """
    with quiet(), fits.open(copy, memmap=False) as hdus:
        header = hdus["SCI", extver].header
        shape = header["NAXIS2"], header["NAXIS1"]
        chip_wcs, output_wcs = WCS(header, fobj=hdus, fix=False), WCS(output, fix=False)
        # A coarse grid up to the last pixel, with linear interpolation.
        axes = [np.linspace(0, size - 1, 2 + (size - 2) // _STEP) for size in shape]
        y, x = np.meshgrid(*axes, indexing="ij")
        positions = output_wcs.wcs_world2pix(np.transpose(chip_wcs.all_pix2world(x.ravel(), y.ravel(), 0)), 0)
    rows, columns = (np.arange(n) / (n - 1) * (len(a) - 1) for n, a in zip(shape, axes, strict=True))
    rows, columns = (v.astype(np.float32) for v in np.broadcast_arrays(rows[:, None], columns[None, :]))
    return tuple(
        map_coordinates(positions[:, axis].reshape(x.shape).astype(np.float32), [rows, columns], order=1)
        for axis in (0, 1)
    )


def seen_by_others(x, y, others):
    """Return which pixels of a chip another exposure sees.

    Parameters
    ----------
    x, y : ndarray, (R, C)
        From `output_pixels`.
    others : ndarray, (Y, X), bool
        Where any other exposure enters the median.

    Returns
    -------
    ndarray, (R, C), bool
    """
    column, row = np.rint(x).astype(np.int32), np.rint(y).astype(np.int32)
    inside = (column >= 0) & (column < others.shape[1]) & (row >= 0) & (row < others.shape[0])
    seen = np.zeros(x.shape, bool)
    seen[inside] = others[row[inside], column[inside]]
    return seen
