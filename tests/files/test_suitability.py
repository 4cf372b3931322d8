"""Which kinds of exposure are refused, and what is warned of, by the headers."""

import pytest
from astropy.io import fits
from helpers import edit

from acs_deepcr_step import instruments
from acs_deepcr_step.errors import ExposureError
from acs_deepcr_step.files import suitability
from acs_deepcr_step.files.inspection import inspect

WFC = instruments.ACS_WFC


def cautions(filter_name="F606W", exptime=500.0, instrument=WFC, **cards):
    """The kinds of caution that the cards of a primary header give."""
    found = suitability.cautions(instrument, [fits.Header(cards)], filter_name, exptime)
    assert all(";" not in caution.text and caution.kind in suitability.CAUTIONS for caution in found)
    return [caution.kind for caution in found]


@pytest.mark.parametrize(
    "cards",
    [
        {"IMAGETYP": "BIAS"},
        {"IMAGETYP": "DARK"},
        {"IMAGETYP": "FLAT"},
        {"IMAGETYP": "flat "},
        {"IMAGETYP": "INTFLAT"},
        {"IMAGETYP": "EXT", "SCLAMP": "TUNGSTEN-1"},
        {"IMAGETYP": "EXT", "OBSTYPE": "INTERNAL"},
        {"TARGNAME": "CCDFLAT"},  # of STIS, which has no IMAGETYP
    ],
)
def test_calibration_exposure_is_refused(cards):
    [why] = suitability.refusals(WFC, False, fits.Header(cards))
    assert "calibration exposure" in why and "give exposures of the sky" in why


@pytest.mark.parametrize(
    "cards", [{}, {"IMAGETYP": "EXT", "SCLAMP": "NONE"}, {"SCLAMP": "N/A"}, {"TARGNAME": "DARK-HALO-7"}]
)
def test_exposure_of_the_sky_is_not_refused(cards):
    assert suitability.refusals(WFC, False, fits.Header(cards)) == []


def test_all_that_is_wrong_with_it_is_said_at_once(one):
    edit(one, lambda hdus: hdus[0].header.update(DETECTOR="SBC", IMAGETYP="DARK"))
    with pytest.raises(ExposureError, match="MAMA.*; it is a calibration exposure .IMAGETYP DARK"):
        inspect(one)


def test_usual_exposure_needs_no_caution():
    cards = {"EXPFLAG": "NORMAL", "QUALITY": "OK", "MTFLAG": "F", "SCAN_TYP": "N", "OBSTYPE": "IMAGING"}
    assert cautions(**cards) == cautions() == []


def test_card_without_a_value_says_nothing():
    header = fits.Header.fromstring("EXPFLAG =".ljust(80) + "IMAGETYP=".ljust(80) + "END".ljust(80))
    assert "EXPFLAG" in header and suitability.refusals(WFC, False, header) == []
    assert suitability.cautions(WFC, [header], "F606W", 500.0) == ()


@pytest.mark.parametrize(
    ("cards", "kind"),
    [
        ({"EXPFLAG": "INTERRUPTED"}, "guiding"),
        ({"EXPFLAG": "EXCESSIVE DOWNTIME"}, "guiding"),
        ({"EXPFLAG": "NORMAL", "QUALITY": "LOCKLOST; GSFAIL"}, "guiding"),
        ({"MTFLAG": True}, "target"),
        ({"MTFLAG": "T"}, "target"),
        ({"SCAN_TYP": "C"}, "scan"),
        ({"OBSTYPE": "SPECTROSCOPIC"}, "grism"),
        ({"filter_name": "G800L"}, "grism"),
        ({"exptime": 99.0}, "short"),
        ({"instrument": instruments.find("STIS", "CCD")}, "detector"),
        ({"instrument": instruments.find("WFPC2", "")}, "coarse"),
        ({"instrument": instruments.find("WFPC", "")}, "coarse"),
    ],
)
def test_what_harms_flags_gives_one_caution_that_says_what_to_do(cards, kind):
    assert cautions(**cards) == [kind]
    assert suitability.CAUTIONS[kind].action.endswith(".")


def test_trouble_that_only_the_image_extension_tells_of_is_found():
    headers = [fits.Header(), fits.Header({"EXPFLAG": "INTERRUPTED"})]
    [caution] = suitability.cautions(WFC, headers, "F606W", 500.0)
    assert caution.kind == "guiding" and "EXPFLAG INTERRUPTED" in caution.text


def test_warning_names_the_file_and_ends_with_what_to_do(one):
    edit(one, lambda hdus: hdus[0].header.update(MTFLAG="T"))
    [warning] = inspect(one).warnings
    assert warning.startswith(f"{one.name}: the telescope followed") and "look at the flags" in warning
