"""The simulated files: headers and pointing are true, and the tools that users run can read them."""

import gc
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from star_positions import centroid, good_stars

from acs_deepcr_step import simulate
from acs_deepcr_step.errors import InputError

SMALL = {"shape": (256, 320), "seed": 5}


# Headers and pointing


def test_files_look_like_calibrated_exposures(pair):
    assert [p.name for p in pair] == ["j8sm01aaq_flc.fits", "j8sm01abq_flc.fits"]
    with fits.open(pair[0]) as hdus:
        assert [(h.name, h.ver) for h in hdus[1:]] == [(n, v) for v in (1, 2) for n in ("SCI", "ERR", "DQ")]
        assert [hdus["SCI", v].header["CCDCHIP"] for v in (1, 2)] == [2, 1]
        assert hdus["DQ", 1].data.dtype == ">i2" and hdus["ERR", 1].data.dtype == ">f4"
        assert hdus["SCI", 1].header["BUNIT"] == "ELECTRONS"
        assert hdus[0].header["ROOTNAME"] == "j8sm01aaq" and hdus[0].header["NEXTEND"] == 6
        assert hdus[0].header["ATODGNC"] == 2.017 and hdus[0].header["READNSED"] == 5.05


@pytest.mark.parametrize(
    ("name", "wheels"),
    [
        ("F606W", ("F606W", "CLEAR2L")),
        ("F814W", ("CLEAR1L", "F814W")),
        ("F606W+POL0V", ("F606W", "POL0V")),
        ("FR914M", ("CLEAR1L", "FR914M")),
    ],
)
def test_filters_are_named_as_in_acs_headers(tmp_path, name, wheels):
    path = simulate.association(tmp_path, n=1, shape=(64, 64), chips=1, filter=name)[0]
    head = fits.getheader(path)
    assert (head["FILTER1"], head["FILTER2"]) == wheels


def test_subarray_has_one_chip(tmp_path):
    path = simulate.association(tmp_path, n=1, shape=(64, 96), chips=1)[0]
    with fits.open(path) as hdus:
        assert len(hdus) == 4 and hdus[0].header["SUBARRAY"] and hdus[0].header["CCDAMP"] == "AB"
        assert hdus["SCI", 1].header["CCDCHIP"] == 1


def test_every_exposure_has_its_time(tmp_path):
    paths = simulate.association(tmp_path, n=2, shape=(64, 64), chips=1, exptime=(300.0, 900.0))
    heads = [fits.getheader(p) for p in paths]
    assert [h["EXPTIME"] for h in heads] == [300, 900]
    assert heads[1]["EXPSTART"] > heads[0]["EXPEND"]
    assert np.median(fits.getdata(paths[1], 1)) == pytest.approx(
        3 * np.median(fits.getdata(paths[0], 1)), rel=0.05
    )


def test_a_visit_may_have_more_exposures_than_letters(tmp_path):
    places = [(0.5 * i, 0) for i in range(28)]
    made = simulate.association(tmp_path, n=28, shape=(32, 32), chips=1, seed=5, dithers=places)
    assert [path.name[6:9] for path in made[24:]] == ["ayq", "azq", "baq", "bbq"]


@pytest.mark.filterwarnings("ignore:chararray is deprecated")  # by stsci.tools, of astropy 8
def test_association_table_is_read_by_stsci_tools(pair, monkeypatch):
    monkeypatch.chdir(pair[0].parent)
    asnutil = pytest.importorskip("stsci.tools.asnutil")
    table = asnutil.readASNTable("j8sm01010_asn.fits")
    assert table["order"] == ["j8sm01aaq", "j8sm01abq"]
    assert table["output"].lower() == "j8sm01010"


