"""Kinds of exposure end to end: refused with nothing changed, or one warning in log, table and report."""

import numpy as np
import pytest
from helpers import dq, edit, flag, flagged, sci
from webpage import Page

from acs_deepcr_step import simulate, undo
from acs_deepcr_step.arrays.dq import SATURATED
from acs_deepcr_step.errors import ExposureError, RunError, StepWarning


def with_cards(path, **cards):
    """The exposure with other cards in its primary header."""
    return edit(path, lambda hdus: hdus[0].header.update(cards))


@pytest.mark.parametrize("any_detector", [False, True])
@pytest.mark.parametrize("kind", ["BIAS", "DARK", "FLAT"])
def test_calibration_exposure_is_refused(refused, one, kind, any_detector):
    with_cards(one, IMAGETYP=kind)
    said = [one.name, f"IMAGETYP {kind}", "exposures of the sky"]
    refused(ExposureError, said, one, any_detector=any_detector)


def test_calibration_exposure_stops_no_other(pair):
    with_cards(pair[0], IMAGETYP="DARK")
    before = pair[0].read_bytes()
    with pytest.warns(StepWarning, match="IMAGETYP DARK"), pytest.raises(RunError) as caught:
        flag(*pair)
    assert list(caught.value.table["status"][-2:]) == ["done", "done"] and pair[0].read_bytes() == before


def test_flags_on_what_is_now_refused_can_be_taken_back_but_not_made_anew(refused, one):
    before = dq(one)
    flag(one)
    with_cards(one, IMAGETYP="DARK")
    refused(ExposureError, [one.name, "IMAGETYP DARK"], one, any_detector=True)
    assert list(undo(one, runfile="", progress=False)["status"]) == ["undone"]
    assert np.array_equal(dq(one), before)


def test_lost_guiding_and_a_moving_target_are_told_everywhere(one, here):
    with_cards(one, EXPFLAG="INTERRUPTED", MTFLAG="T")
    with pytest.warns(StepWarning) as caught:
        table = flag(one, runfile="a.log", report=True)
    said = [str(warning.message) for warning in caught]
    assert len(said) == 2 and all(text.startswith(f"{one.name}: ") for text in said)
    note, log = table["note"][0], (here / "a.log").read_text()
    assert "EXPFLAG INTERRUPTED" in note and "MTFLAG" in note and "not used" not in log
    assert all(text in log for text in said)
    page = (here / "acs_deepcr_report.html").read_text()
    assert all(part in page for part in note.split("; ")) and "Trouble while the exposure was taken" in page


def test_what_the_headers_say_is_not_taken_for_exposures_that_were_not_used(pair):
    for path in pair:
        with_cards(path, MTFLAG="T")
    with pytest.warns(StepWarning, match="MTFLAG"):
        flag(*pair, report=True)
    assert "alone" not in Page(pair[0].with_name("acs_deepcr_report.html")).warnings


def test_model_auto_takes_the_filters_model_on_the_detector_that_it_was_trained_on(one):
    assert flag(one, model="auto")["model"][0] == "ACS-WFC-F814W"
    with_cards(one, INSTRUME="WFC3", DETECTOR="UVIS")
    assert flag(one, model="auto")["model"][0] == "ACS-WFC"


def test_cards_of_a_kind_cost_no_flag(one, here):
    flag(one)
    flags = dq(one)
    with_cards(one, EXPFLAG="INTERRUPTED", MTFLAG="T")
    with pytest.warns(StepWarning):
        flag(one)
    assert np.array_equal(dq(one), flags)


def test_saturated_stars_at_gain_one_are_not_flagged_where_dq_lacks_the_bits(tmp_path):
    """The converter ends at some 63,800 electrons there, below the limit of the wells."""
    scene = dict(n=1, shape=(384, 384), chips=1, field="crowded", exptime=1000.0, gain=1.0, seed=101)
    [path] = simulate.association(tmp_path, **scene)
    [truth] = simulate.read_truth(path.with_name(f"{path.stem}_truth.fits"))
    stars = ((dq(path) & SATURATED) != 0) & ~truth.cr
    edit(path, lambda hdus: hdus["DQ", 1].data.__iand__(~np.int16(SATURATED)))
    assert stars.sum() > 100 and sci(path).max() < 70_000
    flag(path)
    assert not flagged(path)[stars].any()
    # The limit of the wells alone, as at gain 2, flags hundreds of them.
    with_cards(path, CCDGAIN=2.0)
    flag(path)
    assert flagged(path)[stars].sum() > 100
