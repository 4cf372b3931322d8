"""``acs-deepcr simulate``: exposures with known cosmic rays."""

import argparse

from ..work.printing import say

__all__ = ["HELP", "NAME", "add_arguments", "main"]

NAME = "simulate"
HELP = "write simulated exposures with known cosmic rays"


def add_arguments(command):
    """Add the arguments.

    Parameters
    ----------
    command : argparse.ArgumentParser
    """
    # Defaults are those of simulate.association: what is not given is not passed.
    command.argument_default = argparse.SUPPRESS
    command.add_argument("outdir", metavar="OUTDIR", help="directory for the exposures and their truth")
    command.add_argument("-n", type=int, help="number of dithered exposures (default: 4)")
    command.add_argument(
        "--shape", type=int, nargs=2, metavar=("NY", "NX"), help="pixels of a chip (default: 2048 4096)"
    )
    command.add_argument("--chips", type=int, help="1 or 2 (default: 2)")
    command.add_argument("--camera", help="ACS/WFC or WFC3/UVIS (default: ACS/WFC)")
    command.add_argument("--filter", help="e.g. F606W (default: F814W)")
    command.add_argument("--exptime", type=float, help="seconds of each exposure (default: 500)")
    command.add_argument("--field", help="sparse, crowded or galaxies (default: sparse)")
    command.add_argument("--seed", type=int, help="the same seed gives the same exposures (default: 0)")


def main(arguments):
    """Write the exposures, and print their names.

    Parameters
    ----------
    arguments : argparse.Namespace

    Raises
    ------
    ParameterError
        If there can be no such exposures.
    """
    from ..simulate import association

    settings = {name: value for name, value in vars(arguments).items() if name not in ("command", "outdir")}
    if "shape" in settings:
        settings["shape"] = tuple(settings["shape"])
    say(*association(arguments.outdir, **settings))
