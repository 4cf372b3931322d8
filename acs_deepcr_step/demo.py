"""The demonstration: three simulated exposures, flagged and drizzled, and one picture.

Everything lies in one directory. ``unflagged`` has the exposures as they were simulated, ``flagged`` the same
after the step, ``clean`` and ``clean_unflagged`` their twins without cosmic rays, with and without the
step's flags; each has AstroDrizzle's product and logs too.
"""

import contextlib
import gc
import importlib.util
import shutil
import warnings
from pathlib import Path

import numpy as np

from . import handoff
from .arrays import dq
from .errors import InputError, StepError
from .work.printing import say

__all__ = ["MARKER", "PICTURE", "main"]

PICTURE = "acs_deepcr_demo.png"
MARKER = "made_by_acs_deepcr_demo.txt"
_FLAGGED, _UNFLAGGED, _CLEAN, _CLEAN_UNFLAGGED = "flagged", "unflagged", "clean", "clean_unflagged"
_OURS = (PICTURE, _FLAGGED, _UNFLAGGED, _CLEAN, _CLEAN_UNFLAGGED)
_SCENE = {"n": 3, "shape": (1024, 1024), "chips": 1, "exptime": 1000.0, "field": "galaxies", "seed": 5}
_CRBIT = dq.CR_ACSREJ
_SHOWN = 1  # the exposure in the picture
# The piece of sky in the picture: column and row of its middle in that exposure, and half its width.
_CENTRE = (400, 560)
_HALF_WIDTH = 75


