"""What is scored by ``acs-deepcr evaluate``, and the options of how truth is made."""

import shutil

import pytest

from acs_deepcr_step import models, simulate
from acs_deepcr_step.cli import main
from acs_deepcr_step.errors import ParameterError
from acs_deepcr_step.network.published import FOLDER
from acs_deepcr_step.training.evaluation import visit as visits


@pytest.fixture(scope="module")
def visit(tmp_path_factory):
    """Three exposures; not to be changed."""
    directory = tmp_path_factory.mktemp("visit")
    return simulate.association(directory, n=3, shape=(256, 256), chips=1, cr_rate=3.0, seed=21)


def test_every_model_fit_for_the_filter_is_scored_and_weights_given_by_path(tmp_path):
    assert [scorer.name for scorer in visits.choose_scorers("F606W", lacosmic=False)] == [
        "ACS-WFC", "ACS-WFC-F606W", "ACS-WFC-F606W-2-4",
    ]  # fmt: skip
    assert [scorer.name for scorer in visits.choose_scorers("F555W", lacosmic=False)] == ["ACS-WFC"]
    mine = shutil.copy(FOLDER / models.info("ACS-WFC").file, tmp_path / "mine.safetensors")
    own, *lacosmic = visits.choose_scorers("F555W", [mine])
    assert own.name == "mine.safetensors" and {scorer.name for scorer in lacosmic} == {"LACosmic"}


def test_models_of_another_filter_and_doubles_are_refused():
    with pytest.raises(ParameterError, match="ACS-WFC-F606W is not for exposures through F814W"):
        visits.choose_scorers("F814W", ["ACS-WFC-F606W"])
    with pytest.raises(ParameterError, match="more than once"):
        visits.choose_scorers("F814W", ["ACS-WFC", "ACS-WFC-2-32"])


def test_options_of_truth_that_do_not_go_together_are_refused(visit, capsys):
    for options, reason in (
        (["--no-align", "--threshold", "5"], "--no-align runs no TweakReg"),
        (["--set", "F814W_12602_1", "--threshold", "5"], "--set gives conv_width and threshold"),
        (["--set", "M31"], "No observation set is called"),
        (["--driz-cr-snr", "a b"], "driz_cr_snr"),
    ):
        assert main(["truth", *map(str, visit), *options]) == 2
        assert reason in capsys.readouterr().err


@pytest.mark.slow
def test_truth_of_the_command_line_measures_its_own_completeness(visit, tmp_path, capsys):
    options = ["--no-align", "--driz-cr-snr", "5 4", "--measure-completeness", "--name", "mine_1"]
    assert main(["truth", *map(str, visit), *options, "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "j8sm01abq_flc_crtruth.fits" in said
    assert "N = 3, 500 s, F814W, extragalactic field, exact alignment)." in said
