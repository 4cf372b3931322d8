"""The ways of flagging real exposures that `uvis_truth.py` compares."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

from astropy.io import fits
from product_drizzle import quietly

from acs_deepcr_step.arrays.dq import CR_ACSREJ, CR_ASTRODRIZZLE

HERE = Path(__file__).resolve().parents[1]
# What runs the step in a process of its own: consensus, then paths.
_STEP = """
import json, pathlib, sys, warnings
warnings.simplefilter("ignore")
import acs_deepcr_step
table = acs_deepcr_step.run(
    sys.argv[2:], consensus=sys.argv[1], any_detector=True, runfile="", progress=False
)
rows = {pathlib.Path(r["filename"]).name: [int(r["nexp"]), str(r["note"])] for r in table}
print(json.dumps([acs_deepcr_step.__file__, rows]))
"""


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


def step(paths, consensus, checkout=HERE):
    """Flag exposures with the package of a checkout, in a process of its own.

    Parameters
    ----------
    paths : list of Path
    consensus : str
    checkout : path-like

    Returns
    -------
    dict of str to tuple
        Flags, `nexp` and `note` by rootname.
    """
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-P", "-c", _STEP, consensus, *map(str, paths)]
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


def _flags(path, bit):
    with fits.open(path, memmap=False) as hdus:
        return (hdus["DQ", 1].data & bit) != 0


def ways(exposures, numbers, codes):
    """Yield the name, the groups and the flagging function of each way.

    Parameters
    ----------
    exposures : list of Exposure
    numbers : list of int
        Exposures to a group.
    codes : dict of str to path-like
        Checkouts by name.
    """
    for code, checkout in codes.items():
        yield f"single, {code}", [exposures], partial(step, consensus="no", checkout=checkout)
    for n in numbers:
        for name, groups in groupings(exposures, n).items():
            for code, checkout in codes.items():
                yield f"together {name}, {code}", groups, partial(step, consensus="auto", checkout=checkout)
            yield f"driz_cr {name}", groups, driz_cr
