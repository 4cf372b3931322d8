"""The result table: a row per chip."""

import math
from dataclasses import dataclass, field, fields, replace
from enum import Enum

import numpy as np
from astropy.table import Table

from ..arrays import reasons
from ..arrays.morphology import count_groups

__all__ = [
    "ALONE", "ChipFigures", "JointExposures", "Row", "Status", "failed_row", "failures", "figures", "note_of",
    "refused_rows", "row", "table", "unused_in",
]  # fmt: skip


class Status(Enum):
    """What became of an exposure, as the table's column `status` says it."""

    DONE = "done"
    SKIPPED = "skipped"
    UNDONE = "undone"
    NOTHING_TO_UNDO = "nothing to undo"
    FAILED = "failed"


@dataclass(frozen=True)
class JointExposures:
    """The exposures that a chip was decided from.

    Attributes
    ----------
    members : tuple of str
        Their rootnames, its own first; empty for it alone.
    field_id : str
        As of `mask_file.MaskFile`.
    note : str
        Of exposures that could not be used.
    number : int
        Of exposures, where only that is known; 0: as many as members.
    """

    members: tuple[str, ...] = ()
    field_id: str = ""
    note: str = ""
    number: int = 0

    @classmethod
    def of(cls, mask, chip):
        """Return what a mask file says of a chip."""
        return cls(mask.members, mask.field_id, number=mask.chip(chip.extver).nexp)

    @property
    def nexp(self):
        """Their number."""
        return self.number or max(len(self.members), 1)


ALONE = JointExposures()


@dataclass(frozen=True)
class ChipFigures:
    """What the pixels of a chip give.

    Attributes
    ----------
    n_flagged : int
        Flagged pixels.
    fraction : float
        Flagged pixels among those with DQ 0 before, over their number.
    cr_rate : float
        Groups of flagged pixels per second and cm2.
    n_vetoed, n_added : int
        Pixels that other exposures spared, and added.
    """

    n_flagged: int = 0
    fraction: float = math.nan
    cr_rate: float = math.nan
    n_vetoed: int = 0
    n_added: int = 0


def _column(unit=None, form=None, **keywords):
    """Return a column of the table, with its unit and the format of its numbers."""
    return field(metadata={"unit": unit, "format": form}, **keywords)


@dataclass(frozen=True)
class Row:
    """One chip in the result table; its fields are the columns, in their order.

    Attributes
    ----------
    filename : str
        The exposure as the user named it.
    extver : int
        0 for a file whose headers cannot be read.
    filter : str
    exptime : float
        Seconds.
    model : str
    threshold : float
    crbit : int
    n_flagged, fraction, cr_rate
        As of `ChipFigures`.
    nexp : int
        Exposures that were decided from.
    n_vetoed, n_added
        As of `ChipFigures`.
    status : Status
    note : str
        As of `note_of`.
    seconds : float
        Time that was spent.
    failure : str
        Why the exposure failed; stands in the column `status`.
    unused : str
        Exposures of the field that could not be used, and why; stands in the column `note`.
    """

    filename: str = _column()
    extver: int = _column()
    filter: str = _column()
    exptime: float = _column("s", ".1f")
    model: str = _column()
    threshold: float = _column(form=".3g")
    crbit: int = _column()
    n_flagged: int = _column()
    fraction: float = _column(form=".5f")
    cr_rate: float = _column("1 / (cm2 s)", ".3f")
    nexp: int = _column()
    n_vetoed: int = _column()
    n_added: int = _column()
    status: Status = _column()
    note: str = _column(default="")
    seconds: float = _column("s", ".2f", default=math.nan)
    failure: str = ""
    unused: str = ""

    @property
    def label(self):
        """The exposure as the user named it."""
        return self.filename

    @property
    def failed(self):
        """Whether the exposure failed."""
        return self.status is Status.FAILED

    def cell(self, name):
        """Return what a column of the table shows."""
        if name == "status":
            return f"{self.status.value}: {self.failure}" if self.failed else self.status.value
        return getattr(self, name)


_COLUMNS = tuple(one for one in fields(Row) if one.metadata)


