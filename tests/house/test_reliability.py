"""Each promise of the page on file safety names tests, and these are there."""

import re

import pytest
from pages import ROOT

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
TEST = re.compile(r"`(test_\w+)(\.py)?`")


def section(heading):
    """The text of a section."""
    return PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def items(heading):
    """The items and rows of a section, whole."""
    begin = r"(?:- |\d\. |\| )"
    return [one for one in re.split(rf"\n(?={begin})", section(heading)) if re.match(begin, one)]


PROMISES = [
    *items("The promise"),
    *items("What to do after a fault")[1:],
    *items("What undo promises"),
    *items("Several runs, several processes"),
    *re.split(r"(?<=[.)]) ", section("What files are trusted with")),
]


def test_the_promises_are_found():
    assert len(PROMISES) >= 6 + 11 + 3 + 4 + 3


@pytest.mark.parametrize("promise", PROMISES, ids=range(len(PROMISES)))
def test_each_promise_names_a_test(promise):
    assert TEST.search(promise), promise


def test_each_test_that_is_named_is_there():
    sources = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    defined = set(re.findall(r"^def (test_\w+)", "\n".join(sources.values()), re.MULTILINE))
    named = {(name, bool(ending)) for name, ending in TEST.findall(PAGE)}
    missing = [name for name, is_file in named if name not in (sources if is_file else defined)]
    assert named and not missing
