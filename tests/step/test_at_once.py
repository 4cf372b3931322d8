"""Runs of several users on one field at once, and exposures that change meanwhile."""

import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from helpers import cards_of, dq, edit, flag, mask_of

from acs_deepcr_step import models, simulate, undo
from acs_deepcr_step.errors import RunError, StepWarning
from acs_deepcr_step.files import mask_file
from acs_deepcr_step.work import field_member, field_work, fields, plan

FIELD = dict(n=3, shape=(192, 192), chips=1, field="crowded", exptime=512.0, cr_rate=3.0, seed=31)

MINE = {"model": "ACS-WFC", "threshold": 0.5, "precision": "float32"}
THEIRS = {"model": "ACS-WFC-F814W", "threshold": 0.2, "crbit": 16384, "precision": "float32"}


@pytest.fixture(scope="session")
def simulated_three(tmp_path_factory):
    directory = tmp_path_factory.mktemp("at_once")
    return simulate.association(directory, **FIELD)


@pytest.fixture
def three(simulated_three, here):
    return [Path(shutil.copy(path, here)) for path in simulated_three]


class Between(ThreadPoolExecutor):
    """Lets something happen once, right before the first task of a kind of work."""

    def __init__(self, before, action):
        super().__init__(1)
        self._before, self._action = before, action

    def submit(self, function, /, *arguments):
        if function.__name__ == self._before and self._action:
            action, self._action = self._action, None
            action()
        return super().submit(function, *arguments)


def state(paths):
    """Headers, DQ, and what the mask files say."""
    cards = [[cards_of(path)[key] for key in ("DCRHASH", "DCRTHRSH", "DCRBIT", "DCRNEXP")] for path in paths]
    return cards, [dq(path).tobytes() for path in paths]


@pytest.mark.parametrize(
    ("moment", "mine_kept", "theirs_kept"),
    [
        ("measure_member", True, True),
        ("flag_member", True, True),
        ("measure_member", False, False),
        ("flag_member", False, False),
        ("flag_member", False, True),
    ],
)
def test_another_run_with_another_model_in_between_changes_nothing(three, moment, mine_kept, theirs_kept):
    original = [dq(path) for path in three]
    mine = {**MINE, "mask_file": mine_kept}
    table = flag(*three, **mine)
    wanted = state(three)
    assert list(table["nexp"]) == [3, 3, 3]
    _clear(three)

    def other_run():
        flag(*three, **THEIRS, mask_file=theirs_kept)

    with Between(moment, other_run) as executor:
        again = flag(*three, executor=executor, **mine)
    assert state(three) == wanted
    for name in ("model", "threshold", "n_flagged", "nexp", "n_vetoed", "n_added", "status"):
        assert list(again[name]) == list(table[name])
    if mine_kept:
        for path in three:
            mask = mask_file.read(mask_of(path))
            assert mask.made_by.model == "ACS-WFC" and mask.decision.threshold == 0.5
            assert mask.made_by.model_hash in models.info("ACS-WFC").hashes
    undo([str(path) for path in three], runfile="", progress=False)
    assert np.array_equal([dq(path) for path in three], original)
    assert not [path.name for path in three[0].parent.iterdir() if path.name.startswith(".")]


def _clear(paths):
    undo([str(path) for path in paths], runfile="", progress=False)
    for path in paths:
        mask_of(path).unlink(missing_ok=True)


def test_a_run_without_mask_files_uses_what_one_like_it_has_left(three):
    """One that was killed, or one at the same time: its probabilities are as good."""

    def stop():
        raise KeyboardInterrupt

    pars = {**MINE, "mask_file": False}
    with pytest.raises(KeyboardInterrupt), Between("measure_member", stop) as executor:
        flag(*three, executor=executor, **pars)
    hidden = [path.with_name(f".{mask_of(path).name}") for path in three]
    stamps = [path.stat().st_mtime_ns for path in hidden]
    found = []

    def look():
        found.extend(path.stat().st_mtime_ns for path in hidden)

    with Between("measure_member", look) as executor:
        flag(*three, executor=executor, **pars)
    assert found == stamps
    assert {path.name for path in three[0].parent.iterdir()} == {path.name for path in three}


