"""What other exposures say about pixels in doubt: arrays and WCS alone."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.wcs import WCS
from scipy import ndimage

from acs_deepcr_step import flags, saturation
from acs_deepcr_step.association import alignment, consensus, decision, lookup, mapping
from acs_deepcr_step.association.rules import Rules
from acs_deepcr_step.association.starfit import find_stars
from acs_deepcr_step.simulate import wcs as sim

SHAPE, SKY, NOISE = (160, 160), 50.0, 8.0
PARAMETERS = SimpleNamespace(threshold=0.5, grow=0, protect_saturated=True)
STAR = (80.3, 60.2)
RULES = Rules()


def tangent_plane(dx=0.0, dy=0.0):
    """A WCS in which the sky is shifted by so many pixels."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [150.0, 2.0]
    wcs.wcs.crpix, wcs.wcs.cdelt = [80 + dx, 80 + dy], [-1.4e-5, 1.4e-5]
    wcs.wcs.set()
    return wcs


def stars(number=40):
    """Places (y, x) and peaks of some stars away from STAR, always the same."""
    rng = np.random.default_rng(5)
    y, x = rng.uniform(8, 152, (2, number))
    near = np.hypot(y - STAR[0], x - STAR[1]) < 15
    return list(zip(y[~near], x[~near], rng.uniform(400, 4000, number)[~near], strict=True))


