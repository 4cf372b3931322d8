"""The blocks of code in the Markdown pages, and what is said of them in comments.

A comment right before a block, on a line of its own, says how it is tested:

    <!-- not run: needs a network -->    it is not; only its options are looked up
    <!-- warns: trained on ACS/WFC -->   this has to be in a StepWarning of the block
"""

import re
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
_COMMENT = re.compile(r"<!--\s*(not run|warns):\s*(.*?)\s*-->")


@dataclass(frozen=True)
class Block:
    """A fenced or indented block.

    Attributes
    ----------
    page : pathlib.Path
    line : int
        Its first line of code, from 1.
    language : str
        Empty where there is none.
    source : str
    reason : str
        Why it is not run; empty if it is.
    warns : str
        Text of the warning that belongs to it.
    """

    page: Path
    line: int
    language: str
    source: str
    reason: str = ""
    warns: str = ""

    @property
    def place(self):
        """Page and line, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages():
    """Return all Markdown pages of the project, README first."""
    folders = [ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md")]
    found = [path for folder in folders for path in folder if "_build" not in path.parts]
    return sorted(found, key=lambda path: (path.name != "README.md", path))


def blocks(page):
    """Return the blocks of a page in their order."""
    found, comment = [], {}
    for token in MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8")):
        if token.type in ("fence", "code_block"):
            first = token.map[0] + (2 if token.type == "fence" else 1)
            language = token.info.strip()
            found.append(
                Block(
                    page, first, language, token.content, comment.get("not run", ""), comment.get("warns", "")
                )
            )
        # A comment holds for the block that follows it, and for no other.
        comment = dict(_COMMENT.findall(token.content)) if token.type == "html_block" else {}
    return found
