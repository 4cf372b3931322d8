"""What is left of the cosmic rays in AstroDrizzle's product, and what it cost, by way of rejecting them.

    python benchmarks/product.py [--quick] [--n 1 2 4] [--fields ...] [--shape ROWS COLUMNS] [--chips 2]
                                 [--seeds FIRST COUNT] [--ways ...] [--parts fields robustness good_bits]

Every association is simulated (`acs_deepcr_step.simulate`) and drizzled once a way. Columns, summed over
the seeds: ``residual_e`` cosmic-ray flux (electrons) that can be told from noise, against the twins without
cosmic rays and with the same flags (`simulate.residual`), ``residual_away_e`` the same away from pixels
that cosmic rays filled, ``residual_median_e`` the median of the fields; ``above``, ``below`` output pixels
5 sigma off the product of twins that nothing is flagged in; ``harmed``, ``brightened`` stars of 20,000
electrons and more, per exposure of 500 s, whose light within 3 pixels is 3 % less or more than there
(``_faint``: 2,000 to 20,000, 10 %), with 95 % limits; ``weight_lost``; ``tpr``, ``fpr`` of the flags; seconds
of flagging, of the whole way, and of the processor.

The part ``good_bits`` tells what hot pixels leave where no cosmic ray is, by the bits that count as good:
against the product of eight exposures without hot and warm pixels, output pixels 5 sigma off, their flux, and
the weight lost. Seeds up to 999 are for development, those from 9000 for evaluation; docs/consensus.md gives
the latter.
"""

import contextlib
import gc
import os
import shutil
import tempfile
import time
import warnings
from collections import defaultdict
from pathlib import Path

import common
import numpy as np
import product_cases
from astropy.io import fits
from astropy.stats import binom_conf_interval
from astropy.wcs import WCS

import acs_deepcr_step
from acs_deepcr_step import simulate
from acs_deepcr_step.simulate import residual

FIELDS = ("sparse", "galaxies", "crowded")
EVALUATION = 9000
BIT, DRIZ_CR_BIT = 8192, 4096
_RADIUS = 3.0  # pixels
_STARS = {
    "": (2e4, np.inf, 0.03),
    "_faint": (2e3, 2e4, 0.10),
}  # electrons in 500 s, and the change that counts


def flag_standard(files):
    """AstroDrizzle's own cosmic-ray steps, with its defaults; nothing to be done beforehand."""


def _step(**parameters):
    def work(files):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # misalignment is part of some cases
            acs_deepcr_step.run([str(f) for f in files], runfile="", progress=False, **parameters)

    return work


def _set_masks(files, find):
    """Set our bit where `find` says; it takes a file, an EXTVER and the image."""
    for path in files:
        with fits.open(path, mode="update", memmap=False) as hdus:
            for hdu in [h for h in hdus if h.name == "SCI"]:
                mask = find(path, hdu.ver, hdu.data.astype(np.float32))
                hdus["DQ", hdu.ver].data[mask] |= BIT


def flag_truth(files):
    """The true mask."""
    truths = {path: {t.extver: t.cr for t in simulate.read_truth(path)} for path in files}
    _set_masks(files, lambda path, extver, image: truths[path][extver])


def _tool(name):
    def work(files):
        import tools

        tool = tools.make(name)
        _set_masks(files, lambda path, extver, image: tool.find(image))

    return work


WAYS = {
    "standard": flag_standard,
    "single": _step(consensus="no"),
    **{f"single {p}": _step(consensus="no", threshold=p) for p in (0.1, 0.2, 0.3, 0.7, 0.9)},
    "together": _step(),
    "truth": flag_truth,
    "together, default fill": _step(),
    "truth, default fill": flag_truth,
    "deepCR 0.3.1": _tool("deepCR"),
    "astroscrappy": _tool("astroscrappy defaults"),
}
USUAL = ("standard", "single", "together", "truth")


