"""How much cosmic-ray flux an AstroDrizzle product of simulated exposures holds.

The product is compared with that of the exposures' twins without cosmic rays. The twins carry the same
noise and, by `twin`, the same flags, so both products leave out the same pixels and weigh the others alike.
Drizzling is linear, so their difference is what cosmic rays left, and nothing else (no noise, no star that
lost a pixel).

Cosmic-ray flux is the sum of that difference over the output pixels where it exceeds `LIMIT_SIGMA` times
the noise of the product. There is a limit because the charge of a cosmic ray diffuses: some tenths of a
per cent of it lie in pixels with less charge than the noise, which no mask can know. Output pixels without
weight count like all others: AstroDrizzle is told to fill them with a constant, so they hold no cosmic-ray
flux.

`near_full_pixels` tells where a cosmic ray filled a pixel's well and bled. The published networks know
little of such places: their training left out what lies within 7x7 of a pixel above 70,000 e-. A single such
event can hold per cents of a small field's flux, so the flux is of interest with and without them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from scipy.ndimage import maximum_filter

from ..arrays import dq
from .truth import read_truth, without_cosmic_rays

__all__ = ["LIMIT_SIGMA", "NEAR", "Product", "flux", "near_full_pixels", "read_product", "twin"]

LIMIT_SIGMA = 3.0
NEAR = 7  # pixels on each side: the 7x7 that the networks do not know, and what drizzling spreads
_READ_NOISE = 4.3  # electrons, mean of the amplifiers


@dataclass(frozen=True, eq=False)
class Product:
    """A drizzled image.

    Attributes
    ----------
    sci : ndarray, (R, C), float32
        Electrons per second; sky subtracted.
    wht : ndarray, (R, C), float32
        Seconds of exposure.
    sky : float
        Electrons per second and pixel that were subtracted, mean of the exposures.
    exptime : float
        Seconds, of all exposures.
    n : int
        Exposures.
    wcs : astropy.wcs.WCS
    """

    sci: np.ndarray
    wht: np.ndarray
    sky: float
    exptime: float
    n: int
    wcs: WCS


def read_product(output, exposures):
    """Read a product in electrons per second, weighted by exposure time (AstroDrizzle's defaults).

    Parameters
    ----------
    output : str or Path
        The product's ``_sci.fits``.
    exposures : list of str or Path
        Its inputs.

    Returns
    -------
    Product
    """
    output = Path(output)
    weight = output.with_name(output.name.replace("_sci.fits", "_wht.fits"))
    times = [fits.getval(path, "EXPTIME", 0) for path in exposures]
    skies = [fits.getheader(path, ("SCI", 1)).get("MDRIZSKY", 0.0) for path in exposures]
    sci, header = fits.getdata(output, header=True)
    return Product(
        sci, fits.getdata(weight), sum(skies) / sum(times), sum(times), len(times), WCS(header, fix=False)
    )


def twin(path, outdir, bit=0):
    """Write an exposure's twin without cosmic rays, with the exposure's flags of one bit.

    Parameters
    ----------
    path : str or Path
        A simulated exposure; its truth lies beside it.
    outdir : str or Path
        Another directory than the exposure's.
    bit : int
        DQ bit to take over; 0 for none.

    Returns
    -------
    Path
        The twin, of the same file name.

    Raises
    ------
    FileNotFoundError
        If the truth of the exposure is missing.
    ValueError
        If `outdir` is the exposure's own directory.
    """
    made = without_cosmic_rays(path, outdir)
    if bit:
        with fits.open(path, memmap=False) as flagged, fits.open(made, mode="update", memmap=False) as clean:
            for hdu in (h for h in clean if h.name == "DQ"):
                hdu.data |= flagged["DQ", hdu.ver].data & bit
    return made


def near_full_pixels(product, exposures):
    """Find the output pixels near a pixel that a cosmic ray filled.

    Parameters
    ----------
    product : Product
    exposures : list of str or Path
        Its simulated inputs; their truth lies beside them.

    Returns
    -------
    ndarray, (R, C), bool
        Of the product's shape.

    Raises
    ------
    FileNotFoundError
        If the truth of an exposure is missing.
    """
    near = np.zeros(product.sci.shape, bool)
    for path in exposures:
        with fits.open(path, memmap=False) as hdus:
            for truth in read_truth(path):
                full = (hdus["DQ", truth.extver].data & ~truth.dq_clean & dq.SATURATED) != 0
                rows, columns = np.nonzero(full)
                if rows.size:
                    wcs = WCS(hdus["SCI", truth.extver].header, hdus, fix=False)
                    sky = wcs.all_pix2world(columns, rows, 0)
                    x, y = (np.rint(p).astype(int) for p in product.wcs.all_world2pix(*sky, 0))
                    near[y.clip(0, near.shape[0] - 1), x.clip(0, near.shape[1] - 1)] = True
    return maximum_filter(near, size=2 * NEAR + 1)


def flux(product, clean, leave_out=None):
    """Measure the cosmic-ray flux in a product.

    Parameters
    ----------
    product : Product
        Of exposures with cosmic rays.
    clean : Product
        Of their twins, with the same flags.
    leave_out : ndarray, (R, C), bool, optional
        Output pixels that do not count.

    Returns
    -------
    float
        Electrons, for the exposure time of the product.
    """
    noise = np.sqrt(np.maximum(clean.sci, 0) + clean.sky + clean.n * _READ_NOISE**2 / clean.exptime)
    excess = product.sci.astype(float) - clean.sci
    with np.errstate(divide="ignore"):
        sigma = np.where(clean.wht > 0, noise / np.sqrt(clean.wht), 0.0)
    visible = np.isfinite(excess) & (excess > LIMIT_SIGMA * sigma)
    if leave_out is not None:
        visible &= ~leave_out
    return float(excess[visible].sum() * clean.exptime)
