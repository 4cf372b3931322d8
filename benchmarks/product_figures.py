"""What is measured of one association that was rejected in one way, and its row in the table."""

import os
import time
from collections import Counter
from dataclasses import dataclass

import common
import numpy as np
from astropy.io import fits
from astropy.stats import binom_conf_interval
from astropy.wcs import WCS
from product_drizzle import copies, drizzle
from product_ways import WAYS

from acs_deepcr_step import simulate
from acs_deepcr_step.simulate import residual

_READ_NOISE = 4.3  # electrons, mean of the amplifiers
_RADIUS = 3.0  # pixels within which a star's light is measured
_MARGIN = 20  # pixels at the edges in which no star is measured


@dataclass(frozen=True)
class _StarRange:
    """Stars of some brightness, and what change of their light counts.

    Attributes
    ----------
    faintest, brightest : float
        Electrons in 500 s.
    change : float
        Share of the light.
    """

    faintest: float
    brightest: float
    change: float

    def of(self, stars, exptime):
        """Return those of its brightness."""
        flux = stars["flux_e"]
        return stars[(flux > self.faintest * exptime / 500) & (flux <= self.brightest * exptime / 500)]


# By what is put at the end of their columns' names.
_STARS = {"": _StarRange(2e4, np.inf, 0.03), "_faint": _StarRange(2e3, 2e4, 0.10)}


def measure(simulated, way_name, root, reference):
    """Measure one association rejected in one way.

    Parameters
    ----------
    simulated : product_cases.Simulated
    way_name : str
        One of `WAYS`.
    root : Path
        To work in.
    reference : residual.Product
        Of the twins, nothing flagged.

    Returns
    -------
    dict of str to float
        Figures that can be summed over associations.
    """
    way, n = WAYS[way_name], len(simulated.drizzled)
    files = copies([*simulated.drizzled, *simulated.companions], root / "hit")
    before = [_bits(path, way.bit) for path in files[:n]]
    cpu, began = _cpu(), time.perf_counter()
    way.flag(files)
    files = files[:n]
    flagged = time.perf_counter()
    product = drizzle(files, **way.settings)
    ended, cpu = time.perf_counter(), _cpu() - cpu
    twins = [residual.twin(path, root / "clean", way.bit) for path in files]
    clean = drizzle(twins, **way.twin_settings)
    full = residual.near_full_pixels(product, files)
    return {
        "residual_e": residual.flux(product, clean),
        "residual_away_e": residual.flux(product, clean, full),
        "step_s": flagged - began,
        "seconds": ended - began,
        "cpu_s": cpu,
        **_deviations(product, reference),
        **_star_counts(product, reference, simulated.drizzled[0]),
        "weight": float(product.wht.sum()),
        "weight_all": float(reference.wht.sum()),
        **_flag_counts(files, before, way.bit),
    }


def _cpu():
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _bits(path, bit):
    with fits.open(path, memmap=False) as hdus:
        return {hdu.ver: (hdu.data & bit) != 0 for hdu in hdus if hdu.name == "DQ"}


def _flag_counts(files, before, bit):
    """Count the true and the other pixels, and how many of each were flagged."""
    counts = Counter()
    for path, old in zip(files, before, strict=True):
        now = _bits(path, bit)
        for truth in simulate.read_truth(path):
            ours = now[truth.extver] & ~old[truth.extver]
            counts["hit"] += int(np.count_nonzero(truth.cr))
            counts["found"] += int(np.count_nonzero(ours & truth.cr))
            counts["false"] += int(np.count_nonzero(ours & ~truth.cr))
            counts["clear"] += int(np.count_nonzero(~truth.cr))
    return counts


def _deviations(product, reference):
    """Count the output pixels 5 sigma off the reference."""
    variance = np.maximum(reference.sci, 0) + reference.sky + reference.n * _READ_NOISE**2 / reference.exptime
    seen = reference.wht > 0
    sigma = np.sqrt(variance[seen] / reference.wht[seen])
    off = (product.sci[seen] - reference.sci[seen]) / sigma
    return {"above": int(np.count_nonzero(off > 5)), "below": int(np.count_nonzero(off < -5))}


def _star_counts(product, reference, path):
    """Count the stars of an exposure whose light in the product changed."""
    counts = Counter()
    exptime = fits.getval(path, "EXPTIME", 0)
    with fits.open(path, memmap=False) as hdus:
        for truth in simulate.read_truth(path):
            wcs = WCS(hdus["SCI", truth.extver].header, hdus, fix=False)
            stars = _away_from_edges(truth.stars[~truth.stars["saturated"]], truth.cr.shape)
            for name, kind in _STARS.items():
                chosen = kind.of(stars, exptime)
                if not chosen.size:
                    continue
                sky = wcs.all_pix2world(chosen["x"], chosen["y"], 0)
                x, y = product.wcs.all_world2pix(*sky, 0)
                ratio = _light(product.sci, x, y) / _light(reference.sci, x, y)
                counts[f"stars{name}"] += chosen.size
                counts[f"harmed{name}"] += int(np.count_nonzero(ratio < 1 - kind.change))
                counts[f"brightened{name}"] += int(np.count_nonzero(ratio > 1 + kind.change))
    kinds = [f"{kind}{name}" for name in _STARS for kind in ("stars", "harmed", "brightened")]
    return {kind: counts[kind] for kind in kinds}


def _away_from_edges(stars, shape):
    (rows, columns), x, y = shape, stars["x"], stars["y"]
    return stars[(x > _MARGIN) & (x < columns - _MARGIN) & (y > _MARGIN) & (y < rows - _MARGIN)]


def _light(image, x, y):
    """Sum the light within `_RADIUS` of positions."""
    reach = np.arange(-4, 5)
    py = np.rint(y).astype(int)[:, None, None] + reach[:, None]
    px = np.rint(x).astype(int)[:, None, None] + reach
    inside = np.hypot(py - y[:, None, None], px - x[:, None, None]) <= _RADIUS
    py, px = np.clip(py, 0, image.shape[0] - 1), np.clip(px, 0, image.shape[1] - 1)
    return (image[py, px] * inside).sum(axis=(1, 2))


def summed(case, way_name, figures):
    """Make one row of the table.

    Parameters
    ----------
    case : product_cases.Case
    way_name : str
    figures : list of dict
        Of `measure`, for each seed.

    Returns
    -------
    dict
    """
    total = {key: sum(one[key] for one in figures) for key in figures[0]}
    row = {"case": case.name, "n": case.n, "way": way_name, "fields": len(figures)}
    row |= {key: round(total[key]) for key in ("residual_e", "residual_away_e")}
    row["residual_median_e"] = round(common.median([one["residual_e"] for one in figures]))
    row |= {key: total[key] for key in ("above", "below")}
    for name in _STARS:
        for what in ("harmed", "brightened"):
            row[f"{what}{name}"] = _share(total[f"{what}{name}"], total[f"stars{name}"])
    row["weight_lost"] = round(1 - total["weight"] / total["weight_all"], 5)
    row["tpr"], row["fpr"] = total["found"] / max(total["hit"], 1), total["false"] / total["clear"]
    return row | {key: total[key] / len(figures) for key in ("step_s", "seconds", "cpu_s")}


def _share(count, of):
    if not of:
        return "0/0"
    low, high = 100 * binom_conf_interval(count, of, confidence_level=0.95, interval="wilson")
    return f"{count}/{of} ({low:.2g}-{high:.2g} %)"
