"""The result table: a row per chip."""

import math
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from . import flags

__all__ = ["ALONE", "Company", "failed_row", "figures", "row", "table"]

# Name, unit, format.
_COLUMNS = (
    ("filename", None, None),
    ("extver", None, None),
    ("filter", None, None),
    ("exptime", "s", ".1f"),
    ("model", None, None),
    ("threshold", None, ".3g"),
    ("crbit", None, None),
    ("n_flagged", None, None),
    ("fraction", None, ".5f"),
    ("cr_rate", "1 / (cm2 s)", ".3f"),
    ("nexp", None, None),
    ("n_vetoed", None, None),
    ("n_added", None, None),
    ("status", None, None),
    ("note", None, None),
    ("seconds", "s", ".2f"),
)


@dataclass(frozen=True)
class Company:
    """The exposures that one was decided from.

    Attributes
    ----------
    members : tuple of str
        Their rootnames, its own first; empty for it alone.
    group : str
        As of `maskfile.MaskFile`.
    note : str
        Of exposures that could not be used.
    """

    members: tuple[str, ...] = ()
    group: str = ""
    note: str = ""

    @property
    def nexp(self):
        """Their number."""
        return max(len(self.members), 1)


ALONE = Company()


def row(task, current, chip, plane, good, company=ALONE):
    """Return a chip's row, but for its seconds.

    Parameters
    ----------
    task : task.Task
    current : exposure.Exposure
    chip : exposure.Chip
    plane : ndarray, (R, C), uint8
        Reasons, see `flags`.
    good : ndarray, (R, C), bool
        Where DQ was 0 before the step.
    company : Company, optional

    Returns
    -------
    dict
    """
    return {
        "filename": task.label,
        "extver": chip.extver,
        "filter": current.filter,
        "exptime": chip.exptime,
        "model": task.model,
        "threshold": task.parameters.threshold,
        "crbit": task.parameters.crbit,
        **figures(current, chip, plane, good),
        "nexp": company.nexp,
        "status": "done",
        "note": company.note,
    }


def figures(current, chip, plane, good):
    """Return the columns of a chip's row that its pixels give.

    Parameters
    ----------
    current : exposure.Exposure
    chip : exposure.Chip
    plane : ndarray, (R, C), uint8
        Reasons, see `flags`.
    good : ndarray, (R, C), bool
        Where DQ was 0 before the step.

    Returns
    -------
    dict
        n_flagged, fraction, cr_rate, n_vetoed, n_added.
    """
    flagged = (plane & flags.FLAGGED) != 0
    n_good = int(np.count_nonzero(good))
    area = current.pixel_area * flagged.size
    return {
        "n_flagged": int(np.count_nonzero(flagged)),
        "fraction": np.count_nonzero(flagged & good) / n_good if n_good else math.nan,
        "cr_rate": flags.count_groups(flagged) / (chip.exptime * area),
        "n_vetoed": int(np.count_nonzero(plane & flags.VETOED)),
        "n_added": int(np.count_nonzero(plane & flags.ADDED)),
    }


def failed_row(task, chip, error):
    """Return the row of a chip whose exposure failed, and why."""
    return {
        "filename": task.label,
        "extver": chip.extver,
        "filter": task.exposure.filter,
        "exptime": chip.exptime,
        "model": task.model,
        "threshold": task.parameters.threshold,
        "crbit": task.parameters.crbit,
        "n_flagged": 0,
        "fraction": math.nan,
        "cr_rate": math.nan,
        "nexp": 0,
        "n_vetoed": 0,
        "n_added": 0,
        "status": f"failed: {error}",
        "note": "",
        "seconds": math.nan,
    }


def table(rows):
    """Return rows as an `astropy.table.Table` with units and formats."""
    names = [name for name, *_ in _COLUMNS]
    result = Table([[row[name] for row in rows] for name in names], names=names)
    for name, unit, form in _COLUMNS:
        result[name].unit = unit
        result[name].format = form
    return result
