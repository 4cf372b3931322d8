"""Which exposures show the same field through the same filter."""

import contextlib
from dataclasses import dataclass, replace

import numpy as np

from ..arrays.numerics import numpy_defaults
from ..errors import ExposureError
from ..files.chip_wcs import read_wcs
from ..files.suitability import DISPERSERS
from ..flagging.consensus import chip_map
from .exposure_work import current_headers, with_current_state
from .task import Field, FieldPlan

__all__ = ["find_fields", "same_polarisation"]

# Degrees between polarisers on the sky within which fully polarised light differs by less than a tenth.
_ALIKE = 5.0


@dataclass(frozen=True, eq=False)
class _Footprint:
    """Where an exposure looks: corners of its chips, name of its WCS, position angle of its columns."""

    corners: tuple[np.ndarray, ...]
    wcs_name: str
    orientation: float

    @classmethod
    def of(cls, exposure):
        wcs = read_wcs(exposure)
        corners = tuple(chip_map.footprint(wcs.chips[chip.extver], chip.shape) for chip in exposure.chips)
        if not np.isfinite(corners).all():
            raise ExposureError(f"{exposure.path} has a WCS that leads nowhere.")
        return cls(corners, wcs.name, chip_map.orientation(corners[0]))

    def overlaps(self, other):
        return any(chip_map.overlap(one, another) for one in self.corners for another in other.corners)


@numpy_defaults()
def find_fields(tasks, tables=None):
    """Divide tasks into fields: exposures that overlap, of one passband.

    Parameters
    ----------
    tasks : list of task.Task
    tables : dict of pathlib.Path to pathlib.Path, optional
        The association table that named an exposure; those of different tables
        stay apart.

    Returns
    -------
    FieldPlan
    """
    notes, warnings, footprints = [], [], {}
    tasks = [_as_now(task) for task in tasks]
    for task in tasks:
        try:
            footprints[task.label] = with_current_state(task, _Footprint.of)
        except ExposureError as error:
            notes.append(f"{error} It is decided on by itself.")
    left = [task for task in tasks if task.label in footprints]
    found = []
    while left:
        field, left = [left[0]], left[1:]
        for member in field:  # grows meanwhile
            near = [task for task in left if _belong(member, task, footprints, tables or {})]
            field += near
            left = [task for task in left if task not in near]
        if len(field) > 1:
            found.append(Field(tuple(task for task in tasks if task in field)))
            warnings += _wcs_warnings(found[-1], footprints)
    return FieldPlan(tuple(found), tuple(notes), tuple(warnings))


def _as_now(task):
    """Return the task with its exposure as the file is now: planning many takes a while."""
    with contextlib.suppress(ExposureError):  # it fails by itself, and is named, when its turn comes
        return replace(task, exposure=current_headers(task))
    return task


def _belong(one, other, footprints, tables):
    a, b = one.exposure, other.exposure
    return (
        (a.instrument, a.passband) == (b.instrument, b.passband)
        # A dither along the dispersion would have to be told from another wavelength.
        and not DISPERSERS & set(a.filter.split("+"))
        and same_polarisation(a.filter, *(footprints[its.label].orientation for its in (one, other)))
        and tables.get(one.named_path.resolve()) == tables.get(other.named_path.resolve())
        and footprints[one.label].overlaps(footprints[other.label])
    )


def same_polarisation(filter_name, one, other):
    """Return whether two exposures through a filter see the same polarisation.

    Parameters
    ----------
    filter_name : str
        Of both.
    one, other : float
        Position angles of their columns, degrees.

    Returns
    -------
    bool
        True for a filter without a polariser.
    """
    if "POL" not in filter_name:
        return True
    angle = abs(one - other) % 180
    return min(angle, 180 - angle) < _ALIKE


def _wcs_warnings(field, footprints):
    names = {}
    for task in field.tasks:
        names.setdefault(footprints[task.label].wcs_name, []).append(task.exposure.path.name)
    if len(names) < 2:
        return []
    listed = "; ".join(f"{name or 'none'}: {', '.join(files)}" for name, files in names.items())
    return [
        f"Exposures of one field have different WCS solutions (WCSNAME {listed}): if only some were "
        "aligned, align all of them (TweakReg) before you rely on what they say together."
    ]
