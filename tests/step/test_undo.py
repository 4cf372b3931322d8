"""Flags are taken back bit for bit, whatever happened in between."""

import shutil

import numpy as np
import pytest
from astropy.io import fits

import acs_deepcr_step
from acs_deepcr_step import simulate
from acs_deepcr_step.errors import ExposureError, RunError

BITS = (8192, 4096, 16384)

# Bit 4096 is chosen on purpose here; the warning about it is tested with the step.
pytestmark = pytest.mark.filterwarnings("ignore:crbit = 4096 is wiped")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return simulate.association(tmp_path_factory.mktemp("undo"), n=1, shape=(96, 128), chips=2, seed=21)[0]


@pytest.fixture
def exposure(simulated, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return shutil.copy(simulated, tmp_path / simulated.name)


def run(path, **parameters):
    return acs_deepcr_step.run(path, precision="float32", **parameters)


def dq(path):
    with fits.open(path, memmap=False) as hdus:
        return np.array([hdus["DQ", v].data for v in (1, 2)])


def edit_dq(path, change):
    """Change DQ as another program would."""
    with fits.open(path, mode="update", memmap=False) as hdus:
        for v in (1, 2):
            change(hdus["DQ", v].data)


def mask_of(path):
    return path.with_name(f"{path.stem}_deepcr.fits")


@pytest.mark.parametrize("bit", BITS)
def test_undo_gives_dq_as_before(exposure, bit):
    before = dq(exposure)
    table = run(exposure, crbit=bit)
    assert not np.array_equal(dq(exposure), before)
    undone = acs_deepcr_step.undo(exposure)
    np.testing.assert_array_equal(dq(exposure), before)
    assert list(undone["status"]) == ["undone"] * 2 and list(undone["n_flagged"]) == list(table["n_flagged"])


def test_undo_leaves_no_provenance_but_a_history_line(exposure):
    run(exposure)
    acs_deepcr_step.undo(exposure)
    with fits.open(exposure, checksum=True) as hdus:
        assert not [key for key in hdus[0].header if key.startswith("DCR") or key == "DEEPCR"]
        assert "DCRNPIX" not in hdus["DQ", 1].header
        assert "took its flags" in str(hdus[0].header["HISTORY"])


@pytest.mark.parametrize("bit", BITS)
def test_pixels_that_carried_the_bit_before_keep_it(exposure, bit):
    diagonal = np.eye(96, 128, dtype=bool)
    edit_dq(exposure, lambda data: np.bitwise_or(data, np.int16(bit), out=data, where=diagonal))
    before = dq(exposure)
    run(exposure, crbit=bit, threshold=0.0)  # everything is flagged, those too
    acs_deepcr_step.undo(exposure)
    np.testing.assert_array_equal(dq(exposure), before)


def test_undo_after_two_runs_with_different_parameters(exposure):
    before = dq(exposure)
    run(exposure, threshold=0.2, grow=1, crbit=4096)
    run(exposure, threshold=0.9, crbit=16384)
    acs_deepcr_step.undo(exposure)
    np.testing.assert_array_equal(dq(exposure), before)


def test_undo_twice_says_that_there_is_nothing_to_undo(exposure):
    run(exposure)
    acs_deepcr_step.undo(exposure)
    content = exposure.read_bytes()
    assert set(acs_deepcr_step.undo(exposure)["status"]) == {"nothing to undo"}
    assert exposure.read_bytes() == content


def test_flags_that_astrodrizzle_added_stay(exposure):
    """As driz_cr does with resetbits=0: more pixels get 4096, the header gets MDRIZSKY."""
    before = dq(exposure)
    run(exposure, crbit=4096)
    ours = (dq(exposure) & 4096) != 0
    added = np.zeros(ours.shape[1:], bool)
    added[10:20, 30:40] = True
    edit_dq(exposure, lambda data: np.bitwise_or(data, np.int16(4096), out=data, where=added))
    with fits.open(exposure, mode="update") as hdus:
        hdus["SCI", 1].header["MDRIZSKY"] = 12.5
    acs_deepcr_step.undo(exposure)
    np.testing.assert_array_equal(dq(exposure), before | np.where(added & ~ours, 4096, 0))
    assert fits.getval(exposure, "MDRIZSKY", ("SCI", 1)) == 12.5


def test_flags_of_astrodrizzle_stay_where_it_wiped_ours_first(exposure):
    """As it does by default: resetbits=4096 clears the bit everywhere, then driz_cr sets its own."""
    before = dq(exposure)
    run(exposure, crbit=4096)
    theirs = (dq(exposure)[0] & 4096) != 0
    theirs[::2] = False  # found some of the same cosmic rays, not all

    def drizzle(data):
        data &= np.int16(~4096)
        data[theirs] |= np.int16(4096)

    edit_dq(exposure, drizzle)
    acs_deepcr_step.undo(exposure)
    np.testing.assert_array_equal(dq(exposure), before | np.where(theirs, 4096, 0))


def test_changed_headers_are_no_obstacle(exposure):
    """TweakReg and updatewcs rewrite headers and append extensions."""
    before = dq(exposure)
    run(exposure)
    with fits.open(exposure, mode="update") as hdus:
        hdus["SCI", 1].header["CRVAL1"] += 1e-5
        for i in range(100):
            hdus[0].header[f"HIERARCH TWEAK {i}"] = i
        hdus.append(fits.ImageHDU(np.zeros((5, 5), np.float32), name="WCSDVARR"))
    acs_deepcr_step.undo(exposure)
    np.testing.assert_array_equal(dq(exposure), before)


def test_without_its_mask_file_nothing_is_undone(exposure):
    run(exposure)
    mask_of(exposure).unlink()
    content = exposure.read_bytes()
    with pytest.raises(RunError, match="mask file .* is missing"):
        acs_deepcr_step.undo(exposure)
    assert exposure.read_bytes() == content


def test_by_the_mask_file_of_another_exposure_nothing_is_undone(exposure, tmp_path):
    run(exposure)
    other = simulate.association(tmp_path / "other", n=1, shape=(96, 128), chips=2, seed=22)[0]
    run(other)
    shutil.copy(mask_of(other), mask_of(exposure))
    content = exposure.read_bytes()
    with pytest.raises(RunError, match="of run|of another exposure"):
        acs_deepcr_step.undo(exposure)
    assert exposure.read_bytes() == content


def test_after_a_change_of_pixels_nothing_is_undone(exposure):
    run(exposure)
    with fits.open(exposure, mode="update") as hdus:
        hdus["SCI", 1].data[3, 4] += 1
    before = exposure.read_bytes()
    with pytest.raises(RunError, match="pixels"):
        acs_deepcr_step.undo(exposure)
    assert exposure.read_bytes() == before


def test_a_run_without_mask_file_can_be_undone(exposure):
    before = dq(exposure)
    run(exposure, mask_file=False)
    assert not mask_of(exposure).exists()
    acs_deepcr_step.undo(exposure)
    np.testing.assert_array_equal(dq(exposure), before)


def test_a_run_without_mask_file_is_refused_where_it_could_not_be_undone(exposure):
    def set_one(data):
        data[3, 3] |= 8192

    edit_dq(exposure, set_one)
    content = exposure.read_bytes()
    with pytest.raises(RunError, match="set mask_file=True or choose another crbit"):
        run(exposure, mask_file=False)
    assert exposure.read_bytes() == content


def test_without_mask_file_flags_that_others_changed_are_not_guessed(exposure):
    run(exposure, mask_file=False)

    def set_row(data):
        data[7] |= 8192

    edit_dq(exposure, set_row)
    with pytest.raises(RunError, match="cannot be taken back"):
        acs_deepcr_step.undo(exposure)


def test_a_run_that_was_killed_before_the_exposure_was_written_can_be_undone(exposure):
    """The mask file is of the new run, the exposure of the old one."""
    before = dq(exposure)
    run(exposure, threshold=0.3)
    flagged_before = exposure.read_bytes()
    run(exposure, threshold=0.8, crbit=16384)
    exposure.write_bytes(flagged_before)
    acs_deepcr_step.undo(exposure)
    np.testing.assert_array_equal(dq(exposure), before)


def test_undo_refuses_what_is_no_exposure(tmp_path):
    (tmp_path / "x_flc.fits").write_text("not FITS")
    with pytest.raises(ExposureError, match="x_flc.fits"):
        acs_deepcr_step.undo(tmp_path / "x_flc.fits", runfile="")
