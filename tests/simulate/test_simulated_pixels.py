"""The simulated pixels: the same for a seed, true to their truth, and like those of ACS."""

import numpy as np
import pytest
from astropy.io import fits
from scipy import ndimage

from acs_deepcr_step import simulate
from acs_deepcr_step.arrays import dq
from acs_deepcr_step.simulate import detector

SMALL = {"shape": (256, 320), "seed": 5}


# Determinism


def test_same_seed_gives_the_same_pixels(tmp_path):
    a = simulate.association(tmp_path / "a", n=2, **SMALL)
    b = simulate.association(tmp_path / "b", n=2, **SMALL)
    assert [p.read_bytes() for p in a] == [p.read_bytes() for p in b]
    truths = [simulate.truth_path(p).read_bytes() for p in a]
    assert truths == [simulate.truth_path(p).read_bytes() for p in b]


def test_an_exposure_does_not_depend_on_how_many_there_are(tmp_path):
    a = simulate.association(tmp_path / "a", n=1, **SMALL)
    b = simulate.association(tmp_path / "b", n=3, **SMALL)
    assert np.array_equal(fits.getdata(a[0], "SCI", 1), fits.getdata(b[0], "SCI", 1))


def test_another_seed_gives_other_pixels():
    a, b = (simulate.chip(shape=(64, 64), seed=s) for s in (1, 2))
    assert not np.array_equal(a.sci, b.sci)


# Truth


@pytest.mark.parametrize("field", simulate.FIELDS)
def test_charge_of_cosmic_rays_is_what_they_added(field):
    chip = simulate.chip(shape=(256, 256), field=field, seed=3)
    without = simulate.chip(shape=(256, 256), field=field, seed=3, cosmic_rays=False)
    assert np.array_equal(chip.sci - chip.cr_charge, without.sci)
    assert np.array_equal(chip.dq_clean, without.dq)
    assert chip.cr.any() and not without.cr.any()
    assert chip.cr_charge.min() >= 0


def test_true_mask_is_the_charge_above_the_noise():
    chip = simulate.chip(shape=(256, 256), seed=3)
    without = simulate.chip(shape=(256, 256), seed=3, cosmic_rays=False)
    assert np.array_equal(chip.cr, chip.cr_charge > np.maximum(1.75 * without.err, 8))


def test_twin_without_cosmic_rays_has_the_same_noise(pair, tmp_path):
    twin = simulate.without_cosmic_rays(pair[0], tmp_path)
    again = simulate.association(
        tmp_path / "x", n=1, shape=(384, 512), seed=7, star_density=25, cosmic_rays=False
    )[0]
    assert twin.name == pair[0].name
    for extver in (1, 2):
        for name in ("SCI", "DQ"):
            assert np.array_equal(fits.getdata(twin, name, extver), fits.getdata(again, name, extver))
        difference = fits.getdata(twin, "ERR", extver) - fits.getdata(again, "ERR", extver)
        assert abs(difference).max() < 3


def test_twin_does_not_overwrite_the_exposure(pair):
    with pytest.raises(ValueError, match="another directory"):
        simulate.without_cosmic_rays(pair[0], pair[0].parent)


def test_truth_of_a_file_fits_its_pixels(pair):
    for truth in simulate.read_truth(pair[1]):
        sci, flags = (fits.getdata(pair[1], name, truth.extver) for name in ("SCI", "DQ"))
        err = fits.getdata(pair[1], "ERR", truth.extver)
        assert truth.cr.shape == sci.shape
        assert np.all(flags[truth.cr_charge == 0] == truth.dq_clean[truth.cr_charge == 0])
        assert np.all(sci[truth.cr] > truth.cr_charge[truth.cr] - 6 * err[truth.cr])
        assert np.array_equal(
            simulate.read_truth(simulate.truth_path(pair[1]))[truth.extver - 1].cr, truth.cr
        )


# Cosmic rays


def test_rate_and_size_of_cosmic_rays_are_those_of_acs(deep_chip):
    groups, number = ndimage.label(deep_chip.cr, np.ones((3, 3)))
    area = deep_chip.cr.size * 0.0015**2
    assert 1.0 < number / area / 1000 < 1.3
    assert 0.0125 < deep_chip.cr.mean() < 0.03
    size = np.bincount(groups.ravel())[1:]
    assert 4 <= np.median(size) <= 6
    assert size.max() > 40


