"""Real Dask workers on this machine; one is killed in the middle."""

import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import acs_deepcr_step
from acs_deepcr_step import cli, simulate

distributed = pytest.importorskip("distributed", reason="the extra [dask] is not installed")

# Dask's own servers and clients warn while a worker is being killed.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", silence_logs=50
    ) as cluster:
        yield cluster


@pytest.fixture
def exposures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return [str(path) for path in simulate.association(".", n=8, shape=(400, 512), chips=1, seed=51)]


@pytest.mark.slow
def test_one_of_two_workers_is_killed_and_all_exposures_are_done_once(cluster, exposures):
    with distributed.Client(cluster) as client:
        victims = client.run(os.getpid)
        executor = client.get_executor()
        killer = executor.submit(_kill_soon, list(victims.values())[0])
        table = acs_deepcr_step.run(exposures, executor=executor, precision="float32")
        killer.cancel()
    assert list(table["filename"]) == exposures and set(table["status"]) == {"done"}
    for path in exposures:
        with fits.open(path) as hdus:
            assert len(hdus[0].header["HISTORY"]) >= 1
            assert np.count_nonzero(hdus["DQ", 1].data & 8192) == hdus["DQ", 1].header["DCRNPIX"]
    assert not list(Path().glob(".*"))


def _kill_soon(pid):
    time.sleep(0.5)
    if os.getpid() != pid:
        os.kill(pid, signal.SIGKILL)
    return pid


def test_the_command_uses_a_running_cluster(cluster, exposures, capsys):
    fresh = [shutil.copy(path, f"again_{path}") for path in exposures[:2]]
    assert cli.main(["run", *fresh, "--dask", cluster.scheduler_address, "--no-progress"]) == 0
    assert "again_" in capsys.readouterr().out
    assert all(fits.getval(path, "DEEPCR") == "COMPLETE" for path in fresh)


@pytest.mark.slow  # Dask goes on trying for twenty seconds
def test_a_scheduler_that_does_not_answer_is_named(exposures, capsys):
    assert cli.main(["run", *exposures, "--dask", "tcp://127.0.0.1:1"]) == 2
    assert "tcp://127.0.0.1:1: no Dask scheduler answers" in capsys.readouterr().err
