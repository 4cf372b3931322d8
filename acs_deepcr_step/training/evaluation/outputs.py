"""Output files of an evaluation: tables, curves and counts."""

from pathlib import Path

from ...errors import InputError, OutputError
from ...files.atomic import atomic
from . import counts_file, figures, table3
from .tally import PLAIN, PUBLISHED

__all__ = ["COUNTS", "file_names", "prepare_directory", "write"]

COUNTS = "counts.npz"
_POINTS = "operating_points"
_PICTURES = "figure[12]_*.png"


def file_names():
    """Return the names of the files that `write` makes.

    Returns
    -------
    list of str
    """
    tables = [f"table3_{reading}" for reading in (PUBLISHED, PLAIN)] + [_POINTS]
    files = [f"{stem}.{suffix}" for stem in tables for suffix in ("txt", "ecsv")]
    return [*files, *(f"roc_{reading}.png" for reading in (PUBLISHED, PLAIN)), COUNTS]


def prepare_directory(outdir, overwrite=False):
    """Create the output directory if it does not exist; nothing in it is lost.

    Parameters
    ----------
    outdir : path-like
    overwrite : bool
        Whether earlier results may be in it, to be replaced.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    InputError
        If results would be overwritten, or `outdir` is no directory.
    OutputError
        If it cannot be created.
    """
    outdir = Path(outdir)
    if outdir.exists() and not outdir.is_dir():
        raise InputError(f"{outdir} is not a directory: give another one for the output.")
    existing = [name for name in file_names() if (outdir / name).exists()]
    existing += [path.name for path in outdir.glob(_PICTURES)]
    if existing and not overwrite:
        raise InputError(
            f"{outdir} already holds {existing[0]}: give another directory for the output, or ask to "
            "overwrite."
        )
    try:
        outdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{outdir} cannot be created ({error.strerror or error}): give another directory for the output."
        ) from error
    return outdir


def write(tallies, outdir, truth, title="", threshold=0.5):
    """Write tables, curves and counts.

    Parameters
    ----------
    tallies : Tallies
    outdir : path-like
        Files of the `file_names` in it are replaced.
    truth : str
        What the truth is, and whether the exposures are simulated; part of every table.
    title : str
        The same in a few words, above the figures.
    threshold : float
        Probability threshold of the operating points.

    Returns
    -------
    str
        The text of the tables.

    Raises
    ------
    InputError
        If nothing was counted.
    OutputError
        If a file cannot be written.
    """
    outdir = Path(outdir)
    texts = []
    for reading in (PUBLISHED, PLAIN):
        table = table3.make(tallies, truth, reading)
        texts.append(table3.text(table))
        _write_table(outdir / f"table3_{reading}", table, texts[-1])
        figures.curves(outdir / f"roc_{reading}.png", tallies, title, reading)
    points = table3.operating_points(tallies, threshold)
    points.meta["notes"] = [truth]
    texts.append(f"{table3.operating_text(points)}\n{truth}")
    _write_table(outdir / _POINTS, points, texts[-1])
    counts_file.save(tallies, outdir / COUNTS)
    return "\n\n".join(texts)


def _write_table(stem, table, text):
    with atomic(stem.with_suffix(".ecsv")) as temporary:
        table.write(temporary, format="ascii.ecsv")
    with atomic(stem.with_suffix(".txt")) as temporary:
        temporary.write_text(f"{text}\n", encoding="utf-8")
