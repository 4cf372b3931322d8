"""Cosmic rays that the edge of an image cuts."""

from types import SimpleNamespace

import numpy as np
import pytest

from acs_deepcr_step import edges, flags

SKY, NOISE, SHAPE = 50.0, 8.0, (90, 120)
PARAMETERS = SimpleNamespace(threshold=0.5, grow=0, protect_saturated=True)


def sky(seed=1):
    return np.random.default_rng(seed).normal(SKY, NOISE, SHAPE).astype(np.float32)


def turned(image, quarters):
    """The image with another of its edges at the bottom."""
    return np.ascontiguousarray(np.rot90(image, quarters))


@pytest.mark.parametrize("quarters", range(4))
def test_track_that_the_edge_cuts_is_flagged_though_the_network_takes_it_for_a_star(quarters):
    image = sky()
    image[:2, 40:42] += [[110, 95], [60, 70]]
    image = turned(image, quarters)
    stored = np.full(image.shape, 100, np.int16)
    plane = turned(flags.alone(stored, image, np.zeros(image.shape, bool), PARAMETERS), -quarters)
    assert (plane[:2, 40:42] == flags.FLAGGED | flags.FILLED).all()
    assert np.count_nonzero(plane) == 4


@pytest.mark.parametrize("row", [-1.0, -0.4, 0.3, 1.0])
@pytest.mark.parametrize("column", [40.0, 40.25, 40.5])
def test_star_that_the_edge_cuts_is_left_alone(row, column):
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for peak in (400, 4000, 40_000):
        star = peak * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * 0.95**2))
        assert not edges.cut_tracks(sky() + star, (SKY, NOISE), np.zeros(SHAPE, bool), 0.5).any()


def test_beside_a_full_well_at_the_edge_nothing_is_found():
    image = sky()
    image[0, 40], image[:10, 42] = 500, 80_000
    assert not edges.cut_tracks(image, (SKY, NOISE), image > 70_000, 0.5).any()


def test_where_certainty_is_asked_for_the_network_decides_alone():
    image = sky()
    image[0, 40:42] = 300
    full = np.zeros(SHAPE, bool)
    its = [edges.cut_tracks(image, (SKY, NOISE), full, threshold).any() for threshold in (0.5, 0.9, 1.0)]
    assert its == [True, True, False]
