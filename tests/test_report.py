"""The report: its figures, its warnings, its pictures, and that it spoils nothing."""

import io
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import changed, copy, edit, flag, mask_of, snapshot
from PIL import Image
from webpage import Page

from acs_deepcr_step import cli, flags, maskfile, report, simulate, undo
from acs_deepcr_step.errors import ExposureError, InputError, ParameterError, RunError, StepWarning
from acs_deepcr_step.report import page as page_module

NAME = "acs_deepcr_report.html"
SANE = dict(n=1, shape=(512, 640), chips=1, exptime=600.0, seed=41)


def made(directory, **scene):
    """One simulated exposure."""
    return simulate.association(directory, **{**SANE, **scene})[0]


def reported(*files, **pars):
    """Run the step with a report; the table and the page."""
    table = flag(*files, report=True, **pars)
    return table, Page(Path(files[0]).with_name(NAME))


@pytest.fixture(scope="module")
def sane(tmp_path_factory):
    """An exposure with nothing remarkable, flagged; its path and its page."""
    path = made(tmp_path_factory.mktemp("sane"))
    return path, reported(path)[1]


def test_sane_exposure_gives_no_warning(sane):
    assert sane[1].warnings == [] and "Nothing to warn of" in sane[1].text


def test_figures_of_the_page_are_those_of_the_table(pair):
    table, page = reported(*pair, consensus="no")
    head, *rows = page.rows
    where = {title: [cell.startswith(title) for cell in head].index(True) for title in
             ("Exposure", "SCI", "Filter", "Time", "Flagged", "Share", "Rate")}  # fmt: skip
    assert len(rows) == len(table) == 4
    for row, its in zip(rows, table, strict=True):
        told = {title: row[index] for title, index in where.items()}
        assert told["Exposure"] == Path(its["filename"]).name and told["SCI"] == str(its["extver"])
        assert told["Filter"] == its["filter"] and told["Time"] == f"{its['exptime']:.1f}"
        assert told["Flagged"] == f"{its['n_flagged']:,}"
        assert told["Share"] == f"{100 * its['fraction']:.3f}"
        assert told["Rate"] == f"high {its['cr_rate']:.3f}"  # seven times the usual rate


@pytest.mark.slow
def test_what_the_others_changed_is_told_in_figures_and_cut_outs(tmp_path):
    files = simulate.association(
        tmp_path, n=3, shape=(320, 320), chips=1, field="crowded", exptime=512.0, seed=31
    )
    table, page = reported(*files)
    spared, added = ([row[-2] for row in page.rows[1:]], [row[-1] for row in page.rows[1:]])
    assert spared == [f"{n:,}" for n in table["n_vetoed"]] and added == [f"{n:,}" for n in table["n_added"]]
    assert table["n_added"].sum() > 0 and "Added, since other exposures do not show it" in page.text
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
    assert reported(made(tmp_path, **scene), **pars)[1].warnings == [kind]


def test_short_exposure_is_warned_of(tmp_path):
    with pytest.warns(StepWarning, match="60 s"):
        _, page = reported(made(tmp_path, exptime=60.0))
    assert page.warnings == ["short"] and "shorter than 100 s" in page.text and " 60 s" in page.text


@pytest.mark.slow
def test_flags_on_stars_are_warned_of_and_shown(tmp_path):
    path = made(tmp_path, field="crowded")
    _, page = reported(path)
    assert "stars" not in page.warnings
    _, page = reported(path, threshold=0.002)  # what a careless user may ask for
    assert page.warnings[:2] == ["stars", "rate high"]
    assert "Star-like sources with a flagged core" in page.text


def test_long_straight_flags_are_warned_of_with_their_place(tmp_path):
    path = made(tmp_path)
    rows = np.arange(60, 460)
    columns = np.rint(100 + 0.8 * (rows - 60)).astype(int)

    def draw(hdus):
        hdus["SCI", 1].data[rows, columns] += 1500

    _, page = reported(edit(path, draw))
    assert page.warnings == ["trail"] and "findsat_mrt" in page.text
    ends = re.search(r"from \((\d+), (\d+)\) to \((\d+), (\d+)\)", page.text).groups()
    assert np.allclose(np.array(ends, float), (101, 61, 420, 460), atol=15)


