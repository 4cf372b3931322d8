"""How the step was called, in words, for the log."""

import os
from dataclasses import dataclass

from ..config.specification import shown
from ..errors import printable

__all__ = ["Call"]

_SHOWN = 20  # of the items of a list


@dataclass(frozen=True)
class Call:
    """A call of one of the step's functions.

    Attributes
    ----------
    what : {'run', 'undo', 'apply'}
    arguments : dict of str to object
        What was given, by name; not what is a default.
    configobj : object
        The parameter file or object among it; None for none.
    """

    what: str
    arguments: dict
    configobj: object = None

    @classmethod
    def of(cls, what, configobj=None, pars=None, **arguments):
        """Return a call; arguments that are None were not given.

        Parameters
        ----------
        what : str
        configobj : object, optional
        pars : dict, optional
            Parameters of the step.
        **arguments
            The other ones.
        """
        named = {**arguments, "configobj": configobj}
        given = {name: value for name, value in named.items() if value is not None}
        return cls(what, {**given, **(pars or {})}, configobj)

    def lines(self):
        """Return the lines that tell of it: the call, and where relative names lead to.

        Returns
        -------
        list of str
        """
        told = ", ".join(f"{name}={_in_words(value)}" for name, value in self.arguments.items())
        try:
            directory = os.getcwd()
        except OSError as error:  # it was deleted
            directory = f"cannot be told ({error.strerror})"
        return [printable(f"called as {self.what}({told})"), printable(f"current directory {directory}")]


def _in_words(value):
    if isinstance(value, list | tuple):
        left = len(value) - _SHOWN
        items = ", ".join(_in_words(item) for item in value[:_SHOWN])
        return f"[{items}, ... and {left} more]" if left > 0 else f"[{items}]"
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str | bool | int | float):
        return repr(value)
    filename = getattr(value, "filename", None)
    return f"<{type(value).__name__}{f' of {shown(filename)}' if filename else ''}>"
