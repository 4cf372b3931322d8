"""`drizzle`, from exposures to the finished image, with real AstroDrizzle."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from drizzling import copies, drizzle, drizzlepac_quiet
from helpers import changed, dq, flag, flagged, mask_of, sci, snapshot

import acs_deepcr_step
from acs_deepcr_step import drizzle_kwargs, simulate
from acs_deepcr_step.errors import DrizzlepacError, OutputError
from acs_deepcr_step.product import holes

CALL = {"runfile": "", "progress": False}
FIELD = {"shape": (256, 256), "chips": 1, "cr_rate": 4.0, "seed": 21}


def finished(files, output, **pars):
    return acs_deepcr_step.drizzle([str(path) for path in files], output, **{**CALL, **pars})


@dataclass
class Made:
    """A call of `drizzle`: exposures, what lay there before and after, and the product of separate calls."""

    files: list
    before: dict
    after: dict
    result: object
    separate: object
    separate_weight: np.ndarray

    @property
    def science(self):
        return fits.getdata(self.result.science)

    @property
    def filled(self):
        return fits.getdata(self.result.science, "FILLED") == 1


def made(originals, directory, **pars):
    files = copies(originals, directory / "one call")
    files[0].chmod(0o640)
    before = snapshot(files[0].parent)
    result = finished(files, files[0].parent / "final", **pars)
    after = snapshot(files[0].parent)
    apart = copies(originals, directory / "apart")
    flag(*apart)
    product = drizzle(apart)
    return Made(files, before, after, result, product.sci, product.wht)


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """One exposure, made into a product."""
    directory = tmp_path_factory.mktemp("single")
    return made(simulate.association(directory / "original", n=1, **FIELD), directory)


@pytest.fixture(scope="module")
def mosaic(tmp_path_factory):
    """Two exposures that share a quarter of their field, made into a product."""
    directory = tmp_path_factory.mktemp("mosaic")
    dithers = ((0.0, 0.0), (192.0, 0.0))
    return made(simulate.association(directory / "original", n=2, dithers=dithers, **FIELD), directory)


def test_outside_the_holes_the_product_is_that_of_the_separate_calls(single):
    assert np.array_equal(single.science[~single.filled], single.separate[~single.filled])
    assert np.array_equal(fits.getdata(single.result.weight), single.separate_weight)


def test_every_hole_of_a_single_exposure_is_filled_and_its_weight_is_0(single):
    filled, weight = single.filled, fits.getdata(single.result.weight)
    assert filled.sum() == single.result.holes.filled > 100 and single.result.holes.left == 0
    assert not weight[filled].any()
    assert not single.separate[filled].any() and (single.science[filled] != 0).mean() > 0.99


def test_what_fills_holes_is_like_the_sky_around_them(single):
    noise = 1.4826 * np.median(abs(single.science[single.separate_weight > 0]))
    assert np.median(abs(single.science[single.filled])) < 2 * noise


def test_the_header_tells_what_was_filled(single):
    header = fits.getheader(single.result.science)
    assert header["DCRNFILL"] == single.result.holes.filled
    assert header["DCRCLEAN"] == single.result.holes.model == "ACS-WFC-F606W-2-32"


def test_the_exposure_gets_flags_and_nothing_else(single):
    [path] = single.files
    original = path.parents[1] / "original" / path.name
    assert np.array_equal(sci(path), sci(original))
    assert np.array_equal(dq(path) & ~8192, dq(original) & ~8192)
    assert "MDRIZSKY" not in fits.getheader(path, "SCI")


def test_every_file_that_was_made_is_named(single):
    named = {path.name for path in single.result.files}
    assert changed(single.before, single.after) == named
    assert named >= {f"final_{name}" for name in ("drc_sci.fits", "drc_wht.fits", "astrodrizzle.log")}


def test_every_file_that_was_made_is_as_private_as_the_exposure(single):
    made = {path.name: path.stat().st_mode & 0o777 for path in single.result.files}
    assert set(made.values()) == {0o640}, made


@pytest.mark.slow
def test_a_second_call_reuses_the_flags_and_gives_the_same_image(single, tmp_path):
    files = shutil.copytree(single.files[0].parent, tmp_path / "again")
    again = finished([files / single.files[0].name], files / "final")
    assert list(again.table["status"]) == ["skipped"]
    assert np.array_equal(fits.getdata(again.science), single.science)
    assert np.array_equal(fits.getdata(again.weight), fits.getdata(single.result.weight))


@pytest.mark.slow
def test_holes_where_one_exposure_sees_are_filled_and_others_left(mosaic):
    filled, weight = mosaic.filled, fits.getdata(mosaic.result.weight)
    columns = np.flatnonzero(filled.any(axis=0))
    shared = slice(192 + 20, 256 - 10)  # of the output, within the quarter that both see
    assert np.array_equal(mosaic.science[~filled], mosaic.separate[~filled])
    assert filled.sum() > 200 and not weight[filled].any()
    assert columns.min() < 192 and columns.max() > 256
    assert filled[:, shared].sum() < 0.02 * filled.sum()


@pytest.mark.slow
def test_strips_that_one_exposure_sees_are_decided_as_by_it_alone(mosaic, tmp_path):
    alone = copies([path.parents[1] / "original" / path.name for path in mosaic.files], tmp_path / "alone")
    flag(*alone, consensus="no")
    for path, by_itself, strip in zip(mosaic.files, alone, (slice(76, 256), slice(0, 180)), strict=True):
        assert flagged(by_itself)[:, strip].sum() > 200
        assert np.array_equal(flagged(path)[:, strip], flagged(by_itself)[:, strip])
    assert not np.array_equal(flagged(mosaic.files[0]), flagged(alone[0]))


@pytest.mark.slow
def test_strips_are_filled_as_by_one_exposure_alone(mosaic, tmp_path):
    [first] = copies([mosaic.files[0].parents[1] / "original" / mosaic.files[0].name], tmp_path / "first")
    alone = finished([first], tmp_path / "alone", final_refimage=str(mosaic.result.science))
    strip = fits.getdata(alone.science, "FILLED") == 1
    strip[:, :270] = False  # what both see, and its surroundings
    assert strip.sum() > 200 and mosaic.filled[strip].all()
    # What is flagged in the rest moves the sky a little, which is subtracted.
    noise = 1.4826 * np.median(abs(mosaic.science[mosaic.separate_weight > 0]))
    science = fits.getdata(alone.science)
    assert np.abs(science[strip] - mosaic.science[strip]).max() < 0.02 * noise


@pytest.fixture
def few(tmp_path):
    """One exposure with few pixels."""
    return simulate.association(tmp_path / "few", n=1, shape=(128, 128), chips=1, cr_rate=4.0, seed=5)


@pytest.mark.slow
def test_without_filling_the_product_is_that_of_the_separate_calls_bit_for_bit(few, tmp_path):
    apart = copies(few, tmp_path / "apart")
    flag(*apart)
    separate = drizzle(apart)
    result = finished(few, tmp_path / "final", fill_holes=False, build=True)
    with fits.open(result.science) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "WHT", "CTX", "HDRTAB"]
        assert np.array_equal(hdus["SCI"].data, separate.sci)
    assert result.science == result.weight == tmp_path / "final_drc.fits"
    assert result.holes.where == "none"


@pytest.mark.slow
def test_masks_of_an_earlier_astrodrizzle_are_neither_merged_nor_deleted(few, tmp_path):
    stale = few[0].with_name("j8sm01aaq_sci1_crmask.fits")
    fits.writeto(stale, np.zeros((128, 128), np.uint8))  # 0: a cosmic ray
    content = stale.read_bytes()
    with pytest.warns(acs_deepcr_step.errors.StepWarning, match="crmask"):
        result = finished(few, tmp_path / "final", fill_holes=False)
    assert (fits.getdata(result.weight) > 0).mean() > 0.5
    assert stale.read_bytes() == content


def test_what_astrodrizzle_cannot_do_is_an_error_with_its_log(few, tmp_path):
    (tmp_path / "place").mkdir()
    no_image = tmp_path / "empty.fits"
    no_image.touch()
    with pytest.raises(DrizzlepacError) as caught:
        finished(few, tmp_path / "place" / "final", final_refimage=str(no_image))
    log = tmp_path / "place" / "final_astrodrizzle.log"
    assert "AstroDrizzle" in str(caught.value) and str(log) in str(caught.value)
    assert [path.name for path in (tmp_path / "place").iterdir()] == [log.name]
    assert "Empty or corrupt FITS file" in log.read_text() and "Empty" in str(caught.value)
    assert flagged(few[0]).any() and mask_of(few[0]).exists()


@pytest.mark.slow
def test_what_a_killed_call_left_is_removed_and_what_is_not_ours_stays(few, tmp_path):
    left, other = tmp_path / ".final.0123abcd.deepcr-drizzle", tmp_path / ".final2.0123abcd.deepcr-drizzle"
    for directory in (left, other):
        directory.mkdir()
        (directory / "a.fits").touch()
    finished(few, tmp_path / "final", fill_holes=False)
    assert not left.exists() and other.exists()
    assert not list(tmp_path.glob(".final.*deepcr-drizzle"))


def test_two_calls_for_one_product_do_not_meet(few, tmp_path, monkeypatch):
    from acs_deepcr_step.product import workplace

    monkeypatch.setattr(workplace, "_LOCK_SECONDS", 0.2)
    place = workplace.Place.of(tmp_path / "final")
    with workplace.opened(place), pytest.raises(OutputError, match="made by another call"):
        finished(few, tmp_path / "final")
    assert not flagged(few[0]).any()


@pytest.mark.slow
def test_results_go_where_the_call_says_and_the_exposures_stay(few, tmp_path):
    before = snapshot(few[0].parent)
    result = finished(few, tmp_path / "final", output_dir=str(tmp_path / "out"), fill_holes=False)
    assert snapshot(few[0].parent) == before
    assert tmp_path / "out" / few[0].name in result.files


def test_the_context_tells_where_one_exposure_has_data():
    context = np.array([[0, 1, 2, 3, -(2**31)]], np.int32)
    assert holes.only_one_sees(context).tolist() == [[False, True, True, False, True]]
    planes = np.stack([context, context[:, ::-1]])
    assert holes.only_one_sees(planes).tolist() == [[True, False, False, False, True]]


def test_drizzle_takes_no_place_of_a_module():
    assert callable(acs_deepcr_step.drizzle)
    assert not Path(acs_deepcr_step.__file__).with_name("drizzle").exists()


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [6, 12])
def test_a_killed_call_is_repeatable(seconds, tmp_path):
    import signal
    import subprocess
    import sys

    files = simulate.association(tmp_path / "few", n=2, **{**FIELD, "shape": (512, 512)})
    apart = copies(files, tmp_path / "apart")
    code = (
        "import acs_deepcr_step, sys\n"
        "acs_deepcr_step.drizzle(sys.argv[2:], sys.argv[1], runfile='', progress=False, fill_holes=True)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "final"), *map(str, files)]
    call = subprocess.Popen(command, start_new_session=True)
    try:
        call.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(call.pid, signal.SIGKILL)
        call.wait()
    result = finished(files, tmp_path / "final", fill_holes=True)
    flag(*apart)
    with drizzlepac_quiet():
        assert np.array_equal(fits.getdata(result.weight), drizzle(apart, **drizzle_kwargs()).wht)
    assert not list(tmp_path.glob(".final*"))
