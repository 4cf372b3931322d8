"""What Python and a notebook show of the step: parameters to complete, a bar, and warnings."""

import inspect
import os
from pathlib import Path

import nbformat
import pytest
from helpers import flag
from nbclient import NotebookClient

import acs_deepcr_step
from acs_deepcr_step.config.parameters import APPLY_PARAMETERS, UNDO_PARAMETERS, resolve
from acs_deepcr_step.config.specification import specification
from acs_deepcr_step.errors import ParameterError, StepWarning


@pytest.mark.parametrize(
    ("name", "own", "taken"),
    [
        ("run", ["input", "configobj", "executor"], [o.name for o in specification() if o.name != "input"]),
        ("undo", ["input"], UNDO_PARAMETERS),
        ("apply", ["files", "masks"], APPLY_PARAMETERS),
    ],
)
def test_signature_and_docstring_have_the_parameters_of_the_specification(name, own, taken):
    function, by_name = getattr(acs_deepcr_step, name), {option.name: option for option in specification()}
    parameters = inspect.signature(function).parameters
    assert [one for one in parameters if one not in by_name or one == "input"] == own
    assert {one for one in parameters if one not in own} == set(taken)
    for one in taken:
        assert parameters[one].default == by_name[one].default and parameters[one].kind == 3
        told = (
            f"{one} : {by_name[one].allowed}; default: {by_name[one].default_text}\n    {by_name[one].help}"
        )
        assert told in function.__doc__


def test_what_is_not_given_comes_from_the_parameter_file_and_not_from_the_signature(one):
    Path("my.cfg").write_text("[DETECTION]\nthreshold = 0.9\n[OUTPUT]\nupdate_dq = no\n")
    table = flag(one, configobj="my.cfg")
    assert set(table["threshold"]) == {0.9} == {resolve("my.cfg").decision.threshold}


def test_unknown_keyword_is_a_named_error_still(one):
    with pytest.raises(ParameterError, match="did you mean threshold"):
        flag(one, treshold=0.3)


def test_completion_of_ipython_knows_the_parameters(tmp_path, monkeypatch):
    from IPython.core.completer import provisionalcompleter
    from IPython.core.interactiveshell import InteractiveShell

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    shell = InteractiveShell()
    shell.user_ns["step"] = acs_deepcr_step
    for text, wanted in (("step.run('a', thr", "threshold="), ("step.undo('a', wor", "workers=")):
        with provisionalcompleter():
            assert wanted in [one.text for one in shell.Completer.completions(text, len(text))]


CELL = "acs_deepcr_step.undo({name!r}, runfile='')"


def test_notebook_shows_a_bar_and_warns_each_time_that_a_cell_is_run(one, here, monkeypatch):
    os.link(one, "other_name.fits")  # which undo warns of
    monkeypatch.setenv("IPYTHONDIR", str(here / "ipython"))
    cells = ["import acs_deepcr_step", *[CELL.format(name=str(one))] * 2]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": here}}).execute()
    for cell in notebook.cells[1:]:
        said = "".join(output.get("text", "") for output in cell.outputs if output.get("name") == "stderr")
        shown = str([output.get("data", "") for output in cell.outputs])
        assert "StepWarning" in said and "hard links" in said
        assert "1/1" in said + shown and "IProgress" not in said + shown
        assert "nothing to undo" in shown


def test_warning_stands_at_the_line_that_called_the_package(one):
    os.link(one, "other_name.fits")
    with pytest.warns(StepWarning, match="hard links") as caught:
        acs_deepcr_step.undo(str(one), runfile="", progress=False)
    assert {warning.filename for warning in caught} == {__file__}
