"""What a source finder makes of the filled product of a single exposure, beside what it makes of holes.

    python benchmarks/holes.py [--quick] [--fields ...] [--shape ROWS COLUMNS] [--seeds FIRST COUNT]
                               [--inpaint MODEL ...]

Simulated single exposures (`acs_deepcr_step.simulate`), one chip each, flagged with the defaults (grow 0)
and drizzled by `acs_deepcr_step.drizzle`. photutils' DAOStarFinder looks for sources above 10 (and 5) sigma
of the sky in the product of the twin without cosmic rays and flags, which is the reference, and in those of
the exposure: by mask (ours, or the simulator's, which is perfect) and by what is in the holes (what the
model fills them with, or nothing, 0). Hot pixels are no sources: what is found on one (DQ 16, 32, 64),
without a true star, is left out everywhere. Columns: the sources found over those of the reference
(``ratio``), and the share of the reference sources without one within 1.5 pixels (``lost_percent``). Weights
are not looked at, as by users who give the image alone to their finder; every filled pixel has weight 0
(``weight_0``).

Seeds up to 999 are for development, those from 9000 for evaluation; docs/howto/product.md gives the latter.
"""

import tempfile
import warnings
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

import common
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from product_drizzle import copies, drizzle
from scipy.spatial import cKDTree

import acs_deepcr_step
from acs_deepcr_step import simulate
from acs_deepcr_step.arrays import reasons
from acs_deepcr_step.files import mask_file
from acs_deepcr_step.simulate import residual

FIELDS = ("sparse", "galaxies")
_FWHM = 2.0  # pixels, of stars in the product
_LIMITS = (10.0, 5.0)  # sigma
_SAME = 1.5  # pixels
_HOT, _ON_HOT = 16 | 32 | 64, 1.0  # DQ bits; pixels
_EVALUATION = 9000


@dataclass(frozen=True)
class _Way:
    """A product: which mask, and what is in the holes."""

    mask: str
    holes: str


def found(image, covered, sigma):
    """Find sources.

    Parameters
    ----------
    image : ndarray, (R, C)
    covered : ndarray, (R, C), bool
        Where the exposure is.
    sigma : float
        Of the sky.

    Returns
    -------
    list of ndarray, (N, 2)
        Positions for each of the limits.
    """
    from photutils.detection import DAOStarFinder

    positions = []
    for limit in _LIMITS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = DAOStarFinder(threshold=limit * sigma, fwhm=_FWHM)(image, mask=~covered)
        names = ("xcentroid", "ycentroid") if table is None or "xcentroid" in table.colnames else (
            "x_centroid", "y_centroid")  # fmt: skip
        positions.append(np.empty((0, 2)) if table is None else np.transpose([table[name] for name in names]))
    return positions


def _hot_pixels(exposure, product):
    """Return the output positions of hot pixels, and of true stars, (N, 2) each."""
    with fits.open(exposure, memmap=False) as hdus:
        [truth] = simulate.read_truth(exposure)
        wcs = WCS(hdus["SCI", 1].header, hdus, fix=False)
    rows, columns = np.nonzero(truth.dq_clean & _HOT)
    places = ((columns, rows), (truth.stars["x"], truth.stars["y"]))
    return [np.transpose(product.wcs.all_world2pix(*wcs.all_pix2world(*its, 0), 0)) for its in places]


def _sources_of(image, covered, sigma, hot, stars):
    """Return what is found in an image, less hot pixels, for each of the limits."""
    kept = []
    for places in found(image, covered, sigma):
        on_hot = hot.query(places)[0] < _ON_HOT
        kept.append(places[~on_hot | (stars.query(places)[0] < _SAME)])
    return kept


def _perfect(path):
    """Flag the true pixels of an exposure that was flagged, instead of those that were."""
    mask_path = path.with_name(mask_file.name_for(path))
    ours = mask_file.read(mask_path)
    truth = {one.extver: one.cr for one in simulate.read_truth(path)}
    chips = tuple(
        replace(chip, reasons=np.where(truth[chip.extver], reasons.FLAGGED, 0).astype(reasons.DTYPE))
        for chip in ours.chips
    )
    acs_deepcr_step.undo(str(path), runfile="", progress=False)
    given = path.with_name("perfect.fits")
    mask_file.write(given, replace(ours, chips=chips).identified())
    acs_deepcr_step.apply(str(path), [str(given)], runfile="", progress=False)


