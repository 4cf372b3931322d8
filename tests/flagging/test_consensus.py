"""What several exposures decide together about the candidates of one: arrays and WCS alone."""

from dataclasses import replace

import numpy as np
import pytest
from field_chips import NOISE, SHAPE, SKY, STAR, decided, grid, hit, member, stars

from acs_deepcr_step.arrays import reasons
from acs_deepcr_step.arrays.background_map import BackgroundMap
from acs_deepcr_step.config.decision import Decision
from acs_deepcr_step.flagging import saturation, single
from acs_deepcr_step.flagging.chip import ChipImage
from acs_deepcr_step.flagging.consensus import chip_map, verdict
from acs_deepcr_step.flagging.consensus.candidates import Candidates
from acs_deepcr_step.flagging.consensus.decision import reasons_of
from acs_deepcr_step.simulate import wcs as sim

DECISION = Decision()


def chip_image(image, scaled_probability=None):
    """A chip of a single exposure on a background of 50 e-, with an rms of 8."""
    if scaled_probability is None:
        scaled_probability = np.zeros(image.shape, np.int16)
    background = BackgroundMap.flat(image.shape, SKY, NOISE)
    net = background.subtracted_from(image)
    return ChipImage(net, scaled_probability, image > 70_000, background, full_rows=2048)


def test_star_that_the_others_show_is_not_flagged():
    sources = [(*STAR, 3000), *stars()]
    target = hit(member(1, sources), {(80, 60): (0, 0.8)})
    assert decided(target, member(2, sources, dx=3.4, dy=-2.7))[80, 60] == reasons.VETOED
    assert decided(target, member(2, stars(), dx=3.4, dy=-2.7))[80, 60] == reasons.FLAGGED


def test_middling_pixel_on_blank_sky_is_flagged():
    target = hit(member(1, stars()), {(80, 60): (90, 0.3)})
    assert decided(target, member(2, stars(), dx=1.5))[80, 60] == reasons.FLAGGED | reasons.ADDED


def test_middling_pixel_on_a_source_is_not_flagged():
    sources = [(*STAR, 1000), *stars()]
    target = hit(member(1, sources), {(80, 60): (0, 0.3)})
    assert decided(target, member(2, sources, dx=1.5))[80, 60] == 0


def test_cosmic_ray_on_a_star_is_flagged_even_where_the_network_misses_it():
    sources = [(*STAR, 2000), *stars()]
    target = hit(member(1, sources), {(80, 61): (2500, 0.001)})
    others = member(2, sources, dx=3.4), member(3, sources, dy=5.1)
    assert decided(target, *others)[80, 61] == reasons.FLAGGED | reasons.ADDED


def test_neighbours_that_stand_out_are_flagged_too():
    target = hit(member(1, stars()), {(80, 60): (5000, 0.99), (80, 61): (80, 0.02)})
    assert decided(target, member(2, stars(), dx=1.5))[80, 61] == reasons.FLAGGED | reasons.ADDED


def test_cosmic_ray_in_the_other_exposure_does_not_hide_one_here():
    target = hit(member(1, stars()), {(80, 60): (2000, 0.97)})
    other = hit(member(2, stars(), dx=2), {(80, 62): (3000, 0.99), (80, 63): (2500, 0.98)})
    assert decided(target, other)[80, 60] == reasons.FLAGGED


@pytest.mark.parametrize("exptimes", [(1500.0, 500.0), (500.0, 1500.0)])
def test_unequal_exposure_times_are_scaled(exptimes):
    sources = [(*STAR, 3000), *stars()]
    target = hit(member(1, sources, exptime=exptimes[0]), {(80, 60): (0, 0.8), (30, 30): (300, 0.7)})
    other = member(2, sources, dx=2.3, exptime=exptimes[1])
    # The sky of the members is the same here: only sources follow the exposure time.
    result = decided(target, other)
    assert result[80, 60] == reasons.VETOED
    assert result[30, 30] == reasons.FLAGGED


