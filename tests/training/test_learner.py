"""What a training consists of: recipe, batches, and the network that learns from them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from training_data import TINY, sample, small_patches

from acs_deepcr_step.errors import ModelError, ParameterError
from acs_deepcr_step.training.fit.batches import MaskBatch, order, sky_factor, training_batches
from acs_deepcr_step.training.fit.learner import Learner
from acs_deepcr_step.training.fit.recipe import Recipe


def learner(**recipe):
    return Learner(replace(TINY, **recipe), torch.device("cpu"))


def batch(seed=0, side=32):
    chip = sample(shape=(side, side), seed=seed)
    arrays = chip.image / 100, chip.truth, ~chip.ignore
    return MaskBatch(*(torch.from_numpy(a.astype(np.float32))[None, None] for a in arrays))


def test_the_loss_is_the_published_one():
    made = learner()
    image, truth, weight = batch()
    made.network.eval()
    with torch.no_grad():
        loss, logits = made._loss(MaskBatch(image, truth, weight))
        p = torch.sigmoid(logits)
    assert loss.item() == pytest.approx(torch.nn.BCELoss()(p * weight, truth * weight).item(), rel=1e-5)


def test_ignored_pixels_teach_nothing():
    image, truth, _ = batch()
    weight = torch.zeros_like(truth)
    made = learner()
    before = made.weights()
    assert made.step(MaskBatch(image, truth, weight)) == 0
    trained = [key for key in before if not key.endswith(("running_mean", "running_var", "tracked"))]
    assert all(torch.equal(before[key], made.weights()[key]) for key in trained)


def statistics(made):
    return {key: value for key, value in made.weights().items() if "running" in key}


def test_running_statistics_move_in_the_first_phase_and_stay_in_the_second():
    made = learner()
    first = statistics(made)
    made.step(batch())
    second = statistics(made)
    assert not any(torch.equal(first[key], second[key]) for key in first)
    made.begin_phase(frozen=True)
    kernel = made.weights()["inc.conv.conv.0.weight"]
    made.step(batch())
    assert all(torch.equal(second[key], value) for key, value in statistics(made).items())
    assert not torch.equal(kernel, made.weights()["inc.conv.conv.0.weight"])


def test_validation_changes_nothing():
    made = learner()
    made.step(batch())
    before = made.weights()
    assert made.validate([batch(1)]) == made.validate([batch(1)])
    assert all(torch.equal(before[key], value) for key, value in made.weights().items())


def test_the_learning_rate_of_the_second_phase_falls_on_a_plateau_too():
    made = learner(frozen_from=0, plateau_patience=1, plateau_cooldown=0)
    assert made.lr == pytest.approx(0.005 / 2.5)
    for _ in range(3):
        made.end_epoch(1.0)
    assert made.lr == pytest.approx(0.0002)


def test_a_training_that_diverges_stops_with_a_word():
    made = learner()
    image, truth, weight = batch()
    with pytest.raises(ModelError, match="diverged.*learning rate below 0.005"):
        made.step(MaskBatch(image * float("inf"), truth, weight))


def test_every_epoch_sees_each_patch_once_in_another_order():
    rows = np.arange(100, 137)
    first, again, other = order(rows, TINY, 0), order(rows, TINY, 0), order(rows, TINY, 1)
    assert first == again != other
    assert sorted(sum(first, [])) == sorted(sum(other, [])) == rows.tolist()
    assert [len(b) for b in first] == [4] * 9 + [1]


def test_the_sky_that_is_added_depends_on_seed_epoch_and_patch_alone():
    factors = np.array([[sky_factor(TINY, e, n) for n in range(100)] for e in range(20)])
    assert factors.min() < -0.85 and factors.max() > 2.95 and abs(factors.mean() - 1.05) < 0.1
    assert len(np.unique(factors)) == factors.size
    assert sky_factor(TINY, 7, 3) == factors[7, 3] != sky_factor(replace(TINY, seed=1), 7, 3)


def test_batches_hold_the_patch_with_its_sky_in_the_networks_unit(tmp_path):
    patches = small_patches(tmp_path)
    rows = np.arange(len(patches))
    images, truths, weights = next(iter(training_batches(patches, rows, TINY, epoch=1)))
    for place, number in enumerate(order(rows, TINY, 1)[0]):
        patch = patches[number]
        expected = (patch.image + sky_factor(TINY, 1, number) * patch.sky) / 100
        assert np.allclose(images[place, 0].numpy(), expected, rtol=1e-6)
        assert np.array_equal(truths[place, 0].numpy() > 0, patch.truth)
        assert np.array_equal(weights[place, 0].numpy() == 0, patch.ignore)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"hidden": 0}, "hidden=0 is not 1 or more"),
        ({"lr": float("nan")}, "lr=nan is not above 0"),
        ({"epochs": 2.5}, "epochs=2.5 is no int"),
        ({"sky_low": 4.0}, "sky_low=4.0"),
        ({"batch": 0, "levels": 1}, "batch=0 is not 1 or more; levels=1 is not 2 to 5"),
        ({"filter": None}, "filter=None is no str"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_with_every_fault(wrong, named):
    with pytest.raises(ParameterError) as caught:
        Recipe(**wrong)
    assert named in str(caught.value)


def test_the_defaults_are_the_papers_recipe():
    recipe = Recipe()
    assert (recipe.levels, recipe.hidden, recipe.epochs, recipe.frozen_from) == (2, 32, 50, 20)
    assert (recipe.lr, recipe.lr_drop, recipe.batch, recipe.momentum) == (0.005, 2.5, 16, 0.005)
    assert (recipe.sky_low, recipe.sky_high, recipe.validation, recipe.scale) == (-0.9, 3, 0.1, 1)
    assert (recipe.plateau_factor, recipe.plateau_patience, recipe.plateau_cooldown) == (0.1, 4, 2)
    assert recipe.plateau_threshold == 0.005
