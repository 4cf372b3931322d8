"""A real calibrated ACS/HRC exposure, which spherical_geometry ships for its own tests."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from helpers import changed, data_bytes, dq, flag, flagged, hdu_bytes, index_of, mask_of, sci, snapshot
from scipy import ndimage

from acs_deepcr_step.errors import StepWarning


@pytest.fixture
def hrc(here):
    """A copy of the exposure: 47 Tuc in F606W, 60 s, 1024x1024."""
    package = importlib.util.find_spec("spherical_geometry")
    source = Path(package.submodule_search_locations[0]) / "tests" / "data" / "j8bt06nyq_flt.fits"
    return Path(shutil.copyfile(source, here / source.name))


def test_its_cosmic_rays_are_flagged_and_nothing_else_is_touched(hrc, here):
    image, before, old_dq, files = sci(hrc), hdu_bytes(hrc), dq(hrc), snapshot(here)
    with pytest.warns(StepWarning, match="60 s") as caught:
        table = flag(hrc)
    assert len(caught) == 1  # the camera is taken as it comes, its time is short
    assert changed(files, snapshot(here)) == {hrc.name, mask_of(hrc).name}

    ours = flagged(hrc)
    assert not (old_dq & 8192).any() and np.array_equal(dq(hrc) & ~8192, old_dq)
    for name in ("SCI", "ERR"):
        index = index_of(hrc, name)
        assert hdu_bytes(hrc)[index] == before[index]
    assert len(data_bytes(hrc, "DQ")) == len(before[index_of(hrc, "DQ")][1])

    row = table[0]
    assert (row["filter"], row["exptime"], row["status"]) == ("F606W", 60.0, "done")
    # In 60 s on 4.6 cm2, some 300 events; the cores of this cluster's saturated stars come on top.
    assert 0.8 < row["cr_rate"] < 5 and 2000 < row["n_flagged"] == ours.sum() < 8000

    # What no star of a well-sampled PSF can be: a pixel that towers over its row and column.
    height = image - ndimage.percentile_filter(image, 25, 7)
    beside = ndimage.maximum_filter(height, footprint=[[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    sharp = (height > 300) & (beside < 0.25 * height) & (old_dq == 0)
    assert sharp.sum() > 30 and ours[sharp].mean() > 0.95


def test_saturated_star_cores_are_mostly_spared(hrc):
    with pytest.warns(StepWarning):
        flag(hrc, protect_saturated=False)
    saturated = ndimage.maximum_filter((dq(hrc) & (256 | 2048)) != 0, 7) | (
        ndimage.maximum_filter(sci(hrc), 7) > 70_000
    )
    without = flagged(hrc)
    with pytest.warns(StepWarning):
        flag(hrc)
    with_guard = flagged(hrc)
    assert not (with_guard & ~without).any()
    assert np.array_equal(with_guard[~saturated], without[~saturated])
    assert with_guard[saturated].sum() < 0.6 * without[saturated].sum()


def test_first_header_still_tells_what_it_told(hrc):
    old = fits.getheader(hrc)
    with pytest.warns(StepWarning):
        flag(hrc)
    new = fits.getheader(hrc)
    assert all(new[key] == old[key] for key in old if key not in ("HISTORY", "COMMENT", ""))
