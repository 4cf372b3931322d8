"""The pages as a Git host shows them: every link has a text, every picture words, every table is there."""

import csv
import importlib.util
import re
import sys
from dataclasses import fields

import pytest
from markdown_it import MarkdownIt
from pages import ROOT, pages

from acs_deepcr_step.work.results import Row

DOCS = ROOT / "docs"
# Of the README and all of docs/, without code, formulas, and tables that are made from the code.
MOST_WORDS = 18_000
PAGES = [path for path in pages() if path.name == "README.md" or path.is_relative_to(DOCS)]
SHOWN = [*PAGES, ROOT / "CONTRIBUTING.md"]
SPHINX = re.compile(r"^:::|^\(\S+\)=\s*$|\{(?:ref|doc|py:\w+|numref)\}`|^\s*:\w+:", re.MULTILINE)


FORMULA = re.compile(r"^\$\$\n.*?^\$\$$", re.DOTALL | re.MULTILINE)
MADE = re.compile(r"<!-- made: .*?<!-- end -->", re.DOTALL)


def tokens_of(text):
    """The tokens of a text, those inside of paragraphs and tables too, in one list."""
    tokens = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        tokens += [token, *(token.children or ())]
    return tokens


def parsed(page):
    """The tokens of a page."""
    return tokens_of(page.read_text(encoding="utf-8"))


def words(page):
    """How many words a person wrote: what has a letter, in text and tables."""
    text = FORMULA.sub("", MADE.sub("", page.read_text(encoding="utf-8")))
    shown = " ".join(token.content for token in tokens_of(text) if token.type in ("text", "code_inline"))
    return len([word for word in shown.split() if re.search("[A-Za-z]", word)])


def shown(page):
    """The text that a reader sees."""
    return " ".join(token.content for token in parsed(page) if token.type in ("text", "code_inline", "fence"))


def links(page):
    """Address and text of each link."""
    found, inside = [], None
    for token in parsed(page):
        if token.type == "link_open":
            inside = [token.attrGet("href"), ""]
        elif token.type == "link_close":
            found.append(tuple(inside))
            inside = None
        elif inside:
            inside[1] += token.content
    return found


def anchors(page):
    """The names that a Git host gives to headings."""
    tokens, names = parsed(page), set()
    for token, text in zip(tokens, tokens[1:], strict=False):
        if token.type == "heading_open":
            words = re.sub(r"[^\w\- ]", "", text.content.replace("`", "").lower())
            names.add(words.replace(" ", "-"))
    return names


def named(paths):
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


def module_at(path):
    """A module of a file outside of the package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    before = list(sys.path)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = before
    return module


@pytest.mark.parametrize("page", named(SHOWN))
def test_every_link_has_a_text_and_leads_somewhere(page):
    for address, text in links(page):
        assert text.strip(), address
        target, _, anchor = address.partition("#")
        if "//" not in address:
            leads_to = page.parent / target if target else page
            assert leads_to.exists(), address
            assert not anchor or anchor in anchors(leads_to), address


@pytest.mark.parametrize("page", named(SHOWN))
def test_every_picture_is_there_and_is_told_in_words(page):
    for token in parsed(page):
        if token.type == "image":
            assert (page.parent / token.attrGet("src")).is_file()
            assert len(token.content.split()) > 3, token.attrGet("src")


@pytest.mark.parametrize("page", named(SHOWN))
def test_the_page_has_its_content_without_sphinx(page):
    text = shown(page)
    assert len(text.split()) >= 20
    assert not SPHINX.search(text)
    assert not [token.info for token in parsed(page) if token.type == "fence" and "{" in token.info]


def test_the_pages_have_no_more_words_than_one_reads():
    numbers = {str(page.relative_to(ROOT)): words(page) for page in PAGES}
    print(*(f"{number:6} {name}" for name, number in numbers.items()), sep="\n")
    assert sum(numbers.values()) <= MOST_WORDS, sum(numbers.values())


def test_tables_in_the_pages_are_those_of_the_code():
    made = module_at(ROOT / "tools" / "write_tables.py")
    found = made.pages()
    text = "".join(page.read_text(encoding="utf-8") for page in found)
    names = re.findall(r"<!-- made: ([\w ]+?)(?::[^>]*)? -->", text)
    assert set(names) == set(made.MADE)
    texts = {page.name: page.read_text(encoding="utf-8") for page in found}
    stale = [name for name, text in texts.items() if made.written(text) != text]
    assert not stale, "python tools/write_tables.py writes them anew"


def test_recorded_tables_are_whole_linked_and_shown_in_the_built_pages():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    recorded = sorted((DOCS / "tables").iterdir())
    assert recorded
    for table in recorded:
        assert f"tables/{table.name})" in text, table.name
        assert re.search(rf"^```{{(csv-table|literalinclude)}}.*?tables/{table.name}", text, re.M | re.S)
        if table.suffix == ".csv":
            rows = list(csv.reader(table.read_text(encoding="utf-8").splitlines()))
            assert len(rows) > 1 and {len(row) for row in rows} == {len(rows[0])}, table.name


def test_every_column_of_the_result_table_is_told():
    text = (DOCS / "result_table.md").read_text(encoding="utf-8")
    assert not {one.name for one in fields(Row) if one.metadata and f"| `{one.name}` |" not in text}


def test_built_pages_read_what_stands_in_comments_and_leave_out_what_is_the_host_s():
    built = module_at(DOCS / "_ext" / "built.py")
    page = "a\n<!-- host -->\nb\n<!-- end host -->\n<!-- built\n```{toctree}\nc\n```\n-->\nd\n"
    read = built.read(page)
    assert read.split() == ["a", "```{toctree}", "c", "```", "d"]
    assert read.count("\n") == page.count("\n")  # so that Sphinx names the right line
