"""The networks: a U-Net as published, and the same one folded for inference.

`UNet` is the trainable form with the names of the published state dictionaries.
`FoldedUNet` computes the same function faster, for inference only:

* every batch normalisation is folded into the convolution before it;
* convolutions are "valid": a tile comes with its margin of context and each layer
  drops what it can no longer know, instead of computing it from zero padding;
* the transposed convolution that doubles the resolution and the convolution of
  its output have nothing non-linear between them, so they are one transposed
  convolution of kernel 4, and the concatenation with the skip connection becomes
  a sum;
* the first convolution stays in float32 whatever the precision of the rest,
  because electron counts span five decades.

The network of ``WFC3-UVIS`` has no batch normalisation, but weights that were trained as
direction and length ("weight normalisation"): `without_weight_norm` multiplies them out.

Source of the architecture: Zhang & Bloom 2020, section 2; Kwon, Zhang & Bloom
2021. ``docs/performance`` holds what each of these gains.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

__all__ = ["Architecture", "FoldedUNet", "UNet", "without_weight_norm"]

# The published networks use a small momentum, since batches differ much in sky.
BATCHNORM_MOMENTUM = 0.005


@dataclass(frozen=True)
class Architecture:
    """Shape of a U-Net.

    Attributes
    ----------
    levels : int
        Resolutions, 2 or more; each further one halves it and doubles the channels.
    hidden : int
        Channels at full resolution.
    in_channels : int
        1 for a mask network (image), 2 for an inpainting network (image, mask).
    sigmoid : bool
        Whether the output is a probability.
    norm : bool
        Whether convolutions are followed by batch normalisation.
    """

    levels: int = 2
    hidden: int = 32
    in_channels: int = 1
    sigmoid: bool = True
    norm: bool = True

    @property
    def stride(self):
        """Side, in pixels, of the coarsest cell: where tiles may begin."""
        return 2 ** (self.levels - 1)


class _DoubleConv(nn.Module):
    def __init__(self, into, out, norm):
        super().__init__()
        layers = []
        for first in (into, out):
            layers.append(nn.Conv2d(first, out, 3, padding=1))
            if norm:
                layers.append(nn.BatchNorm2d(out, momentum=BATCHNORM_MOMENTUM))
            layers.append(nn.ReLU(inplace=True))
        self.conv = nn.Sequential(*layers)

    def forward(self, x):
        return self.conv(x)


class _Wrapped(nn.Module):
    """A module held under a given name, to match the published keys."""

    def __init__(self, name, module):
        super().__init__()
        self.name = name
        self.add_module(name, module)

    def forward(self, x):
        return getattr(self, self.name)(x)


class _Up(nn.Module):
    def __init__(self, into, out, norm):
        super().__init__()
        self.up = nn.ConvTranspose2d(into, out, 2, stride=2)
        self.conv = _DoubleConv(into, out, norm)

    def forward(self, coarse, skip):
        return self.conv(torch.cat([skip, self.up(coarse)], dim=1))


def _decoder_names(levels):
    """Names of the decoder blocks, coarsest first: up8 is always the last one."""
    return [f"up{9 - level}" for level in range(levels - 1, 0, -1)]


class UNet(nn.Module):
    """The trainable U-Net, with zero padding, as it was published.

    Parameters
    ----------
    architecture : Architecture

    Notes
    -----
    Input is ``(batch, in_channels, rows, columns)`` float32, in electrons scaled as
    the model wants them; rows and columns are multiples of `Architecture.stride`.
    The output has one channel.
    """

    def __init__(self, architecture):
        super().__init__()
        self.architecture = architecture
        hidden, norm = architecture.hidden, architecture.norm
        self.inc = _Wrapped("conv", _DoubleConv(architecture.in_channels, hidden, norm))
        self.decoders = _decoder_names(architecture.levels)
        for level in range(1, architecture.levels):
            channels = hidden * 2**level
            block = nn.Sequential(nn.MaxPool2d(2), _DoubleConv(channels // 2, channels, norm))
            self.add_module(f"down{level}", _Wrapped("mpconv", block))
        for name, level in zip(self.decoders, range(architecture.levels - 1, 0, -1), strict=True):
            channels = hidden * 2**level
            self.add_module(name, _Up(channels, channels // 2, norm))
        self.outc = _Wrapped("conv", nn.Conv2d(hidden, 1, 1))

    def forward(self, x):
        """Return the network's output, ``(batch, 1, rows, columns)``."""
        levels = [self.inc(x)]
        for level in range(1, self.architecture.levels):
            levels.append(getattr(self, f"down{level}")(levels[-1]))
        x = levels.pop()
        for name in self.decoders:
            x = getattr(self, name)(x, levels.pop())
        x = self.outc(x)
        return torch.sigmoid(x) if self.architecture.sigmoid else x


