"""What cannot be simulated is refused with an error that has a name."""

import functools

import numpy as np

from ..config.arguments import NUMBER, Kind
from ..errors import ParameterError, StepError

__all__ = ["TIMES", "named_errors"]


def _is_times(value):
    if NUMBER.accepts(value):
        return True
    return (
        isinstance(value, list | tuple | np.ndarray)
        and np.ndim(value) == 1
        and all(map(NUMBER.accepts, value))
    )


# Exposure times.
TIMES = Kind("a number of seconds, or a list of one for each exposure", _is_times)


def named_errors(function):
    """Make a function of the simulator raise a `ParameterError` where the parts of it raise a ValueError.

    Parameters
    ----------
    function : callable

    Returns
    -------
    callable
    """

    @functools.wraps(function)
    def naming(*arguments, **keywords):
        try:
            return function(*arguments, **keywords)
        except StepError:
            raise
        except ValueError as error:
            raise ParameterError(f"{str(error).rstrip('.')}.") from error

    return naming
