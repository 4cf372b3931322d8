"""Patches: what is cut, what is left out, how they lie on the disk, and how they are split."""

import os
import pickle
import warnings

import numpy as np
import psutil
import pytest
from helpers import snapshot
from training_data import SMALL, sample, samples, small_patches

from acs_deepcr_step.errors import InputError, OutputError, ParameterError, StepWarning
from acs_deepcr_step.training.patches import dataset
from acs_deepcr_step.training.patches.dataset import PatchOptions, open_patches, split, write


def same(patch, other):
    return (
        np.array_equal(patch.image, other.image)
        and np.array_equal(patch.truth, other.truth)
        and np.array_equal(patch.ignore, other.ignore)
        and patch.sky == other.sky
    )


def test_the_outer_128_pixels_are_dropped(tmp_path):
    image = np.zeros((2 * 128 + 256, 2 * 128 + 512), np.float32)
    image[128:-128, 128:-128] = 1
    chip = sample(shape=image.shape)
    write([type(chip)(image, image > 0, image < 0, 7.5, chip.origin)], tmp_path)
    cut = open_patches(tmp_path)
    assert len(cut) == 2 and cut.side == 256
    assert all(cut[i].truth.all() and (cut[i].image == 1).all() and cut[i].sky == 7.5 for i in range(2))


def test_a_full_chip_gives_105_patches():
    chip = sample(shape=(2048, 4096))
    assert sum(1 for _ in dataset.cut(chip, PatchOptions())) == 105


def test_what_is_read_is_what_was_cut(tmp_path):
    options = PatchOptions(side=64, border=8, shard_patches=3)
    write(samples(sets=2, exposures=2, shape=(150, 220)), tmp_path, options)
    cut = [patch for s in samples(sets=2, exposures=2, shape=(150, 220)) for patch in dataset.cut(s, options)]
    read = open_patches(tmp_path)
    assert len(read) == len(cut) == 24
    assert all(same(read[i], cut[i]) for i in range(24))


def test_exposures_under_100_seconds_are_left_out_and_named(tmp_path):
    given = [sample("A_1", f"e{t}", exptime=t) for t in (50.0, 99.0, 100.0)]
    with pytest.warns(
        StepWarning, match=r"A_1: left out, shorter than 100 s: e50.0 \(50 s\), e99.0 \(99 s\)"
    ):
        write(given, tmp_path, SMALL)
    assert set(open_patches(tmp_path).index["exposure"]) == {"e100.0"}


def test_exposures_that_give_no_patch_are_named(tmp_path):
    blank, tiny = sample("A_1", "blank"), sample("A_1", "tiny", shape=(40, 200))
    blank = type(blank)(blank.image, blank.truth, blank.ignore, float("nan"), blank.origin)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write([blank, tiny, sample("A_1", "good")], tmp_path, SMALL)
    said = " ".join(str(w.message) for w in caught)
    assert "without a sky level: blank[1]" in said and "smaller than a patch" in said and "tiny[1]" in said


def test_pixels_that_are_not_finite_are_ignored_and_hold_the_sky(tmp_path):
    chip = sample(shape=(64, 64))
    chip.image[3, 4], chip.image[5, 6], chip.ignore[:] = np.nan, np.inf, False
    write([chip], tmp_path, SMALL)
    patch = open_patches(tmp_path)[0]
    assert np.isfinite(patch.image).all() and patch.image[3, 4] == 50
    assert patch.ignore.sum() == 2 and patch.ignore[3, 4] and patch.ignore[5, 6]


def test_a_finished_observation_set_is_not_written_again(tmp_path):
    write(samples(sets=2), tmp_path, SMALL)
    before = snapshot(tmp_path)
    table = write(samples(sets=3), tmp_path, SMALL)
    assert list(table["status"]) == ["kept", "kept", "written"]
    after = snapshot(tmp_path)
    assert all(after[name] == content for name, content in before.items())
    assert dataset.finished(tmp_path) == {"F814W_1_0", "F814W_1_1", "F814W_1_2"}


def test_an_observation_set_that_was_interrupted_is_written_anew(tmp_path):
    def broken():
        yield from samples(sets=2)
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match="F814W_1_1 could not be written .No space left"):
        write(broken(), tmp_path, SMALL)
    assert dataset.finished(tmp_path) == {"F814W_1_0"}
    leftover = tmp_path / ".F814W_1_1.unfinished"  # of a run that was killed
    leftover.mkdir()
    (leftover / "index.ecsv").write_text("half of")
    assert len(open_patches(tmp_path)) == 4
    write(samples(sets=2), tmp_path, SMALL)
    assert len(open_patches(tmp_path)) == 8 and not leftover.exists()


def test_patches_of_other_options_are_not_mixed(tmp_path):
    write(samples(), tmp_path, SMALL)
    with pytest.raises(InputError, match="side=64, not 128"):
        write(samples(), tmp_path, PatchOptions(side=128, border=0))


def test_an_observation_set_in_two_places_is_refused(tmp_path):
    with pytest.raises(InputError, match="A_1 come in two places"):
        write([sample("A_1"), sample("B_1"), sample("A_1", seed=1)], tmp_path, SMALL)


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a/b"])
def test_a_name_that_is_no_name_for_a_directory_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="cannot be the name of an observation set"):
        write([sample(name)], tmp_path / "patches", SMALL)
    assert not any(tmp_path.iterdir())


def test_a_sample_with_arrays_of_several_shapes_is_refused(tmp_path):
    chip = sample()
    with pytest.raises(InputError, match="sample e0 of F814W_1_1 .* same shape"):
        write([type(chip)(chip.image, chip.truth[1:], chip.ignore, 50.0, chip.origin)], tmp_path, SMALL)


