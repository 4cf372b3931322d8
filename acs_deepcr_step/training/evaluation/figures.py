"""The paper's figures: curves (Figure 3), and an exposure with its masks (Figures 1 and 2).

Drawn without pyplot: no display is needed and matplotlib's state does not change.
"""

import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import StepError
from ...files.atomic import atomic
from ..samples import FIELD_TYPES
from .roc import HIGH_FPR, LOW_FPR
from .tally import PLAIN, PUBLISHED, fields_of

__all__ = ["Box", "FigureOptions", "NamedMask", "curves", "exposure", "masks"]

# Okabe & Ito's colours, for colour-blind readers too; first those of the paper's two models.
_COLOURS = ("#E69F00", "#000000", "#0072B2", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")
_IGNORED, _IGNORED_FLAGGED = (0.30, 0.13, 0.10), (0.75, 0.45, 0.35)
_SOFTENING = 3.0  # sigma above the background at which the stretch turns from linear to logarithmic
_FPR_RANGE = (1e-4, 2e-2)
_MIN_FPR_SHOWN = 3e-4  # curves may leave the panel at the bottom below this FPR
_READING_TITLES = {
    PUBLISHED: "“+”: dilated TPR at the FPR before dilation; ignored pixels count as clean",
    PLAIN: "“+”: dilated TPR at dilated FPR; ignored pixels left out",
}


@dataclass(frozen=True)
class Box:
    """A square of an image.

    Attributes
    ----------
    row, column : int
        The first ones.
    side : int
        Pixels.
    """

    row: int
    column: int
    side: int

    @property
    def slices(self):
        """Slices of rows and columns."""
        return np.s_[self.row : self.row + self.side, self.column : self.column + self.side]


@dataclass(frozen=True, eq=False)
class NamedMask:
    """A mask with its name.

    Attributes
    ----------
    name : str
    mask : ndarray, (R, C), bool
    """

    name: str
    mask: np.ndarray


@dataclass(frozen=True)
class FigureOptions:
    """How the panels of an exposure are drawn.

    Attributes
    ----------
    box : Box or None
        The part of the image that is shown; None: all.
    black, white : float
        Limits of the stretch, sigma above the background.
    title : str
    """

    box: Box | None = None
    black: float = -2.0
    white: float = 80.0
    title: str = ""


def _canvas(size):
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise StepError(
            "Figures are drawn with matplotlib, which is missing: pip install matplotlib."
        ) from None
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure, path, dpi):
    with atomic(Path(path)) as temporary:
        figure.savefig(temporary, dpi=dpi, format="png")
    return Path(path)


def curves(path, tallies, title="", reading=PUBLISHED):
    """Draw Figure 3: a row per filter, a column per field type.

    Parameters
    ----------
    path : path-like
        The PNG.
    tallies : Tallies
    title : str
        What the truth is, and whether the exposures are simulated.
    reading : {'published', 'plain'}
        Of the dotted curves, marked "+".

    Returns
    -------
    pathlib.Path

    Raises
    ------
    StepError
        If matplotlib is missing.
    OutputError
        If the file cannot be written.
    """
    keys = tallies.keys()
    filters = sorted({key.filter for key in keys})
    fields = fields_of(keys)
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
    """Break a text into lines of the figure's width, about 12 characters per inch."""
    return textwrap.wrap(text, int(12 * figure.get_figwidth()))


def _is_filter_model(name):
    """Whether a scorer is a published model of a filter."""
    return name.startswith("ACS-WFC-F") and name.count("-") == 2


def _colours(names):
    """Return the colours of scorers, in the order of the legend: the paper's models, others, LACosmic."""
    order = sorted(
        names,
        key=lambda name: (name.startswith("LACosmic"), name != "ACS-WFC", not _is_filter_model(name), name),
    )
    colours, spare = {}, iter(_COLOURS[2:] * len(order))
    for name in order:
        # One colour for the models of all filters, as in the paper: no panel has two of them.
        if name == "ACS-WFC":
            colours[name] = _COLOURS[0]
        else:
            colours[name] = _COLOURS[1] if _is_filter_model(name) else next(spare)
    return colours


def _label(key):
    """Return the name in the legend; the models of all filters share one."""
    return "ACS-WFC-<filter>" if _is_filter_model(key.scorer) else key.scorer


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
            seen = curve.tpr[(curve.fpr >= _MIN_FPR_SHOWN) & (curve.fpr <= _FPR_RANGE[1])]
            lowest = min(lowest, 100 * seen.min()) if seen.size else lowest
    for rate in (LOW_FPR, HIGH_FPR):
        axes.axvline(100 * rate, color="0.75", lw=0.8, zorder=0)
    axes.set_xscale("log")
    axes.set_xlim(100 * _FPR_RANGE[0], 100 * _FPR_RANGE[1])
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
    return _panels(path, sample, [NamedMask("true cosmic rays", sample.truth)], options)


def masks(path, sample, first, second, options=None):
    """Draw Figure 2: the image, its truth, two masks and their difference.

    Parameters
    ----------
    path : path-like
        The PNG.
    sample : Sample
    first, second : NamedMask
        Of the global model and of the filter's model.
    options : FigureOptions, optional

    Returns
    -------
    pathlib.Path
    """
    differs = np.asarray(first.mask, bool) ^ np.asarray(second.mask, bool)
    truth, residual = (
        NamedMask("true cosmic rays", sample.truth),
        NamedMask("residual |first - second|", differs),
    )
    return _panels(path, sample, [truth, first, second, residual], options)


def _panels(path, sample, masks, options):
    options = options or FigureOptions()
    box = np.s_[:, :] if options.box is None else options.box.slices
    image, ignore = sample.image[box], sample.ignore[box]
    aspect = image.shape[0] / image.shape[1]
    figure = _canvas((3.6 * (1 + len(masks)), 3.6 * aspect + 0.9))
    grid = figure.subplots(1, 1 + len(masks), squeeze=False)[0]
    style = {"origin": "lower", "interpolation": "nearest"}
    vmin, vmax = _stretch_limits(options)
    grid[0].imshow(_stretched(image), vmin=vmin, vmax=vmax, cmap="gray", **style)
    grid[0].set_title(f"{sample.origin.exposure} {sample.origin.filter}".strip(), fontsize=11)
    for axes, named in zip(grid[1:], masks, strict=True):
        mask = named.mask[box]
        shown = np.repeat(np.asarray(mask, np.float32)[..., None], 3, axis=2)
        shown[ignore] = np.where(shown[ignore] > 0, _IGNORED_FLAGGED, _IGNORED)
        axes.imshow(shown, **style)
        axes.set_title(f"{named.name}: {np.count_nonzero(mask & ~ignore)} pixels", fontsize=11)
    for axes in grid:
        axes.set(xticks=[], yticks=[])
    field = FIELD_TYPES.get(sample.origin.field, "")
    notes = [part for part in (options.title, field, "brown: ignored pixels" if ignore.any() else "") if part]
    figure.suptitle("\n".join(_wrapped("; ".join(notes), figure)), fontsize=11)
    return _save(figure, path, 110)


def _stretched(image):
    """Return the image as shown: linear near its background, logarithmic far above."""
    values = image[np.isfinite(image)]
    background = np.median(values)
    sigma = max(1.4826 * np.median(np.abs(values - background)), 1e-6)
    return np.arcsinh((image - background) / (_SOFTENING * sigma))


def _stretch_limits(options):
    return np.arcsinh(np.array([options.black, options.white]) / _SOFTENING)