def test_charge_of_cosmic_rays_is_that_of_relativistic_particles(deep_chip):
    groups, number = ndimage.label(deep_chip.cr, np.ones((3, 3)))
    charge = ndimage.sum_labels(deep_chip.cr_charge, groups, np.arange(1, number + 1))
    assert 900 < np.median(charge) < 1500
    assert (charge < 500).mean() < 0.1
    assert charge.max() > 70_000


def test_brightest_cosmic_rays_saturate_pixels(deep_chip):
    made = (deep_chip.dq & dq.FULL_WELL != 0) & (deep_chip.dq_clean & dq.FULL_WELL == 0)
    assert made.any()
    assert np.all(deep_chip.sci[made] > 70_000)


def test_number_of_cosmic_rays_grows_with_exposure_time():
    short, long = (simulate.chip(seed=4, exptime=t).cr.mean() for t in (200.0, 800.0))
    assert 3 < long / short < 5


# Detector


def test_read_noise_is_that_of_each_amplifier():
    chip = simulate.chip(
        shape=(512, 1024),
        exptime=1.0,
        seed=1,
        sky=0,
        star_density=0,
        galaxy_density=0,
        cosmic_rays=False,
        hot_fraction=0,
        warm_fraction=0,
        bad_columns=0,
    )
    for letter, part in (("A", chip.sci[:, :512]), ("B", chip.sci[:, 512:])):
        quantisation = detector.GAINS[letter] ** 2 / 12
        assert part.std() == pytest.approx(
            np.sqrt(detector.READ_NOISE[letter] ** 2 + quantisation + 0.011), rel=0.01
        )
        assert abs(part.mean()) < 0.05


def test_error_array_is_read_noise_and_poisson_noise():
    chip = simulate.chip(
        seed=2, sky=100.0, star_density=0, galaxy_density=0, cosmic_rays=False, bad_columns=0
    )
    good = chip.dq == 0
    pull = (chip.sci - 100) / chip.err
    assert pull[good].std() == pytest.approx(1, abs=0.02)


def test_saturated_star_bleeds_along_its_column():
    chip = simulate.chip(shape=(512, 512), field="crowded", seed=8, cosmic_rays=False)
    groups, number = ndimage.label(chip.dq & dq.FULL_WELL != 0)
    assert number > 0
    heights, widths = zip(
        *[(s[0].stop - s[0].start, s[1].stop - s[1].start) for s in ndimage.find_objects(groups)], strict=True
    )
    tallest = int(np.argmax(heights))
    assert heights[tallest] > 2 * widths[tallest]
    assert chip.sci.max() < 81_000
    assert chip.stars["saturated"].any()


def test_bleeding_keeps_the_charge():
    image = np.zeros((200, 5))
    image[100, 2] = 1e6
    full = detector.bleed(image, 80_000)
    assert image.sum() == pytest.approx(1e6)
    assert full.sum() == 11 and image.max() == 80_000
    assert np.array_equal(image[80:100, 2], image[120:100:-1, 2])


def test_converter_saturates_before_the_pixel_at_gain_one():
    kinds = {"shape": (512, 512), "field": "crowded", "seed": 8}
    assert (simulate.chip(**kinds, gain=1.0).dq & dq.A_TO_D != 0).any()
    assert not (simulate.chip(**kinds).dq & dq.A_TO_D != 0).any()


def test_hot_pixels_stay_where_they_are(pair):
    hot = [fits.getdata(p, "DQ", 1) & (dq.HOT | dq.WARM) for p in pair]
    assert np.array_equal(*hot)
    assert 0.005 < (hot[0] != 0).mean() < 0.03


def test_negative_sky_is_a_sky_subtracted_too_far():
    chip = simulate.chip(seed=1, sky=-5.0)
    assert np.median(chip.sci) == pytest.approx(-5, abs=0.5)


def test_light_is_changed_before_it_is_collected():
    plain = simulate.chip((64, 64), seed=50_310, cosmic_rays=False)
    same = simulate.chip((64, 64), seed=50_310, cosmic_rays=False, change=lambda light: light)
    brighter = simulate.chip((64, 64), seed=50_310, cosmic_rays=False, change=lambda light: light + 1000)
    assert np.array_equal(plain.sci, same.sci)
    assert np.median(brighter.sci - plain.sci) == pytest.approx(1000, rel=0.05)
    assert np.median(brighter.err) > 2 * np.median(plain.err)
