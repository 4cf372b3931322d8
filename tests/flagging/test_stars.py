"""Stars are measured well enough that other exposures tell what to expect at their peaks: arrays alone."""

from dataclasses import replace

import numpy as np
import pytest
from field_chips import NOISE, SHAPE, SKY, chip_of, compared_with, tangent_plane, with_stars

from acs_deepcr_step.flagging.consensus.stars import Stars, gaussian
from acs_deepcr_step.simulate import filters, psf

BAND = filters.lookup("F814W")
POINT = psf.psf(BAND.pivot, BAND.width)
CENTRE = float(POINT.at(np.zeros(1), np.zeros(1))[0])


def field(seed=3, number=30, low=3e3, high=3e5):
    """Places (y, x) and electrons of stars that do not touch."""
    rng, found = np.random.default_rng(seed), []
    for y, x in rng.uniform(12, 148, (4000, 2)):
        if len(found) < number and all(np.hypot(y - a, x - b) > 14 for a, b, _ in found):
            found.append((y, x, 10 ** rng.uniform(np.log10(low), np.log10(high))))
    return found


def exposure(seed, stars, dx=0.0, dy=0.0, full_well=80_000, claimed=None):
    """An exposure of undersampled stars, their light and their model measured as in pass 2."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    light = np.full(SHAPE, SKY)
    for y, x, electrons in stars:
        light += electrons * np.clip(POINT.at(columns - x - dx, rows - y - dy), 0, None)
    rng = np.random.default_rng(seed)
    image = np.minimum(rng.poisson(light) + 4 * rng.standard_normal(SHAPE), full_well).astype(np.float32)
    return chip_of(image, tangent_plane(*(claimed or (dx, dy))), full=full_well)


def nearest(found, y, x):
    return int(np.argmin(np.hypot(found.y - y, found.x - x)))


def test_places_and_peaks_of_stars_are_found():
    stars = field()
    found = exposure(1, stars).stars
    for y, x, electrons in stars:
        k = nearest(found, y, x)
        assert np.hypot(found.y[k] - y, found.x[k] - x) < 0.1
        assert found.peak[k] == pytest.approx(electrons * CENTRE, rel=0.1)


def test_profile_is_that_of_the_stars():
    radii = np.array([0.0, 0.5, 1.0, 1.5, 2.0])
    found = exposure(1, field(low=3e4)).stars
    true = POINT.at(radii, 0 * radii) / CENTRE
    assert np.interp(radii, np.arange(found.profile.size) * 0.02, found.profile) == pytest.approx(
        true, abs=0.01
    )


def expected_at_peaks(target, other):
    """Of bright pixels: what the other exposure leads to expect, over what is there."""
    found, [seen] = compared_with(target, [other])
    bright = found.flux > 4000
    value, variance, flux = seen.shown.value[bright], seen.shown.variance[bright], found.flux[bright]
    return value / flux, np.abs(value - flux) / np.sqrt(NOISE**2 + flux + variance)


def test_another_exposure_tells_the_peaks_of_undersampled_stars():
    stars = field(low=6e4)
    target, other = exposure(1, stars), exposure(2, stars, dx=0.5, dy=0.5)
    with_model, sigma = expected_at_peaks(target, other)
    without, _ = expected_at_peaks(target, replace(other, stars=Stars.none()))
    assert np.sqrt(np.mean((without - 1) ** 2)) > 0.06
    assert np.sqrt(np.mean((with_model - 1) ** 2)) < 0.02
    assert np.median(sigma) < 1.2 and (sigma > 4).mean() < 0.02


def test_wings_of_a_saturated_star_are_modelled():
    stars = [*field(number=25), (80.3, 80.2, 2e6)]
    stars = [star for star in stars if star[2] == 2e6 or np.hypot(star[0] - 80.3, star[1] - 80.2) > 25]
    found = exposure(1, stars).stars
    k = nearest(found, 80.3, 80.2)
    assert np.hypot(found.y[k] - 80.3, found.x[k] - 80.2) < 0.1
    assert found.peak[k] == pytest.approx(2e6 * CENTRE, rel=0.2)


def test_saturated_pixels_without_wings_are_no_star():
    one = exposure(1, field(number=20))
    net, saturated = one.net.copy(), one.saturated.copy()
    y, x = next(
        (y, x)
        for y in range(20, 140, 5)
        for x in range(20, 140, 5)
        if net[y - 8 : y + 9, x - 8 : x + 9].max() < 450
    )
    net[y, x : x + 2], saturated[y, x : x + 2] = 80_000, True
    found = with_stars(replace(one, net=net, saturated=saturated)).stars
    assert found.y.size == one.stars.y.size and np.hypot(found.y - y, found.x - x).min() > 4


def test_taking_stars_out_leaves_the_rest():
    one = exposure(1, field())
    left = one.net.copy()
    one.stars.add_to(left, -1)
    bright = one.net > 300
    assert np.std(left[~bright]) < 1.3 * NOISE
    assert np.abs(left[bright]).sum() < 0.05 * one.net[bright].sum()


def test_few_stars_are_found_with_the_profile_of_a_gaussian():
    few = field(low=3e4)[:4]
    found = exposure(1, few).stars
    assert np.array_equal(found.profile, gaussian())
    for y, x, _ in few:
        k = nearest(found, y, x)
        assert np.hypot(found.y[k] - y, found.x[k] - x) < 0.1


def test_pixels_that_say_nothing_do_not_matter():
    stars = field()
    one = exposure(1, stars)
    bad = np.zeros(SHAPE, bool)
    bad[:, 40] = bad[100] = True
    spoilt = replace(one, net=np.where(bad, np.nan, one.net).astype(np.float32), bad=bad)
    found = with_stars(spoilt).stars
    assert np.isfinite([*found.y, *found.x, *found.peak, *found.profile]).all()
    for y, x, _ in stars:
        if abs(x - 40) > 4 and abs(y - 100) > 4:
            k = nearest(found, y, x)
            assert np.hypot(found.y[k] - y, found.x[k] - x) < 0.1


def test_cosmic_rays_are_not_stars():
    one = exposure(1, field())
    net, scaled = one.net.copy(), one.scaled_probability.copy()
    net[20:22, 30:33] += 5000
    scaled[20:22, 30:33] = 9000
    found = with_stars(replace(one, net=net, scaled_probability=scaled)).stars
    assert np.hypot(found.y - 20.5, found.x - 31).min() > 2


def test_stars_have_fewer_electrons_where_pixels_cover_more_sky():
    stars = Stars(np.array([50.0]), np.array([60.0]), np.array([1000.0]), np.array([5]), gaussian())
    here, there = stars.through(lambda y, x: (0.9 * y, 0.9 * x))
    assert (there.y[0], there.x[0]) == pytest.approx((45, 54)) and there.peak[0] == pytest.approx(810)
    here, there = stars.through(lambda y, x: (y + np.nan, x))
    assert not here.y.size and not there.y.size
