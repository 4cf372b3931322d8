"""Which exposures show the same light, so that they are compared."""

import shutil
from pathlib import Path

import pytest
from helpers import edit

from acs_deepcr_step import simulate
from acs_deepcr_step.config.parameters import resolve
from acs_deepcr_step.work.fields import find_fields
from acs_deepcr_step.work.plan import plan_exposures

SMALL = dict(shape=(64, 64), chips=1, exptime=100.0, star_density=0, galaxy_density=0, cosmic_rays=False)
ROLLS = (0.0, 3.0, 8.0)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Directory of three exposures of one place, of different rolls."""
    directory = tmp_path_factory.mktemp("rolled")
    simulate.association(directory, n=3, rolls=ROLLS, dithers=[(0, 0)] * 3, **SMALL)
    return directory


@pytest.fixture
def three(made, here):
    return [Path(shutil.copy(path, here)) for path in sorted(made.glob("*_flc.fits"))]


def through(path, *filters, **cards):
    """The exposure as if taken through other filters."""
    names = dict(zip(("FILTER1", "FILTER2"), filters, strict=False))
    edit(path, lambda hdus: hdus[0].header.update({**names, **cards}))


def fields_of(files):
    """Numbers of the exposures that are compared with each other."""
    found = find_fields(plan_exposures(files, resolve()).tasks)
    order = {str(path): number for number, path in enumerate(files)}
    return [[order[task.label] for task in field.tasks] for field in found.fields]


def test_exposures_through_one_filter_are_compared_whatever_their_roll(three):
    assert fields_of(three) == [[0, 1, 2]]


def test_exposures_through_other_filters_are_not_compared(three):
    through(three[1], "F606W", "CLEAR2L")
    assert fields_of(three) == [[0, 2]]


def test_clear_positions_do_not_make_another_filter(three):
    through(three[0], "CLEAR1S", "F814W")
    assert fields_of(three) == [[0, 1, 2]]


def test_ramp_filters_are_told_apart_by_their_wavelength(three):
    for path, wavelength in zip(three, (5007.0, 6563.0, 5007.0), strict=True):
        through(path, "CLEAR1L", "FR505N", LRFWAVE=wavelength)
    assert fields_of(three) == [[0, 2]]


@pytest.mark.parametrize("wavelength", [0.0, "N/A"])
def test_without_a_ramp_its_wavelength_does_not_count(three, wavelength):
    through(three[0], LRFWAVE=wavelength)
    assert fields_of(three) == [[0, 1, 2]]


def test_polarisers_are_told_apart_by_their_name(three):
    for path, name in zip(three, ("POL0V", "POL60V", "POL0V"), strict=True):
        through(path, "F606W", name)
    assert fields_of(three[:2]) == []


def test_polarisers_are_told_apart_by_their_angle_on_the_sky(three):
    for path in three:
        through(path, "F606W", "POL0V")
    # 0, 3 and 8 degrees: of the first and the last the second is within 5 degrees.
    assert fields_of(three[:2]) == [[0, 1]]
    assert fields_of([three[0], three[2]]) == []


def test_polariser_turned_by_half_a_circle_is_the_same(here):
    turned = simulate.association(here, n=2, rolls=(0, 180), dithers=[(0, 0)] * 2, **SMALL)
    for path in turned:
        through(path, "F606W", "POL0V")
    assert fields_of(turned) == [[0, 1]]


@pytest.mark.parametrize("disperser", ["G800L", "PR200L"])
def test_spectra_are_never_compared(three, disperser):
    for path in three:
        through(path, disperser, "CLEAR2L")
    assert fields_of(three) == []
