"""What surrounds the command: the streams that it prints to, and the signals that end it.

Streams that are closed, full, without letters, or read by ``head`` may not cost an exposure,
or say that nothing was done where something was.
"""

import contextlib
import functools
import os
import signal
import sys
import threading

__all__ = ["Ended", "ended_like_an_interrupt", "survives_its_streams"]


class _Stream:
    """A stream that may fail: what is written after that is dropped, and the work goes on.

    Parameters
    ----------
    stream : text stream or None
        None where the process has none.

    Attributes
    ----------
    failure : Exception or None
        The first.
    """

    def __init__(self, stream):
        self._stream, self.failure = stream, None

    def __getattr__(self, name):
        return getattr(self._stream, name)

    def write(self, text):
        self._attempt("write", text)
        return len(text)

    def flush(self):
        self._attempt("flush")

    def isatty(self):
        return self._attempt("isatty") or False

    def _attempt(self, method, *arguments):
        if self._stream is None or self.failure is not None:
            return None
        try:
            return getattr(self._stream, method)(*arguments)
        except (OSError, ValueError) as error:  # ValueError: it was closed
            self.failure = error
            return None

    @property
    def lost(self):
        """Why output was lost that someone may miss; None where it was not, or the reader went away."""
        return None if isinstance(self.failure, BrokenPipeError) else self.failure

    def leave(self):
        """Flush, so that the interpreter does not try again when it ends, and fail without a name."""
        self.flush()
        if self.failure is not None and self._stream in (sys.__stdout__, sys.__stderr__):
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)


def survives_its_streams(command):
    """Make a function that prints and returns an exit status go on whatever becomes of its streams.

    Parameters
    ----------
    command : callable

    Returns
    -------
    callable
        Its status is 1 instead of 0 where what it printed is lost, but for a reader that left.
    """

    @functools.wraps(command)
    def guarded(*arguments):
        _occupy_closed_descriptors()
        with _spelling_all(sys.stdout), _spelling_all(sys.stderr):
            out, errors = _Stream(sys.stdout), _Stream(sys.stderr)
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
                try:
                    return _status_after(out, command(*arguments))
                except SystemExit as end:  # argparse ends so
                    raise SystemExit(_status_after(out, end.code)) from None
                finally:
                    out.leave()
                    errors.leave()

    return guarded


def _status_after(out, status):
    out.flush()
    if out.lost is None or status:
        return status
    why = getattr(out.lost, "strerror", None) or out.lost
    print(f"acs-deepcr: what was asked is done, but the output is lost ({why}).", file=sys.stderr)
    return 1


def _occupy_closed_descriptors():
    # Else an exposure's file would get such a number, and what a library prints would go into it.
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number: this one


@contextlib.contextmanager
def _spelling_all(stream):
    """Let a stream of few letters (ASCII, Latin-1) spell others as escapes."""
    if not hasattr(stream, "reconfigure"):
        yield
        return
    before = stream.errors
    stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):  # it may be full or closed
            stream.reconfigure(errors=before)


class Ended(KeyboardInterrupt):
    """A signal asked for the end, as a batch system or a closed terminal does.

    Parameters
    ----------
    number : int
        Of the signal.
    """

    def __init__(self, number):
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def ended_like_an_interrupt():
    """Treat SIGTERM and SIGHUP like Ctrl-C: no temporary file and no worker is left.

    What the caller of `main` does with a signal, or ignores (nohup), stays.
    """
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    ours = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        ours = []  # only the main thread may

    def end(number, _frame):
        for one in ours:
            signal.signal(one, signal.SIG_IGN)  # once is enough: the work is ending
        raise Ended(number)

    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
