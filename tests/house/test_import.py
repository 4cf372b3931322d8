"""Importing the package, and asking for help, is light and leaves the process as it was."""

import importlib
import subprocess
import sys

import pytest
from helpers import flag

import acs_deepcr_step

HEAVY = ("torch", "astropy", "drizzlepac", "tkinter", "numpy", "scipy", "matplotlib", "stwcs", "deepCR")


def loaded(code):
    """Return which heavy packages a fresh interpreter has loaded after some code."""
    report = f"\nimport sys\nprint([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


HELP = """
from acs_deepcr_step.cli import main
try:
    main({arguments})
except SystemExit as stop:
    assert not stop.code
"""


@pytest.mark.parametrize(
    "code",
    [
        "import acs_deepcr_step",
        "import acs_deepcr_step; acs_deepcr_step.getHelpAsString()",
        "import acs_deepcr_step; acs_deepcr_step.drizzle_kwargs; dir(acs_deepcr_step)",
        "import acs_deepcr_step.config.parameters; acs_deepcr_step.config.parameters.resolve()",
        *(HELP.format(arguments=call) for call in (["--help"], ["run", "--help"], ["pars"], ["--version"])),
    ],
    ids=["import", "help text", "hand-off", "parameters", "--help", "run --help", "pars", "--version"],
)
def test_nothing_heavy_is_loaded(code):
    assert loaded(code) == "[]"


def test_undo_apply_and_report_load_no_pytorch(one):
    flag(one)
    names = f"{str(one)!r}, runfile='', progress=False"
    code = (
        "import acs_deepcr_step\n"
        f"acs_deepcr_step.report.write({str(one)!r})\n"
        f"table = acs_deepcr_step.undo({names})\n"
        "assert set(table['status']) == {'undone'}\n"
        f"table = acs_deepcr_step.apply({names})\n"
        "assert set(table['status']) == {'done'} and sum(table['n_flagged'])\n"
    )
    assert "torch" not in loaded(code)


def test_the_check_above_sees_what_is_loaded():
    assert loaded("import numpy") == "['numpy']"


def test_import_leaves_logging_warnings_and_threads_alone():
    code = """
import logging, os, threading, warnings
before = (list(warnings.filters), list(logging.root.handlers), logging.root.level, dict(os.environ))
import acs_deepcr_step, acs_deepcr_step.cli, acs_deepcr_step.handoff, acs_deepcr_step.config.parameters
after = (list(warnings.filters), list(logging.root.handlers), logging.root.level, dict(os.environ))
assert before == after, (before, after)
assert threading.active_count() == 1
for name, logger in logging.root.manager.loggerDict.items():
    if name.startswith("acs_deepcr_step") and isinstance(logger, logging.Logger):
        assert not logger.handlers and logger.level == logging.NOTSET, name
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", [*acs_deepcr_step._HOMES, *acs_deepcr_step._SUBMODULES])
def test_public_name_is_there_and_listed(name):
    assert hasattr(acs_deepcr_step, name) and name in dir(acs_deepcr_step)


def test_public_functions_are_those_of_their_modules():
    for name, home in acs_deepcr_step._HOMES.items():
        module = importlib.import_module(f"acs_deepcr_step.{home}")
        assert getattr(acs_deepcr_step, name) is getattr(module, name)


def test_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        acs_deepcr_step.nonsense  # noqa: B018 (the access is the test)


def test_task_name_is_the_packages():
    assert acs_deepcr_step.__taskname__ == acs_deepcr_step.__name__ == "acs_deepcr_step"


def test_help_names_version_and_every_parameter():
    from acs_deepcr_step.config.parameters import specification

    text = acs_deepcr_step.getHelpAsString()
    assert text.startswith(f"acs_deepcr_step {acs_deepcr_step.__version__}")
    assert all(f"\n{option.name} : " in text for option in specification())
    assert not acs_deepcr_step.getHelpAsString(show_ver=False).startswith("acs_deepcr_step ")
    assert acs_deepcr_step.run.__doc__ in acs_deepcr_step.getHelpAsString(docstring=True)
