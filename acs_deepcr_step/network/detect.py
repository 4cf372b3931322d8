"""From an image to the probability of a cosmic ray per pixel, and to a mask. Arrays only."""

import os

import numpy as np

from ..arrays import background
from ..arrays.morphology import dilate
from ..arrays.numerics import numpy_defaults
from ..config.arguments import NUMBER, TEXT, WHOLE, checked, optional
from ..config.specification import shown
from ..errors import ArrayError, ArrayTypeError, ModelError, ParameterError
from . import models
from .engine import Engine

__all__ = ["Detector", "mask", "probability", "require_image", "require_threshold"]


class Detector:
    """A mask model made ready to be applied to many images.

    Parameters
    ----------
    model : str, path or models.Model
        A published model, a weights file, or a loaded model.
    precision : {'auto', 'float32', 'bfloat16'}
        ``auto`` is bfloat16 where the processor has it natively, else float32.
    device : {'auto', 'cpu', 'cuda', 'cuda:N', 'mps'}
    tile : int, optional
        Side of the tiles in pixels; the default is the fastest one measured.
    threads : int, optional
        Tiles at a time on a CPU; the default is PyTorch's number of threads.

    Raises
    ------
    ModelError
        If the model cannot be loaded or is no mask model.
    ParameterError
        If a parameter is outside what is allowed or the device is not there.
    """

    @checked(model=models.MODEL, precision=TEXT, device=TEXT, tile=optional(WHOLE), threads=optional(WHOLE))
    def __init__(self, model=models.GLOBAL, *, precision="auto", device="auto", tile=None, threads=None):
        self.model = models.load(model)
        info = self.model.info
        if info.kind != "mask":
            raise ModelError(
                f"Model {info.name} fills pixels; it does not find cosmic rays: give a mask model."
            )
        self._engine = Engine(self.model, precision=precision, device=device, tile=tile, threads=threads)

    @property
    def precision(self):
        """The precision in use: ``float32`` or ``bfloat16``."""
        return self._engine.precision

    def tiles(self, shape):
        """Return how often `probability` calls `progress` for an image of a shape (rows, columns)."""
        return self._engine.tiles(shape)

    @numpy_defaults()
    def probability(self, image, progress=None):
        """Return the probability that a cosmic ray hit each pixel.

        Parameters
        ----------
        image : ndarray, (R, C)
            Electrons, sky included, of any float or integer dtype.
        progress : callable, optional
            Called with 1 after each tile.

        Returns
        -------
        ndarray, (R, C), float32
            0 to 1; exactly 0 where the image is not finite.

        Raises
        ------
        ArrayError
            If the image is not two-dimensional, is empty, or has no finite pixel.
        ArrayTypeError
            If it is not numeric.
        """
        image = require_image(image)
        typical = background.level(image)  # stands in for pixels that are not finite
        if np.isnan(typical):
            raise ArrayError(
                "The image has no finite pixel, so no cosmic ray can be found in it: leave it out."
            )
        out, scaling = np.empty(image.shape, np.float32), self._engine.scaling(image)
        self._engine.process(lambda tile: self._infer(tile, typical, scaling), [image], out, progress)
        return out

    def _infer(self, tile, fill, scaling):
        """Probability of the inner part of a padded tile, float32."""
        bad = self._engine.electrons(tile, fill, scaling)
        result = self._engine.forward(tile[None])
        if bad is not None:
            margin = self._engine.margin
            result[bad[margin:-margin, margin:-margin]] = 0
        return result


def require_image(image):
    """Return an image as an array, or refuse it.

    Parameters
    ----------
    image : array-like

    Returns
    -------
    ndarray, (R, C)

    Raises
    ------
    ArrayError
        If it is not two-dimensional, or is empty.
    ArrayTypeError
        If it is not numeric, or the name of a file.
    """
    if isinstance(image, str | os.PathLike):
        raise ArrayTypeError(
            f"An image must be an array of pixels, not the name of a file ({shown(image)}): read its pixels, "
            "or give the file to acs_deepcr_step.run."
        )
    image = np.asanyarray(image)
    message = (
        f"An image must be a two-dimensional array of numbers, not {image.dtype} of shape {image.shape}."
    )
    if image.dtype.kind not in "fiu":
        raise ArrayTypeError(message)
    if image.ndim != 2 or image.size == 0:
        raise ArrayError(message)
    return image


def probability(image, model=models.GLOBAL, *, precision="auto", device="auto", tile=None):
    """Return the probability that a cosmic ray hit each pixel of an image.

    Parameters
    ----------
    image : ndarray, (R, C)
        Electrons, sky included (its level hardly matters), of any numeric dtype
        and size. Pixels that are not finite do not spread and get 0.
    model : str, path or models.Model
        ``ACS-WFC`` (the global model), another name from `models.names`, or a
        weights file.
    precision : {'auto', 'float32', 'bfloat16'}
        ``auto`` is bfloat16 where the processor has it natively, else float32.
    device : {'auto', 'cpu', 'cuda', 'cuda:N', 'mps'}
    tile : int, optional
        Side of the tiles in pixels. The result does not depend on it beyond
        rounding (1e-5 in float32).

    Returns
    -------
    ndarray, (R, C), float32
        Probability, 0 to 1.

    Raises
    ------
    ArrayError
        If the image is not a two-dimensional array with finite pixels.
    ArrayTypeError
        If it is not numeric.
    ModelError
        If the model cannot be loaded.
    ParameterError
        If a parameter is outside what is allowed.

    References
    ----------
    Kwon, Zhang & Bloom 2021; Zhang & Bloom 2020, section 2.
    """
    return Detector(model, precision=precision, device=device, tile=tile).probability(image)


@checked(threshold=NUMBER)
def mask(probability, threshold=0.5, grow=0):
    """Return which pixels to flag.

    Parameters
    ----------
    probability : ndarray, (R, C)
        From `probability`.
    threshold : float
        Pixels above it are flagged, 0 to 1.
    grow : int
        Each flagged pixel flags the square of 2 * grow + 1 pixels around it; 1 is
        the dilation of the paper.

    Returns
    -------
    ndarray, (R, C), bool

    Raises
    ------
    ParameterError
        If the threshold is not in 0..1 or grow is not a whole number, 0 or more.
    ArrayTypeError
        If the probability is not numeric.
    """
    require_threshold(threshold)
    probability = np.asarray(probability)
    if probability.dtype.kind not in "fiu":
        raise ArrayTypeError(f"A probability must be an array of numbers, not {probability.dtype}.")
    return dilate(probability > threshold, grow)


def require_threshold(threshold):
    """Refuse what is not a probability, with a `ParameterError`."""
    if not 0 <= threshold <= 1:  # also refuses nan
        raise ParameterError(f"threshold={threshold!r}: give a probability from 0 to 1.")
