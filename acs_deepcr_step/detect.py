"""From an image to the probability of a cosmic ray per pixel, and to a mask.

Arrays only; nothing here opens a file of exposures. `probability` is the network,
`mask` the decision; `protect_saturated` and `dilate` adjust it.
"""

import numpy as np

from . import models
from .engine import Engine
from .errors import ExposureError, ModelError, ParameterError

__all__ = ["Detector", "dilate", "mask", "probability", "protect_saturated"]

# Training ignored all pixels within 7x7 of one above 70,000 e- (paper, section 2),
# so a middling probability there means nothing. Bright cosmic rays saturate
# pixels too, but the network is sure of those.
SATURATION_LEVEL = 70_000.0
GUARD_SIDE = 7
GUARD_PROBABILITY = 0.9


class Detector:
    """A mask model made ready to be applied to many images.

    Parameters
    ----------
    model : str, path or models.Model
        A published model, a weights file, or a loaded model.
    precision : {'auto', 'float32', 'bfloat16'}
        ``auto`` is bfloat16 where the processor has it natively, else float32.
    device : {'auto', 'cpu', 'cuda', 'mps'}
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
        ExposureError
            If the image is not two-dimensional, not numeric, empty, or has no
            finite pixel.
        """
        image = np.asanyarray(image)
        if image.ndim != 2 or image.dtype.kind not in "fiu" or image.size == 0:
            raise ExposureError(
                f"An image must be a two-dimensional array of numbers, not {image.dtype} "
                f"of shape {image.shape}."
            )
        fill = _typical(image)
        out = np.empty(image.shape, np.float32)
        self._engine.process(lambda tile: self._infer(tile, fill), [image], out, progress)
        return out

    def _infer(self, tile, fill):
        """Probability of the inner part of a padded tile, float32."""
        bad = self._engine.electrons(tile, fill)
        result = self._engine.forward(tile[None])
        if bad is not None:
            margin = self._engine.margin
            result[bad[margin:-margin, margin:-margin]] = 0
        return result


def _typical(image):
    """A value to stand in for pixels that are not finite: about the sky."""
    step = max(1, int(np.sqrt(image.size / 65536)))
    for sample in (image[::step, ::step], image):
        finite = sample[np.isfinite(sample)]
        if finite.size:
            return float(np.median(finite))
    raise ExposureError("The image has no finite pixel, so no cosmic ray can be found in it: leave it out.")


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
    device : {'auto', 'cpu', 'cuda', 'mps'}
    tile : int, optional
        Side of the tiles in pixels. The result does not depend on it beyond
        rounding (1e-5 in float32).

    Returns
    -------
    ndarray, (R, C), float32
        Probability, 0 to 1.

    Raises
    ------
    ExposureError
        If the image is not a two-dimensional array with finite pixels.
    ModelError
        If the model cannot be loaded.
    ParameterError
        If a parameter is outside what is allowed.

    References
    ----------
    Kwon, Zhang & Bloom 2021; Zhang & Bloom 2020, section 2.
    """
    return Detector(model, precision=precision, device=device, tile=tile).probability(image)


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
    """
    if not 0 <= threshold <= 1:  # also refuses nan
        raise ParameterError(f"threshold={threshold!r}: give a probability from 0 to 1.")
    return dilate(np.asarray(probability) > threshold, grow)


def dilate(flags, pixels):
    """Return the flags grown by a square of ``2 * pixels + 1``.

    Parameters
    ----------
    flags : ndarray, (R, C), bool
    pixels : int

    Returns
    -------
    ndarray, (R, C), bool
        The flags themselves where `pixels` is 0.

    Raises
    ------
    ParameterError
        If `pixels` is not a whole number, 0 or more.
    """
    if isinstance(pixels, bool) or not float(pixels).is_integer() or pixels < 0:
        raise ParameterError(f"grow={pixels!r}: give a whole number of pixels, 0 or more.")
    if pixels == 0:
        return flags
    # Shifted copies, first along one axis, then along the other.
    for axis in (0, 1):
        whole = np.swapaxes(flags, 0, axis)
        grown = whole.copy(order="K")  # memory stays in its order, whichever axis
        for shift in range(1, min(int(pixels), len(whole) - 1) + 1):
            grown[shift:] |= whole[:-shift]
            grown[:-shift] |= whole[shift:]
        flags = np.swapaxes(grown, 0, axis)
    return flags


def protect_saturated(flags, probability, saturated, sure=GUARD_PROBABILITY):
    """Unflag what the network is not sure of close to saturated pixels.

    Parameters
    ----------
    flags : ndarray, (R, C), bool
    probability : ndarray, (R, C)
    saturated : ndarray, (R, C), bool
        Pixels at full well, in DQ or by their charge (`SATURATION_LEVEL`).
    sure : float
        The probability, in the unit of `probability`, from which flags stay.

    Returns
    -------
    ndarray, (R, C), bool
        The flags less those below `sure` within 7x7 of a saturated pixel.

    Notes
    -----
    The published training left these surroundings out (paper, section 2), so a
    star's saturated core may look like a cosmic ray to the network.
    """
    if not saturated.any():
        return flags
    doubtful = flags & dilate(saturated, GUARD_SIDE // 2)
    doubtful[doubtful] = probability[doubtful] < sure
    return flags & ~doubtful
