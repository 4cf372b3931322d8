"""Tasks over threads, processes or machines; results as they come.

By default two exposures are in hand at a time: the network works on one while the
other is read or written. With `workers` each process of this machine has one
exposure; with an executor of the user's, whatever that gives.
"""

import contextlib
import multiprocessing
import multiprocessing.context
import os
import signal
import sys
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    as_completed,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from multiprocessing import resource_tracker

from ..errors import ParameterError
from . import worker
from .task import Stage

__all__ = ["execute", "require_startable"]

# One exposure is read or written while the network works on another; more would
# only take memory.
AT_A_TIME = 2

# A worker that dies takes the exposure it had in hand with it; that exposure gets
# further chances, since it may not be to blame.
_ATTEMPTS = 3

# What multiprocessing raises where the system has no semaphores, or no room for more processes.
_CANNOT_START = (OSError, ImportError, NotImplementedError)

_GUARD = 'if __name__ == "__main__":'


def execute(work, tasks, workers=1, executor=None):
    """Run `work` on every task.

    Parameters
    ----------
    work : callable
        Takes a task, and optionally a `Stage`; importable by other processes.
    tasks : list of task.Task
    workers : int
        Processes on this machine; with `executor`, how many tasks one machine
        has at a time, among which its cores are divided.
    executor : concurrent.futures.Executor, optional

    Yields
    ------
    index : int
        Of the task.
    result : task.Outcome or Exception
        As they come.
    """
    if not tasks:
        return
    if executor is not None:
        yield from _submitted(executor, work, _for_elsewhere(tasks, workers if workers > 1 else 0))
    elif workers > 1:
        yield from _in_processes(work, _for_elsewhere(tasks, workers), workers)
    else:
        yield from _in_threads(work, tasks)


def require_startable(workers):
    """Refuse worker processes where this process cannot start any.

    Parameters
    ----------
    workers : int

    Raises
    ------
    ParameterError
        With a sentence that says why.
    SystemExit
        If this process is itself a worker that is only to import the user's script: its parent says so.
    """
    if worker.is_importing_main():
        worker.end_unguarded()
        if workers > 1:
            raise _unguarded()
    if workers < 2:
        return
    if multiprocessing.current_process().daemon:
        raise ParameterError(
            f"workers={workers}: this process is daemonic, as those of a multiprocessing.Pool are, and may "
            "start none itself: set workers=1."
        )
    main = sys.modules["__main__"]
    path = getattr(main, "__file__", None)
    if path is not None and getattr(main, "__spec__", None) is None and not os.path.exists(path):
        raise ParameterError(
            f"workers={workers}: a worker imports the script that calls the step, and {path} is no file: put "
            f"the script into one, with the call below {_GUARD}, or set workers=1."
        )
    _start_tracker()
    try:
        multiprocessing.get_context("spawn").Lock()
    except _CANNOT_START as error:
        raise _no_processes(error) from error


def _start_tracker():
    """Start the process in which Python keeps account of semaphores, which outlives a SIGHUP to the group.

    It lets SIGINT and SIGTERM pass by itself; killed by SIGHUP, its successor would warn of leaks.
    """
    if not (hasattr(signal, "SIGHUP") and hasattr(signal, "pthread_sigmask")):
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        with contextlib.suppress(*_CANNOT_START):  # said when a worker is to start
            resource_tracker.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _unguarded():
    return ParameterError(
        "The script that calls the step with workers above 1 is imported by each process that it starts, and "
        f"would call the step there again: put the call below {_GUARD}, or set workers=1."
    )


def _no_processes(error):
    reason = getattr(error, "strerror", None) or error
    return ParameterError(
        f"workers above 1: this system lets no worker processes start ({reason}): set workers=1."
    )


