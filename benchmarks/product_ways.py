"""The ways of rejecting cosmic rays that `product.py` compares."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from astropy.io import fits

import acs_deepcr_step
from acs_deepcr_step import simulate
from acs_deepcr_step.arrays.dq import CR_ACSREJ, CR_ASTRODRIZZLE


@dataclass(frozen=True)
class Way:
    """One way of rejecting cosmic rays.

    Attributes
    ----------
    flag : callable
        Takes paths of exposures, and sets the DQ bit of their cosmic rays.
    by_astrodrizzle : bool
        Whether AstroDrizzle finds the cosmic rays itself.
    default_fill : bool
        Whether pixels without data keep AstroDrizzle's default, the value of a flagged pixel.
    """

    flag: Callable
    by_astrodrizzle: bool = False
    default_fill: bool = False

    @property
    def bit(self):
        """The DQ bit of its cosmic rays."""
        return CR_ASTRODRIZZLE if self.by_astrodrizzle else CR_ACSREJ

    @property
    def settings(self):
        """Keywords of AstroDrizzle."""
        if self.by_astrodrizzle:
            return {"final_bits": "336", "sky_bits": "336", "final_fillval": 0, "preserve": False}
        return self.twin_settings

    @property
    def twin_settings(self):
        """Keywords of AstroDrizzle for the twins without cosmic rays."""
        return acs_deepcr_step.drizzle_kwargs(**({"final_fillval": None} if self.default_fill else {}))


def _flag_nothing(_files):
    """AstroDrizzle's own steps have all defaults; there is nothing to do beforehand."""


def _step(**parameters):
    def flag(files):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # misalignment is part of some cases
            acs_deepcr_step.run([str(f) for f in files], runfile="", progress=False, **parameters)

    return flag


def _flag_truth(files):
    for path in files:
        truths = {chip.extver: chip.cr for chip in simulate.read_truth(path)}
        with fits.open(path, mode="update", memmap=False) as hdus:
            for extver, mask in truths.items():
                hdus["DQ", extver].data[mask] |= CR_ACSREJ


def _tool(name):
    def flag(files):
        import tools

        tool = tools.make(name)
        for path in files:
            with fits.open(path, mode="update", memmap=False) as hdus:
                for hdu in [h for h in hdus if h.name == "SCI"]:
                    mask = tool.find(hdu.data.astype(np.float32))
                    hdus["DQ", hdu.ver].data[mask] |= CR_ACSREJ

    return flag


WAYS = {
    "standard": Way(_flag_nothing, by_astrodrizzle=True),
    "single": Way(_step(consensus="no")),
    **{f"single {p}": Way(_step(consensus="no", threshold=p)) for p in (0.1, 0.2, 0.3, 0.7, 0.9)},
    "together": Way(_step()),
    "fast single": Way(_step(model="ACS-WFC-fast", consensus="no")),
    "fast together": Way(_step(model="ACS-WFC-fast")),
    "truth": Way(_flag_truth),
    "together, default fill": Way(_step(), default_fill=True),
    "truth, default fill": Way(_flag_truth, default_fill=True),
    "deepCR 0.3.1": Way(_tool("deepCR")),
    "astroscrappy": Way(_tool("astroscrappy defaults")),
}
USUAL = ("standard", "single", "together", "truth")
