"""The documentation is built as `make docs` does: every warning is an error, every name is found."""

import csv
import importlib
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from acs_deepcr_step import models
from acs_deepcr_step.config.specification import specification
from acs_deepcr_step.training import commands

ROOT = Path(__file__).parents[2]
OPENED = {"img": "src", "script": "src", "link": "href"}


class Links(HTMLParser):
    """What a page opens by itself, and what it links to, by the attributes of its tags."""

    def __init__(self, text):
        super().__init__()
        self.opened, self.linked, self.anchors = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.anchors.add(attributes.get("id"))
        if tag == "a" and "href" in attributes:
            self.linked.append(attributes["href"])
        if OPENED.get(tag) in attributes and attributes.get("rel") not in ("canonical", "next", "prev"):
            self.opened.append(attributes[OPENED[tag]])


def built(out, notebooks):
    """Build the pages, notebooks run or not."""
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", str(ROOT / "docs"), str(out)]
    env = {name: value for name, value in os.environ.items() if name != "ACS_DEEPCR_DOCS_ONLINE"}
    env |= {"ACS_DEEPCR_DOCS_NOTEBOOKS": notebooks, "MPLBACKEND": "Agg"}  # as the Makefile sets it
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return out


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built pages, notebooks without their outputs. One build serves the tests of this file."""
    out = built(tmp_path_factory.mktemp("docs") / "html", "off")
    yield out
    shutil.rmtree(out)


@pytest.mark.slow
def test_the_pages_show_what_the_notebooks_give(tmp_path):
    out = built(tmp_path / "html", "force")
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        text = (out / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        assert "cell_output" in text and "<img" in text and "Traceback" not in text


def test_every_notebook_is_a_page(site):
    names = [path.stem for path in (ROOT / "notebooks").glob("*.ipynb")]
    assert names and all((site / "notebooks" / f"{name}.html").is_file() for name in names)


@pytest.fixture(scope="module")
def pages(site):
    files = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    return {path: Links(path.read_text(encoding="utf-8")) for path in files}


def test_every_markdown_page_is_built(site):
    # That each is reached from the index is Sphinx's own check: a page outside the tables of contents warns.
    sources = [path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")]
    names = [path.with_suffix(".html") for path in sources if "_build" not in path.parts]
    assert names and all((site / name).is_file() for name in names)


def test_the_pages_open_nothing_from_the_network(pages):
    assert not {link for page in pages.values() for link in page.opened if "//" in link}


def test_links_between_the_pages_lead_somewhere(pages):
    missing = []
    for path, page in pages.items():
        for link in page.linked + page.opened:
            place = urlsplit(link)
            if place.scheme or place.netloc:
                continue
            target = (path.parent / unquote(place.path)).resolve() if place.path else path
            if not target.exists() or (
                place.fragment and target in pages and unquote(place.fragment) not in pages[target].anchors
            ):
                missing.append((path.name, link))
    assert not missing


def test_the_tables_name_every_parameter_model_and_command(site):
    parameters, algorithm = ((site / f"{name}.html").read_text() for name in ("parameters", "algorithm"))
    assert all(f">{option.name}<" in parameters for option in specification())
    assert all(f">{name}<" in algorithm for name in models.names())
    text = (site / "commands.html").read_text()
    names = ["run", "undo", "apply", "pars", *(module.NAME for module in commands.load())]
    assert all(f"acs-deepcr {name}<" in text for name in names)


def test_the_interface_has_every_public_function_with_its_parameters(site):
    text = (site / "api.html").read_text()
    for name in ("run", "undo", "apply", "drizzle_kwargs", "tweakreg_kwargs", "detect.probability"):
        assert f'id="acs_deepcr_step.{name}"' in text or f'id="acs_deepcr_step.handoff.{name}"' in text
    assert "Returns" in text and "Raises" in text


# Constants of the decision that no person chose freely, or that change no flag.
NOT_CHOSEN = {
    "_WITHIN_VISIT", "_BETWEEN_VISITS", "_MOST", "_SLOPES", "_ASKED", "_UNLIKE", "_AT_A_TIME", "_MEDIAN",
    "_SCATTER",
}  # fmt: skip


def test_the_numbers_that_a_person_chose_are_those_of_the_code():
    told = {}
    with open(ROOT / "docs" / "tables" / "consensus_numbers.csv", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            told.setdefault(row["module"].split()[0], {}).update(
                (one, float(value)) for one, value in re.findall(r"(_?[A-Z][A-Z_]+) ([\d.]+)", row["numbers"])
            )
    assert told
    for name, numbers in told.items():
        module = importlib.import_module(f"acs_deepcr_step.flagging.consensus.{name}")
        own = {
            one: value
            for one, value in vars(module).items()
            if re.fullmatch(r"_?[A-Z][A-Z_]*", one)
            and isinstance(value, float | int)
            and one not in NOT_CHOSEN
            and re.search(
                rf"^[A-Z_, ]*\b{one}\b[A-Z_, ]* = ", Path(module.__file__).read_text(), re.MULTILINE
            )
        }
        assert own == numbers, name
