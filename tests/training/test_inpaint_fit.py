"""Training of an inpainting model: it is asked about clean pixels only, learns, and is used by its path."""

import numpy as np
import pytest
import torch

from acs_deepcr_step import cli, inpaint, models
from acs_deepcr_step.errors import ModelError, ParameterError
from acs_deepcr_step.training.fit import inpainting
from acs_deepcr_step.training.fit.inpainting import InpaintRecipe, example, fit_inpainting
from acs_deepcr_step.training.fit.recipe import RunOptions
from acs_deepcr_step.training.patches.dataset import PatchOptions, open_patches, split, write
from acs_deepcr_step.training.simulated import simulator

QUIET = RunOptions(device="cpu", threads=1, tensorboard=False, progress=False)
TINY = InpaintRecipe(hidden=2, epochs=2, frozen_from=1, batch=16, momentum=0.1, validation=0.3, donors=3)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """Patches of four crowded exposures, many cosmic rays on them."""
    path = tmp_path_factory.mktemp("patches")
    chips = simulator.chips(range(55_800, 55_804), "crowded", "F606W", (128, 128), cr_rate=4.0)
    write(chips, path, PatchOptions(side=32, border=0))
    return path


@pytest.fixture(scope="module")
def patches(directory):
    return open_patches(directory)


@pytest.fixture(scope="module")
def patch(patches):
    return patches[5]


@pytest.fixture(scope="module")
def donor(patches):
    return patches[20].truth | patches[21].truth | patches[22].truth


def test_the_network_sees_nothing_of_what_it_is_asked_for(patch, donor):
    channels, target, weight = example(patch, donor, TINY)
    asked, hidden = weight[0] > 0, channels[1] > 0
    assert asked.any() and not (asked & ~hidden).any()
    assert not channels[0][hidden].any()
    np.testing.assert_array_equal(channels[0][~hidden], patch.image[~hidden])
    np.testing.assert_array_equal(target[0], patch.image)


def test_it_is_asked_under_transplanted_masks_on_clean_pixels_alone(patch, donor):
    ignored = np.zeros_like(donor)
    ignored[:, :16] = True
    spoilt = type(patch)(patch.image, patch.truth, ignored, patch.sky)
    asked = example(spoilt, donor, TINY)[2][0] > 0
    np.testing.assert_array_equal(asked, donor & ~patch.truth & ~ignored)


def test_pixels_that_were_hit_here_are_hidden_too(patch, donor):
    hidden = example(patch, donor, TINY)[0][1] > 0
    assert patch.truth.any()
    np.testing.assert_array_equal(hidden, donor | patch.truth)


def test_added_sky_changes_the_image_but_not_the_noise(patch, donor):
    plain, lifted = example(patch, donor, TINY), example(patch, donor, TINY, added=100.0)
    np.testing.assert_allclose(lifted[1] - plain[1], 100, atol=0.01)
    np.testing.assert_array_equal(lifted[2], plain[2])


def test_the_scale_divides_what_the_network_sees(patch, donor):
    scaled = InpaintRecipe(scale=100.0)
    np.testing.assert_allclose(example(patch, donor, scaled)[0][0], example(patch, donor, TINY)[0][0] / 100)


def test_the_noise_is_that_of_photons_and_readout_of_the_pixels_around():
    image = np.random.default_rng(0).poisson(200, (64, 64)).astype(np.float32)
    hidden = np.zeros(image.shape, bool)
    image[30:33, 30:33], hidden[30:33, 30:33] = 50_000, True
    found = inpainting.noise(image, hidden, 5.0)
    assert np.abs(found / np.sqrt(225) - 1).max() < 0.1


