"""The network in the forms that `network.py` compares."""

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from acs_deepcr_step.network import models, unet

ARCHITECTURE = unet.Architecture()

# Context that a tile needs on each side, pixels, rounded up to the stride.
MARGIN = 8


def published_state():
    """Return the weights of the global model, as published."""
    return models.load(models.GLOBAL).state


def _last(tensor):
    """Return a tensor with the strides of channels-last, which torch does not set for one channel."""
    rows = tensor.permute(0, 2, 3, 1).contiguous()
    n, r, c, channels = rows.shape
    return rows.as_strided(rows.shape, (r * c * channels, c * channels, channels, 1)).permute(0, 3, 1, 2)


def published():
    """Return the network as published: padded, batch normalisation on its own."""
    network = unet.UNet(ARCHITECTURE).eval()
    network.load_state_dict(published_state())
    return network


def folded_module():
    """Return the published network with its batch normalisation folded by torch."""
    network = published()
    for module in network.modules():
        if isinstance(module, nn.Sequential) and any(isinstance(m, nn.BatchNorm2d) for m in module):
            for i in (0, 3):
                module[i] = fuse_conv_bn_eval(module[i], module[i + 1])
                module[i + 1] = nn.Identity()
    return network


def _fused_relu(x, weight, bias):
    """Do convolution and ReLU in one call of torch's own oneDNN operation (private: only measured)."""
    unit = [1, 1]
    return torch.ops.mkldnn._convolution_pointwise(x, weight, bias, [0, 0], unit, unit, 1, "relu", [], "")


def _fused_add_relu(x, other, weight, bias):
    unit = [1, 1]
    operation = torch.ops.mkldnn._convolution_pointwise.binary
    return operation(x, other, weight, bias, [0, 0], unit, unit, 1, "add", 1.0, "relu", [], None)


class Variant:
    """The two-level network on one tile, put together from named choices.

    Parameters
    ----------
    dtype : torch.dtype
        Of all layers but the first.
    padding : int
        0 for valid convolutions, 1 for padded ones, whose output is cut.
    merged : bool
        Upsampling and the convolution after it as one transposed convolution.
    fused : bool
        Convolution with ReLU (and sum) through private operations.
    strided : bool
        Image and first weights carry the strides of channels-last. One channel fits
        both layouts, and torch takes such a tensor for channels-first.
    last : bool
        Channels last at all.
    product : bool
        The output's 1x1 convolution as a matrix product.
    """

    def __init__(self, dtype, *, padding=0, merged=True, fused=False, strided=True, last=True, product=False):
        self.dtype, self.padding, self.merged, self.fused = dtype, padding, merged, fused
        self.strided, self.product = strided, product
        network = folded_module()
        layout = torch.channels_last if last else torch.contiguous_format
        pairs = [network.inc.conv, network.down1.mpconv[1], network.up8.conv]
        layers = [(m.weight, m.bias) for pair in pairs for m in (pair.conv[0], pair.conv[3])]
        self.layers = [(w.to(dtype).contiguous(memory_format=layout), b.to(dtype)) for w, b in layers]
        first = layers[0][0]
        self.layers[0] = (_last(first) if strided else first.contiguous(memory_format=layout), layers[0][1])
        up, out = network.up8.up, network.outc.conv
        self.up = up.weight.to(dtype).contiguous(memory_format=layout), up.bias.to(dtype)
        self.out = out.weight.to(dtype).contiguous(memory_format=layout), out.bias.to(dtype)
        weight, bias = layers[4]
        kernel, shift = unet._merge_upsampling(up.weight, up.bias, weight[:, 32:])
        self.kernel = kernel.to(dtype).contiguous(memory_format=layout)
        self.skip = weight[:, :32].to(dtype).contiguous(memory_format=layout), (bias + shift).to(dtype)

    def _conv(self, x, layer):
        weight, bias = self.layers[layer]
        if self.fused:
            return _fused_relu(x, weight, bias)
        return functional.relu_(functional.conv2d(x, weight, bias, padding=self.padding))

    def _join(self, skip, x):
        if not self.merged:
            up = functional.conv_transpose2d(x, *self.up, stride=2)
            cut = (skip.shape[-1] - up.shape[-1]) // 2
            skip = skip[..., cut : skip.shape[-2] - cut, cut : skip.shape[-1] - cut]
            return self._conv(torch.cat([skip, up], 1), 4)
        up = functional.conv_transpose2d(x, self.kernel, stride=2, padding=2)
        cut = (skip.shape[-1] - up.shape[-1]) // 2 - 1
        skip = skip[..., cut : skip.shape[-2] - cut, cut : skip.shape[-1] - cut]
        if self.fused:
            return _fused_add_relu(skip, up, *self.skip)
        return functional.relu_(functional.conv2d(skip, *self.skip).add_(up))

    def __call__(self, x):
        """Return the probability of the inner part of a tile."""
        x = self._conv(_last(x) if self.strided else x, 0).to(self.dtype)
        skip = self._conv(x, 1)
        x = self._conv(self._conv(functional.max_pool2d(skip, 2), 2), 3)
        x = self._conv(self._join(skip, x), 5)
        if self.product:
            x = (x.permute(0, 2, 3, 1) @ self.out[0].reshape(-1) + self.out[1])[:, None]
        else:
            x = functional.conv2d(x, *self.out)
        if self.padding:
            x = x[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
        return torch.sigmoid(x).float()
