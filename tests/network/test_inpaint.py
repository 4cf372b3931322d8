"""Inpainting on arrays: only masked pixels change, and what is put there is sensible."""

import helpers
import numpy as np
import pytest
import torch

import acs_deepcr_step
from acs_deepcr_step import inpaint, models, simulate
from acs_deepcr_step.arrays import dq, morphology
from acs_deepcr_step.errors import ExposureError, ModelError, ParameterError
from acs_deepcr_step.network.unet import Architecture, UNet

PUBLISHED = models.names("inpaint")
EVERY = [*PUBLISHED, models.MEDMASK]


def filled(image, mask, model=models.INPAINT, **how):
    return inpaint.inpaint(image, mask, model, **{"precision": "float32", **how})


def noise(clean):
    """One sigma of photons and of a readout of 5 electrons."""
    return np.sqrt(np.maximum(clean, 0) + 25)


def scattered(shape, seed=0, share=0.01):
    """Masks of two by two pixels here and there."""
    return morphology.dilate(np.random.default_rng(seed).random(shape) < share / 9, 1)


@pytest.fixture(scope="module")
def chip():
    return simulate.chip((300, 260), field="crowded", seed=55_101)


@pytest.fixture(scope="module")
def flat():
    """A flat sky of 60 electrons."""
    rng = np.random.default_rng(55_102)
    return (rng.poisson(60, (200, 220)) + rng.normal(0, 5, (200, 220))).astype(np.float32)


@pytest.fixture(scope="module")
def crowded():
    """Stars and more stars without cosmic rays, cosmic rays of elsewhere, and which pixels to look at."""
    pictures = []
    for seed in range(4):
        sky = simulate.chip((320, 320), field="crowded", seed=55_110 + seed, cosmic_rays=False)
        hits = simulate.chip((320, 320), exptime=1000, seed=55_120 + seed).cr
        pictures.append((sky.sci, hits, hits & (sky.dq == 0) & ~morphology.dilate(sky.sci > 70_000, 3)))
    return pictures


@pytest.mark.parametrize("model", EVERY)
@pytest.mark.parametrize("dtype", ["f4", ">f4"])
def test_pixels_that_are_not_masked_stay_bit_for_bit(chip, model, dtype):
    image = chip.sci.astype(dtype)
    image[10, 10], image[40:50, 60] = np.inf, np.nan
    result = filled(image, chip.cr, model)
    assert result.dtype == np.float32 and result.shape == image.shape
    np.testing.assert_array_equal(
        result[~chip.cr].view(np.uint32), image[~chip.cr].astype(np.float32).view(np.uint32)
    )
    assert np.isfinite(result[chip.cr]).all()


def test_the_image_given_is_not_changed(chip):
    image, mask = chip.sci.copy(), chip.cr.copy()
    filled(image, mask)
    np.testing.assert_array_equal(image, chip.sci)
    np.testing.assert_array_equal(mask, chip.cr)


def test_without_masked_pixels_nothing_changes(chip):
    np.testing.assert_array_equal(filled(chip.sci, np.zeros(chip.sci.shape, bool)), chip.sci)


