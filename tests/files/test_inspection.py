"""What the headers of an exposure say of its light and its pointing."""

import os
import shutil

import pytest
from astropy.io import fits
from helpers import edit, flag

from acs_deepcr_step.errors import ExposureError
from acs_deepcr_step.files import structure
from acs_deepcr_step.files.exposure import FileState
from acs_deepcr_step.files.inspection import inspect


def facts(path, **cards):
    """The exposure as inspected with other cards in its primary header."""
    edit(path, lambda hdus: hdus[0].header.update(cards))
    return inspect(path)


@pytest.mark.parametrize(
    ("cards", "passband"),
    [
        ({"FILTER1": "F606W", "FILTER2": "CLEAR2L"}, "F606W"),
        ({"FILTER1": "CLEAR1S", "FILTER2": "F435W"}, "F435W"),
        ({"FILTER1": "F606W", "FILTER2": "POL0V"}, "F606W+POL0V"),
        ({"FILTER1": "CLEAR1L", "FILTER2": "FR505N", "LRFWAVE": 5007.0}, "FR505N@5007"),
        ({"FILTER1": "CLEAR1L", "FILTER2": "F814W", "LRFWAVE": 0.0}, "F814W"),
    ],
)
def test_passband_is_the_filter_and_the_wavelength_of_a_ramp(one, cards, passband):
    assert facts(one, **cards).passband == passband


@pytest.mark.parametrize(("flag", "follows"), [(True, True), ("T", True), (False, False), ("", False)])
def test_exposure_that_followed_its_target_is_known(one, flag, follows):
    assert facts(one, MTFLAG=flag).follows_target is follows


def test_without_a_word_on_it_the_target_stood_still(one):
    def drop(hdus):
        hdus[0].header.remove("MTFLAG", ignore_missing=True)

    assert not inspect(edit(one, drop)).follows_target


@pytest.fixture
def replaced_while_read(one, monkeypatch):
    """Put other files into the place of an exposure, one each time that its headers are about to be read."""

    def prepare(*others):
        queue, scan = list(others), structure.scan

        def replacing(path):
            if queue:
                os.replace(queue.pop(0), path)
            return scan(path)

        monkeypatch.setattr(structure, "scan", replacing)
        return one

    return prepare


def test_exposure_that_another_run_replaces_while_it_is_read_is_read_again(one, replaced_while_read):
    """The new file is longer: with the old size it would be called truncated."""
    new = shutil.copy(one, "new.fits")
    flag(new)
    edit(new, lambda hdus: hdus.append(fits.ImageHDU(hdus["SCI", 1].data, name="MORE")))
    found = inspect(replaced_while_read(new))
    assert found.state == FileState.of(one) and found.provenance and found.spans[-1].end == found.state.size


def test_file_that_is_replaced_all_the_time_is_read_some_times_only(one, replaced_while_read):
    others = [shutil.copy(one, f"{number}.fits") for number in range(30)]
    inspect(replaced_while_read(*others))
    assert 1 < sum(not os.path.exists(name) for name in others) < 30


def test_fault_of_a_file_that_is_replaced_is_that_of_the_new_one(one, replaced_while_read):
    with open("new_flc.fits", "wb") as file:
        file.write(one.read_bytes()[:-2880])
    with pytest.raises(ExposureError, match="truncated"):
        inspect(replaced_while_read("new_flc.fits"))
