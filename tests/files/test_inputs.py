"""What a user can write as input, and what becomes of it."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from helpers import flag

from acs_deepcr_step import run
from acs_deepcr_step.errors import InputError
from acs_deepcr_step.files import inputs


@pytest.fixture
def files(here):
    """Names only: whether these are exposures is not the concern of `inputs`."""
    for name in ("a_flc.fits", "b_flc.fits", "b_flt.fits", "c_flt.fits"):
        Path(name).touch()
    return here


def names(given):
    return [path.name for path in inputs.expand(given).paths]


def refusal(given):
    with pytest.raises(InputError) as caught:
        inputs.expand(given)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


def association(name, rows, columns=("MEMNAME", "MEMTYPE", "MEMPRSNT")):
    formats = dict(MEMNAME="14A", MEMTYPE="14A", MEMPRSNT="L")
    made = [fits.Column(c, formats[c], array=[row[i] for row in rows]) for i, c in enumerate(columns)]
    table = fits.BinTableHDU.from_columns(made, name="ASN")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(name)
    return name


def test_wildcard_gives_sorted_files(files):
    assert names("*_flc.fits") == ["a_flc.fits", "b_flc.fits"]


def test_comma_list(files):
    assert names(" b_flc.fits, a_flc.fits ,") == ["b_flc.fits", "a_flc.fits"]


def test_comma_list_of_wildcards(files):
    assert names("*_flt.fits,a_*") == ["b_flt.fits", "c_flt.fits", "a_flc.fits"]


def test_file_whose_name_has_a_comma(files):
    Path("x,y_flc.fits").touch()
    assert names("x,y_flc.fits") == ["x,y_flc.fits"]


def test_list_in_a_file(files):
    Path("list.txt").write_text("# night one\nb_flc.fits\n\n  *_flt.fits  \na_flc.fits, b_flc.fits\n")
    assert names("@list.txt") == ["b_flc.fits", "b_flt.fits", "c_flt.fits", "a_flc.fits"]


def test_mark_of_byte_order_before_a_list(files):
    Path("list.txt").write_bytes(b"\xef\xbb\xbfb_flc.fits\r\na_flc.fits\r\n")
    assert names("@list.txt") == ["b_flc.fits", "a_flc.fits"]


def test_comments_after_names_in_a_list(files):
    Path("list.txt").write_text("b_flc.fits  # bad seeing\na_flc.fits\t# good\n  # none\n")
    assert names("@list.txt") == ["b_flc.fits", "a_flc.fits"]


def test_names_that_look_like_comments_or_columns_are_taken_where_they_are_there(files):
    Path("b #2_flc.fits").touch()
    Path("b").touch()
    Path("list.txt").write_text("b #2_flc.fits\n")
    assert names("@list.txt") == ["b #2_flc.fits"]


def test_list_with_inverse_variance_maps_in_a_second_column(files):
    Path("list.txt").write_text("a_flc.fits  a_ivm.fits\nb_flc.fits\tb_ivm.fits # weights\n")
    found = inputs.expand("@list.txt")
    assert [path.name for path in found.paths] == ["a_flc.fits", "b_flc.fits"]
    [note] = found.notes
    assert "list.txt" in note and "only the first" in note


@pytest.mark.parametrize(
    "make",
    [
        lambda given: (name for name in given),
        np.array,
        lambda given: np.array(given, object),
        lambda given: np.array([name.encode() for name in given]),
        lambda given: Table({"file": given})["file"],
        lambda given: Table({"file": [name.encode() for name in given]})["file"],
        lambda given: {name: 1 for name in given}.keys(),
        lambda given: map(Path, given),
        lambda given: [given[0].encode(), given[1]],
    ],
    ids=["generator", "array", "objects", "bytes", "column", "bytes column", "keys", "map", "mixed"],
)
def test_anything_that_gives_names(files, make):
    assert names(make(["b_flc.fits", "a_flc.fits"])) == ["b_flc.fits", "a_flc.fits"]


@pytest.mark.parametrize("given", [5, None, 2.5, np.array([1, 2]), [np.ma.masked], {"a_flc.fits": 1}])
def test_what_gives_no_names_is_named(files, given):
    assert "neither a file name nor a list" in refusal(given)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("a_flc.fits[sci,1]", "write a_flc.fits instead"),
        ("a_flc.fits[1]", "write a_flc.fits instead"),
        ("a_flc.fits[sci,1],b_flc.fits[SCI,2]", "write a_flc.fits,b_flc.fits instead"),
        ("*_flc.fits[1]", "write *_flc.fits instead"),
    ],
)
def test_part_of_a_file_is_told_what_to_write_instead(files, given, wanted):
    assert wanted in refusal(given)
    Path("list.txt").write_text(f"{given}\n")
    assert wanted in refusal("@list.txt")


def test_a_pattern_with_brackets_is_none_of_a_part(files):
    assert names("[ab]_fl[c].fits") == ["a_flc.fits", "b_flc.fits"]


def test_path_object(files):
    assert names(files / "a_flc.fits") == ["a_flc.fits"]


def test_nested_lists_of_all_forms(files):
    Path("list.txt").write_text("c_flt.fits\n")
    given = [["@list.txt", Path("a_flc.fits")], ("b_flt.fits", ["b_*.fits"])]
    assert names(given) == ["c_flt.fits", "a_flc.fits", "b_flt.fits", "b_flc.fits"]


def test_home_directory(files, monkeypatch):
    monkeypatch.setenv("HOME", str(files))
    os.chdir("/")
    assert names("~/*_flc.fits") == ["a_flc.fits", "b_flc.fits"]
    assert names("~/a_flc.fits") == ["a_flc.fits"]
    assert names(Path("~/a_flc.fits")) == ["a_flc.fits"]


def test_duplicates_count_once_under_any_name(files):
    Path("link_flc.fits").symlink_to("a_flc.fits")
    given = ["a_flc.fits", "./a_flc.fits", files / "a_flc.fits", "link_flc.fits", "*_flc.fits"]
    assert names(given) == ["a_flc.fits", "b_flc.fits"]


def test_dotted_suffix_means_the_underscored_one(files):
    found = inputs.expand("*.flc.fits")
    assert [path.name for path in found.paths] == ["a_flc.fits", "b_flc.fits"]
    [note] = found.notes
    assert "*.flc.fits" in note and "*_flc.fits" in note
    assert names("*.flt.fits") == ["b_flt.fits", "c_flt.fits"]
    assert names("a.flc.fits") == ["a_flc.fits"]


def test_dotted_suffix_is_taken_literally_where_it_matches(files):
    Path("d.flc.fits").touch()
    found = inputs.expand("*.flc.fits")
    assert [path.name for path in found.paths] == ["d.flc.fits"] and found.notes == []


def test_association_takes_flc_before_flt(files):
    rows = [("A", "EXP-DTH", True), ("B", "EXP-DTH", True), ("C", "EXP-DTH", True), ("P", "PROD-DTH", False)]
    association("x_asn.fits", rows)
    assert names("x_asn.fits") == ["a_flc.fits", "b_flc.fits", "c_flt.fits"]


@pytest.mark.parametrize("name", ["X_ASN.FITS", "x_ASN.fits"])
def test_association_in_capitals(files, name):
    association(name, [("A", "EXP-DTH", True), ("D", "EXP-DTH", True)])
    Path("D_FLC.FITS").touch()
    found = inputs.expand(name)
    assert [path.name for path in found.paths] == ["a_flc.fits", "D_FLC.FITS"]
    assert set(found.tables.values()) == {Path(name).resolve()}


def test_association_in_another_directory(files):
    association("x_asn.fits", [("A", "EXP-DTH", True)])
    os.chdir("/")
    [path] = inputs.expand(files / "x_asn.fits").paths
    assert path == files / "a_flc.fits"


def test_association_by_wildcard_gives_its_members(files):
    association("x_asn.fits", [("A", "EXP-DTH", True)])
    assert names("*_asn.fits") == ["a_flc.fits"]


def test_members_that_are_not_present_are_left_out(files):
    association("x_asn.fits", [("A", "EXP-DTH", True), ("NEVER", "EXP-DTH", False)])
    assert names("x_asn.fits") == ["a_flc.fits"]


def test_association_without_presence_column(files):
    association("x_asn.fits", [("A", "EXP-DTH")], ("MEMNAME", "MEMTYPE"))
    assert names("x_asn.fits") == ["a_flc.fits"]


def test_missing_member_is_named(files):
    association("x_asn.fits", [("A", "EXP-DTH", True), ("GONE", "EXP-DTH", True)])
    message = refusal("x_asn.fits")
    assert "x_asn.fits" in message and "gone_flc.fits" in message and "gone_flt.fits" in message


def test_member_name_leads_nowhere_else(files):
    association("x_asn.fits", [("../A", "EXP-DTH", True)])
    assert "no rootname" in refusal("x_asn.fits")


@pytest.mark.parametrize("rows", [[("P", "PROD-DTH", True)], [("A", "EXP-DTH", False)]])
def test_association_without_exposures_is_named(files, rows):
    association("x_asn.fits", rows)
    message = refusal("x_asn.fits")
    assert "x_asn.fits" in message and "no exposure" in message


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b"text", lambda b: b[:3000], lambda b: b[:2880]])
def test_damaged_association_is_named(files, damage):
    association("x_asn.fits", [("A", "EXP-DTH", True)])
    Path("x_asn.fits").write_bytes(damage(Path("x_asn.fits").read_bytes()))
    assert "x_asn.fits" in refusal("x_asn.fits")


def test_every_fault_is_named_at_once(files):
    Path("empty.txt").write_text("# nothing\n")
    given = ["a_flc.fits", "none_flc.fits", "*_raw.fits", "@absent.txt", "@empty.txt", 5, files]
    message = refusal(given)
    for name in ("none_flc.fits", "*_raw.fits", "absent.txt", "empty.txt", "5", str(files)):
        assert name in message
    assert "a_flc.fits does" not in message


def test_list_within_a_list_file_is_named(files):
    Path("list.txt").write_text("@list.txt\na_flc.fits\n")
    assert "list.txt" in refusal("@list.txt")


@pytest.mark.parametrize("given", ["", "  ", [], ",", ["", []]])
def test_nothing_given_is_an_error(files, given):
    assert "No input" in refusal(given)


def test_name_longer_than_any_is_refused_at_once(files):
    Path("list.txt").write_bytes(bytes(2_000_000))
    assert "it has 2000000 characters" in refusal("@list.txt")
    assert "it has 2000000 characters" in refusal("a" * 2_000_000)


def test_lists_within_lists_without_end_are_named(files):
    given = []
    given.append(given)
    assert "lists without end" in refusal(given)


def test_list_file_that_is_no_text(files):
    Path("list.txt").write_bytes(b"\xff\xfe\x00")
    assert "list.txt" in refusal("@list.txt")


def test_dangling_link_is_missing(files):
    Path("d_flc.fits").symlink_to("gone")
    assert "d_flc.fits" in refusal("d_flc.fits")


def test_run_takes_the_users_spelling_and_logs_it(one):
    table = run("*.flc.fits", progress=False)
    assert list(table["filename"]) == [one.name]
    log = Path("acs_deepcr_step.log").read_text()
    assert "'*.flc.fits' matches nothing; taken as '*_flc.fits'" in log


def test_run_takes_a_generator_of_associations(pair, simulated_pair):
    """Also where the tables are asked for a second time, to keep their exposures apart."""
    shutil.copy(next(simulated_pair.glob("*_asn.fits")), ".")
    table = run((str(path) for path in Path().glob("*_asn.fits")), runfile="", progress=False)
    assert list(table["nexp"]) == [2] * 4


def test_run_without_input_takes_all_flc_files_here(one):
    assert list(run(progress=False)["status"]) == ["done"]


def test_run_takes_the_association_table(pair, simulated_pair):
    table_file = next(simulated_pair.glob("*_asn.fits"))
    shutil.copy(table_file, ".")
    table = run(table_file.name, runfile="", progress=False)
    assert list(table["filename"]) == [p.name for p in pair for _ in range(2)]


def test_run_counts_duplicates_once(one):
    assert len(flag(one, one.name, "*_flc.fits")) == 1
