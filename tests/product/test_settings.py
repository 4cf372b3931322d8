"""What AstroDrizzle and TweakReg are told: faults are named before anything is done."""

import os

import pytest
from helpers import snapshot

from acs_deepcr_step import drizzle, drizzle_kwargs, handoff
from acs_deepcr_step.errors import InputError, ModelError, OutputError, ParameterError
from acs_deepcr_step.product import astrodrizzle_settings, task_parameters, tweakreg_settings


def told(cfg=None, crbit=8192, **given):
    return astrodrizzle_settings.resolve(cfg, given, crbit)


def written(directory, text):
    path = directory / "own.cfg"
    path.write_text(text)
    return path


def test_astrodrizzle_is_told_what_drizzle_kwargs_say():
    assert told().keywords == drizzle_kwargs() and told().warnings == ()


def test_values_become_what_astrodrizzle_takes():
    keywords = told(final_scale="0.04", context="no", final_pixfrac=1, final_rot="None", resetbits=0).keywords
    assert keywords["final_scale"] == 0.04 and keywords["context"] is False and keywords["final_pixfrac"] == 1
    # None, given by name, would turn AstroDrizzle's own output WCS on.
    assert "final_rot" not in keywords


def test_a_parameter_file_need_not_be_complete(tmp_path):
    cfg = written(tmp_path, "build = yes\n[STEP 7: DRIZZLE FINAL COMBINED IMAGE]\nfinal_pixfrac = 0.8\n")
    keywords = told(cfg, final_pixfrac=0.9).keywords
    assert keywords["build"] is True and keywords["final_pixfrac"] == 0.9 and keywords["final_bits"] == "336"


def test_the_ready_parameter_file_means_what_the_keywords_mean():
    said = told(handoff.cfg_path())
    assert said.warnings == ()
    for name, value in drizzle_kwargs().items():
        assert str(said.keywords[name]).removesuffix(".0") == str(value)
    assert "final_rot" not in said.keywords and said.keywords["final_wcs"] is False


def test_an_output_wcs_that_a_file_leaves_off_stays_off(tmp_path):
    cfg = written(tmp_path, "[STEP 7a: CUSTOM WCS FOR FINAL OUTPUT]\nfinal_wcs = no\nfinal_rot = 0.0\n")
    assert "final_rot" not in told(cfg).keywords
    cfg.write_text(cfg.read_text().replace("no", "yes"))
    assert told(cfg).keywords["final_rot"] == 0


def test_files_that_astrodrizzle_reads_are_found_from_its_directory(here):
    (here / "a.fits").touch(), (here / "skies").touch()
    assert told(final_refimage="a.fits[1]").keywords["final_refimage"] == f"{here}/a.fits[1]"
    assert told(skysub=False, skyuser="@skies").keywords["skyuser"] == f"@{here}/skies"


def test_what_spoils_a_product_is_warned_of():
    [warning] = told(driz_cr=True).warnings
    assert "driz_cr" in warning
    [warning] = told(final_fillval=None).warnings
    assert "cosmic ray and all" in warning


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"final_scal": 1}, ["final_scal", "did you mean final_scale"]),
        ({"final_scale": "wide"}, ["final_scale = wide", "a number, or None"]),
        ({"final_kernel": "sqare"}, ["square, point"]),
        ({"final_pixfrac": float("nan")}, ["final_pixfrac"]),
        ({"final_bits": 65535}, ["8192", "undo the flags"]),
        ({"resetbits": "4096,8192"}, ["clear bit 8192"]),
        ({"resetbits": ""}, ["0 resets none"]),
        ({"final_refimage": "nowhere.fits"}, ["nowhere.fits: there is no such file"]),
        ({"mdriztab": True}, ["reference table"]),
        ({"updatewcs": True}, ["before"]),
        ({"input": "a"}, ["first argument"]),
    ],
)
def test_parameters_that_cannot_be_are_refused(given, words):
    with pytest.raises(ParameterError) as caught:
        told(**given)
    assert all(word in str(caught.value) for word in words)


