"""Kills, failing calls, full disks, missing permissions: the exposure is old or new, the next run succeeds.

The short form of `soak.py`: the same trials, fewer of them.
"""

import os

import crashes
import fields
import pytest
from soak import CALLS, NOBODY
from verdict import place_for_others


def nothing_is_lost(tally):
    assert tally.trials > 0
    assert tally.lost == []
    assert tally.old + tally.new == tally.trials


def test_kill_at_random_moments(tmp_path):
    tally = crashes.kills_at_random(tmp_path, 10)
    nothing_is_lost(tally)
    assert tally.old  # at least one was killed before it was done


def test_kill_at_steps_of_writing(tmp_path):
    tally = crashes.kills_at_steps(tmp_path, 16)
    nothing_is_lost(tally)
    assert tally.old and tally.new


def test_kill_while_a_field_is_decided_together(tmp_path):
    tally = fields.kills_together(tmp_path, 6)
    nothing_is_lost(tally)
    assert tally.old and tally.new


def test_associations_of_two_users_at_once(tmp_path):
    tally = fields.two_associations(tmp_path, 2)
    nothing_is_lost(tally)
    assert tally.new == 4


def test_failing_calls(tmp_path):
    tally = crashes.failing_calls(tmp_path, CALLS)
    nothing_is_lost(tally)
    # Not all are fatal: the new file is there when the directory cannot be flushed.
    assert tally.refused and tally.new


def test_largest_file(tmp_path):
    tally = crashes.largest_file(tmp_path, 8)
    nothing_is_lost(tally)
    assert tally.refused == tally.trials


def test_full_disk(tmp_path):
    tally = crashes.small_disk(tmp_path, 6)
    if tally is None:
        pytest.skip("mounting a small disk is not permitted here")
    nothing_is_lost(tally)
    assert tally.refused == tally.trials


def test_mode_without_write_permission(tmp_path):
    tally = crashes.no_permission(tmp_path)
    nothing_is_lost(tally)
    assert tally.refused == tally.trials


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can become another user")
def test_another_user():
    with place_for_others() as root:
        tally = crashes.no_permission(root, NOBODY)
    nothing_is_lost(tally)
    assert tally.refused == tally.trials
