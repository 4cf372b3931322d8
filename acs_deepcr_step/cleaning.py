"""Find the cosmic rays of an image and fill them, in one call. Arrays only."""

import numpy as np

from .arrays import dq as bits
from .arrays import reasons
from .arrays.background_map import measure_map
from .arrays.morphology import require_growth
from .arrays.numerics import numpy_defaults
from .arrays.probabilities import to_scaled
from .config.arguments import FLAG, NUMBER, TEXT, checked, optional
from .config.decision import Decision
from .errors import ParameterError
from .flagging import single
from .flagging.chip import ChipImage
from .instruments import ACS_WFC
from .network import detect, models
from .network.inpaint import Inpainter

__all__ = ["clean"]


@numpy_defaults()
@checked(
    model=models.MODEL,
    inpaint=optional(models.MODEL),
    threshold=NUMBER,
    device=TEXT,
    precision=TEXT,
    protect_saturated=FLAG,
)
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
    device : {'auto', 'cpu', 'cuda', 'cuda:N', 'mps'}
    precision : {'auto', 'float32', 'bfloat16'}

    Returns
    -------
    mask : ndarray, (R, C), bool
        What `run` flags in a single exposure with these pixels and DQ.
    cleaned_image : ndarray, (R, C), float32
        The image with the masked pixels filled.

    Raises
    ------
    ArrayError
        If the image is not a two-dimensional array with finite pixels.
    ArrayTypeError
        If it is not numeric.
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
    image = detect.require_image(image)
    if dq is not None:
        dq = np.asanyarray(dq)
        if dq.shape != image.shape or dq.dtype.kind not in "iu":
            raise ParameterError(
                f"dq must hold integers in the image's shape {image.shape}, not {dq.dtype} in {dq.shape}."
            )
    detect.require_threshold(threshold)
    require_growth(grow)
    scaled_probability = to_scaled(detector.probability(image))
    saturated = bits.is_saturated(image, ACS_WFC.full_well, dq)
    good = np.isfinite(image) if dq is None else bits.is_sky(dq)
    background = measure_map(image, good & ~saturated)
    net = background.subtracted_from(image)
    chip = ChipImage(net, scaled_probability, saturated, background, ACS_WFC.full_rows)
    decision = Decision(threshold, grow, bool(protect_saturated))
    mask = reasons.is_flagged(single.decide(chip, decision))
    if inpainter is not None:
        return mask, inpainter.fill(image, mask)
    holes = np.array(image, np.float32)
    holes[mask] = np.nan
    return mask, holes
