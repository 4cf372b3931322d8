"""The folded network is the published one; what it needs around a tile is what it measured."""

import numpy as np
import pytest
import torch

from acs_deepcr_step import models
from acs_deepcr_step.network.unet import Architecture, FoldedUNet, UNet, _pooled


def random_network(architecture, seed=0):
    """A network of which every batch normalisation does something."""
    torch.manual_seed(seed)
    network = UNet(architecture).eval()
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            buffer.uniform_(-1, 1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.5, 2)
    return network


def image(side, channels=1, seed=1):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(100, 30, (1, channels, side, side)).astype(np.float32))


@pytest.mark.parametrize("name", models.names())
def test_the_folded_network_is_the_published_one(name):
    model = models.load(name)
    architecture = Architecture(model.info.levels, model.info.hidden, norm=model.info.norm)
    network = UNet(architecture).eval()
    network.load_state_dict(model.state)
    folded = FoldedUNet(architecture, model.state)
    x = image(96) / model.info.scale
    if model.info.standardise or model.info.compression:
        x = (x - 100) / 30
    with torch.no_grad():
        expected = network(x)[..., 28:-28, 28:-28]
        result = folded(x)
    inner = (result.shape[-1] - expected.shape[-1]) // 2
    assert inner > 0
    torch.testing.assert_close(result[..., inner:-inner, inner:-inner], expected, atol=5e-6, rtol=1e-4)


@pytest.mark.parametrize(
    "architecture",
    [Architecture(2, 4), Architecture(3, 3, 2, False), Architecture(4, 2), Architecture(3, 4, norm=False)],
)
def test_any_depth_folds_to_the_same_function(architecture):
    network = random_network(architecture)
    folded = FoldedUNet(architecture, network.state_dict())
    side = 48 * architecture.stride
    x = image(side, architecture.in_channels) / 100
    with torch.no_grad():
        expected, result = network(x), folded(x)
    margin = folded.margin + architecture.stride  # beyond what zero padding reaches
    inner = margin - folded.margin
    torch.testing.assert_close(
        result[..., inner:-inner, inner:-inner],
        expected[..., margin:-margin, margin:-margin],
        atol=1e-5,
        rtol=1e-4,
    )


@pytest.mark.parametrize(("levels", "margin"), [(2, 8), (3, 24)])
def test_the_margin_is_the_receptive_field(levels, margin):
    """A value that is not finite marks every output that depends on it, and no other."""
    architecture = Architecture(levels, 3)
    network = random_network(architecture)
    folded = FoldedUNet(architecture, network.state_dict())
    assert folded.margin == margin and margin % architecture.stride == 0
    side, reach = 32 * architecture.stride, 0
    for phase in range(architecture.stride):
        x = image(side) / 100
        at = side // 2 + phase
        x[..., at, at] = torch.nan
        with torch.no_grad():
            marked = torch.isnan(network(x))[0, 0].nonzero()
        reach = max(reach, int((marked - at).abs().max()))
    # Tiles begin where the coarsest cells do, and so do their margins: the two
    # differ from the reach of a single pixel by less than a cell.
    assert abs(reach - margin) < architecture.stride


def test_only_the_first_convolution_stays_in_float32():
    folded = FoldedUNet(Architecture(2, 4), random_network(Architecture(2, 4)).state_dict(), torch.bfloat16)
    blocks = [*folded._encoder, *folded._decoder, folded._out]
    kinds = [weight.dtype for block in blocks for weight, _ in block]
    assert kinds[0] == torch.float32 and set(kinds[1:]) == {torch.bfloat16}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_pooling_takes_the_largest_of_four_pixels(dtype):
    x = image(20, 3).to(dtype).contiguous(memory_format=torch.channels_last)[..., 1:-1, 1:-1]
    pooled = _pooled(x)
    assert torch.equal(pooled, torch.nn.functional.max_pool2d(x, 2))
    assert pooled.is_contiguous(memory_format=torch.channels_last)  # or the next layer would copy it
