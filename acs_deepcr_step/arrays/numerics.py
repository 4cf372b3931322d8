"""Floating-point faults as NumPy takes them by default, whatever the host has set (`numpy.seterr`)."""

import numpy as np

__all__ = ["numpy_defaults"]


def numpy_defaults():
    """Return a context manager and decorator: NumPy warns of division by zero, overflow and invalid values.

    Returns
    -------
    numpy.errstate

    Notes
    -----
    With ``numpy.seterr(all='raise')`` of a host a sky of zero variance, or a probability
    near the smallest number, would end a run. NumPy keeps this setting for each thread.
    """
    return np.errstate(divide="warn", over="warn", under="ignore", invalid="warn")
