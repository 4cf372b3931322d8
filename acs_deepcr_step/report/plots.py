"""Histograms, drawn with matplotlib on a canvas without a window."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from .pictures import data_uri

__all__ = ["charge_histogram", "probability_histogram", "size_histogram"]

_INK, _FILL, _MARK = "#33404f", "#8fb3cc", "#c2410c"
_STYLE = {"size": 9, "color": _INK}
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_TYPICAL_SIZE, _TYPICAL_CHARGE = 4, 1000.0  # pixels, electrons: of cosmic rays on ACS/WFC


def size_histogram(sizes):
    """Draw how many pixels the groups have.

    Parameters
    ----------
    sizes : ndarray, (N,), int
        Pixels of each group.

    Returns
    -------
    str
        The picture, as a data URI.
    """
    largest = max(float(sizes.max(initial=1)), 10.0)
    edges = np.unique(np.round(np.geomspace(1, largest + 1, 28)))
    figure, axes = _axes("Size of a group / pixels", "Groups")
    _steps(axes, edges - 0.5, np.histogram(sizes, edges)[0])
    _mark(axes, _TYPICAL_SIZE, f"typical {_TYPICAL_SIZE}")
    return _encoded(figure)


def charge_histogram(charges):
    """Draw how much charge the groups hold.

    Parameters
    ----------
    charges : ndarray, (N,), float
        Electrons above the background of each group.

    Returns
    -------
    str
        The picture, as a data URI.
    """
    positive = charges[charges > 0]
    edges = np.geomspace(10, max(float(positive.max(initial=1.0)), 1e5) * 1.01, 40)
    figure, axes = _axes("Charge of a group / e⁻", "Groups")
    _steps(axes, edges, np.histogram(positive, edges)[0])
    _mark(axes, _TYPICAL_CHARGE, f"typical {_TYPICAL_CHARGE:.0f}")
    return _encoded(figure)


def probability_histogram(counts, threshold):
    """Draw how many pixels have which probability.

    Parameters
    ----------
    counts : ndarray, (K,), int
        Pixels in equal bins of probability from 0 to 1.
    threshold : float
        Probability, 0 to 1.

    Returns
    -------
    str
        The picture, as a data URI.
    """
    figure, axes = _axes("Probability of a cosmic ray", "Pixels", log_x=False)
    _steps(axes, np.linspace(0, 1, counts.size + 1), counts)
    axes.set_xlim(0, 1)
    _mark(axes, threshold, f"threshold {threshold:g}")
    return _encoded(figure)


def _axes(x_label, y_label, log_x=True):
    # Margins and ticks are set by hand: matplotlib's automatic ones take most of a report's time.
    figure = Figure(figsize=(3.9, 2.5))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.15, 0.2, 0.82, 0.75))
    if log_x:
        _logarithmic(axes.xaxis, axes.set_xscale)
    axes.set_xlabel(x_label, **_STYLE)
    axes.set_ylabel(y_label, **_STYLE)
    axes.tick_params(labelsize=8, colors=_INK)
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(_INK)
    return figure, axes


def _logarithmic(axis, set_scale):
    set_scale("log")
    axis.set_major_locator(LogLocator(numticks=8))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(_power))


def _power(value, _position):
    """Return the label of a power of ten: 1, 10, 100, 1000, 10⁴ ..."""
    exponent = round(np.log10(value))
    return f"{value:.0f}" if exponent < 4 else f"10{str(exponent).translate(_SUPERSCRIPTS)}"


def _steps(axes, edges, counts):
    axes.stairs(counts, edges, fill=True, color=_FILL)
    axes.stairs(counts, edges, color=_INK, lw=0.8)
    if counts.max(initial=0) > 0:
        _logarithmic(axes.yaxis, axes.set_yscale)
        axes.set_ylim(0.7, 2.5 * counts.max())


def _mark(axes, x, text):
    axes.axvline(x, color=_MARK, lw=1.2, ls="--")
    axes.annotate(
        text, (x, 1), xycoords=("data", "axes fraction"), xytext=(4, -2), textcoords="offset points",
        va="top", size=8, color=_MARK,
    )  # fmt: skip


def _encoded(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=150)
    return data_uri(buffer.getvalue(), "png")
