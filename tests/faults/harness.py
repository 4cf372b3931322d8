"""The step in a process of its own, which can be killed, limited, interrupted and given faults.

Processes are forked off a server that has everything imported, so that a trial takes a fraction of a
second. They are real processes: a SIGKILL is one, a limit is the kernel's.
"""

import glob
import json
import multiprocessing
import os
import random
import resource
import signal
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Conditions", "Report", "call", "finish", "start"]

HERE = Path(__file__).resolve().parent

# The modules that write: every line of theirs is a step at which something may happen.
_WRITERS = tuple(f"files/{name}.py" for name in ("atomic", "file_lock", "mask_file", "space", "splice"))
assert all((HERE.parents[1] / "acs_deepcr_step" / name).is_file() for name in _WRITERS)


@dataclass(frozen=True)
class Conditions:
    """What is to happen to a process.

    Attributes
    ----------
    act : str
        ``kill`` (SIGKILL itself), or what another program does to the file: ``replace``, ``change``,
        ``shorten``, ``delete``; or ``flip``, one bit of what was just written.
    step : int
        At which line of the writing modules, counted from 1; 0 counts only. For ``flip`` a number that
        chooses the bit.
    victim, other : str
        The file to act on (for ``flip`` a pattern), and the one it is replaced by.
    fail : str
        Name of the call that raises OSError: ``os.fsync``, ``os.replace``, ``open`` ...
    nth, errno : int
        Which of those calls, counted from 1, and the error number.
    largest_file : int, optional
        RLIMIT_FSIZE in bytes.
    user : int, optional
        Becomes this user, of a group of the same number, before the call.
    groups : tuple of int
        Further groups of that user.
    without_network : bool
        Any socket raises.
    pretend_room : bool
        The check of free space sees plenty.
    """

    act: str = ""
    step: int = 0
    victim: str = ""
    other: str = ""
    fail: str = ""
    nth: int = 0
    errno: int = 5
    largest_file: int | None = None
    user: int | None = None
    groups: tuple = ()
    without_network: bool = False
    pretend_room: bool = False


@dataclass(frozen=True)
class Report:
    """How a process ended.

    Attributes
    ----------
    outcome : str
        ``done``, ``refused`` (one of our exceptions, foreseen), ``interrupted``, ``crashed`` (any other
        exception) or ``killed``.
    message : str
    steps : tuple of str
        Where each step was: module:function:line.
    injected : bool
        Whether the call that was to fail was made.
    peak : int
        Largest resident size, bytes.
    output : str
        What was printed.
    """

    outcome: str
    message: str = ""
    steps: tuple = ()
    injected: bool = False
    peak: int = 0
    output: str = ""


def _server():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["harness_preload"])
    # The server looks for modules here and has one thread only: it forks.
    here = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    return context


_CONTEXT = _server()


def start(report, what, paths, pars=None, conditions=None):
    """Start a call of the package in a process of its own.

    Parameters
    ----------
    report : pathlib.Path
        File for what the process tells; outside of the directory under test.
    what : str
        ``run``, ``undo`` or ``apply``.
    paths : list of path-like
    pars : dict, optional
    conditions : Conditions, optional

    Returns
    -------
    multiprocessing.Process
    """
    precision = {"precision": "float32"} if what == "run" else {}
    pars = {"progress": False, "runfile": "", **precision, **(pars or {})}
    arguments = (str(report), what, [str(path) for path in paths], pars, conditions or Conditions())
    process = _CONTEXT.Process(target=_work, args=arguments)
    process.start()
    return process


def finish(process, report, seconds=30):
    """Wait for a process of `start`; one that takes longer is killed, and counts as crashed."""
    process.join(seconds)
    hung = process.exitcode is None
    if hung:
        process.kill()
        process.join()
    code = process.exitcode
    process.close()
    output = _text(f"{report}.out")
    content = _text(report)
    for name in (report, f"{report}.out"):
        Path(name).unlink(missing_ok=True)
    if hung:
        return Report("crashed", f"it took more than {seconds} s", output=output)
    if code == -signal.SIGKILL:
        return Report("killed", output=output)
    if not content:
        return Report("crashed", f"exit status {code}", output=output)
    return Report(**{**json.loads(content), "output": output})


def call(report, what, paths, pars=None, conditions=None):
    """Call the package in a process of its own and wait; its `Report`."""
    return finish(start(report, what, paths, pars, conditions), report)


