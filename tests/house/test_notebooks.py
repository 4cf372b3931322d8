"""The notebooks run from top to bottom, at a reduced size, and tell of no trouble on the way."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))

# How many pictures each draws, and the pixels of its simulated chips at the reduced size.
PICTURES = {
    "flc_to_drizzled": 2,
    "one_exposure": 4,
    "thousands_with_dask": 1,
    "train_and_evaluate": 4,
    "visit_from_mast": 1,
}
SIDES = {
    "flc_to_drizzled": 512,
    "one_exposure": 512,
    "thousands_with_dask": 256,
    "train_and_evaluate": 384,
    "visit_from_mast": 384,
}

QUICK = {"flc_to_drizzled"}

# drizzlepac's own, about the comment of a card.
KNOWN = re.compile(r"WARNING: VerifyWarning: Card is too long, comment will be truncated\..*\n?")


@pytest.fixture
def execute(monkeypatch, tmp_path):
    """Run a notebook in an empty directory and return its outputs; an error in a cell is an error here."""

    def run(path, side=None):
        monkeypatch.delenv("ACS_DEEPCR_NOTEBOOK_SIDE", raising=False)
        if side:
            monkeypatch.setenv("ACS_DEEPCR_NOTEBOOK_SIDE", str(side))
        monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")  # as in a notebook
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
        return [output for cell in notebook.cells for output in cell.get("outputs", [])]

    return run


def sound(path, outputs):
    """Assert that all pictures are there, and that nothing warned."""
    pictures = sum("image/png" in output.get("data", {}) for output in outputs)
    said = "".join(output["text"] for output in outputs if output.get("name") == "stderr")
    assert pictures == PICTURES[path.stem]
    assert not KNOWN.sub("", said).strip()


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=() if path.stem in QUICK else pytest.mark.slow) for path in NOTEBOOKS],
    ids=lambda path: path.stem,
)
def test_notebook_runs(path, execute):
    sound(path, execute(path, SIDES[path.stem]))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_at_full_size(path, execute):
    sound(path, execute(path))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_holds_no_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
