"""``acs-deepcr drizzle``: from exposures to the finished image."""

import argparse
from dataclasses import replace

from ..config.parameters import specification
from ..errors import ParameterError

__all__ = ["HELP", "NAME", "add_arguments", "asked", "said"]

NAME = "drizzle"
HELP = "make the finished image: flags, alignment if asked for, AstroDrizzle, holes filled"
# Without these no image can be made; and the files are named by themselves.
_NOT_HERE = ("input", "mask_file", "update_dq")
_DEFAULTS = {"rerun": "skip"}


def add_arguments(command, add_option):
    """Add the options.

    Parameters
    ----------
    command : argparse.ArgumentParser
    add_option : callable
        Adds a parameter of the step to it.
    """
    command.add_argument("files", nargs="+", metavar="FILES", help="Exposures, e.g. '*_flc.fits'")
    command.add_argument(
        "--output",
        required=True,
        metavar="ROOT",
        help="Root of the product's name: final gives final_drc_sci.fits",
    )
    command.add_argument(
        "--set",
        nargs="+",
        default=[],
        metavar="NAME=VALUE",
        help="Parameters of AstroDrizzle by their names, e.g. final_scale=0.04 (default: none)",
    )
    command.add_argument(
        "--drizzle-cfg",
        metavar="FILE",
        help="Parameter file of AstroDrizzle ('acs-deepcr pars --astrodrizzle' prints one; default: none)",
    )
    command.add_argument(
        "--align",
        nargs="*",
        metavar="NAME=VALUE",
        help="Let TweakReg align the exposures on the first one before, with its parameters, e.g. "
        "threshold=50; changes their WCS, if its fit can be trusted (default: no)",
    )
    command.add_argument(
        "--fill-holes",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="Fill what is flagged in all exposures that see it, at weight 0 (default: where one alone sees)",
    )
    command.add_argument(
        "--cfg",
        metavar="FILE",
        help="Parameter file of the step ('acs-deepcr pars' prints one; default: none)",
    )
    for option in specification():
        if option.name not in _NOT_HERE:
            add_option(command, replace(option, default=_DEFAULTS.get(option.name, option.default)))


def asked(arguments):
    """Return the arguments of the call: a dict for `call.drizzle`.

    Parameters
    ----------
    arguments : argparse.Namespace

    Returns
    -------
    dict
    """
    align = False if arguments.align is None else (_pairs("--align", arguments.align) or True)
    return {
        "align": align,
        "fill_holes": "auto" if arguments.fill_holes is None else arguments.fill_holes,
        "configobj": arguments.cfg,
        "drizzle_cfg": arguments.drizzle_cfg,
        **_pairs("--set", arguments.set),
    }


def _pairs(option, texts):
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (equals and name.strip()):
            raise ParameterError(f"{option} {text}: write NAME=VALUE, e.g. final_scale=0.04.")
        pairs[name.strip()] = value.strip()
    return pairs


def said(finished):
    """Return what there is to say of a finished image, a line each.

    Parameters
    ----------
    finished : finished.Finished

    Returns
    -------
    list of str
    """
    holes = finished.holes
    lines = [] if finished.alignment is None else finished.alignment.lines()
    if holes.where != "none":
        lines.append(
            f"holes: {holes.filled} pixels filled (weight 0, extension FILLED), {holes.left} left as they are"
        )
    return [*lines, "files:", *(f"  {path}" for path in finished.files)]
