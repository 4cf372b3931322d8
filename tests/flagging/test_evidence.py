"""What the others show changes the odds as far as it tells something, and no farther: arrays alone."""

from dataclasses import replace

import numpy as np
import pytest
from field_chips import CALIBRATION, SHAPE, STAR, compared_with, decided, grid, hit, member, stars

from acs_deepcr_step.arrays import reasons
from acs_deepcr_step.config.decision import Decision
from acs_deepcr_step.flagging import single
from acs_deepcr_step.flagging.consensus import likelihood, verdict

PLACE = 80 * SHAPE[1] + 60
DARK = 300.0  # electrons of a cosmic ray on blank sky
SKY_PER_SECOND = 0.1


def posterior(target, *others, place=PLACE):
    """The log odds of one pixel, and by how much the others moved them."""
    found, asked = compared_with(target, others)
    at = np.flatnonzero(found.index == place)
    some = found.part(at)
    ratio = likelihood.log_ratio(some, verdict.expected_of(found, asked).part(at), CALIBRATION)
    return float(CALIBRATION.log_odds(some)[0] + ratio[0]), float(ratio[0])


def doubted(p=0.5, charge=DARK, sources=None):
    """An exposure with one pixel that the network doubts."""
    return hit(member(1, stars() if sources is None else sources), {(80, 60): (charge, p)})


def test_others_that_say_nothing_move_no_odds():
    target, other = doubted(), member(2, stars(), dx=1.5)
    bad = np.zeros(SHAPE, bool)
    bad[70:90, 50:70] = True
    assert posterior(target, replace(other, bad=bad))[1] == 0
    assert posterior(target, replace(other, bad=bad), replace(other, bad=bad))[1] == 0


def test_blank_sky_speaks_for_a_cosmic_ray_and_a_source_against_it():
    for p in (0.05, 0.5, 0.95):
        assert posterior(doubted(p), member(2, stars(), dx=1.5))[1] > 1
        same = [(*STAR, 2000), *stars()]
        assert posterior(doubted(p, 0, same), member(2, same, dx=1.5))[1] < -1


def test_odds_of_the_network_and_of_the_others_add_up():
    found, asked = compared_with(doubted(0.3), [member(2, stars(), dx=1.5)])
    seen = verdict.compare(found, asked, CALIBRATION)
    at = found.index == PLACE
    assert seen.log_odds[at] == pytest.approx(
        posterior(doubted(0.3), member(2, stars(), dx=1.5))[0], abs=1e-4
    )


@pytest.mark.parametrize("seconds", [0.5, 5.0])
def test_much_shorter_exposure_moves_less(seconds):
    other = member(2, stars(), dx=1.5, exptime=seconds, sky=max(SKY_PER_SECOND * seconds, 1))
    deep = posterior(doubted(), member(2, stars(), dx=1.5))[1]
    ratio = posterior(doubted(), other)[1]
    assert abs(ratio) <= abs(deep) + 0.05
    if seconds < 1:
        assert abs(ratio) < 0.3


def test_shallow_exposure_does_not_turn_what_the_network_is_sure_of():
    charges = {(80, 60): (120, 0.9), (100, 100): (60, 0.8), (40, 120): (0, 0.001)}
    target = hit(member(1, stars()), charges)
    shallow = member(2, stars(), dx=1.5, exptime=5, sky=1)
    alone, together = single.decide(target, Decision()), decided(target, shallow)
    assert (together[[80, 100], [60, 100]] & reasons.FLAGGED).all() and not together[40, 120]
    lost = (alone & reasons.FLAGGED) & ~(together & reasons.FLAGGED)
    assert not lost.any()


def test_shallow_exposure_does_not_veto_upon_a_star():
    # The 25 electrons that 5 s show of the star are those of its light, as the 120 of the cosmic ray are not.
    sources = [(*STAR, 300), *stars()]
    target = hit(member(1, sources), {(80, 60): (2500, 0.97)})
    assert decided(target, member(2, sources, dx=1.5, exptime=5, sky=1))[80, 60] & reasons.FLAGGED


@pytest.mark.parametrize("source", [False, True])
def test_fifth_and_sixth_exposure_hardly_move_what_is_settled(source):
    sources = [(*STAR, 2000), *stars()] if source else stars()
    target = doubted(0.3, 0 if source else DARK, sources)
    others = [member(i, sources, dx=0.7 * i, dy=-0.4 * i) for i in range(2, 9)]
    odds = [posterior(target, *others[:number])[0] for number in range(1, 8)]
    probability = 1 / (1 + np.exp(-np.array(odds)))
    assert np.ptp(probability[4:]) < 0.01
    assert (probability < 0.01).all() if source else (probability > 0.9).all()


def test_hit_in_another_exposure_does_not_veto():
    target = doubted(0.97, 2000)
    beside = hit(member(2, stars(), dx=2), {(80, 62): (3000, 0.99), (80, 63): (2500, 0.98)})
    clean = member(3, stars(), dy=1.5)
    assert decided(target, beside)[80, 60] & reasons.FLAGGED
    for asked in ((beside, clean), (clean, beside)):
        assert decided(target, *asked)[80, 60] & reasons.FLAGGED


