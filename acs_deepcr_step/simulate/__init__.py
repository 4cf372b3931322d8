"""ACS/WFC exposures with known cosmic rays.

`association` writes dithered exposures of one field as calacs would, with their truth beside them; `chip`
gives the arrays of one chip. What is simulated, from which sources, and what is free is told in the
modules: `scene`, `psf`, `cosmic_rays`, `detector`, `wcs`, `headers`, `truth`. Left out: flat-field
structure, charge-transfer loss, the change of the PSF over the field, scattered light.
"""

from .association import SimulatedChip, association, chip
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
    "truth_path",
    "without_cosmic_rays",
]