@contextlib.contextmanager
def _quietly(directory):
    with (
        contextlib.chdir(directory),
        warnings.catch_warnings(),
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        warnings.simplefilter("ignore")
        yield
        gc.collect()


def drizzle(files, **settings):
    """Drizzle exposures that lie in one directory; the product."""
    from drizzlepac.astrodrizzle import AstroDrizzle

    with _quietly(files[0].parent):
        AstroDrizzle([path.name for path in files], output="product", num_cores=1, **settings)
    return residual.read_product(files[0].with_name("product_drc_sci.fits"), files)


def _copies(files, directory):
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for path in files:
        shutil.copy(path.with_name(f"{path.stem}_truth.fits"), directory)
    return [Path(shutil.copy(path, directory)) for path in files]


def measure(simulated, way, root, reference):
    """Figures of one association rejected in one way.

    Parameters
    ----------
    simulated : tuple of two lists of Path
        Exposures, and those beside them that are flagged but not drizzled.
    way : str
        One of `WAYS`.
    root : Path
        To work in.
    reference : residual.Product
        Of the twins, nothing flagged.

    Returns
    -------
    dict
    """
    originals, company = simulated
    files = _copies([*originals, *company], root / "hit")
    bit = DRIZ_CR_BIT if way == "standard" else BIT
    before = [_bits(path, bit) for path in files[: len(originals)]]
    cpu, began = _cpu(), time.perf_counter()
    WAYS[way](files)
    files = files[: len(originals)]
    flagged = time.perf_counter()
    if way == "standard":
        product = drizzle(files, final_bits="336", sky_bits="336", final_fillval=0, preserve=False)
    else:
        product = drizzle(files, **_settings(way))
    ended = time.perf_counter()
    twins = [residual.twin(path, root / "clean", bit) for path in files]
    clean = drizzle(twins, **_settings(way))
    full = residual.near_full_pixels(product, files)
    row = {
        "residual_e": residual.flux(product, clean),
        "residual_away_e": residual.flux(product, clean, full),
        "step_s": flagged - began,
        "seconds": ended - began,
        "cpu_s": _cpu() - cpu,
        **_deviations(product, reference),
        **_stars(product, reference, originals),
    }
    row["weight"], row["weight_all"] = float(product.wht.sum()), float(reference.wht.sum())
    for path, old in zip(files, before, strict=True):
        for truth in simulate.read_truth(path):
            ours = _bits(path, bit)[truth.extver] & ~old[truth.extver]
            row["hit"] = row.get("hit", 0) + int(np.count_nonzero(truth.cr))
            row["found"] = row.get("found", 0) + int(np.count_nonzero(ours & truth.cr))
            row["false"] = row.get("false", 0) + int(np.count_nonzero(ours & ~truth.cr))
            row["clear"] = row.get("clear", 0) + int(np.count_nonzero(~truth.cr))
    return row


def _settings(way):
    """Keywords of AstroDrizzle; by its default a pixel without data gets the value of a flagged one."""
    fill = {"final_fillval": None} if way.endswith("default fill") else {}
    return acs_deepcr_step.drizzle_kwargs(**fill)


def _cpu():
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _bits(path, bit):
    with fits.open(path, memmap=False) as hdus:
        return {hdu.ver: (hdu.data & bit) != 0 for hdu in hdus if hdu.name == "DQ"}


def _deviations(product, reference):
    noise2 = np.maximum(reference.sci, 0) + reference.sky + reference.n * 4.3**2 / reference.exptime
    seen = reference.wht > 0
    sigma = np.sqrt(noise2[seen] / reference.wht[seen])
    off = (product.sci[seen] - reference.sci[seen]) / sigma
    return {"above": int(np.count_nonzero(off > 5)), "below": int(np.count_nonzero(off < -5))}


def _stars(product, reference, files):
    """Stars of the first exposure whose light in the product changed."""
    counts = defaultdict(int)
    exptime = fits.getval(files[0], "EXPTIME", 0)
    with fits.open(files[0], memmap=False) as hdus:
        for truth in simulate.read_truth(files[0]):
            wcs = WCS(hdus["SCI", truth.extver].header, hdus, fix=False)
            stars = truth.stars[~truth.stars["saturated"]]
            rows, columns = truth.cr.shape
            margin = 20
            stars = stars[
                (stars["x"] > margin) & (stars["x"] < columns - margin)
                & (stars["y"] > margin) & (stars["y"] < rows - margin)
            ]  # fmt: skip
            for name, (low, high, change) in _STARS.items():
                chosen = stars[
                    (stars["flux_e"] > low * exptime / 500) & (stars["flux_e"] <= high * exptime / 500)
                ]
                if not chosen.size:
                    continue
                sky = wcs.all_pix2world(chosen["x"], chosen["y"], 0)
                x, y = product.wcs.all_world2pix(*sky, 0)
                ratio = _light(product.sci, x, y) / _light(reference.sci, x, y)
                counts[f"stars{name}"] += chosen.size
                counts[f"harmed{name}"] += int(np.count_nonzero(ratio < 1 - change))
                counts[f"brightened{name}"] += int(np.count_nonzero(ratio > 1 + change))
    return {
        f"{kind}{name}": counts[f"{kind}{name}"]
        for name in _STARS
        for kind in ("stars", "harmed", "brightened")
    }


def _light(image, x, y):
    reach = np.arange(-4, 5)
    py, px = (
        np.rint(y).astype(int)[:, None, None] + reach[:, None],
        np.rint(x).astype(int)[:, None, None] + reach,
    )
    inside = np.hypot(py - y[:, None, None], px - x[:, None, None]) <= _RADIUS
    py, px = np.clip(py, 0, image.shape[0] - 1), np.clip(px, 0, image.shape[1] - 1)
    return (image[py, px] * inside).sum(axis=(1, 2))


def summed(name, n, way, rows):
    """One row of the table out of the rows of all seeds."""
    total = {key: sum(row[key] for row in rows) for key in rows[0]}
    made = {"case": name, "n": n, "way": way, "fields": len(rows)}
    made |= {key: round(total[key]) for key in ("residual_e", "residual_away_e")}
    made["residual_median_e"] = round(common.median([row["residual_e"] for row in rows]))
    made |= {key: total[key] for key in ("above", "below")}
    for kind in _STARS:
        for what in ("harmed", "brightened"):
            made[f"{what}{kind}"] = _share(total[f"{what}{kind}"], total[f"stars{kind}"])
    made["weight_lost"] = round(1 - total["weight"] / total["weight_all"], 5)
    made["tpr"], made["fpr"] = total["found"] / max(total["hit"], 1), total["false"] / total["clear"]
    return made | {key: total[key] / len(rows) for key in ("step_s", "seconds", "cpu_s")}


def _share(count, of):
    if not of:
        return "0/0"
    low, high = 100 * binom_conf_interval(count, of, confidence_level=0.95, interval="wilson")
    return f"{count}/{of} ({low:.2g}-{high:.2g} %)"


def table(cases, arguments):
    """Table of cases, every one over all seeds and ways."""
    first, count = arguments.seeds
    rows = []
    with tempfile.TemporaryDirectory(prefix="acs_deepcr_product_") as directory:
        root = Path(directory)
        for case in cases:
            found = defaultdict(list)
            for seed in range(first, first + count):
                frame = {"shape": arguments.shape, "chips": arguments.chips}
                simulated = case.write(root / "originals", seed, frame, arguments.references)
                twins = [residual.twin(path, root / "reference") for path in simulated[0]]
                reference = drizzle(twins, **acs_deepcr_step.drizzle_kwargs())
                for way in arguments.ways:
                    if way == "standard" and case.n == 1:
                        continue
                    found[way].append(measure(simulated, way, root, reference))
                shutil.rmtree(root)
                root.mkdir()
            rows += [summed(case.name, case.n, way, found[way]) for way in found]
            for row in rows[-len(found) :]:
                print(
                    "  ".join(str(v if not isinstance(v, float) else f"{v:.4g}") for v in row.values()),
                    flush=True,
                )
    return common.table(
        rows, [f"{arguments.shape} x {arguments.chips} chips, seeds {first} to {first + count - 1}"]
    )


def good_bits(arguments):
    """Table of what hot pixels leave, without cosmic rays."""
    first, count = arguments.seeds
    rows = []
    for name in arguments.fields:
        found = defaultdict(list)
        for seed in range(first, first + count):
            with tempfile.TemporaryDirectory(prefix="acs_deepcr_product_") as directory:
                for key, row in _hot_rows(Path(directory), name, seed, arguments):
                    found[key].append(row)
        for (n, bits), its in found.items():
            total = {key: sum(row[key] for row in its) for key in its[0]}
            lost = 1 - total.pop("weight") / sum(row["weight"] for row in found[n, 336])
            rows.append({"field": name, "n": n, "good_bits": bits, **total, "weight_lost": lost})
            print(*rows[-1].values(), sep="  ", flush=True)
    return common.table(rows, [f"{arguments.shape} x {arguments.chips} chips, no cosmic rays"])


def _hot_rows(root, name, seed, arguments):
    """Yield (n, bits) and the figures of one field."""
    settings = {"field": name, "shape": arguments.shape, "chips": arguments.chips, "cosmic_rays": False}
    files = simulate.association(root / "originals", n=8, seed=seed, **settings)
    reference = drizzle(_copies(files, root / "all"), **acs_deepcr_step.drizzle_kwargs(256))
    for n in arguments.n:
        for bits in (336, 320, 256):
            made = _copies(files[:n], root / "some")
            yield (n, bits), _hot_row(drizzle(made, **acs_deepcr_step.drizzle_kwargs(bits)), reference)


def _hot_row(product, reference):
    """Output pixels off the reference, where both have data."""
    sky = reference.wcs.all_pix2world(0, 0, 0)
    x, y = (round(float(place)) for place in product.wcs.all_world2pix(*sky, 0))
    pairs = []
    for ours, theirs in ((product.sci, reference.sci), (product.wht, reference.wht)):
        ours, theirs = ours[max(y, 0) :, max(x, 0) :], theirs[max(-y, 0) :, max(-x, 0) :]
        height, width = (min(pair) for pair in zip(ours.shape, theirs.shape, strict=True))
        pairs.append((ours[:height, :width], theirs[:height, :width]))
    (sci, sci0), (wht, wht0) = pairs
    covered = wht0 > 0.5 * wht0.max()
    seen = (wht > 0) & covered
    model = np.maximum(sci0[seen], 0)
    rate = model + reference.sky + reference.n * 4.3**2 / reference.exptime
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


def _robustness(arguments):
    numbers = [n for n in arguments.n if 2 <= n <= 4]
    return product_cases.of_robustness(
        arguments.fields, numbers, arguments.shape, arguments.references is not None
    )


def main():
    """Print the tables and write them."""
    parser = common.parser(__doc__, ("fields", "robustness", "good_bits"), repeats=1)
    parser.add_argument("--n", type=int, nargs="+", default=[1, 2, 3, 4, 6])
    parser.add_argument("--fields", nargs="+", choices=FIELDS, default=list(FIELDS))
    parser.add_argument("--shape", type=int, nargs=2, default=list(common.FULL_SIZE))
    parser.add_argument("--chips", type=int, choices=(1, 2), default=2)
    parser.add_argument("--seeds", type=int, nargs=2, default=[EVALUATION, 4], metavar=("FIRST", "COUNT"))
    parser.add_argument(
        "--ways", nargs="+", choices=WAYS, default=list(USUAL), metavar="WAY", help=", ".join(WAYS)
    )
    parser.add_argument(
        "--references", type=Path, metavar="DIR",
        help="folder with ACS/WFC IDCTAB, D2IMFILE and NPOLFILE, as *.fits.gz: adds a case to robustness",
    )  # fmt: skip
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.shape, arguments.chips = [640, 640], 1
    arguments.shape = tuple(arguments.shape)
    parts = {
        "fields": lambda: table(product_cases.of_fields(arguments.fields, arguments.n), arguments),
        "robustness": lambda: table(_robustness(arguments), arguments),
        "good_bits": lambda: good_bits(arguments),
    }
    common.measure("product", parts, arguments)


if __name__ == "__main__":
    main()
