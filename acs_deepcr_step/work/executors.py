"""Tasks over threads, processes or machines; results as they come.

By default two exposures are in hand at a time: the network works on one while the
other is read or written. With `workers` each process of this machine has one
exposure; with an executor of the user's, whatever that gives.
"""

import multiprocessing
import os
import signal
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

from .task import Cancelled, Stage

__all__ = ["execute"]

# One exposure is read or written while the network works on another; more would
# only take memory.
AT_A_TIME = 2

# A worker that dies takes the exposure it had in hand with it; that exposure gets
# further chances, since it may not be to blame.
_ATTEMPTS = 3


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


_stage = None  # of a worker process


def _begin_worker(stop):
    global _stage
    _stage = Stage(stop)
    # A terminal's Ctrl-C reaches the whole group; the parent alone acts on it, through `stop`.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _in_worker(work, task):
    try:
        return work(task, _stage)
    except (Cancelled, KeyboardInterrupt) as end:
        raise RuntimeError("interrupted") from end


def _in_processes(work, tasks, workers):
    left, attempts = dict(enumerate(tasks)), [0] * len(tasks)
    context = multiprocessing.get_context("spawn")  # forked threads of PyTorch hang
    while left:
        # Exposures that were in hand when a worker died go one by one: another death tells which it is.
        suspects = {index: task for index, task in left.items() if attempts[index]}
        batch, size = (suspects, 1) if suspects else (dict(left), min(workers, len(left)))
        stop = context.Event()
        pool = ProcessPoolExecutor(size, context, _begin_worker, (stop,))
        try:
            for index, result in _until_a_worker_dies(pool, work, batch, size):
                if isinstance(result, BrokenProcessPool):
                    attempts[index] += 1
                    if attempts[index] < _ATTEMPTS:
                        continue
                    result = _died(result)
                del left[index]
                yield index, result
        finally:
            stop.set()
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
                futures[pool.submit(_in_worker, work, waiting[index])] = index
            except BrokenProcessPool:  # died between two tasks: nothing was in hand
                broken = True
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
