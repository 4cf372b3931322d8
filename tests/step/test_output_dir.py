"""Flagged copies in another directory; the originals are not touched."""

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from helpers import cards_of, changed, copy, dq, edit, flag, flagged, hdu_bytes, mask_of, set_dq, snapshot

from acs_deepcr_step import apply, undo
from acs_deepcr_step.errors import ExposureError, InputError, RunError, StepError


def test_originals_stay_and_flagged_copies_appear(pair, here):
    before = snapshot(here)
    table = flag(*pair, output_dir="out/deep")
    made = {f"out/deep/{p.name}" for p in pair} | {f"out/deep/{mask_of(p).name}" for p in pair}
    assert changed(before, snapshot(here)) == {"out", "out/deep", *made}
    assert set(table["filename"]) == {f"out/deep/{p.name}" for p in pair}
    for path in pair:
        result = Path("out/deep") / path.name
        assert flagged(result, 1).any() and flagged(result, 2).any()
        assert cards_of(result)["DEEPCR"] == "COMPLETE"


def test_copy_is_what_flagging_in_place_makes(one):
    in_place = copy(one, f"there/{one.name}")
    flag(in_place)
    flag(one, output_dir="out")
    result = Path("out") / one.name
    data = [[data for _, data in hdu_bytes(path)] for path in (in_place, result)]
    assert data[0] == data[1]
    assert cards_of(result)["DCRRUN"] == cards_of(in_place)["DCRRUN"]


