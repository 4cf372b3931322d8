"""One validation for parameter files, TEAL objects and keywords; every fault is named."""

import dataclasses
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stsci.tools.configobj import ConfigObj

from acs_deepcr_step.arrays import dq
from acs_deepcr_step.config.decision import Decision
from acs_deepcr_step.config.parameters import Parameters, cfg_text, resolve, specification
from acs_deepcr_step.config.specification import CFGSPEC_DIR
from acs_deepcr_step.errors import ParameterError, StepError

OPTIONS = {option.name: option for option in specification()}


@pytest.fixture
def cfg(tmp_path):
    """Write a parameter file of the given text."""

    def write(text, name="my.cfg"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refusal(configobj=None, **overrides):
    with pytest.raises(ParameterError) as caught:
        resolve(configobj, overrides)
    message = str(caught.value)
    assert message.endswith((".", "?")) and "\n" not in message
    return message


def test_defaults_are_those_of_the_design():
    assert resolve() == Parameters(
        input="*_flc.fits",
        runfile="acs_deepcr_step.log",
        model="ACS-WFC",
        decision=Decision(threshold=0.5, grow=0, protect_saturated=True, crbit=8192),
        any_detector=False,
        consensus="auto",
        output_dir="",
        mask_file=True,
        update_dq=True,
        clean_file=False,
        inpaint="ACS-WFC-F606W-2-32",
        report=False,
        rerun="redo",
        device="auto",
        precision="auto",
        workers=1,
        progress=True,
    )


def test_fields_are_the_specification_in_type():
    fields = {field.name for field in dataclasses.fields(Parameters)} - {"decision"}
    assert fields | set(Decision.names()) == set(OPTIONS) and not fields & set(Decision.names())
    types = {"string": str, "float": float, "integer": int, "boolean": bool}
    for name, option in OPTIONS.items():
        assert type(resolve().value(name)) is types[option.kind]


def test_every_parameter_has_one_line_of_help():
    assert all(option.help and len(option.help) < 80 for option in specification())


def test_bits_allowed_are_those_of_the_dq_module():
    assert sorted(OPTIONS["crbit"].choices) == sorted(dq.CR_BITS)


def test_parameters_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        resolve().decision.threshold = 0.1


def test_packaged_cfg_is_the_defaults_written_out():
    assert (CFGSPEC_DIR / "acs_deepcr_step.cfg").read_text(encoding="utf-8") == cfg_text()


def test_repository_cfgspec_folder_is_a_link_to_the_packaged_one():
    link = Path(__file__).parents[2] / "cfgspec"
    if not (link.parent / "PKG-INFO").exists():  # a source distribution has copies in its place
        assert os.readlink(link) == "acs_deepcr_step/cfgspec"
    assert all((link / path.name).read_bytes() == path.read_bytes() for path in CFGSPEC_DIR.iterdir())


def test_incomplete_file_takes_defaults(cfg):
    got = resolve(cfg("[DETECTION]\nthreshold = 0.3\n"))
    assert got == dataclasses.replace(resolve(), decision=Decision(threshold=0.3))


def test_keywords_win_over_the_file(cfg):
    got = resolve(str(cfg("[DETECTION]\nthreshold = 0.3\ngrow = 2\n")), {"threshold": 0.1})
    assert (got.decision.threshold, got.decision.grow) == (0.1, 2)


def test_configobj_goes_the_same_way_as_its_file(cfg):
    path = cfg("input = a_flc.fits\n[OUTPUT]\ncrbit = 4096\nmask_file = no\n")
    assert resolve(ConfigObj(str(path))) == resolve(path)
    assert "[DETECTION]: there is no parameter grwo; did you mean grow?" in refusal(
        ConfigObj({"DETECTION": {"grwo": 1}})
    )


def test_defaults_by_drizzlepacs_word():
    assert resolve("defaults") == resolve()


def test_file_of_windows_with_byte_order_mark(tmp_path):
    path = tmp_path / "my.cfg"
    path.write_bytes(b"\xef\xbb\xbf_task_name_ = acs_deepcr_step\r\n[DETECTION]\r\ngrow = 1\r\n")
    assert resolve(path).decision.grow == 1


@pytest.mark.parametrize(
    ("name", "given", "meant"),
    [
        ("threshold", 1, 1.0),
        ("threshold", "0.25", 0.25),
        ("threshold", np.float32(0.25), 0.25),
        ("grow", np.int16(2), 2),
        ("grow", " 2 ", 2),
        ("crbit", "4096", 4096),
        ("crbit", np.int32(16384), 16384),
        ("mask_file", np.bool_(False), False),
        ("mask_file", "No", False),
        ("mask_file", 0, False),
        ("update_dq", "on", True),
        ("output_dir", Path("some/where"), os.path.join("some", "where")),
        ("model", Path("weights.pth"), "weights.pth"),
        ("input", [Path("a_flc.fits"), "b_flc.fits"], ("a_flc.fits", "b_flc.fits")),
        ("runfile", "100%_%(model)s_${HOME}.log", "100%_%(model)s_${HOME}.log"),
    ],
)
def test_value_is_understood(name, given, meant):
    got = resolve(None, {name: given}).value(name)
    assert got == meant and type(got) is type(meant)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("threshold", value)
            for value in (7, -0.1, math.nan, "nan", math.inf, "abc", "", None, True, [0.5])
        ),
        ("threshold", 10**400),
        *(("grow", value) for value in (-1, 2.0, "2.0", 1.5, True, None, "many")),
        *(
            ("crbit", value)
            for value in (3, 16, 256, 32768, 0, -8192, "8192.0", 8192.0, True, None, "4096,8192")
        ),
        *(("mask_file", value) for value in ("maybe", "", 2, 1.0, None, np.array([1, 0]))),
        *(("device", value) for value in ("gpu", "", None, 3, "CUDA ")),
        *(("precision", value) for value in ("float16", 32, None)),
        *(("workers", value) for value in (0, -1, 1.0, None)),
        *(("model", value) for value in ("", "  ", None, 3, ["a", "b"], b"ACS-WFC")),
        *(("output_dir", value) for value in (None, 3, "a\nb", "a\0b")),
        *(("input", value) for value in ("", [], None, [None], [""])),
    ],
)
def test_bad_value_is_refused_and_named(name, value):
    message = refusal(**{name: value})
    assert message.startswith(f"Parameter {name} = ")
    if name != "input" and "\n" not in str(value) and "\0" not in str(value):
        assert OPTIONS[name].allowed in message


