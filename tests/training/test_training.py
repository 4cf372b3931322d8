"""Training: the recipe's phases, resuming, repeating, and what comes out of it."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import flag, snapshot
from training_data import QUIET, SMALL, TINY, sample, small_patches

from acs_deepcr_step import detect, models
from acs_deepcr_step.errors import ModelError, ParameterError
from acs_deepcr_step.training.evaluation.roc import HIGH_FPR, Histogram
from acs_deepcr_step.training.evaluation.scores import scaled_probability
from acs_deepcr_step.training.fit.learner import Learner
from acs_deepcr_step.training.fit.loop import fit
from acs_deepcr_step.training.fit.recipe import Recipe, RunOptions
from acs_deepcr_step.training.patches.dataset import PatchOptions, open_patches, split, write
from acs_deepcr_step.training.simulated import simulator


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    """Patches of three observation sets; not to be changed."""
    return small_patches(tmp_path_factory.mktemp("patches"))


@pytest.fixture(scope="module")
def unbroken(patches, tmp_path_factory):
    """The weights of `TINY` without an interruption, bytes."""
    return fit(
        patches, tmp_path_factory.mktemp("unbroken") / "model.safetensors", TINY, QUIET
    ).path.read_bytes()


@pytest.fixture
def interrupt_after(monkeypatch):
    """Let the training be interrupted after a number of batches."""

    def arm(batches):
        whole, done = Learner.step, []

        def step(self, batch):
            if len(done) == batches:
                raise KeyboardInterrupt
            done.append(1)
            return whole(self, batch)

        monkeypatch.setattr(Learner, "step", step)

    yield arm
    monkeypatch.undo()


def test_two_trainings_with_one_seed_give_the_same_file(patches, unbroken, tmp_path):
    assert fit(patches, tmp_path / "again.safetensors", TINY, QUIET).path.read_bytes() == unbroken


def test_another_seed_gives_other_weights(patches, unbroken, tmp_path):
    other = fit(patches, tmp_path / "other.safetensors", replace(TINY, seed=50_001), QUIET)
    first = models.load(tmp_path / "other.safetensors").state["inc.conv.conv.0.weight"]
    (tmp_path / "one.safetensors").write_bytes(unbroken)
    assert not torch.equal(first, models.load(tmp_path / "one.safetensors").state["inc.conv.conv.0.weight"])
    assert other.description.about["recipe"]["seed"] == 50_001


def test_reading_in_other_processes_gives_the_same_file(patches, unbroken, tmp_path):
    options = replace(QUIET, workers=1)
    recipe = replace(TINY, epochs=1)
    here = fit(patches, tmp_path / "here.safetensors", recipe, QUIET)
    there = fit(patches, tmp_path / "there.safetensors", recipe, options)
    assert here.path.read_bytes() == there.path.read_bytes()


@pytest.mark.parametrize("batches", range(8))
def test_training_interrupted_at_any_batch_resumes_to_the_same_file(
    patches, unbroken, tmp_path, interrupt_after, monkeypatch, batches
):
    output = tmp_path / "model.safetensors"
    interrupt_after(batches)
    with pytest.raises(KeyboardInterrupt):
        fit(patches, output, TINY, QUIET)
    assert not output.exists()
    monkeypatch.undo()
    assert fit(patches, output, TINY, QUIET).path.read_bytes() == unbroken
    assert not (tmp_path / "model.safetensors.checkpoint").exists()


def test_a_checkpoint_only_at_the_end_of_epochs_resumes_to_the_same_file(
    patches, unbroken, tmp_path, interrupt_after, monkeypatch
):
    options = replace(QUIET, checkpoint_seconds=1e6)
    interrupt_after(5)
    with pytest.raises(KeyboardInterrupt):
        fit(patches, tmp_path / "model.safetensors", TINY, options)
    monkeypatch.undo()
    assert fit(patches, tmp_path / "model.safetensors", TINY, options).path.read_bytes() == unbroken


_CHILD = """
import sys
sys.path[:0] = sys.argv[3:]
from training_data import QUIET, TINY
from acs_deepcr_step.training.fit.loop import fit
from acs_deepcr_step.training.patches.dataset import open_patches
fit(open_patches(sys.argv[1]), sys.argv[2], TINY, QUIET)
"""


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_killed_training_resumes_to_the_same_file(tmp_path, unbroken, kills):
    """SIGKILL at random moments of processes of their own, counted in checkpoints."""
    patches = small_patches(tmp_path / "patches")
    output = tmp_path / "model.safetensors"
    checkpoint = tmp_path / "model.safetensors.checkpoint"
    roots = [str(path) for path in Path(__file__).parents[1:3]]
    call = [sys.executable, "-c", _CHILD, str(tmp_path / "patches"), str(output), *roots]
    rng, killed = random.Random(), 0
    for _ in range(kills):
        child = subprocess.Popen(call, env={**os.environ, "OMP_NUM_THREADS": "1"})
        wanted, seen, last = rng.randint(1, 3), 0, _version(checkpoint)
        while child.poll() is None and seen < wanted:
            time.sleep(0.001)
            now = _version(checkpoint)
            seen, last = seen + (now != last), now
        time.sleep(rng.uniform(0, 0.02))
        child.send_signal(signal.SIGKILL)
        killed += child.wait() == -signal.SIGKILL
    assert killed
    assert fit(patches, output, TINY, QUIET).path.read_bytes() == unbroken
    assert {path.name for path in tmp_path.iterdir()} == {"patches", "model.safetensors", "model.png"}


def _version(path):
    try:
        return path.stat().st_ino, path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def test_a_checkpoint_of_another_recipe_is_refused_with_what_differs(patches, tmp_path, interrupt_after):
    interrupt_after(3)
    with pytest.raises(KeyboardInterrupt):
        fit(patches, tmp_path / "model.safetensors", TINY, QUIET)
    before = snapshot(tmp_path)
    with pytest.raises(ModelError) as caught:
        fit(patches, tmp_path / "model.safetensors", replace(TINY, batch=5, lr=0.004), QUIET)
    assert "batch 4, now 5; lr 0.005, now 0.004:" in str(caught.value)
    assert snapshot(tmp_path) == before


def test_a_checkpoint_of_other_patches_is_refused(patches, tmp_path, interrupt_after):
    interrupt_after(3)
    with pytest.raises(KeyboardInterrupt):
        fit(patches, tmp_path / "model.safetensors", TINY, QUIET)
    other = small_patches(tmp_path / "other", exposures=2)
    with pytest.raises(ModelError, match="patches '[0-9a-f]{64}', now '"):
        fit(other, tmp_path / "model.safetensors", TINY, QUIET)


def test_a_training_resumes_with_the_threads_it_began_with(patches, tmp_path, interrupt_after, monkeypatch):
    output, recipe = tmp_path / "model.safetensors", replace(TINY, epochs=1)
    interrupt_after(1)
    with pytest.raises(KeyboardInterrupt):
        fit(patches, output, recipe, replace(QUIET, threads=2))
    monkeypatch.undo()
    with pytest.raises(ModelError, match="threads 2, now 1"):
        fit(patches, output, recipe, QUIET)
    resumed = fit(patches, output, recipe, replace(QUIET, threads=None))
    assert resumed.description.about["run"]["threads"] == 2
    whole = fit(patches, tmp_path / "whole.safetensors", recipe, replace(QUIET, threads=2))
    assert resumed.path.read_bytes() == whole.path.read_bytes()


def test_a_damaged_checkpoint_is_named(patches, tmp_path):
    (tmp_path / "model.safetensors.checkpoint").write_bytes(b"half of a checkpoint")
    with pytest.raises(ModelError, match="model.safetensors.checkpoint cannot be read"):
        fit(patches, tmp_path / "model.safetensors", TINY, QUIET)


def test_a_finished_training_is_not_repeated(patches, unbroken, tmp_path):
    output = tmp_path / "model.safetensors"
    output.write_bytes(unbroken)
    before = snapshot(tmp_path)
    assert fit(patches, output, TINY, QUIET).description.about["recipe"] == TINY.as_dict()
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("content", ["other", "not ours"])
def test_no_file_is_overwritten(patches, unbroken, tmp_path, content):
    output = tmp_path / "model.safetensors"
    output.write_bytes(unbroken if content == "other" else b"not ours")
    before = snapshot(tmp_path)
    with pytest.raises((ParameterError, ModelError), match="model.safetensors"):
        fit(patches, output, replace(TINY, seed=1), QUIET)
    assert snapshot(tmp_path) == before


def test_the_host_is_left_as_it_was(patches, tmp_path):
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = True
        torch.manual_seed(5)
        np.random.seed(5)
        expected = torch.rand(3), np.random.rand(3)
        torch.manual_seed(5)
        np.random.seed(5)
        fit(patches, tmp_path / "model.safetensors", replace(TINY, epochs=1), QUIET)
        assert torch.get_num_threads() == 3
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.utils.deterministic.fill_uninitialized_memory
        assert torch.equal(torch.rand(3), expected[0]) and np.array_equal(np.random.rand(3), expected[1])
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_num_threads(threads)


def test_training_works_where_the_host_computes_without_gradients(patches, unbroken, tmp_path):
    with torch.inference_mode():
        made = fit(patches, tmp_path / "model.safetensors", TINY, QUIET)
        assert torch.is_inference_mode_enabled()
    assert made.path.read_bytes() == unbroken


def test_validation_sees_the_network_as_it_will_be_used(patches, tmp_path):
    """The figures of an epoch are those of its weights in `detect`."""
    made = fit(patches, tmp_path / "model.safetensors", TINY, QUIET)
    detector = detect.Detector(made.path, precision="float32")
    held, counts = split(patches, TINY.validation, TINY.seed).validation, None
    loss = 0.0
    for number in held:
        patch = patches[int(number)]
        p = torch.from_numpy(detector.probability(np.pad(patch.image, 32, mode="constant"))[32:-32, 32:-32])
        found = Histogram.of(scaled_probability(p.numpy()), patch.truth, patch.ignore)
        counts = found if counts is None else counts + found
        weight = torch.from_numpy(~patch.ignore).float()
        loss += torch.nn.BCELoss()(p * weight, torch.from_numpy(patch.truth).float() * weight).item()
    fpr, tpr = counts.roc().at(0.5)
    figures = made.description.about["figures"]
    assert figures["loss"] == pytest.approx(loss / len(held), rel=0.2)
    assert figures["tpr"] == pytest.approx(tpr, abs=0.02) and figures["fpr"] == pytest.approx(fpr, abs=2e-3)


def test_the_best_epoch_is_kept_not_the_last(patches, tmp_path):
    """With a learning rate that throws the weights about, the best epoch is rarely the last."""
    last = 0
    for seed in range(2):
        recipe = replace(TINY, epochs=6, lr=0.5, seed=seed)
        options = replace(QUIET, checkpoint_seconds=1e6)
        about = fit(patches, tmp_path / f"{seed}.safetensors", recipe, options).description.about
        last += about["figures"]["best_epoch"] == 6
    assert last < 2


def test_the_curves_are_drawn(patches, tmp_path):
    fit(patches, tmp_path / "model.safetensors", replace(TINY, epochs=2), QUIET)
    assert (tmp_path / "model.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "model_tensorboard").exists()


def test_tensorboard_gets_the_curves(patches, tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    recipe = replace(TINY, epochs=3)
    made = fit(patches, tmp_path / "model.safetensors", recipe, replace(QUIET, tensorboard=True))
    found = events.EventAccumulator(str(tmp_path / "model_tensorboard")).Reload()
    losses = [event.value for event in found.Scalars("loss")]
    assert len(losses) == 3 and min(losses) == pytest.approx(made.description.about["figures"]["loss"])
    assert {"tpr", "fpr", "train_loss", "lr"} <= set(found.Tags()["scalars"])


@pytest.mark.parametrize("name", ["none.pth", "none/model.safetensors"])
def test_an_output_that_cannot_be_is_refused(patches, tmp_path, name):
    with pytest.raises(ParameterError, match="none"):
        fit(patches, tmp_path / name, TINY, QUIET)


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A small network that was trained on three simulated chips."""
    directory = tmp_path_factory.mktemp("learned")
    chips = (
        s for i, field in enumerate(("sparse", "galaxies", "crowded"))
        for s in simulator.chips([50_100 + i], field, shape=(384, 384), cr_rate=3.0)
    )  # fmt: skip
    write(chips, directory / "patches", PatchOptions(side=64, border=0))
    recipe = Recipe(hidden=8, epochs=12, frozen_from=8, batch=8, momentum=0.05, scale=100.0, seed=50_100)
    options = RunOptions(device="cpu", threads=1, tensorboard=False, progress=False)
    return fit(open_patches(directory / "patches"), directory / "model.safetensors", recipe, options)


