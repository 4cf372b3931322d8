"""Exposures that were flagged before: redo, skip, error; and a mask carried elsewhere."""

import shutil

import numpy as np
import pytest
from astropy.io import fits

import acs_deepcr_step
from acs_deepcr_step import simulate
from acs_deepcr_step.errors import ExposureError, RunError, StepWarning
from acs_deepcr_step.files import mask_file

# Bit 4096 is chosen on purpose here; the warning about it is tested with the step.
pytestmark = pytest.mark.filterwarnings("ignore:crbit = 4096 is wiped")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return simulate.association(tmp_path_factory.mktemp("rerun"), n=2, shape=(96, 128), chips=1, seed=31)


@pytest.fixture
def pair(simulated, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return [shutil.copy(path, tmp_path / path.name) for path in simulated]


def run(paths, **parameters):
    return acs_deepcr_step.run(paths, precision="float32", **parameters)


def dq(path):
    return fits.getdata(path, ("DQ", 1), memmap=False)


def test_skip_leaves_an_exposure_of_the_same_run_untouched(pair):
    first = run(pair)
    contents = [path.read_bytes() for path in pair]
    second = run(pair, rerun="skip")
    assert set(second["status"]) == {"skipped"}
    for name in ("n_flagged", "fraction", "cr_rate"):
        np.testing.assert_array_equal(first[name], second[name])
    assert [path.read_bytes() for path in pair] == contents


def test_skip_leaves_masks_alone_that_were_made_for_archives(pair, tmp_path):
    settings = {"update_dq": False, "output_dir": tmp_path / "masks"}
    run(pair, **settings)
    written = [path.stat().st_mtime_ns for path in sorted((tmp_path / "masks").iterdir())]
    table = run(pair, rerun="skip", **settings)
    assert set(table["status"]) == {"skipped"} and len(written) == 2
    assert [path.stat().st_mtime_ns for path in sorted((tmp_path / "masks").iterdir())] == written


@pytest.mark.parametrize(
    "change", [{"threshold": 0.3}, {"grow": 1}, {"crbit": 16384}, {"model": "ACS-WFC-F814W"}]
)
def test_skip_does_anew_what_other_parameters_gave(pair, change):
    run(pair[0])
    with pytest.warns(StepWarning, match="flagged before, but with other parameters"):
        table = run(pair, rerun="skip", **change)
    assert set(table["status"]) == {"done"}


def test_skip_does_anew_what_another_program_cleared(pair):
    run(pair[0], crbit=4096)
    wanted = dq(pair[0])
    with fits.open(pair[0], mode="update") as hdus:
        hdus["DQ", 1].data &= np.int16(~4096)  # as AstroDrizzle's resetbits does
    with pytest.warns(StepWarning, match="another program cleared bit 4096"):
        table = run(pair[0], rerun="skip", crbit=4096)
    assert set(table["status"]) == {"done"}
    np.testing.assert_array_equal(dq(pair[0]), wanted)


def test_error_refuses_before_anything_is_touched(pair):
    run(pair[1])
    content = pair[0].read_bytes()
    with pytest.raises(ExposureError, match=f"{pair[1].name}.*rerun=error"):
        run(pair, rerun="error")
    assert pair[0].read_bytes() == content


def test_redo_equals_a_run_on_the_untouched_exposure(pair, tmp_path):
    fresh = shutil.copy(pair[0], tmp_path / "fresh_flc.fits")
    run(pair[0], threshold=0.1, grow=2, crbit=4096)
    run(pair[0])
    run(fresh)
    np.testing.assert_array_equal(dq(pair[0]), dq(fresh))


def test_a_mask_made_elsewhere_sets_the_same_flags(pair, tmp_path):
    """Archive mode: masks only where the data are far away, flags where they are wanted."""
    far = tmp_path / "far"
    far.mkdir()
    copies = [shutil.copy(path, far / path.name) for path in pair]
    before = [path.read_bytes() for path in copies]
    run(copies, update_dq=False, threshold=0.4)
    assert [path.read_bytes() for path in copies] == before
    applied = acs_deepcr_step.apply(pair, far / "*_deepcr.fits")
    assert set(applied["status"]) == {"done"} and set(applied["threshold"]) == {0.4}
    run(copies, threshold=0.4)
    for path, copy in zip(pair, copies, strict=True):
        np.testing.assert_array_equal(dq(path), dq(copy))
        assert mask_file.read(path.with_name(mask_file.name_for(path))).run == fits.getval(path, "DCRRUN")
    acs_deepcr_step.undo(pair)
    for path, content in zip(pair, before, strict=True):
        np.testing.assert_array_equal(dq(path), _dq_of(content))


def _dq_of(content):
    with fits.HDUList.fromstring(content) as hdus:
        return hdus["DQ", 1].data.copy()


def test_masks_beside_the_exposures_need_no_name(pair):
    before = dq(pair[0])
    run(pair, update_dq=False)
    np.testing.assert_array_equal(dq(pair[0]), before)
    acs_deepcr_step.apply(pair)
    assert (dq(pair[0]) & 8192).any()


def test_header_changes_do_not_make_it_another_exposure(pair):
    run(pair[0], update_dq=False)
    with fits.open(pair[0], mode="update") as hdus:
        hdus["SCI", 1].header["MDRIZSKY"] = 40.0
        hdus["SCI", 1].header["CRVAL1"] += 1e-6
    acs_deepcr_step.apply(pair[0])
    assert (dq(pair[0]) & 8192).any()


@pytest.mark.parametrize("change", ["pixels", "chip", "start"])
def test_the_mask_of_another_exposure_is_refused(pair, change):
    run(pair[0], update_dq=False)
    with fits.open(pair[0], mode="update") as hdus:
        if change == "pixels":
            hdus["SCI", 1].data[5, 5] += 1
        elif change == "chip":
            hdus["SCI", 1].header["CCDCHIP"] = 2
        else:
            hdus[0].header["EXPSTART"] += 1
    content = pair[0].read_bytes()
    with pytest.raises(RunError, match="was not made of|mask of another exposure"):
        acs_deepcr_step.apply(pair[0])
    assert pair[0].read_bytes() == content


def test_an_exposure_without_a_mask_is_named(pair):
    with pytest.raises(ExposureError, match="no mask file for"):
        acs_deepcr_step.apply(pair)
    run(pair[0], update_dq=False)
    with pytest.raises(ExposureError, match=pair[1].name):
        acs_deepcr_step.apply(pair[1], pair[0].with_name(mask_file.name_for(pair[0])))
