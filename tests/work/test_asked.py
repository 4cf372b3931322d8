"""Which of the other exposures of a field one is asked about."""

import random
from dataclasses import replace

import numpy as np
import pytest

from acs_deepcr_step.arrays.background_map import BackgroundMap
from acs_deepcr_step.files.inspection import inspect
from acs_deepcr_step.flagging.consensus.stars import Stars
from acs_deepcr_step.simulate import wcs as sim
from acs_deepcr_step.work.asked import choose
from acs_deepcr_step.work.field_member import ChipSummary, FieldMember
from acs_deepcr_step.work.field_work import field_tasks

SIDE = 512
WINDOW = sim.windows((SIDE, SIDE), 1)[0]
HERE = sim.Pointing(150.0, 2.0, -70.0)
DITHERS = [(0, 0), (5.5, 3.25), (-3.25, 8.5), (9.75, -4.75), (-7.33, -6.67), (3.67, 12.33)]


@pytest.fixture(scope="module")
def exposure(simulated_single):
    """A real exposure, of which the others are variations."""
    [path] = simulated_single.glob("*_flc.fits")
    return inspect(path)


@pytest.fixture
def made(exposure):
    """Make a member of a field by its number, offset in pixels and time in seconds."""

    def make(number, dx=0.0, dy=0.0, exptime=500.0, number_of_observation=None):
        its = number if number_of_observation is None else number_of_observation
        # Sky of 0.1 e-/s and readout of 4 e-.
        background = BackgroundMap.flat((SIDE, SIDE), 0.1 * exptime, np.sqrt(0.1 * exptime + 16))
        chip = replace(exposure.chips[0], shape=(SIDE, SIDE), exptime=exptime)
        one = replace(
            exposure, rootname=f"j8sm{its:02d}aaq", expstart=56000.0 + its, chips=(chip,),
            path=exposure.path.with_name(f"{number}_flc.fits"),
        )  # fmt: skip
        nothing = np.zeros(0, np.int32), np.zeros(0, np.int16)
        wcs = HERE.moved(WINDOW, dx, dy).wcs(WINDOW)
        return FieldMember(None, one, {1: ChipSummary(chip, "", wcs, *nothing, background, Stars.none())})

    return make


def names(members):
    return [one.exposure.path.name[0] for one in members]


def asked_of(member, members):
    """Names of the exposures that one is asked about."""
    return names(choose(member, members))


def test_few_others_are_all_asked(made):
    members = [made(i, *DITHERS[i]) for i in range(4)]
    assert sorted(asked_of(members[1], members)) == ["0", "2", "3"]
    assert choose(members[0], members[:1]) == ()


def test_five_of_twelve_are_asked(made):
    members = [made(i, *DITHERS[i % 6]) for i in range(12)]
    assert all(len(choose(one, members)) == 5 for one in members)


def test_those_that_overlap_more_are_asked(made):
    members = [made(0)] + [made(i, dx=400 if i % 2 else 2 * i) for i in range(1, 10)]
    asked = choose(members[0], members)
    assert set(names(asked)) >= {"2", "4", "6", "8"}


def test_those_that_are_deeper_are_asked_first(made):
    members = [made(0)] + [made(i, *DITHERS[i % 6], exptime=40.0 * i) for i in range(1, 10)]
    assert asked_of(members[0], members) == ["9", "8", "7", "6", "5"]


def test_what_one_shows_that_no_other_does_counts(made):
    deep = [made(i, dx=-250 + 2 * i, exptime=1500) for i in range(1, 7)]
    only = made(7, dx=250, exptime=300)
    member = made(0)
    assert "7" in asked_of(member, [member, *deep, only])


def test_exposure_of_another_place_is_not_asked(made):
    members = [made(0), made(1, *DITHERS[1]), made(2, dx=2 * SIDE)]
    assert asked_of(members[0], members) == ["1"]


def test_the_same_observation_twice_is_not_asked_about_itself(made):
    members = [made(0), made(1, number_of_observation=0), made(2, *DITHERS[2])]
    assert asked_of(members[0], members) == ["2"] == asked_of(members[1], members)
    assert sorted(asked_of(members[2], members)) == ["0", "1"]


def test_error_of_the_pointing_depends_on_visit_target_and_pixel(made):
    member = made(12)
    facts = member.pointing_facts
    assert (facts.visit, facts.follows_target) == ("j8sm12", False)
    assert facts.pixel == pytest.approx(0.05, rel=0.05)
    following = replace(member, exposure=replace(member.exposure, follows_target=True))
    assert following.pointing_facts.follows_target


def test_order_of_the_exposures_does_not_matter(made):
    members = [made(i, *DITHERS[i % 6], exptime=500 if i % 3 else 1000) for i in range(10)]
    tasks = {task.member.rootname: task for task in field_tasks(members)}
    for seed in range(3):
        mixed = random.Random(seed).sample(members, len(members))
        for task in field_tasks(mixed):
            before = tasks[task.member.rootname]
            assert names(task.asked) == names(before.asked) and task.field_id == before.field_id