def test_batches_follow_from_seed_epoch_and_patch_alone(patches):
    rows = np.arange(40)
    whole = list(inpainting.training_batches(patches, rows, TINY, 3))
    rest = list(inpainting.training_batches(patches, rows, TINY, 3, position=1))
    other = list(inpainting.training_batches(patches, rows, TINY, 4))
    assert len(whole) == 3 and len(rest) == 2
    for one, same in zip(whole[1:], rest, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not torch.equal(whole[0][0], other[0][0])


def test_validation_has_the_same_masks_in_every_epoch(patches):
    rows = np.arange(20)
    first, second = (list(inpainting.validation_batches(patches, rows, TINY)) for _ in range(2))
    assert all(
        torch.equal(a, b) for x, y in zip(first, second, strict=True) for a, b in zip(x, y, strict=True)
    )
    assert torch.equal(torch.cat([batch[1] for batch in first])[3, 0], torch.from_numpy(patches[3].image))


def test_a_patch_is_never_its_own_donor(patches):
    """Its own cosmic rays lie where nothing can be learned."""
    examples = inpainting._InpaintExamples(patches, [4, 9], TINY, 0)
    masks = examples._masks(4, np.random.default_rng(0))
    turned = [np.rot90(m, k) for k in range(4) for m in (patches[9].truth, patches[9].truth[::-1])]
    assert masks.any() and not (masks & ~np.any(turned, axis=0)).any()


def test_further_training_of_the_published_network_lowers_its_error(patches, tmp_path):
    recipe = InpaintRecipe(
        start=models.INPAINT, epochs=2, frozen_from=0, batch=4, lr=0.002, validation=0.3, donors=3
    )
    result = fit_inpainting(patches, tmp_path / "own.safetensors", recipe, QUIET)
    figures, described = result.description.about["figures"], result.description
    learner = inpainting.InpaintLearner(recipe, torch.device("cpu"))
    held = split(patches, recipe.validation, recipe.seed).validation
    before = learner.validate(inpainting.validation_batches(patches, held, recipe))["loss"]
    assert figures["loss"] < 0.97 * before
    assert (described.kind, described.levels, described.hidden) == ("inpaint", 2, 32)
    start = models.info("ACS-WFC-F606W-2-32", "inpaint").sha256
    assert figures["medmask"] > 0.8 and described.about["recipe"]["start_sha256"] == start


def test_the_same_seed_gives_the_same_weights_which_inpaint_takes_by_their_path(patches, tmp_path):
    made = [fit_inpainting(patches, tmp_path / f"{n}.safetensors", TINY, QUIET).path for n in range(2)]
    first, second = (models.load(path) for path in made)
    assert first.info.kind == "inpaint" and first.info.hidden == 2
    assert all(torch.equal(first.state[key], second.state[key]) for key in first.state)
    image, mask = patches[0].image, patches[0].truth
    result = inpaint.inpaint(image, mask, made[0])
    assert mask.any() and np.isfinite(result).all() and (result != image)[mask].any()


def test_a_killed_training_resumes_to_the_same_weights(patches, tmp_path, monkeypatch):
    eager = RunOptions(device="cpu", threads=1, tensorboard=False, progress=False, checkpoint_seconds=0.0)
    whole = models.load(fit_inpainting(patches, tmp_path / "whole.safetensors", TINY, QUIET).path).state
    steps, learn = [], inpainting.InpaintLearner.step

    def killed(learner, batch):
        steps.append(1)
        if len(steps) == 5:
            raise KeyboardInterrupt
        return learn(learner, batch)

    path = tmp_path / "broken.safetensors"
    monkeypatch.setattr(inpainting.InpaintLearner, "step", killed)
    with pytest.raises(KeyboardInterrupt):
        fit_inpainting(patches, path, TINY, eager)
    assert not path.exists()
    monkeypatch.undo()
    resumed = models.load(fit_inpainting(patches, path, TINY, eager).path).state
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_a_finished_training_is_not_repeated_and_no_other_is_overwritten(patches, tmp_path):
    path = tmp_path / "own.safetensors"
    fit_inpainting(patches, path, TINY, QUIET)
    written = path.stat().st_mtime_ns
    fit_inpainting(patches, path, TINY, QUIET)
    assert path.stat().st_mtime_ns == written
    with pytest.raises(ParameterError, match="is of another training"):
        fit_inpainting(patches, path, InpaintRecipe(hidden=2, donors=1), QUIET)


@pytest.mark.parametrize(
    ("start", "error"),
    [("ACS-WFC", ModelError), ("nonsense", ModelError), ("medmask", ParameterError)],
)
def test_what_cannot_be_begun_with_is_refused(patches, tmp_path, start, error):
    with pytest.raises(error):
        fit_inpainting(patches, tmp_path / "own.safetensors", InpaintRecipe(start=start), QUIET)
    assert not list(tmp_path.iterdir())


def test_a_mask_model_is_no_beginning_by_its_path_either(patches, tmp_path):
    path = tmp_path / "mask.pth"
    torch.save(dict(models.load("ACS-WFC-F606W-2-4").state), path)
    with pytest.raises(ModelError, match="give an inpainting model to begin with"):
        fit_inpainting(patches, tmp_path / "own.safetensors", InpaintRecipe(start=str(path)), QUIET)


@pytest.mark.parametrize("wrong", [{"donors": 0}, {"read_noise": 0.0}, {"start": 3}, {"lr": -1.0}])
def test_a_recipe_that_cannot_be_is_refused(wrong):
    with pytest.raises(ParameterError, match=f"{next(iter(wrong))}="):
        InpaintRecipe(**wrong)


def test_the_command_trains_and_says_how_good_it_is(directory, tmp_path, capsys):
    output = tmp_path / "own.safetensors"
    how = (
        "--hidden 2 --epochs 1 --batch 16 --threads 1 --device cpu --no-tensorboard --no-progress --donors 1"
    )
    status = cli.main(["inpaint", str(directory), "--output", str(output), *how.split()])
    printed = capsys.readouterr().out
    assert status == 0 and output.exists() and output.with_suffix(".png").exists()
    assert "2-2 inpainting network" in printed and "masked median" in printed
    assert f"--clean-file --inpaint {output}" in printed
