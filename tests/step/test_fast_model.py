"""``model='ACS-WFC-fast'`` in a run: where it is asked for, and nowhere else."""

import numpy as np
from astropy.io import fits
from helpers import flag

from acs_deepcr_step import models, undo
from acs_deepcr_step.arrays.dq import CR_ACSREJ


def dq_of(path):
    with fits.open(path) as hdus:
        return [hdu.data.copy() for hdu in hdus if hdu.name == "DQ"]


def test_the_fast_model_flags_cosmic_rays_and_its_flags_can_be_undone(pair, truth_of):
    before = {path: dq_of(path) for path in pair}
    table = flag(*pair, model="ACS-WFC-fast")
    assert set(table["status"]) == {"done"} and set(table["nexp"]) == {2}
    for path in pair:
        header = fits.getheader(path)
        assert header["DCRMODEL"] == "ACS-WFC-fast" and models.info("ACS-WFC-fast").is_hash(header["DCRHASH"])
        for dq, truth in zip(dq_of(path), truth_of(path), strict=True):
            flags = (dq & CR_ACSREJ) != 0
            assert flags[truth.cr].mean() > 0.8 and flags[~truth.cr].mean() < 0.02
    undo([str(path) for path in pair])
    for path in pair:
        assert all(map(np.array_equal, dq_of(path), before[path]))


def test_nothing_chooses_the_fast_model_by_itself(one):
    for model in ({}, {"model": "auto"}):
        flag(one, **model)
        assert "fast" not in fits.getheader(one)["DCRMODEL"]
