"""Worker processes and those around them: whoever ends, dies or cannot start, nobody hangs or is left."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import psutil
import pytest
from astropy.io import fits

from acs_deepcr_step import simulate
from acs_deepcr_step.work import executors
from acs_deepcr_step.work.task import Outcome

# What a worker that nobody needs any more may take, in seconds; other tests have the cores as well.
SOON = 5.0


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return simulate.association(tmp_path_factory.mktemp("made"), n=1, shape=(64, 64), chips=1, seed=43)[0]


@pytest.fixture
def exposures(simulated, here):
    return [shutil.copy(simulated, here / simulated.name.replace("aaq_", f"{i:02d}q_")) for i in range(12)]


def written(folder, text):
    script = folder / "script.py"
    script.write_text(textwrap.dedent(text), encoding="utf-8")
    return script


def started(*arguments, **keywords):
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **keywords,
    )


def ended(*arguments, seconds=60, **keywords):
    """The exit status, stdout and stderr of a Python process."""
    process = started(*arguments, **keywords)
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, out, err


SLEEPERS = """
    import sys, time
    from pathlib import Path
    from acs_deepcr_step.work import executors

    class Sleeper:
        def __init__(self, number):
            self.number = number

    def sleep(task, stage):
        Path(f"begun{task.number}").touch()
        while task.number:  # the others are done at once: their worker is idle
            time.sleep(0.05)
            stage.check()

    if __name__ == "__main__":
        executors._for_elsewhere = lambda tasks, sharers: tasks
        list(executors.execute(sleep, [Sleeper(number) for number in (0, 1)], workers=2))
"""


SIGHUP = pytest.param("SIGHUP", marks=pytest.mark.slow)


@pytest.mark.parametrize("name", ["SIGTERM", SIGHUP, "SIGKILL"])
def test_workers_end_with_their_parent_and_let_go_of_its_output(here, name):
    skip_if_ignored(name)
    process = started(written(here, SLEEPERS), cwd=here)
    wait_for(lambda: (here / "begun0").exists() and (here / "begun1").exists())
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 2
    process.send_signal(getattr(signal, name))
    process.communicate(timeout=SOON)  # until the last one that writes into the pipe is gone
    _, alive = psutil.wait_procs(family, timeout=SOON)
    assert not alive


def skip_if_ignored(name):
    """Processes inherit that a signal is ignored, and it stays so."""
    if signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
        pytest.skip(f"{name} is ignored here, as by nohup")


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(("name", "workers"), [("SIGTERM", 1), ("SIGHUP", 2)])
def test_a_signal_to_end_is_like_an_interrupt(exposures, here, name, workers):
    skip_if_ignored(name)
    arguments = ["-m", "acs_deepcr_step", "run", *exposures, "--consensus", "no", "--workers", workers]
    process = started(*arguments, cwd=here, start_new_session=True)
    wait_for(lambda: any(here.glob("j*_deepcr.fits")))
    os.killpg(process.pid, getattr(signal, name))  # as `timeout`, batch systems and terminals do
    _, err = process.communicate(timeout=2 * SOON)
    assert process.returncode == 128 + getattr(signal, name)
    assert err.count("\n") == 1 and "interrupted: finished exposures stay finished" in err
    assert not [path.name for path in here.iterdir() if path.name.startswith(".")]
    flags = ["DEEPCR" in fits.getheader(path) for path in exposures]
    assert any(flags) and not all(flags)


def test_nohup_holds_for_the_command(exposures, here):
    from acs_deepcr_step.streams import ended_like_an_interrupt

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_like_an_interrupt():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


UNGUARDED = """
    import acs_deepcr_step

    acs_deepcr_step.run("*_flc.fits", workers=2, progress=False, runfile="")
