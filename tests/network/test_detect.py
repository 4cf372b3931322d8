"""Detection on arrays: independent of tiling, blind to bad pixels, kind to its host."""

import threading

import numpy as np
import pytest
import torch

from acs_deepcr_step import detect, simulate
from acs_deepcr_step.errors import ExposureError, ModelError, ParameterError
from acs_deepcr_step.network.published import FOLDER

SMALL = "ACS-WFC-F606W-2-4"  # the quickest network


@pytest.fixture(scope="module")
def chip():
    return simulate.chip((300, 260), seed=11)


@pytest.fixture(scope="module")
def reference(chip):
    return detect.probability(chip.sci, precision="float32", tile=10_000)


def test_the_result_does_not_depend_on_the_tiling(chip, reference):
    for tile in (34, 100, 256):
        tiled = detect.probability(chip.sci, precision="float32", tile=tile)
        assert np.abs(tiled - reference).max() < 1e-5
        assert np.mean((tiled > 0.5) != (reference > 0.5)) < 1e-6


def test_any_size_gives_the_same_tiled_and_untiled(chip):
    """Odd sizes, slivers, one tile, one pixel: 200 of them."""
    rng = np.random.default_rng(5)
    sizes = [(1, 1), (1, 9), (2, 2), (3, 64), (33, 33), (64, 64), (65, 31)]
    sizes += [tuple(rng.integers(1, 90, 2)) for _ in range(193)]
    detectors = [detect.Detector(SMALL, precision="float32", tile=side) for side in (32, 10_000)]
    for rows, columns in sizes:
        image = chip.sci[:rows, :columns]
        tiled, untiled = (detector.probability(image) for detector in detectors)
        assert tiled.shape == image.shape
        assert np.abs(tiled - untiled).max() < 1e-5, (rows, columns)


