"""`drizzle(align=True)`, with real TweakReg: what it did, and whether it is trusted."""

import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from drizzling import copies
from helpers import dq, flag, flagged, mask_of, sci, snapshot

import acs_deepcr_step
from acs_deepcr_step import simulate
from acs_deepcr_step.config.parameters import resolve
from acs_deepcr_step.errors import DrizzlepacError, StepWarning
from acs_deepcr_step.product import alignment, tweakreg_settings
from acs_deepcr_step.product.finished import AlignedExposure, Alignment

REFERENCE = AlignedExposure("a_flc.fits", 30, (0.0, 0.0), 0.0, 1.0, (0.0, 0.0), 0, True)
ALIGNED = AlignedExposure("b_flc.fits", 31, (0.3, -0.2), 0.001, 1.0, (0.05, 0.06), 25)
SHAPE = {"shape": (512, 512), "chips": 1}


def judged(*exposures, tolerance=1.0):
    return alignment.judged(Alignment("W", (REFERENCE, *exposures)), tolerance)


def test_a_fit_whose_matches_scatter_little_is_trusted():
    assert judged(ALIGNED).trusted


def test_a_fit_whose_matches_scatter_as_by_chance_is_not_trusted():
    found = judged(ALIGNED, replace(ALIGNED, name="c_flc.fits", rms=(0.1, 0.4)))
    assert not found.trusted and "c_flc.fits" in found.reason and "b_flc.fits" not in found.reason
    assert judged(replace(ALIGNED, rms=(0.1, 0.4)), tolerance=2.0).trusted


def test_a_fit_of_few_matches_is_not_trusted_however_little_they_scatter():
    found = judged(replace(ALIGNED, matches=9))
    assert not found.trusted and "fewer than 10 matches" in found.reason


def test_an_exposure_without_a_fit_is_an_error_that_names_it():
    with pytest.raises(DrizzlepacError, match=r"did not align c_flc.fits.*No WCS was changed"):
        judged(ALIGNED, replace(ALIGNED, name="c_flc.fits", shift=(math.nan, math.nan)))


def test_what_was_done_is_said_a_line_each():
    lines = judged(ALIGNED).lines()
    assert lines[0] == "alignment: trusted"
    assert "reference" in lines[1]
    assert "25 matches of 31 sources" in lines[2] and "+0.300 -0.200 px" in lines[2]
    assert "aligned before" in Alignment("W", done_before=True).lines()[0]


def wcs_of(path):
    header = fits.getheader(path, "SCI", 1)
    return [header[name] for name in ("WCSNAME", "CRVAL1", "CRVAL2", "CD1_1")]


def offset(path, original):
    """How far the WCS of an exposure was moved, in mas."""
    (_, ra, dec, _), (_, old_ra, old_dec, _) = wcs_of(path), wcs_of(original)
    return np.hypot((ra - old_ra) * math.cos(math.radians(dec)), dec - old_dec) * 3.6e6


@pytest.fixture
def misaligned(tmp_path):
    """Two exposures, the second with a pointing error of 0.46 pixels (23 mas)."""
    offsets = ((0.0, 0.0), (0.35, -0.3))
    return simulate.association(tmp_path / "a", n=2, field="crowded", seed=4, offsets=offsets, **SHAPE)


def aligned(files, place, align=True, **pars):
    place.mkdir(parents=True)
    settings = tweakreg_settings.resolve(align, 8192)
    return alignment.align(files, place, settings, resolve(None, {"progress": False, **pars}))


