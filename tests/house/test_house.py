"""The house: imports go down the list of folders only, and each folder loads what it may."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import acs_deepcr_step

PACKAGE = Path(acs_deepcr_step.__file__).parent

# From the top to the bottom. A module imports from those below its own place, and from its own folder.
ORDER = (
    ("__init__", "__main__", "cli", "console", "demo", "streams", "detect", "inpaint", "models"),
    ("training",),
    ("product",),
    ("step", "cleaning"),
    ("report",),
    ("simulate",),
    ("work",),
    ("files",),
    ("flagging",),
    ("network",),
    ("handoff",),
    ("config",),
    ("arrays",),
    ("instruments",),
    ("regular_file",),
    ("errors",),
)
PLACE = {name: number for number, names in enumerate(ORDER) for name in names}


def modules():
    """Every module of the package, by its dotted name below it."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): path
        for path in sorted(PACKAGE.rglob("*.py"))
        if "__pycache__" not in path.parts
    }


MODULES = modules()


def imported(name):
    """The modules of ours that a module imports, those inside functions too."""
    return imports_of(MODULES[name].read_text(encoding="utf-8"), name)


def imports_of(text, name):
    """The modules of ours that the text of a module imports.

    A public name that the package itself offers counts as the module that has it.
    """
    found = set()
    for parts in dotted_imports(text):
        if parts[0] == "":  # relative: as many empty parts as dots
            dots = sum(part == "" for part in parts)
            parts = [PACKAGE.name, *name.split(".")[:-dots], *parts[dots:]]
        if parts[0] == PACKAGE.name:
            found.add(_module(parts[1:]))
    return found


