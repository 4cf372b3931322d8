"""Draw how several exposures decide: the figure of docs/consensus.md.

    python tools/draw_consensus.py [--output docs/images/consensus.png]

The same matplotlib gives the same file.
"""

import argparse
import io
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image

OUTPUT = Path(__file__).parents[1] / "docs" / "images" / "consensus.png"
WIDTH, HEIGHT, DPI = 7.0, 7.2, 200  # inches; shown half as large as it is
INK, OURS, OTHERS, SKY, HIT, RULES = "#222222", "#e8eef7", "#f1ece0", "#2f6db3", "#c4511b", "#ececec"
COLOURS = 64

_CANDIDATES = "suspected, beside suspected,\nbright, or saturated:\n$f$ electrons each"
_ODDS = "by counting: how often a pixel\nof this $p$, $f$ and surroundings\nis a cosmic ray"
_OTHERS = "where they point, by their stars;\neach less its background map"
_SHOWN = "stars out, interpolate, stars back;\nvalue $V_i$ and variance $\\sigma_i^2$"
_POOLED = "$V$ with $\\sigma_V^2$: weighted median,\nof two the mean"
_HYPOTHESES = "Two hypotheses for $V$"
_RULES = "moving and changed sources, growth,\nsaturated pixels"
# Left, bottom, width and height in inches; colour; heading; text.
BOXES = (
    (0.15, 6.25, 2.55, 0.8, OURS, "One chip", "electrons, and a map of its\nbackground"),
    (0.15, 5.1, 2.55, 0.7, OURS, "Network", "probability $p$ of each pixel"),
    (0.15, 3.5, 2.55, 1.15, OURS, "Candidates", _CANDIDATES),
    (0.15, 1.4, 2.55, 1.65, OURS, "Calibrated log odds $T$", _ODDS),
    (0.15, 0.15, 2.55, 0.85, RULES, "Flags", "where $T + \\ln L$ is high enough"),
    (3.2, 6.25, 3.65, 0.8, OTHERS, "Other exposures, at most five", _OTHERS),
    (3.2, 4.85, 3.65, 0.9, OTHERS, "What each shows at the candidates", _SHOWN),
    (3.2, 3.5, 3.65, 0.85, OTHERS, "Pooled value", _POOLED),
    (3.2, 0.15, 3.65, 0.85, RULES, "A few rules", _RULES),
)
STORIES = (3.2, 1.4, 3.65, 1.65)


def draw(path):
    """Draw the figure into a file.

    Parameters
    ----------
    path : path
    """
    with mpl.rc_context({"font.family": "DejaVu Sans", "mathtext.fontset": "dejavusans", "text.color": INK}):
        figure = Figure((WIDTH, HEIGHT), dpi=DPI, facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, WIDTH), ylim=(0, HEIGHT))
        axes.axis("off")
        for left, bottom, width, height, colour, heading, text in BOXES:
            _box(axes, (left, bottom, width, height), colour)
            axes.text(left + 0.12, bottom + height - 0.11, heading, size=10.5, weight="bold", va="top")
            axes.text(left + 0.12, bottom + height - 0.36, text, size=9.5, va="top", linespacing=1.3)
        _arrows(axes)
        _stories(figure, axes)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png")
    image = Image.open(drawn).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    image.save(path, optimize=True)


def _box(axes, place, colour):
    left, bottom, width, height = place
    corners = "round,pad=0,rounding_size=0.08"
    axes.add_patch(FancyBboxPatch((left, bottom), width, height, corners, fc=colour, ec=INK, lw=0.8))


def _arrows(axes):
    style = {"arrowstyle": "-|>", "color": INK, "lw": 1.3, "shrinkA": 1, "shrinkB": 1}

    def arrow(start, end):
        axes.annotate("", end, start, arrowprops=style)

    ours, theirs = 1.42, 5.0
    for start, end in ((6.25, 5.8), (5.1, 4.65), (3.5, 3.05), (1.4, 1.0)):
        arrow((ours, start), (ours, end))
    for start, end in ((6.25, 5.75), (4.85, 4.35), (3.5, 3.05)):
        arrow((theirs, start), (theirs, end))
    arrow((2.7, 4.4), (3.2, 5.05))  # the places of the candidates
    arrow((2.7, 3.75), (3.2, 2.85))  # their electrons
    arrow((3.2, 1.6), (2.7, 0.85))  # the log ratio
    arrow((3.2, 0.45), (2.7, 0.45))
    axes.text(2.76, 4.83, "places", size=8.5, ha="center")
    axes.text(3.06, 3.38, "$f$", size=10, ha="center")
    axes.text(3.06, 1.14, "$\\ln L$", size=10, ha="left")


def _stories(figure, axes):
    """Draw the densities of the value that the others show, without and with a cosmic ray."""
    left, bottom, width, height = STORIES
    _box(axes, STORIES, "white")
    axes.text(left + 0.12, bottom + height - 0.11, _HYPOTHESES, size=10.5, weight="bold", va="top")
    place = (left + 0.15) / WIDTH, (bottom + 0.3) / HEIGHT, (width - 0.3) / WIDTH, (height - 0.62) / HEIGHT
    inset = figure.add_axes(place)
    flux, sigma, sigma_same, scale = 10.0, 1.0, 1.5, 12.0
    value = np.linspace(-5, 18, 600)
    changed = 1 / (np.pi * scale * (1 + (value / scale) ** 2))
    less = (1 / (1 + np.exp(-1.7 * value)) - 1 / (1 + np.exp(-1.7 * (value - flux)))) / flux
    sky = 0.03 * _normal(value, sigma) + 0.92 * _normal(value - flux, sigma_same) + 0.05 * changed
    hit = 0.5 * _normal(value, sigma) + 0.45 * less + 0.05 * changed
    for density, colour in ((sky, SKY), (hit, HIT)):
        inset.fill_between(value, density, color=colour, alpha=0.18, lw=0)
        inset.plot(value, density, color=colour, lw=1.6)
    inset.set(xlim=(-5, 18), ylim=(0, 0.36), xticks=[0, flux], yticks=[])
    inset.set_xticklabels(["0", "$f$"], size=9.5)
    inset.tick_params(length=3, pad=2)
    for side in ("top", "left", "right"):
        inset.spines[side].set_visible(False)
    inset.patch.set_alpha(0)
    inset.text(1.6, 0.24, "cosmic ray", color=HIT, size=9.5)
    inset.text(11.6, 0.24, "no cosmic ray", color=SKY, size=9.5)


def _normal(offset, sigma):
    return np.exp(-0.5 * (offset / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    draw(parser.parse_args().output)
