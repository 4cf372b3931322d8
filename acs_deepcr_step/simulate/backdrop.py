"""The light behind the sources: sky, its gradient, and light that is scattered into the field."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Backdrop", "of"]

_GLOW_WIDTH = 0.5  # of half the field, rms


@dataclass(frozen=True)
class Backdrop:
    """The smooth light of one exposure; electrons per pixel.

    Attributes
    ----------
    sky : float
        Its mean. Negative: no sky, and so much was subtracted.
    gradient : float
        From one corner of the field to the opposite one.
    scattered : float
        At the middle of the left edge, from where scattered light falls off with a width of a quarter of the
        field.
    """

    sky: float
    gradient: float = 0.0
    scattered: float = 0.0

    def expected(self, place):
        """Return the light that falls on an array.

        Parameters
        ----------
        place : field.Place

        Returns
        -------
        float, or ndarray, (R, C)
            Electrons; nowhere negative.
        """
        sky = max(self.sky, 0.0)
        if not self.gradient and not self.scattered:
            return sky
        rows, columns = place.shape
        u, v = place.units(np.arange(columns)[None, :], np.arange(rows)[:, None])
        glow = self.scattered * np.exp(-((u + 1) ** 2 + v**2) / (2 * _GLOW_WIDTH**2))
        return np.maximum(sky + self.gradient * (u + v) / 4 + glow, 0.0)


def of(options, bandpass, exptime, index=0):
    """Return the smooth light of an exposure.

    Parameters
    ----------
    options : SimulationOptions
        Of which `sky`, `gradient` and `scattered_light` matter.
    bandpass : filters.Bandpass
    exptime : float
        Seconds.
    index : int
        Number of the exposure, from 0.

    Returns
    -------
    Backdrop
    """
    sky = options.one("sky", index)
    usual = bandpass.sky * exptime
    return Backdrop(
        usual if sky is None else sky, options.one("gradient", index), options.one("scattered_light", index)
    )
