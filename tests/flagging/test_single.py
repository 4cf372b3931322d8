"""What the network and the saturated pixels of a single exposure decide."""

import numpy as np
import pytest

from acs_deepcr_step.arrays import reasons
from acs_deepcr_step.arrays.probabilities import to_scaled
from acs_deepcr_step.config.decision import Decision
from acs_deepcr_step.flagging import single
from acs_deepcr_step.flagging.saturation import SaturatedPixels


def decide(probability, saturated, **changes):
    """Reasons where a star may have filled all saturated pixels."""
    wells = SaturatedPixels(star=saturated, cosmic_ray=np.zeros_like(saturated))
    return single.reasons_of(to_scaled(probability), wells, Decision(**changes))


def test_saturated_star_core_is_not_flagged():
    probability = np.zeros((21, 21), np.float32)
    probability[10, 10:13] = 0.8
    saturated = np.zeros((21, 21), bool)
    saturated[10, 10] = True
    result = decide(probability, saturated)
    assert not (result & reasons.FLAGGED).any()
    assert (result[10, 10:13] == reasons.SPARED).all()
    assert (decide(probability, saturated, protect_saturated=False) & reasons.FLAGGED).sum() == 3


def test_edge_of_a_saturated_stars_trail_is_not_flagged_however_sure_the_network_is():
    probability = np.zeros((21, 21), np.float32)
    probability[8:12, 10] = 0.6
    probability[11:13, 10] = 0.98  # the end of a trail: charge bleeds along columns
    probability[9, 9] = 0.95
    saturated = np.zeros((21, 21), bool)
    saturated[8:12, 10] = True
    result = decide(probability, saturated)
    assert not (result & reasons.FLAGGED).any() and (result[12, 10], result[9, 9]) == (reasons.SPARED,) * 2
    # A track that reaches farther is flagged as a whole.
    probability[12:16, 10] = 0.95
    assert (decide(probability, saturated)[11:16, 10] == reasons.FLAGGED).all()


def test_a_bright_cosmic_ray_that_saturates_stays_flagged():
    probability = np.zeros((21, 21), np.float32)
    probability[10, 8:13] = 0.99
    saturated = probability > 0
    assert (decide(probability, saturated) & reasons.FLAGGED).sum() == 5


def test_growth_does_not_put_back_what_was_spared():
    probability = np.zeros((21, 21), np.float32)
    probability[10, 10] = 0.7  # beside the saturated pixel: spared
    probability[10, 14] = 0.7  # outside its surroundings: flagged, and grown into them
    saturated = np.zeros((21, 21), bool)
    saturated[10, 10] = True
    result = decide(probability, saturated, grow=1)
    assert result[10, 10] == reasons.SPARED
    assert result[10, 14] == reasons.FLAGGED and result[10, 15] == reasons.FLAGGED | reasons.GROWN
    assert not result[9:12, 13].any()


@pytest.mark.parametrize("threshold", [0.29, 0.57, 0.5, 0.0001])
def test_a_probability_at_the_threshold_is_not_above_it(threshold):
    probability = np.array([[threshold, threshold + 1e-4]], np.float32)
    result = decide(probability, np.zeros((1, 2), bool), threshold=threshold)
    assert (result & reasons.FLAGGED).tolist() == [[0, 1]]
