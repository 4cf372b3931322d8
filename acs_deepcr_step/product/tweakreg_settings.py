"""What TweakReg is told: what the flags need, and the user's own parameters over it."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from ..config.specification import nearest, shown
from ..errors import ParameterError
from ..handoff import tweakreg_kwargs
from . import task_parameters

__all__ = ["SHIFTS", "Settings", "resolve"]

SHIFTS = "shifts.txt"
_THRESHOLD = 25.0  # sigma; docs/howto/tweakreg.md has what it finds
# TweakReg works on copies; it may neither ask nor show, and its shifts and source lists are read afterwards.
_OURS = {
    "updatehdr": True, "reusename": True, "interactive": False, "see2dplot": False, "residplot": "No plot",
    "writecat": True, "clean": False, "shiftfile": True, "outshifts": SHIFTS, "headerlet": False,
    "runfile": "tweakreg.log",
}  # fmt: skip
_NOT_TO_BE_GIVEN = (*_OURS, "input", "wcsname", "verbose", "outwcs", "catfile", "dqbits")
_PATHS = ("refimage", "refcat", "exclusions")


@dataclass(frozen=True)
class Settings:
    """What TweakReg is told.

    Attributes
    ----------
    given : dict
        Parameters of TweakReg.
    imagefind : dict
        Entries of its ``imagefindcfg``.
    crbit : int
        Of the flags.
    """

    given: dict
    imagefind: dict
    crbit: int

    def wcsname(self, rootnames):
        """Return the name of the WCS that TweakReg makes: the same exposures and parameters, the same name.

        Parameters
        ----------
        rootnames : iterable of str

        Returns
        -------
        str
        """
        what = json.dumps([sorted(rootnames), self.given, self.imagefind], sort_keys=True)
        return f"DEEPCR_{hashlib.sha256(what.encode()).hexdigest()[:8].upper()}"

    def keywords(self, wcsname):
        """Return the keywords for TweakReg, new ones each time."""
        return {
            "searchrad": 1.0,
            **self.given,
            **_OURS,
            "wcsname": wcsname,
            **tweakreg_kwargs(self.crbit, **self.imagefind),
        }


def resolve(align, crbit):
    """Return what TweakReg is told.

    Parameters
    ----------
    align : bool or mapping
        TweakReg's parameters, and those of its ``imagefindcfg``, by name.
    crbit : int

    Returns
    -------
    Settings or None
        None for no alignment.

    Raises
    ------
    ParameterError
    """
    if align is False or align is None:
        return None
    if align is not True and not isinstance(align, Mapping):
        raise ParameterError(
            f"align = {shown(align)}: it must be True, False, or a dict of TweakReg's parameters."
        )
    given = {} if align is True else dict(align)
    own, finding = (task_parameters.specification(task) for task in ("tweakreg", "imagefindpars"))
    for name in given:
        if name in _NOT_TO_BE_GIVEN:
            raise ParameterError(
                f"align: {name} cannot be given to TweakReg here: the alignment needs its own."
            )
        if name not in own and name not in finding:
            known = (*own, *finding)
            raise ParameterError(f"align: TweakReg has no parameter {name}{nearest(name, known) or '.'}")
    source = "align: TweakReg's parameter "
    imagefind = {name: value for name, value in given.items() if name in finding}
    imagefind = task_parameters.checked("imagefindpars", imagefind, source)
    others = {name: value for name, value in given.items() if name not in finding}
    others = task_parameters.checked("tweakreg", others, source)
    for name in _PATHS:
        if others.get(name):
            others[name] = os.path.abspath(os.path.expanduser(others[name]))
    return Settings(others, {"threshold": _THRESHOLD, **imagefind}, crbit)
