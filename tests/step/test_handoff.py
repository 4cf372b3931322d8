"""What AstroDrizzle and TweakReg are told; the real calls are tested elsewhere."""

import importlib.util
from pathlib import Path

import pytest
from stsci.tools.configobj import ConfigObj

from acs_deepcr_step import handoff
from acs_deepcr_step.errors import ParameterError


def flat(path):
    entries = ConfigObj(str(path), interpolation=False)
    values = {name: entries[name] for name in entries.scalars}
    for section in entries.sections:
        values.update(entries[section])
    return values


def drizzlepac_file(name):
    spec = importlib.util.find_spec("drizzlepac")
    return Path(spec.submodule_search_locations[0], "pars", name)


def test_the_four_steps_are_off_and_the_flags_stay():
    assert handoff.drizzle_kwargs() == {
        "resetbits": 0,
        "driz_separate": False,
        "median": False,
        "blot": False,
        "driz_cr": False,
        "final_bits": "336",
        "sky_bits": "336",
        "final_fillval": 0,
        "clean": True,
        "preserve": False,
    }


def test_overrides_win():
    got = handoff.drizzle_kwargs(final_pixfrac=0.8, clean=False, updatewcs=False, output="x")
    assert (got["final_pixfrac"], got["clean"], got["updatewcs"], got["output"]) == (0.8, False, False, "x")


def test_each_call_gives_a_dictionary_of_its_own():
    handoff.drizzle_kwargs()["clean"] = "spoiled"
    handoff.tweakreg_kwargs()["imagefindcfg"].clear()
    assert handoff.drizzle_kwargs()["clean"] is True
    assert handoff.tweakreg_kwargs() == {"imagefindcfg": {"dqbits": "~8192"}}


@pytest.mark.parametrize("bits", [0, 336, "336", "256,64,16", "256+64+16", "~4096,8192,16384"])
def test_good_bits_go_to_both_product_and_sky(bits):
    got = handoff.drizzle_kwargs(bits)
    assert got["final_bits"] == got["sky_bits"] == str(bits)


@pytest.mark.parametrize("bits", [4096, 8192, 16384, 336 + 8192, 65535, "4096,8192", "~8192", None, "", -1])
@pytest.mark.parametrize("name", ["good_bits", "final_bits"])
def test_bits_that_would_count_cosmic_rays_as_good_are_refused(name, bits):
    with pytest.raises(ParameterError, match=rf"{name} = .* would count pixels with a cosmic-ray bit"):
        handoff.drizzle_kwargs(**{name: bits})


@pytest.mark.parametrize("bits", ["abc", True, 3.5, [336]])
def test_bits_that_are_none_are_refused(bits):
    with pytest.raises(ParameterError, match="good_bits = "):
        handoff.drizzle_kwargs(bits)


def test_names_that_astrodrizzle_does_not_know_are_refused():
    with pytest.raises(ParameterError, match="no parameter final_pixfac; did you mean final_pixfrac"):
        handoff.drizzle_kwargs(final_pixfac=0.8)


def test_parameter_file_has_every_parameter_of_astrodrizzle():
    assert set(flat(handoff.cfg_path())) == set(flat(drizzlepac_file("astrodrizzle.cfg")))
    assert set(handoff.astrodrizzle_names()) == set(flat(handoff.cfg_path())) - {"_task_name_"}


def test_parameter_file_differs_from_astrodrizzles_by_the_handed_over_values_alone():
    ours, theirs = flat(handoff.cfg_path()), flat(drizzlepac_file("astrodrizzle.cfg"))
    changed = {name: value for name, value in ours.items() if theirs[name] != value}
    handed = {name: str(value) for name, value in handoff.drizzle_kwargs().items()}
    assert changed == {"input": "*_flc.fits", **handed}


def test_parameter_file_is_given_as_text():
    assert type(handoff.cfg_path()) is str and Path(handoff.cfg_path()).is_file()


@pytest.mark.parametrize("crbit", [8192, 4096, 16384])
def test_tweakreg_leaves_out_our_bit(crbit):
    assert handoff.tweakreg_kwargs(crbit, threshold=25) == {
        "imagefindcfg": {"dqbits": f"~{crbit}", "threshold": 25}
    }


@pytest.mark.parametrize("crbit", [3, 16, 0, True, None, "8192", 8192 + 4096])
def test_tweakreg_bit_must_be_one_of_ours(crbit):
    with pytest.raises(ParameterError, match="crbit = "):
        handoff.tweakreg_kwargs(crbit)


def test_tweakreg_entry_that_does_not_exist_is_refused():
    with pytest.raises(ParameterError, match="no parameter treshold; did you mean threshold"):
        handoff.tweakreg_kwargs(treshold=25)


def test_tweakreg_dqbits_may_mask_more_but_not_less():
    assert handoff.tweakreg_kwargs(dqbits="~8192,256")["imagefindcfg"] == {"dqbits": "~8192,256"}
    for bits in ("", None, "~256", 8192):
        with pytest.raises(ParameterError, match="dqbits"):
            handoff.tweakreg_kwargs(dqbits=bits)


def test_stale_masks_of_an_input_are_found(tmp_path):
    stale = [tmp_path / f"j8xx01abq_sci{n}_crmask.fits" for n in (1, 2)]
    others = ["j8xx01acq_sci1_crmask.fits", "j8xx01abq_scix_crmask.fits", "j8xx01abq_flc_deepcr.fits"]
    for path in [*stale, *(tmp_path / name for name in others)]:
        path.touch()
    exposures = [tmp_path / "j8xx01abq_flc.fits", str(tmp_path / "j8xx01abq_flt.fits")]
    assert handoff.stale_crmasks(exposures) == stale
    warning = handoff.stale_crmask_warning(exposures)
    assert all(str(path) in warning for path in stale) and "move them away" in warning


def test_no_stale_mask_no_warning(tmp_path):
    assert handoff.stale_crmasks([tmp_path / "j8xx01abq_flc.fits"]) == []
    assert handoff.stale_crmask_warning([tmp_path / "j8xx01abq_flc.fits"]) == ""


def test_name_with_glob_characters_is_taken_literally(tmp_path):
    (tmp_path / "a_sci1_crmask.fits").touch()
    assert handoff.stale_crmasks([tmp_path / "[a]_flc.fits"]) == []
    (tmp_path / "[a]_sci1_crmask.fits").touch()
    assert handoff.stale_crmasks([tmp_path / "[a]_flc.fits"]) == [tmp_path / "[a]_sci1_crmask.fits"]


def test_bit_that_astrodrizzle_wipes_is_warned_of():
    assert "resetbits" in handoff.crbit_warning(4096)
    assert handoff.crbit_warning(8192) == handoff.crbit_warning(16384) == ""
