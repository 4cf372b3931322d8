"""All of the paper in order: from simulated exposures, the archive's stand-in, and published patches."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from helpers import snapshot
from standin import serving

from acs_deepcr_step import models, simulate
from acs_deepcr_step.cli import main
from acs_deepcr_step.errors import InputError, ParameterError, StepError, StepWarning
from acs_deepcr_step.training.archive import mast
from acs_deepcr_step.training.fit.recipe import Recipe
from acs_deepcr_step.training.reproduce import estimate, reproduction

SMALL = reproduction.Options(simulated="small", lacosmic=False)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The small simulated reproduction, and what it said."""
    directory, said = tmp_path_factory.mktemp("reproduction"), []
    text = reproduction.plan(directory, SMALL).run(said.append)
    return directory, said, text


def kinds(stages):
    return sorted({stage.name.partition("-")[0] for stage in stages})


@pytest.mark.slow
def test_simulated_sets_lead_to_a_model_and_to_table_3(small):
    directory, said, text = small
    assert [line.partition("] ")[2].partition("-")[0] for line in said] == [
        *["simulate", "truth"] * 3, "patches", "fit", "roc", "results", "roc", "results_simulator",
    ]  # fmt: skip
    assert models.load(directory / "models" / "F814W.safetensors").info.filter == "F814W"
    assert "trained here, F814W" in text and "deepCR-ACS/WFC F814W +" in text
    for results, whose in (("results", "made by AstroDrizzle"), ("results_simulator", "simulated")):
        table = Table.read(directory / results / "table3_plain.ecsv")
        assert set(table["model"]) == {"trained here, F814W", "ACS-WFC", "ACS-WFC-F814W"}
        assert whose in table.meta["truth"]
        assert np.isfinite(table["globular_high"][table["model"] == "ACS-WFC"]).all()
        assert (directory / results / "roc_published.png").stat().st_size > 10_000
    assert "% of the pixels that cosmic rays hit" in (directory / "results/table3_plain.txt").read_text()
    assert list((directory / "results").glob("figure2_*.png"))


@pytest.mark.slow
def test_finished_reproduction_is_not_done_again_and_changed_epochs_repeat_the_training_alone(small):
    directory, _, text = small
    before = snapshot(directory)
    planned = reproduction.plan(directory, SMALL)
    assert planned.to_do == [] and "Everything is finished." in planned.text
    assert planned.run(lambda line: None) == text
    assert snapshot(directory) == before
    other = reproduction.plan(directory, reproduction.Options(simulated="small", lacosmic=False, epochs=2))
    assert kinds(other.to_do) == ["fit", "results", "results_simulator", "roc"]
    assert "Time: about a minute" in other.text


def test_directory_of_other_things_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other things"):
        reproduction.plan(tmp_path, SMALL)
    with pytest.raises(InputError, match="is not a directory"):
        reproduction.plan(tmp_path / "mine.txt", SMALL)


def test_options_that_do_not_go_together_are_refused(tmp_path):
    for options in (
        dict(simulated="small", sets=("F435W_10349_30",)),
        dict(from_zenodo="x", simulated="small"),
        dict(simulated="huge"),
        dict(epochs=0),
    ):
        with pytest.raises(ParameterError):
            reproduction.Options(**options)
    with pytest.raises(ParameterError, match="for training"):
        reproduction.plan(tmp_path, reproduction.Options(sets=("F814W_12602_1",)))
    with pytest.raises(ParameterError, match="F606W"):
        reproduction.plan(tmp_path, reproduction.Options(simulated="small", filters=("F606W",)))


def test_a_step_of_training_is_timed_for_the_plan():
    assert 0 < estimate.seconds_per_step(Recipe(hidden=4, batch=2), "cpu", side=32) < 60


def published(root):
    """A tiny archive in the published layout; cosmic rays are bright pixels."""
    draw = np.random.default_rng(3)
    for part, visit in (("npy_train", "f814w/12602/2"), ("npy_test", "f814w/12602/1")):
        folder = root / part / visit
        folder.mkdir(parents=True)
        np.save(folder / "sky.npy", np.array([50.0, 55.0]))
        for number in (1, 2):
            truth = draw.random((32, 32)) < 0.05
            image = draw.normal(50, 8, (32, 32)) + 900 * truth
            np.save(folder / f"{number}_0.npy", np.array([image, truth, np.zeros((32, 32))], "f4"))
    return root


