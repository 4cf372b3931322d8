"""Every command and every line of Python of the pages is run, on small simulated exposures.

A page is one session: its blocks run in their order, in one directory, with one namespace.
"""

import ast
import configparser
import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from dataclasses import dataclass, field

import pytest
from drizzling import drizzlepac_quiet
from pages import ROOT, blocks, pages

from acs_deepcr_step import cli, simulate
from acs_deepcr_step.config.parameters import specification
from acs_deepcr_step.errors import StepWarning

# What the exposures of a page are like where the usual ones will not do.
USUAL = {"n": 2, "shape": (384, 384), "chips": 2, "star_density": 10.0, "seed": 3}
RICH = {"n": 3, "shape": (384, 384), "chips": 1, "star_density": 35.0, "seed": 4}
FIELDS = {
    "docs/howto/crowded.md": {**USUAL, "field": "crowded", "star_density": 1.0},
    "docs/howto/subarrays.md": {**USUAL, "shape": (250, 333), "chips": 1, "star_density": 20.0},
    "docs/training/evaluate.md": RICH,
    "docs/training/train.md": RICH,
    "docs/training/truth.md": RICH,
}
SLOW = {
    "docs/howto/look.md",
    "docs/howto/pipeline.md",
    "docs/howto/product.md",
    "docs/howto/report.md",
    "docs/howto/several.md",
    "docs/howto/undo.md",
    "docs/howto/visits.md",
    "docs/training/evaluate.md",
    "docs/training/train.md",
    "docs/training/truth.md",
}

# Why a block may be left out. Anything else has to be run.
REASONS = (
    "needs a network",
    "needs a cluster",
    "needs a GPU",
    "needs a screen",
    "needs minutes",
    "needs hours",
    "needs weights of your own",
    "runs these tests",
)
LANGUAGES = ("python", "sh", "text")

ALL = [block for page in pages() for block in blocks(page)]
RUN = [block for block in ALL if block.language in ("python", "sh") and not block.reason]
LEFT_OUT = [block for block in ALL if block.reason]


def _sessions():
    found = []
    for page in dict.fromkeys(block.page for block in RUN):
        name = str(page.relative_to(ROOT))
        found.append(pytest.param(page, id=name, marks=[pytest.mark.slow] if name in SLOW else []))
    return found


@dataclass
class Session:
    """A page's directory and namespace, and how its blocks are run there."""

    commands: str
    namespace: dict = field(default_factory=lambda: {"__name__": "__main__"})

    def run(self, block):
        if block.language == "sh":
            self._shell(block)
        else:
            code = compile("\n" * (block.line - 1) + block.source, str(block.page), "exec")
            exec(code, self.namespace)

    def _shell(self, block):
        path = os.pathsep.join([self.commands, os.path.dirname(sys.executable), os.environ["PATH"]])
        env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            ["bash", "-eu", "-c", block.source], env=env, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{block.place}: {done.stdout}{done.stderr}"


@pytest.fixture
def session(tmp_path):
    """`acs-deepcr` is this package's, installed or not."""
    commands = tmp_path / "bin"
    commands.mkdir()
    script = commands / "acs-deepcr"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m acs_deepcr_step "$@"\n')
    script.chmod(0o755)
    return Session(str(commands))


@pytest.fixture(scope="session")
def exposures(tmp_path_factory):
    """Directory of a page's exposures; not to be changed."""
    made = {}

    def give(name):
        settings = FIELDS.get(name, USUAL)
        key = repr(settings)
        if key not in made:
            made[key] = tmp_path_factory.mktemp("page")
            simulate.association(made[key], **settings)
        return made[key]

    return give


