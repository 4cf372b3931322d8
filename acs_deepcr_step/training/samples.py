"""Samples: the image of a chip with its truth, which training and evaluation work on.

Truth from AstroDrizzle, the simulator, a pair of exposures or the published patches alike is an
iterable of `Sample`, one at a time.
"""

from dataclasses import dataclass

import numpy as np

from ..arrays.dq import is_saturated
from ..flagging import guard
from ..instruments import ACS_WFC

__all__ = [
    "FIELD_OF",
    "FIELD_TYPES",
    "Origin",
    "Sample",
    "TruthDescription",
    "ignored",
]

# The paper's field types (section 2), by their keys in files and options.
FIELD_TYPES = {
    "globular": "Globular Cluster",
    "extragalactic": "Extragalactic Field",
    "galaxy": "Resolved Galaxy",
}

# The paper's field type of each of the simulator's fields.
FIELD_OF = {"sparse": "extragalactic", "crowded": "globular", "galaxies": "galaxy"}


@dataclass(frozen=True)
class Origin:
    """Exposure, chip and observation set of a sample.

    Attributes
    ----------
    observation_set : str
        E.g. ``F435W_10349_30``; never split between training and validation.
    exposure : str
        Root name of the exposure.
    extver : int
        EXTVER of the chip; 0 if unknown.
    filter : str
    field : str
        A key of `FIELD_TYPES`; empty if unknown.
    exptime : float
        Seconds; nan if unknown.
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
        Pixels left out of training and evaluation.
    sky : float
        Background level, electrons.
    origin : Origin
    """

    image: np.ndarray
    truth: np.ndarray
    ignore: np.ndarray
    sky: float
    origin: Origin


@dataclass(frozen=True)
class TruthDescription:
    """The truth of samples in words.

    Attributes
    ----------
    statement : str
        What the truth is and how complete, whether the exposures are simulated; for tables.
    title : str
        The same in a few words, for figures.
    """

    statement: str
    title: str


def ignored(image, dq):
    """Return the pixels that are ignored in training and evaluation, as in the paper.

    Parameters
    ----------
    image : ndarray, (R, C)
        Electrons.
    dq : ndarray, (R, C), integer
        Without flags set by cosmic-ray rejection.

    Returns
    -------
    ndarray, (R, C), bool
        Pixels with any DQ flag, not finite, or in the 7x7 surroundings of one above 70,000 e-.

    References
    ----------
    Kwon, Zhang & Bloom 2021, section 2.
    """
    finite = np.isfinite(image)
    return (dq != 0) | ~finite | guard.near(is_saturated(image, ACS_WFC.full_well) & finite)