def without_weight_norm(state):
    """Return a state dictionary with plain weights where it has their direction and length.

    Parameters
    ----------
    state : dict of str to torch.Tensor
        With ``weight_v`` and ``weight_g`` for ``weight`` where PyTorch's ``weight_norm`` trained it.

    Returns
    -------
    dict of str to torch.Tensor
    """
    plain = dict(state)
    for key, direction in state.items():
        name = key.removesuffix("_v")
        length = state.get(f"{name}_g")
        if not key.endswith(".weight_v") or length is None:
            continue
        if length.shape == (*direction.shape[:1], *(1 for _ in direction.shape[1:])):
            # What torch.nn.utils.weight_norm calls, so that the weights are deepCR's to the last bit.
            plain[name] = torch._weight_norm(direction, length, 0)
            del plain[key], plain[f"{name}_g"]
    return plain


def _fold_batchnorm(state, convolution, norm):
    """Weight and bias of a convolution followed by its batch normalisation."""
    gain = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + nn.BatchNorm2d(1).eps)
    weight = state[f"{convolution}.weight"] * gain[:, None, None, None]
    bias = (state[f"{convolution}.bias"] - state[f"{norm}.running_mean"]) * gain + state[f"{norm}.bias"]
    return weight, bias


def _fold_pair(state, prefix, norm):
    """Weight and bias of the two convolutions of a block."""
    if norm:
        return [_fold_batchnorm(state, f"{prefix}.{i}", f"{prefix}.{i + 1}") for i in (0, 3)]
    return [(state[f"{prefix}.{i}.weight"], state[f"{prefix}.{i}.bias"]) for i in (0, 2)]


def _merge_upsampling(up_weight, up_bias, weight):
    """One transposed 4x4 convolution for "double the resolution, then convolve 3x3".

    A pixel at 2i + p is up_weight[p] times coarse pixel i; tap k of the 3x3 kernel
    moves it by 1 - k, so the product lands at offset p - k + 1 from 2i, -1 to 2.
    """
    coarse, fine = up_weight.shape[:2]
    # Like all that is made here: the host may have another default type or device.
    kernel = up_weight.new_zeros(coarse, weight.shape[0], 4, 4)
    for p in range(2):
        for q in range(2):
            for k in range(3):
                for m in range(3):
                    kernel[:, :, p - k + 2, q - m + 2] += up_weight[:, :, p, q] @ weight[:, :, k, m].T
    return kernel, weight.sum((2, 3)) @ up_bias


def _channels_last(tensor):
    """Return the same four-dimensional tensor, its channels next to each other in memory.

    With one channel both layouts are the same bytes, and PyTorch takes them for
    channels first: the first convolution would then hand its 32 channels on in the
    wrong order, and they would be copied. Strides say which one is meant.
    """
    n, c, h, w = tensor.shape
    strides = (c * h * w, 1, w * c, c)
    return tensor.contiguous(memory_format=torch.channels_last).as_strided(tensor.shape, strides)


def _pooled(x):
    """Return the largest of each 2x2 pixels; PyTorch's own pooling also writes down which one it was."""
    rows = torch.maximum(x[..., ::2, :], x[..., 1::2, :])
    return torch.maximum(rows[..., ::2], rows[..., 1::2])


