"""The ways of flagging real exposures that `uvis_truth.py` compares."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import tools
from astropy.io import fits
from product_drizzle import quietly

from acs_deepcr_step.arrays.dq import CR_ACSREJ, CR_ASTRODRIZZLE

HERE = Path(__file__).resolve().parents[1]
FILTER_MODELS = ("ACS-WFC-F435W", "ACS-WFC-F606W", "ACS-WFC-F814W")
# deepCR's own for this camera; its authors advise the lower threshold.
CAMERA_MODEL, CAMERA_THRESHOLDS = "WFC3-UVIS", (0.5, 0.1)
# Read noise as in the headers; the rest as in the published comparison of the models.
_ASTROSCRAPPY = {"sigclip": 4.5, "objlim": 2.0, "readnoise": 3.08}
# What runs the step in a process of its own: parameters, then paths.
_STEP = """
import json, pathlib, sys, warnings
warnings.simplefilter("ignore")
import acs_deepcr_step
table = acs_deepcr_step.run(sys.argv[2:], runfile="", progress=False, **json.loads(sys.argv[1]))
rows = {pathlib.Path(r["filename"]).name: [int(r["nexp"]), str(r["note"])] for r in table}
print(json.dumps([acs_deepcr_step.__file__, rows]))
"""


@dataclass(frozen=True)
class Way:
    """A way of flagging the exposures.

    Attributes
    ----------
    name : str
    n : str
        Exposures that are flagged together.
    groups : list of list
        The exposures of each call.
    flag : callable
        Takes paths, and returns flags, `nexp` and `note` by rootname.
    """

    name: str
    n: str
    groups: list
    flag: Callable


def groupings(exposures, n):
    """Share all exposures out into groups of n that cover different dither points.

    Parameters
    ----------
    exposures : list
        In the order in which they were taken.
    n : int

    Returns
    -------
    dict of str to list of list
        The groups by the name of the grouping. Pairs are made in two ways: with one of the other half
        of the visit, and with the next one.
    """
    in_a_row = [exposures[i : i + n] for i in range(0, len(exposures), n)]
    if n != 2:
        return {f"{n}": in_a_row}
    half = len(exposures) // 2
    apart = [[exposures[i], exposures[half + (i ^ 1)]] for i in range(half)]
    return {"2": apart, "2 in a row": in_a_row}


def step(paths, checkout=HERE, **parameters):
    """Flag exposures with the package of a checkout, in a process of its own.

    Parameters
    ----------
    paths : list of Path
    checkout : path-like
        One of before UVIS was taken as it comes gets the switch that it needs.
    **parameters
        Of `acs_deepcr_step.run`.

    Returns
    -------
    dict of str to tuple
        Flags, `nexp` and `note` by rootname.
    """
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    if Path(checkout) != HERE:
        parameters["any_detector"] = True
    command = [sys.executable, "-P", "-c", _STEP, json.dumps(parameters), *map(str, paths)]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    module, rows = json.loads(done.stdout)
    if not Path(module).is_relative_to(Path(checkout).resolve()):
        raise SystemExit(f"{checkout} has no acs_deepcr_step: {module} was run in its place.")
    return {path.name[:9]: (_flags(path, CR_ACSREJ), *rows[path.name]) for path in paths}


def driz_cr(paths):
    """Flag exposures with AstroDrizzle's own cosmic-ray step, all parameters at their defaults.

    Parameters
    ----------
    paths : list of Path
        In one directory.

    Returns
    -------
    dict of str to tuple
        As of `step`.
    """
    from drizzlepac.astrodrizzle import AstroDrizzle

    with quietly(paths[0].parent):
        # Its flags reach DQ with the last step, which makes the product.
        AstroDrizzle([path.name for path in paths], output="product", num_cores=1, preserve=False)
    return {path.name[:9]: (_flags(path, CR_ASTRODRIZZLE), len(paths), "") for path in paths}


def astroscrappy(paths):
    """Flag exposures with astroscrappy, each by itself.

    Parameters
    ----------
    paths : list of Path

    Returns
    -------
    dict of str to tuple
        As of `step`.
    """
    find = tools.astroscrappy(**_ASTROSCRAPPY)
    return {path.name[:9]: (find(fits.getdata(path, "SCI").astype("f4")), 1, "") for path in paths}


def _flags(path, bit):
    with fits.open(path, memmap=False) as hdus:
        return (hdus["DQ", 1].data & bit) != 0


def ways(exposures, numbers, codes):
    """Yield the ways of flagging the exposures, those of each number of them next to one another.

    Parameters
    ----------
    exposures : list of Exposure
    numbers : list of int
        Exposures to a group.
    codes : dict of str to path-like
        Checkouts by name; that of this benchmark under an empty name.
    """
    for code, checkout in codes.items():
        yield Way(_named("step", code), "1", [exposures], partial(step, consensus="no", checkout=checkout))
    for model in FILTER_MODELS:
        yield Way(f"step, {model}", "1", [exposures], partial(step, consensus="no", model=model))
    for threshold in CAMERA_THRESHOLDS:
        settings = {"consensus": "no", "model": CAMERA_MODEL, "threshold": threshold}
        yield Way(f"{CAMERA_MODEL} at {threshold}", "1", [exposures], partial(step, **settings))
    if tools.version("astroscrappy") != "not installed":
        yield Way("astroscrappy", "1", [exposures], astroscrappy)
    for n in numbers:
        for name, groups in groupings(exposures, n).items():
            for code, checkout in codes.items():
                yield Way(_named("step", code), name, groups, partial(step, checkout=checkout))
            yield Way("AstroDrizzle", name, groups, driz_cr)


def _named(way, code):
    return f"{way}, {code}" if code else way