@pytest.mark.parametrize("value", ["nan", "7", "abc", "0.1, 0.2", "%(grow)s"])
def test_bad_value_in_a_file_names_file_section_and_limits(cfg, value):
    path = cfg(f"[DETECTION]\nthreshold = {value}\n")
    message = refusal(path)
    assert f"{path}, section [DETECTION]: threshold = " in message
    assert "a number from 0 to 1" in message


def test_all_faults_are_told_at_once(cfg):
    path = cfg("inptu = x\n[DETECTION]\nthreshold = 7\n[OUTPTU]\ncrbit = 3\n[EXECUTION]\nworkers = 0\n")
    message = refusal(path, grow=-1, tresh=1)
    for part in (
        "inptu; did you mean input?",
        "threshold = 7",
        "[OUTPTU]; did you mean OUTPUT?",
        "workers = 0",
    ):
        assert part in message
    assert "grow = -1" in message and "tresh; did you mean threshold?" in message


def test_unknown_keyword_names_the_nearest_known_one():
    assert refusal(treshold=0.3) == "There is no parameter treshold; did you mean threshold?"
    assert refusal(Threshold=0.3) == "There is no parameter Threshold; did you mean threshold?"
    assert refusal(zzz=0.3) == "There is no parameter zzz."


def test_parameter_in_the_wrong_section_is_sent_home(cfg):
    assert "threshold belongs in section [DETECTION]" in refusal(cfg("[OUTPUT]\nthreshold = 0.3\n"))
    assert "grow belongs in section [DETECTION]" in refusal(cfg("grow = 1\n"))
    assert "input belongs in the top section" in refusal(cfg("[OUTPUT]\ninput = a\n"))


