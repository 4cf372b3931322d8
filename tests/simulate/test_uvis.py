"""Simulated WFC3/UVIS exposures: its geometry, its pixels, and files that the step and the tools take."""

import contextlib
import gc
import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from star_positions import centroid, good_stars

import acs_deepcr_step
from acs_deepcr_step import simulate
from acs_deepcr_step.simulate import cameras, wcs


@pytest.fixture(scope="module")
def uvis(tmp_path_factory):
    """Two dithered exposures with both chips and many stars."""
    return simulate.association(
        tmp_path_factory.mktemp("uvis"), n=2, shape=(384, 448), camera="WFC3/UVIS", filter="F606W", seed=7,
        star_density=40, cosmic_ray_version=2,
    )  # fmt: skip


@contextlib.contextmanager
def _quiet():
    """Without what drizzlepac warns of, and what the step says of another detector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def test_headers_are_those_of_wfc3(uvis):
    assert [path.name for path in uvis] == ["i8sm01aaq_flc.fits", "i8sm01abq_flc.fits"]
    head = fits.getheader(uvis[0])
    assert (head["INSTRUME"], head["DETECTOR"], head["FILTER"]) == ("WFC3", "UVIS", "F606W")
    assert "FILTER1" not in head
    assert (head["CCDGAIN"], head["ATODGNC"]) == pytest.approx((1.5, 1.56))
    assert [fits.getval(uvis[0], "CCDCHIP", ("SCI", extver)) for extver in (1, 2)] == [2, 1]


def test_pixels_and_gap_are_those_of_uvis():
    lower, upper = wcs.windows((2051, 4096), 2, cameras.UVIS)
    pointing = wcs.Pointing(150.0, 2.0, 30.0, camera=cameras.UVIS)
    below, above = (pointing.wcs(window) for window in (lower, upper))
    assert below.proj_plane_pixel_scales()[0].to_value("arcsec") == pytest.approx(0.0398, abs=3e-4)
    corners = [below.all_pix2world([[x, 0]], 0)[0] for x in (0, 4095)]
    width = np.hypot((corners[1] - corners[0])[0] * np.cos(np.radians(2)), (corners[1] - corners[0])[1])
    assert width * 3600 == pytest.approx(162, abs=2)  # arcsec, as the handbook says
    gap = below.all_world2pix(above.all_pix2world([[2048, 0]], 0), 0)[0, 1] - 2051
    assert 30 < gap < 40


def test_stars_stand_where_the_wcs_of_both_chips_says(uvis):
    shifts = []
    for extver in (1, 2):
        images, maps, tables = [], [], []
        for path in uvis:
            truth = simulate.read_truth(path)[extver - 1]
            images.append(fits.getdata(path, "SCI", extver) - truth.cr_charge)
            maps.append(WCS(fits.getheader(path, "SCI", extver)))
            tables.append(truth.stars)
        stars = good_stars(tables[0], images[0].shape)
        there = maps[1].all_world2pix(maps[0].all_pix2world(np.c_[stars["x"], stars["y"]], 0), 0)
        for x, y in there:
            if 12 < x < images[1].shape[1] - 13 and 12 < y < images[1].shape[0] - 13:
                shifts.append(np.subtract(centroid(images[1], x, y), (x, y)))
    assert len(shifts) >= 8
    assert abs(np.median(shifts, axis=0)).max() < 0.02


def test_empty_uvis_pixels_are_like_the_real_ones():
    """Sky 20 electrons and a scatter of 5.7 are those of real exposures of 200 s in F350LP."""
    chip = simulate.chip(
        shape=(256, 256), camera="WFC3/UVIS", filter="F350LP", exptime=200.0, cosmic_rays=False,
        star_density=0, galaxy_density=0,
    )  # fmt: skip
    scatter = 1.4826 * np.median(abs(chip.sci - np.median(chip.sci)))
    assert np.median(chip.sci) == pytest.approx(20, abs=0.5)
    assert scatter == pytest.approx(5.7, abs=0.4)


def test_step_and_astrodrizzle_take_the_files(uvis, tmp_path, monkeypatch):
    pytest.importorskip("drizzlepac")
    monkeypatch.chdir(tmp_path)
    copies = [tmp_path / path.name for path in uvis]
    for path, copy in zip(uvis, copies, strict=True):
        copy.write_bytes(path.read_bytes())
    with _quiet():
        table = acs_deepcr_step.run(list(map(str, copies)), runfile="", progress=False)
    assert set(table["status"]) == {"done"}
    for path, copy in zip(uvis, copies, strict=True):
        for truth in simulate.read_truth(path):
            flags = fits.getdata(copy, "DQ", truth.extver) & 8192 != 0
            assert flags[truth.cr].mean() > 0.75
            assert flags[~truth.cr].mean() < 0.01
    with _quiet():
        from drizzlepac import astrodrizzle

        astrodrizzle.AstroDrizzle("*_flc.fits", output="final", **acs_deepcr_step.drizzle_kwargs())
        with fits.open(tmp_path / "final_drc_sci.fits") as hdus:
            product = hdus[0].data
        gc.collect()
    assert product.shape[0] > 2 * 384
    assert np.nanmax(abs(np.nanmedian(product))) < 0.05  # e-/s; the sky is subtracted


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"camera": "WFC3/IR"}, "no camera 'WFC3/IR'; the simulator has ACS/WFC, WFC3/UVIS"),
        ({"filter": "F606W+POL0V"}, "not an WFC3/UVIS filter"),
        ({"shape": (2052, 4096)}, "2051 x 4096"),
    ],
)
def test_what_uvis_cannot_be_is_refused(tmp_path, change, message):
    settings = {"n": 1, "shape": (64, 64), "camera": "WFC3/UVIS"} | change
    with pytest.raises(ValueError, match=message):
        simulate.association(tmp_path / "new", **settings)
    assert not (tmp_path / "new").exists()
