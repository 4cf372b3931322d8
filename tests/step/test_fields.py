"""The step on several exposures of one field: what they say together, and what stays with each."""

import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from helpers import cards_of, copy, dq, edit, flag, flagged, mask_of, sci, snapshot

from acs_deepcr_step import apply as apply_masks
from acs_deepcr_step import run, simulate, undo
from acs_deepcr_step.arrays import reasons
from acs_deepcr_step.errors import ExposureError, RunError, StepWarning
from acs_deepcr_step.files import mask_file

FIELD = dict(n=3, shape=(320, 320), chips=1, field="crowded", exptime=512.0, cr_rate=3.0, seed=31)


@pytest.fixture(scope="session")
def simulated_set(tmp_path_factory):
    """Directory of three exposures of a crowded field, with truth; not to be changed."""
    directory = tmp_path_factory.mktemp("set")
    simulate.association(directory, **FIELD)
    return directory


@pytest.fixture
def three(simulated_set, here):
    """Three exposures of a crowded field in the current directory."""
    return [Path(shutil.copy(path, here)) for path in sorted(simulated_set.glob("*_flc.fits"))]


def planes(*files):
    """The planes of reasons."""
    return [chip.reasons for file in files for chip in mask_file.read(mask_of(file)).chips]


def masks(*files):
    """Where our bit is set."""
    return np.array([flagged(file) for file in files])


def shifted(path, pixels):
    """The exposure with a WCS that is wrong by so many pixels."""

    def change(hdus):
        hdus["SCI", 1].header["CRPIX1"] += pixels

    return edit(path, change)


def test_more_cosmic_rays_are_found_than_in_single_exposures_and_hardly_a_star(three, simulated_set):
    found = {}
    for consensus in ("no", "auto"):
        flag(*three, consensus=consensus)
        found[consensus] = masks(*three)
    truths = [simulate.read_truth(simulated_set / path.name)[0] for path in three]
    hit = np.array([truth.cr for truth in truths])
    assert found["auto"][hit].mean() > found["no"][hit].mean() + 0.03
    assert found["auto"][~hit].mean() < 1e-2  # at three times ACS's rate
    peaks = flagged_peaks = 0
    for truth, mask in zip(truths, found["auto"], strict=True):
        stars = truth.stars[(truth.stars["snr"] > 50) & ~truth.stars["saturated"]]
        at = np.rint(stars["y"]).astype(int).clip(0, 319), np.rint(stars["x"]).astype(int).clip(0, 319)
        clear = ~truth.cr[at]
        peaks += clear.sum()
        flagged_peaks += mask[at][clear].sum()
    assert peaks > 150 and flagged_peaks <= 1


def test_table_tells_how_many_were_spared_and_added(three):
    table = flag(*three)
    assert list(table["nexp"]) == [3, 3, 3]
    for row, plane, path in zip(table, planes(*three), three, strict=True):
        assert row["n_vetoed"] == np.count_nonzero(plane & reasons.VETOED) > 0
        assert row["n_added"] == np.count_nonzero(plane & reasons.ADDED) > 0
        assert row["n_flagged"] == np.count_nonzero(plane & reasons.FLAGGED) == flagged(path).sum()
        assert not ((plane & reasons.VETOED) != 0)[(plane & reasons.FLAGGED) != 0].any()


def test_header_and_history_name_the_exposures(three):
    flag(*three)
    roots = [path.name[:9] for path in three]
    for path, root in zip(three, roots, strict=True):
        header = cards_of(path)
        assert header["DCRNEXP"] == 3
        last = " ".join(str(header["HISTORY"]).split())
        assert "decided from 3 exposures" in last and all(name in last for name in roots)
        assert mask_file.read(mask_of(path)).members == (root, *(r for r in roots if r != root))
        with fits.open(path) as hdus:
            hdus.verify("exception")


