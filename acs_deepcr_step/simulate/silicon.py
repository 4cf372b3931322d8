"""The silicon in which cosmic rays leave their charge, by version of the simulator's cosmic rays.

Version 1 are sharp tracks: 10 micron of silicon, in which charge diffuses by 0.36 pixels at most. Real ones
are fatter and fuzzier, with a sharp peak nevertheless. Version 2 has what a thinned CCD lit from behind has:
an electric field takes the charge made near the front straight to its pixel, while behind the field charge
wanders before it gets there. Its five numbers were fitted to events of four real WFC3/UVIS exposures (the
distributions of their size, charge, length, width, sharpness, faint pixels and peak; least sum of squared
Kolmogorov-Smirnov distances) and hold for the four others and, with the diffusion in micron, for a STIS pair
of which the depth alone was fitted. ``benchmarks/cosmic_rays.py`` measures it again.
"""

from dataclasses import dataclass

import numpy as np

from .. import instruments

__all__ = ["SHARP", "VERSIONS", "Silicon", "of"]

VERSIONS = (1, 2)
# Silicon that collects charge, micron. UVIS and STIS: fitted to real events. ACS/WFC: as STIS, whose CCD is
# of the same maker, since no real pixels of ACS/WFC were at hand; the most frequent charge is then near the
# 1000 electrons of the ACS Instrument Handbook.
_DEPTHS = {"ACS/WFC": 12.0, "WFC3/UVIS": 15.3, "STIS/CCD": 12.0}
_FRONT_UM, _BACK_UM = 1.6, 13.0  # diffusion, rms per axis
_DEPLETED = 0.66
_SLOW = 0.29


@dataclass(frozen=True)
class Silicon:
    """The silicon of a CCD, how charge diffuses in it, and how fast the particles are.

    Attributes
    ----------
    pixel_um : float
        Side of a pixel, micron.
    depth_um : float
        Silicon that collects charge, micron.
    front, back : float
        Diffusion, pixels rms per axis, of charge made at the front and at the back of the chip.
    depleted : float
        Share of the depth, from the front, in which a field takes charge straight to its pixel: it diffuses
        like that made at the front. Behind it the variance grows linearly.
    slow : float
        Share of the particles that are slower than minimum ionising ones, and leave more charge.
    """

    pixel_um: float = instruments.ACS_WFC.pixel_microns
    depth_um: float = 10.0
    front: float = 0.13
    back: float = 0.36
    depleted: float = 0.0
    slow: float = 0.0

    def diffusion(self, depth):
        """Return how far charge diffuses by the depth where it was made.

        Parameters
        ----------
        depth : ndarray, (K,)
            From 0, the front of the chip, to 1, its back.

        Returns
        -------
        ndarray, (K,)
            Pixels, rms per axis.
        """
        if self.depleted:
            depth = np.maximum(depth - self.depleted, 0) / (1 - self.depleted)
        return np.sqrt(self.front**2 + (self.back**2 - self.front**2) * depth)


SHARP = Silicon()


def of(version, camera="ACS/WFC"):
    """Return the silicon of a camera's CCD.

    Parameters
    ----------
    version : {1, 2}
        Of the cosmic rays.
    camera : {'ACS/WFC', 'WFC3/UVIS', 'STIS/CCD'}

    Returns
    -------
    Silicon
        Version 1 knows ACS/WFC alone, and takes any camera for it.

    Raises
    ------
    ValueError
        If there is no such version.
    """
    if version not in VERSIONS:
        raise ValueError(f"no cosmic rays of version {version!r}; there are {', '.join(map(str, VERSIONS))}")
    if version == 1:
        return SHARP
    pixel_um = instruments.find(*camera.split("/")).pixel_microns
    return Silicon(pixel_um, _DEPTHS[camera], _FRONT_UM / pixel_um, _BACK_UM / pixel_um, _DEPLETED, _SLOW)
