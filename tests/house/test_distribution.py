"""What is declared and packed: dependencies, Pythons, and what wheel and source distribution hold."""

import ast
import configparser
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import acs_deepcr_step

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "acs_deepcr_step"
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")
EXTRAS = SETUP["options.extras_require"]

# By what is imported, where that is not the distribution's own name.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "dask": "distributed",
    "stsci": "stsci.tools",
    "torch.utils.tensorboard": "tensorboard",
}
GENERATED = shutil.ignore_patterns(
    *(".git", ".venv*", ".*_cache", ".hypothesis", "__pycache__", "acs_deepcr_demo"),
    *("_build", "build", "dist", "*.egg-info", "benchmark_results"),
)


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def names(lines):
    """The distributions that a list of requirements names."""
    return {re.match(r"[\w.-]+", line)[0] for line in lines.strip().splitlines()}


def imported(path):
    """The distributions that a module imports, inside functions too, or asks `require_module` for."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("require_module"):
            found.add(ast.literal_eval(node.args[0]))
    ours = (*sys.stdlib_module_names, PACKAGE.name)
    tops = {name if name in DISTRIBUTIONS else name.partition(".")[0] for name in found}
    return {DISTRIBUTIONS.get(name, name) for name in tops if name not in ours}


def test_what_is_imported_is_declared_and_nothing_else():
    base, training = set(), set()
    for path in PACKAGE.rglob("*.py"):
        (training if "training" in path.parts else base).update(imported(path))
    always = names(SETUP["options"]["install_requires"])
    assert base == always | names(EXTRAS["dask"])
    assert training - always == names(EXTRAS["train"])


def test_every_dependency_says_what_it_is_for():
    if "[egg_info]" in text("setup.cfg"):
        pytest.skip("setuptools writes the setup.cfg of a source distribution anew, without comments")
    lines = [line.strip() for line in text("setup.cfg").splitlines()]
    start, end = lines.index("install_requires ="), lines.index("[options.entry_points]")
    wanted = SETUP["options"]["install_requires"] + "".join(EXTRAS.values())
    silent = [line for before, line in zip(lines[start:end], lines[start + 1 : end], strict=False)
              if line and line in wanted.splitlines() and not before.startswith("#")]  # fmt: skip
    assert not silent


def test_every_dependency_is_constrained():
    def same(found):
        return {name.lower().replace("-", "_") for name in found}

    pinned = names("\n".join(line for line in text("constraints.txt").splitlines() if "==" in line))
    wanted = [SETUP["options"]["install_requires"], *EXTRAS.values()]
    assert same(set.union(*map(names, wanted))) <= same(pinned) | {PACKAGE.name}


def test_the_same_pythons_everywhere():
    pythons = re.findall(r"Python :: (3\.\d+)", SETUP["metadata"]["classifiers"])
    assert SETUP["options"]["python_requires"] == f">={pythons[0]}"
    assert f'target-version = "py{pythons[0].replace(".", "")}"' in text("ruff.toml")
    [matrix] = re.findall(r"python: (\[.*\])", text(".github/workflows/ci.yml"))
    assert ast.literal_eval(matrix) == pythons


def test_the_same_ruff_everywhere():
    [version] = re.findall(r"^ruff==(.*)$", text("constraints.txt"), re.MULTILINE)
    assert f"rev: v{version}\n" in text(".pre-commit-config.yaml")


def test_the_description_stands_alone():
    links = re.findall(r"\]\(([^)]+)\)", text(SETUP["metadata"]["long_description"].removeprefix("file: ")))
    assert links and all(link.startswith("https://") for link in links)


def build(what, tree, out):
    """Build a distribution of a tree, as a build program would."""
    code = f"import sys; from setuptools import build_meta; build_meta.build_{what}(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, str(out)], cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [made] = out.iterdir()
    return made


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The tree of the source distribution of these files."""
    work = tmp_path_factory.mktemp("sdist")
    shutil.copytree(ROOT, work / "tree", ignore=GENERATED, symlinks=True)
    (work / "out").mkdir()
    with tarfile.open(build("sdist", work / "tree", work / "out")) as archive:
        archive.extractall(work, filter="data")
    return work / f"{PACKAGE.name}-{acs_deepcr_step.__version__}"


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_the_source_distribution_is_the_repository(unpacked):
    if not (ROOT / ".git").exists():
        pytest.skip("these files are not a repository's")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    ours = {name for name in listed.splitlines() if (ROOT / name).is_file()}
    assert ours <= files(unpacked)
    # The rest is what setuptools adds, and copies of what the link leads to.
    more = {name.partition("/")[0] for name in files(unpacked) - ours}
    assert more <= {"PKG-INFO", f"{PACKAGE.name}.egg-info", "cfgspec"}
    assert files(unpacked / "cfgspec") == files(PACKAGE / "cfgspec")


def test_the_wheel_holds_every_file_of_the_package(unpacked, tmp_path):
    with zipfile.ZipFile(build("wheel", unpacked, tmp_path)) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == {f"{PACKAGE.name}/{name}" for name in files(PACKAGE) if "__pycache__" not in name}
    assert f"{PACKAGE.name}/py.typed" in held
