"""The same flags whoever does the work: threads, processes, Dask; and workers that die."""

import os
import shutil
import signal
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from astropy.io import fits

import acs_deepcr_step
from acs_deepcr_step import simulate
from acs_deepcr_step.errors import RunError
from acs_deepcr_step.work import executors
from acs_deepcr_step.work.task import Outcome


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return simulate.association(tmp_path_factory.mktemp("executors"), n=4, shape=(96, 128), chips=1, seed=41)


@pytest.fixture
def exposures(simulated, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return [shutil.copy(path, path.name) for path in simulated]


@pytest.fixture(scope="module")
def wanted(simulated, tmp_path_factory):
    """DQ arrays of a plain run."""
    folder = tmp_path_factory.mktemp("wanted")
    copies = [shutil.copy(path, folder / path.name) for path in simulated]
    acs_deepcr_step.run(copies, precision="float32", runfile="")
    return [dq(path) for path in copies]


def dq(path):
    return fits.getdata(path, ("DQ", 1), memmap=False)


def check(table, exposures, wanted):
    assert list(table["filename"]) == exposures and set(table["status"]) == {"done"}
    for path, expected in zip(exposures, wanted, strict=True):
        np.testing.assert_array_equal(dq(path), expected)


def test_two_processes_give_the_same_flags(exposures, wanted):
    check(acs_deepcr_step.run(exposures, precision="float32", workers=2), exposures, wanted)


@pytest.mark.parametrize(
    "make", [lambda: ThreadPoolExecutor(2), lambda: ProcessPoolExecutor(1, get_context("spawn"))]
)
def test_any_executor_gives_the_same_flags(exposures, wanted, make):
    with make() as executor:
        check(acs_deepcr_step.run("*_flc.fits", executor=executor, precision="float32"), exposures, wanted)


def test_an_executor_needs_no_more_than_submit(exposures, wanted):
    class AtOnce(Executor):
        def submit(self, function, /, *args):
            future = Future()
            try:
                future.set_result(function(*args))
            except Exception as error:
                future.set_exception(error)
            return future

    check(acs_deepcr_step.run(exposures, executor=AtOnce(), precision="float32"), exposures, wanted)


@pytest.mark.slow
def test_a_failure_elsewhere_is_one_exposures(exposures, tmp_path):
    others = [exposures[i] for i in (0, 2, 3)]
    apart = [shutil.copy(path, tmp_path / f"apart_{path}") for path in others]
    acs_deepcr_step.run(apart, precision="float32")
    with fits.open(exposures[1], mode="update") as hdus:
        hdus["SCI", 1].data[:] = np.nan
    with pytest.raises(RunError, match="no finite pixel") as caught:
        acs_deepcr_step.run(exposures, precision="float32", workers=2)
    status = list(caught.value.table["status"])
    assert [s.startswith("failed") for s in status] == [False, True, False, False]
    # The others decide without it.
    for path, expected in zip(others, apart, strict=True):
        np.testing.assert_array_equal(dq(path), dq(expected))


class Stub:
    """A task of which only the index matters."""

    def __init__(self, folder, index, deaths):
        self.folder, self.index, self.deaths, self.threads = folder, index, deaths, 0

    def absolute(self):
        return self


def die_at_first(task, stage):
    """Be killed in the first tries, as by an out-of-memory killer."""
    tried = len(list(task.folder.glob(f"{task.index}-*")))
    (task.folder / f"{task.index}-{tried}").touch()
    if tried < task.deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    return Outcome([{"index": task.index}])


@pytest.fixture
def stubs(monkeypatch):
    monkeypatch.setattr(executors, "_for_elsewhere", lambda tasks, sharers: tasks)


def test_a_worker_that_dies_costs_only_a_retry(tmp_path, stubs):
    tasks = [Stub(tmp_path, index, deaths=int(index == 1)) for index in range(4)]
    results = dict(executors.execute(die_at_first, tasks, workers=2))
    assert {index: result.rows[0]["index"] for index, result in results.items()} == {i: i for i in range(4)}


@pytest.mark.slow
def test_exposures_that_waited_are_not_blamed_for_workers_that_died(tmp_path, stubs):
    """Five deaths in a row: more than any one exposure is allowed."""
    tasks = [Stub(tmp_path, index, deaths=int(index < 5)) for index in range(12)]
    results = dict(executors.execute(die_at_first, tasks, workers=2))
    assert all(isinstance(results[index], Outcome) for index in range(12))
    assert len(list(tmp_path.glob("11-*"))) == 1


def test_an_exposure_that_kills_every_worker_is_given_up(tmp_path, stubs):
    tasks = [Stub(tmp_path, 0, deaths=99)]
    ((index, result),) = executors.execute(die_at_first, tasks, workers=2)
    assert index == 0 and "died" in str(result)
    assert len(list(tmp_path.iterdir())) == 3


def test_the_cores_are_divided_among_the_workers(exposures, monkeypatch):
    monkeypatch.setattr(executors, "_cores", lambda: 8)
    tasks = [task for task in executors._for_elsewhere(_tasks(exposures), 3)]
    assert {task.threads for task in tasks} == {2}
    assert all(task.exposure.path.is_absolute() and task.target.is_absolute() for task in tasks)


def _tasks(paths):
    from pathlib import Path

    from acs_deepcr_step.config.parameters import resolve
    from acs_deepcr_step.work.plan import plan_exposures

    return list(plan_exposures([Path(path) for path in paths], resolve()).tasks)
