"""Which exposures show the same field through the same filter."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from ..errors import ExposureError
from ..exposure import opened
from ..inspection import quiet
from . import mapping

__all__ = ["Group", "chip_wcs", "groups"]


@dataclass(frozen=True)
class Group:
    """Exposures to be decided on together.

    Attributes
    ----------
    tasks : tuple of task.Task
    threads : int
        As of `task.Task`.
    """

    tasks: tuple
    threads: int = 0

    @property
    def label(self):
        """The exposures as the user named them."""
        return ", ".join(task.label for task in self.tasks)

    def absolute(self):
        """Return the same group with absolute paths, for processes elsewhere."""
        return replace(self, tasks=tuple(task.absolute() for task in self.tasks))

    def without(self, labels):
        """Return the group less the exposures of these labels."""
        return replace(self, tasks=tuple(task for task in self.tasks if task.label not in labels))


def chip_wcs(exposure):
    """Read the WCS of an exposure's chips, with all their distortion.

    Parameters
    ----------
    exposure : exposure.Exposure

    Returns
    -------
    wcs : dict of int to astropy.wcs.WCS
        By EXTVER.
    name : str
        WCSNAME.

    Raises
    ------
    ExposureError
        If a chip has no celestial WCS that can be read.
    """
    try:
        with quiet(), opened(exposure) as file, fits.open(file, memmap=False) as hdus:
            made = {chip.extver: WCS(hdus[chip.sci].header, hdus) for chip in exposure.chips}
            name = str(hdus[exposure.chips[0].sci].header.get("WCSNAME", "")).strip()
        if all(wcs.has_celestial and wcs.naxis == 2 for wcs in made.values()):
            return made, name
        reason = "there is none"
    except ExposureError:
        raise
    except Exception as error:  # whatever malformed cards make the WCS library raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
    raise ExposureError(f"{exposure.path} has no WCS that can be used ({reason}): correct its header.")


def groups(tasks, tables=None):
    """Divide tasks into groups of one field and filter.

    Parameters
    ----------
    tasks : list of task.Task
    tables : dict of pathlib.Path to pathlib.Path, optional
        The association table that named an exposure; those of different tables
        stay apart.

    Returns
    -------
    groups : list of Group
        Of two exposures and more; who has no other is in none.
    notes : list of str
        Of exposures without a WCS.
    warnings : list of str
        Of groups that may have been aligned in part.
    """
    notes, warnings, places = [], [], {}
    for task in tasks:
        try:
            wcs, name = chip_wcs(task.exposure)
            corners = [mapping.footprint(wcs[chip.extver], chip.shape) for chip in task.exposure.chips]
            if not np.isfinite(corners).all():
                raise ExposureError(f"{task.exposure.path} has a WCS that leads nowhere.")
            places[task.label] = corners, name
        except ExposureError as error:
            notes.append(f"{error} It is decided on by itself.")
    left = [task for task in tasks if task.label in places]
    made = []
    while left:
        group, left = [left[0]], left[1:]
        for member in group:  # grows meanwhile
            near = [task for task in left if _belong(member, task, places, tables or {})]
            group += near
            left = [task for task in left if task not in near]
        if len(group) > 1:
            made.append(Group(tuple(task for task in tasks if task in group)))
            warnings += _name_warnings(made[-1], places)
    return made, notes, warnings


def _belong(one, other, places, tables):
    a, b = one.exposure, other.exposure
    return (
        (a.instrument, a.detector, a.filter) == (b.instrument, b.detector, b.filter)
        and tables.get(_real(a.path)) == tables.get(_real(b.path))
        and any(mapping.overlap(p, q) for p in places[one.label][0] for q in places[other.label][0])
    )


def _real(path):
    return Path(path).resolve()


def _name_warnings(group, places):
    names = {}
    for task in group.tasks:
        names.setdefault(places[task.label][1], []).append(task.exposure.path.name)
    if len(names) < 2:
        return []
    told = "; ".join(f"{name or 'none'}: {', '.join(files)}" for name, files in names.items())
    return [
        f"Exposures of one field have different WCS solutions (WCSNAME {told}): if only some were "
        "aligned, align all of them (TweakReg) before you rely on what they say together."
    ]
