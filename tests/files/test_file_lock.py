"""Locks on file systems that have none, and locks that cannot be let go."""

import errno
import fcntl
import os
import threading
import time

import pytest
from helpers import copy, flag, flagged

from acs_deepcr_step.errors import ExposureError
from acs_deepcr_step.files.atomic import locked

flock = fcntl.flock


@pytest.fixture
def failing_locks(monkeypatch):
    """Let the file system answer some operations of flock with an error number."""

    def fail(operation, number):
        def answer(descriptor, wanted):
            if wanted & operation:
                raise OSError(number, os.strerror(number))
            return flock(descriptor, wanted)

        monkeypatch.setattr(fcntl, "flock", answer)

    return fail


NO_LOCKS = ["ENOSYS", "ENOLCK", "EOPNOTSUPP", "ENOTSUP"]


@pytest.mark.parametrize("name", NO_LOCKS)
def test_a_file_system_without_locks_is_no_fault_of_the_exposure(one, here, failing_locks, name):
    other = copy(one, "other_flc.fits")
    flag(other)
    failing_locks(fcntl.LOCK_EX, getattr(errno, name))
    assert list(flag(one)["status"]) == ["done"]
    assert (flagged(one) == flagged(other)).all()
    assert not [path.name for path in here.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", NO_LOCKS)
def test_runs_wait_for_each_other_where_existence_is_the_lock(here, failing_locks, name):
    failing_locks(fcntl.LOCK_EX, getattr(errno, name))
    at_once, most = [], []

    def work():
        for _ in range(15):
            with locked(here / "a_flc.fits"):
                at_once.append(1)
                most.append(len(at_once))
                time.sleep(0.001)
                at_once.pop()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(most) == 45 and max(most) == 1
    assert not list(here.iterdir())


def test_a_run_waits_in_vain_for_a_lock_by_existence_too(here, failing_locks):
    failing_locks(fcntl.LOCK_EX, errno.ENOLCK)
    with (
        locked(here / "a_flc.fits"),
        pytest.raises(ExposureError, match="in use by another run"),
        locked(here / "a_flc.fits", seconds=0.2),
    ):
        pass
    assert not list(here.iterdir())


def test_other_faults_of_a_lock_are_named(one, failing_locks):
    failing_locks(fcntl.LOCK_EX, errno.EIO)
    with pytest.raises(ExposureError, match=os.strerror(errno.EIO)), locked(one):
        pass


@pytest.mark.parametrize("name", ["EIO", "ENOLCK", "EINTR", "EBADF"])
def test_a_lock_that_cannot_be_let_go_is_no_failed_exposure(one, here, failing_locks, name):
    failing_locks(fcntl.LOCK_UN, getattr(errno, name))
    assert list(flag(one)["status"]) == ["done"]
    began = time.monotonic()
    assert list(flag(one)["status"]) == ["done"]  # and nobody waits for it
    assert time.monotonic() - began < 30
    assert not [path.name for path in here.iterdir() if path.name.startswith(".")]