def test_star_that_became_twice_as_bright_is_left_alone():
    target = member(1, [(*STAR, 4000), *stars()])
    others = [member(i, [(*STAR, 2000), *stars()], dx=i + 0.3) for i in (2, 3)]
    assert not decided(target, *others)[74:87, 54:67].any()


@pytest.mark.parametrize("factor", [1.3, 1.6, 2.0])
def test_faint_star_that_became_brighter_is_left_alone(factor):
    usual = grid(300)
    others = [member(i, usual, dx=i + 0.3) for i in (2, 3)]
    result = decided(member(1, [(y, x, factor * peak) for y, x, peak in usual]), *others)
    cores = [result[y - 1 : y + 2, x - 1 : x + 2] for y, x, _ in usual]
    assert sum((core & reasons.FLAGGED).any() for core in cores) <= 0.05 * len(cores)


def test_moving_source_is_left_alone():
    target = member(1, [(*STAR, 1500), *stars()])
    others = [member(i, [(STAR[0] + 10 * i, STAR[1], 1500), *stars()], dx=i + 0.3) for i in (2, 3)]
    assert not (decided(target, *others)[74:87, 54:67] & reasons.FLAGGED).any()


def test_trail_of_a_moving_source_that_the_network_doubts_is_left_alone():
    # A source that moved over six pixels during the exposure, as wide as a star is.
    trail = [(80 + step, 60, 250) for step in range(6)]
    doubts = {(80 + dy, 60 + dx): (0, 0.2) for dy in range(-1, 7) for dx in (-1, 0, 1)}
    moved = hit(member(1, [*stars(), *trail]), doubts)
    others = member(2, stars(), dx=1.5), member(3, stars(), dy=2.5)
    assert not (decided(moved, *others)[76:90, 56:65] & reasons.FLAGGED).any()
    # One pixel that the network is sure of makes it the track of a cosmic ray.
    sure = hit(moved, {(82, 60): (0, 0.9)})
    assert (decided(sure, *others)[80:86, 60] & reasons.FLAGGED).all()


def test_sharp_track_is_flagged_where_the_network_doubts_it():
    track = {(80 + step, 60): (400, 0.2) for step in range(6)}
    others = member(2, stars(), dx=1.5), member(3, stars(), dy=2.5)
    assert (decided(hit(member(1, stars()), track), *others)[80:86, 60] & reasons.FLAGGED).all()


def test_without_a_look_into_another_exposure_the_single_decision_stands():
    target = hit(member(1, stars()), {(80, 60): (300, 0.6), (90, 60): (300, 0.4)})
    elsewhere = member(2, stars(), claimed=(400, 0))
    result = decided(target, elsewhere)
    assert np.array_equal(result, single.decide(target, DECISION))
    assert result[80, 60] == reasons.FLAGGED and result[90, 60] == 0


def test_growth_is_told_apart():
    target = hit(member(1, stars()), {(80, 60): (5000, 0.99)})
    result = decided(target, member(2, stars(), dx=1.5), decision=Decision(grow=1))
    assert result[80, 60] == reasons.FLAGGED
    assert (result[79:82, 59:62] & reasons.FLAGGED).all()
    assert result[79, 59] == reasons.FLAGGED | reasons.GROWN


def test_giant_cosmic_ray_is_flagged_and_a_saturated_star_is_not():
    sources = [(*STAR, 150_000), *stars()]
    giant = {(120 + i, 120 + j): (80_000, 0.7) for i in range(3) for j in range(3)}
    beside = {(120, 124): (900, 0.7)}
    target = hit(member(1, sources), giant | beside)
    # The network is unsure of the star's core too.
    target.scaled_probability[79:82, 59:62] = 7000
    result = decided(target, member(2, sources, dx=2.3))
    assert (result[120:123, 120:123] & reasons.FLAGGED).all() and result[120, 124] & reasons.FLAGGED
    assert not (result[75:86, 55:66] & reasons.FLAGGED).any()


