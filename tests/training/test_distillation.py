"""A small network that learns from a large one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import snapshot
from training_data import QUIET, small_patches

from acs_deepcr_step import detect, models
from acs_deepcr_step.cli import main
from acs_deepcr_step.errors import ModelError, ParameterError
from acs_deepcr_step.training.fit.distillation import (
    DistillationLearner,
    DistillationRecipe,
    fit_distilled,
    match_teacher,
)
from acs_deepcr_step.training.fit.learner import Learner
from acs_deepcr_step.training.fit.taught_batches import example, validation_batches
from acs_deepcr_step.training.fit.teacher import taught
from acs_deepcr_step.training.patches.dataset import open_patches, write
from acs_deepcr_step.training.patches.patch import PatchOptions
from acs_deepcr_step.training.simulated import variety

TINY = DistillationRecipe(
    hidden=4,
    epochs=4,
    frozen_from=2,
    batch=4,
    momentum=0.1,
    validation=0.3,
    teacher="ACS-WFC-F606W-2-4",
    seed=50_300,
)


@pytest.fixture(scope="module")
def patches(tmp_path_factory):
    """Patches of three observation sets; not to be changed."""
    return small_patches(tmp_path_factory.mktemp("patches"))


@pytest.fixture(scope="module")
def made(patches, tmp_path_factory):
    """The weights of `TINY` without an interruption."""
    return fit_distilled(patches, tmp_path_factory.mktemp("made") / "model.safetensors", TINY, QUIET)


def test_weights_that_were_distilled_say_what_they_are(made):
    about, info = made.description.about, models.load(made.path).info
    assert (info.hidden, info.compression, info.threshold) == (4, "asinh", 0.5)
    assert about["recipe"]["teacher_sha256"] == models.info("ACS-WFC-F606W-2-4").sha256
    assert {"tpr_at_0.05%", "teacher_tpr_at_0.05%"} <= set(about["figures"])


def test_two_distillations_with_one_seed_give_the_same_file(patches, made, tmp_path):
    again = fit_distilled(patches, tmp_path / "model.safetensors", TINY, QUIET)
    assert again.path.read_bytes() == made.path.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "model.png"}


@pytest.mark.parametrize("batches", [0, 3, 5])
def test_a_distillation_that_was_interrupted_resumes_to_the_same_file(
    patches, made, tmp_path, monkeypatch, batches
):
    whole, done = Learner.step, []

    def step(self, batch):
        if len(done) == batches:
            raise KeyboardInterrupt
        done.append(1)
        return whole(self, batch)

    monkeypatch.setattr(Learner, "step", step)
    with pytest.raises(KeyboardInterrupt):
        fit_distilled(patches, tmp_path / "model.safetensors", TINY, QUIET)
    monkeypatch.undo()
    resumed = fit_distilled(patches, tmp_path / "model.safetensors", TINY, QUIET)
    assert resumed.path.read_bytes() == made.path.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "model.png"}


def test_the_teacher_says_of_a_patch_what_it_says_of_an_image(patches, tmp_path):
    judged, path = taught(patches, models.load(TINY.teacher), tmp_path / "model.safetensors", progress=False)
    found = 1 / (1 + np.exp(-judged[1].logits))
    np.testing.assert_allclose(found, detect.probability(patches[1].image, TINY.teacher), atol=2e-3)
    assert path.stat().st_size == 2 * len(patches) * patches.side**2


def test_at_its_threshold_it_flags_as_many_clean_pixels_as_its_teacher(patches, tmp_path):
    judged, _ = taught(patches, models.load(TINY.teacher), tmp_path / "model.safetensors", progress=False)
    learner, rows = DistillationLearner(TINY, torch.device("cpu")), range(len(patches))
    match_teacher(learner, validation_batches(judged, rows, TINY))
    figures = learner.validate(validation_batches(judged, rows, TINY))
    assert figures["fpr"] == pytest.approx(figures["teacher_fpr"], abs=1e-4) and figures["fpr"] > 0


def test_an_example_is_turned_with_its_truth(patches, tmp_path):
    judged, _ = taught(patches, models.load(TINY.teacher), tmp_path / "model.safetensors", progress=False)
    straight, turned = (example(judged[0], TINY, turn=turn) for turn in (0, 6))
    for before, after in zip(straight, turned, strict=True):
        assert torch.equal(torch.rot90(before.flip(1), 2, (1, 2)), after)
    assert not torch.equal(straight.image, turned.image)


def test_the_learning_rate_falls_to_almost_nothing_whatever_the_loss(patches, tmp_path):
    judged, _ = taught(patches, models.load(TINY.teacher), tmp_path / "model.safetensors", progress=False)
    [batch] = validation_batches(judged, [0], TINY)
    learner = DistillationLearner(replace(TINY, epochs=10, frozen_from=10), torch.device("cpu"))
    rates = [learner.lr]
    for _ in range(9):
        learner.step(batch)
        learner.end_epoch(1.0)
        rates.append(learner.lr)
    assert rates[0] == TINY.lr and rates == sorted(rates, reverse=True) and rates[-1] < 0.03 * TINY.lr


def test_a_second_round_begins_with_the_weights_of_the_first(patches, made, tmp_path):
    recipe = replace(TINY, start=str(made.path), epochs=1, frozen_from=0, lr=1e-9)
    second = fit_distilled(patches, tmp_path / "second.safetensors", recipe, QUIET)
    first, state = models.load(made.path).state, models.load(second.path).state
    kept = [key for key in first if key != "outc.conv.bias"]  # which is shifted once more
    assert all(torch.allclose(state[key], first[key], atol=1e-5) for key in kept)
    assert second.description.about["recipe"]["start_sha256"] == models.load(made.path).info.sha256


@pytest.mark.parametrize(("start", "said"), [("ACS-WFC", "hidden is 32"), ("WFC3-UVIS", "hidden is 32")])
def test_weights_of_another_shape_cannot_be_begun_with(start, said, patches, tmp_path):
    with pytest.raises(ModelError, match=said):
        fit_distilled(patches, tmp_path / "m.safetensors", replace(TINY, start=start), QUIET)
    assert snapshot(tmp_path) == {}


def test_a_teacher_that_fills_pixels_is_refused(patches, tmp_path):
    with pytest.raises(ModelError, match="ACS-WFC-F606W-3-32"):
        fit_distilled(patches, tmp_path / "m.safetensors", replace(TINY, teacher="ACS-WFC-F606W-3-32"), QUIET)
    assert snapshot(tmp_path) == {}


@pytest.mark.parametrize(
    "wrong", [{"truth_share": 1.5}, {"compression": "log"}, {"scale": 100.0}, {"threshold": 1.0}]
)
def test_a_recipe_that_cannot_be_used_is_refused(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        replace(TINY, **wrong)


def test_the_command_distils(tmp_path, capsys):
    small_patches(tmp_path / "patches")
    call = ["train", str(tmp_path / "patches"), "--output", str(tmp_path / "m.safetensors"), "--teacher"]
    call += ["ACS-WFC-F606W-2-4", "--epochs", "1", "--hidden", "4", "--threads", "1", "--device", "cpu"]
    assert main([*call, "--compression", "none", "--no-tensorboard", "--no-calibration"]) == 0
    assert "teacher" in capsys.readouterr().out
    assert models.load(tmp_path / "m.safetensors").info.compression == ""


@pytest.mark.parametrize(
    "option", [["--compression", "asinh"], ["--truth-share", "0.5"], ["--start", "ACS-WFC"]]
)
def test_options_of_a_distillation_without_a_teacher_are_refused(option, tmp_path, capsys):
    small_patches(tmp_path / "patches")
    before = snapshot(tmp_path)
    call = ["train", str(tmp_path / "patches"), "--output", str(tmp_path / "m.safetensors"), *option]
    assert main(call) == 2 and "--teacher" in capsys.readouterr().err and snapshot(tmp_path) == before


def test_chips_of_one_seed_are_the_same_and_of_another_one_others():
    first, again, other = (next(variety.samples(1, seed)) for seed in (3, 3, 4))
    assert np.array_equal(first.image, again.image) and np.array_equal(first.truth, again.truth)
    assert not np.array_equal(first.image, other.image)


def test_the_first_chips_do_not_depend_on_how_many_there_are():
    kinds = [variety.draw(seed) for seed in range(40)]
    assert kinds[:5] == [variety.draw(seed) for seed in range(5)]
    assert {kind.field for kind in kinds} == {"sparse", "crowded", "galaxies"}
    assert {kind.filter for kind in kinds} == {"F435W", "F606W", "F814W"}
    assert min(k.exptime for k in kinds) < 100 and max(k.exptime for k in kinds) > 800
    assert {bool(kind.glow) for kind in kinds} == {bool(kind.optics.halo) for kind in kinds} == {False, True}


def test_other_optics_lose_no_light():
    light = np.zeros((101, 101), np.float32)
    light[50, 50] = 1000
    optics = variety.Optics(blur=(0.8, 0.5), double=(1.2, -0.4), double_share=0.3, halo=0.1, halo_width=6.0)
    seen = variety.seen_through(light, optics)
    assert seen.sum() == pytest.approx(1000, rel=1e-3) and 50 < seen.max() < 300
    assert np.array_equal(variety.seen_through(light, variety.Optics()), light)


def test_smaller_pixels_show_sources_wider_and_as_bright():
    y, x = np.indices((101, 101)) - 50
    light = (100 * np.exp(-0.5 * (x**2 + y**2))).astype(np.float32)
    seen = variety.seen_through(light, variety.Optics(scale=2.0))
    assert seen.shape == light.shape and seen.sum() == pytest.approx(light.sum(), rel=0.02)
    assert seen.max() == pytest.approx(25, rel=0.05)


def test_the_command_simulates_patches_of_every_kind(tmp_path, capsys):
    call = [
        "patches",
        "--simulate",
        "1",
        "--seed",
        "5",
        "--side",
        "64",
        "--output",
        str(tmp_path / "patches"),
    ]
    assert main(call) == 0
    found = open_patches(tmp_path / "patches")
    assert len(found) == 144 and found.side == 64 and "simulated_5_0000" in capsys.readouterr().out
    direct = tmp_path / "direct"
    write(variety.samples(1, 5), direct, PatchOptions(64, border=0, min_exptime=30.0))
    assert np.array_equal(open_patches(direct)[7].image, found[7].image)


@pytest.mark.parametrize(
    "wrong", [["--simulate", "0"], ["--simulate", "2", "--seed", "-1"], ["--simulate", "1", "x.fits"], []]
)
def test_patches_of_nothing_are_refused(wrong, tmp_path, capsys):
    assert main(["patches", *wrong, "--output", str(tmp_path / "patches")]) == 2
    assert capsys.readouterr().err and not (tmp_path / "patches").exists()
