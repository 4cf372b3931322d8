"""The page: sections put into the template, written in one piece."""

import os
from datetime import UTC, datetime
from pathlib import Path

import jinja2

from .. import __version__, saving
from . import MARK, advice, load, merit, sections, stamps

__all__ = ["write"]

# With pictures; every exposure is in the table, and in the warnings.
_PICTURED = 24
_SHOWN_FACTS = 8  # of a warning, before the rest is folded


def write(inputs, path, table=None):
    """Write the page; see `acs_deepcr_step.report.write`."""
    notes = _notes(table)
    made, wants = [], _Wants()
    for pair in load.pairs(inputs):
        made.append(sections.section(pair, _note_of(pair, notes), wants))
    failed = [] if table is None else advice.failures(table)
    text = _template().render(
        mark=MARK,
        version=__version__,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        advice=advice.merged([*failed, *(one for section in made for one in section.advice)]),
        shown_facts=_SHOWN_FACTS,
        sections=made,
        settings=_settings(made),
        rate=merit.RATE,
        expected_fraction=merit.expected_fraction,
        verdict=advice.rate_verdict,
        together=any(section.mask.nexp > 1 for section in made),
        most=stamps.MOST,
    )
    with saving.atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


class _Wants:
    """Whether one more exposure gets pictures: the first ones, and as many again with warnings."""

    def __init__(self):
        self.first = self.warned = _PICTURED

    def __call__(self, warnings):
        if self.first:
            self.first -= 1
            return True
        if warnings and self.warned:
            self.warned -= 1
            return True
        return False


def _template():
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("page.html.j2")


def _notes(table):
    """Notes of a run by the file's path, and by its name alone."""
    found = {}
    for row in table if table is not None else ():
        if row["note"]:
            for key in (os.path.realpath(row["filename"]), Path(row["filename"]).name):
                found[str(key)] = str(row["note"])
    return found


def _note_of(pair, notes):
    path = pair.exposure.path
    return notes.get(os.path.realpath(path), notes.get(path.name, ""))


def _settings(made):
    """What the masks were made with: text and number of exposures."""
    counts = {}
    for section in made:
        mask = section.mask
        text = (
            f"model {mask.model} (SHA-256 {mask.model_hash}, {mask.precision}), "
            f"threshold {mask.threshold:g}, grow {mask.grow}, "
            f"protect_saturated {'yes' if mask.protect_saturated else 'no'}, "
            f"crbit {mask.crbit}"
        )
        counts[text] = counts.get(text, 0) + 1
    return counts
