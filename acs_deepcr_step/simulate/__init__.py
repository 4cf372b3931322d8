"""ACS/WFC exposures with known cosmic rays.

`association` writes dithered exposures of one field as calacs would, with their truth beside them; `chip`
gives the arrays of one chip. The modules say what is simulated, from which sources, and which numbers are
free: `scene`, `psf`, `rendering`, `cosmic_rays`, `detector`, `wcs`, `headers`, `truth`. `residual` measures
what cosmic rays leave in a drizzled product. Left out: flat-field structure, charge-transfer loss, the change
of the PSF over the field, scattered light.
"""

from . import residual
from .chip_image import SimulatedChip
from .exposures import association, chip
from .options import SimulationOptions
from .scene import FIELDS
from .truth import ChipTruth, read_field, read_truth, truth_path, without_cosmic_rays

__all__ = [
    "FIELDS",
    "ChipTruth",
    "SimulatedChip",
    "SimulationOptions",
    "association",
    "chip",
    "read_field",
    "read_truth",
    "residual",
    "truth_path",
    "without_cosmic_rays",
]
