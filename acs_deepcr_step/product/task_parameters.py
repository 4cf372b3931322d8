"""The parameters of a drizzlepac task, checked against drizzlepac's own specification before it is called.

drizzlepac logs an unknown or malformed value and returns; here it is an error that names it. Neither
drizzlepac nor TEAL is imported.
"""

import ast
import functools
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stsci.tools.configobj import ConfigObj

from ..config import cfg_file
from ..config.specification import TASK_KEY, Option, check, nearest, shown
from ..errors import DrizzlepacError, ParameterError

__all__ = ["TaskOption", "checked", "read_file", "specification"]

_NONE = ("none", "indef", "")


@dataclass(frozen=True)
class TaskOption:
    """What drizzlepac's specification says of one parameter.

    Attributes
    ----------
    option : specification.Option
    or_none : bool
        Whether it may be None.
    """

    option: Option
    or_none: bool

    def check(self, value):
        """Return a value as the task takes it; ValueError says what is allowed."""
        if self.or_none and (value is None or (isinstance(value, str) and value.strip().lower() in _NONE)):
            return None
        # drizzlepac takes bits as numbers, too.
        if self.option.kind == "string" and isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        try:
            return check(self.option, value)
        except ValueError as error:
            raise ValueError(f"{error}{', or None' if self.or_none else ''}") from None


@functools.cache
def specification(task):
    """Return the parameters of a task, of the drizzlepac installed.

    Parameters
    ----------
    task : {'astrodrizzle', 'tweakreg', 'imagefindpars'}

    Returns
    -------
    dict of str to TaskOption

    Raises
    ------
    DrizzlepacError
        If drizzlepac, or its specification, is missing.
    """
    spec = importlib.util.find_spec("drizzlepac")
    paths = [Path(folder, "pars", f"{task}.cfgspc") for folder in (spec.submodule_search_locations or ())]
    path = next((one for one in paths if one.is_file()), None)
    if path is None:
        raise DrizzlepacError(f"drizzlepac has no specification of {task}: install drizzlepac 3.11.")
    entries = ConfigObj(str(path), interpolation=False, list_values=False, _inspec=True)
    found = {name: entries[name] for name in entries.scalars}
    for section in entries.sections:
        found |= {name: entries[section][name] for name in entries[section].scalars}
    options = {name: _option(name, text) for name, text in found.items() if not name.startswith("_")}
    return {name: option for name, option in options.items() if option is not None}


def _option(name, signature):
    """Read one line of a cfgspec, e.g. ``float_or_none_kw(default=None)``; None for a button."""
    call = ast.parse(signature, mode="eval").body
    kind = call.func.id.removesuffix("_kw")
    if kind == "action":
        return None
    choices = tuple(ast.literal_eval(argument) for argument in call.args)
    kind, or_none = kind.removesuffix("_or_none"), kind.endswith("_or_none")
    kind = "string" if kind == "option" else kind
    return TaskOption(Option(name, "", kind, "", choices, None, None, ""), or_none)


def checked(task, given, source=""):
    """Check the values of parameters of a task.

    Parameters
    ----------
    task : str
        As of `specification`.
    given : mapping
        By name; every name is one of the task's.
    source : str
        Where they were given, for messages.

    Returns
    -------
    dict

    Raises
    ------
    ParameterError
        Names every fault at once.
    """
    options, values, faults = specification(task), {}, []
    for name, value in given.items():
        try:
            values[name] = options[name].check(value)
        except ValueError as error:
            faults.append(f"{source}{name} = {shown(value)}: {error}.")
    if faults:
        raise ParameterError(" ".join(faults))
    return values


def read_file(task, path):
    """Read a parameter file of a task, complete or not.

    Parameters
    ----------
    task : str
    path : str or path-like

    Returns
    -------
    dict
        Checked values by name.

    Raises
    ------
    ParameterError
        If it cannot be read, is of another task, or holds what the task does not have.
    """
    entries = _entries(task, path)
    known = specification(task)
    found = {}
    for key, value in entries.items():
        # TEAL keeps its rules and its buttons in the file.
        if isinstance(value, Mapping):
            if not key.strip().startswith("_"):
                found |= value
        elif key != TASK_KEY:
            found[key] = value
    found = {name: value for name, value in found.items() if not name.startswith("_")}
    unknown = [f"{path}: {task} has no parameter {name}{nearest(name, known) or '.'}"
               for name in found if name not in known]  # fmt: skip
    if unknown:
        raise ParameterError(" ".join(unknown))
    return checked(task, found, f"{path}: ")


def _entries(task, path):
    remedy = "'acs-deepcr pars --astrodrizzle' prints a file to start from"
    try:
        path = Path(path).expanduser()
    except TypeError:
        raise ParameterError(f"{shown(path)} is no path of a parameter file.") from None
    entries = dict(cfg_file.read(path, remedy).dict())
    if entries.get(TASK_KEY, task) != task:
        raise ParameterError(
            f"{path}: these are parameters of the task {shown(entries[TASK_KEY])}, not of {task}; {remedy}."
        )
    return entries
