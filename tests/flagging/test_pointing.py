"""Where another exposure lies, by the stars that both show: arrays and WCS alone."""

from dataclasses import replace

import numpy as np
import pytest
from field_chips import KNOWN_ERROR, grid, hit, member, pointing_of, stars, with_stars
from test_stars import exposure, field

from acs_deepcr_step.flagging.consensus.pointing import Pointing, PointingFacts, known_error
from acs_deepcr_step.flagging.consensus.stars import Stars

# A WCS that is wrong by (rows, columns).
OFF = [(0.0, 0.0), (0.1, 0.0), (0.3, -0.2), (0.9, 0.4), (-2.0, 1.5), (3.0, -4.0)]


def astray(sources, off, seed=2, **keywords):
    """An exposure whose WCS is wrong."""
    return member(seed, sources, dx=2.3 + off[1], dy=-1.6 + off[0], claimed=(2.3, -1.6), **keywords)


@pytest.mark.parametrize("off", OFF)
def test_shift_is_measured(off):
    stars = field()
    other = exposure(2, stars, dx=2.3 + off[1], dy=-1.6 + off[0], claimed=(2.3, -1.6))
    found = pointing_of(exposure(1, stars), other)
    assert found.shift == pytest.approx(off, abs=0.03)
    assert found.offset == pytest.approx(np.hypot(*off), abs=0.03)
    assert found.stars >= 10 and found.error < 0.05


def test_error_of_a_shift_is_what_its_stars_scatter_by():
    off = [
        pointing_of(member(2 * i, grid(2000)), astray(grid(2000), (0.3, -0.2), 2 * i + 1)) for i in range(8)
    ]
    errors = np.array([one.shift for one in off]) - (0.3, -0.2)
    assert np.sqrt(np.mean(errors**2)) < 4 * np.mean([one.error for one in off]) < 0.1


def test_shift_that_is_too_large_is_not_found():
    assert pointing_of(member(1, grid(2000)), astray(grid(2000), (0, 6.5))).shift == pytest.approx((0, 0))


@pytest.mark.parametrize(("number", "expected"), [(12, 2.5), (6, 0.0)])
def test_shift_of_more_than_a_pixel_takes_ten_stars(number, expected):
    few = grid(3000)[:: 81 // number][:number]
    found = pointing_of(member(1, few), astray(few, (2.5, 0.0)))
    assert found.shift == pytest.approx((expected, 0), abs=0.1)
    if not expected:
        assert found.error == KNOWN_ERROR


def test_one_star_in_each_is_found():
    one = [(80.3, 60.2, 20_000)]
    found = pointing_of(member(1, one), astray(one, (0.3, -0.2)))
    assert found.stars == 1
    # A star alone and the WCS count as their errors say: the place is between those that they give.
    assert 0 < found.shift[0] < 0.3 and -0.2 < found.shift[1] < 0
    assert 0 < found.error < KNOWN_ERROR


@pytest.mark.parametrize("error", [0.1, 0.3])
def test_few_stars_count_the_more_the_less_the_wcs_is_known(error):
    few = grid(5000)[::20]
    found = pointing_of(member(1, few), astray(few, (0.4, 0.0)), error)
    assert found.shift[0] == pytest.approx(0.4, abs=0.08) and found.error < error


def test_without_stars_the_wcs_is_believed():
    found = pointing_of(member(1, []), astray([], (0.4, 0.0)))
    assert found == Pointing(error=KNOWN_ERROR)


def test_unrelated_star_fields_give_no_shift():
    one = exposure(1, field(3))
    for seed in range(8, 11):
        found = pointing_of(one, exposure(2, field(seed)))
        assert found.offset < 0.3 and found.error > 0.02


def test_stars_of_another_brightness_are_others():
    bright, faint = grid(20_000), grid(1000)
    other = astray(faint, (0.5, 0.0))
    assert pointing_of(member(1, bright), other) == Pointing(error=KNOWN_ERROR)
    # In a twentieth of the time the same stars are as faint.
    other = astray(bright, (0.5, 0.0), exptime=25.0, sky=10)
    assert pointing_of(member(1, bright), other).shift == pytest.approx((0.5, 0), abs=0.05)


def test_cosmic_rays_do_not_move_an_exposure():
    rng = np.random.default_rng(1)
    rays = {(int(y), int(x)): (5000, 0.99) for y, x in rng.uniform(5, 155, (60, 2))}
    other = hit(astray(stars(), (0.3, -0.2)), rays)
    assert pointing_of(member(1, stars()), other).shift == pytest.approx((0.3, -0.2), abs=0.05)


def test_another_focus_is_told_by_the_brightness():
    sharp, wide = member(1, grid(5000), width=1.0), member(2, [], width=1.1)
    wide = member(2, grid(5000 / 1.21), width=1.1)
    assert pointing_of(sharp, wide).brightness == pytest.approx(1 / 1.21, rel=0.05)
    assert pointing_of(sharp, replace(wide, stars=Stars.none())).brightness == 1


def test_order_of_the_stars_does_not_matter():
    one, other = member(1, stars()), astray(stars(), (0.6, 1.2))
    its = other.stars
    back = replace(its, **{name: getattr(its, name)[::-1] for name in ("y", "x", "peak", "reach")})
    assert pointing_of(one, replace(other, stars=back)).shift == pytest.approx(
        pointing_of(one, with_stars(other)).shift, abs=1e-6
    )


def test_wcs_is_known_best_within_a_visit_and_worst_behind_a_moving_target():
    one = PointingFacts("j8sm01", False, 0.05)
    assert known_error(one, one) == pytest.approx(0.1)
    assert known_error(one, PointingFacts("j8sm02", False, 0.05)) == pytest.approx(0.3)
    for pair in ((one, PointingFacts("j8sm01", True, 0.05)), (PointingFacts("j8sm01", True, 0.05), one)):
        assert known_error(*pair) == pytest.approx(4)
    assert known_error(replace(one, pixel=0.025), replace(one, pixel=0.025)) == pytest.approx(0.2)


def test_place_known_to_pixels_only_may_be_any_of_those_around():
    assert [Pointing(error=error).reach for error in (0.0, 0.1, 0.5, 0.6, 4.0)] == [0, 0, 0, 1, 4]
