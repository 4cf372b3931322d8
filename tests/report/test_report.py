"""The report: its figures, its warnings, its pictures, and that it changes no other file."""

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import changed, copy, edit, flag, mask_of, snapshot
from PIL import Image
from webpage import Page

from acs_deepcr_step import cli, report, simulate, undo
from acs_deepcr_step.arrays import reasons
from acs_deepcr_step.errors import (
    ExposureError,
    InputError,
    OutputError,
    ParameterError,
    RunError,
    StepWarning,
)
from acs_deepcr_step.files import atomic, mask_file
from acs_deepcr_step.report import cutouts
from acs_deepcr_step.report import page as page_module

NAME = "acs_deepcr_report.html"
SANE = dict(n=1, shape=(512, 640), chips=1, exptime=600.0, seed=41)


class ReportPage(Page):
    """A report.

    Attributes
    ----------
    chip_rows, bit_rows : list of list of str
        Cells of the table of the chips and of that of the bits, their heads included.
    reason_rows : list of list of str
        Cells of the tables of what became of the pixels, without their heads.
    """

    def __init__(self, path):
        super().__init__(path)
        first_bit = self.rows.index(["Value", "Name", "Description"])
        self.bit_rows = self.rows[first_bit:]
        heads = [number for number, row in enumerate(self.rows[:first_bit]) if row[0] == "Pixels"]
        first = heads[0] if heads else first_bit
        self.chip_rows = self.rows[:first]
        self.reason_rows = [row for row in self.rows[first:first_bit] if row[0] != "Pixels"]


def simulated(directory, **scene):
    """One simulated exposure."""
    return simulate.association(directory, **{**SANE, **scene})[0]


def flag_and_report(*files, **pars):
    """Run the step with a report; the table and the page."""
    table = flag(*files, report=True, **pars)
    return table, ReportPage(Path(files[0]).with_name(NAME))


@pytest.fixture(scope="module")
def sane(tmp_path_factory):
    """An exposure with nothing remarkable, flagged; its path and its page."""
    path = simulated(tmp_path_factory.mktemp("sane"))
    return path, flag_and_report(path)[1]


def test_sane_exposure_gives_no_warning(sane):
    assert sane[1].warnings == [] and "Nothing to warn of" in sane[1].text


def test_figures_of_the_page_are_those_of_the_table(pair):
    table, page = flag_and_report(*pair, consensus="no")
    head, *rows = page.chip_rows
    where = {title: [cell.startswith(title) for cell in head].index(True) for title in
             ("Exposure", "SCI", "Filter", "Time", "Flagged", "Share", "Rate")}  # fmt: skip
    assert len(rows) == len(table) == 4
    for row, chip in zip(rows, table, strict=True):
        shown = {title: row[index] for title, index in where.items()}
        assert shown["Exposure"] == Path(chip["filename"]).name and shown["SCI"] == str(chip["extver"])
        assert shown["Filter"] == chip["filter"] and shown["Time"] == f"{chip['exptime']:.1f}"
        assert shown["Flagged"] == f"{chip['n_flagged']:,}"
        assert shown["Share"] == f"{100 * chip['fraction']:.3f}"
        assert shown["Rate"] == f"high {chip['cr_rate']:.3f}"  # seven times the usual rate


@pytest.mark.slow
def test_what_other_exposures_changed_is_in_figures_and_cut_outs(tmp_path):
    files = simulate.association(
        tmp_path, n=3, shape=(320, 320), chips=1, field="crowded", exptime=512.0, seed=31
    )
    table, page = flag_and_report(*files)
    spared, added = ([row[-2] for row in page.chip_rows[1:]], [row[-1] for row in page.chip_rows[1:]])
    assert spared == [f"{n:,}" for n in table["n_vetoed"]] and added == [f"{n:,}" for n in table["n_added"]]
    assert table["n_added"].sum() > 0 and "Added because of other exposures" in page.text
    assert f"Decided from 3 exposures ({', '.join(path.name[:9] for path in files)})" in page.text


@pytest.mark.parametrize(
    ("scene", "pars", "kind"),
    [
        ({"cr_rate": 2.6}, {}, "rate high"),
        ({"cr_rate": 0.3}, {}, "rate low"),
        ({}, {"model": "ACS-WFC-F435W"}, "filter"),
        ({}, {"update_dq": False}, "not in file"),
    ],
    ids=["doubled rate", "few cosmic rays", "another filter's model", "mask file only"],
)
def test_warning_is_given_when_it_should_be(tmp_path, scene, pars, kind):
    assert flag_and_report(simulated(tmp_path, **scene), **pars)[1].warnings == [kind]


