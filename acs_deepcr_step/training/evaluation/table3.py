"""Table 3 of the paper: true-positive rates at two false-positive rates, beside the published ones.

Rows are the scorers for the exposures of each filter, without and with dilation ("+"); columns are the
field types at FPR 0.05 % and 0.5 %.
"""

import textwrap
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from ...errors import InputError
from ...network import models
from ..samples import FIELD_TYPES
from .confidence import LEVEL, bootstrap
from .roc import HIGH_FPR, LOW_FPR
from .tally import PLAIN, PUBLISHED, Key, fields_of

__all__ = ["make", "operating_points", "operating_text", "text"]

# False-positive rates by the name of their columns.
_RATES = {"low": LOW_FPR, "high": HIGH_FPR}
_MIN_NOTE_WIDTH = 100  # characters
_UNKNOWN_FIELD = "unknown"
_PAPER_NAME = "deepCR-ACS/WFC"

# Zhang & Bloom 2020, F606W: TPR at FPR 0.05 % and 0.5 %. The later paper does not repeat them.
_ZHANG_BLOOM = {
    ("LACosmic", "extragalactic"): (0.573, 0.695),
    ("LACosmic", "globular"): (0.583, 0.739),
    ("LACosmic", "galaxy"): (0.338, 0.534),
    ("ACS-WFC-F606W-2-4", "extragalactic"): (0.820, 0.940),
    ("ACS-WFC-F606W-2-4", "globular"): (0.839, 0.962),
    ("ACS-WFC-F606W-2-4", "galaxy"): (0.562, 0.806),
}

_READINGS = {
    PUBLISHED: (
        "Reading of the paper: '+' is the TPR of the dilated mask at the FPR before dilation; "
        "ignored pixels count as clean."
    ),
    PLAIN: (
        "Plain reading: '+' is the TPR of the dilated mask at the FPR of the dilated mask; "
        "ignored pixels are left out."
    ),
}


def make(tallies, truth, reading=PUBLISHED, *, draws=1000, seed=0):
    """Return Table 3 of what was counted.

    Parameters
    ----------
    tallies : Tallies
    truth : str
        A sentence on what the truth is, and whether the exposures are simulated.
    reading : {'published', 'plain'}
    draws, seed : int
        Of the bootstrap over exposures.

    Returns
    -------
    astropy.table.Table
        A row per filter, scorer and dilation, in the paper's order. Columns ``filter``, ``model``,
        ``dilated``, and for each field ``<field>_exposures`` and, at the low and the high FPR,
        ``<field>_low``, ``<field>_low_from``, ``<field>_low_to`` (95 % interval) and
        ``<field>_low_paper``; shares, nan if unknown. ``<field>_low_reached`` is false where no
        threshold has so low an FPR.

    Raises
    ------
    InputError
        If nothing was counted.
    """
    keys = tallies.keys()
    if not keys:
        raise InputError("Nothing was scored: there is no exposure with its truth among the input.")
    # A mask is a single point: it is in `operating_points`.
    keys = [key for key in keys if len(tallies.roc(key).fpr) > 1] or keys
    fields = fields_of(keys)
    paper, rows = _published(), []
    for band in sorted({key.filter for key in keys}):
        names = sorted({key.scorer for key in keys if key.filter == band}, key=lambda name: _rank(name, band))
        for name, dilated in _in_order(names, band):
            row = {"filter": band, "model": name, "dilated": dilated}
            for field in fields:
                key = Key(band, field, name)
                figures = None
                if key in keys:
                    figures = _figures(tallies, key, reading, dilated, draws=draws, seed=seed)
                row |= _cells(field, figures, paper.get(_PaperKey(key, dilated), (np.nan, np.nan)))
            rows.append(row)
    table = Table(rows=rows)
    table.meta.update(
        reading=reading,
        truth=truth,
        interval=f"{LEVEL:.0%} by bootstrap over exposures, {draws} draws, seed {seed}",
        notes=[truth, _READINGS[reading]],
    )
    return table


def _rank(name, band):
    """Return the sorting key of a scorer: the paper's models, others, LACosmic."""
    role = _role(name, band)
    return ({"global": 0, "filter": 1}.get(role, 3 if name.startswith("LACosmic") else 2), name)


def _role(name, band):
    """Return which of the paper's two models a scorer is: ``global``, ``filter`` or neither (empty)."""
    if name == models.GLOBAL:
        return "global"
    return "filter" if name == models.for_filter(band) else ""


def _in_order(names, band):
    """Yield name and dilation of the rows of a filter: the paper's two models, then the others."""
    known = [name for name in names if _role(name, band)]
    yield from ((name, dilated) for dilated in (False, True) for name in known)
    yield from ((name, dilated) for name in names if name not in known for dilated in (False, True))


@dataclass(frozen=True)
class _PaperKey:
    """A cell of the paper's table."""

    key: Key
    dilated: bool


def _published():
    """Return the published TPR at the low and the high FPR, by `_PaperKey`."""
    from ..archive.sets import paper_table3

    known = {
        _PaperKey(Key("F606W", field, name), False): rates for (name, field), rates in _ZHANG_BLOOM.items()
    }
    for row in paper_table3():
        name = models.GLOBAL if row["model"] == "global" else models.for_filter(row["filter"])
        key = Key(str(row["filter"]), str(row["field"]), name)
        known[_PaperKey(key, bool(row["dilated"]))] = (float(row["tpr_low"]), float(row["tpr_high"]))
    return known


@dataclass(frozen=True, eq=False)
class _Figures:
    """Of one curve; the arrays and lists have an element per rate in `_RATES`."""

    exposures: int
    tpr: np.ndarray
    reached: list[bool]
    interval: np.ndarray


