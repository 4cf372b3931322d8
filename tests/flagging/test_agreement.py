"""Which other exposures are used, what they disagree by, and what is said of the rest: arrays alone."""

import re
from dataclasses import replace

import numpy as np
import pytest
from field_chips import CALIBRATION, SHAPE, chip_of, compared_with, decided, grid, hit, member, stars
from test_stars import exposure, field

from acs_deepcr_step.arrays import reasons
from acs_deepcr_step.config.decision import Decision
from acs_deepcr_step.flagging import single
from acs_deepcr_step.flagging.consensus.stars import Stars

MANY = stars(80)


def one_compared(target, other, **keywords):
    """What another exposure shows, and whether it is used."""
    found, [one] = compared_with(target, [other], **keywords)
    return one, one.is_used(found, CALIBRATION)


def test_aligned_exposure_is_used():
    one, used = one_compared(member(1, MANY), member(2, MANY, dx=2.3, dy=-1.6))
    assert used and one.covers and one.agreement.astray < 0.02
    assert one.agreement.stars > 30 and one.agreement.missed == 0
    assert one.agreement.slope < 0.2


@pytest.mark.parametrize("off", [0.7, 1.5, 3.0, 4.5])
def test_shift_that_many_stars_agree_on_is_allowed_for(off):
    target = hit(member(1, MANY), {(80, 60): (400, 0.6)})
    other = member(2, MANY, dx=2.3 + off, dy=-1.6, claimed=(2.3, -1.6))
    one, used = one_compared(target, other)
    assert used and one.pointing.shift[1] == pytest.approx(off, abs=0.05) and one.agreement.slope < 0.3
    result = decided(target, other) & reasons.FLAGGED
    assert result[80, 60] and np.count_nonzero(result) < 10


def test_measured_shift_takes_its_error_from_what_is_expected():
    stars = field(low=1e4)
    one, other = exposure(1, stars), exposure(2, stars, dx=2.6, dy=-1.4, claimed=(2.3, -1.6))
    with_shift, used = one_compared(one, other)
    found, _ = compared_with(one, [other])
    assert used and with_shift.agreement.slope <= 0.05
    bright = found.flux > 4000
    off = (with_shift.shown.value - found.flux)[bright] / found.flux[bright]
    assert np.sqrt(np.mean(off**2)) < 0.03


@pytest.mark.parametrize("off", [8.0, 20.0])
def test_exposure_of_another_place_is_refused_and_said(off):
    target = hit(member(1, MANY), {(80, 60): (400, 0.6)})
    other = member(2, MANY, dx=2.3 + off, dy=-1.6, claimed=(2.3, -1.6))
    one, used = one_compared(target, other)
    assert not used and one.overlaps
    said = re.fullmatch(r"(\d+) of (\d+) stars are not where its WCS puts them", one.fault)
    missed, stars = map(int, said.groups())
    assert (missed, stars) == (one.agreement.missed, one.agreement.stars) and missed > 0.25 * stars
    assert np.array_equal(decided(target, other), single.decide(target, Decision()))


def test_lost_guiding_is_refused_and_said():
    target, other = member(1, MANY), member(2, [])
    # The light of every star drawn out over thirty pixels.
    steady = member(3, MANY).net
    trailed = np.mean([np.roll(steady, step, axis=1) for step in range(30)], axis=0)
    other = chip_of(trailed.astype(np.float32) + 50, other.wcs)
    one, used = one_compared(target, other)
    assert not used and "stars are not where its WCS puts them" in one.fault


def test_exposure_that_sees_no_good_pixel_is_refused_and_said():
    target, other = member(1, MANY), member(2, MANY)
    one, used = one_compared(target, replace(other, bad=np.ones(SHAPE, bool)))
    assert not used and one.overlaps and one.fault == "sees no good pixel of what may be a cosmic ray here"


def test_exposure_elsewhere_is_not_used():
    one, used = one_compared(member(1, MANY), member(2, MANY, claimed=(400, 0)))
    assert not used and not one.covers


def test_exposure_too_short_to_tell_is_refused_and_said():
    faint = [(y, x, peak / 40) for y, x, peak in MANY]
    target = hit(member(1, faint), {(80, 60): (60, 0.6), (30, 30): (50, 0.5)})
    one, used = one_compared(target, member(2, faint, exptime=0.5, sky=1))
    assert not used and one.fault == "too short or too noisy to tell"
    assert one.agreement.astray < 0.25


def test_field_without_stars_is_compared_all_the_same():
    target = hit(member(1, []), {(80, 60): (300, 0.6), (90, 60): (90, 0.3)})
    one, used = one_compared(target, member(2, [], dx=1.5))
    assert used and one.agreement.stars == 0
    result = decided(target, member(2, [], dx=1.5))
    assert result[80, 60] == reasons.FLAGGED and result[90, 60] == reasons.FLAGGED | reasons.ADDED


def test_what_the_wcs_is_not_known_to_goes_into_the_variance():
    target, other = member(1, [(80.3, 60.2, 3000)]), member(2, [(80.3, 60.2, 3000)], dx=0.4)
    other = replace(other, stars=Stars.none())
    at = 80 * SHAPE[1] + 61
    errors = []
    for known_error in (0.05, 0.3, 2.0):
        found, [one] = compared_with(target, [other], known_error=known_error)
        errors.append(float(np.sqrt(one.shown.variance[found.index == at][0])))
    assert errors[0] < errors[1] < errors[2] and errors[2] > 300


@pytest.mark.parametrize("width", [1.12, 1.15])
def test_stars_are_left_alone_where_the_focus_of_the_other_exposure_differs(width):
    usual = grid(20_000)
    pair = member(1, usual), member(2, usual, dx=0.4, dy=0.3, width=width)
    for target, asked in (pair, pair[::-1]):
        one, used = one_compared(target, asked)
        # What the stars differ by is allowed for.
        assert used and one.agreement.share > 0.01
        assert not (decided(target, asked) & reasons.FLAGGED).any()
