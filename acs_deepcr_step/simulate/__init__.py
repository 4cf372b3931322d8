"""ACS/WFC and WFC3/UVIS exposures with known cosmic rays.

`association` writes dithered exposures of one field as calacs or calwf3 would, with their truth beside them;
`chip` gives the arrays of one chip. The modules say what is simulated, from which sources, and which numbers
are free: `scene`, `colours`, `psf`, `optics`, `rendering`, `backdrop`, `cosmic_rays`, `silicon`, `detector`,
`cameras`, `wcs`, `headers`, `truth`. `residual` measures what cosmic rays leave in a drizzled product.

By default the PSF is the same over the field and in every exposure, cosmic rays are those of version 1, every
source has one brightness in all filters, and the sky is even; `SimulationOptions` changes that. Left out
always: flat-field structure, charge-transfer loss and what its correction leaves, persistence, ghosts,
diffraction spikes beyond 100 pixels, crosstalk of the amplifiers.
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
