"""Other programs and other runs at the same file at the same time: nobody's work is lost."""

import pytest
import rivals
from verdict import Site


def test_file_of_another_program_stays(tmp_path):
    tally = rivals.other_program(tmp_path, 28)
    assert tally.lost == []
    assert tally.refused and tally.new  # before the step read it, it is simply the exposure


def test_two_runs_at_once(tmp_path):
    tally = rivals.two_writers(tmp_path, 8)
    assert tally.lost == []
    assert tally.trials == 8


def test_a_killed_run_does_not_keep_its_lock(tmp_path):
    assert rivals.lock_after_a_kill(tmp_path, 4).lost == []


@pytest.mark.parametrize("seconds", [0.5, 0.2])
def test_a_run_that_waits_in_vain_says_so(tmp_path, seconds):
    site = Site(tmp_path)
    message = rivals.time_out_message(site.path, seconds)
    assert str(site.path) in message and "in use by another run" in message and f"{seconds:g} s" in message