@pytest.mark.slow
def test_exposures_are_aligned_and_flagged_and_drizzled_in_one_call(misaligned, tmp_path):
    originals = copies(misaligned, tmp_path / "originals")
    files = [str(path) for path in misaligned]
    call = {"align": True, "runfile": "", "progress": False, "fill_holes": False}
    result = acs_deepcr_step.drizzle(files, tmp_path / "final", **call)
    first, second = result.alignment.exposures
    assert result.alignment.trusted and first.is_reference and second.matches > 100
    assert np.allclose(second.shift, (0.35, -0.3), atol=0.05)
    assert tmp_path / "final_tweakreg.log" in result.files
    assert 21 < offset(misaligned[1], originals[1]) < 25
    assert wcs_of(misaligned[1])[0] == result.alignment.wcsname
    for path, original in zip(misaligned, originals, strict=True):
        assert np.array_equal(sci(path), sci(original))
        assert np.array_equal(dq(path) & ~8192, dq(original) & ~8192) and flagged(path).any()
    assert list(result.table["nexp"]) == [2, 2]
    # What flags there are is what the flagging of aligned exposures gives.
    again = copies(misaligned, tmp_path / "again")
    for path, mask in zip(again, map(mask_of, misaligned), strict=True):
        shutil.copy(mask, path.parent)
    flag(*again, consensus="auto")
    assert np.array_equal(flagged(again[1]), flagged(misaligned[1]))
    # Once is enough.
    headers = [wcs_of(path) for path in misaligned]
    repeated = acs_deepcr_step.drizzle(files, tmp_path / "final", **call)
    assert repeated.alignment.done_before and [wcs_of(path) for path in misaligned] == headers
    assert set(repeated.table["status"]) == {"skipped"}


@pytest.mark.slow
def test_exposures_of_different_fields_keep_their_wcs(misaligned, tmp_path):
    [other] = simulate.association(tmp_path / "b", n=1, field="crowded", seed=54, root="j8sm02", **SHAPE)
    other = shutil.move(other, misaligned[0].parent)
    files = [misaligned[0], misaligned[0].with_name("j8sm02aaq_flc.fits")]
    before = [wcs_of(path) for path in files]
    try:
        found = aligned(files, tmp_path / "work")
        assert not found.trusted and found.reason
    except DrizzlepacError as error:
        assert "No WCS was changed" in str(error)
    assert [wcs_of(path) for path in files] == before


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*decided on without exposures:acs_deepcr_step.errors.StepWarning")
def test_a_fit_that_is_not_trusted_is_warned_of_and_the_image_made(misaligned, tmp_path):
    [other] = simulate.association(tmp_path / "b", n=1, field="crowded", seed=54, root="j8sm02", **SHAPE)
    files = [str(misaligned[0]), str(other)]
    before = [wcs_of(path) for path in files]
    # So few matches are asked for that there are some by chance; the step warns of the two, too.
    with pytest.warns(StepWarning, match="not taken over"):
        result = acs_deepcr_step.drizzle(
            files,
            tmp_path / "final",
            align={"minobj": 3},
            fill_holes=False,
            runfile="",
            progress=False,
        )
    assert not result.alignment.trusted and result.science.exists()
    assert [wcs_of(path) for path in files] == before


@pytest.mark.slow
def test_what_tweakreg_cannot_do_changes_nothing(tmp_path):
    files = simulate.association(tmp_path / "a", n=2, shape=(128, 128), chips=1, seed=4)
    flag(*files)
    before = snapshot(tmp_path / "a")
    with pytest.raises(DrizzlepacError) as caught:
        acs_deepcr_step.drizzle(
            [str(path) for path in files], tmp_path / "final", align=True, runfile="", progress=False
        )
    log = tmp_path / "final_tweakreg.log"
    assert "TweakReg" in str(caught.value) and str(log) in str(caught.value) and log.exists()
    assert snapshot(tmp_path / "a") == before
    assert not list(tmp_path.glob("final_dr*"))


def test_a_single_exposure_cannot_be_aligned_on_itself(tmp_path):
    [path] = simulate.association(tmp_path / "a", n=1, shape=(64, 64), chips=1, seed=4)
    with pytest.raises(DrizzlepacError, match="single exposure"):
        aligned([path], tmp_path / "work")
    assert not flagged(path).any()
