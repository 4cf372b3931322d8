"""What a worker process does: a task at a time, until it is told to stop, or its parent is gone."""

import multiprocessing
import os
import signal
import threading
from multiprocessing import connection

from .task import Cancelled, Stage

__all__ = [
    "NAME", "UNGUARDED", "StopSign", "begin", "carry_out", "end_unguarded", "is_importing_main",
]  # fmt: skip

# How the names of our processes begin.
NAME = "acs_deepcr_step worker"

# Exit status of a process that was started to work, but would run the user's script once more.
UNGUARDED = 77

# What a task in hand gets to take its temporary and lock files away, in seconds.
_GRACE = 2.0

# How often a worker looks who its parent is, in seconds.
_LOOK = 1.0


class StopSign:
    """The word to stop, as a worker hears it: something to read in a pipe, which nobody reads.

    Unlike an event of processes it has no lock, which a worker that dies would keep.

    Parameters
    ----------
    reader : multiprocessing.connection.Connection
    """

    def __init__(self, reader):
        self._reader, self._told = reader, False

    def is_set(self):
        """Return whether to stop."""
        return self._told or self._reader.poll()

    def set(self):
        """Tell this process alone."""
        self._told = True


_stage = None
_in_hand = _ending = False


def begin(reader, parent):
    """Prepare this process for its work.

    Parameters
    ----------
    reader : multiprocessing.connection.Connection
        For `StopSign`.
    parent : int
        The process that hands out the tasks.
    """
    global _stage
    _stage = Stage(StopSign(reader))
    # A terminal's Ctrl-C reaches the whole group; the parent alone acts on it, through the stop sign.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: _end())
    threading.Thread(target=_end_with, args=(parent,), name="acs_deepcr_step parent", daemon=True).start()


def _end_with(parent):
    """Wait until the parent is gone, however it ended, and end: nobody wants the results any more."""
    sentinel = multiprocessing.parent_process().sentinel
    # Processes that the parent forked may keep its end of the pipe open: the parent's number tells as well.
    while not connection.wait([sentinel], _LOOK) and os.getppid() == parent:
        pass
    _end()


def _end():
    """End this process soon; the exposure in hand is left as it was."""
    global _ending
    _ending = True
    _stage.stop.set()
    if not _in_hand:
        os._exit(1)
    last = threading.Timer(_GRACE, os._exit, (1,))
    last.daemon = True
    last.start()


def carry_out(work, task):
    """Return the outcome of a task.

    Parameters
    ----------
    work : callable
    task : task.Task

    Raises
    ------
    RuntimeError
        If it was told to stop.
    """
    global _in_hand
    _in_hand = True
    try:
        return work(task, _stage)
    except (Cancelled, KeyboardInterrupt) as end:
        raise RuntimeError("interrupted") from end
    finally:
        _in_hand = False
        if _ending:
            os._exit(1)


def is_importing_main():
    """Return whether this process was just started, and imports the script of its parent."""
    return getattr(multiprocessing.current_process(), "_inheriting", False)


def end_unguarded():
    """End this process, if it is a worker, without a word: its parent says once what is wrong."""
    if multiprocessing.current_process().name.startswith(NAME):
        raise SystemExit(UNGUARDED)
