"""``acs-deepcr patches`` and ``acs-deepcr train``."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import snapshot
from training_data import small_patches

from acs_deepcr_step import models, simulate
from acs_deepcr_step.cli import main
from acs_deepcr_step.training.patches.dataset import open_patches

QUICK = [
    "--epochs",
    "2",
    "--hidden",
    "4",
    "--batch",
    "4",
    "--threads",
    "1",
    "--device",
    "cpu",
    "--no-tensorboard",
    "--no-calibration",
]


def test_train_makes_weights_and_says_what_they_reach(tmp_path, capsys):
    small_patches(tmp_path / "patches")
    output = tmp_path / "model.safetensors"
    call = ["train", str(tmp_path / "patches"), "--output", str(output), "--filter", "F814W", *QUICK]
    assert main(call) == 0
    said = capsys.readouterr().out
    assert "2-4 network" in said and "2 training, 1 validation" in said and "TPR at an FPR of 0.5%" in said
    assert models.load(output).info.filter == "F814W"


def test_a_call_without_training_data_changes_nothing(tmp_path, capsys):
    before = snapshot(tmp_path)
    assert main(["train", str(tmp_path), "--output", str(tmp_path / "model.safetensors"), *QUICK]) == 2
    assert "holds no patches" in capsys.readouterr().err and snapshot(tmp_path) == before


def test_a_filter_without_patches_is_named(tmp_path, capsys):
    small_patches(tmp_path / "patches")
    call = ["train", str(tmp_path / "patches"), "--output", str(tmp_path / "m.safetensors")]
    assert main([*call, "--filter", "F435W", *QUICK]) == 2
    assert "filter 'F435W': the filters are F814W" in capsys.readouterr().err


def test_the_first_phase_keeps_its_share_of_the_epochs(tmp_path):
    small_patches(tmp_path / "patches")
    output = tmp_path / "model.safetensors"
    main(["train", str(tmp_path / "patches"), "--output", str(output), *QUICK, "--epochs", "5"])
    content = output.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    recipe = json.loads(header["__metadata__"]["acs_deepcr_step"])["about"]["recipe"]
    assert (recipe["epochs"], recipe["frozen_from"]) == (5, 2)


def test_simulated_exposures_become_patches(tmp_path, capsys):
    paths = simulate.association(tmp_path / "field", n=2, shape=(256, 384), chips=2, seed=50_200)
    call = ["patches", *map(str, paths), "--truth", "simulated", "--output", str(tmp_path / "patches")]
    assert main([*call, "--side", "64", "--border", "32"]) == 0
    made = open_patches(tmp_path / "patches")
    assert len(made) == 2 * 2 * 3 * 5 and set(made.index["observation_set"]) == {"F814W_field"}
    assert "F814W_field" in capsys.readouterr().out
    hits = sum(made[i].truth.sum() for i in range(len(made)))
    truth = sum(chip.cr[32:-32, 32:-32].sum() for p in paths for chip in simulate.read_truth(p))
    assert hits == truth


def test_exposures_without_truth_are_refused(tmp_path, capsys):
    [path] = simulate.association(tmp_path / "field", n=1, shape=(64, 64), chips=1, seed=50_201)
    assert main(["patches", str(path), "--output", str(tmp_path / "patches")]) == 2
    assert "j8sm01aaq_flc_crtruth.fits is missing" in capsys.readouterr().err
    assert not (tmp_path / "patches").exists()


@pytest.mark.slow
def test_exposures_with_truth_by_astrodrizzle_become_patches(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = simulate.association(tmp_path / "field", n=3, shape=(256, 384), chips=1, seed=50_300)
    assert main(["truth", *map(str, paths), "--output", "truth", "--no-align"]) == 0
    call = ["patches", "truth/*_crtruth.fits", "--output", "patches", "--side", "64", "--border", "0"]
    assert main(call) == 0
    made = open_patches("patches")
    assert len(made) == 3 * 4 * 6 and set(made.index["exposure"]) == {path.name[:9] for path in paths}
    before = snapshot("patches")
    assert main(call) == 0
    assert "finished before, kept" in capsys.readouterr().out and snapshot("patches") == before


@pytest.mark.slow
def test_a_small_model_trained_on_simulated_sets_reaches_90_per_cent_on_others(tmp_path):
    """TPR at an FPR of 0.5 % against simulator truth, for each field and filter; and its use in the step."""
    script = Path(__file__).parents[2] / "benchmarks" / "training.py"
    env = {**os.environ, "PYTHONPATH": str(script.parents[1])}
    subprocess.run([sys.executable, str(script), "--output", str(tmp_path)], check=True, env=env)
    found = json.loads((tmp_path / "training.json").read_text())
    assert len(found["held_out"]) == 9 and found["least_tpr_at_0.5%"] > 0.9
    assert found["step"]["status"] == "done"
    assert found["step"]["tpr"] > 0.8 and found["step"]["fpr"] < 5e-3