@pytest.mark.parametrize("model", EVERY)
@pytest.mark.parametrize("side", [3, 31])
def test_a_flat_sky_is_filled_within_its_noise(flat, model, side):
    """Small and large holes alike; the noise of a pixel is 9 electrons."""
    mask = np.zeros(flat.shape, bool)
    mask[20:180:50, 30:200:50] = True
    mask = morphology.dilate(mask, side // 2)
    values = filled(flat, mask, model)[mask]
    assert abs(np.mean(values) - 60) < 9 and np.abs(values - 60).max() < 36


@pytest.mark.parametrize("model", EVERY)
def test_the_wing_of_a_star_is_filled_with_light(model):
    y, x = np.mgrid[:101, :101]
    wing = 60 + 4000 * (1 + ((y - 50) ** 2 + (x - 50) ** 2) / 9) ** -1.5
    image = np.random.default_rng(5).poisson(wing).astype(np.float32)
    mask = np.zeros(image.shape, bool)
    mask[52:54, 53:58] = mask[44:50, 46] = True
    error = np.abs(filled(image, mask, model) - wing)[mask]
    assert error.mean() < 0.4 * np.abs(60 - wing)[mask].mean()


def test_the_published_networks_are_those_of_deepcr(chip, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    deepCR = pytest.importorskip("deepCR").deepCR

    image, mask = chip.sci[:256, :256], chip.cr[:256, :256]
    theirs = deepCR(mask="ACS-WFC", inpaint=models.INPAINT, device="CPU").inpaint(image, mask)
    ours = filled(image, mask)
    alike = mask & ~morphology.dilate(image > 70_000, 10)
    alike[:10] = alike[-10:] = alike[:, :10] = alike[:, -10:] = False
    np.testing.assert_allclose(ours[alike], theirs[alike], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("model", PUBLISHED)
def test_the_published_networks_fill_starlight_better_than_a_median(crowded, model):
    """Above 500 electrons: where light falls off steeply, a median of neighbours is far off."""
    errors = {model: [], models.MEDMASK: []}
    for image, mask, use in crowded:
        bright = (use & (image > 500))[mask]
        for name, found in errors.items():
            found.append(((filled(image, mask, name) - image)[mask])[bright])
    network, median = (np.sqrt(np.mean(np.concatenate(e) ** 2)) for e in errors.values())
    assert len(np.concatenate(errors[model])) > 100
    assert network < 0.7 * median


@pytest.mark.parametrize("model", EVERY)
@pytest.mark.parametrize("part", [1.0, 1.1])
def test_an_image_whose_sky_was_subtracted_is_filled_alike(crowded, model, part):
    """Also one from which too much was subtracted."""
    image, mask, use = crowded[0]
    level = np.float32(part * np.median(image))
    with_sky, without = filled(image, mask, model), filled(image - level, mask, model) + level
    bias = np.median(((without - with_sky) / noise(image))[use])
    assert abs(bias) < 0.25
    sigmas = [np.abs((result - image) / noise(image))[use].mean() for result in (with_sky, without)]
    assert sigmas[1] < 1.1 * sigmas[0]


def test_without_the_lift_a_subtracted_sky_is_filled_too_high(crowded):
    """What the default of `sky` is for."""
    image, mask, use = crowded[0]
    raw = filled(image - np.median(image), mask, sky=0) + np.median(image)
    assert np.median((raw - image)[use]) > 8


def test_the_result_does_not_depend_on_the_tiling(chip):
    mask = chip.cr | scattered(chip.cr.shape)
    mask[100:140, 50:150] = True
    image = chip.sci.copy()
    image[200:220, 100] = np.nan
    for model in PUBLISHED:
        whole = filled(image, mask, model, tile=10_000)
        for tile in (36, 100):
            np.testing.assert_allclose(filled(image, mask, model, tile=tile), whole, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("shape", [(1, 9), (2, 2), (5, 3), (17, 64), (33, 31)])
@pytest.mark.parametrize("model", EVERY)
def test_any_size_is_filled(chip, shape, model):
    image = chip.sci[: shape[0], : shape[1]]
    mask = np.zeros(shape, bool)
    mask[0, :2] = True
    result = filled(image, mask, model)
    assert np.isfinite(result).all()
    np.testing.assert_array_equal(result[~mask], image[~mask])


def test_pixels_that_are_not_finite_do_not_spread(chip):
    spoilt = chip.sci.copy()
    spoilt[100:110, 100:110] = np.nan
    mask = np.zeros(spoilt.shape, bool)
    mask[98:104, 96:100] = mask[10, 10] = mask[104, 104] = True
    for model in EVERY:
        result = filled(spoilt, mask, model)
        assert np.isfinite(result[mask]).all()
        level = np.median(chip.sci)
        assert np.abs(result[104, 104] - level) < level
        assert np.isnan(result).sum() == 99


def test_beside_a_saturated_column_no_network_guesses(chip):
    """Its charge is no light: with it in view the published networks fill thousands of electrons."""
    image = simulate.chip((100, 100), field="sparse", seed=55_103, cosmic_rays=False, star_density=0).sci
    image[20:80, 50] = 80_000
    mask = np.zeros(image.shape, bool)
    mask[40, 48:50] = mask[41, 51:53] = mask[50:52, 42] = mask[60, 57:60] = True
    for model in EVERY:
        assert filled(image, mask, model)[mask].max() < 200


def test_an_image_saturated_all_over_is_filled_with_what_there_is():
    image, mask = np.full((20, 20), 80_000, np.float32), np.zeros((20, 20), bool)
    mask[5:7, 5:7] = True
    assert set(filled(image, mask)[mask]) == {80_000}


def test_the_masked_median_is_that_of_the_good_pixels_around():
    image = np.arange(49, dtype=np.float32).reshape(7, 7)
    mask = np.zeros((7, 7), bool)
    mask[3, 3] = mask[3, 4] = mask[0, 0] = True
    image[2, 2] = np.nan
    result = filled(image, mask, models.MEDMASK)
    around = [image[y, x] for y in range(1, 6) for x in range(1, 6) if (y, x) not in ((2, 2), (3, 3), (3, 4))]
    assert result[3, 3] == np.median(around)
    assert result[0, 0] == np.median([1, 2, 7, 8, 9, 14, 15])


def test_a_window_without_good_pixels_grows():
    image = np.zeros((60, 60), np.float32)
    image[:, 30:] = 100
    mask = np.zeros(image.shape, bool)
    mask[:, 10:24] = True  # its middle is 7 pixels from good ones
    result = filled(image, mask, models.MEDMASK)
    assert set(np.unique(result[:, 10:16])) == {0} and np.isfinite(result).all()


def test_a_mask_of_nearly_all_is_filled_with_what_there_is(chip):
    mask = np.ones(chip.sci.shape, bool)
    mask[:4, :4] = False
    for model in EVERY:
        values = filled(chip.sci, mask, model)[mask]
        assert values.min() >= chip.sci[:4, :4].min() and values.max() <= chip.sci[:4, :4].max()


def test_integer_masks_and_images_are_taken(chip):
    whole = np.rint(chip.sci).astype(np.int32)
    np.testing.assert_array_equal(
        filled(whole, chip.cr.astype(np.uint8) * 4), filled(whole.astype(np.float32), chip.cr)
    )


def test_bfloat16_fills_nearly_the_same(crowded):
    image, mask, use = crowded[0]
    results = [filled(image, mask, precision=precision) for precision in ("float32", "bfloat16")]
    difference = np.abs(results[0] - results[1]) / noise(image)
    assert 0 < difference[use].mean() < 0.2


@pytest.mark.parametrize(
    ("image", "mask", "error"),
    [
        (np.zeros(5), np.zeros(5, bool), ExposureError),
        (np.zeros((4, 4)), np.ones((4, 4), bool), ExposureError),
        (np.full((4, 4), np.nan), np.eye(4, dtype=bool), ExposureError),
        (np.zeros((4, 4)), np.zeros((4, 5), bool), ParameterError),
        (np.zeros((4, 4)), np.full((4, 4), 0.3), ParameterError),
    ],
)
def test_what_cannot_be_filled_is_refused(image, mask, error):
    with pytest.raises(error):
        filled(image, mask)


@pytest.mark.parametrize("sky", [np.nan, True])
def test_a_sky_that_is_no_number_is_refused(chip, sky):
    with pytest.raises(ParameterError, match="sky="):
        filled(chip.sci, chip.cr, sky=sky)


def test_a_mask_model_fills_nothing():
    with pytest.raises(ModelError, match="ACS-WFC-F606W-3-32.*medmask"):
        inpaint.Inpainter("ACS-WFC")
    with pytest.raises(ModelError, match="give an inpainting model"):
        inpaint.Inpainter(models.load("ACS-WFC"))


def test_weights_of_ones_own_are_used_by_their_path(chip, tmp_path):
    torch.manual_seed(0)
    network = UNet(Architecture(2, 4, 2, False)).eval()
    torch.save(network.state_dict(), tmp_path / "own.pth")
    shape = (64, 64)
    image, mask = chip.sci[:64, :64], scattered(shape)
    with torch.no_grad():
        channels = torch.from_numpy(np.stack([np.where(mask, 0, image), mask])[None].astype(np.float32))
        expected = network(channels)[0, 0].numpy()
    result = filled(image, mask, tmp_path / "own.pth", sky=0)
    inner = np.zeros(shape, bool)
    inner[12:-12, 12:-12] = True
    np.testing.assert_allclose(result[mask & inner], expected[mask & inner], rtol=1e-3, atol=1e-3)


class TestClean:
    """The call of section 3.2 of the paper."""

    def test_it_gives_a_mask_and_a_cleaned_image(self, chip):
        mask, cleaned = acs_deepcr_step.clean(chip.sci)
        assert mask.dtype == bool and mask.shape == cleaned.shape == chip.sci.shape
        np.testing.assert_array_equal(cleaned[~mask], chip.sci[~mask])
        truth = chip.sci - chip.cr_charge
        assert np.abs(cleaned - truth)[mask & chip.cr].mean() < 0.1 * chip.cr_charge[mask & chip.cr].mean()

    def test_the_mask_is_what_run_flags(self, one):
        image, bits = helpers.sci(one), helpers.dq(one)
        helpers.flag(one, threshold=0.3, grow=1)
        mask, _ = acs_deepcr_step.clean(image, threshold=0.3, grow=1, dq=bits, inpaint="medmask")
        np.testing.assert_array_equal(mask, helpers.flagged(one))
        assert mask.any()

    def test_bits_of_saturation_protect_as_in_run(self, chip):
        bits = np.where(chip.cr, dq.FULL_WELL, 0).astype(np.int16)
        free, _ = acs_deepcr_step.clean(chip.sci, dq=bits, protect_saturated=False, inpaint=None)
        spared, _ = acs_deepcr_step.clean(chip.sci, dq=bits, inpaint=None)
        assert spared.sum() < free.sum()

    def test_without_inpainting_the_cleaned_image_has_holes(self, chip):
        mask, holes = acs_deepcr_step.clean(chip.sci, inpaint=None)
        np.testing.assert_array_equal(np.isnan(holes), mask)

    def test_the_names_of_the_paper_are_taken(self, chip):
        image = chip.sci[:64, :64]
        paper = acs_deepcr_step.clean(image, "ACS-WFC-2-32", "ACS-WFC-F606W-2-32")
        for ours, theirs in zip(acs_deepcr_step.clean(image), paper, strict=True):
            np.testing.assert_array_equal(ours, theirs)

    @pytest.mark.parametrize(
        ("wrong", "error"),
        [
            ({"threshold": 2}, ParameterError),
            ({"grow": -1}, ParameterError),
            ({"dq": np.zeros((2, 2), np.int16)}, ParameterError),
            ({"device": "tpu"}, ParameterError),
            ({"model": "ACS-WFC-F606W-3-32"}, ModelError),
            ({"inpaint": "ACS-WFC"}, ModelError),
        ],
    )
    def test_what_is_not_allowed_is_refused(self, chip, wrong, error):
        with pytest.raises(error):
            acs_deepcr_step.clean(chip.sci[:64, :64], **wrong)
