"""Samples of the simulator: from exposures on disk, or single chips in memory.

The truth is the simulator's: every pixel in which a cosmic ray left more than the limit of
`simulate.truth`. Ignored are the same pixels as in the paper: those flagged in the DQ that the exposure
would have without cosmic rays (so not those that a cosmic ray saturated), and the surroundings of all
above 70,000 e- in the image, cosmic rays included.
"""

from pathlib import Path

import numpy as np
from astropy.io import fits

from ... import simulate
from ...arrays.background import clipped_level
from ...errors import InputError
from ...files import inputs, inspection
from ..samples import FIELD_OF, Origin, Sample, TruthDescription, ignored

__all__ = ["DESCRIPTION", "chips", "samples"]

# To be stated with every figure that is measured on these samples.
DESCRIPTION = TruthDescription(
    statement="Exposures and truth are simulated (acs_deepcr_step.simulate): "
    "no real ACS/WFC pixels are behind our figures.",
    title="simulated exposures, simulator's truth",
)


def samples(paths):
    """Return the chips of simulated exposures, with the simulator's truth.

    Parameters
    ----------
    paths : str, path-like, or list of these
        Simulated exposures, as `inputs.expand` takes them; the truth of each
        (``<root>_flc_truth.fits``) lies beside it.

    Returns
    -------
    iterator of Sample
        In the order of the files and of EXTVER. The observation set is
        ``<filter>_<name of the exposure's directory>``.

    Raises
    ------
    InputError
        If an exposure or its truth is missing.
    ExposureError
        If a file is not an exposure.
    """
    found = inputs.expand(paths).paths
    for path in found:
        if not simulate.truth_path(path).is_file():
            raise InputError(
                f"{simulate.truth_path(path)} is missing: put the simulator's truth back beside "
                f"{Path(path).name}, or simulate the exposures anew."
            )
    exposures = [inspection.inspect(path) for path in found]
    return (sample for exposure in exposures for sample in _of_exposure(exposure))


def _of_exposure(exposure):
    path = Path(exposure.path)
    field = FIELD_OF.get(simulate.read_field(path), "")
    exptimes = {chip.extver: chip.exptime for chip in exposure.chips}
    for truth in simulate.read_truth(path):
        image = np.array(fits.getdata(path, "SCI", truth.extver), np.float32)
        ignore = ignored(image, truth.dq_clean)
        origin = Origin(
            observation_set=f"{exposure.filter}_{path.resolve().parent.name}",
            exposure=exposure.rootname,
            extver=truth.extver,
            filter=exposure.filter,
            field=field,
            exptime=exptimes[truth.extver],
        )
        yield Sample(image, truth.cr, ignore, clipped_level(image, ignore | truth.cr), origin)


def chips(seeds, field="sparse", filter="F814W", shape=(512, 512), exptime=500.0, **options):
    """Simulate single chips without files, each its own observation set.

    Parameters
    ----------
    seeds : iterable of int
        One chip per seed; the same seed gives the same pixels.
    field : {'sparse', 'crowded', 'galaxies'}
    filter : str
    shape : tuple of int
        Rows and columns.
    exptime : float
        Seconds.
    **options
        Fields of `simulate.SimulationOptions`.

    Yields
    ------
    Sample
    """
    for seed in seeds:
        chip = simulate.chip(shape, exptime, filter, field, seed, **options)
        ignore = ignored(chip.sci, chip.dq_clean)
        name = f"{filter}_{field}_{seed}"
        origin = Origin(name, name, 1, filter, FIELD_OF[field], float(exptime))
        yield Sample(chip.sci, chip.cr, ignore, clipped_level(chip.sci, ignore | chip.cr), origin)
