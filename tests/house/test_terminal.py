"""What a person sees in a terminal: tables of 80 columns, lines in a pipe, files of results, help."""

import argparse
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from test_cli import result
from test_streams import COMMAND, ENVIRONMENT

from acs_deepcr_step import cli, undo
from acs_deepcr_step.config.specification import specification
from acs_deepcr_step.console import completion, table_file
from acs_deepcr_step.console.examples import EXAMPLES
from acs_deepcr_step.console.result_lines import exposure_line, exposure_lines, table_lines
from acs_deepcr_step.errors import InputError, OutputError, ParameterError
from acs_deepcr_step.work.results import Status, table

FAILED = result("c_flc.fits", 0, Status.FAILED, failure="c_flc.fits is no FITS file: fetch it again.", nexp=0)
UNUSED = result("j8xi01abq_flc.fits", 2, note="j8xi01acq_flc.fits (misaligned by 2.1 pixels)")


def subcommands():
    """The parsers of the subcommands by name."""
    [group] = [a for a in cli.build_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return group.choices


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("directory", ["", "/data/hst/a/long/way/down/to/the/visit/", "../" * 30])
def test_table_fits_the_screen_and_says_all(width, directory):
    rows = [result(f"{directory}j8xi01a{letter}q_flc.fits", chip) for letter in "abc" for chip in (1, 2)]
    lines = table_lines(table([*rows, FAILED, UNUSED]), width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert lines[0 if not directory else lines.index("") - 9].split() == [
        "file", "chip", "flagged", "rate", "used", "status",
    ]  # fmt: skip
    assert all(f"j8xi01a{letter}q_flc.fits" in text for letter in "abc")
    assert "1,234" in text and "1.10" in text and "failed (1)" in text and "done (2)" in text
    assert f"(1) {FAILED.failure}" in text and "misaligned by 2.1 pixels" in " ".join(text.split())


def test_directory_that_all_names_share_is_said_once_where_they_are_too_long():
    far = "/data/hst/a/long/way/down/to/the/visit"
    lines = table_lines([result(f"{far}/j8xi01abq_flc.fits"), result(f"{far}/j8xi01acq_flc.fits")], 80)
    assert lines[0] == f"in {far}" and lines[2].startswith("j8xi01abq_flc.fits ")
    near = table_lines([result("here/j8xi01abq_flc.fits")], 80)
    assert near[1].startswith("here/j8xi01abq_flc.fits ")


def test_table_of_undo_leaves_out_what_it_does_not_tell():
    lines = table_lines([result(status=Status.UNDONE, cr_rate=1.0)], 80)
    assert lines[0].split() == ["file", "chip", "cleared", "status"] and lines[-1].endswith("undone")


def test_same_note_stands_below_the_table_once():
    lines = table_lines([UNUSED, UNUSED], 80)
    assert sum("misaligned" in line for line in lines) == 1 and sum("done (1)" in line for line in lines) == 2


def test_what_to_be_careful_about_is_not_called_unused():
    short = result(note="exposure time 50 s is below the 100 s that the models were trained on")
    assert exposure_line([short]).endswith(f"1.5 s; {short.note}")
    assert " ".join(table_lines([short], 120)[-1:]) == f"(1) {short.note}"


def test_line_of_an_exposure_sums_its_chips():
    line = exposure_line([result(extver=1), result(extver=2, nexp=1)])
    assert line == (
        "a_flc.fits: done, 2,468 pixels flagged, 1.10 hits/s/cm2, decided from 1 and 2 exposures, 3.0 s"
    )
    assert exposure_line([FAILED]) == f"c_flc.fits: failed: {FAILED.failure}"
    assert exposure_line([result(status=Status.UNDONE)]) == "a_flc.fits: undone, 1,234 pixels cleared, 1.5 s"


def test_lines_of_a_table_are_one_an_exposure():
    both = table([result(extver=1), result(extver=2), FAILED])
    assert [line.split(":")[0] for line in exposure_lines(both)] == ["a_flc.fits", "c_flc.fits"]
    assert len(exposure_lines(both, known={"a_flc.fits"})) == 1


def test_a_pipe_gets_a_line_an_exposure_and_refused_ones_too(pair, here):
    Path("bad_flc.fits").write_text("no exposure")
    files = [*map(str, pair), "bad_flc.fits"]
    command = [*COMMAND.split(), "undo", *files, "--runfile", ""]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert len(lines) == 3 and lines[-1].startswith("bad_flc.fits: failed: bad_flc.fits is not a FITS file")
    assert all(f"{file}: nothing to undo, 0 pixels cleared" in done.stdout for file in files[:2])


class Watched(io.StringIO):
    """A stream that looks at the log when a line is written."""

    def __init__(self):
        super().__init__()
        self.logs = []

    def write(self, text):
        if text.strip():
            self.logs.append(Path("a.log").read_text())
        return super().write(text)


def test_lines_come_while_the_others_are_worked_on(pair, here, monkeypatch):
    watched = Watched()
    monkeypatch.setattr("sys.stdout", watched)
    assert cli.main(["undo", *map(str, pair), "--runfile", "a.log", "--no-progress"]) == 0
    assert len(watched.logs) == 2 and not any("ended after" in log for log in watched.logs)


def test_quiet_prints_nothing_and_verbose_the_log(one, capsys):
    assert cli.main(["run", str(one), "--quiet", "--runfile", ""]) == 0
    assert capsys.readouterr() == ("", "")
    assert cli.main(["undo", str(one), "-v", "--runfile", ""]) == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and "Processing Step Take flags back" in err and "undone" in err
    assert cli.main(["undo", str(one), "--runfile", ""]) == 0
    assert capsys.readouterr().err == ""  # what was set for logging is as it was


@pytest.mark.parametrize("ending", table_file.FORMATS)
def test_table_is_saved_with_all_its_columns_and_digits(here, ending):
    rows = [result("\u661f_flc.fits", cr_rate=1.23456789), FAILED, UNUSED]
    path = Path(f"results{ending}")
    for _ in range(2):  # an older table is replaced
        table_file.TableFile(path).write(table(rows))
    read = Table.read(path, format=table_file.FORMATS[ending])
    assert read.colnames == table([]).colnames and len(read) == 3
    assert read["cr_rate"][0] == 1.23456789 and not np.ma.filled(read["cr_rate"], np.nan)[1] > 0
    assert read["status"][1].strip() == f"failed: {FAILED.failure}"
    assert read["filename"][0].strip() in ("\u661f_flc.fits", "\\u661f_flc.fits")
    assert os.listdir() == [path.name]


def test_table_is_refused_before_anything_is_changed(one, capsys):
    before, other = one.read_bytes(), Path("mine.csv")
    other.write_text("filename,magnitude\nm31,3.4\n")
    for name, why in [
        ("results.txt", ".ecsv, .csv or .fits"),
        ("nowhere/results.csv", "not a directory"),
        ("mine.csv", "no table of this command"),
        (str(one), "no table of this command"),
    ]:
        assert cli.main(["run", str(one), "--table", name]) == 2
        out, err = capsys.readouterr()
        assert out == "" and why in err and err.count("\n") == 1
    assert one.read_bytes() == before and other.read_text().startswith("filename,magnitude")


@pytest.mark.parametrize("name", ["a.fits", "a.ecsv"])
def test_exposure_or_text_under_the_tables_name_is_never_replaced(here, name):
    if name.endswith("fits"):
        fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((3, 3)))]).writeto(name)
    else:
        Path(name).write_text("my notes\n")
    before = Path(name).read_bytes()
    with pytest.raises(InputError, match="move it away"):
        table_file.TableFile(name)
    assert Path(name).read_bytes() == before


