"""Why a pixel is flagged or not: the bits of the FLAGS array of a mask file.

This is the one table of them: the mask file's HISTORY, the report and the documentation are
made from it. Another reason is another line.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["DTYPE", "REASONS", "Reason", "decoded", "is_flagged", "is_ours", "summary"]

# Of an array of reasons: 16 bits, of which the highest are free.
DTYPE = np.dtype(np.uint16)


@dataclass(frozen=True)
class Reason:
    """One bit of the FLAGS array.

    Attributes
    ----------
    value : int
    name : str
    description : str
        In a few words, after "this pixel was ...".
    """

    value: int
    name: str
    description: str


REASONS = []


def _bit(value, name, description):
    REASONS.append(Reason(value, name, description))
    return value


FLAGGED = _bit(1, "FLAGGED", "flagged by the step")
ALREADY = _bit(2, "ALREADY", "marked with the same DQ bit before the step, by another program")
GROWN = _bit(4, "GROWN", "flagged only as a neighbour of a flagged pixel (grow)")
SPARED = _bit(8, "SPARED", "above the threshold, not flagged: beside a saturated pixel")
VETOED = _bit(16, "VETOED", "above the threshold, not flagged: other exposures show a source there")
ADDED = _bit(32, "ADDED", "below the threshold, flagged: other exposures do not show it")
FILLED = _bit(
    64,
    "FILLED",
    "below the threshold, flagged: in a full well, cut by the image's edge, or at an event's rim",
)
PREVIOUS = _bit(128, "PREVIOUS", "flagged by the run before, with the DQ bit of that run")

REASONS = tuple(REASONS)
__all__ += [reason.name for reason in REASONS]


def is_flagged(reasons):
    """Return where the step flags, (R, C) bool.

    Parameters
    ----------
    reasons : ndarray, (R, C), uint16
    """
    return (reasons & FLAGGED) != 0


def is_ours(reasons):
    """Return where the DQ bit is set because of the step alone, (R, C) bool.

    Parameters
    ----------
    reasons : ndarray, (R, C), uint16
    """
    return (reasons & (FLAGGED | ALREADY)) == FLAGGED


def decoded(value):
    """Return the reasons in a value of the FLAGS array.

    Parameters
    ----------
    value : int

    Returns
    -------
    list of Reason
        By rising value; bits without a meaning are left out.
    """
    return [reason for reason in REASONS if int(value) & reason.value]


def summary():
    """Return the table as one line of text a reason: value, name and description.

    Returns
    -------
    list of str
    """
    return [f"{reason.value} {reason.name}: {reason.description}" for reason in REASONS]
