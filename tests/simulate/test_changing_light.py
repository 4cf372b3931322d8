"""The options for what real exposures have and plain ones lack: PSF, focus, colours, sky."""

import numpy as np
import pytest
from astropy.io import fits

from acs_deepcr_step import simulate
from acs_deepcr_step.simulate import filters, optics, psf

BAND = filters.lookup("F814W")
EMPTY = {
    "star_density": 0, "galaxy_density": 0, "cosmic_rays": False, "hot_fraction": 0, "warm_fraction": 0,
    "bad_columns": 0,
}  # fmt: skip


def _peak(u, v, focus):
    point = psf.aberrated(BAND.pivot, BAND.width, optics.ACS_WFC.at(u, v, focus))
    return float(point.at(np.zeros(1), np.zeros(1))[0])


def test_stars_are_less_sharp_in_the_corners_and_out_of_focus():
    centre = _peak(0, -0.5, 0)
    usual = psf.psf(BAND.pivot, BAND.width).at(np.zeros(1), np.zeros(1))[0]
    assert centre == pytest.approx(usual, rel=0.03)  # what both are made for: the centre of chip 2, in focus
    assert _peak(1, 1, 0) < 0.92 * centre
    assert _peak(0, -0.5, 5) < 0.95 * centre


def test_an_aberrated_star_stays_where_it_is():
    point = psf.aberrated(BAND.pivot, BAND.width, optics.ACS_WFC.at(-1, 1, 3))
    reach = np.arange(-40, 41)
    light = point.at(reach[None, :], reach[:, None])
    assert abs((light * reach).sum()) < 0.01 and abs((light * reach[:, None]).sum()) < 0.01


def test_psf_changes_over_the_field_but_no_star_moves_or_fades(tmp_path):
    settings = {"n": 1, "shape": (320, 320), "seed": 3, "star_density": 30, "cosmic_rays": False}
    plain = simulate.association(tmp_path / "plain", **settings)[0]
    changed = simulate.association(tmp_path / "changed", **settings, psf_changes=True, focus=3.0)[0]
    for before, after in zip(simulate.read_truth(plain), simulate.read_truth(changed), strict=True):
        for name in ("x", "y", "flux_e"):
            assert np.array_equal(before.stars[name], after.stars[name])
        assert np.median(after.stars["peak_e"] / before.stars["peak_e"]) < 0.97


def test_chips_of_one_exposure_share_one_field():
    """The PSF goes on smoothly from chip 2 to chip 1, which lies above it."""
    from acs_deepcr_step.simulate.field import Place
    from acs_deepcr_step.simulate.wcs import windows

    lower, upper = windows((100, 200), 2)
    below, above = (Place.of(window, (lower, upper)) for window in (lower, upper))
    assert below.units(0, 99)[1] == pytest.approx(-0.005)
    assert above.units(0, 0)[1] == pytest.approx(0.005)
    assert above.pixels(*above.units(7, 11)) == pytest.approx((7, 11))


def test_colours_scatter_between_filters_and_leave_f606w_alone():
    settings = {"shape": (512, 512), "seed": 3, "star_density": 40, "cosmic_rays": False}

    def ratios(name):
        plain = simulate.chip(**settings, filter=name)
        coloured = simulate.chip(**settings, filter=name, colour_spread=1.0)
        order = [np.lexsort((chip.stars["x"], chip.stars["y"])) for chip in (plain, coloured)]
        fluxes = [chip.stars["flux_e"][i] for chip, i in zip((plain, coloured), order, strict=True)]
        return -2.5 * np.log10(fluxes[1] / fluxes[0])

    blue, red = ratios("F435W"), ratios("F814W")
    assert np.allclose(ratios("F606W"), 0, atol=1e-9)
    colour = blue - red
    assert 0.7 < colour.std() < 1.3
    assert 2.5 < abs(colour).max() <= 5.0 + 1e-9
    assert np.corrcoef(blue, red)[0, 1] < -0.99


def test_every_exposure_has_its_own_sky(tmp_path):
    paths = simulate.association(tmp_path, n=2, shape=(64, 64), chips=1, sky=(20.0, 90.0), **EMPTY)
    assert [np.median(fits.getdata(path, 1)) for path in paths] == pytest.approx([20, 90], abs=3)


def test_sky_rises_across_both_chips(tmp_path):
    path = simulate.association(tmp_path, n=1, shape=(64, 128), sky=200.0, gradient=100.0, **EMPTY)[0]
    lower, upper = fits.getdata(path, "SCI", 1), fits.getdata(path, "SCI", 2)
    assert upper[-8:, -8:].mean() - lower[:8, :8].mean() == pytest.approx(100, abs=15)
    assert (lower.mean() + upper.mean()) / 2 == pytest.approx(200, abs=3)


def test_scattered_light_comes_from_the_left():
    chip = simulate.chip(shape=(128, 128), sky=50.0, scattered_light=100.0, **EMPTY)
    assert chip.sci[56:72, :4].mean() == pytest.approx(150, abs=6)
    assert chip.sci[:, -16:].mean() == pytest.approx(50, abs=3)


def test_a_list_of_another_length_is_refused(tmp_path):
    with pytest.raises(ValueError, match="focus has 3 values for 2 exposures"):
        simulate.association(tmp_path / "new", n=2, shape=(64, 64), focus=(0, 1, 2))
    assert not (tmp_path / "new").exists()
