"""Masks grown and numbered."""

import numpy as np
import pytest
from scipy import ndimage

from acs_deepcr_step.arrays import morphology


def test_dilation_is_that_of_scipy():
    rng = np.random.default_rng(3)
    for shape, pixels in (((20, 31), 1), ((20, 31), 3), ((2, 9), 4), ((1, 1), 2)):
        flagged = rng.random(shape) > 0.9
        expected = ndimage.binary_dilation(flagged, np.ones((2 * pixels + 1,) * 2))
        np.testing.assert_array_equal(morphology.dilate(flagged, pixels), expected)


@pytest.mark.parametrize("share", [0, 0.02, 0.3, 1])
@pytest.mark.parametrize("shape", [(60, 90), (1, 50), (50, 1)])
def test_saturated_pixels_that_touch_are_one_group(share, shape):
    saturated = np.random.default_rng(1).random(shape) < share
    labels, count = morphology.label_groups(saturated)
    expected, many = ndimage.label(saturated, np.ones((3, 3)))
    assert count == many and np.array_equal(labels, expected)
