"""What is done to an image before a network sees it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import snapshot

from acs_deepcr_step import detect, models
from acs_deepcr_step.errors import ModelError
from acs_deepcr_step.network import scaling, weights_file
from acs_deepcr_step.network.unet import Architecture, UNet

SMALL = weights_file.Description(hidden=4, compression="asinh")


def seen(image):
    return scaling.of_image(image, SMALL).apply(image.astype(np.float32))


def exposed(level, shape=(300, 300), seed=0):
    """An image of noise: the photons of a level, and 5 e- of read noise."""
    rng = np.random.default_rng(seed)
    return (rng.poisson(level, shape) + 5 * rng.standard_normal(shape)).astype(np.float32)


@pytest.fixture
def weights(tmp_path):
    """A network with random weights and a compressed input."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        state = UNet(Architecture(hidden=4)).state_dict()
    weights_file.write(tmp_path / "small.safetensors", state, SMALL)
    return tmp_path / "small.safetensors"


@pytest.mark.parametrize("level", [0, 10, 100, 2000])
def test_the_noise_of_the_sky_is_the_same_at_every_level(level):
    values = seen(exposed(level))
    assert abs(np.median(values)) < 0.01 and 0.4 < values.std() < 0.6


def test_a_compressed_input_grows_with_the_light():
    image = np.linspace(-500, 1e5, 10_000, dtype=np.float32).reshape(100, 100)
    assert (np.diff(seen(image).ravel()) > 0).all()


def test_a_star_core_is_little_brighter_than_a_faint_star_after_arcsinh():
    image = exposed(100.0)
    image[7, 7] = 80_000
    assert seen(image)[7, 7] < 10


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_tiles_share_the_level_of_the_whole_image(name, weights):
    image = exposed(np.linspace(0, 3000, 160)[:, None], (160, 160))  # a level of its own in every tile
    whole, tiles = (detect.probability(image, weights, tile=tile, precision=name) for tile in (160, 32))
    np.testing.assert_allclose(tiles, whole, atol=1e-5)


def test_pixels_that_are_not_finite_do_not_spread_through_a_compressed_input(weights):
    image = exposed(50.0, (64, 64))
    image[3, 3], image[40, 9] = np.nan, np.inf
    found = detect.probability(image, weights)
    assert np.isfinite(found).all() and found[3, 3] == found[40, 9] == 0


def test_weights_say_how_their_input_is_compressed_and_are_other_weights_without(weights, tmp_path):
    info = models.load(weights).info
    weights_file.write(
        tmp_path / "plain.safetensors", models.load(weights).state, replace(SMALL, compression="")
    )
    plain = models.load(tmp_path / "plain.safetensors").info
    assert (info.compression, plain.compression) == ("asinh", "") and info.sha256 != plain.sha256


@pytest.mark.parametrize(
    "wrong", [{"compression": "log"}, {"scale": 2.0}, {"standardise": True}, {"kind": "inpaint"}]
)
def test_a_compression_that_is_not_sound_is_not_written(wrong, weights, tmp_path):
    before = snapshot(tmp_path)
    with pytest.raises(ModelError, match="compression"):
        weights_file.write(tmp_path / "odd.safetensors", models.load(weights).state, replace(SMALL, **wrong))
    assert snapshot(tmp_path) == before
