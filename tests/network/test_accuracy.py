"""What the published models reach on simulated ACS/WFC exposures (simulator truth)."""

import numpy as np
import pytest

from acs_deepcr_step import detect, models, simulate
from acs_deepcr_step.arrays import morphology


def rates(flagged, truth):
    """True and false positive rate of flags."""
    return (flagged & truth).sum() / truth.sum(), (flagged & ~truth).sum() / (~truth).sum()


@pytest.fixture(scope="module")
def sparse():
    chips = [simulate.chip((1024, 1024), seed=seed) for seed in (901, 902)]
    probability = np.array([detect.probability(chip.sci, precision="float32") for chip in chips])
    return chips, probability, np.array([chip.cr for chip in chips])


@pytest.mark.parametrize("name", models.names(detector="ACS/WFC"))
def test_every_model_finds_cosmic_rays_in_its_filter(name):
    band = models.info(name).filter or "F814W"
    chip = simulate.chip((768, 768), filter=band, seed=903)
    tpr, fpr = rates(detect.mask(detect.probability(chip.sci, name, precision="float32")), chip.cr)
    assert tpr > 0.85 and fpr < 5e-3


def test_single_sparse_exposures_at_threshold_one_half(sparse):
    _, probability, truth = sparse
    tpr, fpr = rates(detect.mask(probability), truth)
    assert tpr >= 0.93 and fpr <= 1e-3


def test_the_global_model_behaves_as_on_real_data_at_small_false_positive_rates(sparse):
    _, probability, truth = sparse
    threshold = np.quantile(probability[~truth], 1 - 5e-4)
    assert (probability[truth] > threshold).mean() > 0.9


@pytest.mark.parametrize("at_least", [250, pytest.param(2000, marks=pytest.mark.slow)])
def test_cores_of_unsaturated_stars_are_not_flagged(at_least):
    """At most 1 of 200 peaks of stars of S/N above 20."""
    flagged = stars = seed = 0
    while stars < at_least:
        chip = simulate.chip((1024, 1024), seed=950 + seed, star_density=20)
        mask = detect.mask(detect.probability(chip.sci))
        near_cr = morphology.dilate(chip.cr, 1)
        for star in chip.stars[(chip.stars["snr"] > 20) & ~chip.stars["saturated"]]:
            box = np.s_[max(round(star["y"]) - 1, 0) : round(star["y"]) + 2,
                        max(round(star["x"]) - 1, 0) : round(star["x"]) + 2]  # fmt: skip
            window = (chip.sci - chip.cr_charge)[box]
            if window.size < 9:
                continue
            row, column = np.unravel_index(window.argmax(), window.shape)
            if near_cr[box][row, column]:
                continue
            stars += 1
            flagged += bool(mask[box][row, column])
        seed += 1
    assert flagged <= stars / 200


def test_the_sky_level_hardly_matters():
    chip = simulate.chip((768, 768), seed=904)
    sky = np.median(chip.sci)
    for level in (60, 6, 0, -5):
        tpr, fpr = rates(
            detect.mask(detect.probability(chip.sci - sky + level, precision="float32")), chip.cr
        )
        assert tpr > 0.93 and fpr < 1e-3
