"""A network made ready for images of any size: device, precision, tiles, threads.

Serves `detect` and `inpaint`. Arrays only.
"""

import contextlib
import os
import re
from dataclasses import dataclass

import numpy as np
import torch

from ..config.specification import NUMBER
from ..errors import ModelError, ParameterError
from . import scaling, tiling
from .unet import Architecture, FoldedUNet

__all__ = ["Engine", "Backend", "choose_backend"]

# Smaller tiles are mostly margin; for larger ones the memory of every layer is given back to the
# system and asked for anew. In between the side hardly matters (docs/performance), but for bfloat16
# with AMX: arithmetic is so fast there that a tile must stay in the cache.
_SIDE, _SIDE_LIGHT = 256, 384  # the latter for what takes less memory: bfloat16, or few channels
_FEW = 8
_SIDE_GPU = 1024


@dataclass(frozen=True)
class Backend:
    """Where a network runs, and in which precision.

    Attributes
    ----------
    device : torch.device
    dtype : torch.dtype
    """

    device: torch.device
    dtype: torch.dtype

    @property
    def is_cpu(self):
        """Whether it is the processor itself."""
        return self.device.type == "cpu"

    @property
    def precision(self):
        """As it is named: ``float32`` or ``bfloat16``."""
        return str(self.dtype).removeprefix("torch.")


def _native_bfloat16():
    """Whether the processor multiplies bfloat16 natively, so that it is faster."""
    return _supported("_is_avx512_bf16_supported")


def _supported(check):
    """Return what PyTorch says of the processor; False where this PyTorch does not know."""
    check = getattr(torch.cpu, check, None)
    return bool(check and check())


def _cpu_side(dtype, channels):
    """Return the side of the tiles that was measured to be fastest on this kind of processor."""
    is_light = channels <= _FEW or (dtype == torch.bfloat16 and not _supported("_is_amx_tile_supported"))
    return _SIDE_LIGHT if is_light else _SIDE


def choose_backend(device="auto", precision="auto"):
    """Choose a device and a precision.

    Parameters
    ----------
    device : {'auto', 'cpu', 'cuda', 'cuda:N', 'mps'}
        ``auto`` is CUDA where there is one, else an Apple GPU, else the CPU. N: the number of a GPU, from 0.
    precision : {'auto', 'float32', 'bfloat16'}
        ``auto`` is bfloat16 where the device has it natively, else float32.

    Returns
    -------
    Backend

    Raises
    ------
    ParameterError
        If a value is unknown or the device is not there.
    """
    if precision not in ("auto", "float32", "bfloat16"):
        raise ParameterError(f"precision={precision!r} is unknown: use 'auto', 'float32' or 'bfloat16'.")
    chosen = _device(device)
    wanted = precision == "bfloat16" or (precision == "auto" and _has_bfloat16(chosen))
    return Backend(chosen, torch.bfloat16 if wanted else torch.float32)


def _device(name):
    """Return the device of a name, which must be there."""
    if name == "auto":
        has_cuda, has_mps = torch.cuda.is_available(), torch.backends.mps.is_available()
        name = "cuda" if has_cuda else "mps" if has_mps else "cpu"
    if not re.fullmatch(f"cpu|mps|cuda(:{NUMBER})?", name):
        raise ParameterError(f"device={name!r} is unknown: use 'auto', 'cpu', 'cuda', 'cuda:N' or 'mps'.")
    device = torch.device(name)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ParameterError("device='mps', but PyTorch finds no Apple GPU: use 'auto' or 'cpu'.")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ParameterError(f"device={name!r}, but PyTorch finds no CUDA device: use 'auto' or 'cpu'.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ParameterError(
            f"device={name!r}, but PyTorch finds {torch.cuda.device_count()} CUDA devices, numbered from 0: "
            "use one of them, or 'auto'."
        )
    return device