def test_sure_pixel_beside_a_trail_of_the_other_exposure_keeps_its_flag():
    sources = [(*STAR, 2000), *stars()]
    target = hit(member(1, sources), {(96, 60): (45_000, 0.99), (97, 60): (30_000, 0.99)})
    target = hit(target, {(row, 60): (75_000, 0.5) for row in range(70, 94)})
    other = hit(member(2, sources), {(row, 60): (75_000, 0.5) for row in range(70, 97)})
    assert (decided(target, other)[96:98, 60] & reasons.FLAGGED).all()


def test_end_of_a_trail_that_reaches_farther_here_is_not_flagged():
    sources = [(*STAR, 2000), *stars()]
    here, there = ({(row, 60): (75_000, 0.5) for row in range(70, end)} for end in (96, 94))
    ends = {(95, 60): (75_000, 0.97), (96, 60): (30_000, 0.95)}
    result = decided(hit(member(1, sources), here | ends), hit(member(2, sources), there))
    assert not (result[90:100, 58:63] & reasons.FLAGGED).any()
    # A track that goes on is not the end of a trail.
    track = {(96 + i, 60 + i): (9000, 0.95) for i in range(4)}
    result = decided(hit(member(1, sources), here | ends | track), hit(member(2, sources), there))
    assert all(result[place] & reasons.FLAGGED for place in track)


def test_what_stands_out_beside_a_flag_near_a_saturated_star_is_flagged_unless_it_touches_it():
    shape = (21, 21)
    places = np.ravel_multi_index(([10, 10, 11], [11, 12, 12]), shape)
    no, nothing, scaled = np.zeros(3, bool), np.zeros(shape, bool), np.zeros(shape, np.int16)
    flux, small = np.array([9000.0, 5000, 900]), np.full(3, 0.01)
    found = Candidates(places, flux, np.full(3, NOISE), small, ~no, np.zeros(shape, np.float32), scaled)
    seen = verdict.Verdict(
        known=~no, flagged=np.array([False, True, False]), log_odds=np.array([-5.0, 5, -4]),
        excess=np.array([9.0, 8, 3.5]), full=no, alone=no,
    )  # fmt: skip
    star = nothing.copy()
    star[10, 10] = True
    result = reasons_of(scaled, saturation.SaturatedPixels(star, nothing), found, seen, DECISION)
    assert (result.ravel()[places] & reasons.FLAGGED).tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("peak", "charge", "expected"), [(140, 90, [True, False]), (6000, 600, [True, True])]
)
def test_doubt_of_the_network_counts_upon_a_faint_source_and_not_upon_a_bright_one(peak, charge, expected):
    sources = [(*STAR, peak), *stars()]
    other = member(2, sources, dx=1.3, dy=0.6)
    flagged = [
        bool(decided(hit(member(1, sources), {(80, 61): (charge, p)}), other)[80, 61] & reasons.FLAGGED)
        for p in (0.04, 0.0001)
    ]
    assert flagged == expected


def test_cosmic_ray_that_hits_most_of_a_star_is_not_taken_for_its_brightening():
    sources = [(*STAR, 2500), *stars()]
    event = {(79 + i, 60 + j): (500, 0.35) for i in range(3) for j in range(2)} | {(81, 60): (1900, 0.86)}
    result = decided(hit(member(1, sources), event), member(2, sources, dx=1.3, dy=0.6))
    assert all(result[place] & reasons.FLAGGED for place in event)


def test_cosmic_ray_upon_half_of_the_light_of_a_star_is_not_taken_for_its_brightening():
    sources = [(80.0, 60.0, 6000), *stars()]
    half = {
        (80 + i, 60 + j): (2000 * np.exp(-(i**2 + j**2) / 2.42), 0.02) for i in (-1, 0, 1) for j in (0, 1)
    }
    result = decided(hit(member(1, sources), half), member(2, sources, dx=1.3, dy=0.4))
    assert all(result[place] & reasons.FLAGGED for place in half)


