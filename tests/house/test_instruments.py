"""Each detector is a record, and the rest of the step asks the record."""

import math

import pytest

from acs_deepcr_step import instruments, models


def test_known_detectors_are_told_apart():
    wfc = instruments.find("ACS", "WFC")
    assert wfc == instruments.ACS_WFC and wfc.is_taken and wfc.saturation == 70_000
    assert str(wfc) == "ACS/WFC" and wfc.pixel_area == pytest.approx(2.25e-6)
    assert instruments.find("WFC3", "UVIS").is_taken and instruments.find("ACS", "HRC").is_taken
    assert instruments.without_switch() == "ACS/WFC, WFC3/UVIS and ACS/HRC"


@pytest.mark.parametrize(
    ("name", "detector"),
    [("ACS", "SBC"), ("WFC3", "IR"), ("NICMOS", "3"), ("STIS", "FUV-MAMA"), ("STIS", "NUV-MAMA")],
)
def test_what_is_no_ccd_is_refused_always(name, detector):
    assert name in instruments.find(name, detector).refusal


def test_an_unknown_detector_is_one_that_is_not_taken():
    unknown = instruments.find("WFPC", "")
    assert not unknown.is_taken and math.isnan(unknown.pixel_area) and str(unknown) == "WFPC"
    assert unknown.is_coarse  # until somebody knows better
    assert instruments.find("ACS", "XYZ").counts_per_gain is False


@pytest.mark.parametrize(
    ("name", "detector", "coarse"),
    [("ACS", "HRC", False), ("WFC3", "UVIS", False), ("STIS", "CCD", False), ("WFPC2", "2", True)],
)
def test_detectors_that_sample_the_psf_more_coarsely_than_the_training_are_known(name, detector, coarse):
    assert instruments.find(name, detector).is_coarse is coarse


@pytest.mark.parametrize(
    ("name", "detector", "gain", "lowest", "highest"),
    [
        ("ACS", "WFC", 2.0, 70_000, 70_000),
        ("ACS", "WFC", 1.0, 50_000, 58_000),  # of 63,800 less what flat field and amplifiers take
        ("ACS", "WFC", 0.5, 25_000, 29_000),
        ("WFC3", "UVIS", 1.5, 63_000, 63_000),
        ("STIS", "CCD", 1.0, 25_000, 33_000),
        ("STIS", "CCD", 4.0, 70_000, 70_000),
        ("WFPC2", "", 7.0, 20_000, 28_000),
    ],
)
def test_saturation_is_where_the_well_is_full_or_the_converter_ends(name, detector, gain, lowest, highest):
    assert lowest <= instruments.find(name, detector, gain).saturation <= highest


@pytest.mark.parametrize("gain", [math.nan, 0.0, -1.0])
def test_without_a_gain_the_well_alone_counts(gain):
    assert instruments.find("ACS", "WFC", gain).saturation == 70_000


def test_exposures_of_one_detector_belong_together_whatever_their_gains():
    assert instruments.find("ACS", "WFC", 1.0) == instruments.find("ACS", "WFC", 2.0)


def test_every_default_model_is_one_of_the_models():
    for one in (instruments.ACS_WFC, instruments.find("WFC3", "UVIS"), instruments.find("ACS", "HRC")):
        assert one.default_model in models.names()
