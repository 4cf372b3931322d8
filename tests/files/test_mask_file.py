"""The mask file: what it keeps, and what happens when it is not what it should be."""

import dataclasses
import shutil

import numpy as np
import pytest
from astropy.io import fits
from helpers import changed, copy, dq, edit, flag, flagged, mask_of, set_dq, snapshot

from acs_deepcr_step import detect
from acs_deepcr_step.arrays import reasons
from acs_deepcr_step.config.decision import Decision
from acs_deepcr_step.errors import ExposureError, RunError
from acs_deepcr_step.files import mask_file
from acs_deepcr_step.flagging import single
from acs_deepcr_step.flagging.saturation import SaturatedPixels


@pytest.fixture
def mask(one):
    """The mask file of a flagged exposure, read."""
    flag(one)
    return mask_file.read(mask_of(one))


def test_name_follows_the_exposures():
    assert mask_file.name_for("a/j8xx01abq_flc.fits") == "j8xx01abq_flc_deepcr.fits"
    assert mask_file.name_for("j8xx01abq_flt.fits") == "j8xx01abq_flt_deepcr.fits"


def test_round_trip(mask, here):
    mask_file.write(here / "again.fits", mask)
    again = mask_file.read(here / "again.fits")
    for field in dataclasses.fields(mask):
        if field.name != "chips":
            assert getattr(again, field.name) == getattr(mask, field.name), field.name
    for old, new in zip(mask.chips, again.chips, strict=True):
        assert (new.extver, new.ccdchip, new.sha256) == (old.extver, old.ccdchip, old.sha256)
        assert np.array_equal(new.reasons, old.reasons) and new.reasons.dtype == np.uint16
        assert np.array_equal(new.scaled_probability, old.scaled_probability)
        assert new.scaled_probability.dtype.kind == "i"


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (70, 1), (65, 3), (130, 129)])
def test_round_trip_of_any_shape(here, mask, shape):
    rng = np.random.default_rng(0)
    flags = rng.integers(0, 2**16, shape).astype(np.uint16)
    scaled = rng.integers(0, 10001, shape).astype(np.int16)
    chip = dataclasses.replace(mask.chips[0], reasons=flags, scaled_probability=scaled)
    mask_file.write(here / "x.fits", dataclasses.replace(mask, chips=(chip,), expstart=float("nan")))
    [again] = mask_file.read(here / "x.fits").chips
    assert np.array_equal(again.reasons, flags) and np.array_equal(again.scaled_probability, scaled)


def test_each_chip_keeps_from_how_many_exposures_it_was_decided(mask, here):
    path = here / "x.fits"
    chips = tuple(dataclasses.replace(mask.chips[0], extver=i, nexp=n) for i, n in ((1, 3), (2, 1), (3, 0)))
    joint = dataclasses.replace(mask, chips=chips, members=("j8sm01aaq", "j8sm01abq", "j8sm01acq"))
    mask_file.write(path, joint)
    again = mask_file.read(path)
    assert [chip.nexp for chip in again.chips] == [3, 1, 0] and again.nexp == 3
    # Of a file that does not say it, as of older versions, it is not known.
    assert "DCRNEXP" not in fits.getheader(path, ("FLAGS", 3))


def test_without_probabilities_the_rest_is_the_same(mask, here):
    path = here / "x.fits"
    mask_file.write(path, mask)
    whole, quick = mask_file.read(path), mask_file.read(path, probabilities=False)
    assert dataclasses.replace(quick, chips=()) == dataclasses.replace(whole, chips=())
    for one, other in zip(whole.chips, quick.chips, strict=True):
        assert other.scaled_probability is None
        assert np.array_equal(one.reasons, other.reasons) and one.sha256 == other.sha256


def test_it_holds_flags_reasons_and_probabilities(one):
    set_dq(one, (slice(0, 40), slice(None)), 8192)
    flag(one, grow=1, precision="float32")
    with fits.open(mask_of(one)) as hdus:
        plane, stored = hdus["FLAGS", 1].data, hdus["PROB", 1].data
        assert hdus["PROB", 1].header.get("ZCMPTYPE", "RICE_1") == "RICE_1"
    probability = detect.probability(fits.getdata(one, "SCI").astype(np.float32), precision="float32")
    assert np.abs(stored / 1e4 - probability).max() < 1e-4
    assert stored.dtype.kind == "i" and stored.dtype.itemsize == 2
    above = stored > 5000
    already = (plane & reasons.ALREADY) != 0
    assert already[:40].all() and not already[40:].any()
    assert np.array_equal(reasons.is_ours(plane) | already, flagged(one))
    wanted = (plane & reasons.FLAGGED) != 0
    grown = (plane & reasons.GROWN) != 0
    spared = (plane & reasons.SPARED) != 0
    assert grown.any() and not (grown & above & ~spared & ~wanted).any()
    assert np.array_equal(wanted & ~grown, above & ~spared & wanted & ~grown)


def test_it_is_small(one):
    flag(one)
    # A full exposure is 168 MB, its mask a few MB; these chips are crowded with cosmic rays.
    assert mask_of(one).stat().st_size < one.stat().st_size / 3


def test_decision_from_the_stored_probabilities_is_the_one_in_the_file(one, mask):
    chip = mask.chips[0]
    image = fits.getdata(one, "SCI").astype(np.float32)
    saturated = ((dq(one) & (256 | 2048)) != 0) | (image > 70_000)
    wells = SaturatedPixels(saturated, np.zeros_like(saturated))
    result = single.reasons_of(chip.scaled_probability, wells, Decision())
    assert np.array_equal(result & reasons.FLAGGED, chip.reasons & reasons.FLAGGED)