def test_running_the_set_twice_changes_nothing(three):
    flag(*three)
    first = [dq(path) for path in three], planes(*three), [cards_of(path)["DCRRUN"] for path in three]
    flag(*three)
    assert np.array_equal([dq(path) for path in three], first[0])
    assert [cards_of(path)["DCRRUN"] for path in three] == first[2]
    for again, plane in zip(planes(*three), first[1], strict=True):
        assert np.array_equal(again & ~np.uint8(reasons.PREVIOUS), plane)


def test_order_of_the_exposures_does_not_matter(three):
    flag(*three)
    before = masks(*three)
    flag(*reversed(three))
    assert np.array_equal(masks(*three), before)


def test_undo_takes_the_flags_of_a_set_back(three):
    before = [dq(path) for path in three]
    flag(*three)
    undo([str(path) for path in three], runfile="", progress=False)
    assert np.array_equal([dq(path) for path in three], before)


def test_sci_is_not_touched(three):
    before = [sci(path) for path in three]
    flag(*three)
    assert np.array_equal([sci(path) for path in three], before)


def test_apply_carries_the_decided_mask(three, here):
    fresh = [copy(path, f"fresh/{path.name}") for path in three]
    flag(*three)
    apply_masks(
        [str(path) for path in fresh], [str(mask_of(path)) for path in three], runfile="", progress=False
    )
    assert np.array_equal(masks(*fresh), masks(*three))
    assert [cards_of(path)["DCRNEXP"] for path in fresh] == [3, 3, 3]


def test_consensus_no_gives_what_each_exposure_gives_alone(three):
    flag(*three, consensus="no")
    together = masks(*three)
    for path, mask in zip(three, together, strict=True):
        flag(path)
        assert np.array_equal(flagged(path), mask)
        assert cards_of(path)["DCRNEXP"] == 1


ELSEWHERE = 40.0  # pixels: farther off than any shift that is measured


def test_exposure_whose_stars_are_elsewhere_is_decided_on_alone(three):
    flag(*three, consensus="no")
    alone = masks(*three)
    flag(*three[1:])
    without = masks(*three[1:])
    shifted(three[0], ELSEWHERE)
    with pytest.warns(StepWarning, match="its WCS does not fit.*TweakReg"):
        table = flag(*three)
    assert np.array_equal(flagged(three[0]), alone[0])
    assert np.array_equal(masks(*three[1:]), without)
    assert list(table["nexp"]) == [1, 2, 2]
    assert [chip.nexp for path in three for chip in mask_file.read(mask_of(path)).chips] == [1, 2, 2]
    for row, other in ((0, 1), (1, 0), (2, 0)):
        fault = rf"{three[other].name[:9]} \d+ of \d+ stars are not where its WCS puts them"
        assert re.search(fault, table["note"][row])


@pytest.mark.parametrize("pixels", [0.6, 4.0])
def test_misalignment_that_the_stars_agree_on_is_allowed_for_and_told(three, pixels):
    flag(*three)
    aligned = masks(*three)
    shifted(three[0], pixels)
    with pytest.warns(StepWarning, match="does not lie where its WCS says.*TweakReg") as caught:
        table = flag(*three)
    assert list(table["nexp"]) == [3, 3, 3] and not any(table["note"])
    assert all(f"{pixels:.1f}" in str(one.message) for one in caught)
    found = masks(*three)
    assert (found & aligned).sum() > 0.97 * aligned.sum() and found.sum() < 1.03 * aligned.sum()


def test_consensus_yes_is_refused_for_one_exposure(three, refused):
    for path in three[1:]:
        path.unlink()
    refused(ExposureError, ["consensus=yes", three[0].name], three[0], consensus="yes")


def test_consensus_yes_fails_an_exposure_for_which_none_was_used(three):
    shifted(three[0], ELSEWHERE)
    before = dq(three[0])
    with pytest.warns(StepWarning), pytest.raises(RunError, match="consensus=yes") as caught:
        flag(*three, consensus="yes")
    assert [row["status"].split(":")[0] for row in caught.value.table] == ["failed", "done", "done"]
    assert np.array_equal(dq(three[0]), before)