def figures(exposure, chip, flags, good):
    """Return the columns of a chip's row that its pixels give.

    Parameters
    ----------
    exposure : exposure.Exposure
    chip : exposure.Chip
    flags : ndarray, (R, C), uint16
        Bits of `arrays.reasons`.
    good : ndarray, (R, C), bool
        Where DQ was 0 before the step.

    Returns
    -------
    ChipFigures
    """
    flagged = reasons.is_flagged(flags)
    n_good = int(np.count_nonzero(good))
    area = exposure.instrument.pixel_area * flagged.size
    return ChipFigures(
        n_flagged=int(np.count_nonzero(flagged)),
        fraction=np.count_nonzero(flagged & good) / n_good if n_good else math.nan,
        cr_rate=count_groups(flagged) / (chip.exptime * area),
        n_vetoed=int(np.count_nonzero(flags & reasons.VETOED)),
        n_added=int(np.count_nonzero(flags & reasons.ADDED)),
    )


def row(task, chip, measured, joint=ALONE, status=Status.DONE, seconds=math.nan):
    """Return a chip's row.

    Parameters
    ----------
    task : task.Task
    chip : exposure.Chip
    measured : ChipFigures
    joint : JointExposures, optional
    status : Status, optional
    seconds : float, optional

    Returns
    -------
    Row
    """
    return Row(
        filename=task.label,
        extver=chip.extver,
        filter=task.exposure.filter,
        exptime=chip.exptime,
        model=task.model,
        threshold=task.parameters.decision.threshold,
        crbit=task.parameters.decision.crbit,
        **{one.name: getattr(measured, one.name) for one in fields(ChipFigures)},
        nexp=0 if status is Status.FAILED else joint.nexp,
        status=status,
        note=note_of(task.exposure.cautions, joint.note),
        seconds=seconds,
        unused=joint.note,
    )


def note_of(cautions, unused):
    """Return what the column `note` says of a chip.

    Parameters
    ----------
    cautions : iterable of suitability.Caution
        What to be careful about in its exposure.
    unused : str
        Names exposures of its field that could not be used, and says why; empty for none.

    Returns
    -------
    str
    """
    return "; ".join(part for part in (*(caution.text for caution in cautions), unused) if part)


def unused_in(note, cautions):
    """Return what a note says of exposures that could not be used: the other half of `note_of`.

    Parameters
    ----------
    note : str
    cautions : iterable of suitability.Caution

    Returns
    -------
    str
    """
    texts = {caution.text for caution in cautions}
    return "; ".join(part for part in note.split("; ") if part not in texts)


def failed_row(task, chip, message):
    """Return the row of a chip whose exposure failed, and why.

    Parameters
    ----------
    task : task.Task
    chip : exposure.Chip
    message : str

    Returns
    -------
    Row
    """
    return replace(row(task, chip, ChipFigures(), status=Status.FAILED), failure=message)


def refused_rows(refusal, parameters):
    """Return the rows of a file that a run leaves as it is.

    Parameters
    ----------
    refusal : task.Refusal
    parameters : parameters.Parameters

    Returns
    -------
    list of Row
        One for each chip; where its headers cannot be read, one with the chip number 0.
    """
    task = refusal.task
    if task is not None:
        return [failed_row(task, chip, refusal.reason) for chip in task.exposure.chips]
    figures = {one.name: getattr(ChipFigures(), one.name) for one in fields(ChipFigures)}
    return [
        Row(
            filename=refusal.label,
            extver=0,
            filter="",
            exptime=math.nan,
            model=parameters.model,
            threshold=parameters.decision.threshold,
            crbit=parameters.decision.crbit,
            **figures,
            nexp=0,
            status=Status.FAILED,
            failure=refusal.reason,
        )
    ]


def table(rows):
    """Return rows as an `astropy.table.Table` with units and formats.

    Parameters
    ----------
    rows : list of Row

    Returns
    -------
    astropy.table.Table
    """
    names = [one.name for one in _COLUMNS]
    result = Table([[row.cell(name) for row in rows] for name in names], names=names)
    for one in _COLUMNS:
        result[one.name].unit = one.metadata["unit"]
        result[one.name].format = one.metadata["format"]
    return result


def failures(table):
    """Return why exposures failed, out of a result table.

    Parameters
    ----------
    table : astropy.table.Table
        From `table`.

    Returns
    -------
    dict of str to str
        Reasons by filename.
    """
    begin = f"{Status.FAILED.value}: "
    return {
        str(row["filename"]): str(row["status"]).removeprefix(begin)
        for row in table
        if str(row["status"]).startswith(begin)
    }