def main(outdir):
    """Simulate, flag and drizzle three exposures, print two tables and draw a picture.

    Parameters
    ----------
    outdir : str or Path
        Directory for everything: a new or empty one, or that of an earlier demonstration, which is replaced.

    Returns
    -------
    Path
        The picture.

    Raises
    ------
    InputError
        If the directory holds other things, or is a file.
    StepError
        If matplotlib is missing.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise StepError("The demonstration draws with matplotlib, which is missing: pip install matplotlib.")
    outdir = _made_ready(Path(outdir))
    from . import simulate
    from .console.result_lines import table_lines
    from .simulate import residual
    from .step import run

    say(f"Simulating three dithered exposures in {outdir} ...")
    raw = simulate.association(outdir / _UNFLAGGED, **_SCENE)
    (outdir / _FLAGGED).mkdir()
    for path in (outdir / _UNFLAGGED).iterdir():
        shutil.copy(path, outdir / _FLAGGED)
    files = [outdir / _FLAGGED / path.name for path in raw]
    table = run(files, runfile=str(outdir / _FLAGGED / "acs_deepcr_step.log"), crbit=_CRBIT)
    table["filename"] = [Path(name).name for name in table["filename"]]
    say(*table_lines(table, shutil.get_terminal_size().columns))
    twins = {
        _CLEAN: [residual.twin(path, outdir / _CLEAN, _CRBIT) for path in files],
        _CLEAN_UNFLAGGED: [residual.twin(path, outdir / _CLEAN_UNFLAGGED) for path in raw],
    }
    products = {}
    print("Drizzling ...", end="", flush=True)
    for name, exposures in {_UNFLAGGED: raw, _FLAGGED: files, **twins}.items():
        print(f" {name}", end="", flush=True)
        products[name] = _drizzle(exposures)
    print()
    _print_residuals(products, raw)
    picture = outdir / PICTURE
    _draw(picture, files[_SHOWN], products[_UNFLAGGED], products[_FLAGGED])
    print(f"The picture: {picture}")
    return picture


def _made_ready(outdir):
    """Make the directory, or remove an earlier demonstration from it; return its full path."""
    if outdir.exists() and not outdir.is_dir():
        raise InputError(f"{outdir} is not a directory: give another one to the demonstration.")
    outdir.mkdir(parents=True, exist_ok=True)
    if any(outdir.iterdir()) and not (outdir / MARKER).is_file():
        raise InputError(f"{outdir} holds other things: give the demonstration a new or empty directory.")
    (outdir / MARKER).write_text(f"The next demonstration in this directory replaces: {', '.join(_OURS)}\n")
    for name in _OURS:
        if (outdir / name).is_dir():
            shutil.rmtree(outdir / name)
        else:
            (outdir / name).unlink(missing_ok=True)
    return outdir.resolve()


def _drizzle(exposures):
    """Drizzle exposures as `drizzle_kwargs` says; what AstroDrizzle prints goes to a file beside them."""
    from .simulate.residual import read_product

    directory = exposures[0].parent
    with (
        open(directory / "astrodrizzle_terminal.log", "w", encoding="utf-8") as log,
        contextlib.chdir(directory),
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        from drizzlepac.astrodrizzle import AstroDrizzle

        AstroDrizzle([path.name for path in exposures], output=directory.name, **handoff.drizzle_kwargs())
        gc.collect()  # AstroDrizzle leaves files open; closed here, they cause no warnings later
    return read_product(directory / f"{directory.name}_drc_sci.fits", exposures)


def _print_residuals(products, exposures):
    """Print the table of what cosmic rays left in the products."""
    from .simulate.residual import LIMIT_SIGMA, flux, near_full_pixels

    full = near_full_pixels(products[_UNFLAGGED], exposures)
    compared = {"no rejection": (_UNFLAGGED, _CLEAN_UNFLAGGED), "after the step": (_FLAGGED, _CLEAN)}
    left = {
        label: {
            "everywhere": flux(products[name], products[clean]),
            "away from full wells": flux(products[name], products[clean], full),
        }
        for label, (name, clean) in compared.items()
    }
    unrejected = left["no rejection"]
    print(f"Cosmic-ray flux left in the drizzled image (what exceeds {LIMIT_SIGMA:g} sigma of its noise):")
    print(f"{'':16}{'everywhere':>24}{'away from full wells':>28}")
    for label, fluxes in left.items():
        everywhere, away = (
            f"{found:,.0f} e- ({100 * found / unrejected[where]:.3f} %)" for where, found in fluxes.items()
        )
        print(f"{label:16}{everywhere:>24}{away:>28}")


def _draw(picture, path, unflagged, flagged):
    """Draw the same piece of sky four times, on the pixels of one exposure."""
    from astropy.io import fits
    from astropy.wcs import WCS
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import AsinhNorm
    from matplotlib.figure import Figure

    column, row = _CENTRE
    window = tuple(slice(middle - _HALF_WIDTH, middle + _HALF_WIDTH) for middle in (row, column))
    with fits.open(path, memmap=False) as hdus:
        header, exptime = hdus["SCI", 1].header, hdus[0].header["EXPTIME"]
        exposure = (hdus["SCI", 1].data[window] - header["MDRIZSKY"]) / exptime
        flags = (hdus["DQ", 1].data[window] & _CRBIT) != 0
        wcs = WCS(header, fix=False)
    rows, columns = np.mgrid[window]
    sky = wcs.all_pix2world(columns.ravel(), rows.ravel(), 0)
    drizzled = [_resampled(product, sky).reshape(rows.shape) for product in (unflagged, flagged)]
    noise = 1.4826 * np.median(abs(exposure - np.median(exposure)))
    darkest = np.percentile(exposure, 2)
    norm = AsinhNorm(linear_width=5 * noise, vmin=darkest, vmax=darkest + 80 * noise)
    panels = (
        (f"One exposure of {exptime:.0f} s", exposure),
        ("The same, flagged pixels in red", exposure),
        ("Three exposures drizzled, no rejection", drizzled[0]),
        ("Three exposures drizzled after the step", drizzled[1]),
    )
    figure = Figure(figsize=(9, 9.5), layout="constrained")
    FigureCanvasAgg(figure)
    for number, (title, image) in enumerate(panels):
        axes = figure.add_subplot(2, 2, number + 1)
        axes.imshow(image, origin="lower", norm=norm, cmap="gray", interpolation="nearest")
        axes.set(title=title, xticks=[], yticks=[])
        if number == 1:
            red = np.zeros((*flags.shape, 4))
            red[flags] = (1, 0.15, 0.1, 1)
            axes.imshow(red, origin="lower", interpolation="nearest")
    axes.plot([6, 26], [6, 6], color="white", lw=2)
    axes.text(16, 8, '1"', color="white", ha="center")
    figure.suptitle("A simulated ACS/WFC field in F814W; the same piece of sky and the same stretch")
    figure.savefig(picture, dpi=100)


def _resampled(product, sky):
    """Return a product at sky positions, linear between its pixels."""
    from scipy.ndimage import map_coordinates

    x, y = product.wcs.all_world2pix(*sky, 0)
    return map_coordinates(product.sci, [y, x], order=1)