def test_flags_that_were_wiped_are_warned_of(sane, tmp_path):
    path = copy_of(sane[0], tmp_path)
    edit(path, lambda hdus: hdus["DQ", 1].data.__iand__(~np.int16(8192)))
    page = Page(report.write(path, tmp_path / NAME))
    assert page.warnings == ["missing"] and "drizzle_kwargs" in page.text
    flag(path)
    assert Page(report.write(path, tmp_path / NAME)).warnings == []


@pytest.mark.slow
def test_exposures_that_could_not_be_asked_are_named(tmp_path):
    files = simulate.association(
        tmp_path, n=2, shape=(320, 320), chips=1, field="crowded", exptime=512.0, seed=31,
        offsets=((0, 0), (2.5, 1.5)),
    )  # fmt: skip
    with pytest.warns(StepWarning, match="misaligned"):
        table, page = reported(*files)
    assert page.warnings == ["alone"] and table["note"][0] in page.text
    # Without the table of the run the mask files tell as much as they know.
    assert Page(report.write(files, tmp_path / "later.html")).warnings == ["alone"]


def test_exposure_that_failed_is_told_of_and_the_others_are_shown(pair):
    edit(pair[0], lambda hdus: hdus["SCI", 1].data.fill(np.nan))
    with pytest.raises(RunError):
        flag(*pair, report=True, consensus="no")
    page = Page(pair[0].with_name(NAME))
    assert page.warnings[0] == "failed" and "no finite pixel" in page.text
    assert {row[0] for row in page.rows[1:]} == {pair[1].name}


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
    [plane] = [chip.plane for chip in maskfile.read(mask_of(sane[0])).chips]
    [(_, content)] = [one for one in sane[1].pictures if one[0].get("class") == "over"]
    drawn = np.array(Image.open(io.BytesIO(content)).convert("RGBA"))[::-1, :, 3] > 0
    assert np.array_equal(drawn, (plane & flags.FLAGGED) != 0)


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
        Page(report.write(given, tmp_path / NAME))
        for given in (path, mask_of(path), [mask_of(path), path], str(tmp_path / "*.fits"))
    ]
    moved = shutil.move(mask_of(path), elsewhere / "renamed_deepcr.fits")
    pages.append(Page(report.write([path, moved], tmp_path / NAME)))
    assert all(page.rows == pages[0].rows and len(page.pictures) > 20 for page in pages)


def test_report_after_undo_says_that_flags_are_in_the_mask_file_only(sane, tmp_path):
    path = copy_of(sane[0], tmp_path)
    rows = Page(report.write(path, tmp_path / NAME)).rows
    undo(path, runfile="")
    page = Page(report.write(path, tmp_path / NAME))
    assert page.warnings == ["not in file"] and page.rows == rows


def test_report_goes_into_the_output_directory(one, here):
    flag(one, output_dir="out", report=True)
    assert (here / "out" / NAME).is_file() and not (here / NAME).exists()
    assert Page(here / "out" / NAME).rows[1][0] == one.name


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
    refused(ParameterError, ["[report]", "install"], one, report=True)


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


def test_report_that_cannot_be_drawn_costs_a_warning_and_no_exposure(one, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("no pixels")

    monkeypatch.setattr(page_module, "write", broken)
    with pytest.warns(StepWarning, match="There is no report .*ZeroDivisionError"):
        table = flag(one, report=True)
    assert list(table["status"]) == ["done"] and not one.with_name(NAME).exists()


def test_many_exposures_are_all_in_the_table_and_some_are_shown(pair, monkeypatch):
    flag(*pair, consensus="no")
    copies = [copy(path, f"more/{path.name}") for path in pair]
    for path in pair:
        copy(mask_of(path), f"more/{mask_of(path).name}")
    monkeypatch.setattr(page_module, "_PICTURED", 1)
    page = Page(report.write([*pair, *copies], "many.html"))
    shown = {its["id"] for its in page.of("section") if its.get("class") == "exposure"}
    assert len(page.rows) == 9 and len(shown) == 2  # one, and one more for its warning
    assert "2 of 4 exposures are shown below" in page.text


def test_command_writes_the_page_and_says_where(sane, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["report", str(sane[0])]) == 0
    assert capsys.readouterr().out.strip() == NAME and Page(NAME).warnings == []
    assert cli.main(["report", str(mask_of(sane[0])), "--output", "mine.html"]) == 0
    assert Page("mine.html").rows == Page(NAME).rows
    assert cli.main(["report", "missing_flc.fits"]) == 2
    assert "missing_flc.fits" in capsys.readouterr().err
