"""After the step, real TweakReg aligns on stars: sources, shifts, and the whole recipe up to AstroDrizzle."""

from dataclasses import dataclass

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from drizzling import align, copies, drizzle
from helpers import flag, flagged
from scipy.spatial import cKDTree

from acs_deepcr_step import detect, simulate, tweakreg_kwargs

THRESHOLD = 25  # of TweakReg's source finding, sigma
# More stars than usual, so that few pixels have enough; the second exposure has a pointing error (pixels).
FIELD = {"n": 2, "shape": (1024, 1024), "star_density": 2.5, "seed": 3, "offsets": ((0.0, 0.0), (0.35, -0.3))}


@dataclass(frozen=True)
class Aligned:
    """Exposures after TweakReg: the paths, and the sources (x, y, 0-based) that it found in each chip."""

    files: list
    sources: dict

    @property
    def found(self):
        """Number of sources in all chips."""
        return sum(len(places) for places in self.sources.values())


def aligned(files, **settings):
    align(files, **settings)
    sources = {}
    for path in files:
        for extver in (1, 2):
            catalogue = path.with_name(f"{path.stem}_sci{extver}_xy_catalog.coo")
            sources[path.name, extver] = np.loadtxt(catalogue, ndmin=2)[:, :2] - 1
    return Aligned(files, sources)


@pytest.fixture(scope="module")
def exposures(tmp_path_factory):
    """Two exposures of a sparse field, the second with a pointing error; not to be changed."""
    directory = tmp_path_factory.mktemp("sparse")
    return simulate.association(directory, **FIELD)


@pytest.fixture(scope="module")
def flagged_run(exposures, tmp_path_factory):
    """Flagged with grow=1, aligned with `tweakreg_kwargs`."""
    files = copies(exposures, tmp_path_factory.mktemp("flagged") / "work")
    flag(*files, grow=1, consensus="no")
    return aligned(files, **tweakreg_kwargs(threshold=THRESHOLD))


@pytest.fixture(scope="module")
def unflagged_run(exposures, tmp_path_factory):
    """Aligned as they came."""
    files = copies(exposures, tmp_path_factory.mktemp("unflagged") / "work")
    return aligned(files, imagefindcfg={"threshold": THRESHOLD})


@pytest.fixture(scope="module")
def clean_run(exposures, tmp_path_factory):
    """Twins without cosmic rays."""
    directory = tmp_path_factory.mktemp("clean")
    files = [simulate.without_cosmic_rays(path, directory) for path in exposures]
    return aligned(files, imagefindcfg={"threshold": THRESHOLD})


def residual_shift(run, exposures):
    """Error (mas) of the second exposure's WCS against the first's, from where the stars truly are."""
    shifts = []
    for extver in (1, 2):
        sky, before = {}, {}
        for which, (path, original) in enumerate(zip(run.files, exposures, strict=True)):
            [stars] = [t.stars for t in simulate.read_truth(original) if t.extver == extver]
            for store, file in ((sky, path), (before, original)):
                wcs = WCS(fits.getheader(file, "SCI", extver), fix=False)
                store[which] = np.transpose(wcs.all_pix2world(stars["x"], stars["y"], 0))
        # The same star: within a pixel by the headers as simulated, which err by less than half a pixel.
        scale = np.array([np.cos(np.radians(before[0][0, 1])), 1]) * 3.6e6
        distance, other = cKDTree(before[1] * scale).query(before[0] * scale)
        same = distance < 50
        shifts.append((sky[1][other[same]] - sky[0][same]) * scale)
    shifts = np.concatenate(shifts)
    assert len(shifts) > 50
    return float(np.hypot(*np.median(shifts, axis=0)))


def test_at_least_five_times_fewer_sources_than_without_flags(flagged_run, unflagged_run):
    assert 5 * flagged_run.found <= unflagged_run.found


def test_nine_in_ten_of_the_real_stars_are_found(exposures, flagged_run, clean_run):
    kept = total = 0
    for path in exposures:
        for truth in simulate.read_truth(path):
            stars = truth.stars[~truth.stars["saturated"] & (truth.stars["snr"] > 10)]
            places = np.transpose([stars["x"], stars["y"]])
            key = path.name, truth.extver
            detectable = cKDTree(clean_run.sources[key]).query(places)[0] < 1.5
            detected = cKDTree(flagged_run.sources[key]).query(places)[0] < 1.5
            total += detectable.sum()
            kept += (detectable & detected).sum()
    assert total >= 40
    assert kept >= 0.9 * total


def test_true_residual_shift_is_no_larger_than_without_flags(exposures, flagged_run, unflagged_run):
    assert residual_shift(flagged_run, exposures) <= residual_shift(unflagged_run, exposures) + 1


def test_alignment_on_flagged_exposures_finds_the_pointing_error(exposures, flagged_run):
    with_flags = residual_shift(flagged_run, exposures)
    untouched = Aligned(exposures, {})
    assert residual_shift(untouched, exposures) > 15
    assert with_flags < 2


@pytest.mark.slow
def test_recipe_grow_1_tweakreg_grow_0_astrodrizzle(exposures, tmp_path, monkeypatch):
    files = copies(exposures, tmp_path / "recipe")
    grown = flag(*files, grow=1, consensus="no")
    align(files, **tweakreg_kwargs(threshold=THRESHOLD))
    before = [_headers(path) for path in files]
    # The headers changed, the pixels did not: the stored probabilities serve, and the network rests.
    monkeypatch.setattr(detect.Detector, "probability", None)
    table = flag(*files, grow=0)
    product = drizzle(files)

    assert (table["n_flagged"] < grown["n_flagged"]).all()
    for path, rows in zip(files, table.group_by("filename").groups, strict=True):
        assert [flagged(path, extver).sum() for extver in rows["extver"]] == list(rows["n_flagged"])
    for path, (names, wcs) in zip(files, before, strict=True):
        assert "WCSCORR" in names
        with fits.open(path, checksum=True) as hdus:
            hdus.verify("exception")
            assert [hdu.name for hdu in hdus] == names
            assert [hdus["SCI", extver].header["WCSNAME"] for extver in (1, 2)] == ["ALIGNED", "ALIGNED"]
            assert [hdus["SCI", extver].header["CRVAL1"] for extver in (1, 2)] == wcs
    assert residual_shift(Aligned(files, {}), exposures) < 2
    assert (product.wht > 900).any()


def _headers(path):
    with fits.open(path) as hdus:
        return [hdu.name for hdu in hdus], [hdus["SCI", extver].header["CRVAL1"] for extver in (1, 2)]
