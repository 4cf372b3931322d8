"""The page: sections put into the template, written in one piece."""

import os
from datetime import UTC, datetime
from pathlib import Path

import jinja2

from .. import __version__
from ..arrays.reasons import REASONS
from ..files.atomic import atomic, write_private
from ..files.rights import Rights, strictest
from ..work import results
from . import MARK, cutouts, flagged_exposures, merit, page_warnings, sections

__all__ = ["write_page"]

# First exposures that get pictures, and as many more with warnings; the table and the warnings hold all.
_PICTURED = 24
_SHOWN_FINDINGS = 8  # of a warning, before the rest is folded


def write_page(inputs, path, table=None):
    """Write the page.

    Parameters
    ----------
    inputs : str, path-like, or list of these
        As for `report.write`.
    path : pathlib.Path
    table : astropy.table.Table, optional
        As for `report.write`.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    InputError, ExposureError, OutputError
        As by `report.write`.
    """
    notes = _notes_by_file(table)
    quota = sections.PictureQuota(_PICTURED)
    found = flagged_exposures.find(inputs)
    exposure_sections = [
        sections.exposure_section(flagged, _note_of(flagged, notes), quota) for flagged in found
    ]
    warnings = [] if table is None else page_warnings.of_failures(table)
    for section in exposure_sections:
        warnings += section.warnings
    text = _template().render(
        mark=MARK,
        version=__version__,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        warnings=page_warnings.merged(warnings),
        shown_findings=_SHOWN_FINDINGS,
        sections=exposure_sections,
        settings=_count_settings(exposure_sections),
        usual_rates=_usual_rates(exposure_sections),
        has_fields=any(section.mask.nexp > 1 for section in exposure_sections),
        most_cutouts=cutouts.MOST,
        reasons=REASONS,
        meaning={reason.name: reason.description for reason in REASONS},
    )
    # It shows pixels: nobody may read it who may not read them.
    rights = strictest(Rights.of(flagged.exposure.path) for flagged in found)
    with atomic(path) as temporary:
        write_private(temporary, text.encode(), rights)
    return path


def _template():
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("page.html.j2")


def _notes_by_file(table):
    """Return the notes of a run's table by the path of the file, and by its name alone."""
    notes = {}
    for row in table if table is not None else ():
        if row["note"]:
            for key in (os.path.realpath(row["filename"]), Path(row["filename"]).name):
                notes[str(key)] = str(row["note"])
    return notes


def _note_of(flagged, notes):
    path = flagged.exposure.path
    # By the name alone only where no other exposure has it.
    elsewhere = notes.get(path.name, "") if flagged.label == path.name else ""
    note = notes.get(os.path.realpath(path), elsewhere)
    return results.unused_in(note, flagged.exposure.cautions)


def _usual_rates(exposure_sections):
    """Return what is usual on each detector of the page, by name."""
    detectors = {
        str(section.exposure.instrument): section.exposure.instrument for section in exposure_sections
    }
    return [
        {"name": name, "rate": merit.usual_rate(one), "fraction": merit.usual_fraction(one, 1000.0)}
        for name, one in sorted(detectors.items())
    ]


def _count_settings(exposure_sections):
    """Return how many exposures were flagged with which model and parameters; dict of str to int."""
    counts = {}
    for section in exposure_sections:
        made_by = section.mask.made_by
        text = (
            f"model {made_by.model} (SHA-256 {made_by.model_hash}, {made_by.precision}), "
            f"{section.mask.decision.describe()}"
        )
        counts[text] = counts.get(text, 0) + 1
    return counts
