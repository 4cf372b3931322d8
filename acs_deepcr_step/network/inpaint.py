"""Masked pixels of an image, filled from what is around them. Arrays only.

What is filled is a guess to look at, or for programs that cannot leave pixels out. For
photometry and for AstroDrizzle flag cosmic rays, do not fill them.
"""

import numpy as np

from ..arrays import background, median_fill
from ..arrays.dq import is_saturated
from ..arrays.morphology import dilate
from ..arrays.numerics import numpy_defaults
from ..config.arguments import NUMBER, TEXT, WHOLE, checked, optional
from ..errors import ArrayError, ModelError, ParameterError
from ..instruments import ACS_WFC
from . import models
from .detect import require_image
from .engine import Engine

__all__ = ["Inpainter", "inpaint"]

# The published networks fill 10 electrons and more too high where the sky was subtracted,
# and far off where pixels are below zero; between these levels and some 150 electrons
# the level hardly matters (docs: inpainting).
SKY = 60.0

# Nearer to a saturated pixel, pixels, the median is better: on crowded fields the networks are ten
# sigma off at this distance, and a thousand beside the pixel.
_BESIDE_SATURATED = 10


class Inpainter:
    """A way of filling pixels, made ready for many images.

    Parameters
    ----------
    model : str, path or models.Model
        A published inpainting model, ``medmask`` for the median of the good pixels in
        a window of 5x5, or a weights file.
    precision, device, tile, threads : optional
        As for `detect.Detector`.

    Attributes
    ----------
    name : str
    sha256 : str
        Identity of the model; empty for ``medmask``.
    hashes : tuple of str
        What headers call its weights, as `models.ModelInfo.hashes`; one empty text for ``medmask``.

    Raises
    ------
    ModelError
        If the model cannot be loaded or is no inpainting model.
    ParameterError
        If a parameter is outside what is allowed or the device is not there.
    """

    @checked(model=models.MODEL, precision=TEXT, device=TEXT, tile=optional(WHOLE), threads=optional(WHOLE))
    def __init__(self, model=models.INPAINT, *, precision="auto", device="auto", tile=None, threads=None):
        self.name, self.sha256, self.hashes, self._engine = models.MEDMASK, "", ("",), None
        if isinstance(model, str) and model == models.MEDMASK:
            return
        loaded = models.load(model, "inpaint")
        self.name, self.sha256, self.hashes = loaded.info.name, loaded.info.sha256, loaded.info.hashes
        self._scale = loaded.info.scale
        if loaded.info.kind != "inpaint":
            raise ModelError(
                f"Model {self.name} finds cosmic rays; it does not fill pixels: give an inpainting model "
                f"({', '.join(models.names('inpaint'))}), {models.MEDMASK!r}, or the path of its weights."
            )
        self._engine = Engine(loaded, precision=precision, device=device, tile=tile, threads=threads)

    @numpy_defaults()
    def fill(self, image, mask, sky=None, progress=None):
        """Fill the masked pixels of an image.

        Parameters
        ----------
        image, mask, sky
            As for `inpaint`.
        progress : callable, optional
            Called with 1 after each tile.

        Returns
        -------
        ndarray, (R, C), float32

        Raises
        ------
        ArrayError, ArrayTypeError, ParameterError
            As for `inpaint`.
        """
        image, mask = _checked(image, mask)
        with np.errstate(over="ignore", invalid="ignore"):
            out = np.array(image, np.float32, order="C")
        if not mask.any():
            return out
        unknown = mask | ~np.isfinite(out)
        if unknown.all():
            raise ArrayError(
                "All pixels of the image are masked or not finite: there is nothing to fill from."
            )
        with np.errstate(invalid="ignore"):
            bright = is_saturated(out, ACS_WFC.full_well) & ~unknown
        # Charge that filled a pixel or bled along a column says nothing of its neighbours' light.
        unknown |= bright if not (unknown | bright).all() else False
        plain = mask
        if self._engine is not None:
            plain = mask & (median_fill.wide(unknown) | dilate(bright, _BESIDE_SATURATED))
        values = median_fill.fill(out, unknown, plain)
        narrow = mask & ~plain
        if narrow.any():
            out[narrow] = self._network(out, unknown, narrow, _lift(out, unknown, sky), progress)
        out[plain] = values
        return out

    def _network(self, image, unknown, narrow, lift, progress):
        """Return what the network puts into the narrow parts of the mask, (N,)."""
        engine, margin = self._engine, self._engine.margin
        inner = np.s_[margin:-margin, margin:-margin]

        def infer(tile, masked, wanted):
            if not wanted[inner].any():
                return np.zeros(wanted[inner].shape, np.float32)
            tile += lift
            tile[masked != 0] = 0
            engine.electrons(tile, 0)
            return engine.forward(np.stack([tile, masked])) * np.float32(self._scale) - lift

        filled = np.empty(image.shape, np.float32)
        engine.process(infer, [image, unknown, narrow], filled, progress)
        return filled[narrow]