def other_pixels(path):
    edit(path, lambda hdus: hdus["SCI", 1].data.__iadd__(1.0))


def damaged(path):
    path.write_bytes(path.read_bytes()[:10_000])


CHANGES = [other_pixels, damaged, Path.unlink]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("moment", ["measure_member", "flag_member"])
def test_a_member_that_changes_fails_alone(three, change, moment):
    flag(*three[:2], **MINE)
    two = state(three[:2])
    _clear(three[:2])
    with (
        warnings.catch_warnings(record=True) as told,
        pytest.raises(RunError) as caught,
        Between(moment, lambda: change(three[2])) as executor,
    ):
        warnings.simplefilter("always")
        flag(*three, executor=executor, **MINE)
    table = caught.value.table
    assert [status.split(":")[0] for status in table["status"]] == ["done", "done", "failed"]
    assert list(table["nexp"][:2]) == [2, 2] and state(three[:2])[1] == two[1]
    if moment == "flag_member":  # those that were to ask it say that they did not
        name = three[2].name[:9]
        assert sum(f"without {name}, changed by another" in str(one.message) for one in told) == 2
        assert all(f"{name} changed while the step ran" in note for note in table["note"][:2])


def test_a_member_that_vanishes_while_another_is_decided_on_does_not_fail_it(three, monkeypatch):
    real = field_work.compared

    def compared(found, chip, chips_of_other, pointing):
        three[2].unlink(missing_ok=True)  # after it was looked at, before its pixels are read
        return real(found, chip, chips_of_other, pointing)

    monkeypatch.setattr(field_work, "compared", compared)
    with pytest.warns(StepWarning, match=three[2].name[:9]), pytest.raises(RunError) as caught:
        flag(*three, **MINE)
    assert [status.split(":")[0] for status in caught.value.table["status"]] == ["done", "done", "failed"]


def touched(path):
    """The same pixels in a new file, as TweakReg and updatewcs leave it."""
    edit(path, lambda hdus: hdus[0].header.set("SOMEKEY", 1))


@pytest.mark.parametrize(
    ("module", "name"), [(fields, "read_wcs"), (field_member, "read_wcs"), (field_member, "_pixels")]
)
def test_a_file_that_another_run_flags_while_it_is_read_is_read_again(three, monkeypatch, module, name):
    flag(*three, **MINE)
    wanted = state(three)
    real, seen = getattr(module, name), set()

    def reading(exposure, *rest):
        if exposure.path not in seen:
            seen.add(exposure.path)
            touched(exposure.path)
        return real(exposure, *rest)

    monkeypatch.setattr(module, name, reading)
    with ThreadPoolExecutor(1) as executor:
        assert list(flag(*three, executor=executor, **MINE)["nexp"]) == [3, 3, 3]
    assert len(seen) == 3 and state(three) == wanted


@pytest.mark.parametrize("change", [touched, other_pixels])
def test_an_exposure_that_changes_during_the_planning_is_decided_with_the_others(three, monkeypatch, change):
    real = plan.require_runnable

    def require_runnable(*arguments):
        change(three[1])
        return real(*arguments)

    monkeypatch.setattr(plan, "require_runnable", require_runnable)
    assert list(flag(*three, consensus="yes", **MINE)["nexp"]) == [3, 3, 3]


def test_an_exposure_that_vanishes_during_the_planning_fails_alone(three, monkeypatch):
    real = plan.require_runnable

    def require_runnable(*arguments):
        three[1].unlink()
        return real(*arguments)

    monkeypatch.setattr(plan, "require_runnable", require_runnable)
    with pytest.raises(RunError, match="gone") as caught:
        flag(*three, **MINE)
    assert list(caught.value.table["nexp"]) == [2, 0, 2]
