"""The published archive's layout: read in place, and turned into shards."""

import numpy as np
import pytest
from training_data import sample

from acs_deepcr_step.errors import InputError
from acs_deepcr_step.training.patches import published
from acs_deepcr_step.training.patches.dataset import PatchOptions, open_patches, write


@pytest.fixture
def archive(tmp_path):
    """Two exposures of one visit and one of another, two patches each, in several dtypes."""
    for part, band, proposal, visit, exposures, dtype in (
        ("npy_train", "F435W", "10349", "30", 2, np.float64),
        ("npy_train", "F814W", "12058", "1", 1, np.float32),
        ("npy_test", "F435W", "10120", "3", 1, np.float32),
    ):
        folder = tmp_path / "archive" / part / band / proposal / visit
        folder.mkdir(parents=True)
        np.save(folder / "sky.npy", np.arange(1, exposures + 1, dtype=dtype) * 10)
        for e in range(1, exposures + 1):
            for p in range(2):
                chip = sample(shape=(64, 64), seed=10 * e + p)
                np.save(folder / f"{e}_{p}_0.npy", np.array([chip.image, chip.truth, chip.ignore], dtype))
    return tmp_path / "archive"


def test_the_archive_is_read_in_place(archive):
    read = open_patches(archive)
    assert len(read) == 6 and read.side == 64
    assert list(read.index["observation_set"]) == ["F435W_10349_30"] * 4 + ["F814W_12058_1"] * 2
    assert list(read.index["filter"]) == ["F435W"] * 4 + ["F814W"] * 2
    assert [read[i].sky for i in range(6)] == [10, 10, 20, 20, 10, 10]
    patch, chip = read[3], sample(shape=(64, 64), seed=21)
    assert patch.image.dtype == np.float32 and patch.truth.dtype == patch.ignore.dtype == bool
    assert np.array_equal(patch.image, chip.image) and np.array_equal(patch.truth, chip.truth)
    assert np.array_equal(patch.ignore, chip.ignore)


def test_test_patches_are_read_only_when_named(archive):
    assert set(open_patches(archive / "npy_test").index["observation_set"]) == {"F435W_10120_3"}
    assert len(open_patches(archive / "npy_train")) == 6


def test_the_archive_becomes_shards_with_the_same_patches(archive, tmp_path):
    write(published.samples(archive), tmp_path / "shards", PatchOptions(side=64, border=0))
    there, here = open_patches(archive), open_patches(tmp_path / "shards")
    assert len(here) == len(there)
    for i in range(len(here)):
        assert np.array_equal(here[i].image, there[i].image) and here[i].sky == there[i].sky
        assert np.array_equal(here[i].truth, there[i].truth)
        assert np.array_equal(here[i].ignore, there[i].ignore)


def visit(archive):
    return archive / "npy_train" / "F435W" / "10349" / "30"


@pytest.mark.parametrize("shape", [(2, 64, 64), (3, 64, 63), (64, 64), (3, 32, 32)])
def test_a_patch_of_another_shape_is_refused_by_name(archive, shape):
    np.save(visit(archive) / "2_1_0.npy", np.zeros(shape))
    read = open_patches(archive)
    with pytest.raises(InputError, match="2_1_0.npy has the shape"):
        read[3]


def test_a_truncated_patch_is_refused_by_name(archive):
    path = visit(archive) / "2_1_0.npy"
    path.write_bytes(path.read_bytes()[:-100])
    read = open_patches(archive)
    with pytest.raises(InputError, match="2_1_0.npy cannot be read"):
        read[3]


@pytest.mark.parametrize("shape", [(10**15,), (10**10, 10**10), (10**20,)])
def test_a_patch_whose_header_tells_of_more_than_any_memory_is_refused_by_name(archive, shape):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    content = b"\x93NUMPY\x01\0" + len(header).to_bytes(2, "little") + header.encode()
    (visit(archive) / "2_1_0.npy").write_bytes(content)
    with pytest.raises(InputError, match="2_1_0.npy cannot be read"):
        open_patches(archive)[3]


def test_pickled_objects_are_not_opened(archive):
    np.save(visit(archive) / "2_1_0.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(InputError, match="2_1_0.npy cannot be read"):
        open_patches(archive)[3]


@pytest.mark.parametrize("sky", [np.array([10.0]), np.array([np.nan, 1]), np.zeros((2, 2)), np.array([])])
def test_a_sky_that_does_not_fit_is_refused_by_name(archive, sky):
    np.save(visit(archive) / "sky.npy", sky)
    with pytest.raises(InputError, match="sky.npy"):
        open_patches(archive)


def test_a_file_without_the_number_of_its_exposure_is_refused_by_name(archive):
    np.save(visit(archive) / "patch_1.npy", np.zeros((3, 64, 64)))
    with pytest.raises(InputError, match="patch_1.npy does not begin with the number"):
        open_patches(archive)
