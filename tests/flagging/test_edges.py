"""Cosmic rays that the edge of an image cuts."""

import numpy as np
import pytest

from acs_deepcr_step.arrays import reasons
from acs_deepcr_step.arrays.background_map import BackgroundMap
from acs_deepcr_step.config.decision import Decision
from acs_deepcr_step.flagging import edges, single
from acs_deepcr_step.flagging.chip import ChipImage

SKY, NOISE, SHAPE = 50.0, 8.0, (90, 120)


def chip_image(image, probability=0.0):
    """A chip of a single exposure, to which the network gives the same probability everywhere."""
    scaled = np.full(image.shape, round(10_000 * probability), np.int16)
    background = BackgroundMap.flat(image.shape, SKY, NOISE)
    return ChipImage(background.subtracted_from(image), scaled, image > 70_000, background)


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
    result = turned(single.decide(chip_image(image, 0.01), Decision()), -quarters)
    assert (result[:2, 40:42] == reasons.FLAGGED | reasons.FILLED).all()
    assert np.count_nonzero(result) == 4


@pytest.mark.parametrize("row", [-1.0, -0.4, 0.3, 1.0])
@pytest.mark.parametrize("column", [40.0, 40.25, 40.5])
def test_star_that_the_edge_cuts_is_left_alone(row, column):
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for peak in (400, 4000, 40_000):
        star = peak * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * 0.95**2))
        assert not edges.cut_tracks(chip_image(sky() + star), 0.5).any()


def test_beside_a_full_well_at_the_edge_nothing_is_found():
    image = sky()
    image[0, 40], image[:10, 42] = 500, 80_000
    assert not edges.cut_tracks(chip_image(image), 0.5).any()


def test_where_certainty_is_asked_for_the_network_decides_alone():
    image = sky()
    image[0, 40:42] = 300
    found = [edges.cut_tracks(chip_image(image), threshold).any() for threshold in (0.5, 0.9, 1.0)]
    assert found == [True, True, False]
