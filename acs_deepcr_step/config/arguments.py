"""Arguments of public functions, by their kind: a wrong one is refused in a sentence before the work begins.

What a kind lets through may still be outside what is allowed; that is for the function to say.
"""

import functools
import inspect
import math
import numbers
import os
from dataclasses import dataclass

import numpy as np

from ..errors import ParameterTypeError
from .specification import shown

__all__ = [
    "FLAG",
    "FUNCTION",
    "IMAGE",
    "NUMBER",
    "PATH",
    "SEED",
    "SHAPE",
    "TEXT",
    "WHOLE",
    "Kind",
    "checked",
    "like",
    "optional",
    "require",
]


@dataclass(frozen=True)
class Kind:
    """What an argument has to be.

    Attributes
    ----------
    words : str
        As in "it must be ...".
    accepts : callable
        Takes a value, and returns whether it is of the kind.
    """

    words: str
    accepts: object


def _is_number(value):
    value = _scalar(value)
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and not math.isnan(value)


def _is_whole(value):
    value = _scalar(value)
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_image(value):
    array = np.asanyarray(value)
    return array.ndim == 2 and array.dtype.kind in "biuf"


def _scalar(value):
    """Return what an array without axes holds, and other values as they are."""
    return value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value


def _is_shape(value):
    try:
        return len(value) == 2 and all(_is_whole(side) and side > 0 for side in value)
    except TypeError:
        return False


def _is_path(value):
    name = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    return isinstance(name, str) and name != "" and "\0" not in name


NUMBER = Kind("a number", _is_number)
WHOLE = Kind("a whole number", _is_whole)
SEED = Kind("a whole number of at least 0", lambda value: _is_whole(value) and value >= 0)
SHAPE = Kind("two whole numbers, rows and columns", _is_shape)
TEXT = Kind("text", lambda value: isinstance(value, str))
PATH = Kind("the path of a file or directory", _is_path)
IMAGE = Kind("a two-dimensional array of numbers or booleans", _is_image)
FUNCTION = Kind("a function", callable)
FLAG = Kind("True or False", lambda value: isinstance(value, bool | np.bool_))


def optional(kind):
    """Return a kind that may also be None.

    Parameters
    ----------
    kind : Kind

    Returns
    -------
    Kind
    """
    return Kind(f"{kind.words}, or None", lambda value: value is None or kind.accepts(value))


def like(default):
    """Return the kind of values that are like a default.

    Parameters
    ----------
    default : bool, int, float, str or object

    Returns
    -------
    Kind
        One that takes everything for a default of another type.
    """
    for types, kind in ((bool, FLAG), (int, WHOLE), (float, NUMBER), (str, TEXT)):
        if isinstance(default, types):
            return kind
    return Kind("anything", lambda _value: True)


def checked(**kinds):
    """Make a function refuse arguments of the wrong kind.

    Parameters
    ----------
    **kinds
        `Kind` by the argument's name; others are not looked at.

    Returns
    -------
    callable
        A decorator. The function then raises `ParameterTypeError`, which is a ParameterError, a
        ValueError and a TypeError.
    """

    def decorate(function):
        signature = inspect.signature(function)

        @functools.wraps(function)
        def checking(*arguments, **keywords):
            given = signature.bind(*arguments, **keywords).arguments
            for name, kind in kinds.items():
                if name in given:
                    require(function.__qualname__, name, given[name], kind)
            return function(*arguments, **keywords)

        return checking

    return decorate


def require(function, name, value, kind):
    """Refuse a value that is not of a kind.

    Parameters
    ----------
    function, name : str
        Of the function that was called, and of the argument.
    value : object
    kind : Kind

    Raises
    ------
    ParameterTypeError
    """
    if not kind.accepts(value):
        raise ParameterTypeError(
            f"{function.removesuffix('.__init__')}: {name} = {shown(value)}: it must be {kind.words}."
        )
