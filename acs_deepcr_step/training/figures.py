"""The paper's figures: curves (Figure 3), and an exposure with its masks (Figures 1 and 2).

Drawn without pyplot, so that nothing of the host's matplotlib changes and no display is needed.
"""

import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import StepError
from ..saving import atomic
from .roc import HIGH_FPR, LOW_FPR
from .samples import FIELD_TYPES
from .tally import PLAIN, PUBLISHED

__all__ = ["FigureOptions", "curves", "exposure", "masks"]

# Okabe & Ito's colours, told apart by all eyes; the paper's two models in its order.
_COLOURS = ("#E69F00", "#000000", "#0072B2", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
_IGNORED, _IGNORED_FLAGGED = (0.30, 0.13, 0.10), (0.75, 0.45, 0.35)
_SOFT = 3.0  # scatters from the typical level at which the stretch turns from linear to logarithmic
_RANGE = (1e-4, 2e-2)
_SEEN_FROM = 3e-4  # what lies left of it may leave the panel below
_READING_TITLES = {
    PUBLISHED: "“+”: dilated TPR at the FPR before dilation; ignored pixels count as clean",
    PLAIN: "“+”: dilated TPR at dilated FPR; ignored pixels left out",
}


@dataclass(frozen=True)
class FigureOptions:
    """How the panels of an exposure are drawn.

    Attributes
    ----------
    box : tuple of int or None
        First row, first column, and side in pixels of the square that is shown; None: all of it.
    stretch : tuple of float
        Black and white, in units of the scatter about the typical level.
    title : str
    """

    box: tuple[int, int, int] | None = None
    stretch: tuple[float, float] = (-2.0, 80.0)
    title: str = ""


def _canvas(size):
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise StepError(
            "Figures are drawn with matplotlib, which is missing: pip install 'acs_deepcr_step[train]'."
        ) from None
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure, path, dpi):
    with atomic(Path(path)) as temporary:
        figure.savefig(temporary, dpi=dpi, format="png")
    return Path(path)


def curves(path, tallies, title="", reading=PUBLISHED):
    """Draw Figure 3: a row for each filter, a column for each field type.

    Parameters
    ----------
    path : path-like
        The PNG.
    tallies : tally.Tallies
    title : str
        What the truth is; simulated or not.
    reading : {'published', 'plain'}
        Of the dotted curves, marked "+".

    Returns
    -------
    pathlib.Path

    Raises
    ------
    StepError
        If matplotlib is missing.
    ExposureError
        If the file cannot be written.
    """
    keys = tallies.keys()
    filters = sorted({key.filter for key in keys})
    there = {key.field for key in keys}
    fields = [field for field in FIELD_TYPES if field in there] + sorted(there - FIELD_TYPES.keys())
    colours = _colours({key.scorer for key in keys})
    figure = _canvas((1.0 + 4.2 * len(fields), 1.6 + 3.4 * len(filters)))
    grid = figure.subplots(len(filters), len(fields), squeeze=False, sharex=True)
    for row, band in zip(grid, filters, strict=True):
        for axes, field in zip(row, fields, strict=True):
            shown = [key for key in keys if (key.filter, key.field) == (band, field)]
            _panel(
                axes,
                tallies,
                sorted(shown, key=lambda key: list(colours).index(key.scorer)),
                reading,
                colours,
            )
            axes.set_title(f"{band}, {FIELD_TYPES.get(field, 'field not given')}", fontsize=11)
        row[0].set_ylabel("true-positive rate (%)")
    for axes in grid[-1]:
        axes.set_xlabel("false-positive rate (%)")
    lines = {line.get_label(): line for axes in grid.flat for line in axes.get_lines()}
    shown = [label for label in lines if not label.startswith("_")]
    columns = max(2, 2 * round(figure.get_figwidth() / 5))
    figure.legend(
        [lines[label] for label in shown], shown, loc="outside lower center", ncols=columns, fontsize=9
    )
    lines = [line for part in (title, _READING_TITLES[reading]) for line in _wrapped(part, figure)]
    figure.suptitle("\n".join(lines), fontsize=11)
    return _save(figure, path, 110)


def _wrapped(text, figure):
    """The text in lines that fit the figure's width, about 12 characters an inch."""
    return textwrap.wrap(text, int(12 * figure.get_figwidth()))


def _is_own(name):
    """Whether a model is one of the filters' own, as published."""
    return name.startswith("ACS-WFC-F") and name.count("-") == 2


def _colours(names):
    """Scorer -> colour, in the order of the legend: the paper's models, others, LACosmic."""
    order = sorted(
        names, key=lambda name: (name.startswith("LACosmic"), name != "ACS-WFC", not _is_own(name), name)
    )
    colours, spare = {}, iter(_COLOURS[2:] * len(order))
    for name in order:
        # One colour for all filters' own models, as in the paper: no panel holds two of them.
        own = _COLOURS[1] if _is_own(name) else None
        colours[name] = _COLOURS[0] if name == "ACS-WFC" else own or next(spare)
    return colours