def dotted_imports(text):
    """Everything that a text imports, from the top or inside functions, as lists of names."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [""] * node.level + (node.module.split(".") if node.module else [])
            yield from ([*base, *alias.name.split(".")] for alias in node.names)


def _module(parts):
    """The module that has a name of the package, given by its parts."""
    if len(parts) == 1 and parts[0] in acs_deepcr_step._HOMES:
        return acs_deepcr_step._HOMES[parts[0]]
    while parts:
        candidates = (".".join(parts), ".".join([*parts, "__init__"]))
        found = next((one for one in candidates if one in MODULES), None)
        if found:
            return found
        parts = parts[:-1]
    return "__init__"


def top(name):
    return name.split(".")[0]


def test_every_module_has_its_place():
    assert {top(name) for name in MODULES} == set(PLACE)


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down(name):
    # The version stands in the package itself.
    others = {one for one in imported(name) if one != "__init__" and top(one) != top(name)}
    if name != "__init__":
        same = {one for one in others if PLACE[top(one)] == PLACE[top(name)] == 0}
        assert {one for one in others - same if PLACE[top(one)] <= PLACE[top(name)]} == set()


# The same of the folders of training; `roc` and the folder's own face gather names.
TRAINING_ORDER = (
    "commands", "reproduce", "simulated", "fit", "calibration", "evaluation", "truth", "patches", "archive",
    "samples",
)  # fmt: skip


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("training.")])
def test_imports_within_training_go_down(name):
    folder = name.split(".")[1]
    others = {one.split(".")[1] for one in imported(name) if top(one) == "training"} - {folder}
    if folder not in ("__init__", "roc"):
        assert {one for one in others if TRAINING_ORDER.index(one) <= TRAINING_ORDER.index(folder)} == set()


def test_imports_make_no_circle():
    graph = {name: imported(name) - {"__init__", name} for name in MODULES if name != "__init__"}
    # A folder's own face may gather what its modules offer.
    left = {name: {one for one in others if not one.endswith("__init__")} for name, others in graph.items()}
    while left:
        free = [name for name, others in left.items() if not others & left.keys()]
        assert free, f"these import each other: {sorted(left)}"
        for name in free:
            del left[name]


def test_few_modules_lie_outside_the_folders():
    assert sum("." not in name for name in MODULES) <= 14


@pytest.mark.parametrize("name", MODULES)
def test_modules_and_functions_are_small(name):
    text = MODULES[name].read_text(encoding="utf-8")
    assert text.count("\n") <= 350
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= 60, node.name


@pytest.mark.parametrize("name", [name for name in MODULES if name != "__main__"])
def test_what_a_module_offers_is_there(name):
    dotted = f"{PACKAGE.name}.{name}".removesuffix(".__init__")
    module = importlib.import_module(dotted)
    defined = {
        node.name
        for node in ast.parse(MODULES[name].read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    }
    if defined:
        assert hasattr(module, "__all__"), "no __all__"
        assert all(hasattr(module, one) for one in module.__all__)
        assert defined <= set(module.__all__)


# What no module of a folder may import, at the top or inside a function. Of work, those that call
# the network do so when it is its turn.
FORBIDDEN = {
    "arrays": {"torch", "astropy", "stsci", "network"},
    "config": {"torch", "astropy", "scipy", "tkinter", "network"},
    "flagging": {"torch", "astropy.io", "network", "files"},
    "files": {"torch", "network"},
    "network": {"astropy", "files"},
    "simulate": {"torch", "network"},
}


def forbidden(text, folder):
    """What a text imports that a module of a folder may not."""
    names = {".".join(part for part in parts if part) for parts in dotted_imports(text)}
    return {name for name in names for no in FORBIDDEN[folder] if f"{name}.".startswith(f"{no}.")}


@pytest.mark.parametrize("name", [name for name in MODULES if top(name) in FORBIDDEN])
def test_modules_import_only_what_their_folder_may(name):
    assert forbidden(MODULES[name].read_text(encoding="utf-8"), top(name)) == set()


@pytest.mark.parametrize(
    "text",
    [
        "from ..work import log",
        "def f():\n    from ..work import log",
        "def f():\n    import acs_deepcr_step.work.log",
        "import acs_deepcr_step.work.log as log",
        "from acs_deepcr_step.work.log import RunLog",
        "from acs_deepcr_step.work import log",
    ],
)
def test_the_check_of_imports_sees_every_form(text):
    assert imports_of(text, "files.space") == {"work.log"}


def test_the_check_of_imports_sees_public_names_where_they_live():
    assert imports_of("from .. import run", "work.log") == {"step"}
    assert imports_of("from acs_deepcr_step import drizzle_kwargs", "work.log") == {"handoff"}
    assert imports_of("from .. import __version__", "work.log") == {"__init__"}


def test_the_check_of_what_a_folder_may_import_sees_it():
    assert forbidden("def f():\n    import torch.nn", "files") == {"torch.nn"}
    assert forbidden("from astropy.io import fits", "flagging") == {"astropy.io.fits"}
    assert not forbidden("from astropy.wcs import WCS", "flagging")


NO_TORCH = ("arrays", "config", "files", "flagging", "handoff", "instruments", "report", "simulate", "work")


@pytest.mark.parametrize("folder", NO_TORCH)
def test_nothing_here_loads_pytorch(folder):
    assert "torch" not in _loaded(folder)


def test_arrays_and_config_load_no_astropy():
    assert not _loaded("arrays") & {"astropy", "stsci"}
    assert not _loaded("config") & {"astropy", "scipy", "tkinter"}


def _loaded(folder):
    """The packages that importing every module of a folder loads, in an interpreter of its own."""
    names = [name.removesuffix(".__init__") for name in MODULES if top(name) == folder]
    code = "\n".join(f"import {PACKAGE.name}.{name}" for name in names)
    code += "\nimport sys\nprint(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


CALL_EACH_NAME = """
import importlib, pkgutil
import acs_deepcr_step as package
for found in pkgutil.walk_packages(package.__path__, "acs_deepcr_step."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
for name in ("run", "undo", "apply", "clean", "drizzle", "drizzle_kwargs", "tweakreg_kwargs"):
    assert callable(getattr(package, name)), name
assert callable(package.getHelpAsString)
assert callable(package.simulate.association) and callable(package.simulate.chip)
assert callable(package.detect.probability) and callable(package.inpaint.inpaint)
assert callable(package.report.write) and callable(package.models.load)
assert callable(package.training.roc.curve)
from acs_deepcr_step import apply, clean, run, undo
from acs_deepcr_step.simulate import association
assert package.drizzle_kwargs()["resetbits"] == 0 and package.tweakreg_kwargs(8192)
assert all(map(callable, (apply, clean, run, undo, association)))
"""


def test_no_module_takes_the_place_of_a_public_function():
    """Importing a module puts it into its package under its name: no function may be called so."""
    subprocess.run([sys.executable, "-c", CALL_EACH_NAME], check=True)


PUBLIC = {
    "detect": ("probability", "mask", "Detector"),
    "errors": ("StepError", "OutputError"),
    "handoff": ("cfg_path",),
    "inpaint": ("inpaint",),
    "models": ("names", "info", "load"),
    "report": ("write",),
    "simulate": ("association", "chip", "read_truth", "without_cosmic_rays"),
    "training.roc": ("curve",),
}


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_reached_after_a_bare_import(module):
    names = ", ".join(f"acs_deepcr_step.{module}.{name}" for name in PUBLIC[module])
    subprocess.run([sys.executable, "-c", f"import acs_deepcr_step\n{names}"], check=True)


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_are_reached_by_their_import_statement(module):
    found = importlib.import_module(f"acs_deepcr_step.{module}")
    assert all(callable(getattr(found, name)) for name in PUBLIC[module])


def test_no_folder_is_left_without_a_word_on_it():
    for info in pkgutil.walk_packages(acs_deepcr_step.__path__, f"{PACKAGE.name}."):
        if info.ispkg:
            assert importlib.import_module(info.name).__doc__, info.name
