"""A short form of what `make soak` does with the streams of the command."""

import closed_streams


def test_streams_that_are_closed_or_full_cost_no_exposure(tmp_path):
    tally = closed_streams.closed_streams(tmp_path, 2)
    assert tally.lost == []
    assert (tally.trials, tally.new) == (2, 2)
