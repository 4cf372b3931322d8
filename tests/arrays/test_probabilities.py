"""Probabilities as mask files store them."""

import numpy as np

from acs_deepcr_step.arrays.probabilities import from_scaled, to_scaled


def test_scaled_probabilities_are_good_to_half_a_ten_thousandth_and_stay_as_they_are():
    probability = np.random.default_rng(0).random((50, 50)).astype(np.float32)
    scaled = to_scaled(probability)
    assert np.abs(from_scaled(scaled) - probability).max() <= 5.1e-5
    np.testing.assert_array_equal(to_scaled(from_scaled(scaled)), scaled)