def _checked(image, mask):
    image, mask = require_image(image), np.asanyarray(mask)
    if mask.shape != image.shape or mask.dtype.kind not in "biu":
        raise ParameterError(
            f"A mask must be an array of booleans (or of integers, 0 for good pixels) of the image's shape "
            f"{image.shape}, not {mask.dtype} of shape {mask.shape}."
        )
    return image, mask != 0


def _lift(image, unknown, sky):
    """Electrons to add for the network."""
    if sky is None:
        return np.float32(max(SKY - background.level(image, ~unknown), 0.0))
    if not NUMBER.accepts(sky) or not np.isfinite(sky):
        raise ParameterError(f"sky={sky!r}: give the electrons to add, or None.")
    return np.float32(sky)


def inpaint(image, mask, model=models.INPAINT, *, precision="auto", device="auto", tile=None, sky=None):
    """Fill the masked pixels of an image.

    Parameters
    ----------
    image : ndarray, (R, C)
        Electrons, of any numeric dtype. Pixels that are not finite are not looked at,
        and stay as they are unless they are masked.
    mask : ndarray, (R, C), bool or integer
        Pixels to fill.
    model : str, path or models.Model
        ``ACS-WFC-F606W-2-32``, ``ACS-WFC-F606W-3-32``, ``medmask`` (the median of the
        good pixels in a window of 5x5), or the path of weights trained here.
    precision : {'auto', 'float32', 'bfloat16'}
        ``auto`` is bfloat16 where the processor has it natively, else float32.
    device : {'auto', 'cpu', 'cuda', 'cuda:N', 'mps'}
    tile : int, optional
        Side of the tiles in pixels. The result does not depend on it beyond rounding.
    sky : float, optional
        Electrons that are added for the network and taken off again, where the sky was
        subtracted. Default: as many as bring the median of the good pixels to 60, none
        if it is above.

    Returns
    -------
    ndarray, (R, C), float32
        The image with its masked pixels filled; all others are as they were, bit for
        bit if `image` is of float32.

    Raises
    ------
    ArrayError
        If the image is not a two-dimensional array, or no pixel is good.
    ArrayTypeError
        If it is not numeric.
    ModelError
        If the model cannot be loaded or is no inpainting model.
    ParameterError
        If a parameter is outside what is allowed, or the mask is of another shape.

    Notes
    -----
    The networks know cosmic rays, which are narrow, and no saturated stars. Parts of the
    mask into which a square of 5x5 pixels fits, and those within 10 pixels of one above
    70,000 e-, are filled by the masked median, whose window grows where it holds no good
    pixel. Pixels above 70,000 e- are not looked at.

    References
    ----------
    Zhang & Bloom 2020, section 2; Kwon, Zhang & Bloom 2021, section 3.2.
    """
    made = Inpainter(model, precision=precision, device=device, tile=tile)
    return made.fill(image, mask, sky)
