"""A task of drizzlepac in a process and a directory of its own.

drizzlepac writes into the current directory, configures logging, prints at length, leaves files open, and
logs many errors without raising; a process of its own keeps that from the caller's. What it printed is in a
log; whether it did what was asked, the caller sees by the files that were made.

The process runs ``acs_deepcr_step.product.drizzlepac_process JOB``; JOB is a JSON file with the fields of
`Job`.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import DrizzlepacError
from ..regular_file import require_regular

__all__ = ["LOG", "Job", "complaint", "is_log", "python", "run"]

LOG = "drizzlepac_terminal.log"
_HEAD = "acs_deepcr_step: what drizzlepac printed and logged\n"
_CHILD = "acs_deepcr_step.product.child"
_JOB, _REASON = "job.json", "reason.txt"
_TAIL, _LONGEST = 3, 300  # lines and characters of the log in an error
# As drizzlepac logs them, in boxes of '#'.
_ERROR = re.compile(r"^\[(?:ERROR|CRITICAL)\s*\](.*?)(?=^\[|\Z)", re.DOTALL | re.MULTILINE)
_MODULES = {"AstroDrizzle": "astrodrizzle", "TweakReg": "tweakreg"}


@dataclass(frozen=True)
class Job:
    """One call of a task; JSON-serialisable.

    Attributes
    ----------
    task : {'AstroDrizzle', 'TweakReg'}
    files : list of str
        Exposures in the directory.
    keywords : dict
    """

    task: str
    files: list
    keywords: dict


def run(directory, job):
    """Call a task, and wait for its end.

    Parameters
    ----------
    directory : pathlib.Path
        Of the files; the task's current directory, with its `LOG`, which is appended to.
    job : Job

    Raises
    ------
    DrizzlepacError
        If it raised something, or was killed.
    """
    reason = directory / _REASON
    reason.unlink(missing_ok=True)
    if not (directory / LOG).exists():
        (directory / LOG).write_text(_HEAD, encoding="utf-8")
    (directory / _JOB).write_text(json.dumps(asdict(job)), encoding="utf-8")
    status = python(__name__, _JOB, directory)
    _append_own_log(directory, job)
    if status:
        said = reason.read_text(encoding="utf-8") if reason.exists() else _ended(status)
        raise DrizzlepacError(f"{job.task} failed on {', '.join(job.files)}: {said}")


def is_log(path):
    """Whether a file is a log of ours, which another may replace.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    bool
    """
    try:
        require_regular(path)
        with open(path, "rb") as file:
            return file.read(len(_HEAD)) == _HEAD.encode()
    except OSError:
        return False


def _append_own_log(directory, job):
    """Put what the task logged behind what it printed: it says why there."""
    own = directory / job.keywords["runfile"]
    if own.exists():
        with open(directory / LOG, "a", encoding="utf-8") as log:
            log.write(own.read_text(encoding="utf-8", errors="replace"))


def _ended(status):
    return f"its process was killed by signal {-status}" if status < 0 else f"its process ended with {status}"


def python(module, argument, directory):
    """Run a module of ours in a process of its own, and wait for its end.

    Parameters
    ----------
    module : str
        Its dotted name.
    argument : str
    directory : pathlib.Path
        Its current directory; `LOG` in it gets what it prints.

    Returns
    -------
    int
        The exit status; negative for the signal that killed it.

    Notes
    -----
    Whatever ends the waiting (an interrupt), or this process, ends the process, too.
    """
    package = Path(__file__).resolve().parents[2]
    paths = [str(package), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "MPLBACKEND": "Agg"}
    with open(directory / LOG, "ab") as output:
        return subprocess.run(
            [sys.executable, "-P", "-W", "ignore", "-m", _CHILD, str(os.getpid()), module, argument],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode


def complaint(log):
    """Return what a log says of errors, or else its last lines, as one line.

    Parameters
    ----------
    log : pathlib.Path

    Returns
    -------
    str
    """
    text = log.read_text(encoding="utf-8", errors="replace")
    errors = [" ".join(part.replace("#", " ").split()) for part in _ERROR.findall(text)]
    if any(errors):
        return " / ".join(filter(None, errors))[:_LONGEST]
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    return " / ".join(lines[-_TAIL:])[:_LONGEST] or "no message"


def _child(job):
    """Call the task in the current directory; leave the reason of a failure in a file."""
    import importlib
    import traceback

    task = getattr(importlib.import_module(f"drizzlepac.{_MODULES[job.task]}"), job.task)
    try:
        task(job.files, **job.keywords)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        message = " ".join(str(error).split())
        Path(_REASON).write_text(f"{type(error).__name__}: {message}" if message else type(error).__name__)
        raise SystemExit(1) from error


if __name__ == "__main__":
    _child(Job(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
