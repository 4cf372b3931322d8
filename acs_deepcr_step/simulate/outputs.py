"""Simulated files may take the place of earlier ones, and of nothing else."""

import os
import re

from ..errors import InputError
from ..files import structure

__all__ = ["require_replaceable"]

# What the primary header of a simulated exposure or table has, or that of a file of truth.
_OURS = re.compile(rb"PROPOSID= +99999 |LIMSIGMA=")


def require_replaceable(paths):
    """Refuse names of files that are there and were not simulated.

    Parameters
    ----------
    paths : iterable of pathlib.Path

    Raises
    ------
    InputError
        Which names them all.
    """
    others = [str(path) for path in paths if os.path.lexists(path) and not _is_simulated(path)]
    if others:
        raise InputError(
            f"{', '.join(others)}: there already, and no simulated file: move it away, or give another "
            "directory or root."
        )


def _is_simulated(path):
    try:
        return _OURS.search(structure.scan(path)[0].header) is not None
    except (OSError, ValueError):
        return False