def _has_bfloat16(device):
    """Whether a device has bfloat16 natively. In float16 activations overflow: they follow the electrons."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return torch.cuda.is_bf16_supported()
    return device.type == "cpu" and _native_bfloat16()


@contextlib.contextmanager
def _fit_for_a_fork():
    """Keep PyTorch to the calling thread, in a process that was forked off another one.

    PyTorch's own threads stay behind in a fork, and it waits for them forever. Tiles are worked on in
    threads of ours, one each.
    """
    if not _forked:
        yield
        return
    host_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(host_threads)


_forked = False


def _note_fork():
    global _forked
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


class Engine:
    """A model applied to images tile by tile.

    Parameters
    ----------
    model : models.Model
    precision, device : str
        As for `choose_backend`.
    tile : int, optional
        Side of the tiles in pixels; the default is the fastest one measured.
    threads : int, optional
        Tiles at a time on a CPU; the default is PyTorch's number of threads.

    Attributes
    ----------
    backend : Backend
    margin : int
        Pixels of context around a tile.

    Raises
    ------
    ParameterError
        If a parameter is outside what is allowed or the device is not there.
    """

    def __init__(self, model, *, precision="auto", device="auto", tile=None, threads=None):
        info = model.info
        self.backend = choose_backend(device, precision)
        self._info = info
        architecture = Architecture(
            info.levels, info.hidden, info.in_channels, info.kind == "mask", info.norm
        )
        self._name = info.name
        # Read here: a thread that starts while another one computes would find 1.
        threads = (threads or torch.get_num_threads()) if self.backend.is_cpu else 1
        with _fit_for_a_fork():
            self._network = FoldedUNet(architecture, model.state, self.backend.dtype, self.backend.device)
            self.margin = self._network.margin
            self._require_numbers()
        self._tiling = tiling.Tiling(self._side(tile), self.margin, architecture.stride, threads)

    def _require_numbers(self):
        """Refuse weights that give no numbers for the darkest and the brightest pixels there are."""
        side = 2 * self.margin + 2 * self._network.architecture.stride
        shape = (1, self._network.architecture.in_channels, side, side)
        x = np.zeros(shape, np.float32)
        x[..., : side // 2] = scaling.LARGEST
        x = torch.from_numpy(scaling.of_level(0.0, self._info).apply(x)).to(self.backend.device)
        with torch.inference_mode():
            self._check(self._network(x))

    def _check(self, result):
        # Stored as a probability, NaN would say that no cosmic ray was there.
        if not bool(torch.isfinite(result).all()):
            raise ModelError(
                f"The weights of model {self._name} give no numbers (NaN or infinity): they are damaged, or "
                "their training failed; give others."
            )
        return result

    def _side(self, tile):
        stride = self._network.architecture.stride
        if tile is None:
            channels = self._network.architecture.hidden
            return _cpu_side(self.backend.dtype, channels) if self.backend.is_cpu else _SIDE_GPU
        if isinstance(tile, bool) or int(tile) != tile or tile < 1:
            raise ParameterError(f"tile={tile!r}: give the side of a tile in pixels, 1 or more.")
        return -(-int(tile) // stride) * stride

    @property
    def precision(self):
        """The precision in use: ``float32`` or ``bfloat16``."""
        return self.backend.precision

    def tiles(self, shape):
        """Return the number of tiles of an image.

        Parameters
        ----------
        shape : tuple of int
            Rows and columns.

        Returns
        -------
        int
        """
        return len(tiling.cut(shape, self._tiling))

    def process(self, function, images, out, progress=None):
        """Apply a function to every tile of images, as `tiles.process` does.

        Parameters
        ----------
        function : callable
            Takes tiles with their margins, float32; called from several threads.
        images : sequence of ndarray, (R, C)
        out : ndarray, (R, C)
            Receives the result.
        progress : callable, optional
            Called with 1 after each tile.
        """
        host_threads = torch.get_num_threads()
        try:
            tiling.process(function, images, out, self._tiling, progress)
        finally:
            # Each worker set its own number of threads to one, which also becomes
            # the default of threads born later: give the host its number back.
            torch.set_num_threads(host_threads)

    def scaling(self, image):
        """Return how the network wants an image.

        Parameters
        ----------
        image : ndarray, (R, C)
            Electrons, the whole image.

        Returns
        -------
        scaling.Scaling
        """
        return scaling.of_image(image, self._info)

    def electrons(self, tile, fill, scaled=None):
        """Make a tile fit for the network, in place.

        Parameters
        ----------
        tile : ndarray, (R, C), float32
            Electrons.
        fill : float
            Stands in for what is not finite.
        scaled : scaling.Scaling, optional
            From `scaling`, of the image that the tile is from; by default the model's scale alone.

        Returns
        -------
        ndarray, (R, C), bool, or None
            Pixels that are not finite; None where all are.
        """
        bad = ~np.isfinite(tile)
        bad = bad if bad.any() else None
        if bad is not None:
            tile[bad] = fill
        np.clip(tile, -scaling.LARGEST, scaling.LARGEST, out=tile)
        (scaled or scaling.of_level(0.0, self._info)).apply(tile)
        return bad

    def forward(self, channels):
        """Run the network on one tile, in the calling thread alone.

        Parameters
        ----------
        channels : ndarray, (channels, R, C), float32
            The image from `electrons`, and what else the network takes.

        Returns
        -------
        ndarray, (R - 2 * margin, C - 2 * margin), float32
            The network's output: a probability, or the image in electrons divided
            by the model's scale.
        """
        if self.backend.is_cpu and torch.get_num_threads() != 1:
            torch.set_num_threads(1)
        with torch.inference_mode():
            x = torch.from_numpy(channels)[None]
            if self.backend.device.type == "cuda":
                x = x.pin_memory()  # copied without a detour through pageable memory
            x = x.to(self.backend.device, non_blocking=True)
            return self._check(self._network(x))[0, 0].cpu().numpy()
