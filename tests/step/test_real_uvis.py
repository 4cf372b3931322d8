"""Eight real WFC3/UVIS exposures of one visit, whose comparison tells which pixels cosmic rays hit."""

import sys
from pathlib import Path
from statistics import mean

import numpy as np
import pytest
from astropy.io import fits
from helpers import cards, flag, hdu_bytes, index_of
from webpage import Page

from acs_deepcr_step import undo
from acs_deepcr_step.errors import StepWarning

ROOT = Path(__file__).parents[2]
VISIT = ROOT.parent / "shared" / "data" / "wfc3_uvis"
CR = 8192
# Which of the eight are flagged together, by the order in which they were taken. The galaxies say that
# the WCS of numbers 3 to 6 is four to six pixels off that of the rest.
TOGETHER = {
    "eight": tuple(range(8)),
    "four, one dither": (0, 1, 2, 3),
    "four of both rounds": (1, 2, 4, 7),
    "pair": (0, 1),
    "pair an hour and a half apart": (2, 7),
    "pair off in WCS": (0, 5),
}

pytestmark = pytest.mark.skipif(not VISIT.is_dir(), reason=f"{VISIT} is not there")


@pytest.fixture
def uvis(monkeypatch):
    """The module that makes the truth."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import uvis_truth

    yield uvis_truth
    for name in ("uvis_truth", "uvis_ways", "real_truth", "product_drizzle", "tools", "common"):
        sys.modules.pop(name, None)


@pytest.fixture
def visit(uvis, here):
    """The exposures in the current directory, with their truth."""
    return uvis.read_exposures(uvis.unpack(VISIT, here))


def flag_together(uvis, exposures, **parameters):
    """What the flags of exposures that were flagged in one call, without any switch, are worth."""
    with pytest.warns(StepWarning, match="MTFLAG"):
        table = flag(*(e.path for e in exposures), **parameters)
    assert set(table["status"]) == {"done"}
    rows = {Path(row["filename"]).name: row for row in table}
    return [
        uvis.figures(
            exposure,
            (fits.getdata(exposure.path, "DQ") & CR) != 0,
            int(rows[exposure.path.name]["nexp"]),
            str(rows[exposure.path.name]["note"]),
        )
        for exposure in exposures
    ]


def test_the_truth_is_what_cosmic_rays_look_like(uvis, visit):
    from real_truth import count_events

    assert [e.rootname for e in visit] == list(uvis.FAINT)
    for exposure in visit:
        # In 200 s on 512x513 pixels of 15 microns, at 1 to 2 hits/s/cm2.
        assert 120 < count_events(exposure.truth) < 240 and exposure.use.mean() > 0.95
        assert not exposure.use[exposure.object_pixels].any() and not (exposure.truth & ~exposure.use).any()
        assert abs(exposure.peak[0] - 265) <= 4 and abs(exposure.peak[1] - 248) <= 4
    in_one = sum(e.truth.mean() for e in visit)
    in_several = (sum(e.truth.astype(int) for e in visit) > 1).mean()
    assert in_several < 0.6 * in_one**2  # as often as chance has it: a source would be in all


def test_each_by_itself_finds_nearly_all_events_and_spares_the_object(uvis, visit):
    found = flag_together(uvis, visit, consensus="no")
    assert mean(f.tpr for f in found) > 0.965 and mean(f.fpr for f in found) < 8e-4
    assert mean(f.events for f in found) > 0.993 and mean(f.far for f in found) < 4e-5
    assert not any(f.object_flagged for f in found) and {f.nexp for f in found} == {1}


@pytest.mark.parametrize("name", TOGETHER)
def test_together_they_find_more_and_flag_no_more_far_from_cosmic_rays(uvis, visit, name):
    found = flag_together(uvis, [visit[i] for i in TOGETHER[name]])
    assert all(f.nexp > 1 for f in found), {f.note for f in found}
    # Of fewer than eight: to be set by what is measured once they are used.
    assert mean(f.tpr for f in found) >= (0.992 if name == "eight" else 0.985)
    assert mean(f.events for f in found) >= 0.997
    assert mean(f.far for f in found) <= 4e-5
    assert not any(f.object_flagged for f in found)


def our_cards(header):
    """The cards of a header that the step writes: all that a run adds."""
    begin = (b"DCR", b"DEEPCR")
    return [card for card in header if card.startswith(begin) or b"acs_deepcr_step" in card]


def test_every_byte_but_dq_and_our_cards_is_kept_and_undo_gives_the_file_back(uvis, visit):
    """HDRLET, WCSCORR, WCSDVARR and D2IMARR among them: tables and images as the archive wrote them."""
    path = visit[0].path
    with fits.open(path) as hdus:
        names = [hdu.name for hdu in hdus]
        bits = hdus["DQ"].data.copy()
    assert {"HDRLET", "WCSCORR", "WCSDVARR", "D2IMARR"} <= set(names)
    before = hdu_bytes(path)
    with pytest.warns(StepWarning, match="MTFLAG"):
        flag(path)
    after, where = hdu_bytes(path), index_of(path, "DQ")
    assert len(after) == len(before) == len(names)
    for index, ((old_header, old_data), (new_header, new_data)) in enumerate(zip(before, after, strict=True)):
        assert new_data == old_data or index == where
        old, new = cards(old_header), cards(new_header)
        if index not in (0, where):
            assert new_header == old_header
        else:  # nothing is lost or changed, and what is new is ours
            assert [card for card in new if card not in our_cards(new)] == old
    flagged = fits.getdata(path, "DQ")
    assert np.array_equal(flagged & ~CR, bits & ~CR) and ((flagged & CR) != 0).sum() > 1000
    undo(path, runfile="", progress=False)
    assert np.array_equal(fits.getdata(path, "DQ"), bits)
    assert all(old[1] == new[1] for old, new in zip(before, hdu_bytes(path), strict=True))


def test_the_target_that_the_telescope_followed_is_not_flagged(uvis, visit):
    exposure, (row, column) = visit[0], visit[0].peak
    assert abs(row - 265) <= 4 and abs(column - 248) <= 4 and exposure.electrons[row, column] > 1000
    with pytest.warns(StepWarning, match="MTFLAG"):
        flag(exposure.path)
    assert not (fits.getdata(exposure.path, "DQ")[exposure.object_pixels] & CR).any()


def test_the_report_of_uvis_holds_its_own_rates(uvis, visit, here):
    with pytest.warns(StepWarning, match="MTFLAG"):
        table = flag(*(e.path for e in visit[:3]), consensus="no", report=True)
    page = Page(here / "acs_deepcr_report.html")
    # Rates, shares of pixels and stars are as they should be on UVIS; what the headers say is told.
    assert page.warnings == ["target"]
    assert "1.3 to 1.8 on WFC3/UVIS" in page.text and "on ACS/WFC" not in page.text
    assert all(1.2 < rate < 1.9 for rate in table["cr_rate"])