def measured(field, seed, arguments, root):
    """Yield every way of one exposure, and its figures for each limit.

    Parameters
    ----------
    field : str
    seed : int
    arguments : argparse.Namespace
    root : Path

    Yields
    ------
    tuple of _Way, float, dict
    """
    [original] = simulate.association(
        root / "original", n=1, shape=arguments.shape, chips=1, field=field, seed=seed
    )
    clean = drizzle([residual.twin(original, root / "clean")], **acs_deepcr_step.drizzle_kwargs())
    covered = clean.wht > 0
    sigma = 1.4826 * np.median(abs(clean.sci[covered] - np.median(clean.sci[covered])))
    hot, stars = map(cKDTree, _hot_pixels(original, clean))
    reference = _sources_of(clean.sci, covered, sigma, hot, stars)
    for mask in ("ours", "perfect"):
        [path] = copies([original], root / mask)
        acs_deepcr_step.run(str(path), runfile="", progress=False)
        if mask == "perfect":
            _perfect(path)
        for model in arguments.inpaint:
            made = acs_deepcr_step.drizzle(
                str(path), root / mask / model, inpaint=model, runfile="", progress=False
            )
            filled = fits.getdata(made.science, "FILLED") == 1
            science, weight = fits.getdata(made.science), fits.getdata(made.weight)
            images = {model: science}
            if model == arguments.inpaint[0]:
                images["holes"] = np.where(filled, 0, science).astype(science.dtype)
            for holes, image in images.items():
                its = _sources_of(image, covered, sigma, hot, stars)
                for limit, want, places in zip(_LIMITS, reference, its, strict=True):
                    distance = cKDTree(places).query(want)[0] if len(places) else np.full(len(want), np.inf)
                    figures = {
                        "reference": len(want),
                        "found": len(places),
                        "lost": int(np.count_nonzero(distance > _SAME)),
                        "filled": int(filled.sum()),
                        "filled_with_weight": int(np.count_nonzero(weight[filled])),
                    }
                    yield _Way(mask, holes), limit, figures


def sources(arguments):
    """Make the table.

    Parameters
    ----------
    arguments : argparse.Namespace

    Returns
    -------
    astropy.table.Table
    """
    first, count = arguments.seeds
    rows = []
    for field in arguments.fields:
        its = defaultdict(list)
        for seed in range(first, first + count):
            with tempfile.TemporaryDirectory(prefix="acs_deepcr_holes_") as directory:
                for way, limit, figures in measured(field, seed, arguments, Path(directory)):
                    its[way, limit].append(figures)
                    print(field, seed, way.mask, way.holes, limit, *figures.values(), flush=True)
        for (way, limit), figures in its.items():
            total = {key: sum(one[key] for one in figures) for key in figures[0]}
            rows.append(
                {
                    "field": field,
                    "sigma": limit,
                    "mask": way.mask,
                    "holes": way.holes,
                    "reference": total["reference"],
                    "ratio": total["found"] / total["reference"],
                    "lost_percent": 100 * total["lost"] / total["reference"],
                    "weight_0": "all" if total["filled_with_weight"] == 0 else "no",
                }
            )
    return common.table(rows, [f"one chip of {arguments.shape}, seeds {first} to {first + count - 1}, 500 s"])


def main():
    """Print the table and write it."""
    parser = common.parser(__doc__, ("sources",), repeats=1)
    parser.add_argument("--fields", nargs="+", choices=FIELDS, default=list(FIELDS))
    parser.add_argument("--shape", type=int, nargs=2, default=[2048, 2048])
    parser.add_argument("--seeds", type=int, nargs=2, default=[_EVALUATION, 2], metavar=("FIRST", "COUNT"))
    parser.add_argument("--inpaint", nargs="+", default=["ACS-WFC-F606W-2-32"], metavar="MODEL")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.shape, arguments.seeds = [512, 512], [arguments.seeds[0], 1]
    arguments.shape = tuple(arguments.shape)
    common.measure("holes", {"sources": lambda: sources(arguments)}, arguments)


if __name__ == "__main__":
    main()