def test_published_patches_lead_to_a_model_and_to_table_3(tmp_path, capsys):
    copy = published(tmp_path / "copy")
    arguments = [str(tmp_path / "out"), "--from-zenodo", str(copy), "--filters", "F814W", "--epochs", "1"]
    assert main(["reproduce", *arguments, "--no-lacosmic"]) == 0
    assert "Nothing was done; --yes does it." in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    before = snapshot(copy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StepWarning)  # one observation set is too few for validation
        assert main(["reproduce", *arguments, "--no-lacosmic", "--yes"]) == 0
    assert snapshot(copy) == before
    said = capsys.readouterr().out
    assert "unpacked copy" in said and "Time for training" in said and "trained here, F814W" in said
    assert "Truth: the published masks, made by AstroDrizzle." in said


@contextlib.contextmanager
def archive_with(exposures, proposal, visit):
    """A stand-in of MAST that has exposures as a visit through F606W."""
    client = pytest.importorskip("astroquery.mast")
    from astroquery.mast.discovery_portal import PortalAPI

    with serving() as (address, standin), pytest.MonkeyPatch.context() as patch:
        patch.setattr(PortalAPI, "MAST_REQUEST_URL", f"{address}/api/v0/invoke")
        patch.setattr(PortalAPI, "COLUMNS_CONFIG_URL", f"{address}/Mashup.asmx/columnsconfig")
        patch.setattr(PortalAPI, "_column_configs", {})
        patch.setattr(mast, "CLOUD", f"{address}/stpubdata")
        standin.add_observation("1", f"j8xx{visit}010", "F606W;CLEAR2L", proposal)
        for path in exposures:
            standin.add_exposure("1", f"j8xx{visit}010", path.stem.removesuffix("_flc"), path.read_bytes())
        with client.conf.set_temp("server", address):
            yield standin


@pytest.mark.slow
def test_a_set_of_the_paper_goes_from_the_archive_to_a_model(tmp_path):
    field = dict(shape=(512, 512), chips=1, filter="F606W", exptime=1259.0, field="crowded")
    paths = simulate.association(tmp_path / "sky", n=2, offsets=((0, 0), (0.4, -0.3)), **field)
    for path, name in zip(list(paths), ("j8xx03aaq", "j8xx03abq"), strict=True):
        fits.setval(path, "ROOTNAME", value=name)
        fits.setval(path, "PROPOSID", value=10146)
        path.rename(path.with_name(f"{name}_flc.fits"))
    exposures = sorted((tmp_path / "sky").glob("j8xx*_flc.fits"))
    options = reproduction.Options(sets=("F606W_10146_3",), epochs=1, lacosmic=False)
    with archive_with(exposures, 10146, "03"), warnings.catch_warnings():
        warnings.simplefilter("ignore", StepWarning)  # two exposures; one set
        planned = reproduction.plan(tmp_path / "out", options)
        assert "2 of 2 files to fetch" in planned.text and "Time for truth: about 1 min" in planned.text
        planned.run(lambda line: None)
    info = models.load(tmp_path / "out" / "models" / "F606W.safetensors").info
    assert (info.filter, info.hidden) == ("F606W", 32)
    # All is there, so nobody is asked: the archive is gone.
    assert reproduction.plan(tmp_path / "out", options).to_do == []


@pytest.mark.slow
def test_set_that_fails_is_named_and_the_others_are_finished(tmp_path, monkeypatch):
    from acs_deepcr_step.training.simulated import sets

    monkeypatch.setattr(sets, "_THRESHOLD", 1e6)
    planned = reproduction.plan(tmp_path, SMALL)
    with pytest.raises(StepError, match="change the threshold"):
        planned.run(lambda line: None)
    assert kinds(reproduction.plan(tmp_path, SMALL).to_do) == ["results", "roc", "truth"]


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [9, 23])
def test_killed_reproduction_goes_on_to_the_same_weights(seconds, small, tmp_path):
    directory = tmp_path / "killed"
    command = [sys.executable, "-m", "acs_deepcr_step", "reproduce", str(directory), "--simulated"]
    environment = {**os.environ, "PYTHONPATH": str(Path(simulate.__file__).parents[2])}
    process = subprocess.Popen(
        [*command, "--no-lacosmic"], env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    reproduction.plan(directory, SMALL).run(lambda line: None)
    weights = [path / "models" / "F814W.safetensors" for path in (directory, small[0])]
    one, other = (models.load(path).state for path in weights)
    assert all((one[name] == other[name]).all() for name in other)
