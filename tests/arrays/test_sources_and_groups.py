"""Star-like sources, groups of flagged pixels, and trails."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from acs_deepcr_step import simulate
from acs_deepcr_step.arrays import background, dq
from acs_deepcr_step.arrays.background import Background
from acs_deepcr_step.arrays.flag_groups import find_trails, measure_groups
from acs_deepcr_step.arrays.point_sources import PEAK_SIGMA, star_like

SHAPE = (120, 160)


@pytest.fixture
def sky():
    """Empty sky of 50 electrons with its noise."""
    return np.random.default_rng(3).normal(50, 8, SHAPE).astype(np.float32)


def put_star(image, row, column, peak, fwhm=2.0):
    """Add a star of Gaussian profile."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    image += peak * np.exp(-4 * np.log(2) * ((y - row) ** 2 + (x - column) ** 2) / fwhm**2)


def positions(image, bad=None):
    """Rows and columns of the star-like sources."""
    bad = np.zeros(image.shape, bool) if bad is None else bad
    sources = star_like(image, bad, Background(50.0, 8.0))
    return set(zip(sources.row.tolist(), sources.column.tolist(), strict=True))


@pytest.mark.parametrize("offset", [0.0, 0.25, 0.5])
@pytest.mark.parametrize("fwhm", [1.9, 2.4])
def test_star_is_found_wherever_in_its_pixel(sky, offset, fwhm):
    put_star(sky, 60 + 0.9 * offset, 80 + offset, 2000, fwhm)
    assert positions(sky) in ({(60, 80)}, {(60, 81)})


def test_cosmic_rays_and_hot_pixels_are_no_stars(sky):
    sky[20, 20] += 5000
    sky[40, 30:38] += 1500
    sky[60:63, 60:63] += np.array([[0, 900, 200], [100, 3000, 1200], [0, 150, 0]])
    for i in range(12):
        sky[80 + i, 100 + i] += 900
    assert positions(sky) == set()


def test_faint_saturated_and_cut_off_stars_are_left_out(sky):
    put_star(sky, 30, 30, 0.7 * PEAK_SIGMA * 8)
    put_star(sky, 60, 60, 50_000)
    put_star(sky, 1, 90, 3000)
    bad = np.zeros(SHAPE, bool)
    bad[61, 60] = True
    assert positions(sky, bad) == set()
    assert positions(sky) == {(60, 60)}


def test_pixels_that_are_not_numbers_are_passed_over(sky):
    put_star(sky, 60, 80, 3000)
    sky[20:24, 20:24] = np.inf
    sky[40] = np.nan
    assert positions(sky) == {(60, 80)}


@pytest.mark.parametrize(("field", "least"), [("sparse", 1), ("crowded", 400)])
def test_sources_of_a_simulated_chip_are_stars(field, least):
    chip = simulate.chip(shape=(512, 512), field=field, exptime=800.0, seed=52)
    bad = (chip.dq & (dq.NO_IMAGE | dq.SATURATED | dq.REFERENCE)) != 0
    sources = star_like(chip.sci, bad, background.measure(chip.sci))
    stars = chip.stars[chip.stars["snr"] > 5]
    distance, _ = cKDTree(np.c_[stars["x"], stars["y"]]).query(np.c_[sources.column, sources.row])
    hit = chip.cr_charge[sources.row, sources.column] > 0.5 * sources.peak
    assert len(sources) >= least
    assert np.mean(distance < 1) > 0.99 and hit.mean() < 0.005


def test_groups_have_their_size_charge_and_brightest_pixel():
    image = np.full(SHAPE, 50, np.float32)
    image[10, 10:14] += (100, 400, 200, 300)
    image[50:52, 60:62] += 25
    image[52, 62] += 125  # touches by a corner
    groups = measure_groups(image > 50, image, 50.0)
    assert groups.size.tolist() == [4, 5] and groups.charge.tolist() == [1000, 225]
    assert [divmod(int(index), SHAPE[1]) for index in groups.brightest] == [(10, 11), (52, 62)]
    assert groups.row[0] == 10 and groups.column[0] == 11.5
    assert abs(groups.length[0] - 4) < 0.2 and abs(groups.width[0] - 1) < 0.1 and groups.angle[0] == 0


def test_nothing_flagged_gives_no_groups_and_no_trails():
    groups = measure_groups(np.zeros(SHAPE, bool), np.zeros(SHAPE, np.float32), 0.0)
    assert len(groups) == 0 and find_trails(groups, SHAPE) == []


def line(shape, start, slope, length, gap=0, piece=20):
    """A mask with a straight line, whole or in pieces."""
    mask = np.zeros(shape, bool)
    for i in range(length):
        if gap == 0 or i % (piece + gap) < piece:
            row = round(start[0] + slope * i)
            mask[row : row + 2, start[1] + i] = True
    return mask


@pytest.mark.parametrize(("slope", "gap", "pieces"), [(0.3, 0, 1), (0.3, 25, 9), (-0.5, 10, 14), (0, 30, 8)])
def test_trail_is_found_whole_or_in_pieces(slope, gap, pieces):
    mask = line((600, 900), (320, 200), slope, 400, gap)
    [trail] = find_trails(measure_groups(mask, mask.astype(np.float32), 0.0), mask.shape)
    assert abs(trail.pieces - pieces) <= 1 and not trail.along_column
    assert abs(trail.length - 400 * np.hypot(1, slope)) < 40


def test_bleeding_charge_is_told_by_its_direction():
    mask = line((900, 600), (100, 300), 0, 280).T
    [trail] = find_trails(measure_groups(mask, mask.astype(np.float32), 0.0), mask.shape)
    assert trail.along_column


def test_cosmic_rays_make_no_trail():
    for seed in range(3):
        chip = simulate.chip(
            shape=(1024, 1024), field="sparse", exptime=1200.0, seed=60 + seed, star_density=0
        )
        groups = measure_groups(chip.cr, chip.sci, 0.0)
        assert len(groups) > 2000 and find_trails(groups, chip.cr.shape) == []
