"""The command acs-deepcr: options from the specification, exit status, one-line errors."""

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

import acs_deepcr_step
from acs_deepcr_step import cli, handoff, models
from acs_deepcr_step.config.parameters import cfg_text, resolve, specification
from acs_deepcr_step.errors import RunError, StepWarning
from acs_deepcr_step.work.results import ChipFigures, Row, Status, table

ROOT = Path(__file__).parents[2]


def result(name="a_flc.fits", extver=1, status=Status.DONE, **cells):
    """A row of results."""
    figures = (
        vars(ChipFigures(1234, 0.0123, 1.1, 5, 7)) if status is not Status.FAILED else vars(ChipFigures())
    )
    known = {"filter": "F814W", "exptime": 500.0, "model": "ACS-WFC", "threshold": 0.5, "crbit": 8192}
    return Row(name, extver, **{**known, **figures, "nexp": 2, "status": status, "seconds": 1.5, **cells})


@pytest.fixture
def call(monkeypatch, tmp_path, capsys):
    """Call the command in an empty directory; give status, output and errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        try:
            status = cli.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            status = stop.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


@pytest.fixture
def received(monkeypatch):
    """Stand in for the step itself; collect what it is called with."""
    calls = []

    def run(input=None, configobj=None, executor=None, **pars):
        calls.append((input, resolve(configobj, pars)))
        return table([result()])

    monkeypatch.setattr("acs_deepcr_step.step.run", run)
    return calls


def one_line(text):
    return text.startswith("acs-deepcr") and text.endswith("\n") and text.count("\n") == 1


def test_every_parameter_is_an_option_with_its_help(call):
    status, out, _ = call("run", "--help")
    text = " ".join(out.split())
    assert status == 0
    for option in specification():
        if option.name != "input":
            flag = "--" + option.name.replace("_", "-")
            assert f"{flag} " in text and " ".join(option.help.split()) in text
            assert (f"--no-{flag[2:]}" in text) == (option.kind == "boolean")


def test_options_reach_the_step_with_their_meaning(call, received):
    status, out, _ = call(
        "run", "a_flc.fits", "b_flc.fits", "--threshold", "0.3", "--grow", 1, "--crbit", "4096",
        "--no-mask-file", "--any-detector", "--output-dir", "out", "--workers", "2",
    )  # fmt: skip
    [(files, parameters)] = received
    assert status == 0 and files == ["a_flc.fits", "b_flc.fits"]
    changes = {"threshold": 0.3, "grow": 1, "crbit": 4096, "mask_file": False, "any_detector": True}
    assert parameters == resolve(None, {**changes, "output_dir": "out", "workers": 2})
    assert "a_flc.fits" in out and "done" in out


def test_options_win_over_the_parameter_file(call, received, tmp_path):
    (tmp_path / "my.cfg").write_text("input = c_flc.fits\n[DETECTION]\nthreshold = 0.2\ngrow = 2\n")
    status, _, _ = call("run", "--cfg", "my.cfg", "--grow", "0")
    [(files, parameters)] = received
    assert status == 0 and files is None
    decision = parameters.decision
    assert (parameters.input, decision.threshold, decision.grow) == ("c_flc.fits", 0.2, 0)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["run", "a_flc.fits", "--threshold", "7"], "threshold = 7"),
        (["run", "a_flc.fits", "--threshold", "nan"], "threshold = nan"),
        (["run", "a_flc.fits", "--crbit", "16"], "8192, 4096 or 16384"),
        (["run", "a_flc.fits", "--grow", "-1"], "grow = -1"),
        (["run", "a_flc.fits", "--cfg", "none.cfg"], "none.cfg"),
        (["run", "a_flc.fits", "--treshold", "1"], "no option --treshold; did you mean --threshold?"),
        (["run", "a_flc.fits", "--treshold=1"], "acs-deepcr run: there is no option --treshold;"),
        (["run", "a_flc.fits", "--no-report-file"], "did you mean --no-report? (see acs-deepcr run --help)"),
        (["undo", "a_flc.fits", "--xyz"], "there is no option --xyz (see acs-deepcr undo --help)"),
        (["pars", "a_flc.fits"], "a_flc.fits: more than this command takes (see acs-deepcr pars --help)"),
        (["rnu", "a_flc.fits"], "no command rnu; did you mean run? (see acs-deepcr --help)"),
        (["run", "a_flc.fits", "--quiet", "--verbose"], "not allowed"),
        (["completion", "cmd"], "bash"),
        (["run", "a_flc.fits", "--thresh", "0.3"], "--thresh"),
        (["run"], "FILES"),
        ([], "COMMAND"),
        (["nonsense"], "nonsense"),
        (["simulate"], "OUTDIR"),
        (["simulate", "out", "-n", "many"], "many"),
        (["simulate", "out", "--field", "empty"], "sparse, crowded, galaxies"),
    ],
)
def test_bad_call_ends_with_2_and_one_line(call, received, arguments, reason):
    status, out, err = call(*arguments)
    assert (status, out) == (2, "") and one_line(err) and reason in err
    assert received == []


def test_input_that_is_not_there_ends_with_2_and_one_line(call):
    status, _, err = call("run", "missing_flc.fits", "--no-progress")
    assert status == 2 and one_line(err) and "missing_flc.fits" in err


def test_failed_exposure_ends_with_1_and_the_table(call, monkeypatch):
    def run(*_, **__):
        failed = result("b_flc.fits", status=Status.FAILED, failure="no space left.")
        raise RunError("1 of 2 exposures failed: b_flc.fits: no space left.", table([result(), failed]))

    monkeypatch.setattr("acs_deepcr_step.step.run", run)
    status, out, err = call("run", "a_flc.fits")
    assert status == 1 and one_line(err) and "b_flc.fits" in err
    assert out.splitlines()[1] == "b_flc.fits: failed: no space left."


def test_warning_is_one_line_without_source_code(call, monkeypatch):
    def run(*_, **__):
        import warnings

        warnings.warn("a stale mask lies here.", StepWarning, stacklevel=2)
        return table([result()])

    monkeypatch.setattr("acs_deepcr_step.step.run", run)
    status, _, err = call("run", "a_flc.fits")
    assert (status, err) == (0, "acs-deepcr: warning: a stale mask lies here.\n")


def test_pars_prints_a_parameter_file_that_run_takes(call, received, tmp_path):
    status, out, _ = call("pars")
    assert status == 0 and out == cfg_text()
    (tmp_path / "my.cfg").write_text(out)
    call("run", "--cfg", "my.cfg")
    assert received == [(None, resolve())]


def test_pars_prints_astrodrizzles_file(call):
    status, out, _ = call("pars", "--astrodrizzle")
    assert status == 0 and out == Path(handoff.cfg_path()).read_text()


def test_models_are_listed(call):
    status, out, _ = call("models")
    lines = out.splitlines()
    known = [models.info(name, kind) for kind in ("mask", "inpaint") for name in models.names(kind)]
    assert status == 0
    for line, info in zip(lines[1 : lines.index("")], known, strict=True):
        assert line.split()[:2] == [info.name, info.kind] and info.hashes[0] in line
    below = " ".join(" ".join(lines[lines.index("") :]).split())
    assert all(info.citation in below and all(name in below for name in info.aliases) for info in known)
    assert max(map(len, lines)) <= 80


def test_simulated_exposures_are_written_and_named(call, tmp_path):
    status, out, _ = call(
        "simulate", tmp_path / "sky", "-n", 2, "--shape", 64, 96, "--chips", 1, "--filter", "F606W",
        "--exptime", 300, "--field", "sparse", "--seed", 3,
    )  # fmt: skip
    paths = [Path(line) for line in out.splitlines()]
    assert status == 0 and len(paths) == 2
    assert all(path.is_file() and path.parent == tmp_path / "sky" for path in paths)


def test_version(call):
    assert call("--version")[:2] == (0, f"acs-deepcr {acs_deepcr_step.__version__}\n")


def test_python_m_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "acs_deepcr_step", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"acs-deepcr {acs_deepcr_step.__version__}\n"


def test_version_and_command_are_the_same_everywhere():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert setup["metadata"]["version"] == "attr: acs_deepcr_step.__version__"
    assert setup["options.entry_points"]["console_scripts"].split() == [
        "acs-deepcr",
        "=",
        "acs_deepcr_step.cli:main",
    ]
    assert f"\nversion: {acs_deepcr_step.__version__}\n" in (ROOT / "CITATION.cff").read_text()


def test_undo_and_apply_carry_flags_there_and_back(call, tmp_path):
    from acs_deepcr_step import simulate

    (exposure,) = simulate.association(tmp_path, n=1, shape=(64, 64), chips=1, seed=5)
    before = exposure.read_bytes()
    assert call("run", exposure, "--no-update-dq", "--no-progress")[0] == 0
    assert exposure.read_bytes() == before
    status, out, _ = call("apply", exposure, "--masks", tmp_path / "*_deepcr.fits")
    assert status == 0 and "done" in out and exposure.read_bytes() != before
    status, out, _ = call("undo", exposure)
    assert status == 0 and "undone" in out


@pytest.mark.parametrize("command", ["undo", "apply"])
def test_undo_and_apply_of_nothing_are_bad_calls(call, command):
    status, _, err = call(command, "missing_flc.fits")
    assert status == 2 and one_line(err) and "missing_flc.fits" in err


def test_an_interrupt_ends_with_130_and_one_line(call, monkeypatch):
    def run(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("acs_deepcr_step.step.run", run)
    status, _, err = call("run", "a_flc.fits")
    assert status == 130 and one_line(err) and "interrupted" in err
