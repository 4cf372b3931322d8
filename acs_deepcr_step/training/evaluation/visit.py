"""Evaluation of models on a user's visit: truth from its exposures, then the paper's tables and figures.

The truth of two or more exposures of one field is made by AstroDrizzle; its completeness is stated with
every figure. Scored are published models, weights given by path, and LACosmic.
"""

from dataclasses import dataclass
from pathlib import Path

from ...errors import ParameterError
from ...network import models
from ..truth import copies, pipeline
from ..truth import file as truth_file
from . import exposure_figures, outputs, scoring
from .tally import Tallies, tallied

__all__ = ["TRUTH", "Evaluation", "choose_scorers", "evaluate"]

TRUTH = "truth"  # directory of the truth files


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of an evaluation.

    Attributes
    ----------
    tallies : Tallies
    statement : str
        What the truth is, and how complete.
    text : str
        The tables as text.
    outdir : pathlib.Path
        Directory of tables and figures.
    truth : tuple of pathlib.Path
        The truth files.
    """

    tallies: Tallies
    statement: str
    text: str
    outdir: Path
    truth: tuple[Path, ...]


def choose_scorers(filter, names=None, lacosmic=True, **detector_options):
    """Return the scorers for exposures of a filter.

    Parameters
    ----------
    filter : str
    names : sequence of str or path-like, optional
        Names of models or files of weights; by default every published model that was trained on all
        filters or on this one.
    lacosmic : bool
        Whether LACosmic is scored too.
    **detector_options
        As for `scoring.model`.

    Returns
    -------
    list of Scorer

    Raises
    ------
    ModelError
        If a model cannot be loaded.
    ParameterError
        If a model is for another filter, or two have the same name.
    """
    published = [info for info in map(models.info, models.names(detector="ACS/WFC")) if info.from_deepcr]
    names = names or [info.name for info in published if info.filter in ("", filter)]
    scorers = []
    for name in names:
        path = Path(name).expanduser()
        label = path.name if path.is_file() else None
        scorers.append(scoring.model(path if label else name, label=label, **detector_options))
    unfit = [scorer.name for scorer in scorers if scorer.filter not in ("", filter)]
    if unfit:
        raise ParameterError(f"{', '.join(unfit)} is not for exposures through {filter}: leave it out.")
    labels = [scorer.name for scorer in scorers]
    double = sorted({label for label in labels if labels.count(label) > 1})
    if double:
        raise ParameterError(f"{', '.join(double)} is given more than once: give each model its own name.")
    return scorers + (scoring.lacosmic() if lacosmic else [])


def evaluate(files, outdir, options=None, *, scorers=None, expected=None, overwrite=False, progress=None):
    """Make the truth of a visit and score models against it.

    Parameters
    ----------
    files : str, path-like or list of these
        Two or more exposures of one field through one filter.
    outdir : path-like
        For tables and figures, and in ``truth`` the truth files.
    options : TruthOptions, optional
    scorers : sequence of Scorer, optional
        By default `choose_scorers` of the filter.
    expected : Completeness, optional
        As for `pipeline.make`.
    overwrite : bool
        Whether earlier results in `outdir` are replaced.
    progress : callable, optional
        Called with a `Sample` and a `Scorer` before each is scored.

    Returns
    -------
    Evaluation

    Raises
    ------
    StepError
        See `pipeline.make`, `choose_scorers`, `outputs.prepare_directory` and `outputs.write`.
    """
    exposures = copies.inspect_set(files)
    scorers = choose_scorers(exposures[0].filter) if scorers is None else list(scorers)
    outdir = outputs.prepare_directory(outdir, overwrite)
    paths = pipeline.make(files, outdir / TRUTH, options, expected)
    description = truth_file.describe(paths)
    tallies = tallied(truth_file.samples(paths), scorers, progress=progress)
    text = outputs.write(tallies, outdir, description.statement, description.title)
    exposure_figures.draw(outdir, next(truth_file.samples(paths)), scorers, description.title)
    return Evaluation(tallies, description.statement, text, outdir, tuple(paths))
