"""After the step, real AstroDrizzle keeps the flags in the files and the cosmic rays out of the product."""

import shutil
from functools import cache

import numpy as np
import pytest
from drizzling import copies, drizzle
from helpers import dq, flag, flagged, set_dq

from acs_deepcr_step import drizzle_kwargs, handoff, simulate
from acs_deepcr_step.simulate import residual

# 4096 is warned of; the test of the warning is elsewhere, here is the reason for it.
pytestmark = pytest.mark.filterwarnings("ignore:crbit = 4096:acs_deepcr_step.errors.StepWarning")


@pytest.fixture(scope="module")
def exposures(tmp_path_factory):
    """Four dithered exposures of one chip, with truth; not to be changed."""
    return simulate.association(tmp_path_factory.mktemp("four"), n=4, shape=(640, 640), chips=1)


@pytest.fixture(scope="module")
def unrejected(exposures, tmp_path_factory):
    """Cosmic-ray flux (e-) in the product of the first n exposures without any rejection.

    All of it, that away from the pixels that cosmic rays filled, and where those are.
    """

    @cache
    def measure(n):
        directory = tmp_path_factory.mktemp(f"unrejected{n}")
        files = copies(exposures[:n], directory / "hit")
        twins = [residual.twin(path, directory / "clean") for path in files]
        product, clean = drizzle(files), drizzle(twins)
        full = residual.near_full_pixels(product, files)
        return residual.flux(product, clean), residual.flux(product, clean, full), full

    return measure


@pytest.mark.parametrize("crbit", [8192, pytest.param(4096, marks=pytest.mark.slow)])
@pytest.mark.parametrize("n", [1, 2, pytest.param(4, marks=pytest.mark.slow)])
def test_999_parts_in_1000_of_the_cosmic_ray_flux_are_out_of_the_product(
    n, crbit, exposures, unrejected, tmp_path
):
    files = copies(exposures[:n], tmp_path / "hit")
    table = flag(*files, crbit=crbit)
    ours = [flagged(path, bit=crbit) for path in files]
    twins = [residual.twin(path, tmp_path / "clean", crbit) for path in files]
    product, clean = drizzle(files), drizzle(twins)

    for path, mask in zip(files, ours, strict=True):
        assert np.array_equal(flagged(path, bit=crbit), mask)
    assert [mask.sum() for mask in ours] == list(table["n_flagged"])
    everywhere, away, full = unrejected(n)
    assert residual.flux(product, clean, full) <= 1e-3 * away
    # This field holds no event so large that protect_saturated takes it for a star.
    assert residual.flux(product, clean) <= 1e-3 * everywhere


def test_no_cosmic_ray_stands_in_a_hole_of_a_single_exposure(exposures, tmp_path):
    [path] = copies(exposures[:1], tmp_path / "hit")
    flag(path)
    product = drizzle([path])
    seen = drizzle(copies(exposures[:1], tmp_path / "unflagged")).wht > 0
    holes = seen & (product.wht == 0)
    assert holes.sum() > 100
    assert not product.sci[holes].any()


def test_parameter_file_gives_the_product_of_the_keywords(exposures, tmp_path):
    files = copies(exposures[:2], tmp_path / "keywords")
    flag(*files)
    again = [shutil.copytree(files[0].parent, tmp_path / "file") / path.name for path in files[:1]]
    again.append(again[0].with_name(files[1].name))
    one, other = drizzle(files), drizzle(again, configobj=handoff.cfg_path())
    assert np.array_equal(one.sci, other.sci) and np.array_equal(one.wht, other.wht)
    assert np.ptp(one.sci) > 0


def test_default_resetbits_wipes_4096_and_spares_8192(exposures, tmp_path):
    off = {**drizzle_kwargs()}
    del off["resetbits"]
    for crbit, left in ((4096, False), (8192, True)):
        files = copies(exposures[:1], tmp_path / str(crbit))
        flag(*files, crbit=crbit)
        before = flagged(files[0], bit=crbit)
        drizzle(files, **off)
        assert before.any()
        assert np.array_equal(flagged(files[0], bit=crbit), before & left)


def test_flags_that_acsrej_set_before_stay_and_are_honoured(exposures, tmp_path):
    [path] = copies(exposures[:1], tmp_path / "acsrej")
    where = np.zeros(dq(path).shape, bool)
    where[100:110, 200:210] = True
    set_dq(path, where, 8192)
    flag(path)
    product = drizzle([path])
    assert flagged(path)[where].all()
    # The square of 100 pixels is a hole of the product, but for its rim.
    rows, columns = np.nonzero(product.wht == 0)
    assert np.count_nonzero((abs(rows - 105) < 12) & (abs(columns - 205) < 20)) >= 49
