"""One chip with its truth: what training and evaluation work on.

Wherever the truth comes from (AstroDrizzle, the simulator, a pair of exposures, the
published patches), it is handed on as an iterable of `Sample`, one at a time.
"""

from dataclasses import dataclass

import numpy as np

from ..detect import dilate

__all__ = ["BRIGHT", "FIELD_TYPES", "Origin", "Sample", "ignored", "sky_level"]

# The paper's field types (section 2), by the words that files and options use.
FIELD_TYPES = {
    "globular": "Globular Cluster",
    "extragalactic": "Extragalactic Field",
    "galaxy": "Resolved Galaxy",
}

# Electrons above which the surroundings of a pixel are left out, and their reach (paper, section 2).
BRIGHT = 70_000.0
_BRIGHT_REACH = 3


@dataclass(frozen=True)
class Origin:
    """Where a sample comes from.

    Attributes
    ----------
    observation_set : str
        What is never split between training and validation, e.g. ``F435W_10349_30``.
    exposure : str
        Root name of the exposure.
    extver : int
        The chip in its file; 0 for a patch whose chip is not known.
    filter : str
    field : str
        A key of `FIELD_TYPES`, or empty where it is not known.
    exptime : float
        Seconds; nan where it is not known.
    """

    observation_set: str
    exposure: str
    extver: int = 0
    filter: str = ""
    field: str = ""
    exptime: float = float("nan")


@dataclass(frozen=True, eq=False)
class Sample:
    """An image with its truth.

    Attributes
    ----------
    image : ndarray, (R, C), float32
        Electrons, sky included.
    truth : ndarray, (R, C), bool
        Pixels hit by cosmic rays.
    ignore : ndarray, (R, C), bool
        Pixels that count neither in training nor in evaluation.
    sky : float
        Level of the sky in the image, electrons.
    origin : Origin
    """

    image: np.ndarray
    truth: np.ndarray
    ignore: np.ndarray
    sky: float
    origin: Origin


def ignored(image, dq):
    """Return the pixels that the paper leaves out of training and evaluation.

    Parameters
    ----------
    image : ndarray, (R, C)
        Electrons.
    dq : ndarray, (R, C), integer
        Without the flags that cosmic-ray rejection set.

    Returns
    -------
    ndarray, (R, C), bool
        Any DQ flag, what is not finite, and the 7x7 surroundings of pixels above 70,000 e-.

    References
    ----------
    Kwon, Zhang & Bloom 2021, section 2.
    """
    finite = np.isfinite(image)
    bright = np.zeros(image.shape, bool)
    np.greater(image, BRIGHT, out=bright, where=finite)
    return (dq != 0) | ~finite | dilate(bright, _BRIGHT_REACH)


def sky_level(image, ignore):
    """Return the level of the sky in an image.

    Parameters
    ----------
    image : ndarray, (R, C)
        Electrons.
    ignore : ndarray, (R, C), bool
        Pixels to leave out.

    Returns
    -------
    float
        Median of the pixels within 3 sigma of the median, after three rounds of clipping; nan if all
        pixels are left out.
    """
    values = np.asarray(image, np.float64)[~ignore]
    for _ in range(3):
        if not values.size:
            return float("nan")
        centre = np.median(values)
        sigma = 1.4826 * np.median(np.abs(values - centre))
        near = np.abs(values - centre) <= 3 * sigma
        if near.all() or sigma == 0:
            break
        values = values[near]
    return float(np.median(values)) if values.size else float("nan")
