"""The paper's tables as data: complete, consistent, and where they contradict its text."""

import re
from pathlib import Path

import pytest
from astropy.table import Table

from acs_deepcr_step.errors import ParameterError
from acs_deepcr_step.training.archive import sets
from acs_deepcr_step.training.samples import FIELD_TYPES

PAPER = Path(__file__).parents[3] / "shared" / "paper" / "deepCR-ACS-WFC.txt"


def test_table_1_has_38_rows_table_2_has_12_and_table_a1_has_50():
    assert len(sets.paper_table1()) == 38
    assert len(sets.paper_table2()) == 12
    assert len(sets.paper_table_a1()) == 50


def test_every_row_of_table_a1_is_one_row_of_table_1_or_2():
    merged = Table.read(Path(sets.__file__).with_name("observation_sets.ecsv"), format="ascii.ecsv")
    rows = {use: sorted(merged["row"][merged["use"] == use]) for use in ("train", "test")}
    assert rows == {"train": list(range(1, 39)), "test": list(range(1, 13))}
    assert sorted(merged["row_a1"]) == list(range(1, 51))


def test_a_programme_and_visit_is_one_set_in_one_use():
    names = [one.name for one in sets.observation_sets()]
    assert len(set(names)) == len(names) == 50
    assert len({(one.proposal, one.visit_code) for one in sets.observation_sets()}) == 50


def test_every_field_type_is_known_and_trained_on_in_every_filter():
    assert {one.field for one in sets.observation_sets()} == set(FIELD_TYPES)
    for filter in ("F435W", "F606W", "F814W"):
        for field in FIELD_TYPES:
            for use in ("train", "test"):
                assert sets.observation_sets(filter, field, use)


def test_exposures_and_exposure_times_are_those_that_the_text_allows():
    for one in sets.observation_sets():
        assert 2 <= one.n_exposures <= 8
        assert one.exptime >= 100


def test_convolution_width_follows_the_field_type():
    for one in sets.observation_sets():
        assert one.conv_width == (6.0 if one.field == "extragalactic" else 3.5)


@pytest.mark.skipif(not PAPER.exists(), reason="the paper's text is not part of the repository")
def test_tables_are_those_of_the_paper():
    rows = [line.split("\t") for line in PAPER.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if re.fullmatch(r"F\d{3}W", row[0])]
    text = [row[:3] + [float(value) for value in row[4:6]] for row in rows]

    def ours(table, *columns):
        return [
            [row["filter"], str(row["proposal"]), row["visit"], *(float(row[name]) for name in columns)]
            for row in table
        ]

    observed = ("n_exposures", "exptime")
    assert text[:38] == ours(sets.paper_table1(), *observed)
    assert text[38:50] == ours(sets.paper_table2(), *observed)
    assert text[50:] == ours(sets.paper_table_a1(), "conv_width", "threshold")


@pytest.mark.skipif(not PAPER.exists(), reason="the paper's text is not part of the repository")
def test_table_3_is_that_of_the_paper():
    lines = [line for line in PAPER.read_text(encoding="utf-8").splitlines() if line.count("%\t") > 4]
    text = [float(value) for line in lines for value in re.findall(r"([\d.]+) ?%", line)]
    table = sets.paper_table3()
    ours = [100 * row[name] for row in table for name in ("tpr_low", "tpr_high")]
    assert len(text) == 72
    assert ours == pytest.approx(text, abs=1e-9)


def test_table_3_has_both_models_both_ways_for_all_filters_and_fields():
    table = sets.paper_table3()
    assert (
        len(set(zip(*(table[name] for name in ("filter", "model", "dilated", "field")), strict=True))) == 36
    )
    assert set(table["field"]) == set(FIELD_TYPES)
    assert (table["tpr_low"] < table["tpr_high"]).all()


def test_sets_are_found_by_filter_field_and_use():
    found = sets.observation_sets(filter="F814W", field="galaxy", use="test")
    assert [one.name for one in found] == ["F814W_12058_6", "F814W_13804_6"]
    assert len(sets.observation_sets(filter="F435W")) == 16


def test_set_of_the_paper_s_first_row_is_as_printed():
    first = sets.observation_sets()[0]
    assert first == sets.ObservationSet("F435W", 10349, "30", "globular", 2, 340.0, 3.5, 11785.0, "train")
    assert first.name == "F435W_10349_30"


def test_field_is_known_by_the_name_of_a_set_and_empty_for_others():
    assert sets.field_of("F814W_12602_1") == "globular"
    assert sets.field_of("F814W_1_1") == ""


def test_visit_of_one_character_gets_its_zero():
    assert sets.by_name(["F435W_10595_2"])[0].visit_code == "02"
    assert sets.by_name(["F435W_9978_5e"])[0].visit_code == "5e"


@pytest.mark.parametrize(
    ("wrong", "allowed"),
    [
        ({"filter": "F555W"}, "F606W"),
        ({"field": "sparse"}, "extragalactic"),
        ({"use": "validation"}, "train"),
    ],
)
def test_value_that_no_set_has_is_refused_with_what_is_allowed(wrong, allowed):
    with pytest.raises(ParameterError, match=allowed):
        sets.observation_sets(**wrong)


def test_name_that_no_set_has_is_refused():
    with pytest.raises(ParameterError, match="F435W_1_1"):
        sets.by_name(["F435W_10349_30", "F435W_1_1"])


@pytest.mark.parametrize(
    "said",
    [
        "39 training sets; Table 1 has 38 rows",
        "5 of 18 pairs differ by more, up to 4.1 points (F606W, galaxy)",
        "2 of the 12 test sets (F814W_12602_1, F814W_12058_6)",
        "(12058, 12602: 4 training sets)",
        "near 100 % TPR",
    ],
)
def test_where_the_paper_contradicts_its_tables_is_told(said):
    assert any(said in sentence for sentence in sets.disagreements())


def test_nothing_is_told_of_what_the_tables_confirm(monkeypatch):
    monkeypatch.setattr(sets, "_TEXT_TRAINING_SETS", 38)
    monkeypatch.setattr(sets, "_TEXT_MAX_TPR_GAP", 5.0)
    told = " ".join(sets.disagreements())
    assert "training sets; Table 1" not in told and "pairs differ" not in told
