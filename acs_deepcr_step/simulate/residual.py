"""How much cosmic-ray flux an AstroDrizzle product of simulated exposures holds.

The product is compared with that of the exposures' twins without cosmic rays. The twins carry the same
noise and, by `twin`, the same flags, so that both products leave out the same pixels and weigh the others
alike: drizzling is linear, so their difference is what cosmic rays left, and nothing else (no noise, no
star that lost a pixel).

Cosmic-ray flux is the sum of that difference over the output pixels where it can be told from noise, that
is where it exceeds `LIMIT_SIGMA` times the noise of that pixel of the product. The limit is there because
the charge of a cosmic ray diffuses: some tenths of a per cent of it lie in pixels with less charge than the
noise, which no mask can know. A pixel of no weight is a hole; it holds no cosmic-ray flux only because
AstroDrizzle is told to fill it with a constant, so holes are counted like all other pixels.

`near_full_pixels` tells where a cosmic ray filled a pixel's well and bled. There the published networks
know little: their training left out what lies within 7x7 of a pixel above 70,000 e-. A single such event
can hold per cents of a small field's flux, so the flux is of interest with and without them.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from scipy.ndimage import maximum_filter

from .. import dq
from .truth import read_truth, without_cosmic_rays

LIMIT_SIGMA = 3.0
NEAR = 7  # pixels: the blind 7x7, and what the drizzling spreads
_READ_NOISE = 4.3  # electrons, mean of the amplifiers


@dataclass(frozen=True, eq=False)
class Product:
    """A drizzled image.

    Attributes
    ----------
    sci : float32 ndarray
        Electrons per second; sky subtracted.
    wht : float32 ndarray
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
    """Write the twin of an exposure without cosmic rays, with the exposure's flags of one bit.

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
    bool ndarray
        Of the product's shape.
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
    """Cosmic-ray flux in a product.

    Parameters
    ----------
    product : Product
        Of exposures with cosmic rays.
    clean : Product
        Of their twins, with the same flags.
    leave_out : bool ndarray, optional
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
