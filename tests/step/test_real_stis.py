"""A real pair of STIS CCD images, whose difference tells which pixels cosmic rays hit."""

import sys
from pathlib import Path

import pytest

from acs_deepcr_step import detect

ROOT = Path(__file__).parents[2]
PAIR = ROOT.parent / "shared" / "data" / "stis_o4k19a010_flt.fits.gz"


@pytest.mark.skipif(
    not PAIR.exists(),
    reason=f"{PAIR} is not there; 'python benchmarks/stis_truth.py --fetch' checks the same from a download",
)
def test_cosmic_rays_of_a_real_pair_are_found(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import stis_truth
    from real_truth import count_events, score

    images = stis_truth.read_pair(PAIR)
    for image in images:
        assert 450 < count_events(image.truth) < 650 and image.use.mean() > 0.8
        mask = detect.mask(detect.probability(image.electrons), 0.5)
        tpr, fpr = score(mask, image.truth, image.use)
        assert tpr >= 0.98 and fpr < 1e-3
    assert not (images[0].truth & images[1].truth).any()
    for name in ("stis_truth", "real_truth"):
        sys.modules.pop(name)