def test_table_is_written_of_failures_too_and_a_lost_one_is_said(one, capsys, monkeypatch):
    bad = Path("bad_flc.fits")
    bad.write_text("no exposure")
    assert cli.main(["undo", str(one), str(bad), "--table", "a.csv", "-q"]) == 1
    assert set(Table.read("a.csv")["filename"]) == {str(one), "bad_flc.fits"}
    capsys.readouterr()

    def write(self, table):
        raise OutputError("a.csv could not be written (No space left on device).")

    monkeypatch.setattr(table_file.TableFile, "write", write)
    assert cli.main(["undo", str(one), "--table", "a.csv", "-q"]) == 1
    assert "The exposures are done, but not the table" in capsys.readouterr().err


def test_ending_of_the_table_may_be_in_capitals(here):
    table_file.TableFile("A.CSV").write(table([result()]))
    with pytest.raises(ParameterError, match="must end in"):
        table_file.TableFile("A")
    assert len(Table.read("A.CSV", format="ascii.csv")) == 1


@pytest.mark.parametrize("name", subcommands())
def test_help_has_an_example_that_the_command_understands(name):
    command = subcommands()[name]
    text = command.format_help()
    calls = [call for call in EXAMPLES[name] if call.startswith("acs-deepcr")]
    assert "example" in text and all(call in text for call in EXAMPLES[name])
    for call in calls:
        words = call.partition(" >")[0].replace("'", "").split()[1:]
        cli.build_parser().parse_args(words)