@pytest.mark.parametrize("page", _sessions())
def test_every_block_of_the_page_runs(page, session, exposures, here, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    shutil.copytree(exposures(str(page.relative_to(ROOT))), here, dirs_exist_ok=True)
    for block in [block for block in RUN if block.page == page]:
        with drizzlepac_quiet(r".*\.fits"), warnings.catch_warnings(record=True) as caught:
            warnings.filterwarnings("always", category=StepWarning)
            try:
                session.run(block)
            except Exception as error:
                error.add_note(f"in the block at {block.place}")
                raise
        told = [str(warning.message) for warning in caught if issubclass(warning.category, StepWarning)]
        expected = any(block.warns in text for text in told) if block.warns else not told
        assert expected, (block.place, block.warns, told)


def test_the_tour_of_the_house_names_every_module():
    tour = next(b.source for b in ALL if b.page.name == "CONTRIBUTING.md" and b.language == "text")
    package = ROOT / "acs_deepcr_step"
    files = {path.name for path in package.glob("*.py")}
    folders = {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    assert {name for name in files | folders if name not in tour} == set()


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_to_other_files_lead_somewhere(name):
    links = re.findall(r"\]\(([^)#\s]+)", (ROOT / name).read_text(encoding="utf-8"))
    local = [link for link in links if "//" not in link]
    assert local and all((ROOT / link).exists() for link in local)


def test_no_block_is_without_a_language():
    directives = re.compile(r"\{[\w:-]+\}")
    wrong = [b.place for b in ALL if b.language not in LANGUAGES and not directives.match(b.language)]
    assert not wrong


def test_a_block_is_left_out_only_for_a_known_reason():
    assert {block.place: block.reason for block in LEFT_OUT if block.reason not in REASONS} == {}
    print(*(f"{block.place}: {block.reason}" for block in LEFT_OUT), sep="\n")


def test_examples_with_workers_have_the_guard_that_these_need():
    some = [b for b in ALL if b.language == "python" and re.search(r"workers=(?!1\b)", b.source)]
    assert some and [b.place for b in some if 'if __name__ == "__main__":' not in b.source] == []


@pytest.mark.parametrize("block", LEFT_OUT, ids=lambda block: block.place)
def test_what_is_left_out_is_called_as_it_can_be(block):
    if block.language == "python":
        _check_python(block)
    else:
        for line in block.source.replace("\\\n", " ").splitlines():
            _check_command(shlex.split(line, comments=True), block)


def _check_python(block):
    known = {option.name for option in specification()} | {"executor", "configobj", "input"}
    for node in ast.walk(ast.parse(block.source)):
        name = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if name in ("acs_deepcr_step.run", "acs_deepcr_step.apply", "acs_deepcr_step.undo"):
            assert {keyword.arg for keyword in node.keywords} <= known, block.place


def _check_command(words, block):
    while words and re.fullmatch(r"\w+=\S*", words[0]):  # variables of the environment
        words = words[1:]
    if not words:
        return
    program, *arguments = words
    checks = {"acs-deepcr": _check_ours, "make": _check_make, "python": _check_script, "pip": _check_pip}
    check = checks.get(os.path.basename(program))
    if check:
        check(arguments, block)


def _check_ours(arguments, block):
    printed = arguments.index(">") if ">" in arguments else len(arguments)
    cli.build_parser().parse_args(arguments[:printed])


def _check_make(arguments, block):
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(arguments) <= set(targets), block.place


def _check_pip(arguments, block):
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    wanted = re.findall(r"\[([\w,]+)\]", " ".join(arguments))
    assert {name for names in wanted for name in names.split(",")} <= set(setup["options.extras_require"])
    for name in arguments[1:]:
        assert not name.endswith(".txt") or (ROOT / name).is_file(), block.place


def _check_script(arguments, block):
    if arguments[0] == "-m":
        return
    script = ROOT / arguments[0]
    assert script.is_file(), block.place
    options = [word for word in arguments[1:] if word.startswith("--")]
    assert not options or set(options) <= set(_options_of(script)), block.place


@functools.cache
def _options_of(script):
    """The options that a script knows."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(script), "--help"], env=env, capture_output=True, text=True, check=True
    )
    return re.findall(r"--[\w-]+", done.stdout)
