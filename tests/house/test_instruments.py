"""Each detector is a record, and the rest of the step asks the record."""

import math

import pytest

from acs_deepcr_step import instruments


def test_known_detectors_are_told_apart():
    wfc = instruments.find("ACS", "WFC")
    assert wfc is instruments.ACS_WFC and wfc.trained and wfc.full_well == 70_000
    assert str(wfc) == "ACS/WFC" and wfc.pixel_area == pytest.approx(2.25e-6)
    assert instruments.find("ACS", "SBC").refusal


def test_an_unknown_detector_is_one_that_was_not_trained_on():
    unknown = instruments.find("WFPC2", "")
    assert not unknown.trained and math.isnan(unknown.pixel_area) and str(unknown) == "WFPC2/?"
    assert instruments.find("ACS", "XYZ").counts_per_gain is False