def test_a_small_network_learns_in_seconds(learned):
    detector, counts = detect.Detector(learned.path, precision="float32"), None
    for field in ("sparse", "galaxies", "crowded"):
        for chip in simulator.chips([60_100], field, shape=(384, 384)):
            found = Histogram.of(
                scaled_probability(detector.probability(chip.image)), chip.truth, chip.ignore
            )
            counts = found if counts is None else counts + found
    assert counts.roc().tpr_at(HIGH_FPR) > 0.6


def test_the_weights_are_used_by_the_step_at_once(learned, one, truth_of):
    row = flag(one, model=str(learned.path))[0]
    assert row["model"] == str(learned.path) and row["status"] == "done"
    truth = truth_of(one)[0].cr
    assert 0.3 * truth.sum() < row["n_flagged"] < 3 * truth.sum()


def test_the_file_tells_how_it_was_made(learned):
    info, about = models.load(learned.path).info, learned.description.about
    assert (info.levels, info.hidden, info.scale, info.filter, info.threshold) == (2, 8, 100.0, "", 0.5)
    assert about["recipe"]["seed"] == 50_100 and len(about["data"]["manifest"]) == 64
    assert len(about["data"]["training_sets"]) == 2 and len(about["data"]["validation_sets"]) == 1
    assert 0 < about["figures"]["tpr_at_0.5%"] <= 1 and 1 <= about["figures"]["best_epoch"] <= 12
    assert about["versions"]["torch"] == torch.__version__
    json.dumps(about, allow_nan=False)


def test_a_per_filter_model_learns_from_its_filter_alone(tmp_path):
    given = [sample(f"{b}_{i}", filter=b, seed=i) for b in ("F435W", "F606W") for i in range(2)]
    write(given, tmp_path / "patches", SMALL)
    recipe = replace(TINY, epochs=1, filter="F606W")
    made = fit(open_patches(tmp_path / "patches"), tmp_path / "model.safetensors", recipe, QUIET)
    data = made.description.about["data"]
    assert sorted(data["training_sets"] + data["validation_sets"]) == ["F606W_0", "F606W_1"]
    assert models.load(made.path).info.filter == "F606W"
