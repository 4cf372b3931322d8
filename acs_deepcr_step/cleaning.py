"""Find the cosmic rays of an image and fill them, in one call. Arrays only."""

from dataclasses import dataclass

import numpy as np

from . import detect, exposure, flags, models
from .errors import ParameterError
from .inpaint import Inpainter

__all__ = ["clean"]


@dataclass(frozen=True)
class _Decision:
    """The parameters that `flags.alone` looks at."""

    threshold: float
    grow: int
    protect_saturated: bool


def clean(
    image, model=models.GLOBAL, inpaint=models.INPAINT, threshold=0.5, grow=0,
    *, dq=None, protect_saturated=True, device="auto", precision="auto",
):  # fmt: skip
    """Find the cosmic rays of an image and fill their pixels.

    Parameters
    ----------
    image : ndarray, (R, C)
        Electrons, sky included, of any numeric dtype.
    model : str, path or models.Model
        Mask model: ``ACS-WFC`` (the global model), another name from `models.names`, or
        a weights file.
    inpaint : str, path, models.Model or None
        Inpainting model, as for `inpaint.inpaint`. None fills nothing: the masked pixels
        of the cleaned image are NaN.
    threshold : float
        Pixels with a probability above it are masked, 0 to 1.
    grow : int
        Each of them masks the square of 2 * grow + 1 pixels around it.
    dq : ndarray, (R, C), integer, optional
        Data quality, of which the bits of saturation (256, 2048) matter.
    protect_saturated : bool
        Beside saturated pixels mask only what the network is sure of.
    device : {'auto', 'cpu', 'cuda', 'mps'}
    precision : {'auto', 'float32', 'bfloat16'}

    Returns
    -------
    mask : ndarray, (R, C), bool
        What `run` flags in a single exposure with these pixels and DQ.
    cleaned_image : ndarray, (R, C), float32
        The image with the masked pixels filled.

    Raises
    ------
    ExposureError
        If the image is not a two-dimensional array with finite pixels.
    ModelError
        If a model cannot be loaded, or is of the wrong kind.
    ParameterError
        If a parameter is outside what is allowed.

    References
    ----------
    Kwon, Zhang & Bloom 2021, section 3.2.
    """
    detector = detect.Detector(model, precision=precision, device=device)
    inpainter = None if inpaint is None else Inpainter(inpaint, precision=precision, device=device)
    image = np.asanyarray(image)
    saturated = image > detect.SATURATION_LEVEL
    if dq is not None:
        dq = np.asanyarray(dq)
        if dq.shape != image.shape or dq.dtype.kind not in "iu":
            raise ParameterError(
                f"dq must hold integers in the image's shape {image.shape}, not {dq.dtype} in {dq.shape}."
            )
        saturated |= exposure.is_saturated(dq)
    detect.mask(np.zeros((1, 1)), threshold, grow)  # refuses what is not allowed before the work begins
    stored = flags.to_stored(detector.probability(image))
    decision = _Decision(threshold, grow, bool(protect_saturated))
    mask = (flags.alone(stored, image, saturated, decision) & flags.FLAGGED) != 0
    if inpainter is not None:
        return mask, inpainter.fill(image, mask)
    holes = np.array(image, np.float32)
    holes[mask] = np.nan
    return mask, holes
