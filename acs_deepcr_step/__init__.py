"""Cosmic rays in ACS and WFC3/UVIS exposures, flagged by deepCR for AstroDrizzle.

A step between calibration and AstroDrizzle: it finds the cosmic rays of every
single calibrated exposure and sets one bit in the DQ arrays, so that
AstroDrizzle can leave out its separate-drizzle, median, blot and driz_cr
steps, and TweakReg aligns on stars.

    import acs_deepcr_step
    from drizzlepac import astrodrizzle
    acs_deepcr_step.run('*_flc.fits')
    astrodrizzle.AstroDrizzle('*_flc.fits', output='final',
                              **acs_deepcr_step.drizzle_kwargs())

`drizzle` does both in one call, and fills the holes of a single exposure.
`run` takes every parameter by its name; `acs-deepcr pars` prints them all with
their meaning, as a parameter file that ``run(configobj='my.cfg')`` and TEAL
read. Everything is imported when it is first used.
"""

import importlib

__version__ = "0.1.0"
__taskname__ = "acs_deepcr_step"

# Public name -> module that has it.
_HOMES = {
    "run": "step",
    "undo": "step",
    "apply": "step",
    "drizzle": "product.call",
    "clean": "cleaning",
    "drizzle_kwargs": "handoff",
    "tweakreg_kwargs": "handoff",
}
_SUBMODULES = ("detect", "errors", "handoff", "inpaint", "models", "report", "simulate", "training")

__all__ = ["__version__", "__taskname__", "getHelpAsString", *_HOMES, *_SUBMODULES]


def __getattr__(name):
    if name in _HOMES:
        value = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    elif name in _SUBMODULES:
        value = importlib.import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *__all__})


def getHelpAsString(docstring=False, show_ver=True):  # the name is what TEAL looks for
    """Return the help text of the task, as TEAL shows it.

    Parameters
    ----------
    docstring : bool, optional
        Give the docstring of `run` rather than the description and the
        parameters.
    show_ver : bool, optional
        Begin with the name and version of the task.

    Returns
    -------
    str
    """
    from .config import parameters

    heading = f"{__taskname__} {__version__}\n\n" if show_ver else ""
    if docstring:
        from .step import run

        return heading + (run.__doc__ or "")
    lines = [__doc__, "Parameters", "----------"]
    for option in parameters.specification():
        lines += [f"{option.name} : {option.allowed} (default: {option.default_text})", f"    {option.help}"]
    return heading + "\n".join(lines) + "\n"
