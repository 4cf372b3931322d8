"""Holes of a product, filled by what the inpainted exposures give there.

A hole is an output pixel without weight that exposures cover, each of them with pixels that this step
flagged. The same exposures, their flagged pixels inpainted and the flags taken off, are drizzled once more
onto the same output pixels with the same sky; what that product shows in the holes is taken, nothing else.
Their weight stays 0.
"""

import numpy as np
from astropy.io import fits

from .. import __version__
from ..arrays import reasons
from ..errors import DrizzlepacError
from ..files import mask_file
from ..files.exposure import read_dq, read_sci
from ..files.fits_reader import quiet
from ..files.inspection import inspect
from ..work import filling
from . import astrodrizzle
from .finished import Holes

__all__ = ["EXTENSION", "Inpainted", "fill", "inpaint", "only_one_sees"]

EXTENSION = "FILLED"
_ROOT, _SKIES = "inpainted", "skies.txt"


def fill(products, copies, masks, keywords, parameters, where):
    """Fill the holes of a product.

    Parameters
    ----------
    products : astrodrizzle.Products
        Made of the copies; the science file is changed.
    copies : list of pathlib.Path
        Exposures as AstroDrizzle left them, in its directory; they are changed.
    masks : list of pathlib.Path
        The mask file of each.
    keywords : dict
        What AstroDrizzle was told.
    parameters : config.parameters.Parameters
        Of the step.
    where : {'none', 'single', 'all'}
        Which holes: none, those that one exposure only sees, or all.

    Returns
    -------
    finished.Holes
    """
    if where == "none":
        return Holes(where)
    model = filling.inpainter(parameters.inpaint, parameters.precision, parameters.device, 0)
    skies = [inpaint(copy, mask, parameters, model) for copy, mask in zip(copies, masks, strict=True)]
    directory = copies[0].parent
    lines = [" ".join([copy.name, *map(repr, sky)]) for copy, sky in zip(copies, skies, strict=True)]
    (directory / _SKIES).write_text("\n".join(lines) + "\n", encoding="utf-8")
    again = {**keywords, "build": True, "context": True, "resetbits": 0}
    again |= {name: False for name in ("driz_separate", "median", "blot", "driz_cr")}
    if keywords.get("skysub", True):
        again["skyfile"] = str(directory / _SKIES)
    inpainted = astrodrizzle.make([copy.name for copy in copies], directory, _ROOT, again)
    return _take_over(products, Inpainted.read(inpainted.science), where, model)


def inpaint(copy, mask_path, parameters, model):
    """Fill the flagged pixels of a copy of an exposure, and take the flags off.

    Parameters
    ----------
    copy : pathlib.Path
    mask_path : pathlib.Path
    parameters : config.parameters.Parameters
    model : network.inpaint.Inpainter

    Returns
    -------
    list of float
        The sky that AstroDrizzle subtracted from each chip, in the units of SCI.
    """
    exposure = inspect(copy, parameters.any_detector)
    mask = mask_file.read(mask_path, probabilities=False)
    changed = []
    for chip in exposure.chips:
        flagged = reasons.is_flagged(mask.chip(chip.extver).reasons)
        bits = read_dq(exposure, chip)
        bits[flagged] &= bits.dtype.type(~mask.decision.crbit)
        sci = filling.filled(read_sci(exposure, chip), flagged, model)
        changed += [(exposure.spans[chip.sci].data, sci), (exposure.spans[chip.dq].data, bits)]
    # The copy is ours alone: its bytes can be changed where they stand.
    with open(copy, "r+b") as file:
        for offset, pixels in changed:
            file.seek(offset)
            file.write(pixels.tobytes())
    with quiet(), fits.open(copy, memmap=False) as hdus:
        return [float(hdus[chip.sci].header.get("MDRIZSKY", 0.0)) for chip in exposure.chips]


class Inpainted:
    """The product of the inpainted exposures.

    Parameters
    ----------
    sci, wht : ndarray, (R, C)
    ctx : ndarray, (R, C) or (P, R, C), int32
        Bits of the chips that each pixel has data of, in planes of 32.
    """

    def __init__(self, sci, wht, ctx):
        self.sci, self.wht, self.ctx = sci, wht, ctx

    @classmethod
    def read(cls, path):
        """Read it from AstroDrizzle's file."""
        with quiet(), fits.open(path, memmap=False) as hdus:
            return cls(*(hdus[name].data for name in ("SCI", "WHT", "CTX")))


def only_one_sees(ctx):
    """Return where a single exposure has data.

    Parameters
    ----------
    ctx : ndarray, (R, C) or (P, R, C), int32
        AstroDrizzle's context image. The chips of an exposure do not overlap, so that a bit is an exposure.

    Returns
    -------
    ndarray, (R, C), bool
    """
    planes = ctx if ctx.ndim == 3 else ctx[None]
    return np.bitwise_count(planes.astype(np.int32).view(np.uint32)).sum(axis=0) == 1


def _take_over(products, inpainted, where, model):
    """Put the inpainted product's values into the holes of a product."""
    with quiet():
        weight = fits.getdata(products.weight, products.weight_extension)
    if weight.shape != inpainted.wht.shape:
        raise DrizzlepacError(
            f"AstroDrizzle made an image of {inpainted.wht.shape} of the inpainted exposures, and of "
            f"{weight.shape} before: its holes cannot be filled; set fill_holes=False."
        )
    holes = (weight == 0) & (inpainted.wht != 0) & np.isfinite(inpainted.sci)
    filled = holes & only_one_sees(inpainted.ctx) if where == "single" else holes
    count, left = int(np.count_nonzero(filled)), int(np.count_nonzero(holes & ~filled))
    _write(products, filled, inpainted.sci, model, count)
    return Holes(where, count, left, model.name)


def _write(products, filled, values, model, count):
    with quiet(), fits.open(products.science, mode="update", memmap=False) as hdus:
        sci = hdus[products.science_extension]
        sci.data[filled] = values[filled]
        header = hdus[0].header
        header["DCRNFILL"] = (count, f"holes filled by acs_deepcr_step, see {EXTENSION}")
        header["DCRCLEAN"] = (model.name[-60:], "holes are filled by this model")
        if model.hashes:
            header["DCRCHASH"] = (model.hashes[0], "SHA-256 of its weights, first 16 digits")
        header["HISTORY"] = f"acs_deepcr_step {__version__} filled {count} pixels of weight 0"
        tile = (min(64, filled.shape[0]), filled.shape[1])
        which = fits.CompImageHDU(
            filled.astype(np.uint8), name=EXTENSION, compression_type="RICE_1", tile_shape=tile
        )
        which.header["HISTORY"] = "1: a hole that was filled; its weight is 0"
        hdus.append(which)
