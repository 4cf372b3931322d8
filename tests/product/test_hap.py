"""The parameter file for single-visit mosaics, read by drizzlepac's own reader."""

import json
import logging

import pytest
from astropy.io import fits
from drizzling import drizzlepac_quiet

from acs_deepcr_step import simulate
from acs_deepcr_step.errors import DrizzlepacError, InputError, ParameterError
from acs_deepcr_step.product import hap_parameters

# What drizzlepac's planner looks at, as the archive has it for an exposure that is to be drizzled.
_CARDS = {"MTFLAG": "", "SCAN_TYP": "N", "SCAN_LEN": 0.0, "DRIZCORR": "COMPLETE"}


@pytest.fixture
def visit(here):
    """A visit: two exposures in one filter, one in another; the file that runsinglehap gets."""
    files = simulate.association(here, n=2, shape=(64, 64), seed=1)
    files += simulate.association(here, n=1, shape=(64, 64), seed=2, filter="F606W", root="j8sm02")
    for path in files:
        with fits.open(path, mode="update") as hdus:
            for name, value in _CARDS.items():
                hdus[0].header[name] = value
    path = here / "visit.out"
    path.write_text("".join(f"{file.name}\n" for file in files))
    return path


def planned(visit):
    """The products that drizzlepac plans: the total one, those of a filter, those of an exposure."""
    from drizzlepac.haputils import poller_utils

    with drizzlepac_quiet():
        [total] = poller_utils.interpret_obset_input(visit.name, logging.CRITICAL)[1]
    return total, total.fdp_list, total.edp_list


def read(product, **pars):
    from drizzlepac.haputils import config_utils

    return config_utils.HapConfig(product, **pars)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_drizzlepac_reads_from_it_what_honours_the_flags(visit, here):
    path = here / "hap.json"
    path.write_text(hap_parameters.text(visit))
    total, filters, exposures = planned(visit)
    assert sorted(len(product.edp_list) for product in filters) == [1, 2] and len(exposures) == 3
    for product in (*filters, *exposures):
        own, ours = read(product), read(product, input_custom_pars_file=str(path))
        told = ours.get_pars("astrodrizzle")
        assert (told["final_bits"], told["resetbits"], told["driz_cr"]) == ("336", "0", False)
        assert set(told) >= set(own.get_pars("astrodrizzle"))
        for step in ("alignment", "catalog generation"):
            assert ours.get_pars(step) == own.get_pars(step)
    # One exposure's flags are ignored by default.
    assert {read(product).get_pars("astrodrizzle")["final_bits"] for product in exposures} == {"65535"}
    # What the alignment asks the total product for.
    its = read(total, input_custom_pars_file=str(path))
    assert its.pars["alignment"].pars_multidict["all"]["run_align"]["mosaic_catalog_list"]
    told = its.get_pars("astrodrizzle")
    assert (told["final_bits"], told["resetbits"]) == ("336", "0")
    # With parameters of its own it would have none to ask for.
    sets = json.loads(path.read_text())
    sets[total.product_basename] = sets[filters[0].product_basename]
    path.write_text(json.dumps(sets))
    assert not hasattr(read(total, input_custom_pars_file=str(path)).pars["alignment"], "pars_multidict")


def test_all_steps_of_a_product_stay_but_for_the_flags():
    steps = {"alignment": {"a": 1}, "astrodrizzle": {"final_bits": "65535", "final_rot": 0.0}}
    changed = hap_parameters.honouring({"parameters": steps, "default_values": steps})
    assert changed["parameters"] == changed["default_values"]
    assert changed["parameters"]["alignment"] == {"a": 1}
    assert changed["parameters"]["astrodrizzle"]["final_bits"] == "336"
    assert changed["parameters"]["astrodrizzle"]["final_rot"] == 0
    assert json.dumps(hap_parameters.honouring({})) == "{}"


def test_a_visit_that_is_not_there_is_named(here):
    with pytest.raises(ParameterError, match="nowhere.out"):
        hap_parameters.text("nowhere.out")
    (here / "visit.out").write_text("j8sm01aaq_flc.fits\n")
    with pytest.raises(InputError, match="j8sm01aaq_flc.fits"):
        hap_parameters.text("visit.out")


@pytest.mark.slow
def test_what_drizzlepac_cannot_plan_is_an_error(here, one):
    (here / "visit.out").write_text(f"{one.name}\n")
    fits.delval(one, "LINENUM", 0)
    with pytest.raises(DrizzlepacError, match="finds no products"):
        hap_parameters.text("visit.out")