@pytest.mark.parametrize("inside", ["", "n = 1"])
def test_subsection_is_no_parameter(cfg, inside):
    assert "there is no parameter grow" in refusal(cfg(f"[DETECTION]\n[[grow]]\n{inside}\n"))


def test_parameter_given_twice_in_a_file_is_refused(cfg):
    assert "no parameter file" in refusal(cfg("[DETECTION]\ngrow = 1\ngrow = 2\n"))
    assert "no parameter file" in refusal(cfg(f"{'[' * 5000}DETECTION{']' * 5000}\ngrow = 1\n"))


def test_unquoted_comma_is_explained_and_a_quoted_one_is_fine(cfg):
    assert "in quotes" in refusal(cfg("[OUTPUT]\noutput_dir = a,b\n"))
    assert resolve(cfg('[OUTPUT]\noutput_dir = "a,b"\n')).output_dir == "a,b"


def test_comma_list_of_inputs_needs_no_quotes(cfg):
    assert resolve(cfg("input = a_flc.fits, b_flc.fits\n")).input == ("a_flc.fits", "b_flc.fits")


def test_nothing_in_a_file_is_interpolated_or_expanded(cfg, monkeypatch):
    monkeypatch.setenv("WHERE", "elsewhere")
    text = "%(runfile)s/$WHERE/${runfile}/100%"
    path = cfg(f'runfile = a.log\n[OUTPUT]\noutput_dir = "{text}"\n')
    assert resolve(path).output_dir == text
    assert resolve(ConfigObj(str(path), interpolation=True)).output_dir == text


def test_file_of_another_task_is_refused():
    message = refusal(CFGSPEC_DIR / "astrodrizzle_after_deepcr.cfg")
    assert "astrodrizzle_after_deepcr.cfg" in message and "parameters of the task astrodrizzle" in message


@pytest.mark.parametrize(
    "make",
    [
        lambda path: None,
        lambda path: path.mkdir(),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("no parameters here"),
        lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n\x00\xff\xfe"),
        lambda path: path.write_bytes(b"SIMPLE  =                    T".ljust(80) + b"END".ljust(2800)),
    ],
    ids=["missing", "directory", "empty", "prose", "binary", "fits"],
)
def test_file_that_is_no_parameter_file_is_refused(tmp_path, make):
    path = tmp_path / "my.cfg"
    make(path)
    assert str(path) in refusal(path)


@pytest.mark.parametrize("thing", [3, 0.5, ["my.cfg"], b"my.cfg"])
def test_object_that_is_no_parameter_object_is_refused(thing):
    assert "configobj" in refusal(thing)


def test_parameter_error_is_a_value_error_and_ours():
    assert issubclass(ParameterError, ValueError) and issubclass(ParameterError, StepError)


def test_description_has_a_line_for_every_parameter():
    lines = resolve(None, {"input": ["a", "b"], "grow": 1}).describe()
    assert len(lines) == len(OPTIONS)
    assert {"input = a,b", "DETECTION/grow = 1", "OUTPUT/mask_file = yes"} <= set(lines)


printable = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=20)


@settings(deadline=None)
@given(output_dir=printable, model=printable.filter(bool), threshold=st.floats(0, 1), grow=st.integers(0, 99))
def test_written_parameters_read_back_the_same(output_dir, model, threshold, grow):
    parameters = resolve(
        None, {"output_dir": output_dir, "model": model, "threshold": threshold, "grow": grow}
    )
    entries = ConfigObj(cfg_text(parameters).splitlines(), interpolation=False)
    assert resolve(entries) == parameters


def test_validation_works_without_tkinter():
    code = (
        "import sys; sys.modules['tkinter'] = None\n"
        "from acs_deepcr_step.config.parameters import resolve\n"
        "print(resolve(None, {'threshold': '0.25'}).decision.threshold)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0.25\n"
