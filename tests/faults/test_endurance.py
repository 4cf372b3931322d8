"""Many exposures, and an interrupt among them."""

import endurance
import pytest


def test_memory_is_flat(tmp_path):
    tally, _ = endurance.memory_is_flat(tmp_path, 16)
    assert tally.lost == []


@pytest.mark.slow  # tests/work/test_processes.py has a shorter one
def test_killed_parents(tmp_path):
    assert endurance.killed_parents(tmp_path, 1).lost == []


@pytest.mark.parametrize(
    ("trials", "workers", "group"), [(3, 1, False), (2, 1, True), (1, 2, False), (1, 2, True)]
)
def test_interrupt(tmp_path, trials, workers, group):
    # Two seconds are what `make soak` asks for; here the other tests have the cores as well.
    tally = endurance.interrupts(tmp_path, trials, workers, group, soon=8.0)
    assert tally.lost == []