class FoldedUNet:
    """A U-Net for inference: same function, no padding, no batch normalisation.

    Parameters
    ----------
    architecture : Architecture
    state : dict of str to torch.Tensor
        State dictionary of the `UNet`, float32.
    dtype : torch.dtype
        Precision of all layers but the first.
    device : torch.device or str

    Attributes
    ----------
    margin : int
        Pixels of context the input needs on every side, measured from a pass: the
        output is ``2 * margin`` smaller than the input in both directions.
    """

    def __init__(self, architecture, state, dtype=torch.float32, device="cpu"):
        self.architecture = architecture
        self.dtype = dtype
        self.device = torch.device(device)
        norm = architecture.norm
        self._encoder = [_fold_pair(state, "inc.conv.conv", norm)]
        for level in range(1, architecture.levels):
            self._encoder.append(_fold_pair(state, f"down{level}.mpconv.1.conv", norm))
        names = _decoder_names(architecture.levels)
        self._decoder = [self._decoder_block(state, name, norm) for name in names]
        self._out = [(state["outc.conv.weight"], state["outc.conv.bias"])]
        self._move_to(self.device)
        self._trim = 0
        lost = self._measure_margin()
        # Tiles begin on the stride, so their margin is a multiple of it.
        self.margin = -(-lost // architecture.stride) * architecture.stride
        self._trim = self.margin - lost

    @staticmethod
    def _decoder_block(state, name, norm):
        (weight, bias), second = _fold_pair(state, f"{name}.conv.conv", norm)
        skip = weight.shape[1] // 2
        up_weight, up_bias = state[f"{name}.up.weight"], state[f"{name}.up.bias"]
        kernel, shift = _merge_upsampling(up_weight, up_bias, weight[:, skip:])
        return [(weight[:, :skip], bias + shift), (kernel, None), second]

    def _move_to(self, device):
        """Put all weights on the device, channels last, in their precision."""

        def moved(tensor, dtype):
            if tensor is None:
                return None
            tensor = tensor.to(device=device, dtype=dtype)
            return _channels_last(tensor) if tensor.dim() == 4 else tensor.contiguous()

        first = self._encoder[0][0]
        for block in (*self._encoder, *self._decoder, self._out):
            for i, (weight, bias) in enumerate(block):
                dtype = torch.float32 if weight is first[0] else self.dtype
                block[i] = (moved(weight, dtype), moved(bias, dtype))

    def _measure_margin(self):
        """Run a blank tile and see how many pixels are lost on each side."""
        side = 64 * self.architecture.stride
        shape = (1, self.architecture.in_channels, side, side)
        blank = torch.zeros(shape, dtype=torch.float32, device=self.device)
        with torch.inference_mode():
            return (side - self(blank).shape[-1]) // 2

    def __call__(self, x):
        """Return the output for the inner part of a tile.

        Parameters
        ----------
        x : torch.Tensor
            ``(batch, in_channels, rows, columns)`` float32 on the device; rows and
            columns are multiples of the stride and begin on one, in the image.

        Returns
        -------
        torch.Tensor
            ``(batch, 1, rows - 2 * margin, columns - 2 * margin)`` float32.
        """
        relu, conv = functional.relu_, functional.conv2d
        x, skips, lost = _channels_last(x), [], 0
        for level, (first, second) in enumerate(self._encoder):
            if level:
                odd = lost % 2  # cells of the next level begin at even places of the tile
                x = _pooled(x[..., odd : x.shape[-2] - odd, odd : x.shape[-1] - odd])
                lost = (lost + odd) // 2
            x = relu(conv(x, *first)).to(self.dtype)
            x = relu(conv(x, *second))
            lost += 2
            skips.append(x)
        skips.pop()
        for skip_conv, upsampling, second in self._decoder:
            # Padding 2 keeps only the outputs for which all coarse neighbours exist.
            up = functional.conv_transpose2d(x, *upsampling, stride=2, padding=2)
            skip = skips.pop()
            cut = (skip.shape[-1] - up.shape[-1]) // 2 - 1
            x = conv(skip[..., cut:-cut, cut:-cut], *skip_conv)
            x = relu(conv(relu(x.add_(up)), *second))
        trim = self._trim
        x = conv(x, *self._out[0])[..., trim : x.shape[-2] - trim, trim : x.shape[-1] - trim]
        return (torch.sigmoid(x) if self.architecture.sigmoid else x).float()