def member(seed, sources, *, dx=0.0, dy=0.0, exptime=500.0, claimed=None, width=1.1):
    """An exposure of sources (y, x, peak in 500 s), shifted by dx, dy, as its WCS knows."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    light = np.full(SHAPE, SKY)
    for y, x, peak in sources:
        light += (
            peak * exptime / 500 * np.exp(-((rows - y - dy) ** 2 + (columns - x - dx) ** 2) / (2 * width**2))
        )
    image = (rng.poisson(light) + 4 * rng.standard_normal(SHAPE)).astype(np.float32)
    nothing = np.zeros(SHAPE, bool)
    return lookup.Member(
        tangent_plane(*(claimed or (dx, dy))), exptime, image, np.zeros(SHAPE, np.int16), image > 70_000,
        nothing, SKY, NOISE,
    )  # fmt: skip


def hit(one, charges):
    """The member with charge and probability set: {(row, column): (electrons, p)}."""
    image, stored = one.image.copy(), one.stored.copy()
    for (row, column), (electrons, p) in charges.items():
        image[row, column] += electrons
        stored[row, column] = round(10_000 * p)
    return replace(one, image=image, stored=stored, saturated=one.saturated | (image > 70_000))


def with_stars(one):
    """The member with its stars measured."""
    found = find_stars(one.image, SKY, NOISE, one.stored, one.saturated, one.bad)
    return replace(one, stars=found)


def plane(target, *others, parameters=PARAMETERS, rules=RULES):
    """Reasons that the others lead to."""
    found = lookup.candidates(target, RULES)
    evidence = [lookup.look_up(found, target, [other], rules) for other in others]
    cosmic, _ = consensus.lone_events(found, target.saturated, evidence)
    verdict = consensus.judge(found, target.noise, evidence, parameters.threshold)
    saturated = target.saturated & ~cosmic, np.zeros(SHAPE, bool)
    return decision.decide(target.stored, saturated, found, verdict, parameters)


def test_star_that_the_others_show_is_not_flagged():
    sources = [(*STAR, 3000), *stars()]
    target = hit(member(1, sources), {(80, 60): (0, 0.8)})
    assert plane(target, member(2, sources, dx=3.4, dy=-2.7))[80, 60] == flags.VETOED
    assert plane(target, member(2, stars(), dx=3.4, dy=-2.7))[80, 60] == flags.FLAGGED


def test_middling_pixel_on_blank_sky_is_flagged():
    target = hit(member(1, stars()), {(80, 60): (90, 0.3)})
    assert plane(target, member(2, stars(), dx=1.5))[80, 60] == flags.FLAGGED | flags.ADDED


def test_middling_pixel_on_a_source_is_not_flagged():
    sources = [(*STAR, 1000), *stars()]
    target = hit(member(1, sources), {(80, 60): (0, 0.3)})
    assert plane(target, member(2, sources, dx=1.5))[80, 60] == 0


def test_cosmic_ray_on_a_star_is_flagged_even_where_the_network_misses_it():
    sources = [(*STAR, 2000), *stars()]
    target = hit(member(1, sources), {(80, 61): (2500, 0.001)})
    others = member(2, sources, dx=3.4), member(3, sources, dy=5.1)
    assert plane(target, *others)[80, 61] == flags.FLAGGED | flags.ADDED


def test_neighbours_that_stand_out_are_flagged_too():
    target = hit(member(1, stars()), {(80, 60): (5000, 0.99), (80, 61): (80, 0.02)})
    assert plane(target, member(2, stars(), dx=1.5))[80, 61] == flags.FLAGGED | flags.ADDED


def test_cosmic_ray_in_the_other_exposure_does_not_hide_one_here():
    target = hit(member(1, stars()), {(80, 60): (2000, 0.97)})
    other = hit(member(2, stars(), dx=2), {(80, 62): (3000, 0.99), (80, 63): (2500, 0.98)})
    assert plane(target, other)[80, 60] == flags.FLAGGED


@pytest.mark.parametrize("exptimes", [(1500.0, 500.0), (500.0, 1500.0)])
def test_unequal_exposure_times_are_scaled(exptimes):
    sources = [(*STAR, 3000), *stars()]
    target = hit(member(1, sources, exptime=exptimes[0]), {(80, 60): (0, 0.8), (30, 30): (300, 0.7)})
    other = member(2, sources, dx=2.3, exptime=exptimes[1])
    # The sky of the members is the same here: only sources follow the exposure time.
    result = plane(target, other)
    assert result[80, 60] == flags.VETOED
    assert result[30, 30] == flags.FLAGGED


def test_star_that_became_twice_as_bright_is_left_alone():
    target = member(1, [(*STAR, 4000), *stars()])
    others = [member(i, [(*STAR, 2000), *stars()], dx=i + 0.3) for i in (2, 3)]
    assert not plane(target, *others)[74:87, 54:67].any()


@pytest.mark.parametrize("factor", [1.3, 1.6, 2.0])
def test_faint_star_that_became_brighter_is_left_alone(factor):
    usual = [(y, x, 300.0) for y in range(20, 150, 16) for x in range(20, 150, 16)]
    others = [member(i, usual, dx=i + 0.3) for i in (2, 3)]
    result = plane(member(1, [(y, x, factor * peak) for y, x, peak in usual]), *others)
    cores = [result[y - 1 : y + 2, x - 1 : x + 2] for y, x, _ in usual]
    assert sum((core & flags.FLAGGED).any() for core in cores) <= 0.05 * len(cores)


def test_moving_source_is_left_alone():
    target = member(1, [(*STAR, 1500), *stars()])
    others = [member(i, [(STAR[0] + 10 * i, STAR[1], 1500), *stars()], dx=i + 0.3) for i in (2, 3)]
    assert not (plane(target, *others)[74:87, 54:67] & flags.FLAGGED).any()


def test_trail_of_a_moving_source_that_the_network_doubts_is_left_alone():
    # A source that moved over six pixels during the exposure, as wide as a star is.
    trail = [(80 + step, 60, 250) for step in range(6)]
    doubts = {(80 + dy, 60 + dx): (0, 0.2) for dy in range(-1, 7) for dx in (-1, 0, 1)}
    moved = hit(member(1, [*stars(), *trail]), doubts)
    others = member(2, stars(), dx=1.5), member(3, stars(), dy=2.5)
    assert not (plane(moved, *others)[76:90, 56:65] & flags.FLAGGED).any()
    # One pixel that the network is sure of makes it the track of a cosmic ray.
    sure = hit(moved, {(82, 60): (0, 0.9)})
    assert (plane(sure, *others)[80:86, 60] & flags.FLAGGED).all()


def test_sharp_track_is_flagged_where_the_network_doubts_it():
    track = {(80 + step, 60): (400, 0.2) for step in range(6)}
    others = member(2, stars(), dx=1.5), member(3, stars(), dy=2.5)
    assert (plane(hit(member(1, stars()), track), *others)[80:86, 60] & flags.FLAGGED).all()


def test_without_a_look_into_another_exposure_the_single_decision_stands():
    target = hit(member(1, stars()), {(80, 60): (300, 0.6), (90, 60): (300, 0.4)})
    elsewhere = member(2, stars(), claimed=(400, 0))
    result = plane(target, elsewhere)
    assert np.array_equal(result, flags.decide(target.stored, target.saturated, PARAMETERS))
    assert result[80, 60] == flags.FLAGGED and result[90, 60] == 0


def test_growth_is_told_apart():
    target = hit(member(1, stars()), {(80, 60): (5000, 0.99)})
    parameters = SimpleNamespace(threshold=0.5, grow=1, protect_saturated=True)
    result = plane(target, member(2, stars(), dx=1.5), parameters=parameters)
    assert result[80, 60] == flags.FLAGGED
    assert (result[79:82, 59:62] & flags.FLAGGED).all() and result[79, 59] == flags.FLAGGED | flags.GROWN


def test_giant_cosmic_ray_is_flagged_and_a_saturated_star_is_not():
    sources = [(*STAR, 150_000), *stars()]
    giant = {(120 + i, 120 + j): (80_000, 0.7) for i in range(3) for j in range(3)}
    beside = {(120, 124): (900, 0.7)}
    target = hit(member(1, sources), giant | beside)
    # The network is unsure of the star's core too.
    target.stored[79:82, 59:62] = 7000
    result = plane(target, member(2, sources, dx=2.3))
    assert (result[120:123, 120:123] & flags.FLAGGED).all() and result[120, 124] & flags.FLAGGED
    assert not (result[75:86, 55:66] & flags.FLAGGED).any()


def test_sure_pixel_beside_a_trail_of_the_other_exposure_keeps_its_flag():
    sources = [(*STAR, 2000), *stars()]
    target = hit(member(1, sources), {(96, 60): (45_000, 0.99), (97, 60): (30_000, 0.99)})
    target = hit(target, {(row, 60): (75_000, 0.5) for row in range(70, 94)})
    other = hit(member(2, sources), {(row, 60): (75_000, 0.5) for row in range(70, 97)})
    assert (plane(target, other)[96:98, 60] & flags.FLAGGED).all()


def test_end_of_a_trail_that_reaches_farther_here_is_not_flagged():
    sources = [(*STAR, 2000), *stars()]
    here, there = ({(row, 60): (75_000, 0.5) for row in range(70, end)} for end in (96, 94))
    ends = {(95, 60): (75_000, 0.97), (96, 60): (30_000, 0.95)}
    result = plane(hit(member(1, sources), here | ends), hit(member(2, sources), there))
    assert not (result[90:100, 58:63] & flags.FLAGGED).any()
    # A track that goes on is not the end of a trail.
    track = {(96 + i, 60 + i): (9000, 0.95) for i in range(4)}
    result = plane(hit(member(1, sources), here | ends | track), hit(member(2, sources), there))
    assert all(result[place] & flags.FLAGGED for place in track)


def test_what_stands_out_beside_a_flag_near_a_saturated_star_is_flagged_unless_it_touches_it():
    shape = (21, 21)
    places = np.ravel_multi_index(([10, 10, 11], [11, 12, 12]), shape)
    found = lookup.Candidates(places, np.array([9000.0, 5000, 900]), np.full(3, 0.01), shape)
    excess, no = np.array([9.0, 8, 3.5]), np.zeros(3, bool)
    verdict = consensus.Verdict(~no, np.array([False, True, False]), excess, no, no)
    well = np.zeros(shape, bool)
    well[10, 10] = True
    its = decision.decide(np.zeros(shape, np.int16), (well, ~well & False), found, verdict, PARAMETERS)
    assert (its.ravel()[places] & flags.FLAGGED).tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("peak", "charge", "expected"), [(140, 140, [True, False]), (6000, 600, [True, True])]
)
def test_doubt_of_the_network_counts_upon_a_faint_source_and_not_upon_a_bright_one(peak, charge, expected):
    sources = [(*STAR, peak), *stars()]
    other = with_stars(member(2, sources, dx=1.3, dy=0.6))
    flagged = [
        bool(plane(hit(member(1, sources), {(80, 61): (charge, p)}), other)[80, 61] & flags.FLAGGED)
        for p in (0.04, 0.0001)
    ]
    assert flagged == expected


def test_cosmic_ray_that_hits_most_of_a_star_is_not_taken_for_its_brightening():
    sources = [(*STAR, 2500), *stars()]
    event = {(79 + i, 60 + j): (500, 0.35) for i in range(3) for j in range(2)} | {(81, 60): (1900, 0.86)}
    result = plane(hit(member(1, sources), event), with_stars(member(2, sources, dx=1.3, dy=0.6)))
    assert all(result[place] & flags.FLAGGED for place in event)


def test_stars_that_nearly_touch_are_left_alone():
    sources = [(80.3, 60.2, 20_000), (82.0, 61.9, 18_000), *stars()]
    one, other = with_stars(member(1, sources)), with_stars(member(2, sources, dx=1.5, dy=0.5))
    assert not any(
        (plane(*pair)[75:90, 54:70] & flags.FLAGGED).any() for pair in ((one, other), (other, one))
    )


def test_cosmic_ray_in_the_wing_of_a_saturated_star_is_flagged():
    sources = [(*STAR, 150_000), *stars()]
    target = hit(member(1, sources), {(80, 64): (9000, 0.001)})
    near = target.near_saturated[80, 64] and not target.saturated[79:82, 63:66].any()
    assert near and plane(target, member(2, sources, dx=2.3))[80, 64] == flags.FLAGGED | flags.ADDED


def test_peak_of_a_sharp_star_is_left_alone():
    usual = [(y, x, 3000.0) for y in range(20, 150, 16) for x in range(20, 150, 16)]
    # In the other exposure the peaks lie between pixels, so that it shows them less sharp.
    result = plane(member(1, usual), member(2, usual, dx=0.5, dy=0.5))
    assert not any((result[y, x] & flags.FLAGGED) for y, x, _ in usual)


@pytest.mark.parametrize("share", [0, 0.02, 0.3, 1])
@pytest.mark.parametrize("shape", [(60, 90), (1, 50), (50, 1)])
def test_saturated_pixels_that_touch_are_one_group(share, shape):
    saturated = np.random.default_rng(1).random(shape) < share
    labels, count = saturation.groups(saturated)
    expected, many = ndimage.label(saturated, np.ones((3, 3)))
    assert count == many and np.array_equal(labels, expected)


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
        lone = saturation.without_halo(image, saturated, 50.0, 8.0)
        assert np.array_equal(lone, saturated if is_event else np.zeros_like(saturated))


def test_whole_charge_of_an_event_that_filled_pixels_is_flagged_in_a_single_exposure():
    image = np.random.default_rng(1).normal(50, 8, (80, 80))
    image[30:50, 40], image[30:50, 41] = 80_000, 400
    stored = np.full(image.shape, 0, np.int16)
    stored[33:50, 40] = 8000  # of the rest of the trail the network is not aware
    saturated = image > 70_000
    guarded, filled = saturation.guarded(image, (50.0, 8.0), saturated, stored, 5000)
    plane = flags.decide(stored, guarded, PARAMETERS, filled)
    assert not guarded.any() and (plane[30:50, 40:42] & flags.FLAGGED).all()
    assert plane[31, 40] == flags.FLAGGED | flags.FILLED
    stored[36:50, 40] = 100
    assert not saturation.guarded(image, (50.0, 8.0), saturated, stored, 5000)[1].any()


def test_event_so_wide_that_the_network_knows_its_shores_alone_is_flagged():
    image = np.random.default_rng(1).normal(50, 8, (80, 80))
    image[36:44, 36:44] = 80_000
    stored = np.zeros(image.shape, np.int16)
    stored[36:44, 36] = 8000
    saturated = image > 70_000
    guarded, filled = saturation.guarded(image, (50.0, 8.0), saturated, stored, 5000)
    plane = flags.decide(stored, guarded, PARAMETERS, filled)
    assert not guarded.any() and (plane[saturated] & flags.FLAGGED).all()
    stored[:] = 0  # as of a cluster of bad pixels
    assert not saturation.guarded(image, (50.0, 8.0), saturated, stored, 5000)[1].any()


@pytest.mark.parametrize("doubt", ["edge", "trail"])
def test_in_doubt_saturated_pixels_stay_guarded(doubt):
    image = np.full((100, 80), 50.0)
    image[(0 if doubt == "edge" else 20) :, :][:6, 40] = 80_000
    if doubt == "trail":
        image[50:60, 40] = 80_000
    saturated = image > 70_000
    assert not saturation.without_halo(image, saturated, 50.0, 8.0).any()


def test_aligned_exposures_are_used_and_others_not():
    one = member(1, stars(80))
    found, peak = alignment.bright_pixels(one)
    assert np.count_nonzero(peak) > 30

    def compare(**keywords):
        return alignment.alignment([(one, found, peak)], [member(2, stars(80), **keywords)], RULES)

    good = compare(dx=2.3, dy=-1.6)
    assert good.usable and good.found == good.stars and good.slope <= 0.2
    for off in (1.5, 3.0, 10.0):
        bad = compare(dx=2.3, dy=-1.6, claimed=(2.3 + off, -1.6))
        assert not bad.usable and "misaligned" in bad.fault


@pytest.mark.parametrize("width", [1.12, 1.15])
def test_stars_are_left_alone_where_the_focus_of_the_other_exposure_differs(width):
    usual = [(y, x, 20_000.0) for y in range(20, 150, 16) for x in range(20, 150, 16)]
    one, other = member(1, usual), member(2, usual, dx=0.4, dy=0.3, width=width)
    for target, asked in ((one, with_stars(other)), (other, with_stars(one))):
        pair = alignment.alignment([(target, *alignment.bright_pixels(target))], [asked], RULES)
        assert pair.usable
        # What the alignment finds the stars to differ by is allowed for; else up to a third are flagged.
        rules = replace(RULES, slope=pair.slope)
        assert not (plane(target, asked, rules=rules) & flags.FLAGGED).any()


def test_too_few_stars_are_no_check():
    one = member(1, stars()[:3])
    found, peak = alignment.bright_pixels(one)
    result = alignment.alignment([(one, found, peak)], [member(2, stars()[:3])], RULES)
    assert not result.usable and "too few stars" in result.fault


def test_map_between_chips_is_that_of_the_full_distortion():
    window = sim.windows((2048, 4096), 2)[0]
    one = sim.Pointing(150.0, 2.0, -70.0)
    other = one.moved(window, 5.5, 3.25, roll=0.5)
    way = mapping.ChipMap(one.wcs(window), window.shape, other.wcs(window), window.shape)
    y, x = np.random.default_rng(1).uniform(0, (2047, 4095), (500, 2)).T
    got = np.array(way(y, x))
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
    way = mapping.ChipMap(one.wcs(window), window.shape, other.wcs(window), window.shape)
    assert not way.overlaps and np.isnan(way(np.array([5.0]), np.array([5.0]))).all()
    corners = [mapping.footprint(p.wcs(window), window.shape) for p in (one, other)]
    assert not mapping.overlap(*corners) and mapping.overlap(corners[0], corners[0])


def test_sharp_pixel_on_blank_sky_is_flagged_though_the_network_misses_it():
    target = hit(member(1, stars()), {(80, 60): (120, 0.001), (80, 61): (90, 0.001)})
    assert (plane(target, member(2, stars(), dx=1.5))[80, 60:62] == flags.FLAGGED | flags.ADDED).all()


@pytest.mark.parametrize("peak", [120, 400, 3000])
def test_source_that_stands_in_one_exposure_only_is_left_alone(peak):
    target = member(1, [(*STAR, peak), *stars()])
    others = member(2, stars(), dx=1.5), member(3, stars(), dy=2.5)
    assert not (plane(target, *others)[78:83, 58:63] & flags.FLAGGED).any()


def test_shore_of_an_event_is_flagged_where_no_other_exposure_tells():
    charges = {(80, 60): (5000, 0.99), (80, 61): (800, 0.2), (80, 59): (9000, 0.2)}
    other = member(2, stars(), dx=1.5)
    bad = np.zeros(SHAPE, bool)
    bad[74:88, 54:70] = True
    result = plane(hit(member(1, stars()), charges), replace(other, bad=bad))
    assert result[80, 60] & flags.FLAGGED and result[80, 61] & flags.FLAGGED
    assert not result[80, 59] & flags.FLAGGED  # brighter: not its shore


def test_charge_at_the_edge_of_a_whole_chip_is_a_cosmic_rays():
    image = np.random.default_rng(1).normal(50, 8, (2048, 60))
    image[:5, 30] = 80_000
    saturated = image > 70_000
    assert np.array_equal(saturation.without_halo(image, saturated, 50.0, 8.0), saturated)
    # The rows beyond the edge of a subarray may hold a star.
    assert not saturation.without_halo(image[:512], saturated[:512], 50.0, 8.0).any()
