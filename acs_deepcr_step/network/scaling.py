"""How a network wants an image: shifted, divided, compressed. NumPy alone.

A compressed input has the noise of the sky as its unit, whatever the exposure, and does not let star cores
dominate: arcsinh((x - level) / (2 sqrt(v))) with v = max(level, 0) + 25 e-2, the variance of the sky and of
5 e- read noise.
"""

from dataclasses import dataclass

import numpy as np

from ..arrays import background

__all__ = ["COMPRESSIONS", "LARGEST", "Scaling", "of_image", "of_level"]

COMPRESSIONS = ("", "asinh")

# Beyond any charge a pixel can hold, and far from overflow inside the network.
LARGEST = 1e7
_READ_NOISE_VARIANCE = 25.0  # e-2


@dataclass(frozen=True)
class Scaling:
    """What is done to the pixels of an image before a network sees them.

    Attributes
    ----------
    level : float
        Is subtracted, electrons.
    divisor : float
        Divides what is left.
    compression : {'', 'asinh'}
        Is applied to that.
    """

    level: float = 0.0
    divisor: float = 1.0
    compression: str = ""

    def apply(self, pixels):
        """Scale pixels in place.

        Parameters
        ----------
        pixels : ndarray, float32
            Electrons, finite.

        Returns
        -------
        ndarray
            The same.
        """
        if self.level:
            pixels -= np.float32(self.level)
        if self.divisor != 1:
            pixels /= np.float32(self.divisor)
        if self.compression == "asinh":
            np.arcsinh(pixels, out=pixels)
        return pixels


def of_level(level, facts):
    """Return how a network wants an image of a level, unless it standardises.

    Parameters
    ----------
    level : float
        The median of the image's pixels, electrons.
    facts : published.ModelInfo, or others with a scale and a compression

    Returns
    -------
    Scaling
    """
    if not facts.compression:
        return Scaling(divisor=facts.scale)
    noise = float(np.sqrt(max(level, 0.0) + _READ_NOISE_VARIANCE))
    return Scaling(level, 2 * noise, facts.compression)


def of_image(image, info):
    """Return how a network wants an image.

    Parameters
    ----------
    image : ndarray, (R, C)
        Electrons, the whole image: tiles of it share one scaling.
    info : published.ModelInfo

    Returns
    -------
    Scaling
    """
    if not info.standardise:
        return of_level(background.level(image) if info.compression else 0.0, info)
    values = image[np.isfinite(image)].astype(np.float64)
    np.clip(values, -LARGEST, LARGEST, out=values)
    return Scaling(float(values.mean()), float(values.std()) or 1.0)
