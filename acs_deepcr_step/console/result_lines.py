"""The results as a terminal shows them: a table of 80 columns with its notes below, or a line an exposure."""

import math
import os
import textwrap
from dataclasses import dataclass

from ..errors import printable
from ..work.results import Status

__all__ = ["exposure_line", "exposure_lines", "table_lines"]

_HEADINGS = ("file", "chip", "flagged", "rate", "used", "status")
_LEGEND = "rate: hits per second and cm2; used: exposures that the chip was decided from"
_GAP = "  "
_SHORTEST_NAME = 18  # of a rootname with _flc.fits
_NONE = "-"
_UNDOING = (Status.UNDONE.value, Status.NOTHING_TO_UNDO.value)


@dataclass(frozen=True)
class _Chip:
    """A row of the results, as it is shown.

    Attributes
    ----------
    filename, extver, n_flagged, cr_rate, nexp, note
        As of `results.Row`.
    state : str
        The first word or words of the column `status`.
    reason : str
        Why the exposure failed.
    seconds : float
    """

    filename: str
    extver: int
    n_flagged: int
    cr_rate: float
    nexp: int
    note: str
    state: str
    reason: str
    seconds: float

    @classmethod
    def of(cls, cell):
        """Return the row whose cells a function gives by the column's name."""
        state, _, reason = str(cell("status")).partition(": ")
        names = ("extver", "n_flagged", "cr_rate", "nexp", "seconds")
        return cls(
            filename=str(cell("filename")),
            note=printable(str(cell("note"))),
            state=state,
            reason=printable(reason),
            **{name: cell(name) for name in names},
        )

    @property
    def shown(self):
        """The name of the file, on one line whatever is in it."""
        return printable(self.filename)

    @property
    def failed(self):
        """Whether the exposure failed."""
        return self.state == Status.FAILED.value

    @property
    def told(self):
        """What stands in the notes below the table."""
        return self.reason if self.failed else self.note


def _chips(results):
    if isinstance(results, list):
        return [_Chip.of(row.cell) for row in results]
    return [_Chip.of(row.__getitem__) for row in results]


def table_lines(table, width):
    """Return the results as a table.

    Parameters
    ----------
    table : astropy.table.Table or list of results.Row
        As `run` returns it.
    width : int
        Columns of the screen; a table of fewer than 80 is no shorter.

    Returns
    -------
    list of str
        No line is longer than the larger of `width` and 80.
    """
    width, chips = max(width, 80), _chips(table)
    numbers = {}
    for chip in chips:
        if chip.told:
            numbers.setdefault(chip.told, len(numbers) + 1)
    rows = [_cells(chip, numbers) for chip in chips]
    kept = [0] + [i for i in range(1, 6) if i == 5 or any(row[i] != _NONE for row in rows)]
    headings = [_HEADINGS[i] for i in kept]
    if any(chip.state in _UNDOING for chip in chips):
        headings[headings.index("flagged")] = "cleared"
    rows = [[row[i] for i in kept] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    room = width - sum(widths[1:]) - len(_GAP) * (len(widths) - 1)
    directory, names = _names([row[0] for row in rows], room)
    widths[0] = max(len(headings[0]), *map(len, names)) if names else len(headings[0])
    lines = [f"in {line}" for line in textwrap.wrap(directory, width - 3)] if directory else []
    lines.append(_line(headings, widths))
    lines += [_line([name, *row[1:]], widths) for name, row in zip(names, rows, strict=True)]
    return lines + _notes(numbers, width, legend={"rate", "used"} & set(headings))


def _cells(chip, numbers):
    mark = f" ({numbers[chip.told]})" if chip.told else ""
    rate = "" if math.isnan(chip.cr_rate) else f"{chip.cr_rate:.2f}"
    undoing = chip.state in _UNDOING
    return (
        chip.shown,
        str(chip.extver) if chip.extver else _NONE,
        _NONE if chip.failed else f"{chip.n_flagged:,}",
        _NONE if undoing or chip.failed or not rate else rate,
        _NONE if undoing or chip.failed else str(chip.nexp),
        chip.state + mark,
    )


def _line(cells, widths):
    last = len(cells) - 1
    padded = [
        cell.ljust(width) if i in (0, last) else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return _GAP.join(padded).rstrip()


def _names(files, room):
    """Return a directory that all files have in common, if they need it, and their names within the room."""
    room, directory = max(room, _SHORTEST_NAME), ""
    if files and max(map(len, files)) > room:
        directory = os.path.commonpath([os.path.dirname(file) for file in files]) if _alike(files) else ""
        if directory:
            files = [os.path.relpath(file, directory) for file in files]
    return directory, [file if len(file) <= room else f"...{file[3 - room :]}" for file in files]


def _alike(files):
    return len({os.path.isabs(file) for file in files}) == 1 and all(map(os.path.dirname, files))


def _notes(numbers, width, legend):
    lines = textwrap.wrap(_LEGEND, width) if legend else []
    for text, number in numbers.items():
        mark = f"({number}) "
        lines += textwrap.wrap(
            text, width, initial_indent=mark, subsequent_indent=" " * len(mark), break_on_hyphens=False
        )
    return ["", *lines] if lines else []


def exposure_line(results):
    """Return what became of one exposure in a line, for files and pipes.

    Parameters
    ----------
    results : list of results.Row, or rows of a table
        Of its chips.

    Returns
    -------
    str
    """
    return _exposure_line(_chips(results))


def _exposure_line(chips):
    first = chips[0]
    if first.failed:
        return f"{first.shown}: {first.state}: {first.reason}"
    count = sum(chip.n_flagged for chip in chips)
    parts = [first.state, f"{count:,} pixels {'cleared' if first.state in _UNDOING else 'flagged'}"]
    if first.state not in _UNDOING:
        rates = [chip.cr_rate for chip in chips if not math.isnan(chip.cr_rate)]
        parts += [f"{sum(rates) / len(rates):.2f} hits/s/cm2"] if rates else []
        used = sorted({chip.nexp for chip in chips})
        parts.append(f"decided from {' and '.join(map(str, used))} exposure{'' if used == [1] else 's'}")
    seconds = sum(chip.seconds for chip in chips)
    parts += [] if math.isnan(seconds) else [f"{seconds:.1f} s"]
    notes = "; ".join(dict.fromkeys(chip.told for chip in chips if chip.told))
    return f"{first.shown}: {', '.join(parts)}{f'; {notes}' if notes else ''}"


def exposure_lines(table, known=()):
    """Return a line for each exposure of a table.

    Parameters
    ----------
    table : astropy.table.Table
        As `run` returns it.
    known : collection of str
        Files that are left out: a line of theirs was printed before.

    Returns
    -------
    list of str
    """
    by_file = {}
    for chip in _chips(table):
        by_file.setdefault(chip.filename, []).append(chip)
    return [_exposure_line(chips) for file, chips in by_file.items() if file not in known]