def test_short_exposure_is_warned_of(tmp_path):
    with pytest.warns(StepWarning, match="60 s"):
        _, page = flag_and_report(simulated(tmp_path, exptime=60.0))
    assert page.warnings == ["short"] and "shorter than 100 s" in page.text and " 60 s" in page.text


@pytest.mark.slow
def test_flags_on_stars_are_warned_of_and_shown(tmp_path):
    path = simulated(tmp_path, field="crowded")
    _, page = flag_and_report(path)
    assert "stars" not in page.warnings
    _, page = flag_and_report(path, threshold=0.002)  # what a careless user may ask for
    assert page.warnings[:2] == ["stars", "rate high"]
    assert "Star-like sources with a flagged core" in page.text


def test_meaning_of_the_bits_is_that_of_the_table_of_reasons(sane):
    _, page = sane
    rows = [[str(reason.value), reason.name, reason.description] for reason in reasons.REASONS]
    assert page.bit_rows == [["Value", "Name", "Description"], *rows]
    meaning = {reason.name: reason.description for reason in reasons.REASONS}
    assert f"Orange pixels were {meaning['FLAGGED']}" in page.text
    assert f"magenta ones were {meaning['ADDED']}" in page.text
    assert f"blue ones were {meaning['VETOED']}" in page.text
    assert meaning["VETOED"] in cutouts.KINDS["vetoed"].note
    assert meaning["ADDED"] in cutouts.KINDS["added"].note


def test_long_straight_flags_are_warned_of_with_their_place(tmp_path):
    path = simulated(tmp_path)
    rows = np.arange(60, 460)
    columns = np.rint(100 + 0.8 * (rows - 60)).astype(int)

    def draw(hdus):
        hdus["SCI", 1].data[rows, columns] += 1500

    _, page = flag_and_report(edit(path, draw))
    assert page.warnings == ["trail"] and "findsat_mrt" in page.text
    ends = re.search(r"from \((\d+), (\d+)\) to \((\d+), (\d+)\)", page.text).groups()
    assert np.allclose(np.array(ends, float), (101, 61, 420, 460), atol=15)


def test_flags_that_were_wiped_are_warned_of(sane, tmp_path):
    path = copy_of(sane[0], tmp_path)
    edit(path, lambda hdus: hdus["DQ", 1].data.__iand__(~np.int16(8192)))
    page = ReportPage(report.write(path, tmp_path / NAME))
    assert page.warnings == ["missing"] and "drizzle_kwargs" in page.text
    flag(path)
    assert ReportPage(report.write(path, tmp_path / NAME)).warnings == []


@pytest.mark.slow
def test_exposures_that_could_not_be_used_are_named(tmp_path):
    files = simulate.association(
        tmp_path, n=2, shape=(320, 320), chips=1, field="crowded", exptime=512.0, seed=31,
        offsets=((0, 0), (12.0, 9.0)),
    )  # fmt: skip
    with pytest.warns(StepWarning, match="without exposures that its WCS does not fit"):
        table, page = flag_and_report(*files)
    assert page.warnings == ["alone"] and table["note"][0] in page.text
    # Without the table of the run the mask files say at least that there were some.
    assert ReportPage(report.write(files, tmp_path / "later.html")).warnings == ["alone"]


def test_pixels_are_counted_by_what_became_of_them_in_words(sane):
    path, page = sane
    flags = mask_file.read(mask_of(path)).chip(1).reasons
    told = {row[1].split()[-1]: (row[0], row[1]) for row in page.reason_rows}
    for reason in reasons.REASONS:
        count = np.count_nonzero(flags & reason.value)
        assert (reason.name in told) == (count > 0)
        if count:
            assert told[reason.name] == (f"{count:,}", f"{reason.description} {reason.name}")


def test_exposures_of_one_name_from_two_directories_are_told_apart(sane, tmp_path):
    path = sane[0]
    (tmp_path / "first").mkdir()
    copy_of(path, tmp_path / "first")
    flag(simulated(tmp_path / "second", seed=42))
    files = [tmp_path / name / path.name for name in ("first", "second")]
    masks = [mask_of(file) for file in files]
    for order in (files, [*masks[::-1], *files]):  # each finds its own mask
        page = ReportPage(report.write(order, tmp_path / "both.html"))
        labels = [row[0] for row in page.chip_rows[1:]]
        assert set(labels) == {f"{name}/{path.name}" for name in ("first", "second")}
        anchors = [its["id"] for its in page.of("section") if its.get("class") == "exposure"]
        assert len(set(anchors)) == 2 and {its["href"] for its in page.of("a")} == {f"#{a}" for a in anchors}
    # Masks that all lie elsewhere are told apart by the pixels that they were made of.
    (tmp_path / "masks").mkdir()
    moved = [mask.rename(tmp_path / "masks" / f"{i}_{mask.name}") for i, mask in enumerate(masks)]
    report.write([*moved[::-1], *files], tmp_path / "moved.html")