def test_home_directory_is_understood(one, here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    flag(one, output_dir="~/out")
    assert (here / "out" / one.name).is_file()


def test_second_run_replaces_the_result_and_reuses_the_probabilities(one):
    fresh = copy(one, f"fresh/{one.name}")
    flag(fresh, threshold=0.2, crbit=16384)
    flag(one, output_dir="out", threshold=0.9)
    result = Path("out") / one.name
    stored = fits.getdata(mask_of(result), "PROB", 1)
    flag(one, output_dir="out", threshold=0.2, crbit=16384)
    assert np.array_equal(dq(result), dq(fresh))
    assert np.array_equal(fits.getdata(mask_of(result), "PROB", 1), stored)
    flag(result, threshold=1.0)
    assert np.array_equal(dq(result), dq(one))


def test_second_run_of_exposures_without_start_time(one):
    """STIS has EXPSTART in its SCI headers, and some copies have none."""
    edit(one, lambda hdus: hdus[0].header.remove("EXPSTART"))
    flag(one, output_dir="out")
    flag(one, output_dir="out", threshold=0.2)
    assert cards_of(Path("out") / one.name)["DCRTHRSH"] == 0.2


def test_flagged_original_gives_the_same_result(one):
    fresh = copy(one, f"fresh/{one.name}")
    flag(fresh, threshold=0.3)
    flag(one, threshold=0.8, crbit=16384)
    flag(one, output_dir="out", threshold=0.3)
    assert np.array_equal(dq(Path("out") / one.name), dq(fresh))
    assert flagged(one, bit=16384).any()


def test_mask_files_only(one, here):
    before = snapshot(here)
    flag(one, output_dir="out", update_dq=False)
    assert changed(before, snapshot(here)) == {"out", f"out/{mask_of(one).name}"}


def test_read_only_originals_are_fine(one, here):
    one.chmod(0o444)
    flag(one, output_dir="out")
    flag(one, output_dir="out", threshold=0.2)
    assert flagged(Path("out") / one.name).any()


def refused(here, match, *files, error=StepError, **pars):
    before = snapshot(here)
    with pytest.raises(error, match=match) as caught:
        flag(*files, **pars)
    assert snapshot(here) == before
    return str(caught.value)


def test_own_directory_is_refused(one, here):
    message = refused(here, "lies in the output_dir itself", one, error=ExposureError, output_dir=str(here))
    assert one.name in message


def test_own_directory_by_a_link_is_refused(one, here):
    Path("link").symlink_to(here)
    refused(here, "lies in the output_dir itself", one, error=ExposureError, output_dir="link")


def test_two_inputs_that_would_meet_are_refused(one, here):
    other = copy(one, f"other/{one.name}")
    message = refused(here, "would both become", one, other, error=InputError, output_dir="out")
    assert str(one) in message and str(other) in message


def test_other_exposure_in_the_output_directory_is_refused(one, here):
    other = copy(one, f"out/{one.name}")
    refused(here, "not a result of this step: move it away", one, error=ExposureError, output_dir="out")
    edit(other, lambda hdus: hdus[0].header.set("EXPSTART", 51234.5))
    flag(other)
    message = refused(here, "move it away", one, error=ExposureError, output_dir="out")
    assert f"out/{one.name}" in message


def test_output_directory_that_is_a_file_is_refused(one, here):
    Path("out").touch()
    refused(here, "output_dir out", one, error=InputError, output_dir="out")


@pytest.mark.parametrize("name", ["x" * 300, "loop", "loop/in", "file/in"])
def test_output_directory_that_cannot_be_is_refused(one, here, name):
    Path("loop").symlink_to("loop")
    Path("file").touch()
    refused(here, "output_dir .* cannot be made", one, error=InputError, output_dir=name)


def test_read_only_output_directory_is_refused(one, here):
    Path("out").mkdir()
    Path("out").chmod(0o555)
    refused(here, "read-only", one, error=ExposureError, output_dir="out")


@pytest.mark.parametrize("runfile", ["none/a.log", "."])
def test_log_that_cannot_be_written_is_refused_before_anything_is_changed(one, here, runfile):
    refused(here, "give another runfile", one, error=InputError, runfile=runfile)


# A second time: the copy that is there is gone on with


def aligned(path):
    """The copy as TweakReg leaves it."""
    return edit(path, lambda hdus: hdus["SCI", 1].header.set("CRVAL1", 123.456))


def test_wcs_that_was_changed_in_the_copy_stays(one):
    flag(one, output_dir="out")
    result = aligned(Path("out") / one.name)
    before = hdu_bytes(one)
    flag(one, output_dir="out", threshold=0.2)
    assert cards_of(result, 1)["CRVAL1"] == 123.456 and cards_of(result)["DCRTHRSH"] == 0.2
    assert hdu_bytes(one) == before


def test_bits_that_others_set_in_the_copy_stay(one):
    fresh = copy(one, f"fresh/{one.name}")
    flag(one, output_dir="out")
    result = Path("out") / one.name
    set_dq(result, (slice(None, None, 9), slice(None)), 4096)
    set_dq(fresh, (slice(None, None, 9), slice(None)), 4096)
    flag(one, output_dir="out", threshold=0.2)
    flag(fresh, threshold=0.2)
    assert np.array_equal(dq(result), dq(fresh))


def test_copy_whose_flags_were_taken_back_is_gone_on_with(one):
    flag(one, output_dir="out")
    result = aligned(Path("out") / one.name)
    undo(result, runfile="", progress=False)
    flag(one, output_dir="out")
    assert flagged(result).any() and cards_of(result, 1)["CRVAL1"] == 123.456


def test_copy_of_other_pixels_is_refused(one, here):
    flag(one, output_dir="out")
    edit(one, lambda hdus: hdus["SCI", 1].data.__setitem__((3, 4), 1.0))
    message = refused(here, "made of other pixels", one, error=RunError, output_dir="out", rerun="redo")
    assert "move it away" in message


def test_field_in_the_output_directory_is_decided_together_a_second_time(pair):
    first = flag(*pair, output_dir="out")
    for path in pair:
        edit(Path("out") / path.name, lambda hdus: hdus[0].header.set("NOTE", "mine"))
    again = flag(*pair, output_dir="out", threshold=0.5, grow=1)
    assert set(first["nexp"]) == set(again["nexp"]) == {2}
    assert {cards_of(Path("out") / path.name)["NOTE"] for path in pair} == {"mine"}
    assert set(flag(*pair, output_dir="out", grow=1, rerun="skip")["status"]) == {"skipped"}


def test_masks_beside_the_originals_are_applied_to_the_copies_again(one):
    flag(one, update_dq=False)
    apply(one, output_dir="out", runfile="", progress=False)
    result = aligned(Path("out") / one.name)
    apply(one, output_dir="out", runfile="", progress=False)
    assert flagged(result).any() and cards_of(result, 1)["CRVAL1"] == 123.456