def test_peak_of_a_star_that_stands_out_by_itself_is_left_alone():
    sources = [(80.0, 60.0, 6000), *stars()]
    other = member(2, sources, dx=1.3, dy=0.4)
    for charge, flagged in ((600, False), (3000, True)):
        target = hit(member(1, sources), {(80, 60): (charge, 0.02)})
        assert bool(decided(target, other)[80, 60] & reasons.FLAGGED) == flagged


def test_blob_of_a_cosmic_ray_upon_smooth_light_is_no_source():
    # The light on all sides of it is the galaxy's.
    galaxy = [(84.0, 60.0, 35)]
    blob = {(80, 60): (190, 0.2), (80, 61): (140, 0.2), (81, 60): (130, 0.2), (81, 61): (110, 0.2)}
    result = decided(hit(member(1, galaxy, width=14), blob), member(2, galaxy, dx=1.5, width=14))
    assert all(result[place] & reasons.FLAGGED for place in blob)


def test_stars_that_nearly_touch_are_left_alone():
    sources = [(80.3, 60.2, 20_000), (82.0, 61.9, 18_000), *stars()]
    one, other = member(1, sources), member(2, sources, dx=1.5, dy=0.5)
    assert not any(
        (decided(*pair)[75:90, 54:70] & reasons.FLAGGED).any() for pair in ((one, other), (other, one))
    )


def test_cosmic_ray_in_the_wing_of_a_saturated_star_is_flagged():
    sources = [(*STAR, 150_000), *stars()]
    target = hit(member(1, sources), {(80, 64): (9000, 0.001)})
    near = target.near_saturated[80, 64] and not target.saturated[79:82, 63:66].any()
    assert near and decided(target, member(2, sources, dx=2.3))[80, 64] == reasons.FLAGGED | reasons.ADDED


def test_peak_of_a_sharp_star_is_left_alone():
    usual = grid(3000)
    # In the other exposure the peaks lie between pixels, so that it shows them less sharp.
    result = decided(member(1, usual), member(2, usual, dx=0.5, dy=0.5))
    assert not any((result[y, x] & reasons.FLAGGED) for y, x, _ in usual)


def test_saturated_star_is_known_by_its_halo():
    rows, columns = np.mgrid[:80, :80]
    distance = np.hypot(rows - 40, columns - 40)
    star = 50 + 400_000 / (2 + distance**3)
    event = np.where(distance < 3, 80_000.0, 50.0)
    noise = np.random.default_rng(1).normal(0, 8, star.shape)
    for image, is_event in ((star, False), (event, True)):
        image = image + noise
        saturated = image > 70_000
        assert saturated.sum() > 4
        lone = saturation.without_halo(chip_image(image))
        assert np.array_equal(lone, saturated if is_event else np.zeros_like(saturated))


def test_whole_charge_of_an_event_that_filled_pixels_is_flagged_in_a_single_exposure():
    image = np.random.default_rng(1).normal(50, 8, (80, 80))
    image[30:50, 40], image[30:50, 41] = 80_000, 400
    scaled = np.zeros(image.shape, np.int16)
    scaled[33:50, 40] = 8000  # of the rest of the trail the network is not aware
    wells = saturation.divided(chip_image(image, scaled), 0.5)
    result = single.reasons_of(scaled, wells, DECISION)
    assert not wells.star.any() and (result[30:50, 40:42] & reasons.FLAGGED).all()
    assert result[31, 40] == reasons.FLAGGED | reasons.FILLED
    scaled[36:50, 40] = 100
    assert not saturation.divided(chip_image(image, scaled), 0.5).cosmic_ray.any()


def test_event_so_wide_that_the_network_knows_its_rim_alone_is_flagged():
    image = np.random.default_rng(1).normal(50, 8, (80, 80))
    image[36:44, 36:44] = 80_000
    scaled = np.zeros(image.shape, np.int16)
    scaled[36:44, 36] = 8000
    wells = saturation.divided(chip_image(image, scaled), 0.5)
    result = single.reasons_of(scaled, wells, DECISION)
    assert not wells.star.any() and (result[image > 70_000] & reasons.FLAGGED).all()
    scaled[:] = 0  # as of a cluster of bad pixels
    assert not saturation.divided(chip_image(image, scaled), 0.5).cosmic_ray.any()