@pytest.mark.parametrize("damage", ["cut", "gone", "other"])
def test_a_damaged_shard_is_named(tmp_path, damage):
    small_patches(tmp_path)
    path = tmp_path / "F814W_1_1" / "0000.truth.npy"
    if damage == "gone":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        np.save(path, np.zeros((4, 64, 9), np.uint8))
    with pytest.raises(InputError, match="F814W_1_1/0000.truth.npy is missing or not what its index tells"):
        open_patches(tmp_path)


@pytest.mark.parametrize("number", ["../outside/0000", "/tmp/0000", ".0000"])
def test_an_index_whose_shards_lie_elsewhere_is_refused(tmp_path, number):
    small_patches(tmp_path)
    path = tmp_path / "F814W_1_1" / "index.ecsv"
    text = path.read_text()
    assert "'0000'" in text
    path.write_text(text.replace("'0000'", f"'{number}'"))
    with pytest.raises(InputError, match="F814W_1_1/index.ecsv cannot be read as an index"):
        open_patches(tmp_path)


def test_a_damaged_index_is_named(tmp_path):
    small_patches(tmp_path)
    path = tmp_path / "F814W_1_1" / "index.ecsv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(InputError, match="F814W_1_1/index.ecsv cannot be read as an index"):
        open_patches(tmp_path)


@pytest.mark.parametrize("what", ["nothing", "file"])
def test_a_place_without_patches_is_refused(tmp_path, what):
    place = tmp_path / "place"
    place.mkdir() if what == "nothing" else place.write_text("")
    with pytest.raises(InputError, match="place"):
        open_patches(place)


def test_the_manifest_tells_data_apart(tmp_path):
    first, again = small_patches(tmp_path / "a"), small_patches(tmp_path / "b")
    other = small_patches(tmp_path / "c", exposures=2)
    assert first.manifest == again.manifest != other.manifest


def test_one_changed_pixel_changes_the_manifest(tmp_path):
    manifests = []
    for i, charge in enumerate((0, 1)):
        chip = sample()
        chip.image[60, 60] += charge
        write([chip], tmp_path / str(i), SMALL)
        manifests.append(open_patches(tmp_path / str(i)).manifest)
    assert manifests[0] != manifests[1]


def test_a_filter_is_selected(tmp_path):
    write([sample("A_1", filter="F435W"), sample("B_1", seed=1, filter="F606W")], tmp_path, SMALL)
    whole = open_patches(tmp_path)
    chosen = whole.select("F606W")
    assert len(chosen) == 4 and same(chosen[0], whole[4])
    with pytest.raises(InputError, match="'F814W': the filters are F435W, F606W"):
        whole.select("F814W")


def test_patches_go_to_other_processes(tmp_path):
    read = small_patches(tmp_path)
    assert same(pickle.loads(pickle.dumps(read))[5], read[5])


def test_reading_takes_no_memory_that_grows(tmp_path):
    """One shard of 64 MB is written and read; neither keeps a quarter of it."""
    process, grown = psutil.Process(os.getpid()), []
    options = PatchOptions(side=256, border=0)

    def watched():
        for i in range(16):
            yield sample("A_1", f"e{i}", shape=(1024, 1024), seed=i % 2)
            grown.append(process.memory_info().rss)

    write(watched(), tmp_path, options)
    assert grown[-1] - grown[1] < 16e6
    read = open_patches(tmp_path)
    assert len(read) == 256
    before = process.memory_info().rss
    total = sum(float(read[i].image[0, 0]) for i in range(len(read)))
    assert total > 0 and process.memory_info().rss - before < 16e6


@pytest.mark.parametrize("seed", range(20))
def test_the_split_never_shares_an_observation_set(tmp_path_factory, seed, many_sets):
    made = split(many_sets, 0.1, seed)
    sets = many_sets.index["observation_set"]
    assert not set(sets[made.train]) & set(sets[made.validation])
    assert len(made.train) + len(made.validation) == len(many_sets)
    assert 0 < len(made.validation) <= 0.3 * len(many_sets)


@pytest.fixture(scope="module")
def many_sets(tmp_path_factory):
    directory = tmp_path_factory.mktemp("patches")
    given = [
        sample(f"S_{s}", f"e{s}{e}", shape=(64, 64), seed=s * 10 + e)
        for s in range(12)
        for e in range(1 + s % 4)
    ]
    write(given, directory, SMALL)
    return open_patches(directory)


def test_the_split_depends_on_the_seed_alone(many_sets):
    assert np.array_equal(split(many_sets, 0.2, 3).validation, split(many_sets, 0.2, 3).validation)
    assert len({tuple(split(many_sets, 0.2, seed).validation) for seed in range(8)}) > 3


def test_a_single_observation_set_is_split_by_exposure_with_a_warning(tmp_path):
    one = small_patches(tmp_path, sets=1, exposures=4)
    with pytest.warns(StepWarning, match="one observation set.*too good"):
        made = split(one, 0.25)
    names = one.index["exposure"]
    assert made.by == "exposure" and len(made.validation) == 4
    assert not set(names[made.train]) & set(names[made.validation])


def test_a_single_exposure_is_not_split(tmp_path):
    with pytest.raises(InputError, match="one exposure"):
        split(small_patches(tmp_path, sets=1))


@pytest.mark.parametrize("fraction", [0, 1, -0.1, float("nan")])
def test_a_share_that_is_none_is_refused(many_sets, fraction):
    with pytest.raises(ParameterError, match="fraction"):
        split(many_sets, fraction)


@pytest.mark.parametrize("options", [{"side": 100}, {"side": 0}, {"border": -1}, {"shard_patches": 0}])
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(ParameterError):
        PatchOptions(**options)
