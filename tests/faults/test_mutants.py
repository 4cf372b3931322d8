"""Damaged and hostile files: processed as they should be, or refused by one of our exceptions."""

import mutants
import pytest
from harness import call
from verdict import Site, with_right_sum


@pytest.mark.parametrize(
    ("trial", "count"), [(mutants.exposures, 60), (mutants.masks, 24), (mutants.associations, 12)]
)
def test_mutated_files(tmp_path, trial, count):
    tally = trial(tmp_path, count)
    assert tally.lost == []
    assert tally.trials == count
    assert tally.refused and tally.new  # the mutations are neither all fatal nor all harmless


@pytest.mark.parametrize("key", [b"NAXIS   ", b"TFIELDS ", b"ZNAXIS  "])
@pytest.mark.parametrize("value", [b"1000", b"1" + b"0" * 30])
@pytest.mark.parametrize("kind", ["exposure", "mask", "table"])
def test_absurd_number_of_axes_or_columns_is_refused_at_once(site, kind, key, value):
    """A reader that believed it would count for hours."""
    site.fresh(flagged=True)
    victim = {"exposure": site.path, "mask": site.mask, "table": site.directory / "a_asn.fits"}[kind]
    if kind == "table":
        victim.write_bytes(next((site.root / "made").glob("*_asn.fits")).read_bytes())
    content = victim.read_bytes()
    at = content.rindex(key + b"=" if key + b"=" in content else b"EXTNAME =")
    content = content[:at] + (key + b"= " + value.rjust(40)).ljust(80) + content[at + 80 :]
    victim.write_bytes(with_right_sum(content))
    report = call(site.report, "run", [victim if kind == "table" else site.path])
    assert report.outcome == "refused" and "above 999" in report.message


@pytest.mark.parametrize("cards", [{b"NAXIS2": b"-32"}, {b"GCOUNT": b"-1"}, {b"PCOUNT": b"-99999999"}])
@pytest.mark.parametrize("kind", ["exposure", "mask", "table"])
def test_data_of_a_negative_size_are_refused_at_once(site, kind, cards):
    """A reader that believed it would go back to where it was before, in a circle."""
    site.fresh(flagged=True)
    victim = {"exposure": site.path, "mask": site.mask, "table": site.directory / "a_asn.fits"}[kind]
    if kind == "table":
        victim.write_bytes(next((site.root / "made").glob("*_asn.fits")).read_bytes())
    content = victim.read_bytes()
    for key, value in cards.items():
        at = content.rindex(key.ljust(8) + b"=")
        content = content[: at + 10] + value.rjust(20).ljust(70) + content[at + 80 :]
    victim.write_bytes(with_right_sum(content))
    report = call(site.report, "run", [victim if kind == "table" else site.path])
    assert report.outcome == "refused" and "negative" in report.message


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return Site(tmp_path_factory.mktemp("counts"))