"""


def test_a_script_without_a_main_guard_gets_one_sentence(exposures, here):
    before = [path.read_bytes() for path in exposures]
    status, _, err = ended(written(here, UNGUARDED), cwd=here)
    assert status == 1
    assert err.count("errors.ParameterError:") == 1 and err.count("Traceback") == 1
    assert 'if __name__ == "__main__":' in err and "workers=1" in err.splitlines()[-1]
    assert [path.read_bytes() for path in exposures] == before


OWN_PROCESS = """
    import multiprocessing
    import acs_deepcr_step

    def nothing():
        pass

    if __name__ == "__main__":
        process = multiprocessing.get_context("spawn").Process(target=nothing)
        process.start()
        process.join()
    else:
        acs_deepcr_step.run("*_flc.fits", workers=2, progress=False, runfile="")
"""


def test_a_process_of_the_users_own_that_imports_such_a_script_says_so_itself(exposures, here):
    _, _, err = ended(written(here, OWN_PROCESS), cwd=here)
    assert 'put the call below if __name__ == "__main__":' in err.splitlines()[-1]


def test_a_script_that_is_no_file_is_named(exposures, here):
    script = written(here, UNGUARDED)
    with open(script) as source:
        status, _, err = ended("-", stdin=source, cwd=here)
    assert status == 1 and "workers=1" in err.splitlines()[-1] and "<stdin>" in err.splitlines()[-1]


DAEMONIC = """
    import multiprocessing
    import acs_deepcr_step

    def work(number):
        acs_deepcr_step.run("*_flc.fits", workers=2, progress=False, runfile="")

    if __name__ == "__main__":
        with multiprocessing.get_context("fork").Pool(1) as pool:
            pool.map(work, [0])
"""

NO_SEMAPHORES = """
    import resource
    import acs_deepcr_step

    if __name__ == "__main__":
        # A semaphore is a small file in shared memory: with a limit of no byte there is none.
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        acs_deepcr_step.run("*_flc.fits", workers=2, progress=False, runfile="")
"""


@pytest.mark.parametrize(("text", "reason"), [(DAEMONIC, "daemonic"), (NO_SEMAPHORES, "lets no worker")])
def test_where_no_worker_can_start_the_error_says_workers_1(exposures, here, text, reason):
    before = [path.read_bytes() for path in exposures]
    status, _, err = ended(written(here, text), cwd=here)
    assert status == 1
    assert "ParameterError: workers" in err.splitlines()[-1]
    assert reason in err.splitlines()[-1] and "set workers=1" in err.splitlines()[-1]
    assert [path.read_bytes() for path in exposures] == before


FORKED = """
    import os, sys
    import acs_deepcr_step

    first, second = sys.argv[1:]
    pars = dict(progress=False, runfile="", precision="float32")
    acs_deepcr_step.run(first, **pars)
    child = os.fork()
    if child == 0:
        acs_deepcr_step.run(second, **pars)
        os._exit(0)
    sys.exit(os.waitpid(child, 0)[1])
"""


def test_a_process_that_was_forked_after_the_network_ran_gives_the_same_flags(exposures, here):
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    status, _, err = ended(written(here, FORKED), *exposures[:2], cwd=here, env=environment, seconds=30)
    assert status == 0, err
    one, other = (fits.getdata(path, ("DQ", 1)) for path in exposures[:2])
    assert (one & 8192).any()
    np.testing.assert_array_equal(one, other)


class Task:
    """A task of which only the folder matters."""

    def __init__(self, folder):
        self.folder = folder


def die_while_asking(task, stage):
    """Be killed at the first try while several threads ask whether to stop."""
    import threading

    if not list(task.folder.iterdir()):
        (task.folder / "tried").touch()

        def ask():
            while True:
                stage.stop.is_set()

        for _ in range(4):
            threading.Thread(target=ask, daemon=True).start()
        time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGKILL)
    return Outcome([])


def test_a_worker_that_dies_while_it_asks_whether_to_stop_does_not_hang_the_run(here, monkeypatch):
    monkeypatch.setattr(executors, "_for_elsewhere", lambda tasks, sharers: tasks)
    [(index, result)] = executors.execute(die_while_asking, [Task(here)], workers=2)
    assert index == 0 and isinstance(result, Outcome)
