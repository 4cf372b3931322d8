"""The simulator: what it says is true, and the tools that the users run can read it."""

import gc
import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from scipy import ndimage

from acs_deepcr_step import dq, simulate
from acs_deepcr_step.simulate import detector

SMALL = {"shape": (256, 320), "seed": 5}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two dithered exposures with two chips and many stars."""
    out = tmp_path_factory.mktemp("pair")
    return simulate.association(out, n=2, shape=(384, 512), seed=7, star_density=25)


@pytest.fixture(scope="module")
def deep_chip():
    """A chip large enough for statistics of cosmic rays."""
    return simulate.chip(shape=(1024, 1024), exptime=1000.0, seed=11)


def centroid(image, x, y):
    """Centroid of a star near (x, y), with Gaussian weights so that the sky and neighbours hardly matter."""
    ix, iy = round(float(x)), round(float(y))
    stamp = image[iy - 4 : iy + 5, ix - 4 : ix + 5].astype(float)
    stamp = stamp - np.median(image[iy - 10 : iy + 11, ix - 10 : ix + 11])
    dy, dx = np.mgrid[-4:5, -4:5]
    cx, cy = x - ix, y - iy
    for _ in range(30):
        weight = stamp * np.exp(-((dx - cx) ** 2 + (dy - cy) ** 2) / (2 * 1.1**2))
        # The Gaussian halves the step, as the star is about as wide as it.
        cx += 2 * (weight * (dx - cx)).sum() / weight.sum()
        cy += 2 * (weight * (dy - cy)).sum() / weight.sum()
    return ix + cx, iy + cy


def good_stars(stars, shape, snr=50, separation=10):
    """Stars fit for astrometry: bright, not saturated, alone, away from the edges."""
    x, y = stars["x"], stars["y"]
    crowd = (np.hypot(x[:, None] - x, y[:, None] - y) < separation) & (
        stars["flux_e"] > 0.02 * stars["flux_e"][:, None]
    )
    inside = (x > 12) & (y > 12) & (x < shape[1] - 13) & (y < shape[0] - 13)
    return stars[inside & (stars["snr"] > snr) & ~stars["saturated"] & (crowd.sum(1) == 1)]


# Determinism


def test_same_seed_gives_the_same_pixels(tmp_path):
    a = simulate.association(tmp_path / "a", n=2, **SMALL)
    b = simulate.association(tmp_path / "b", n=2, **SMALL)
    assert [p.read_bytes() for p in a] == [p.read_bytes() for p in b]
    truths = [simulate.truth_path(p).read_bytes() for p in a]
    assert truths == [simulate.truth_path(p).read_bytes() for p in b]


def test_an_exposure_does_not_depend_on_how_many_there_are(tmp_path):
    a = simulate.association(tmp_path / "a", n=1, **SMALL)
    b = simulate.association(tmp_path / "b", n=3, **SMALL)
    assert np.array_equal(fits.getdata(a[0], "SCI", 1), fits.getdata(b[0], "SCI", 1))


def test_another_seed_gives_other_pixels():
    a, b = (simulate.chip(shape=(64, 64), seed=s) for s in (1, 2))
    assert not np.array_equal(a.sci, b.sci)


# Truth


@pytest.mark.parametrize("field", simulate.FIELDS)
def test_charge_of_cosmic_rays_is_what_they_added(field):
    chip = simulate.chip(shape=(256, 256), field=field, seed=3)
    without = simulate.chip(shape=(256, 256), field=field, seed=3, cosmic_rays=False)
    assert np.array_equal(chip.sci - chip.cr_charge, without.sci)
    assert np.array_equal(chip.dq_clean, without.dq)
    assert chip.cr.any() and not without.cr.any()
    assert chip.cr_charge.min() >= 0


def test_true_mask_is_the_charge_above_the_noise():
    chip = simulate.chip(shape=(256, 256), seed=3)
    without = simulate.chip(shape=(256, 256), seed=3, cosmic_rays=False)
    assert np.array_equal(chip.cr, chip.cr_charge > np.maximum(1.75 * without.err, 8))


def test_twin_without_cosmic_rays_has_the_same_noise(pair, tmp_path):
    twin = simulate.without_cosmic_rays(pair[0], tmp_path)
    again = simulate.association(
        tmp_path / "x", n=1, shape=(384, 512), seed=7, star_density=25, cosmic_rays=False
    )[0]
    assert twin.name == pair[0].name
    for extver in (1, 2):
        for name in ("SCI", "DQ"):
            assert np.array_equal(fits.getdata(twin, name, extver), fits.getdata(again, name, extver))
        difference = fits.getdata(twin, "ERR", extver) - fits.getdata(again, "ERR", extver)
        assert abs(difference).max() < 3


def test_twin_does_not_overwrite_the_exposure(pair):
    with pytest.raises(ValueError, match="another directory"):
        simulate.without_cosmic_rays(pair[0], pair[0].parent)


def test_truth_of_a_file_fits_its_pixels(pair):
    for truth in simulate.read_truth(pair[1]):
        sci, flags = (fits.getdata(pair[1], name, truth.extver) for name in ("SCI", "DQ"))
        err = fits.getdata(pair[1], "ERR", truth.extver)
        assert truth.cr.shape == sci.shape
        assert np.all(flags[truth.cr_charge == 0] == truth.dq_clean[truth.cr_charge == 0])
        assert np.all(sci[truth.cr] > truth.cr_charge[truth.cr] - 6 * err[truth.cr])
        assert np.array_equal(
            simulate.read_truth(simulate.truth_path(pair[1]))[truth.extver - 1].cr, truth.cr
        )


# Cosmic rays


def test_rate_and_size_of_cosmic_rays_are_those_of_acs(deep_chip):
    groups, number = ndimage.label(deep_chip.cr, np.ones((3, 3)))
    area = deep_chip.cr.size * 0.0015**2
    assert 1.0 < number / area / 1000 < 1.3
    assert 0.0125 < deep_chip.cr.mean() < 0.03
    size = np.bincount(groups.ravel())[1:]
    assert 4 <= np.median(size) <= 6
    assert size.max() > 40


def test_charge_of_cosmic_rays_is_that_of_relativistic_particles(deep_chip):
    groups, number = ndimage.label(deep_chip.cr, np.ones((3, 3)))
    charge = ndimage.sum_labels(deep_chip.cr_charge, groups, np.arange(1, number + 1))
    assert 900 < np.median(charge) < 1500
    assert (charge < 500).mean() < 0.1
    assert charge.max() > 70_000


def test_brightest_cosmic_rays_saturate_pixels(deep_chip):
    made = (deep_chip.dq & dq.FULL_WELL != 0) & (deep_chip.dq_clean & dq.FULL_WELL == 0)
    assert made.any()
    assert np.all(deep_chip.sci[made] > 70_000)


def test_number_of_cosmic_rays_grows_with_exposure_time():
    short, long = (simulate.chip(seed=4, exptime=t).cr.mean() for t in (200.0, 800.0))
    assert 3 < long / short < 5


# Detector


def test_read_noise_is_that_of_each_amplifier():
    chip = simulate.chip(
        shape=(512, 1024),
        exptime=1.0,
        seed=1,
        sky=0,
        star_density=0,
        galaxy_density=0,
        cosmic_rays=False,
        hot_fraction=0,
        warm_fraction=0,
        bad_columns=0,
    )
    for letter, part in (("A", chip.sci[:, :512]), ("B", chip.sci[:, 512:])):
        quantisation = detector.GAINS[letter] ** 2 / 12
        assert part.std() == pytest.approx(
            np.sqrt(detector.READ_NOISE[letter] ** 2 + quantisation + 0.011), rel=0.01
        )
        assert abs(part.mean()) < 0.05


def test_error_array_is_read_noise_and_poisson_noise():
    chip = simulate.chip(
        seed=2, sky=100.0, star_density=0, galaxy_density=0, cosmic_rays=False, bad_columns=0
    )
    good = chip.dq == 0
    pull = (chip.sci - 100) / chip.err
    assert pull[good].std() == pytest.approx(1, abs=0.02)


def test_saturated_star_bleeds_along_its_column():
    chip = simulate.chip(shape=(512, 512), field="crowded", seed=8, cosmic_rays=False)
    groups, number = ndimage.label(chip.dq & dq.FULL_WELL != 0)
    assert number > 0
    heights, widths = zip(
        *[(s[0].stop - s[0].start, s[1].stop - s[1].start) for s in ndimage.find_objects(groups)], strict=True
    )
    tallest = int(np.argmax(heights))
    assert heights[tallest] > 2 * widths[tallest]
    assert chip.sci.max() < 81_000
    assert chip.stars["saturated"].any()


def test_bleeding_keeps_the_charge():
    image = np.zeros((200, 5))
    image[100, 2] = 1e6
    full = detector.bleed(image, 80_000)
    assert image.sum() == pytest.approx(1e6)
    assert full.sum() == 11 and image.max() == 80_000
    assert np.array_equal(image[80:100, 2], image[120:100:-1, 2])


def test_converter_saturates_before_the_pixel_at_gain_one():
    kinds = {"shape": (512, 512), "field": "crowded", "seed": 8}
    assert (simulate.chip(**kinds, gain=1.0).dq & dq.A_TO_D != 0).any()
    assert not (simulate.chip(**kinds).dq & dq.A_TO_D != 0).any()


def test_hot_pixels_stay_where_they_are(pair):
    hot = [fits.getdata(p, "DQ", 1) & (dq.HOT | dq.WARM) for p in pair]
    assert np.array_equal(*hot)
    assert 0.005 < (hot[0] != 0).mean() < 0.03


def test_negative_sky_is_a_sky_subtracted_too_far():
    chip = simulate.chip(seed=1, sky=-5.0)
    assert np.median(chip.sci) == pytest.approx(-5, abs=0.5)


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
        simulate.association(tmp_path, **({"n": 2, "shape": (64, 64)} | change))


def test_unknown_option_is_refused():
    with pytest.raises(TypeError, match="no option seeing"):
        simulate.chip(seeing=1.0)


def test_import_is_light():
    code = (
        "import sys, acs_deepcr_step.simulate; print({'torch', 'drizzlepac', 'tkinter'} & set(sys.modules))"
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
