"""TEAL finds the task and gives an object that the step takes, however it is installed."""

import os
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LOAD = """
import sys
from stsci.tools import teal
import acs_deepcr_step
from acs_deepcr_step.config.parameters import resolve

pars = teal.load("acs_deepcr_step")
assert resolve(pars) == resolve(), pars
assert teal.load("acs_deepcr_step", defaults=True) == pars
assert "threshold" in pars.getHelpAsString()
assert pars.canExecute()
assert "torch" not in sys.modules
print(acs_deepcr_step.__file__)
"""


def python(code, home, *, executable=sys.executable, path=None):
    """Run code in a fresh interpreter, in an empty directory that is its home too."""
    home.mkdir(exist_ok=True)
    environment = {**os.environ, "HOME": str(home), "PYTHONWARNINGS": "default"}
    environment.pop("PYTHONPATH", None)
    if path:
        environment["PYTHONPATH"] = str(path)
    done = subprocess.run(
        [str(executable), "-c", code], cwd=home, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def pip(*arguments, executable=sys.executable):
    command = [executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def checkout(tmp_path):
    """A copy of what git holds of the package, for builds that leave files behind."""
    copy = tmp_path / "checkout"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "acs_deepcr_step", copy / "acs_deepcr_step", ignore=ignore)
    (copy / "cfgspec").symlink_to("acs_deepcr_step/cfgspec")
    for name in ("setup.cfg", "pyproject.toml", "LICENSE", "DESCRIPTION.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, copy)
    return copy


def test_task_is_found_and_its_object_is_taken(tmp_path):
    python(LOAD, tmp_path / "home", path=ROOT)


def test_users_own_file_in_the_current_directory_is_loaded(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "mine.cfg").write_text("_task_name_ = acs_deepcr_step\n[OUTPUT]\ncrbit = 16384\n")
    code = (
        "from stsci.tools import teal\nfrom acs_deepcr_step.config.parameters import resolve\n"
        "print(resolve(teal.load('acs_deepcr_step', strict=False)).decision.crbit)"
    )
    assert python(code, home, path=ROOT).endswith("16384\n")


def test_object_changed_by_the_user_is_checked(tmp_path):
    code = (
        "from stsci.tools import teal\nfrom acs_deepcr_step.config.parameters import resolve\n"
        "pars = teal.load('acs_deepcr_step')\n"
        "pars['DETECTION']['threshold'] = 7\n"
        "try:\n    resolve(pars)\nexcept ValueError as error:\n    print(error)"
    )
    message = python(code, tmp_path / "home", path=ROOT)
    assert "acs_deepcr_step.cfg, section [DETECTION]: threshold = 7: it must be a number" in message


def test_file_saved_by_teal_is_read(tmp_path):
    code = (
        "from stsci.tools import teal\nfrom acs_deepcr_step.config.parameters import resolve\n"
        "pars = teal.load('acs_deepcr_step')\n"
        "pars['DETECTION']['grow'] = 3\n"
        "pars.saveParList(filename='saved.cfg')\n"
        "assert resolve('saved.cfg') == resolve(pars)\n"
        "print(resolve('saved.cfg').decision.grow)"
    )
    assert python(code, tmp_path / "home", path=ROOT).endswith("3\n")


def test_wheel_holds_the_task(tmp_path, checkout):
    pip("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", tmp_path, checkout)
    (wheel,) = tmp_path.glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
        names = archive.namelist()
    assert not [name for name in names if not name.startswith("acs_deepcr_step")]
    there = python(LOAD, tmp_path / "home", path=installed)
    assert there.strip().endswith(str(installed / "acs_deepcr_step" / "__init__.py"))


def test_editable_install_holds_the_task(tmp_path, checkout):
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False, symlinks=True)
    executable = environment / "bin" / "python"
    (packages,) = environment.glob("lib/python*/site-packages")
    # The packages at hand serve the new environment too, this step's own installation excepted.
    (packages / "outer.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    pip("install", "--no-build-isolation", "--no-deps", "-e", checkout, executable=executable)
    there = python(LOAD, tmp_path / "home", executable=executable)
    assert there.strip().endswith(str(checkout / "acs_deepcr_step" / "__init__.py"))
    command = subprocess.run(
        [environment / "bin" / "acs-deepcr", "--version"], capture_output=True, text=True, check=True
    )
    assert command.stdout.startswith("acs-deepcr ")


def test_astrodrizzle_file_is_valid_for_teal(tmp_path):
    code = (
        "from drizzlepac import astrodrizzle\nfrom stsci.tools import teal\n"
        "from acs_deepcr_step import handoff\n"
        "pars = teal.load(handoff.cfg_path())\n"
        "flat = {}\n"
        "for name, value in pars.items():\n"
        "    flat.update(value if isinstance(value, dict) else {name: value})\n"
        "given = handoff.drizzle_kwargs()\n"
        "print(all(flat[name] == value or str(flat[name]) == str(value) for name, value in given.items()))"
    )
    assert python(code, tmp_path / "home", path=ROOT).endswith("True\n")
