"""The directive ``{commands}``: a section of each subcommand with its ``--help``."""

import os

from sphinx.util.docutils import SphinxDirective
from tables import subcommands

WIDTH = "100"  # columns of the help texts


class Commands(SphinxDirective):
    """The help of every subcommand."""

    def run(self):
        """Return the nodes."""
        os.environ["COLUMNS"] = WIDTH
        lines = []
        for name, command in subcommands().items():
            lines += [f"## acs-deepcr {name}", "", "```text", command.format_help().rstrip(), "```", ""]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def setup(app):
    """Register the directive with Sphinx."""
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True, "version": "1"}