def _for_elsewhere(tasks, sharers):
    threads = max(1, _cores() // sharers) if sharers else 0
    return [replace(task.absolute(), threads=threads) for task in tasks]


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _results(futures):
    """Yield (index, outcome or error) as futures end."""
    for future in as_completed(futures):
        error = future.exception()
        if error is not None and not isinstance(error, Exception):
            raise error
        yield futures[future], error or future.result()


def _in_threads(work, tasks):
    stage = Stage(shows_tiles=True)
    with ThreadPoolExecutor(min(AT_A_TIME, len(tasks)), thread_name_prefix="acs_deepcr_step") as pool:
        try:
            yield from _results({pool.submit(work, task, stage): i for i, task in enumerate(tasks)})
        finally:
            # Also when the caller is interrupted: what is in hand ends soon.
            stage.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)


def _submitted(executor, work, tasks):
    futures = {executor.submit(work, task): index for index, task in enumerate(tasks)}
    try:
        yield from _results(futures)
    finally:
        for future in futures:
            future.cancel()


class _Processes(multiprocessing.context.SpawnContext):
    """Starts worker processes afresh (forked threads of PyTorch hang), and knows how they ended."""

    def __init__(self):
        super().__init__()
        self._started = []
        self.Process = self._process  # the name is multiprocessing's

    def _process(self, *args, **keywords):
        name = f"{worker.NAME} {len(self._started) + 1}"
        process = multiprocessing.context.SpawnProcess(*args, name=name, **keywords)
        self._started.append(process)
        return process

    def require_guard(self):
        """Refuse a script that every worker would run once more."""
        if any(process.exitcode == worker.UNGUARDED for process in self._started):
            raise _unguarded()


def _in_processes(work, tasks, workers):
    left, attempts = dict(enumerate(tasks)), [0] * len(tasks)
    while left:
        # Exposures that were in hand when a worker died go one by one: another death tells which it is.
        suspects = {index: task for index, task in left.items() if attempts[index]}
        batch, size = (suspects, 1) if suspects else (dict(left), min(workers, len(left)))
        context = _Processes()
        with _pool(size, context) as pool:
            for index, result in _until_a_worker_dies(pool, work, batch, size):
                if isinstance(result, BrokenProcessPool):
                    context.require_guard()
                    attempts[index] += 1
                    if attempts[index] < _ATTEMPTS:
                        continue
                    result = _died(result)
                del left[index]
                yield index, result


@contextlib.contextmanager
def _pool(size, context):
    """Give a pool of workers, which are told to stop when the block ends."""
    reader, writer = context.Pipe(duplex=False)
    with reader, writer:
        try:
            pool = ProcessPoolExecutor(size, context, worker.begin, (reader, os.getpid()))
        except _CANNOT_START as error:
            raise _no_processes(error) from error
        try:
            yield pool
        finally:
            writer.send_bytes(b"stop")
            pool.shutdown(wait=True, cancel_futures=True)


def _until_a_worker_dies(pool, work, waiting, workers):
    """Yield (index, outcome or error) until all is done, or the pool is broken.

    Only as many tasks as there are workers are handed out at a time: those are the
    ones that a dying worker can have had in hand.
    """
    futures, broken = {}, False
    while waiting or futures:
        while waiting and len(futures) < workers and not broken:
            index = next(iter(waiting))
            try:
                futures[pool.submit(worker.carry_out, work, waiting[index])] = index
            except BrokenProcessPool:  # died between two tasks: nothing was in hand
                broken = True
            except OSError as error:
                raise _no_processes(error) from error
            else:
                del waiting[index]
        if not futures:
            return
        for future in wait(futures, return_when=FIRST_COMPLETED).done:
            error = future.exception()
            if error is not None and not isinstance(error, Exception):
                raise error
            broken = broken or isinstance(error, BrokenProcessPool)
            yield futures.pop(future), error or future.result()
        if broken and not futures:
            return


def _died(error):
    return BrokenExecutor(f"worker processes died {_ATTEMPTS} times while it was in hand ({error})")
