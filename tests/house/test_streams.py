"""Streams that are closed, full, of few letters or left by their reader: the work is done all the same."""

import ast
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import flag, flagged

import acs_deepcr_step
from acs_deepcr_step import cli
from acs_deepcr_step.errors import InputError, ParameterError, StepWarning, printable
from acs_deepcr_step.streams import survives_its_streams
from acs_deepcr_step.work.printing import say

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(acs_deepcr_step.__file__).parents[1])}
COMMAND = f"{sys.executable} -m acs_deepcr_step"


@pytest.fixture(scope="module")
def flagged_once(simulated_single, tmp_path_factory):
    """Directory of an exposure that was flagged; not to be changed."""
    directory = tmp_path_factory.mktemp("flagged")
    [path] = simulated_single.glob("*_flc.fits")
    shutil.copy(path, directory)
    flag(directory / path.name)
    return directory


@pytest.fixture
def exposure(flagged_once, here):
    """A flagged exposure in the current directory, for undo: work that shows, and takes a second."""
    for path in flagged_once.iterdir():
        shutil.copy(path, here)
    return next(here.glob("*_flc.fits"))


def shell(command, **environment):
    """Run a shell command; its result, with the status of all of its pipe in the output."""
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env={**ENVIRONMENT, **environment}
    )


LOST = "acs-deepcr: what was asked is done, but the output is lost (No space left on device).\n"


@pytest.mark.parametrize(
    ("streams", "status", "told"),
    [
        (">&-", 0, ""),
        ("2>&-", 0, ""),
        ("<&- >&- 2>&-", 0, ""),
        (">/dev/full", 1, LOST),
        (">/dev/full 2>&1", 1, ""),
        ("2>/dev/full", 0, ""),
        ("| true; exit ${PIPESTATUS[0]}", 0, ""),
    ],
)
def test_whatever_becomes_of_the_streams_the_work_is_done_and_the_status_says_so(
    exposure, streams, status, told
):
    assert flagged(exposure).any()
    done = shell(f"{COMMAND} undo {exposure.name} {streams}")
    assert (done.returncode, done.stderr) == (status, told)
    assert not flagged(exposure).any()


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full"])
def test_a_fault_without_a_stream_to_tell_it_still_has_its_status(here, streams):
    done = shell(f"{COMMAND} undo none_flc.fits {streams}")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@pytest.mark.parametrize("arguments", ["models", "run --help"])
def test_a_reader_that_leaves_is_no_error(here, arguments):
    done = shell(f"{COMMAND} {arguments} | true; exit ${{PIPESTATUS[0]}}")
    assert (done.returncode, done.stderr) == (0, "")


def test_help_on_a_full_disk_is_an_error(here):
    done = shell(f"{COMMAND} --help >/dev/full")
    assert done.returncode == 1 and "output is lost" in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_streams_of_few_letters_spell_the_others(exposure, encoding):
    name = "\u661f_flc.fits"
    exposure.rename(name)
    done = shell(f"{COMMAND} undo {name}", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u661f_flc.fits" in done.stdout and "undone" in done.stdout


def test_a_name_of_other_bytes_can_be_worked_on_and_printed(exposure):
    name = os.fsdecode(b"b\xff_flc.fits")
    for file in exposure.parent.glob(f"{exposure.stem}*"):
        file.rename(file.name.replace(exposure.stem, "b\udcff_flc"))
    done = subprocess.run([*COMMAND.split(), "undo", name], capture_output=True, text=True, env=ENVIRONMENT)
    assert (done.returncode, done.stderr) == (0, "") and r"b\udcff_flc.fits" in done.stdout
    assert not flagged(Path(name)).any()


EVIL = "a\x1b[2J\x07\nb\r_flc.fits"


def test_escape_codes_of_a_name_do_not_reach_the_terminal(exposure, capsys):
    exposure.rename(EVIL)
    status = cli.main(["undo", EVIL, "none\x1b[2J.fits"])
    assert status == 2
    assert cli.main(["run", EVIL, "--any-detector", "--no-progress", "--no-update-dq"]) == 0
    out, err = capsys.readouterr()
    assert r"a\x1b[2J\x07\nb\r_flc.fits" in out and r"none\x1b[2J.fits" in err
    assert all(c.isprintable() or c == "\n" for c in out + err)


def test_escape_codes_are_in_no_error_and_no_warning(here):
    with pytest.raises(InputError) as caught:
        flag("none\x1b[2J.fits")
    assert str(caught.value).isprintable()
    assert str(StepWarning("a\x1b[2J\n")) == r"a\x1b[2J\n"
    assert str(ParameterError("a\x9b2J\u202e")) == r"a\x9b2J\u202e"


def test_printable_leaves_letters_of_any_language():
    assert printable("\u00e9\u661f 1 / (cm2 s)") == "\u00e9\u661f 1 / (cm2 s)"


@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize("harm", ["sys.{} = None", "sys.{}.close()"])
def test_a_host_without_streams_can_call_the_step(exposure, name, harm):
    """A service, or pythonw: no bar, and a warning (of a hard link) that nobody can read stops nothing."""
    os.link(exposure, "other_name.fits")
    harm = harm.format(name)
    code = f"import sys, acs_deepcr_step; {harm}; acs_deepcr_step.undo({exposure.name!r}, progress=True)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert not flagged(exposure).any()
    assert "hard links" in Path("acs_deepcr_step.log").read_text()


def test_a_stream_that_fails_is_left_for_good(monkeypatch):
    class Full(io.StringIO):
        calls = 0

        def write(self, text):
            self.calls += 1
            raise OSError(28, "No space left on device")

    full, errors = Full(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", full)
    monkeypatch.setattr(sys, "stderr", errors)

    @survives_its_streams
    def command():
        say("one", "two")
        return 0

    assert command() == 1 and full.calls == 1
    assert "No space left on device" in errors.getvalue()
    assert sys.stdout is full


def deleted_directory(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()


def test_a_deleted_current_directory_is_named(one, tmp_path, monkeypatch):
    path = one.resolve()
    deleted_directory(tmp_path, monkeypatch)
    with pytest.raises(InputError, match="current directory was deleted.*cd"):
        flag("*_flc.fits")
    with pytest.raises(InputError, match="current directory was deleted.*cd"):
        flag(path, runfile="a.log")
    assert not flagged(path).any()
    # Absolute names need no current directory.
    assert flag(path)["status"][0] == "done" and flagged(path).any()


def test_the_command_names_a_deleted_current_directory(tmp_path, monkeypatch, capsys):
    deleted_directory(tmp_path, monkeypatch)
    for arguments in (["run", "*_flc.fits"], ["undo", "a_flc.fits"], ["simulate", "out", "-n", "1"]):
        assert cli.main(arguments) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and "current directory was deleted" in err


def test_commands_print_names_of_files_by_say_alone():
    package = Path(cli.__file__).parent
    printing = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
    }
    # The command line's and the demo's own words, an escaped error, and what is said of a lost stream.
    assert printing == {"work/printing.py", "cli.py", "demo.py", "streams.py"}


def test_lines_are_said_with_escapes(capsys):
    say("a\x1b[2J\nb", Path("c\r"))
    assert capsys.readouterr().out == "a\\x1b[2J\nb\nc\\r\n"
