"""Users of a group, flipped bits, hostile sizes: the short form of what `soak.py` does."""

import os

import hostile
import pytest
from verdict import place_for_others


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can become another user")
def test_no_user_loses_an_exposure_to_a_colleague():
    with place_for_others() as root:
        tally = hostile.another_user(root, 10)
    assert tally.lost == [] and tally.trials == 10
    assert tally.refused and tally.new


def test_flipped_bits_in_masks_are_found(tmp_path):
    tally = hostile.flips_in_masks(tmp_path, 4)
    assert tally.lost == [] and tally.refused == tally.trials == 4


def test_hostile_sizes_are_refused(tmp_path):
    tally = hostile.hostile_sizes(tmp_path, 9)
    assert tally.lost == [] and tally.refused == tally.trials == 9
