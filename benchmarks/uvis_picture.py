"""Draw real WFC3/UVIS exposures before and after the step: docs/images/uvis.png.

    python benchmarks/uvis_picture.py DIR [--output docs/images/uvis.png]

DIR holds the eight exposures of `uvis_truth.py`. They are drizzled three times: without any rejection, by
AstroDrizzle's own with its defaults, and with `drizzle_kwargs()` after the step has flagged each by itself.
"""

import argparse
import io
import tempfile
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from matplotlib.colors import AsinhNorm
from matplotlib.figure import Figure
from PIL import Image
from product_drizzle import quietly
from uvis_truth import OBJECT, unpack
from uvis_ways import driz_cr, step

from acs_deepcr_step import drizzle_kwargs
from acs_deepcr_step.arrays.dq import CR_ACSREJ

OUTPUT = Path(__file__).parents[1] / "docs" / "images" / "uvis.png"
FIELD, CLOSE = 130, 22  # half the widths of the pieces, pixels
COLOURS = 128
RED = (1, 0.15, 0.1, 1)


def products(source, directory):
    """Drizzle the exposures in the three ways.

    Parameters
    ----------
    source, directory : Path
        Where the exposures are, and where to work.

    Returns
    -------
    exposure : Path
        The first one, flagged by the step.
    made : dict of str to Path
        Products by what is said of them.
    """
    folders = {}
    for name in ("none", "own", "step"):
        folders[name] = directory / name
        folders[name].mkdir()
        paths = unpack(source, folders[name])
        if name == "own":
            driz_cr(paths)
            continue
        if name == "step":
            step(paths, consensus="no")
        _drizzle(paths)
    return sorted(folders["step"].glob("idsj02*_flc.fits"))[0], {
        "eight drizzled,\nnothing rejected": _product(folders["none"]),
        "eight, AstroDrizzle's\nown rejection": _product(folders["own"]),
        "eight, drizzled\nafter the step": _product(folders["step"]),
    }


def _drizzle(paths):
    from drizzlepac.astrodrizzle import AstroDrizzle

    with quietly(paths[0].parent):
        AstroDrizzle([path.name for path in paths], output="product", num_cores=1, **drizzle_kwargs())


def _product(directory):
    [path] = directory.glob("product_dr?_sci.fits")
    return path


def draw(picture, exposure, made):
    """Draw the exposure, its flags and the products: a field, and below it the surroundings of the object.

    Parameters
    ----------
    picture : Path
        PNG to write.
    exposure : Path
    made : dict of str to Path
        As of `products`.
    """
    with fits.open(exposure, memmap=False) as hdus:
        seconds = hdus[0].header["EXPTIME"]
        sci, header = hdus["SCI", 1].data, hdus["SCI", 1].header
        level = np.median(sci)
        flags = (hdus["DQ", 1].data & CR_ACSREJ) != 0
        [sky] = WCS(header, hdus, fix=False).all_pix2world([OBJECT[::-1]], 0)
    panels = [(f"one exposure\nof {seconds:.0f} s", (sci - level) / seconds, OBJECT, None)]
    panels.append(("the same, flags\nof the step in red", panels[0][1], OBJECT, flags))
    for title, path in made.items():
        with fits.open(path, memmap=False) as hdus:
            hdu = next(one for one in hdus if one.data is not None)
            [(x, y)] = WCS(hdu.header, fix=False).all_world2pix([sky], 0)
            panels.append((title, hdu.data, (round(float(y)), round(float(x))), None))
    noise = 1.4826 * np.median(abs(panels[0][1]))
    norm = AsinhNorm(linear_width=3 * noise, vmin=-3 * noise, vmax=60 * noise)
    figure = Figure(figsize=(3.2 * len(panels), 6.8), layout="constrained", facecolor="white")
    axes = figure.subplots(2, len(panels))
    for column, (title, image, centre, mask) in enumerate(panels):
        axes[0, column].set_title(title, size=19)
        for row, half in enumerate((FIELD, CLOSE)):
            _show(axes[row, column], _piece(image, centre, half), norm)
            if mask is not None:
                _overlay(axes[row, column], _piece(mask, centre, half))
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=80)
    image = Image.open(drawn).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(picture, optimize=True)


def _piece(image, centre, half):
    row, column = centre
    return image[max(row - half, 0) : row + half, max(column - half, 0) : column + half]


def _show(axes, image, norm):
    axes.imshow(image, origin="lower", norm=norm, cmap="gray", interpolation="nearest")
    axes.set(xticks=[], yticks=[])


def _overlay(axes, mask):
    red = np.zeros((*mask.shape, 4))
    red[mask] = RED
    axes.imshow(red, origin="lower", interpolation="nearest")


def main():
    """Drizzle and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, metavar="DIR", help="with the eight exposures")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        draw(options.output, *products(options.directory.resolve(), Path(directory)))


if __name__ == "__main__":
    main()