def test_another_filters_exposures_are_not_mixed_in(three):
    edit(three[0], lambda hdus: hdus[0].header.update({"FILTER1": "F606W", "FILTER2": "CLEAR2L"}))
    table = flag(*three)
    assert list(table["nexp"]) == [1, 2, 2] and not table["note"][0]


def test_another_fields_exposures_are_not_mixed_in(three):
    edit(three[0], lambda hdus: hdus["SCI", 1].header.update({"CRVAL1": 10.0}))
    assert list(flag(*three)["nexp"]) == [1, 2, 2]


def test_the_same_exposure_twice_is_not_asked_about_itself(three):
    twin = copy(three[0], three[0].name.replace("flc", "flt"))
    assert list(flag(three[0], twin, three[1])["nexp"]) == [2, 2, 3]


def test_exposures_of_different_association_tables_stay_apart(three, simulated_set, here):
    table = shutil.copy(next(simulated_set.glob("*_asn.fits")), here)

    def two(hdus):
        hdus[1].data = hdus[1].data[1:]

    edit(table, two)
    assert list(flag(table, three[0])["nexp"]) == [2, 2, 1]


def test_exposure_that_cannot_be_read_does_not_stop_the_others(three):
    def spoil(hdus):
        hdus["SCI", 1].data[...] = np.nan

    edit(three[1], spoil)
    with pytest.raises(RunError) as caught:
        flag(*three)
    table = caught.value.table
    assert [row["status"].split(":")[0] for row in table] == ["done", "failed", "done"]
    assert [row["nexp"] for row in table] == [2, 0, 2]


def test_mask_of_another_exposure_fails_that_one_alone(three):
    flag(*three)
    shutil.copy(mask_of(three[0]), mask_of(three[1]))
    told = pytest.warns(StepWarning, match="3 exposures.*from 2 now.*those of the field that failed")
    with told, pytest.raises(RunError) as caught:
        flag(*three)
    assert [row["status"].split(":")[0] for row in caught.value.table] == ["done", "failed", "done"]


def test_skip_leaves_an_unchanged_set_as_it_is(three, here):
    flag(*three)
    before = snapshot(here)
    table = flag(*three, rerun="skip")
    assert list(table["status"]) == ["skipped"] * 3 and list(table["nexp"]) == [3, 3, 3]
    assert snapshot(here) == before


@pytest.mark.parametrize("change", ["more members", "another pointing"])
def test_skip_does_a_set_anew_whose_members_changed(three, change):
    flag(*(three[:2] if change == "more members" else three))
    if change == "another pointing":
        shifted(three[2], 0.05)
    with pytest.warns(StepWarning, match="with other parameters, exposures of its field, or WCS"):
        table = flag(*three, rerun="skip")
    assert set(table["status"]) == {"done"}


@pytest.mark.parametrize(("left", "mask_only"), [(1, False), (2, False), (1, True)])
def test_skip_keeps_what_more_exposures_decided(three, here, left, mask_only):
    pars = {"update_dq": False} if mask_only else {}
    flag(*three, **pars)
    before = snapshot(here)
    table = flag(*three[:left], rerun="skip", **pars)
    assert set(table["status"]) == {"skipped"} and set(table["nexp"]) == {3}
    assert snapshot(here) == before


CANNOT_KEEP = {
    "mask file": ({"mask_file": False, "output_dir": "out"}, {}, "its mask file is missing"),
    "threshold": ({}, {"threshold": 0.3}, "with other parameters"),
    "clean file": ({}, {"clean_file": True}, "its clean file is missing"),
}


@pytest.mark.parametrize(("both", "second", "why"), CANNOT_KEEP.values(), ids=CANNOT_KEEP)
def test_skip_says_first_where_it_cannot_keep_what_more_exposures_decided(three, here, both, second, why):
    flag(*three[:2], **both)
    before = snapshot(here)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(StepWarning, match=rf"2 exposures; rerun=skip cannot keep .*{why}.* by each"):
            flag(three[0], rerun="skip", **both, **second)
    assert snapshot(here) == before
    with pytest.warns(StepWarning) as told:
        table = flag(three[0], rerun="skip", **both, **second)
    assert "name the others" in str(told[0].message) and list(table["status"]) == ["done"]


