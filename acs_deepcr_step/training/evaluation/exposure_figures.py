"""Figures 1 and 2 of a square piece of an exposure, by default its middle."""

from ..archive.names import is_plain
from . import figures
from .figures import Box, NamedMask

__all__ = ["draw"]

_SIDE = 512  # pixels of the square


def draw(outdir, sample, scorers, title, box=None):
    """Draw an exposure's truth, and the masks of the first two models that apply to it.

    Parameters
    ----------
    outdir : pathlib.Path
        Gets ``figure1_<exposure>_<extver>.png`` and, with two models or more, ``figure2_...``.
    sample : Sample
    scorers : sequence of Scorer
    title : str
        What the truth is.
    box : Box, optional
        The square that is shown; by default the middle.

    Raises
    ------
    OutputError
        If a file cannot be written.
    """
    rows, columns = sample.image.shape
    side = min(_SIDE, rows, columns)
    middle = Box((rows - side) // 2, (columns - side) // 2, side)
    options = figures.FigureOptions(box=box or middle, title=title)
    # A header gave the name.
    name = sample.origin.exposure if is_plain(sample.origin.exposure) else "exposure"
    stem = f"{name}_{sample.origin.extver}.png"
    figures.exposure(outdir / f"figure1_{stem}", sample, options)
    two = [scorer for scorer in scorers if not scorer.is_mask and scorer.applies_to(sample.origin)][:2]
    if len(two) == 2:
        first, second = (NamedMask(scorer.name, scorer(sample) > 0.5) for scorer in two)
        figures.masks(outdir / f"figure2_{stem}", sample, first, second, options)
