"""What can go wrong, by name.

Every error that a user's input can cause is one of these; each message is a
sentence that names the file or parameter, says what is wrong and what to do.
"""

import contextlib
import os
import sys
import warnings

__all__ = [
    "ArchiveError", "ArrayError", "ArrayTypeError", "DrizzlepacError", "ExposureError", "InputError",
    "ModelError", "OutputError", "ParameterError", "ParameterTypeError", "RunError", "StepError",
    "StepWarning", "message_of", "printable", "warn",
]  # fmt: skip

_PACKAGE = os.path.dirname(__file__) + os.sep


def printable(text):
    """Return a text with escapes for what would steer a terminal: it may hold names of files and headers.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        One line.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class StepError(Exception):
    """Base class of all errors raised on purpose by acs_deepcr_step."""

    def __str__(self):
        return printable(super().__str__())


class ParameterError(StepError, ValueError):
    """A parameter is unknown, malformed or outside what is allowed."""


class ParameterTypeError(ParameterError, TypeError):
    """An argument of a function is of the wrong kind."""


class InputError(StepError):
    """An input matches nothing, or is not something the step can look for exposures in."""


class ExposureError(StepError):
    """A file is not an exposure that the step can process."""


class ArrayError(ExposureError, ValueError):
    """An array is not an image that the step can work on: its shape or its values."""


class ArrayTypeError(ExposureError, TypeError):
    """An array holds no numbers."""


class OutputError(StepError):
    """A file that the step makes cannot be written; what was in its place is as it was."""


class ModelError(StepError):
    """A model is unknown, or its weights are missing, altered or malformed."""


class ArchiveError(StepError):
    """An archive does not answer, or what it sent is not what it promised."""


class DrizzlepacError(StepError):
    """TweakReg or AstroDrizzle failed, or did not do what was asked of it."""


class RunError(StepError):
    """At least one exposure of a run failed; the others are finished.

    Attributes
    ----------
    table : astropy.table.Table
        The result table of the run, a row per chip, with the failures in its
        ``status`` column.
    """

    def __init__(self, message, table):
        super().__init__(message)
        self.table = table

    def __reduce__(self):
        return type(self), (str(self), self.table)


class StepWarning(UserWarning):
    """Something the user should know about; the result is usable."""

    def __str__(self):
        return printable(super().__str__())


def warn(message):
    """Warn the user with a `StepWarning`, at the line of theirs that called the package.

    A notebook then shows it every time that the cell is run, not only the first time.

    Parameters
    ----------
    message : str
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    # A host that has closed its stream of errors cannot be told; that is no fault of an exposure.
    with contextlib.suppress(ValueError):
        warnings.warn(message, StepWarning, stacklevel=level)


def message_of(error):
    """Return the message for a failure: our own sentence, or that it was not foreseen, and its type.

    Parameters
    ----------
    error : Exception

    Returns
    -------
    str
    """
    return str(error) if isinstance(error, StepError) else f"unexpected {type(error).__name__}: {error}"