@pytest.mark.parametrize(
    ("left", "way"), [(1, {}), (2, {}), (1, {"output_dir": "out"}), (1, {"update_dq": False})]
)
def test_a_run_that_knows_less_warns_before_it_replaces_the_flags(three, left, way):
    flag(*three, **way)
    said = rf"{three[0].name}.*\(3 exposures\).* worse.*name the others"
    with pytest.warns(StepWarning, match=said) as caught:
        table = flag(*three[:left], **way)
    assert len(caught) == 1 and list(table["nexp"]) == [left] * left


def test_the_warning_of_knowing_less_comes_first(three):
    flag(*three)
    before = three[0].read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(StepWarning, match="decided together before"):
            flag(three[0])
    assert three[0].read_bytes() == before


def test_a_run_that_knows_as_much_or_was_undone_does_not_warn(three):
    flag(*three[:2])
    flag(*three[:2], threshold=0.4)
    flag(*three)
    undo([str(path) for path in three], runfile="", progress=False)
    assert list(flag(three[0])["nexp"]) == [1]


def test_consensus_no_logs_that_it_gives_up_what_more_exposures_decided(three, here):
    flag(*three)
    flag(*three, consensus="no", runfile="a.log")
    assert "decided together before" in (here / "a.log").read_text()


def probabilities_of(files):
    return [mask_file.read(mask_of(path)).chips[0].scaled_probability for path in files]


def test_another_threshold_reuses_the_probabilities(three):
    flag(*three)
    before = probabilities_of(three)
    few = flag(*three, threshold=0.9)["n_flagged"]
    many = flag(*three, threshold=0.1)["n_flagged"]
    assert (np.array(few) < np.array(many)).all()
    assert np.array_equal(probabilities_of(three), before)


def test_without_mask_files_the_flags_are_the_same_and_nothing_is_left(three, here):
    flag(*three)
    expected = masks(*three)
    undo([str(path) for path in three], runfile="", progress=False)
    for path in three:
        mask_of(path).unlink()
    flag(*three, mask_file=False)
    assert np.array_equal(masks(*three), expected)
    assert {path.name for path in here.iterdir()} == {path.name for path in three}


def test_mask_files_alone_can_be_made(three):
    before = [path.read_bytes() for path in three]
    flag(*three, update_dq=False)
    assert [path.read_bytes() for path in three] == before
    assert [mask_file.read(mask_of(path)).nexp for path in three] == [3, 3, 3]


def test_outputs_elsewhere_are_decided_on_together(three, here):
    flag(*three)
    flag(*three, output_dir=str(here / "out"))
    assert np.array_equal(masks(*(here / "out" / path.name for path in three)), masks(*three))


def test_other_model_in_the_second_run_keeps_the_way_back(three):
    before = [dq(path) for path in three]
    flag(*three)
    flag(*three, model="ACS-WFC-F814W")
    undo([str(path) for path in three], runfile="", progress=False)
    assert np.array_equal([dq(path) for path in three], before)


def test_members_with_different_wcs_solutions_bring_a_warning(three):
    edit(three[0], lambda hdus: hdus["SCI", 1].header.update({"WCSNAME": "TWEAK"}))
    with pytest.warns(StepWarning, match="different WCS solutions"):
        flag(*three)


def test_exposure_without_wcs_is_decided_on_by_itself(three):
    def strip(hdus):
        for key in ("CTYPE1", "CTYPE2"):
            del hdus["SCI", 1].header[key]

    edit(three[0], strip)
    assert list(flag(*three)["nexp"]) == [1, 2, 2]


def test_log_tells_who_decided_together(three, here):
    run([str(path) for path in three], runfile="a.log", progress=False)
    log = (here / "a.log").read_text()
    assert "decided on together" in log and "decided from 3 exposures" in log


@pytest.mark.slow
def test_processes_give_the_same_flags(three):
    flag(*three)
    expected = masks(*three)
    flag(*three, workers=2)
    assert np.array_equal(masks(*three), expected)
