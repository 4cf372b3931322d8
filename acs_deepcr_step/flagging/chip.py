"""One chip as the decision on its flags sees it."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..arrays import dq
from ..arrays.background_map import BackgroundMap, measure_map
from . import guard

__all__ = ["ChipImage"]


@dataclass(frozen=True, eq=False)
class ChipImage:
    """Pixels of one chip, and what is known of each.

    Attributes
    ----------
    net : ndarray, (R, C), float32
        Electrons above the background.
    scaled_probability : ndarray, (R, C), int16
        10,000 times the probability of a cosmic ray.
    saturated : ndarray, (R, C), bool
        Saturated pixels, by DQ or by their charge.
    background : BackgroundMap
    full_rows : int
        Rows of a chip of this detector that is read out whole; fewer are a subarray. By default
        every array counts as whole.
    bad : ndarray, (R, C), bool, optional
        Pixels that say nothing of the sky: lost, bad, filled, not finite.
    """

    net: np.ndarray = field(repr=False)
    scaled_probability: np.ndarray = field(repr=False)
    saturated: np.ndarray = field(repr=False)
    background: BackgroundMap = field(repr=False)
    full_rows: int = 0
    bad: np.ndarray | None = field(default=None, repr=False)

    @classmethod
    def of(cls, image, bits, scaled_probability, instrument, background=None):
        """Put together what is known of the pixels of a chip.

        Parameters
        ----------
        image : ndarray, (R, C), float32
            Electrons, background included.
        bits : ndarray, (R, C), integer
            DQ.
        scaled_probability : ndarray, (R, C), int16
            10,000 times the probability of a cosmic ray.
        instrument : instruments.Instrument
        background : BackgroundMap, optional
            Of the image; measured if it is not given.

        Returns
        -------
        ChipImage
        """
        background = background or measure_map(image, dq.is_sky(bits))
        return cls(
            background.subtracted_from(image),
            scaled_probability,
            dq.is_saturated(image, instrument.saturation, bits),
            background,
            instrument.full_rows,
            ((bits & dq.NO_IMAGE) != 0) | ~np.isfinite(image),
        )

    @property
    def is_subarray(self):
        """Whether only some rows of the detector were read."""
        return self.net.shape[0] < self.full_rows

    @cached_property
    def near_saturated(self):
        """Pixels within 7x7 of a saturated one (`guard`), (R, C) bool."""
        return guard.near(self.saturated)
