"""What version 0.1.0 wrote is still understood: an exposure that it flagged, and its mask file.

tests/data/mask_of_0.1 holds the first of two simulated exposures of a crowded field (n=2, shape=(64, 96),
chips=1, field="crowded", exptime=1000, cr_rate=6, seed=16), its SCI and ERR rounded to whole electrons and
bit 8192 set by somebody else on every seventh row and ninth column; the same after `run` had flagged both
exposures, first with threshold=0.3, then with 0.5 and grow=1, in float32; and its mask file, in which every
reason occurs.
"""

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import acs_deepcr_step
from acs_deepcr_step.errors import StepWarning

DATA = Path(__file__).parents[1] / "data" / "mask_of_0.1"
NAME, MASK = "j8sm01aaq_flc.fits", "j8sm01aaq_flc_deepcr.fits"
QUIET = {"runfile": "", "progress": False}
FLAGGED, ALREADY, PREVIOUS, BIT = 1, 2, 128, 8192


def unpacked(name, target):
    """A file of those of version 0.1.0, uncompressed."""
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(gzip.decompress((DATA / f"{name}.gz").read_bytes()))
    return target


@pytest.fixture
def flagged(tmp_path):
    """The exposure that was flagged, its mask file beside it."""
    unpacked(MASK, tmp_path / MASK)
    return unpacked(NAME, tmp_path / NAME)


@pytest.fixture
def fresh(tmp_path):
    """The exposure before it was flagged, in a directory of its own."""
    return unpacked(f"unflagged_{NAME}", tmp_path / "fresh" / NAME)


def plane(path, name):
    """An array of the only chip by its values, whatever integers the file has."""
    return fits.getdata(path, (name, 1)).astype(np.int32)


def mask_of(path):
    return path.with_name(MASK)


def run(path, **pars):
    return acs_deepcr_step.run(str(path), **{"precision": "float32", "device": "cpu", **QUIET, **pars})


def run_alone(path, **pars):
    """Run on the exposure that was decided together with another one."""
    with pytest.warns(StepWarning, match="decided together before, by each alone now"):
        return run(path, **pars)


def undo(path):
    return acs_deepcr_step.undo(str(path), **QUIET)


def test_every_reason_occurs(flagged):
    reasons = plane(mask_of(flagged), "FLAGS")
    assert all((reasons & bit).any() for bit in (1, 2, 4, 8, 16, 32, 64, 128))
    assert fits.getval(mask_of(flagged), "DCRNEXP") == 2


def test_undo_gives_dq_back_bit_for_bit(flagged, fresh):
    assert not np.array_equal(plane(flagged, "DQ"), plane(fresh, "DQ"))
    assert list(undo(flagged)["status"]) == ["undone"]
    assert np.array_equal(plane(flagged, "DQ"), plane(fresh, "DQ"))
    assert "DEEPCR" not in fits.getheader(flagged)


def test_flags_of_the_run_before_are_taken_back_too(flagged, fresh):
    """The run that wrote the mask file was killed before it wrote the exposure."""
    previous = (plane(mask_of(flagged), "FLAGS") & PREVIOUS) != 0
    with fits.open(flagged, mode="update", memmap=False) as hdus:
        hdus[0].header["DCRRUN"] = fits.getval(mask_of(flagged), "DCRPREV")
        hdus["DQ", 1].data[...] = plane(fresh, "DQ")
        hdus["DQ", 1].data[previous] |= BIT
    undo(flagged)
    assert np.array_equal(plane(flagged, "DQ"), plane(fresh, "DQ"))


def test_another_threshold_reuses_the_probabilities(flagged, fresh):
    stored = plane(mask_of(flagged), "PROB")
    few = run_alone(flagged, threshold=0.9)["n_flagged"][0]
    many = run(flagged, threshold=0.1)["n_flagged"][0]
    assert 100 < few < many
    assert np.array_equal(plane(mask_of(flagged), "PROB"), stored)
    undo(flagged)
    assert np.array_equal(plane(flagged, "DQ"), plane(fresh, "DQ"))


def test_probabilities_are_those_of_the_file_whatever_the_network_says(flagged):
    with fits.open(mask_of(flagged), memmap=False) as hdus:
        hdus["PROB", 1].data[...] = 0
        hdus["PROB", 1].data[30:33, 50:53] = 9999
        hdus.writeto(mask_of(flagged), overwrite=True, checksum=True)
    run_alone(flagged, threshold=0.9)
    inner = np.zeros(plane(flagged, "DQ").shape, bool)
    inner[3:-3, 3:-3] = True  # what the edges cut needs no probability
    found = (plane(mask_of(flagged), "FLAGS") & FLAGGED) != 0
    assert np.array_equal(np.argwhere(found & inner), [(y, x) for y in (30, 31, 32) for x in (50, 51, 52)])


def test_rerun_is_that_of_an_exposure_never_flagged(flagged, fresh):
    run_alone(flagged, threshold=0.3)
    run(fresh, threshold=0.3)
    assert np.array_equal(plane(flagged, "DQ"), plane(fresh, "DQ"))
    reasons = [plane(mask_of(path), "FLAGS") & ~PREVIOUS for path in (flagged, fresh)]
    assert np.array_equal(*reasons)


def test_apply_sets_the_flags_on_the_exposure_as_it_came(flagged, fresh):
    before, reasons = plane(fresh, "DQ"), plane(mask_of(flagged), "FLAGS")
    [row] = acs_deepcr_step.apply(str(fresh), str(mask_of(flagged)), **QUIET)
    assert np.array_equal(plane(fresh, "DQ"), plane(flagged, "DQ"))
    counts = [np.count_nonzero(reasons & bit) for bit in (FLAGGED, 16, 32)]
    assert [row["n_flagged"], row["n_vetoed"], row["n_added"]] == counts
    assert (row["status"], row["nexp"], row["threshold"]) == ("done", 2, 0.5)
    assert np.array_equal(plane(mask_of(fresh), "FLAGS") & ~PREVIOUS, reasons & ~PREVIOUS)
    assert np.array_equal(plane(mask_of(fresh), "PROB"), plane(mask_of(flagged), "PROB"))
    ours = ((reasons & FLAGGED) != 0) & ((reasons & ALREADY) == 0)
    assert np.array_equal(plane(fresh, "DQ") != before, ours)
    undo(fresh)
    assert np.array_equal(plane(fresh, "DQ"), before)
