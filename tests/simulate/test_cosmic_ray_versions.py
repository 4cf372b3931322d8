"""The versions of the simulated cosmic rays: the first stays as it is, the second is as real ones are."""

import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from scipy import ndimage

from acs_deepcr_step import simulate
from acs_deepcr_step.simulate import cosmic_rays, silicon

ROOT = Path(__file__).parents[2]
VISIT = ROOT.parent / "shared" / "data" / "wfc3_uvis"


def test_default_seed_gives_the_pixels_that_it_always_gave():
    """Numbers of the version before there were options: sums, exact since pixels are multiples of 1/64."""
    chip = simulate.chip(shape=(256, 256), seed=3)
    places = np.arange(chip.sci.size).reshape(chip.sci.shape)
    assert chip.cr.sum() == 481
    assert chip.cr_charge.sum(dtype=float) == 180118.84375
    assert (chip.cr_charge * places.astype(float)).sum() == 5800315368.984375
    assert chip.sci.sum(dtype=float) == 3834496.40625


def test_default_seed_gives_the_files_that_it_always_gave(tmp_path):
    path = simulate.association(tmp_path, n=1, shape=(100, 128), seed=4, field="galaxies")[0]
    sums = [fits.getdata(path, "SCI", extver).sum(dtype=float) for extver in (1, 2)]
    assert sums == [2650478.78125, 1696253.03125]


def test_version_one_is_the_default():
    first, asked = (simulate.chip(shape=(96, 96), seed=3, **k) for k in ({}, {"cosmic_ray_version": 1}))
    assert np.array_equal(first.sci, asked.sci)


def test_another_version_changes_nothing_but_the_cosmic_rays():
    first, second = (simulate.chip(shape=(192, 192), seed=3, cosmic_ray_version=v) for v in (1, 2))
    assert np.array_equal(first.sci - first.cr_charge, second.sci - second.cr_charge)
    assert not np.array_equal(first.cr, second.cr)


def test_unknown_version_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="no cosmic rays of version 3; there are 1, 2"):
        simulate.association(tmp_path / "new", n=1, shape=(64, 64), cosmic_ray_version=3)
    assert not (tmp_path / "new").exists()


def test_charge_diffuses_behind_the_depleted_silicon_alone():
    chip = silicon.of(2)
    front, within, back = chip.diffusion(np.array([0.0, chip.depleted, 1.0]))
    assert front == within == chip.front
    assert back == pytest.approx(chip.back)


def _events(version):
    """Size and share of faint pixels of the events above 35 electrons, on UVIS's silicon."""
    rng = np.random.default_rng(100)
    charge = cosmic_rays.charge((768, 768), 200.0, 1.0, rng, silicon.of(version, "WFC3/UVIS"))
    labels, number = ndimage.label(charge > 18, np.ones((3, 3)))
    peaks = np.array(ndimage.maximum(charge, labels, np.arange(1, number + 1)))
    sizes = np.bincount(labels.ravel())[1:]
    faint = np.bincount(labels.ravel(), (charge < 0.1 * np.concatenate([[0], peaks])[labels]).ravel())[1:]
    seen = peaks > 35
    return sizes[seen], (faint / sizes)[seen]


def test_real_cosmic_rays_are_fuzzier_than_version_one_and_as_version_two():
    """Medians of 1,300 real events on UVIS are 7 pixels, of which .57 below a tenth of the peak."""
    (sharp, sharp_faint), (size, faint) = _events(1), _events(2)
    assert np.median(sharp) <= 5 and np.median(sharp_faint) < 0.35
    assert 6 <= np.median(size) <= 8
    assert np.median(faint) == pytest.approx(0.57, abs=0.06)


@pytest.fixture
def benchmark(monkeypatch):
    """The module that compares, without what it imports staying behind."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import cosmic_rays

    yield cosmic_rays
    for name in {"cosmic_rays", "event_shapes", "stis_truth", "uvis_truth", "uvis_ways"} - before:
        sys.modules.pop(name, None)


@pytest.mark.slow
@pytest.mark.skipif(not VISIT.is_dir(), reason=f"{VISIT} is not there")
def test_version_two_has_the_distributions_of_real_uvis_events(benchmark):
    """Kolmogorov-Smirnov distances; of size and charge they are .4 and more for version 1."""
    from event_shapes import MEASURES, distances

    real = benchmark.Uvis.read(VISIT)
    events = [event for one in real for event in one.events]
    assert len(events) > 1250
    made = benchmark.simulated(benchmark.Uvis, real, silicon.of(2, "WFC3/UVIS"), seed=103, rounds=1)
    apart = distances(events, [event for one in made for event in one.events])
    assert max(apart) < 0.12, dict(zip(MEASURES, apart, strict=True))