def test_hit_in_another_exposure_does_not_flag_a_star():
    sources = [(*STAR, 3000), *stars()]
    target = member(1, sources)
    other = hit(member(2, sources, dx=2), {(80, 62): (9000, 0.99), (80, 63): (8000, 0.98)})
    assert not (decided(target, other)[78:83, 58:63] & reasons.FLAGGED).any()
    assert not (decided(target, other, member(3, sources, dy=1.5))[78:83, 58:63] & reasons.FLAGGED).any()


def test_hit_that_the_network_missed_in_one_of_three_others_is_outvoted():
    target = doubted(0.5, 2000)
    missed = hit(member(2, stars(), dx=2), {(80, 62): (2100, 0.01)})
    others = member(3, stars(), dy=1.5), member(4, stars(), dx=-1.5)
    assert decided(target, missed, *others)[80, 60] & reasons.FLAGGED


def test_order_of_the_others_does_not_matter():
    sources = [(*STAR, 2000), *stars()]
    target = hit(member(1, sources), {(80, 61): (2500, 0.3), (30, 30): (60, 0.4), (120, 40): (400, 0.02)})
    others = [member(i, sources, dx=1.3 * i, exptime=100.0 * i) for i in range(2, 6)]
    first = decided(target, *others)
    for order in ([3, 2, 1, 0], [1, 3, 0, 2]):
        assert np.array_equal(decided(target, *(others[i] for i in order)), first)


@pytest.mark.parametrize(("p", "charge"), [(0.2, 60), (0.5, 100), (0.02, 150)])
def test_higher_threshold_flags_less(p, charge):
    target, other = doubted(p, charge), member(2, stars(), dx=1.5)
    flags = [
        decided(target, other, decision=Decision(threshold=threshold)) & reasons.FLAGGED
        for threshold in (0.01, 0.1, 0.5, 0.9, 0.99, 1.0)
    ]
    for more, less in zip(flags, flags[1:], strict=False):
        assert not (less & ~more).any()
    assert not flags[-1].any()


def test_cosmic_ray_that_filled_the_well_of_a_star_is_flagged_and_the_stars_other_pixels_are_not():
    sources = [(*STAR, 3000), *stars()]
    target = hit(member(1, sources), {(80, 60): (90_000, 0.6), (80, 61): (60_000, 0.6)})
    assert target.saturated[80, 60] and not target.saturated[79, 60]
    others = member(2, sources, dx=2.3, dy=0.6), member(3, sources, dy=1.5)
    for asked in (others[:1], others):
        result = decided(target, *asked) & reasons.FLAGGED
        assert result[80, 60:62].all()
        around = result[76:86, 56:66].copy()
        around[4, 4:6] = 0
        # One of the neighbours may stand out by noise.
        assert np.count_nonzero(around) <= 1


def test_star_that_fills_its_well_in_every_exposure_is_not_flagged():
    sources = [(*STAR, 150_000), *stars()]
    target = hit(member(1, sources), {(80, 60): (0, 0.8), (81, 60): (0, 0.85)})
    assert not (decided(target, member(2, sources, dx=2.3))[74:88, 54:68] & reasons.FLAGGED).any()


def test_stars_of_a_crowded_field_are_left_alone():
    sources = grid(800) + [(y + 5.3, x + 4.1, 3000.0) for y, x, _ in grid(1)]
    target = member(1, sources)
    others = [member(i, sources, dx=0.7 * i, dy=-0.4 * i) for i in (2, 3)]
    assert np.count_nonzero(decided(target, *others) & reasons.FLAGGED) < 5


def trailed(seed, track=None, *, exptime=500.0, dx=0.0):
    """A star from which charge bled along its column; perhaps a track meets the trail."""
    one = member(seed, [(*STAR, 200_000), *stars()], dx=dx, exptime=exptime, width=2)
    star = {(row, 60 + round(dx)): (80_000 * exptime / 500, 0.3) for row in range(72, 89)}
    one = hit(one, star)
    return hit(one, track) if track else one


TRACK = {(row, 60): (90_000, 0.97 if row == 64 else 0.6) for row in range(62, 72)}


def test_track_that_meets_the_trail_of_a_star_is_flagged():
    target, other = trailed(1, TRACK), trailed(2, dx=2.0)
    flagged = decided(target, other) & reasons.FLAGGED
    assert flagged[62:67, 60].all() and not flagged[74:87, 58:63].any()


def test_trail_that_a_shorter_exposure_does_not_show_is_a_stars():
    target, other = trailed(1, TRACK), trailed(2, dx=2.0, exptime=20.0)
    assert not (decided(target, other)[62:89, 60] & reasons.FLAGGED).any()


@pytest.mark.parametrize(("peak", "width"), [(2500, 0.7), (3500, 0.8)])
def test_peaks_that_a_shallow_exposure_shows_too_low_are_left_alone(peak, width):
    # Between the pixels a straight line loses a third of a peak of 25 electrons, which is hidden in noise.
    target = member(1, grid(peak), width=width)
    shallow = [member(seed, grid(peak), dx=1.5, dy=0.5, exptime=5, sky=1, width=width) for seed in (2, 3, 4)]
    flagged = [np.count_nonzero(decided(target, one) & reasons.FLAGGED) for one in shallow]
    assert sum(flagged) <= 3, flagged
