"""What the headers of an exposure say of its light and its pointing."""

import pytest
from helpers import edit

from acs_deepcr_step.files.inspection import inspect


def facts(path, **cards):
    """The exposure as inspected with other cards in its primary header."""
    edit(path, lambda hdus: hdus[0].header.update(cards))
    return inspect(path)


@pytest.mark.parametrize(
    ("cards", "passband"),
    [
        ({"FILTER1": "F606W", "FILTER2": "CLEAR2L"}, "F606W"),
        ({"FILTER1": "CLEAR1S", "FILTER2": "F435W"}, "F435W"),
        ({"FILTER1": "F606W", "FILTER2": "POL0V"}, "F606W+POL0V"),
        ({"FILTER1": "CLEAR1L", "FILTER2": "FR505N", "LRFWAVE": 5007.0}, "FR505N@5007"),
        ({"FILTER1": "CLEAR1L", "FILTER2": "F814W", "LRFWAVE": 0.0}, "F814W"),
    ],
)
def test_passband_is_the_filter_and_the_wavelength_of_a_ramp(one, cards, passband):
    assert facts(one, **cards).passband == passband


@pytest.mark.parametrize(("flag", "follows"), [(True, True), ("T", True), (False, False), ("", False)])
def test_exposure_that_followed_its_target_is_known(one, flag, follows):
    assert facts(one, MTFLAG=flag).follows_target is follows


def test_without_a_word_on_it_the_target_stood_still(one):
    def drop(hdus):
        hdus[0].header.remove("MTFLAG", ignore_missing=True)

    assert not inspect(edit(one, drop)).follows_target
