"""How well models do on a visit of one's own: truth from its exposures, then the paper's figures.

Two or more exposures of one field -> `truth` -> every published model fit for the filter, weights
given by path, and LACosmic -> Table 3's layout, curves and masks. The truth is AstroDrizzle's; how
much of it there is stands beside every figure.
"""

from dataclasses import dataclass
from pathlib import Path

from .. import models
from ..errors import ParameterError
from . import copies, outputs, pictures, scoring, truth, truth_file
from .tally import Tallies, tallied

__all__ = ["Evaluation", "evaluate", "scorers"]

TRUTH = "truth"  # directory of the truth files


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What an evaluation found.

    Attributes
    ----------
    tallies : tally.Tallies
    statement : str
        What the truth is, and how complete.
    text : str
        The tables as a person reads them.
    outdir : pathlib.Path
        Where tables and pictures are.
    truth : tuple of pathlib.Path
        The truth files.
    """

    tallies: Tallies
    statement: str
    text: str
    outdir: Path
    truth: tuple


def scorers(filter, given=None, lacosmic=True, **detector):
    """Return what is scored on exposures of a filter.

    Parameters
    ----------
    filter : str
    given : sequence of str or path-like, optional
        Names of models or files of weights; by default every published model that was trained on all filters
        or on this one.
    lacosmic : bool
        Whether LACosmic is scored too.
    **detector
        As for `scoring.model`.

    Returns
    -------
    list of scoring.Scorer

    Raises
    ------
    ModelError
        If a model cannot be loaded.
    ParameterError
        If a given model is for another filter, or two have the same name.
    """
    names = given or [name for name in models.names() if models.info(name).filter in ("", filter)]
    made = []
    for name in names:
        path = Path(name).expanduser()
        label = path.name if path.is_file() else None
        made.append(scoring.model(path if label else name, label=label, **detector))
    unfit = [scorer.name for scorer in made if scorer.filter not in ("", filter)]
    if unfit:
        raise ParameterError(f"{', '.join(unfit)} is not for exposures through {filter}: leave it out.")
    labels = [scorer.name for scorer in made]
    double = sorted({label for label in labels if labels.count(label) > 1})
    if double:
        raise ParameterError(f"{', '.join(double)} is given more than once: give each model its own name.")
    return made + (scoring.lacosmic() if lacosmic else [])


def evaluate(files, outdir, options=None, *, scored=None, expected=None, overwrite=False, progress=None):
    """Make the truth of a visit and score models against it.

    Parameters
    ----------
    files : str, path-like or list of these
        Two or more exposures of one field through one filter.
    outdir : path-like
        Gets the tables and pictures of `outputs`, and in ``truth`` the truth files.
    options : truth_options.TruthOptions, optional
    scored : sequence of scoring.Scorer, optional
        By default `scorers` of the filter.
    expected : completeness.Completeness, optional
        As for `truth.make`.
    overwrite : bool
        Whether earlier results in `outdir` are replaced.
    progress : callable, optional
        Called with a `Sample` and a `Scorer` before each one's work.

    Returns
    -------
    Evaluation

    Raises
    ------
    StepError
        See `truth.make`, `scorers` and `outputs.prepared`.
    """
    exposures = copies.checked(files)
    scored = scorers(exposures[0].filter) if scored is None else list(scored)
    outdir = outputs.prepared(outdir, overwrite)
    paths = truth.make(files, outdir / TRUTH, options, expected)
    statement, title = truth_file.describe(paths)
    tallies = tallied(truth.samples(paths), scored, progress=progress)
    text = outputs.write(tallies, outdir, statement, title)
    pictures.draw(outdir, next(truth.samples(paths)), scored, title)
    return Evaluation(tallies, statement, text, outdir, tuple(paths))