@pytest.mark.parametrize("doubt", ["edge", "trail"])
def test_in_doubt_saturated_pixels_stay_guarded(doubt):
    image = np.full((100, 80), 50.0)
    image[(0 if doubt == "edge" else 20) :, :][:6, 40] = 80_000
    if doubt == "trail":
        image[50:60, 40] = 80_000
    assert not saturation.without_halo(chip_image(image)).any()


def test_map_between_chips_is_that_of_the_full_distortion():
    window = sim.windows((2048, 4096), 2)[0]
    one = sim.Pointing(150.0, 2.0, -70.0)
    other = one.moved(window, 5.5, 3.25, roll=0.5)
    to_other = chip_map.ChipMap(one.wcs(window), window.shape, other.wcs(window), window.shape)
    y, x = np.random.default_rng(1).uniform(0, (2047, 4095), (500, 2)).T
    got = np.array(to_other(y, x))
    sky = one.wcs(window).all_pix2world(np.column_stack([x, y]), 0)
    exact = other.wcs(window).all_world2pix(sky, 0, tolerance=1e-6)[:, ::-1].T
    inside = np.isfinite(got[0])
    assert inside.mean() > 0.95
    assert abs(got - exact)[:, inside].max() < 1e-3
    rows, columns = exact[:, ~inside]
    assert ((rows < 0) | (rows > 2047) | (columns < 0) | (columns > 4095)).all()


def test_chips_without_common_sky_have_no_map():
    window = sim.windows((256, 256), 1)[0]
    one = sim.Pointing(150.0, 2.0, -70.0)
    other = one.moved(window, 1500.0, 0.0)
    to_other = chip_map.ChipMap(one.wcs(window), window.shape, other.wcs(window), window.shape)
    assert not to_other.overlaps and np.isnan(to_other(np.array([5.0]), np.array([5.0]))).all()
    corners = [chip_map.footprint(p.wcs(window), window.shape) for p in (one, other)]
    assert not chip_map.overlap(*corners) and chip_map.overlap(corners[0], corners[0])


def test_sharp_pixel_on_blank_sky_is_flagged_though_the_network_hardly_suspects_it():
    target = hit(member(1, stars()), {(80, 60): (120, 0.01), (80, 61): (90, 0.01)})
    assert (decided(target, member(2, stars(), dx=1.5))[80, 60:62] == reasons.FLAGGED | reasons.ADDED).all()


@pytest.mark.parametrize("peak", [120, 400, 3000])
def test_source_that_stands_in_one_exposure_only_is_left_alone(peak):
    target = member(1, [(*STAR, peak), *stars()])
    others = member(2, stars(), dx=1.5), member(3, stars(), dy=2.5)
    assert not (decided(target, *others)[78:83, 58:63] & reasons.FLAGGED).any()


def test_where_no_other_exposure_tells_the_single_decision_stands():
    charges = {(80, 60): (5000, 0.99), (80, 61): (800, 0.2), (80, 59): (9000, 0.2)}
    target, other = hit(member(1, stars()), charges), member(2, stars(), dx=1.5)
    bad = np.zeros(SHAPE, bool)
    bad[74:88, 54:70] = True
    alone = single.decide(target, DECISION)
    result = decided(target, replace(other, bad=bad))
    assert np.array_equal(result[76:86, 56:66], alone[76:86, 56:66])
    # Where the other shows blank sky, the rim is flagged too.
    assert (decided(target, other)[80, 59:62] & reasons.FLAGGED).all()


def test_charge_at_the_edge_of_a_whole_chip_is_a_cosmic_rays():
    image = np.random.default_rng(1).normal(50, 8, (2048, 60))
    image[:5, 30] = 80_000
    assert np.array_equal(saturation.without_halo(chip_image(image)), image > 70_000)
    # The rows beyond the edge of a subarray may hold a star.
    assert not saturation.without_halo(chip_image(image[:512])).any()