def _label(key):
    """The filters' own models share a colour and a name."""
    return "ACS-WFC-<filter>" if _is_own(key.scorer) else key.scorer


def _panel(axes, tallies, keys, reading, colours):
    lowest = 100.0
    for key in keys:
        for dilate in (False, True):
            curve = tallies.roc(key, reading, dilate)
            name = _label(key)
            label = f"{name} +" if dilate else name
            style = {"color": colours[key.scorer], "label": label, "ls": ":" if dilate else "-"}
            points = len(curve.fpr) < 50
            style |= {"marker": "o" if points else None, "ms": 4, "lw": 1.1 if points else 1.6}
            axes.plot(100 * np.maximum(curve.fpr, 1e-7), 100 * curve.tpr, **style)
            seen = curve.tpr[(curve.fpr >= _SEEN_FROM) & (curve.fpr <= _RANGE[1])]
            lowest = min(lowest, 100 * seen.min()) if seen.size else lowest
    for rate in (LOW_FPR, HIGH_FPR):
        axes.axvline(100 * rate, color="0.75", lw=0.8, zorder=0)
    axes.set_xscale("log")
    axes.set_xlim(100 * _RANGE[0], 100 * _RANGE[1])
    axes.set_ylim(max(0.0, 10 * np.floor(lowest / 10) - 5), 101)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.grid(True, color="0.92", lw=0.6)
    axes.set_axisbelow(True)


def exposure(path, sample, options=None):
    """Draw Figure 1: the image and its truth.

    Parameters
    ----------
    path : path-like
        The PNG.
    sample : Sample
    options : FigureOptions, optional

    Returns
    -------
    pathlib.Path
    """
    return _panels(path, sample, [("true cosmic rays", sample.truth)], options)


def masks(path, sample, first, second, options=None):
    """Draw Figure 2: the image, its truth, two masks, and where the masks differ.

    Parameters
    ----------
    path : path-like
        The PNG.
    sample : Sample
    first, second : tuple of (str, ndarray)
        Names and masks, (R, C) bool: those of the global model and of the filter's own.
    options : FigureOptions, optional

    Returns
    -------
    pathlib.Path
    """
    differs = np.asarray(first[1], bool) ^ np.asarray(second[1], bool)
    residual = ("residual |first - second|", differs)
    return _panels(path, sample, [("true cosmic rays", sample.truth), first, second, residual], options)


def _panels(path, sample, planes, options):
    options = options or FigureOptions()
    box = np.s_[:, :]
    if options.box is not None:
        row, column, side = options.box
        box = np.s_[row : row + side, column : column + side]
    image, ignore = sample.image[box], sample.ignore[box]
    aspect = image.shape[0] / image.shape[1]
    figure = _canvas((3.6 * (1 + len(planes)), 3.6 * aspect + 0.9))
    grid = figure.subplots(1, 1 + len(planes), squeeze=False)[0]
    scaled, limits = _stretched(image, options.stretch)
    grid[0].imshow(scaled, **limits, origin="lower", interpolation="nearest", cmap="gray")
    grid[0].set_title(f"{sample.origin.exposure} {sample.origin.filter}".strip(), fontsize=11)
    for axes, (name, plane) in zip(grid[1:], planes, strict=True):
        shown = np.repeat(np.asarray(plane[box], np.float32)[..., None], 3, axis=2)
        # What does not count is neither hit nor clean.
        shown[ignore] = np.where(shown[ignore] > 0, _IGNORED_FLAGGED, _IGNORED)
        axes.imshow(shown, origin="lower", interpolation="nearest")
        axes.set_title(f"{name}: {np.count_nonzero(plane[box] & ~ignore)} pixels", fontsize=11)
    for axes in grid:
        axes.set(xticks=[], yticks=[])
    field = FIELD_TYPES.get(sample.origin.field, "")
    notes = [part for part in (options.title, field, "brown: ignored pixels" if ignore.any() else "") if part]
    figure.suptitle("\n".join(_wrapped("; ".join(notes), figure)), fontsize=11)
    return _save(figure, path, 110)


def _stretched(image, stretch):
    """The image as it is shown: linear about its typical level, logarithmic far above it."""
    values = image[np.isfinite(image)]
    level = np.median(values)
    sigma = max(1.4826 * np.median(np.abs(values - level)), 1e-6)
    black, white = np.arcsinh(np.array(stretch) / _SOFT)
    return np.arcsinh((image - level) / (_SOFT * sigma)), {"vmin": black, "vmax": white}
