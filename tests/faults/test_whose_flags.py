"""Whose flags are in an exposure, whatever became of its header, its name and the file beside it."""

import shutil

import numpy as np
import pytest
from astropy.io import fits
from harness import Conditions, call
from helpers import cards_of, copy, dq, edit, flag, flagged, mask_of, set_dq, snapshot
from verdict import SECOND, Site

from acs_deepcr_step import apply, undo
from acs_deepcr_step.errors import RunError
from acs_deepcr_step.files import mask_file


def take_back(path):
    return undo(path, runfile="", progress=False)


def without_cards(path):
    """The exposure with a primary header that tells nothing of the step, as where another was put back."""

    def change(hdus):
        for key in [key for key in hdus[0].header if key == "DEEPCR" or key.startswith("DCR")]:
            del hdus[0].header[key]

    return edit(path, change)


def test_run_is_another_one_where_bits_of_others_lie_under_the_same_flags(one):
    there = copy(one, f"there/{one.name}")
    flag(one)
    set_dq(there, flagged(one), 8192)  # as acsrej might
    flag(there)
    assert np.array_equal(flagged(there), flagged(one))
    assert cards_of(there)["DCRRUN"] != cards_of(one)["DCRRUN"]


def test_mask_file_of_another_copy_takes_no_bits_of_others_back(one):
    """The copy whose bits were there before has the other copy's mask file put beside it."""
    there = copy(one, f"there/{one.name}")
    flag(one)
    set_dq(there, flagged(one), 8192)
    before = dq(there)
    flag(there)
    shutil.copy(mask_of(one), mask_of(there))
    with pytest.raises(RunError, match="put the right mask file beside it"):
        take_back(there)
    assert np.array_equal(dq(there), before)


@pytest.mark.parametrize("foreign", [False, True])
def test_flags_are_known_without_the_cards_of_the_header(one, foreign):
    if foreign:
        set_dq(one, (slice(None, None, 9), slice(None)), 8192)
    before = dq(one)
    flag(one)
    assert take_back(without_cards(one))["status"].tolist() == ["undone"]
    assert np.array_equal(dq(one), before)


def test_run_without_the_cards_of_the_header_takes_the_flags_of_the_run_before_back(one):
    fresh, before = copy(one, f"fresh/{one.name}"), dq(one)
    flag(fresh, threshold=0.9)
    flag(one, threshold=0.2)
    flag(without_cards(one), threshold=0.9)
    assert np.array_equal(dq(one), dq(fresh))
    take_back(one)
    assert np.array_equal(dq(one), before)


@pytest.mark.parametrize("thresholds", [(0.9, 0.2), (0.2, 0.9)])
def test_crash_and_a_lost_header_together_lose_nothing(one, thresholds):
    """The mask file is of the second run, the exposure of the first, and its header says nothing."""
    before = dq(one)
    flag(one, threshold=thresholds[0])
    after_first = one.read_bytes()
    flag(one, threshold=thresholds[1])
    one.write_bytes(after_first)
    take_back(without_cards(one))
    assert np.array_equal(dq(one), before)


def test_bits_of_others_after_an_undo_stay_theirs(one):
    flag(one)
    ours = flagged(one)
    take_back(one)
    ours[np.nonzero(ours)[0][0]] = False  # all but some
    set_dq(one, ours, 8192)
    assert take_back(one)["status"].tolist() == ["nothing to undo"]
    assert np.array_equal(flagged(one), ours)


def test_mask_file_of_other_pixels_says_nothing_of_an_exposure_without_cards(one):
    flag(one)
    edit(without_cards(one), lambda hdus: hdus["SCI", 1].data.__setitem__((3, 4), 1.0))
    before = dq(one)
    assert take_back(one)["status"].tolist() == ["nothing to undo"]
    assert np.array_equal(dq(one), before)


@pytest.mark.parametrize("name", ["j8sm01aaq_flc.fit", "j8sm01aaq_flc.FITS", "j8sm01aaq_flc"])
def test_copies_that_differ_only_in_the_ending_of_their_names_have_a_mask_file_each(one, name):
    before, twin = dq(one), copy(one, name)
    flag(one, clean_file=True)
    flag(twin, clean_file=True, **SECOND)
    assert mask_file.name_for(twin) != mask_file.name_for(one)
    take_back(one)
    take_back(twin)
    assert np.array_equal(dq(one), before) and np.array_equal(dq(twin), before)


def test_mask_file_of_an_earlier_version_beside_another_ending_is_found(one):
    """It had the name that the same exposure with .fits would have."""
    before = dq(one)
    flag(one)
    twin = one.rename("j8sm01aaq_flc.fit")
    take_back(twin)
    assert np.array_equal(dq(twin), before)


@pytest.mark.parametrize("order", [1, -1])
def test_masks_of_two_suffixes_of_one_exposure_are_told_apart(one, order):
    """The flc and the flt have the same rootname, and pixels of their own."""
    other = copy(one, one.name.replace("_flc", "_flt"))
    edit(other, lambda hdus: hdus["SCI", 1].data.__setitem__((3, 4), 1.0))
    flag(one, update_dq=False)
    flag(other, update_dq=False)
    masks = [mask_of(one), mask_of(other)][::order]
    apply([one, other], masks, runfile="", progress=False)
    assert flagged(one).any() and flagged(other).any()


# Flipped bits in a mask file before it takes its place


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return Site(tmp_path_factory.mktemp("flips"))


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_flipped_bit_in_a_mask_file_is_found_before_it_takes_its_place(site, again, seed):
    site.fresh(flagged=again)
    pars = SECOND if again else {}
    before = snapshot(site.directory)
    fault = Conditions("flip", seed, victim=f"{site.directory}/.{site.mask.name}.*")
    told = call(site.report, "run", [site.path], pars, fault)
    assert told.injected and told.outcome == "refused"
    assert "the new file differs from what was written" in told.message
    assert snapshot(site.directory) == before
    assert fits.getheader(site.path).get("DEEPCR") == ("COMPLETE" if again else None)


def test_no_two_names_of_exposures_share_a_mask_name():
    endings = (".fits", ".FITS", ".FITS.fits", ".fit", ".fit.fits", ".fts", ".fts.fits", "", ".v2.fits")
    names = [f"a_flc{ending}" for ending in endings]
    assert len({mask_file.name_for(name) for name in names}) == len(names)
    assert mask_file.name_for("a_flc.v2.fits") == "a_flc.v2_deepcr.fits"
