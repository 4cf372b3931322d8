"""The published models as a terminal shows them: a table of 80 columns, and what else is known below it."""

import textwrap

from ..network import models

__all__ = ["model_lines"]

_HEADINGS = ("name", "kind", "trained on", "network", "threshold", "dcrhash")


def model_lines(width):
    """Return the models as lines.

    Parameters
    ----------
    width : int
        Columns of the screen; 80 at least.

    Returns
    -------
    list of str
    """
    infos = [models.info(name, kind) for kind in models.KINDS for name in models.names(kind)]
    rows = [_HEADINGS, *map(_cells, infos)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows] + [""]
    for text in (*_about_names(infos), *_about_input(infos), *_citations(infos)):
        lines += textwrap.wrap(text, max(width, 80), subsequent_indent="  ", break_on_hyphens=False)
    return lines


def _cells(info):
    return (
        info.name,
        info.kind,
        f"{info.detector} {info.filter}".strip(),
        f"{info.levels}-{info.hidden}",
        f"{info.threshold:g}" if info.kind == "mask" else "-",
        info.hashes[0],
    )


def _about_names(infos):
    yield "network: levels of the U-Net, and channels of the first; dcrhash: what headers name the weights by"
    also = "; ".join(f"{info.name} is {', '.join(info.aliases)}" for info in infos if info.aliases)
    if also:
        yield f"also called: {also}"


def _about_input(infos):
    for info in infos:
        if info.simulated:
            yield f"{info.name} was trained on simulated exposures"
        if info.standardise:
            yield f"input of {info.name}: (x - mean) / std, x in electrons"
        elif info.compression:
            yield (
                f"input of {info.name}: {info.compression}((x - median) / (2 sqrt(max(median, 0) + 25))), "
                "x in electrons, median of the image"
            )
        elif info.scale != 1:
            yield f"input of {info.name}: x / {info.scale:g}, x in electrons"


def _citations(infos):
    by_text = {}
    for info in infos:
        by_text.setdefault(info.citation, []).append(f"{info.name} ({info.kind})")
    for text, names in by_text.items():
        yield f"cite for {', '.join(names)}: {text}"
