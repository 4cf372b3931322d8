"""The subcommands of ``acs-deepcr`` that belong to training.

Each module of `NAMES` has ``NAME``, ``HELP``, ``add_arguments(parser)`` and ``main(arguments)``, and imports
everything heavy inside ``main``.
"""

import importlib

__all__ = ["NAMES", "load"]

# In the order of use.
NAMES = ("fetch", "truth", "patches", "train", "calibrate", "inpaint", "roc", "evaluate", "reproduce")


def load():
    """Return the modules of the subcommands.

    Returns
    -------
    list of module
    """
    return [importlib.import_module(f".{name}", __name__) for name in NAMES]
