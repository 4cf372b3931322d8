"""The parameter file of a visit for drizzlepac's single-visit mosaics (``runsinglehap -c``).

drizzlepac names each product of a visit and looks its parameters up by that name, all steps of them. So the
file is made for a visit: drizzlepac's own sets, in which AstroDrizzle honours the flags. drizzlepac plans the
products in a process and a directory of its own, in which it copies the exposures.

An empty set means drizzlepac's defaults. The total product has one: drizzlepac 3.11.0 reads the catalogues
of the alignment from the defaults of that product, and fails where it has parameters of its own.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from ..errors import DrizzlepacError, ParameterError
from ..files import inputs
from ..handoff import drizzle_kwargs
from . import drizzlepac_process

__all__ = ["honouring", "text"]

_VISIT, _PRODUCTS = "visit.out", "products.json"
# Of drizzle_kwargs, those that the flags depend on; as drizzlepac's sets hold bits, in text.
_OF_THE_FLAGS = ("resetbits", "driz_separate", "median", "blot", "driz_cr", "final_bits", "final_fillval")


def text(visit):
    """Return the parameter file of a visit.

    Parameters
    ----------
    visit : str or path-like
        What ``runsinglehap`` gets: a file with the name of an exposure in the first column of each line. The
        exposures lie beside it.

    Returns
    -------
    str
        JSON, for ``runsinglehap VISIT -c FILE``.

    Raises
    ------
    ParameterError, InputError
        If there is no such file, or an exposure is missing.
    DrizzlepacError
        If drizzlepac finds no products in it.
    """
    visit = Path(visit).expanduser()
    if not visit.is_file():
        raise ParameterError(
            f"{visit}: there is no such file; give what runsinglehap gets, a list of exposures."
        )
    lines = [line.split(",") for line in visit.read_text(encoding="utf-8").splitlines() if line.strip()]
    names = [line[0].strip() for line in lines]
    paths = inputs.expand([visit.parent / name for name in names]).paths
    with tempfile.TemporaryDirectory(prefix="acs_deepcr_hap_") as work:
        work = Path(work)
        for path in paths:
            os.symlink(path.resolve(), work / path.name)
        (work / _VISIT).write_text("".join(f"{path.name}\n" for path in paths), encoding="utf-8")
        status = drizzlepac_process.python(__name__, _VISIT, work)
        if status or not (work / _PRODUCTS).exists():
            said = drizzlepac_process.complaint(work / drizzlepac_process.LOG)
            raise DrizzlepacError(f"drizzlepac finds no products in {visit}: {said}.")
        sets = json.loads((work / _PRODUCTS).read_text(encoding="utf-8"))
    return json.dumps({name: honouring(its) for name, its in sets.items()}, indent=1) + "\n"


def honouring(sets):
    """Return the sets of parameters of a product, AstroDrizzle's changed so that it honours the flags.

    Parameters
    ----------
    sets : dict
        As drizzlepac writes them: ``parameters`` and ``default_values``, each by step; or empty.

    Returns
    -------
    dict
    """
    ours = {name: value for name, value in drizzle_kwargs().items() if name in _OF_THE_FLAGS}
    ours["resetbits"] = str(ours["resetbits"])
    return {
        name: {**steps, "astrodrizzle": {**steps["astrodrizzle"], **ours}} for name, steps in sets.items()
    }


def _child(visit):
    """Write drizzlepac's parameters of each product of a visit in the current directory."""
    import logging

    from drizzlepac.haputils import config_utils, poller_utils

    _, totals = poller_utils.interpret_obset_input(visit, logging.INFO)
    made = {}
    for total in totals:
        for product in (*total.fdp_list, *total.edp_list):
            name = f"{len(made)}.json"
            config_utils.HapConfig(product, output_custom_pars_file=name)
            made |= json.loads(Path(name).read_text(encoding="utf-8"))
        made[total.product_basename] = {}
    Path(_PRODUCTS).write_text(json.dumps(made), encoding="utf-8")


if __name__ == "__main__":
    _child(sys.argv[1])