def _text(path):
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


# In the process


def _work(report, what, paths, pars, conditions):
    os.setpgid(0, 0)
    descriptor = os.open(f"{report}.out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    report_to = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    # A shell starts what it runs in the background with Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    steps, injected = [], []
    _arrange(conditions, steps, injected)
    outcome, message = _outcome(what, paths, pars)
    if conditions.largest_file is not None:  # the report is no part of the trial
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    sys.settrace(None)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    content = asdict(Report(outcome, message, tuple(steps), bool(injected), peak))
    os.write(report_to, json.dumps(content).encode())
    os._exit(0)


def _outcome(what, paths, pars):
    import acs_deepcr_step
    from acs_deepcr_step.errors import StepError

    try:
        getattr(acs_deepcr_step, what)(paths, **pars)
    except StepError as error:
        # "unexpected" is how the table of a run tells of exceptions that are not ours.
        return ("crashed" if "unexpected " in str(error) else "refused"), str(error)
    except KeyboardInterrupt:
        return "interrupted", ""
    except BaseException as error:
        import traceback

        traceback.print_exc()
        return "crashed", f"{type(error).__name__}: {error}"
    return "done", ""


def _arrange(conditions, steps, injected):
    if conditions.act == "flip":
        _flip_when_flushed(conditions, injected)
    elif conditions.act:
        tracer = _tracer(conditions, steps)
        threading.settrace(tracer)
        sys.settrace(tracer)
    if conditions.fail:
        _inject(conditions, injected)
    if conditions.without_network:
        import socket

        def refuse(*_, **__):
            raise RuntimeError("the network was used")

        socket.socket = socket.create_connection = socket.getaddrinfo = refuse
    if conditions.pretend_room:
        import shutil

        shutil.disk_usage = lambda _: shutil._ntuple_diskusage(2**50, 0, 2**50)
    if conditions.largest_file is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (conditions.largest_file, resource.RLIM_INFINITY))
    if conditions.user is not None:
        os.setgroups(conditions.groups)
        os.setgid(conditions.user)
        os.setuid(conditions.user)


def _tracer(conditions, steps):
    def line(frame, event, _):
        if event == "line":
            code = frame.f_code
            steps.append(f"{Path(code.co_filename).stem}:{code.co_name}:{frame.f_lineno}")
            if len(steps) == conditions.step:
                _act(conditions)
        return line

    def enter(frame, event, _):
        name = frame.f_code.co_filename
        is_ours = name.endswith(tuple(f"acs_deepcr_step/{writer}" for writer in _WRITERS))
        # What must not change when no other program has time to act is a step of its own.
        is_check = frame.f_code.co_name == "require_unchanged"
        return line if is_ours or is_check else None

    return enter


def _act(conditions):
    victim = conditions.victim
    if conditions.act == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif conditions.act == "replace":
        os.link(conditions.other, f"{victim}.new")
        os.rename(f"{victim}.new", victim)
    elif conditions.act == "change":
        content = Path(conditions.other).read_bytes()
        with open(victim, "r+b") as file:
            file.write(content)
    elif conditions.act == "shorten":
        os.truncate(victim, 10_000)
    elif conditions.act == "delete":
        os.unlink(victim)


def _flip_when_flushed(conditions, injected):
    """Change one bit of the first file of that name as soon as the disk is said to have it."""
    real = os.fsync

    def fsync(descriptor):
        real(descriptor)
        for name in glob.glob(conditions.victim) if not injected else ():
            chance = random.Random(conditions.step)
            with open(name, "r+b") as file:
                place = chance.randrange(os.path.getsize(name))
                file.seek(place)
                old = file.read(1)[0]
                file.seek(place)
                file.write(bytes([old ^ 1 << chance.randrange(8)]))
            injected.append(True)

    os.fsync = fsync


def _inject(conditions, injected):
    import builtins

    module, _, name = conditions.fail.rpartition(".")
    home = os if module == "os" else builtins
    real, calls = getattr(home, name), []

    def failing(*args, **kwargs):
        # Of what is opened or removed, only files of the trial count.
        by_name = name in ("open", "unlink")
        if not by_name or str(args[0]).startswith(conditions.victim):
            calls.append(args)
            if len(calls) == conditions.nth:
                injected.append(True)
                raise OSError(conditions.errno, os.strerror(conditions.errno))
        return real(*args, **kwargs)

    setattr(home, name, failing)