def test_stars_stand_where_the_wcs_says(pair):
    """Centroids of one exposure's stars, sent through both distorted WCS, meet those of the other."""
    shifts = []
    for extver in (1, 2):
        images, maps, tables = [], [], []
        for path in pair:
            truth = simulate.read_truth(path)[extver - 1]
            with fits.open(path) as hdus:
                images.append(hdus["SCI", extver].data - truth.cr_charge)
                maps.append(WCS(hdus["SCI", extver].header))
            tables.append(truth.stars)
        stars = good_stars(tables[0], images[0].shape)
        there = maps[1].all_world2pix(maps[0].all_pix2world(np.c_[stars["x"], stars["y"]], 0), 0)
        for star, (x, y) in zip(stars, there, strict=True):
            if 12 < x < images[1].shape[1] - 13 and 12 < y < images[1].shape[0] - 13:
                a, b = centroid(images[0], star["x"], star["y"]), centroid(images[1], x, y)
                shifts.append((a[0] - star["x"], a[1] - star["y"], b[0] - x, b[1] - y))
    assert len(shifts) >= 8
    assert abs(np.median(shifts, axis=0)).max() < 0.02
    assert np.median(np.abs(shifts)) < 0.03


def test_pointing_error_is_hidden_from_the_header(tmp_path):
    kinds = {"n": 2, "shape": (256, 256), "chips": 1, "seed": 3, "dithers": [(0, 0), (2.5, 1.25)]}
    right = simulate.association(tmp_path / "right", **kinds)
    wrong = simulate.association(tmp_path / "wrong", **kinds, offsets=[(0, 0), (0.4, -0.3)])
    for key in ("CRVAL1", "CRVAL2", "CD1_1"):
        assert fits.getval(right[1], key, 1) == fits.getval(wrong[1], key, 1)
    a, b = (simulate.read_truth(p[1])[0].stars for p in (right, wrong))
    assert np.median(b["x"] - a["x"]) == pytest.approx(0.4, abs=0.01)
    assert np.median(b["y"] - a["y"]) == pytest.approx(-0.3, abs=0.01)