def test_page_has_colours_for_the_dark_and_a_layout_for_paper(sane):
    text = (sane[0].with_name(NAME)).read_text()
    assert "@media screen and (prefers-color-scheme: dark)" in text and "@media print" in text


def test_exposure_that_failed_is_named_and_the_others_are_shown(pair):
    edit(pair[0], lambda hdus: hdus["SCI", 1].data.fill(np.nan))
    with pytest.raises(RunError):
        flag(*pair, report=True, consensus="no")
    page = ReportPage(pair[0].with_name(NAME))
    assert page.warnings[0] == "failed" and "no finite pixel" in page.text
    assert {row[0] for row in page.chip_rows[1:]} == {pair[1].name}


def copy_of(path, directory):
    """The exposure and its mask file, elsewhere."""
    shutil.copy(mask_of(path), directory)
    return Path(shutil.copy(path, directory))


def test_page_needs_nothing_from_elsewhere(sane):
    text = sane[0].with_name(NAME).read_text(encoding="utf-8")
    assert not any(word in text for word in ("http:", "https:", "//www", "<script", "@import", "url("))
    for tag, attributes in sane[1].tags:
        for name in ("src", "href", "srcset", "poster", "data"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, name)


def test_every_picture_can_be_decoded_and_says_what_it_is(sane):
    for attributes, content in sane[1].pictures:
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
            assert min(picture.size) > 20
        assert len(attributes["alt"]) > 10
    assert len(sane[1].pictures) == len(sane[1].of("img")) > 20


def test_every_flagged_pixel_is_seen_in_the_quick_look(sane):
    [flags] = [chip.reasons for chip in mask_file.read(mask_of(sane[0])).chips]
    [content] = [content for attributes, content in sane[1].pictures if attributes.get("class") == "over"]
    drawn = np.array(Image.open(io.BytesIO(content)).convert("RGBA"))[::-1, :, 3] > 0
    assert np.array_equal(drawn, (flags & reasons.FLAGGED) != 0)


def test_report_changes_no_other_file(sane, tmp_path):
    path = copy_of(sane[0], tmp_path)
    before = snapshot(tmp_path)
    report.write(path, tmp_path / NAME)
    assert changed(before, snapshot(tmp_path)) == {NAME}


def test_masks_exposures_or_both_give_the_same_report(sane, tmp_path):
    path = copy_of(sane[0], tmp_path)
    elsewhere = tmp_path / "masks"
    elsewhere.mkdir()
    pages = [
        ReportPage(report.write(inputs, tmp_path / NAME))
        for inputs in (path, mask_of(path), [mask_of(path), path], str(tmp_path / "*.fits"))
    ]
    moved = shutil.move(mask_of(path), elsewhere / "renamed_deepcr.fits")
    pages.append(ReportPage(report.write([path, moved], tmp_path / NAME)))
    assert all(page.chip_rows == pages[0].chip_rows and len(page.pictures) > 20 for page in pages)


def test_report_after_undo_says_that_flags_are_in_the_mask_file_only(sane, tmp_path):
    path = copy_of(sane[0], tmp_path)
    rows = ReportPage(report.write(path, tmp_path / NAME)).chip_rows
    undo(path, runfile="")
    page = ReportPage(report.write(path, tmp_path / NAME))
    assert page.warnings == ["not in file"] and page.chip_rows == rows


def test_report_goes_into_the_output_directory(one, here):
    flag(one, output_dir="out", report=True)
    assert (here / "out" / NAME).is_file() and not (here / NAME).exists()
    assert ReportPage(here / "out" / NAME).chip_rows[1][0] == one.name


def test_older_report_is_replaced_but_no_other_file(sane, tmp_path):
    path = copy_of(sane[0], tmp_path)
    target = tmp_path / NAME
    report.write(path, target)
    target.write_text(target.read_text().replace("Cosmic-ray report", "older"))
    assert "older" not in report.write(path, target).read_text()
    target.write_text("<html><title>thesis</title></html>")
    with pytest.raises(InputError, match=f"{NAME} is there already and is not a report"):
        report.write(path, target)
    assert "thesis" in target.read_text()


def test_foreign_file_of_the_reports_name_stops_a_run_before_it_begins(one, refused):
    one.with_name(NAME).write_text("thesis")
    refused(InputError, [NAME, "not a report"], one, report=True)