def _figures(tallies, key, reading, dilated, *, draws, seed):
    rates = list(_RATES.values())
    _, counts = tallies.histograms(key, reading, dilated)
    curve = tallies.roc(key, reading, dilated)
    return _Figures(
        exposures=len(counts) if tallies.by_exposure else 0,
        tpr=curve.tpr_at(rates),
        reached=[curve.reaches(rate) for rate in rates],
        interval=bootstrap(counts, rates, draws=draws, seed=seed),
    )


def _cells(field, figures, published):
    column = field or _UNKNOWN_FIELD
    cells = {f"{column}_exposures": figures.exposures if figures else 0}
    for number, name in enumerate(_RATES):
        low, high = figures.interval[number] if figures else (np.nan, np.nan)
        cells[f"{column}_{name}"] = float(figures.tpr[number]) if figures else np.nan
        cells[f"{column}_{name}_from"], cells[f"{column}_{name}_to"] = float(low), float(high)
        cells[f"{column}_{name}_reached"] = bool(figures and figures.reached[number])
        cells[f"{column}_{name}_paper"] = published[number]
    return cells


def text(table):
    """Return Table 3 as text.

    Parameters
    ----------
    table : astropy.table.Table
        From `make`.

    Returns
    -------
    str
        Percent; ``ours ±half of the 95 % interval (the paper's)``.
    """
    columns = [name.removesuffix("_exposures") for name in table.colnames if name.endswith("_exposures")]
    titles = [FIELD_TYPES.get(column, "Field not given") for column in columns]
    heads = ["TPR (0.05%)", "TPR (0.5%)"] * len(columns)
    lines, labels = [], [_label(row) for row in table]
    width = max(map(len, labels))
    body = [[_cell(row, column, name) for column in columns for name in _RATES] for row in table]
    cell = max(len(part) for part in (*heads, *(part for parts in body for part in parts)))
    lines.append(" " * width + "".join("  " + title.center(2 * cell + 2) for title in titles))
    lines.append("Model".ljust(width) + "".join("  " + head.center(cell) for head in heads))
    for number, (label, parts, row) in enumerate(zip(labels, body, table, strict=True)):
        if number == 0 or table["filter"][number - 1] != row["filter"]:
            lines.append(_filter_heading(table[table["filter"] == row["filter"]], columns))
        lines.append(label.ljust(width) + "".join("  " + part.center(cell) for part in parts))
    lines = [line.rstrip() for line in lines]
    rule = "-" * max(map(len, lines))
    legend = ["Percent: ours ±half of the 95 % interval (bootstrap over exposures), in brackets the paper's."]
    if any("*" in part for parts in body for part in parts):
        legend.append("* No threshold has so low an FPR: on the line from the strictest one to (0, 0).")
    notes = [textwrap.fill(note, max(len(rule), _MIN_NOTE_WIDTH)) for note in table.meta["notes"]]
    return "\n".join([rule, *lines[:2], rule, *lines[2:], rule, *legend, *notes])


def _filter_heading(rows, columns):
    numbers = [int(rows[f"{column}_exposures"].max()) for column in columns]
    return f"{rows['filter'][0]} exposures ({', '.join(map(str, numbers))})"


def _label(row):
    role = _role(row["model"], row["filter"])
    name = {"global": _PAPER_NAME, "filter": f"{_PAPER_NAME} {row['filter']}"}.get(role, row["model"])
    return f"  {name} +" if row["dilated"] else f"  {name}"


def _cell(row, column, name):
    tpr, published = row[f"{column}_{name}"], row[f"{column}_{name}_paper"]
    spread = (row[f"{column}_{name}_to"] - row[f"{column}_{name}_from"]) / 2
    star = "" if row[f"{column}_{name}_reached"] else "*"
    parts = ["-" if np.isnan(tpr) else f"{100 * tpr:.1f}{star}"]
    parts += [] if np.isnan(tpr) or np.isnan(spread) else [f"±{100 * spread:.1f}"]
    parts += [] if np.isnan(published) else [f"({100 * published:.2f})"]
    return " ".join(parts)


def operating_points(tallies, threshold=0.5, reading=PLAIN):
    """Return the rates at one threshold, and those of every mask.

    Parameters
    ----------
    tallies : Tallies
    threshold : float
        Of the scores.
    reading : {'plain', 'published'}

    Returns
    -------
    astropy.table.Table
        Columns ``filter``, ``field``, ``model``, ``setting`` (the threshold, or what made the mask),
        ``tpr``, ``fpr``, ``exposures``.
    """
    rows = []
    for key in tallies.keys():
        curve = tallies.roc(key, reading)
        settings, counts = tallies.histograms(key, reading)
        is_mask = counts[0][0].is_mask
        listed = curve.thresholds if is_mask else [threshold]
        for setting in sorted(set(map(float, listed))):
            fpr, tpr = curve.at(setting)
            shown = float("nan") if is_mask and np.isnan(settings[0]) else setting
            rows.append((key.filter, key.field, key.scorer, shown, tpr, fpr, len(counts)))
    return Table(rows=rows, names=("filter", "field", "model", "setting", "tpr", "fpr", "exposures"))


def operating_text(table):
    """Return `operating_points` as text.

    Parameters
    ----------
    table : astropy.table.Table

    Returns
    -------
    str
    """
    shown = table.copy()
    shown["setting"].format = shown["tpr"].format = ".4g"
    shown["fpr"].format = ".2e"
    return "\n".join(shown.pformat(max_lines=-1, max_width=-1, align="<"))