def test_the_masks_are_those_of_deepcr(chip, reference, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    deepCR = pytest.importorskip("deepCR").deepCR

    image = chip.sci[:256, :256]
    theirs = deepCR(mask="ACS-WFC", device="CPU").clean(image, segment=False, binary=False)
    ours = detect.probability(image, precision="float32")
    inner = (slice(10, -10), slice(10, -10))
    assert np.abs(theirs[inner] - ours[inner]).max() < 1e-5


def test_pixels_that_are_not_finite_do_not_spread_and_are_not_flagged(chip, reference):
    image = chip.sci.copy()
    bad = [(5, 5), (100, 200), (150, 60)]
    for (row, column), value in zip(bad, (np.nan, np.inf, -np.inf), strict=True):
        image[row, column] = value
    result = detect.probability(image, precision="float32")
    assert np.isfinite(result).all()
    far = np.ones(image.shape, bool)
    for row, column in bad:
        assert result[row, column] == 0
        far[max(row - 9, 0) : row + 10, max(column - 9, 0) : column + 10] = False
    np.testing.assert_allclose(result[far], reference[far], atol=1e-5)


def test_absurd_values_give_a_probability_all_the_same(chip):
    image = chip.sci.astype(float)
    image[50, 50], image[60, 60] = 1e300, -1e300
    result = detect.probability(image)
    assert np.isfinite(result).all() and result.min() >= 0 and result.max() <= 1


@pytest.mark.parametrize("dtype", [">f4", ">f8", "f8", "i4"])
def test_any_numeric_dtype_and_byte_order_is_taken(chip, reference, dtype):
    image = np.rint(chip.sci).astype(dtype)
    np.testing.assert_array_equal(
        detect.probability(image, SMALL, precision="float32"),
        detect.probability(np.rint(chip.sci), SMALL, precision="float32"),
    )


@pytest.mark.parametrize(
    "image", [np.zeros(5), np.zeros((2, 2, 2)), np.zeros((0, 3)), np.full((4, 4), np.nan), np.array([["a"]])]
)
def test_what_is_no_image_is_refused(image):
    # Who calls with arrays knows Python's own errors.
    with pytest.raises(ExposureError) as caught:
        detect.probability(image, SMALL)
    assert isinstance(caught.value, TypeError if image.dtype.kind == "U" else ValueError)


@pytest.mark.parametrize(
    "wrong", [{"tile": 0}, {"tile": 2.5}, {"device": "tpu"}, {"device": "cuda:01"}, {"precision": "float8"}]
)
def test_wrong_settings_are_refused(chip, wrong):
    with pytest.raises(ParameterError):
        detect.probability(chip.sci, SMALL, **wrong)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there_is_refused(chip):
    with pytest.raises(ParameterError, match="finds no CUDA device"):
        detect.probability(chip.sci, SMALL, device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
def test_a_gpu_is_chosen_by_its_number(chip):
    first = detect.probability(chip.sci, SMALL, device="cuda:0")
    assert np.array_equal(first, detect.probability(chip.sci, SMALL, device="cuda"))
    with pytest.raises(ParameterError, match="numbered from 0"):
        detect.probability(chip.sci, SMALL, device=f"cuda:{torch.cuda.device_count()}")


def test_an_inpainting_model_finds_no_cosmic_rays():
    with pytest.raises(ModelError, match="mask model"):
        detect.Detector(FOLDER / "inpaint" / "ACS-WFC-F606W-2-32.safetensors")


def test_the_hosts_thread_settings_are_as_before(chip):
    before = torch.get_num_threads()
    seen = []
    try:
        torch.set_num_threads(3)
        detect.probability(chip.sci, SMALL, tile=64)
        assert torch.get_num_threads() == 3
        newborn = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        newborn.start()
        newborn.join()
        assert seen == [3]
    finally:
        torch.set_num_threads(before)


def test_bfloat16_changes_few_pixels(chip, reference):
    result = detect.probability(chip.sci, precision="bfloat16")
    changed = (result > 0.5) != (reference > 0.5)
    assert np.abs(result - reference).max() < 0.2
    assert changed.mean() < 2e-4


def test_flags_at_the_frames_edge_are_no_more_frequent_than_inside():
    edge, inside = [], []
    for seed in range(6):
        probability = detect.probability(simulate.chip((512, 512), seed=100 + seed).sci, precision="float32")
        mask = detect.mask(probability)
        ring = np.ones(mask.shape, bool)
        ring[16:-16, 16:-16] = False
        edge.append(mask[ring].mean())
        inside.append(mask[~ring].mean())
    # The scatter of six frames is the yardstick; zero padding lies far above it.
    error = np.hypot(np.std(edge), np.std(inside)) / np.sqrt(len(edge))
    assert np.mean(edge) < np.mean(inside) + 3 * error


def test_mask_is_what_lies_above_the_threshold():
    probability = np.array([[0.0, 0.5, 0.51, 1.0]], np.float32)
    assert detect.mask(probability).tolist() == [[False, False, True, True]]
    assert detect.mask(probability, 0).tolist() == [[False, True, True, True]]
    assert not detect.mask(probability, 1).any()


@pytest.mark.parametrize("threshold", [-0.1, 1.1, np.nan, np.inf])
def test_a_threshold_outside_0_to_1_is_refused(threshold):
    with pytest.raises(ParameterError, match="threshold"):
        detect.mask(np.zeros((2, 2)), threshold)


def test_grow_dilates_by_a_square():
    probability = np.zeros((9, 9))
    probability[4, 4] = 1
    assert detect.mask(probability, grow=1).sum() == 9
    grown = detect.mask(probability, grow=2)
    assert grown.sum() == 25 and grown[2:7, 2:7].all()
    probability[:] = 0
    probability[0, 0] = 1
    assert detect.mask(probability, grow=1).sum() == 4  # does not wrap round


@pytest.mark.parametrize("grow", [-1, 0.5, True])
def test_grow_is_a_whole_number(grow):
    with pytest.raises(ParameterError, match="grow"):
        detect.mask(np.zeros((2, 2)), grow=grow)