@pytest.mark.parametrize("module", ["matplotlib", "jinja2", "PIL"])
def test_missing_library_stops_a_run_before_it_begins(one, refused, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    refused(ParameterError, ["not installed", "pip install"], one, report=True)


def test_report_without_mask_files_is_refused(one, refused):
    refused(ParameterError, ["report=yes", "mask_file=yes"], one, report=True, mask_file=False)


def test_exposure_without_mask_file_is_named(one):
    with pytest.raises(InputError, match=rf"{one.name} has no mask file \({mask_of(one).name}\)"):
        report.write(one)


def test_mask_without_exposure_is_named(sane, tmp_path):
    mask = shutil.copy(mask_of(sane[0]), tmp_path)
    with pytest.raises(InputError, match=rf"has no exposure {sane[0].name} beside it"):
        report.write(mask, tmp_path / NAME)


def test_mask_of_other_pixels_is_refused_and_nothing_is_written(sane, tmp_path):
    path = copy_of(sane[0], tmp_path)
    edit(path, lambda hdus: hdus["SCI", 1].data.__iadd__(1))
    with pytest.raises(ExposureError, match="was not made of"):
        report.write(path, tmp_path / NAME)
    assert not (tmp_path / NAME).exists()


def test_directory_that_is_not_there_is_named(sane, tmp_path):
    with pytest.raises(InputError, match="missing is not a directory"):
        report.write(sane[0], tmp_path / "missing" / NAME)


@pytest.fixture
def failing_disk(monkeypatch):
    """A disk that takes no report."""
    replace = os.replace

    def failing(source, target):
        if str(target).endswith(".html"):
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(atomic.os, "replace", failing)


def test_report_that_cannot_be_written_is_an_output_error_and_the_older_one_stays(
    sane, tmp_path, failing_disk
):
    path = copy_of(sane[0], tmp_path)
    shutil.copy(sane[0].with_name(NAME), tmp_path)
    before = snapshot(tmp_path)
    with pytest.raises(OutputError, match=rf"{NAME} could not be written \(No space left on device\)"):
        report.write(path, tmp_path / NAME)
    assert snapshot(tmp_path) == before


def test_report_that_cannot_be_written_after_a_run_costs_a_warning_and_no_exposure(one, failing_disk):
    with pytest.warns(StepWarning, match="There is no report .*No space left on device"):
        table = flag(one, report=True)
    assert list(table["status"]) == ["done"] and not one.with_name(NAME).exists()


def test_name_that_the_system_does_not_take_is_an_output_error(sane, tmp_path):
    with pytest.raises(OutputError, match="cannot be written .*another name"):
        report.write(sane[0], tmp_path / ("x" * 300 + ".html"))


def test_report_loads_no_torch(sane, tmp_path):
    code = (
        "import sys\nfrom acs_deepcr_step import report\n"
        f"report.write({str(sane[0])!r}, {str(tmp_path / NAME)!r})\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(ReportPage(tmp_path / NAME).pictures) > 20


def test_report_that_cannot_be_drawn_costs_a_warning_and_no_exposure(one, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("no pixels")

    monkeypatch.setattr(page_module, "write_page", broken)
    with pytest.warns(StepWarning, match="There is no report .*ZeroDivisionError"):
        table = flag(one, report=True)
    assert list(table["status"]) == ["done"] and not one.with_name(NAME).exists()


def test_many_exposures_are_all_in_the_table_and_some_are_shown(pair, monkeypatch):
    flag(*pair, consensus="no")
    copies = [copy(path, f"more/{path.name}") for path in pair]
    for path in pair:
        copy(mask_of(path), f"more/{mask_of(path).name}")
    monkeypatch.setattr(page_module, "_PICTURED", 1)
    page = ReportPage(report.write([*pair, *copies], "many.html"))
    shown = {section["id"] for section in page.of("section") if section.get("class") == "exposure"}
    assert len(page.chip_rows) == 9 and len(shown) == 2  # one, and one more for its warning
    assert "2 of 4 exposures are shown below" in page.text


def test_command_writes_the_page_and_says_where(sane, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["report", str(sane[0])]) == 0
    assert capsys.readouterr().out.strip() == NAME and ReportPage(NAME).warnings == []
    assert cli.main(["report", str(mask_of(sane[0])), "--output", "mine.html"]) == 0
    assert ReportPage("mine.html").chip_rows == ReportPage(NAME).chip_rows
    assert cli.main(["report", "missing_flc.fits"]) == 2
    assert "missing_flc.fits" in capsys.readouterr().err