def test_roll_turns_the_field_about_its_middle(tmp_path):
    paths = simulate.association(
        tmp_path, n=2, shape=(256, 256), chips=1, seed=3, dithers=[(0, 0)] * 2, rolls=[0, 2.0]
    )
    turn = fits.getval(paths[1], "ORIENTAT", 1) - fits.getval(paths[0], "ORIENTAT", 1)
    assert turn == pytest.approx(2, abs=0.01)
    first, second = (WCS(fits.getheader(p, 1)) for p in paths)
    middle = second.all_world2pix(first.all_pix2world([[127.5, 127.5]], 0), 0)
    assert middle == pytest.approx(np.array([[127.5, 127.5]]), abs=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"field": "nebula"}, "no field"),
        ({"chips": 3}, "1 or 2 chips"),
        ({"shape": (4096, 4096)}, "does not lie"),
        ({"exptime": (1.0, 2.0, 3.0)}, "3 values for 2"),
        ({"offsets": [(0, 0)]}, "pairs"),
        ({"filter": "CLEAR"}, "not an"),
        ({"n": 9}, "dithers"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        simulate.association(tmp_path / "new", **({"n": 2, "shape": (64, 64)} | change))
    assert not (tmp_path / "new").exists()


def test_unknown_option_is_refused():
    with pytest.raises(TypeError, match="no option seeing"):
        simulate.chip(seeing=1.0)


def test_import_is_light_and_public_names_are_attributes():
    code = (
        "import sys, acs_deepcr_step\n"
        "simulate = acs_deepcr_step.simulate\n"
        "import acs_deepcr_step.simulate.exposures, acs_deepcr_step.simulate.chip_image\n"
        "assert all(map(callable, (simulate.association, simulate.chip, simulate.residual.flux)))\n"
        "print({'torch', 'drizzlepac', 'tkinter'} & set(sys.modules))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert out.stdout.strip() == "set()"


# The tools


def test_astrodrizzle_combines_both_chips(pair, tmp_path, monkeypatch):
    pytest.importorskip("drizzlepac")
    monkeypatch.chdir(tmp_path)
    for path in pair:
        simulate.without_cosmic_rays(path, tmp_path)
    with warnings.catch_warnings():
        # drizzlepac leaves files open and writes long comments; its product has a date that astropy mends.
        warnings.simplefilter("ignore")
        from drizzlepac import astrodrizzle

        astrodrizzle.AstroDrizzle(
            "*_flc.fits",
            output="final",
            resetbits=0,
            driz_separate=False,
            median=False,
            blot=False,
            driz_cr=False,
            final_bits="336",
            sky_bits="336",
            clean=True,
            preserve=False,
        )
        with fits.open(tmp_path / "final_drc_sci.fits") as hdus:
            product, to_pixel = hdus[0].data, WCS(hdus[0].header)
        gc.collect()
    assert product.shape[0] > 2 * 384 and product.shape[1] > 512
    moved = []
    for truth in simulate.read_truth(pair[0]):
        stars = good_stars(truth.stars, truth.cr.shape)
        world = WCS(fits.getheader(pair[0], "SCI", truth.extver)).all_pix2world(
            np.c_[stars["x"], stars["y"]], 0
        )
        for x, y in to_pixel.all_world2pix(world, 0):
            near = product[int(y) - 11 : int(y) + 13, int(x) - 11 : int(x) + 13]
            if near.shape == (24, 24) and np.isfinite(near).all():
                moved.append(np.subtract(centroid(product, x, y), (x, y)))
    assert len(moved) >= 6
    assert abs(np.median(moved, axis=0)).max() < 0.05


def test_variable_stars_change_between_exposures_and_the_others_do_not(tmp_path):
    settings = {"n": 2, **SMALL, "dithers": ((0, 0), (0, 0)), "star_density": 20}
    paths = simulate.association(tmp_path, **settings, variables=0.5, variability=2.0)
    first, second = (simulate.read_truth(path)[0].stars for path in paths)
    places = {(star["x"], star["y"]): star["flux_e"] for star in first}
    ratio = np.array([star["flux_e"] / places[star["x"], star["y"]] for star in second])
    same = np.isclose(ratio, 1)
    assert 0.3 < same.mean() < 0.7
    assert np.abs(np.log10(ratio[~same])).max() <= 0.8 + 1e-6


def test_moving_sources_move_by_their_step(tmp_path):
    settings = {"n": 2, **SMALL, "dithers": ((0, 0), (0, 0)), "star_density": 0, "galaxy_density": 0}
    paths = simulate.association(tmp_path, **settings, movers=30, mover_step=(4.0, -3.0))
    first, second = (simulate.read_truth(path)[0].stars for path in paths)
    assert first.size and second.size
    shifts = np.array([[b["x"] - a["x"], b["y"] - a["y"]] for a in first for b in second])
    # The distortion makes pixels of the sky a tenth larger or smaller than those of the detector.
    assert (np.hypot(*(shifts - [4.0, -3.0]).T) < 0.6).sum() >= 0.7 * first.size


def test_exposures_of_another_root_lie_beside(tmp_path):
    for root in ("j8sm01", "j8sm02"):
        simulate.association(tmp_path, n=1, **SMALL, root=root)
    assert sorted(path.name for path in tmp_path.glob("*_flc.fits")) == [
        "j8sm01aaq_flc.fits",
        "j8sm02aaq_flc.fits",
    ]


# Files that are there


def write_small(outdir, **changes):
    return simulate.association(outdir, n=1, shape=(64, 64), chips=1, **changes)


@pytest.mark.parametrize("name", ["j8sm01aaq_flc.fits", "j8sm01aaq_flc_truth.fits", "j8sm01010_asn.fits"])
@pytest.mark.parametrize("kind", ["real", "text", "link"])
def test_files_that_were_not_simulated_are_never_replaced(tmp_path, name, kind):
    path = tmp_path / "here" / name
    path.parent.mkdir()
    if kind == "real":
        fits.PrimaryHDU(header=fits.Header({"PROPOSID": 10342})).writeto(path)
    elif kind == "text":
        path.write_text("mine")
    else:
        path.symlink_to(tmp_path / "elsewhere.fits")
    with pytest.raises(InputError, match=f"{name}: there already, and no simulated file"):
        write_small(path.parent)
    assert os.listdir(path.parent) == [name] and not (tmp_path / "elsewhere.fits").exists()


def test_simulated_files_are_replaced_by_new_ones_and_twins_by_twins(tmp_path):
    [path] = write_small(tmp_path, seed=1)
    before = path.read_bytes()
    assert write_small(tmp_path, seed=2) == [path] and path.read_bytes() != before
    for _ in range(2):
        twin = simulate.without_cosmic_rays(path, tmp_path / "twins")
    twin.write_text("mine")
    with pytest.raises(InputError, match="no simulated file"):
        simulate.without_cosmic_rays(path, tmp_path / "twins")
    assert twin.read_text() == "mine"