@pytest.mark.parametrize("name", subcommands())
def test_help_names_the_default_of_every_option(name):
    for action in subcommands()[name]._actions:
        takes_value = action.option_strings and action.nargs != 0 and not action.required
        if takes_value:
            assert "default" in action.help, action.option_strings
        if takes_value and action.choices:
            assert action.metavar is None or all(str(c) in action.help for c in action.choices)


@pytest.mark.parametrize("width", [80, 120])
def test_help_fits_the_screen(monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    for text in (one.format_help() for one in (cli.build_parser(), *subcommands().values())):
        assert max(map(len, text.splitlines())) <= width


def test_zero_is_not_called_empty():
    import acs_deepcr_step

    by_name = {option.name: option for option in specification()}
    assert by_name["grow"].default_text == "0" and by_name["output_dir"].default_text == "empty"
    assert "grow : an integer of at least 0 (default: 0)" in acs_deepcr_step.getHelpAsString()


def test_parameter_file_says_what_is_allowed(capsys):
    assert cli.main(["pars"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for option in specification():
        [line] = [line for line in lines if line.startswith(f"{option.name} = ")]
        if option.kind != "string" or option.choices:
            assert line.endswith(f"[{option.allowed}]")


@pytest.mark.parametrize("shell", completion.SHELLS)
def test_completion_knows_every_command_and_option(shell, capsys):
    assert cli.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in subcommands())
    assert all(
        option.name.replace("_", "-") in script for option in specification() if option.name != "input"
    )


def test_bash_completes_commands_options_and_files(here):
    Path("j8xi01abq_flc.fits").touch()
    Path("script").write_text(completion.script("bash", cli.build_parser()))
    code = """
    source ./script
    try() {
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
        _shtab_acs_deepcr
        echo "${COMPREPLY[*]}"
    }
    try acs-deepcr un; try acs-deepcr run --thr; try acs-deepcr run j8
    try acs-deepcr run --rerun s
    """
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.split() == ["undo", "--threshold", "j8xi01abq_flc.fits", "skip"]


def test_completion_loads_nothing_heavy():
    code = (
        "import sys; from acs_deepcr_step import cli; cli.main(['completion', 'bash'])\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "astropy", "drizzlepac", "tkinter"} & set(done.stderr.split())


def test_undo_in_python_prints_nothing(one, capsys):
    undo(str(one), runfile="", progress=False)
    assert capsys.readouterr() == ("", "")
