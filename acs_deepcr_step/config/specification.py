"""The specification of the parameters: each with its default, limits and help.

It stands in ``cfgspec/acs_deepcr_step.cfgspc``, which TEAL reads too. The checks
are the basic ones of ``stsci.tools.validate``: TEAL's own (``vtor_checks``) call
the same ones, but importing them loads tkinter.
"""

import ast
import difflib
import functools
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from stsci.tools.configobj import ConfigObj
from stsci.tools.validate import ValidateError, Validator

__all__ = [
    "CFGSPEC_DIR", "NUMBER", "TASK", "TASK_KEY", "Option", "check", "nearest", "shown", "specification",
]  # fmt: skip

TASK = "acs_deepcr_step"
TASK_KEY = "_task_name_"
CFGSPEC_DIR = Path(__file__).parents[1] / "cfgspec"

_KINDS = {
    "string_kw": "string",
    "float_kw": "float",
    "integer_kw": "integer",
    "boolean_kw": "boolean",
    "option_kw": "option",
}

# A choice that may name one of several by its number, as in cuda:1; a menu of TEAL's cannot list those.
_NUMBERED = {"device": "cuda"}
NUMBER = "(0|[1-9][0-9]{0,2})"  # that follows it, as a regular expression


@dataclass(frozen=True)
class Option:
    """What the specification says of one parameter.

    Attributes
    ----------
    name : str
    section : str
        Section of the parameter file; empty for the top.
    kind : str
        ``string``, ``float``, ``integer`` or ``boolean``.
    default : str, float, int or bool
    choices : tuple of str or int
        The allowed values, where they are listed; otherwise empty.
    numbered : str
        The choice that may be followed by a number, as in ``cuda:1``; empty for none.
    minimum, maximum : float, int or None
        Limits of a number (both allowed themselves), or of a string's length.
    help : str
        One line.
    """

    name: str
    section: str
    kind: str
    default: str | float | int | bool
    choices: tuple[str | int, ...]
    minimum: float | int | None
    maximum: float | int | None
    help: str
    numbered: str = ""

    @property
    def default_text(self):
        """The default as people write it: 'yes', '0', 'empty'."""
        if self.kind == "boolean":
            return "yes" if self.default else "no"
        return "empty" if self.default == "" else str(self.default)

    @property
    def allowed(self):
        """What is allowed, in words: 'a number from 0 to 1'."""
        if self.choices:
            numbered = (f"{self.numbered}:N",) if self.numbered else ()
            *others, last = map(str, (*self.choices, *numbered))
            return f"{', '.join(others)} or {last}"
        if self.kind == "boolean":
            return "yes or no"
        if self.kind == "string":
            return "text that is not empty" if self.minimum else "text"
        noun = "an integer" if self.kind == "integer" else "a number"
        if self.maximum is None:
            return noun if self.minimum is None else f"{noun} of at least {self.minimum:g}"
        return f"{noun} from {self.minimum:g} to {self.maximum:g}"

    def lists(self, value):
        """Whether a value is one of the choices, or there are none.

        Parameters
        ----------
        value : str or int

        Returns
        -------
        bool
        """
        if not self.choices or value in self.choices:
            return True
        return bool(self.numbered) and re.fullmatch(f"{self.numbered}:{NUMBER}", value) is not None


@functools.cache
def specification():
    """Return every parameter's `Option`, in the order of the parameter file.

    Returns
    -------
    tuple of Option
    """
    spec = ConfigObj(
        str(CFGSPEC_DIR / f"{TASK}.cfgspc"), interpolation=False, list_values=False, _inspec=True
    )
    options = [_option("", name, spec[name]) for name in spec.scalars if name != TASK_KEY]
    for section in spec.sections:
        options += [_option(section, name, spec[section][name]) for name in spec[section].scalars]
    return tuple(options)


def _option(section, name, signature):
    """Read one line of the cfgspec, e.g. ``float_kw(default=0.5, min=0.0)``."""
    call = ast.parse(signature, mode="eval").body
    choices = tuple(ast.literal_eval(argument) for argument in call.args)
    keywords = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    kind, default = _KINDS[call.func.id], keywords["default"]
    if kind == "option":
        # TEAL's menus hold strings only; a menu of numbers is an integer to us.
        kind = "integer" if all(choice.isdecimal() for choice in choices) else "string"
        if kind == "integer":
            choices, default = tuple(map(int, choices)), int(default)
    return Option(
        name, section, kind, default, choices, keywords.get("min"), keywords.get("max"), keywords["comment"],
        _NUMBERED.get(name, ""),
    )  # fmt: skip


def check(option, value):
    """Convert a value to what an option wants.

    Parameters
    ----------
    option : Option
    value : object
        A string as a parameter file holds it, or the value itself; numpy
        scalars and paths are fine.

    Returns
    -------
    str, float, int, bool or tuple of str

    Raises
    ------
    ValueError
        Says what is allowed.
    """
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = value.item()  # a numpy scalar
    if isinstance(value, list | tuple):
        return _check_list(option, value)
    if option.kind == "string":
        return _check_string(option, value)
    if isinstance(value, str):
        value = value.strip()
    # What the basic checks let through: True for a number, 1.0 for a boolean, nan.
    wrong_type = isinstance(value, float) if option.kind == "boolean" else isinstance(value, bool)
    if wrong_type or not isinstance(value, str | int | float):
        raise ValueError(f"it must be {option.allowed}")
    try:
        value = Validator().check(_basic_check(option), value)
    except (ValidateError, OverflowError):
        raise ValueError(f"it must be {option.allowed}") from None
    if math.isnan(value) or not option.lists(value):
        raise ValueError(f"it must be {option.allowed}")
    return value


def _basic_check(option):
    """Return the check of stsci.tools.validate, e.g. ``float(min=0.0, max=1.0)``."""
    limits = {"min": option.minimum, "max": option.maximum}
    given = ", ".join(f"{key}={limit}" for key, limit in limits.items() if limit is not None)
    return f"{option.kind}({given})" if given else option.kind


def _check_string(option, value):
    try:
        value = os.fspath(value)
    except TypeError:
        raise ValueError(f"it must be {option.allowed}") from None
    if not isinstance(value, str) or len(value.strip()) < (option.minimum or 0):
        raise ValueError(f"it must be {option.allowed}")
    if any(character in value for character in "\n\r\0"):
        raise ValueError("it must be one line of text")
    if not option.lists(value):
        raise ValueError(f"it must be {option.allowed}")
    return str(value)


def _check_list(option, values):
    if option.name != "input":
        hint = " (put a value that contains a comma in quotes)" if option.kind == "string" else ""
        raise ValueError(f"it must be {option.allowed}, not a list{hint}")
    if not values:
        raise ValueError("the list of inputs is empty")
    return tuple(_check_string(option, value) for value in values)


def nearest(name, known):
    """Return '; did you mean X?' for the known name most like a given one, or ''."""
    lower = {str(candidate).lower(): candidate for candidate in known}
    match = difflib.get_close_matches(str(name).lower(), lower, n=1)
    return f"; did you mean {lower[match[0]]}?" if match else ""


def shown(value):
    """Return a value as error messages show it: on one line and not too long."""
    text = value if isinstance(value, str) and value.isprintable() and value.strip() else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
