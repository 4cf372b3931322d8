"""Draw the figures of the pages of results from the recorded tables in docs/tables.

    python tools/draw_results.py [--output docs/images]

``residual.png``: cosmic-ray flux left in the product against the number of exposures; ``time.png``: processor
time against the number of exposures. Nothing is measured here.
"""

import argparse
import csv
import io
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

DOCS = Path(__file__).resolve().parents[1] / "docs"
# Of each way: as the tables call it, as the legend does, colour, marker.
WAYS = (
    ("standard", "AstroDrizzle's own way", "#8a6d3b", "s"),
    ("astroscrappy", "astroscrappy (LACosmic)", "#7a7a7a", "v"),
    ("deepCR 0.3.1", "deepCR 0.3.1", "#9467bd", "^"),
    ("single", "the step, each exposure by itself", "#2f6db3", "o"),
    ("together", "the step, exposures together (default)", "#c4511b", "o"),
)
FIELDS = (("sparse", "#2f6db3"), ("crowded", "#c4511b"))
STYLE = {"font.family": "DejaVu Sans", "font.size": 9, "axes.grid": True, "grid.color": "#dddddd"}
COLOURS = 64


def recorded(name):
    """Return the rows of a recorded table.

    Parameters
    ----------
    name : str

    Returns
    -------
    list of dict of str
    """
    with open(DOCS / "tables" / f"{name}.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def residual(field="crowded"):
    """Return the figure of what is left in the product, by way and number of exposures.

    Parameters
    ----------
    field : str

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = [row for row in recorded("products_small_fields") if row["field"] == field]
    figure = Figure((6.5, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for way, label, colour, marker in WAYS:
        points = [
            (int(row["exposures"]), float(row["residual, e-"].replace(",", "")))
            for row in rows
            if row["way"] == way
        ]
        axes.plot(*zip(*points, strict=True), color=colour, marker=marker, label=label)
    axes.set(
        yscale="log", ylim=(5e3, 1e7), xticks=[1, 2, 3, 4, 6], xlabel="exposures",
        ylabel="cosmic-ray flux left in the product, e$^-$",
        title="Simulated crowded fields, F814W, 500 s each; a perfect mask leaves 0",
    )  # fmt: skip
    axes.legend(ncols=2, loc="upper center", fontsize=8)
    return figure


def time():
    """Return the figure of processor time by number of exposures.

    Returns
    -------
    matplotlib.figure.Figure
    """
    rows = recorded("time_by_exposures")
    figure = Figure((6.5, 3.6), layout="constrained")
    axes = figure.add_subplot()
    for field, colour in FIELDS:
        some = [row for row in rows if row["field"] == field]
        numbers = [int(row["exposures"]) for row in some]
        for way, style in (("together", "-"), ("alone", "--")):
            seconds = [float(row[f"{way}, s an exposure"]) for row in some]
            axes.plot(numbers, seconds, style, color=colour, marker="o", label=f"{field}, {way}")
    axes.set(
        xticks=numbers, ylim=(0, None), xlabel="exposures of the field",
        ylabel="processor time, s an exposure", title="Deciding, where the probabilities are known",
    )  # fmt: skip
    axes.legend(fontsize=8)
    return figure


def main():
    """Draw both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=DOCS / "images")
    output = parser.parse_args().output
    with mpl.rc_context(STYLE):
        for make in (residual, time):
            content = io.BytesIO()
            make().savefig(content, format="png", dpi=160)
            few = Image.open(content).convert("RGB").quantize(COLOURS)
            few.save(output / f"{make.__name__}.png", optimize=True)


if __name__ == "__main__":
    main()
