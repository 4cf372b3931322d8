"""What hot pixels leave in a product, by the DQ bits that count as good: a part of `product.py`."""

import tempfile
from collections import defaultdict
from pathlib import Path

import common
import numpy as np
from product_drizzle import copies, drizzle

import acs_deepcr_step
from acs_deepcr_step import simulate

_READ_NOISE = 4.3  # electrons, mean of the amplifiers
_GOOD_BITS = (336, 320, 256)
_USUAL = 336
_WITHOUT_HOT = 256  # hot and warm pixels do not count as good
_REFERENCE_N = 8  # exposures


def good_bits(arguments):
    """Make the table of what hot pixels leave, without cosmic rays.

    Parameters
    ----------
    arguments : argparse.Namespace
        Of `product.py`.

    Returns
    -------
    astropy.table.Table
    """
    first, count = arguments.seeds
    rows = []
    for field in arguments.fields:
        found = defaultdict(list)
        for seed in range(first, first + count):
            with tempfile.TemporaryDirectory(prefix="acs_deepcr_product_") as directory:
                for n, bits, figures in _measured(Path(directory), field, seed, arguments):
                    found[n, bits].append(figures)
        for (n, bits), its in found.items():
            total = {key: sum(one[key] for one in its) for key in its[0]}
            lost = 1 - total.pop("weight") / sum(one["weight"] for one in found[n, _USUAL])
            rows.append({"field": field, "n": n, "good_bits": bits, **total, "weight_lost": lost})
            print(*rows[-1].values(), sep="  ", flush=True)
    return common.table(rows, [f"{arguments.shape} x {arguments.chips} chips, no cosmic rays"])


def _measured(root, field, seed, arguments):
    """Yield the number of exposures, the good bits and the figures of one field."""
    settings = {"field": field, "shape": arguments.shape, "chips": arguments.chips, "cosmic_rays": False}
    files = simulate.association(root / "originals", n=_REFERENCE_N, seed=seed, **settings)
    reference = drizzle(copies(files, root / "all"), **acs_deepcr_step.drizzle_kwargs(_WITHOUT_HOT))
    for n in arguments.n:
        for bits in _GOOD_BITS:
            some = copies(files[:n], root / "some")
            product = drizzle(some, **acs_deepcr_step.drizzle_kwargs(bits))
            yield n, bits, _figures(product, reference)


def _figures(product, reference):
    """Measure output pixels off the reference, where both have data."""
    sky = reference.wcs.all_pix2world(0, 0, 0)
    x, y = (round(float(position)) for position in product.wcs.all_world2pix(*sky, 0))
    sci, sci0 = _in_common(product.sci, reference.sci, x, y)
    wht, wht0 = _in_common(product.wht, reference.wht, x, y)
    covered = wht0 > 0.5 * wht0.max()
    seen = (wht > 0) & covered
    model = np.maximum(sci0[seen], 0)
    rate = model + reference.sky + reference.n * _READ_NOISE**2 / reference.exptime
    off = sci[seen] - sci0[seen]
    # Dithered and undersampled, the two never agree exactly on a source.
    sigma = np.sqrt(rate / wht[seen] + rate / wht0[seen] + (0.1 * model) ** 2)
    above, below = off > 5 * sigma, off < -5 * sigma
    return {
        "above": int(np.count_nonzero(above)),
        "below": int(np.count_nonzero(below)),
        "above_e": float(off[above].sum() * product.exptime),
        "below_e": float(off[below].sum() * product.exptime),
        "holes": int(np.count_nonzero((wht == 0) & covered)),
        "weight": float(wht.sum()),
    }


def _in_common(image, reference, x, y):
    """Cut two images to what both show; the reference's first pixel is pixel x, y of the image."""
    image, reference = image[max(y, 0) :, max(x, 0) :], reference[max(-y, 0) :, max(-x, 0) :]
    height, width = (min(pair) for pair in zip(image.shape, reference.shape, strict=True))
    return image[:height, :width], reference[:height, :width]
