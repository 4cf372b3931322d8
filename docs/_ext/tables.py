"""Directives for what is written down elsewhere: parameters, models, and the help of the commands.

``{parameters}`` makes tables of the cfgspec, ``{models}`` one of the published models, ``{reasons}`` one of
the bits of FLAGS, ``{cameras}`` one of the detectors, ``{commands}`` a section of each subcommand with its
``--help``.
"""

import argparse
import os
import re

from sphinx.util.docutils import SphinxDirective

from acs_deepcr_step import cli, instruments, models
from acs_deepcr_step.arrays.reasons import REASONS
from acs_deepcr_step.config.specification import specification

WIDTH = "100"  # columns of the help texts


class Parameters(SphinxDirective):
    """A table for each section of the parameter file."""

    def run(self):
        """Return the nodes."""
        sections = {}
        for option in specification():
            sections.setdefault(option.section, []).append(option)
        lines = []
        for section, options in sections.items():
            lines += [f"**{f'[{section}]' if section else 'Top of the file'}**", ""]
            lines += _table(("parameter", "default", "allowed", "meaning"), map(_row, options)) + [""]
        return self.parse_text_to_nodes("\n".join(lines))


class Models(SphinxDirective):
    """A table of the published models."""

    def run(self):
        """Return the nodes."""
        rows = []
        for name in models.names():
            info = models.info(name)
            also = ", ".join(f"`{alias}`" for alias in info.aliases) or "-"
            rows.append(
                (f"`{info.name}`", info.trained_on, info.filter or "all", f"{info.levels}-{info.hidden}",
                 info.input_scale,
                 f"{info.threshold:g}", also, f"`{info.hashes[0]}`")
            )  # fmt: skip
        heading = (
            "name", "trained on", "filter", "network", "scale", "threshold", "also called", "`DCRHASH`",
        )  # fmt: skip
        return self.parse_text_to_nodes("\n".join(_table(heading, rows)))


class Reasons(SphinxDirective):
    """A table of the bits of the FLAGS array."""

    def run(self):
        """Return the nodes."""
        rows = [(str(one.value), f"`{one.name}`", f"This pixel was {one.description}.") for one in REASONS]
        return self.parse_text_to_nodes("\n".join(_table(("value", "name", "meaning"), rows)))


class Cameras(SphinxDirective):
    """A table of the detectors."""

    def run(self):
        """Return the nodes."""
        rows = []
        for one in instruments.KNOWN:
            if not one.refusal:
                rate = "{:g} to {:g}".format(*one.cr_rate)
                numbers = f"{one.pixel_arcsec:g}", f"{one.full_well:,.0f}", rate
                rows.append((str(one), _taken(one), f"`{one.default_model}`", *numbers))
        heading = (
            "camera", "taken", "default model", "arcsec a pixel", "saturated above, e-", "usual hits/s/cm²",
        )  # fmt: skip
        never = ", ".join(str(one) for one in instruments.KNOWN if one.refusal)
        lines = [*_table(heading, rows), "", f"Never taken, since they are no CCDs: {never}."]
        return self.parse_text_to_nodes("\n".join(lines))


def _taken(instrument):
    if instrument.is_taken:
        return "as it comes"
    return "`any_detector`; most stars are flagged" if instrument.is_coarse else "`any_detector`"


class Commands(SphinxDirective):
    """The help of every subcommand."""

    def run(self):
        """Return the nodes."""
        os.environ["COLUMNS"] = WIDTH
        lines = []
        for name, command in subcommands().items():
            lines += [f"## acs-deepcr {name}", "", "```text", command.format_help().rstrip(), "```", ""]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def subcommands():
    """Parsers of the subcommands by name, in the order of ``acs-deepcr --help``."""
    parser = cli.build_parser()
    [group] = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return group.choices


def _row(option):
    shown = "(empty)" if option.default == "" else f"`{option.default_text}`"
    return f"`{option.name}`", shown, _plain(option.allowed), _plain(option.help)


def _plain(text):
    """Text in which nothing is Markdown."""
    return re.sub(r"([\\`*_<>\[\]])", r"\\\1", text)


def _table(heading, rows):
    lines = [heading, ["---"] * len(heading), *rows]
    return ["| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines]


def setup(app):
    """Register the directives with Sphinx."""
    app.add_directive("parameters", Parameters)
    app.add_directive("models", Models)
    app.add_directive("reasons", Reasons)
    app.add_directive("cameras", Cameras)
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True, "version": "1"}
