"""The background of a chip as a map."""

import numpy as np
import pytest

from acs_deepcr_step.arrays.background_map import BackgroundMap, measure_map

SHAPE = (256, 320)
GOOD = np.ones(SHAPE, bool)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)


def noisy(level, seed=1):
    """A background of some level with the noise of its photons and of the readout."""
    rng = np.random.default_rng(seed)
    return (rng.poisson(np.broadcast_to(level, SHAPE)) + 4 * rng.standard_normal(SHAPE)).astype(np.float32)


def left_of(image, good=GOOD):
    """An image less its background."""
    return measure_map(image, good).subtracted_from(image)


def boxes(image):
    """Means of boxes of 32 pixels, in which noise hardly counts."""
    return image.reshape(8, 32, 10, 32).mean(axis=(1, 3))


def test_flat_background_has_its_level_and_noise():
    found = measure_map(noisy(50.0), GOOD)
    assert found.typical_level == pytest.approx(50, abs=0.5)
    assert found.typical_rms == pytest.approx(np.sqrt(66), rel=0.05)
    assert np.abs(boxes(left_of(noisy(50.0)))).max() < 2


def test_glow_at_a_side_is_in_the_map():
    glow = 100 * np.exp(-COLUMNS / 80)
    net = left_of(noisy(50 + glow))
    assert np.abs(boxes(net)).max() < 6
    # A single level for the whole chip leaves most of it.
    assert boxes(noisy(50 + glow) - 50 - np.median(glow)).max() > 50


@pytest.mark.parametrize("along", [ROWS, COLUMNS, -COLUMNS])
def test_map_goes_on_straight_beyond_the_outermost_boxes(along):
    net = left_of(noisy(120 + 0.25 * along))
    for side in (net[:8], net[-8:], net[:, :8], net[:, -8:]):
        assert abs(side.mean()) < 2


def test_pixels_that_do_not_count_say_nothing():
    image, good = noisy(50.0), GOOD.copy()
    good[:, 60:90] = good[100:130] = False
    spoilt = np.where(good, image, np.nan)
    found = measure_map(spoilt, good)
    assert np.isfinite(found.level).all() and np.isfinite(found.rms).all()
    assert np.abs(boxes(found.subtracted_from(image))).max() < 2
    # What such pixels hold is of no matter.
    assert np.array_equal(measure_map(np.where(good, image, 1e6), good).level, found.level)


def test_box_without_good_pixels_gets_what_its_neighbours_have():
    good = GOOD.copy()
    good[:128, :128] = False
    found = measure_map(np.where(good, noisy(50.0), 5000), good)
    assert np.abs(found.level - 50).max() < 2


def test_nothing_stands_out_of_a_chip_without_good_pixels():
    found = measure_map(np.full(SHAPE, np.nan, np.float32), ~GOOD)
    image = noisy(50.0)
    assert not found.above(image, 1).any()
    assert np.array_equal(found.subtracted_from(image), image)


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (16, 16), (70, 300), (300, 70), (97, 95)])
def test_chips_of_any_size_have_a_background(shape):
    image = np.random.default_rng(1).normal(50, 8, shape).astype(np.float32)
    found = measure_map(image, np.ones(shape, bool))
    net = found.subtracted_from(image)
    assert net.shape == shape and np.isfinite(net).all()
    assert found.above(net, 5.0).shape == shape
    if min(shape) >= 16:
        assert found.typical_level == pytest.approx(50, abs=2)
        assert found.typical_rms == pytest.approx(8, abs=2)


def test_star_does_not_bend_the_map():
    star = 20_000 * np.exp(-((ROWS - 130) ** 2 + (COLUMNS - 150) ** 2) / (2 * 1.1**2))
    halo = 3e6 / (20 + np.hypot(ROWS - 130, COLUMNS - 150) ** 3)
    without = measure_map(noisy(50.0), GOOD)
    for light, most in ((star, 1), (halo, without.typical_rms)):
        found = measure_map(noisy(50 + light), GOOD)
        assert np.abs(found.level - without.level).max() < most


def test_noise_is_known_where_it_is():
    rng = np.random.default_rng(1)
    image = 50 + rng.standard_normal(SHAPE) * np.where(COLUMNS < 160, 5, 20)
    found = measure_map(image, GOOD)
    left, right = (found.rms_at(128, column) for column in (20, 300))
    assert left == pytest.approx(5, rel=0.1) and right == pytest.approx(20, rel=0.1)
    # So the same electrons stand out on one side and not on the other.
    assert found.above(np.full(SHAPE, 40, np.float32), 4.0)[128, [20, 300]].tolist() == [True, False]


def test_a_few_pixels_are_judged_as_all_of_them_are():
    rng = np.random.default_rng(2)
    image = 50 + rng.standard_normal(SHAPE) * np.where(COLUMNS < 160, 5, 20)
    found = measure_map(image, GOOD)
    net, some = found.subtracted_from(image), rng.random(SHAPE) < 0.1
    assert np.array_equal(found.above(net, 2.0, among=some), found.above(net, 2.0) & some)
    assert not found.above(net, 2.0, among=np.zeros(SHAPE, bool)).any()


def test_flat_map_is_the_same_everywhere():
    found = BackgroundMap.flat(SHAPE, 50.0, 8.0)
    assert np.allclose(found.subtracted_from(np.full(SHAPE, 60, np.float32)), 10, atol=1e-4)
    assert (found.rms_at(ROWS.astype(int), COLUMNS.astype(int)) == 8).all()


def test_image_is_not_changed():
    image = noisy(50.0)
    before = image.copy()
    measure_map(image, GOOD).subtracted_from(image)
    assert np.array_equal(image, before)