DAMAGES = {
    "empty": lambda b: b"",
    "cut": lambda b: b[: len(b) // 2],
    "text": lambda b: b"text" * 1000,
    "a bit of the flags": lambda b: b[:30000] + bytes([b[30000] ^ 16]) + b[30001:],
    "a bit at the end": lambda b: b[:-4000] + bytes([b[-4000] ^ 1]) + b[-3999:],
    "no mask file": lambda b: b.replace(b"DEEPCR MASK", b"DEEPCR MUSK"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_mask_file_is_refused_and_nothing_changed(one, here, damage):
    flag(one)
    content = mask_of(one).read_bytes()
    mask_of(one).write_bytes(damage(content))
    assert mask_of(one).read_bytes() != content
    before = snapshot(here)
    with pytest.raises(RunError, match=mask_of(one).name):
        flag(one, threshold=0.2)
    assert snapshot(here) == before


def test_missing_mask_file_is_refused_and_nothing_changed(one, here):
    flag(one)
    mask_of(one).unlink()
    before = snapshot(here)
    with pytest.raises(RunError, match=f"{mask_of(one).name} is missing: put it back"):
        flag(one)
    assert snapshot(here) == before


def test_mask_file_moved_along_with_its_exposure_is_found(one, here):
    fresh = copy(one, f"fresh/{one.name}")
    flag(fresh, threshold=0.2)
    flag(one)
    (here / "there").mkdir()
    moved = here / "there" / one.name
    shutil.move(mask_of(one), mask_of(moved))
    shutil.move(one, moved)
    flag(moved, threshold=0.2)
    assert np.array_equal(dq(moved), dq(fresh))


def test_renamed_exposure_finds_its_mask_file(one):
    fresh = copy(one, f"fresh/{one.name}")
    flag(fresh, threshold=0.2)
    flag(one)
    renamed = one.rename("renamed_flc.fits")
    flag(renamed, threshold=0.2)
    assert np.array_equal(dq(renamed), dq(fresh))


@pytest.mark.parametrize(
    "other",
    [
        lambda hdus: hdus[0].header.set("ROOTNAME", "j8other1q"),
        lambda hdus: hdus[0].header.set("EXPSTART", 50000.25),
        lambda hdus: hdus["SCI", 1].header.set("CCDCHIP", 2),
        lambda hdus: hdus["SCI", 1].data.__setitem__((3, 4), 1.0),
    ],
    ids=["rootname", "start", "chip", "pixels"],
)
def test_mask_of_another_exposure_is_never_overwritten(one, here, other):
    foreign = copy(one, f"foreign/{one.name}")
    edit(foreign, other)
    flag(foreign)
    shutil.copy(mask_of(foreign), mask_of(one))
    before = snapshot(here)
    with pytest.raises(RunError, match=f"{mask_of(one).name} is the mask of another exposure.*move it away"):
        flag(one)
    assert snapshot(here) == before


def test_user_file_of_that_name_is_never_overwritten(one, here):
    mask_of(one).write_text("my notes")
    before = snapshot(here)
    with pytest.raises(RunError, match=mask_of(one).name):
        flag(one)
    assert snapshot(here) == before


def test_mask_file_of_another_run_is_refused(one, here):
    """An exposure restored from a backup beside a mask file that moved on twice."""
    flag(one)
    backup = one.read_bytes()
    flag(one, threshold=0.2)
    flag(one, threshold=0.9)
    one.write_bytes(backup)
    before = snapshot(here)
    with pytest.raises(RunError, match="was flagged in run .*put the right mask file beside it"):
        flag(one)
    assert snapshot(here) == before


@pytest.mark.parametrize("second", [{"threshold": 0.1}, {"crbit": 16384}, {"grow": 2, "crbit": 16384}, {}])
@pytest.mark.parametrize("foreign", [False, True])
def test_crash_between_mask_and_exposure_loses_nothing(one, second, foreign):
    """The mask file is of the second run already, the exposure still of the first."""
    if foreign:
        set_dq(one, (slice(None, None, 9), slice(None)), 8192)
        set_dq(one, (slice(None), slice(None, None, 11)), 16384)
    fresh = copy(one, f"fresh/{one.name}")
    flag(fresh, threshold=0.3)
    flag(one, threshold=0.6)
    after_first = one.read_bytes()
    flag(one, **second)
    one.write_bytes(after_first)
    flag(one, threshold=0.3)
    assert np.array_equal(dq(one), dq(fresh))


def test_crash_in_the_first_run_loses_nothing(one):
    fresh, clean = copy(one, f"fresh/{one.name}"), one.read_bytes()
    flag(fresh, threshold=0.3)
    flag(one)
    one.write_bytes(clean)
    flag(one, threshold=0.3)
    assert np.array_equal(dq(one), dq(fresh))


def test_two_crashes_in_a_row_lose_nothing(one):
    fresh = copy(one, f"fresh/{one.name}")
    flag(fresh, threshold=0.3)
    flag(one, threshold=0.6)
    after_first = one.read_bytes()
    for pars in ({"threshold": 0.1, "crbit": 16384}, {"threshold": 0.8, "grow": 1}):
        flag(one, **pars)
        one.write_bytes(after_first)
    flag(one, threshold=0.3)
    assert np.array_equal(dq(one), dq(fresh))


def test_leftovers_of_a_killed_run_are_removed(one, here):
    before = snapshot(here)
    leftover = here / f".{one.name}.0123abcd.deepcr-tmp"
    leftover.write_bytes(b"half a file")
    flag(one)
    assert changed(before, snapshot(here)) == {one.name, mask_of(one).name}


def test_missing_file_is_named(here):
    with pytest.raises(ExposureError, match="none_flc_deepcr.fits is missing"):
        mask_file.read(here / "none_flc_deepcr.fits")