def test_resetbits_may_clear_what_is_not_ours():
    assert told(resetbits="4096").keywords["resetbits"] == "4096"
    with pytest.raises(ParameterError, match="clear bit 4096"):
        told(crbit=4096, resetbits="4096")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["empty"]),
        ("_task_name_ = tweakreg\nminobj = 3\n", ["task tweakreg"]),
        ("final_scal = 0.04\n", ["final_scal", "did you mean"]),
        ("[STEP 7: X]\nfinal_pixfrac = much\n", ["final_pixfrac = much", "a number"]),
        ("[STEP 7: X\n", ["no parameter file"]),
        ("final_bits = 65535\n", ["undo the flags"]),
        ("resetbits = 8192\n", ["clear bit 8192"]),
    ],
)
def test_parameter_files_that_cannot_be_are_refused(text, words, tmp_path):
    with pytest.raises(ParameterError) as caught:
        told(written(tmp_path, text))
    assert all(word in str(caught.value) for word in words)


def test_a_parameter_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ParameterError, match="nowhere.cfg"):
        told(tmp_path / "nowhere.cfg")


def test_drizzlepac_specifies_every_parameter_that_we_set():
    assert set(drizzle_kwargs()) <= set(task_parameters.specification("astrodrizzle"))


def test_tweakreg_gets_its_parameters_where_they_belong():
    settings = tweakreg_settings.resolve({"threshold": 50, "minobj": "10", "conv_width": 2.5}, 4096)
    keywords = settings.keywords("W")
    assert keywords["minobj"] == 10 and keywords["updatehdr"] is True and keywords["wcsname"] == "W"
    assert keywords["imagefindcfg"] == {"dqbits": "~4096", "threshold": 50, "conv_width": 2.5}


def test_the_name_of_a_wcs_tells_the_exposures_and_parameters():
    one, other = (tweakreg_settings.resolve(align, 8192) for align in (True, {"threshold": 30}))
    assert one.wcsname("ab") == one.wcsname("ba") != one.wcsname("ac")
    assert one.wcsname("ab") != other.wcsname("ab")


@pytest.mark.parametrize(
    ("align", "word"),
    [
        ("yes", "must be True, False"),
        ({"treshold": 25}, "did you mean threshold"),
        ({"minobj": "few"}, "minobj = few"),
        ({"updatehdr": False}, "its own"),
    ],
)
def test_alignments_that_cannot_be_are_refused(align, word):
    with pytest.raises(ParameterError, match=word):
        tweakreg_settings.resolve(align, 8192)


@pytest.mark.parametrize(
    ("error", "words", "output", "pars"),
    [
        (ParameterError, ["fill_holes = some"], "final", {"fill_holes": "some"}),
        (ParameterError, ["tresholt", "did you mean threshold"], "final", {"tresholt": 0.3}),
        (ParameterError, ["threshold = 3"], "final", {"threshold": 3}),
        (ParameterError, ["no flags"], "final", {"update_dq": False}),
        (ModelError, ["nowhere.safetensors"], "final", {"inpaint": "nowhere.safetensors"}),
        (ParameterError, ["output_dir"], "final", {"align": True, "output_dir": "there"}),
        (ParameterError, ["updatewcs"], "final", {"updatewcs": True}),
        (ParameterError, ["root of the product"], "", {}),
        (ParameterError, ["root of the product"], "a b", {}),
        (OutputError, ["no directory"], "nowhere/final", {}),
        (OutputError, ["no product of AstroDrizzle"], "mine", {}),
    ],
)
def test_a_call_that_cannot_be_changes_nothing(error, words, output, pars, one, here):
    (here / "mine_drc_sci.fits").write_text("my notes")
    before = snapshot(here)
    with pytest.raises(error) as caught:
        drizzle(str(one), output, runfile="", **pars)
    assert all(word in str(caught.value) for word in words)
    assert snapshot(here) == before


def test_exposures_of_one_name_are_refused(pair, here):
    os.mkdir("other")
    twin = pair[1].rename(here / "other" / pair[0].name)
    with pytest.raises(InputError, match="same name"):
        drizzle([str(pair[0]), str(twin)], "final", runfile="")
