"""What an evaluation leaves behind: the tables, the curves, and the counts behind them."""

from pathlib import Path

from ..errors import InputError
from ..saving import atomic
from . import counts_file, figures, table3
from .tally import PLAIN, PUBLISHED

__all__ = ["COUNTS", "names", "prepared", "write"]

COUNTS = "counts.npz"
_POINTS = "operating_points"
_PICTURES = "figure[12]_*.png"


def names():
    """Return the names of the files that `write` makes.

    Returns
    -------
    list of str
    """
    tables = [f"table3_{reading}" for reading in (PUBLISHED, PLAIN)] + [_POINTS]
    made = [f"{stem}.{suffix}" for stem in tables for suffix in ("txt", "ecsv")]
    return [*made, *(f"roc_{reading}.png" for reading in (PUBLISHED, PLAIN)), COUNTS]


def prepared(outdir, overwrite=False):
    """Return the directory of the output, made if need be; nothing in it is lost.

    Parameters
    ----------
    outdir : path-like
    overwrite : bool
        Whether results may be there, to be replaced.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InputError
        If a file would be overwritten, or the directory is none.
    """
    outdir = Path(outdir)
    if outdir.exists() and not outdir.is_dir():
        raise InputError(f"{outdir} is not a directory: give another one for the output.")
    there = [name for name in names() if (outdir / name).exists()]
    there += [path.name for path in outdir.glob(_PICTURES)]
    if there and not overwrite:
        raise InputError(
            f"{outdir} already holds {there[0]}: give another directory for the output, or ask to overwrite."
        )
    outdir.mkdir(parents=True, exist_ok=True)
    return outdir


def write(tallies, outdir, truth, title="", threshold=0.5):
    """Write tables, curves and counts.

    Parameters
    ----------
    tallies : tally.Tallies
    outdir : path-like
        Files of the names of `names` are replaced in it.
    truth : str
        What the truth is, and whether the exposures are simulated: stands in every table.
    title : str
        The same in few words: stands above the figures.
    threshold : float
        Of the operating points.

    Returns
    -------
    str
        The text of the tables.

    Raises
    ------
    InputError
        If nothing was counted.
    ExposureError
        If a file cannot be written.
    """
    outdir = Path(outdir)
    texts = []
    for reading in (PUBLISHED, PLAIN):
        table = table3.make(tallies, truth, reading)
        texts.append(table3.text(table))
        _table(outdir / f"table3_{reading}", table, texts[-1])
        figures.curves(outdir / f"roc_{reading}.png", tallies, title, reading)
    points = table3.operating_points(tallies, threshold)
    points.meta["notes"] = [truth]
    texts.append(f"{table3.operating_text(points)}\n{truth}")
    _table(outdir / _POINTS, points, texts[-1])
    counts_file.save(tallies, outdir / COUNTS)
    return "\n\n".join(texts)


def _table(stem, table, text):
    with atomic(stem.with_suffix(".ecsv")) as temporary:
        table.write(temporary, format="ascii.ecsv")
    with atomic(stem.with_suffix(".txt")) as temporary:
        temporary.write_text(f"{text}\n", encoding="utf-8")
