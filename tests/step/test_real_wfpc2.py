"""A real WFPC2 frame of omega Cen, which stsci.tools ships for its tests: stars too sharp for the models."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from helpers import flag, flagged, hdu_bytes

from acs_deepcr_step.errors import ExposureError, StepWarning

KEPT = (
    "INSTRUME", "ROOTNAME", "EXPTIME", "EXPSTART", "IMAGETYP", "FILTNAM1", "FILTNAM2", "ATODGAIN", "EXPFLAG",
    "MTFLAG", "TARGNAME",
)  # fmt: skip


@pytest.fixture
def wfpc2(here):
    """One of its wide-field chips, in a file as ACS has them, with SCI and DQ."""
    package = importlib.util.find_spec("stsci.tools")
    source = Path(package.submodule_search_locations[0]) / "tests" / "data" / "u40x010hm_c0f.fits"
    with fits.open(source, memmap=False) as hdus:
        cards = {key: hdus[0].header[key] for key in KEPT}
        pixels = hdus[0].data[1].astype(np.float32)
    path = here / "u40x010hm_flt.fits"
    fits.HDUList(
        [
            fits.PrimaryHDU(header=fits.Header(cards)),
            fits.ImageHDU(pixels, fits.Header({"BUNIT": "COUNTS", "DETECTOR": 2}), name="SCI"),
            fits.ImageHDU(np.zeros(pixels.shape, np.int16), name="DQ"),
        ]
    ).writeto(path)
    return path


def test_it_is_refused_with_the_reason(refused, wfpc2):
    why = ["0.05 arcsec a pixel", "WFPC2 with 0.1", "most stars are so sharp", "any_detector=True"]
    refused(ExposureError, [wfpc2.name, *why], wfpc2)


def test_with_any_detector_a_warning_says_that_stars_will_be_flagged_and_they_are(wfpc2):
    before = hdu_bytes(wfpc2)
    with pytest.warns(StepWarning, match="most stars .* will be flagged.* no photometry") as caught:
        [row] = flag(wfpc2, any_detector=True)
    assert len(caught) == 1 and row["status"] == "done" and row["filter"] == "F555W"
    assert "will be flagged" in row["note"] and hdu_bytes(wfpc2)[1] == before[1]
    # In 100 s cosmic rays hit 0.3 % of the pixels at most.
    assert flagged(wfpc2).mean() > 0.03
