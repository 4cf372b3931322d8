"""TweakReg and AstroDrizzle on the copies of a set, in a process and a directory of their own.

drizzlepac writes into the current directory, configures logging, opens files that it does
not close, and after many an error logs and returns. Apart from it, the caller's process
stays as it is, and several sets can be made at a time. What came of a call is judged by
its files.

The process is ``python -m acs_deepcr_step.training.drizzlepac_job JOB``, JOB being a JSON
file with the fields of `Job`.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import DrizzlepacError

__all__ = ["LOG", "Job", "run"]

LOG = "drizzlepac_terminal.log"
_JOB, _REASON = "job.json", "reason.txt"
_TAIL = 3  # lines of the log in an error


@dataclass(frozen=True)
class Job:
    """What is to be done; what JSON can hold.

    Attributes
    ----------
    files : list of str
        Exposures in the directory.
    masks : list of str
        The cosmic-ray masks that AstroDrizzle must make.
    tweakreg : dict or None
        Keywords; None: no alignment.
    astrodrizzle : dict
        Keywords.
    """

    files: list
    masks: list
    tweakreg: dict | None
    astrodrizzle: dict


def run(directory, job):
    """Carry out a job.

    Parameters
    ----------
    directory : pathlib.Path
        Where the files are, and the current directory of drizzlepac; it gets `LOG`.
    job : Job

    Raises
    ------
    DrizzlepacError
        If a task failed, an exposure was not aligned, or a mask is missing.
    """
    (directory / _JOB).write_text(json.dumps(asdict(job), indent=1), encoding="utf-8")
    package = Path(__file__).resolve().parents[2]
    paths = [str(package), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "MPLBACKEND": "Agg"}
    command = [sys.executable, "-P", "-W", "ignore", "-m", __name__, _JOB]
    with open(directory / LOG, "wb") as output:
        done = subprocess.run(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        reason = directory / _REASON
        text = reason.read_text(encoding="utf-8") if reason.exists() else "drizzlepac could not be run"
        raise DrizzlepacError(f"{text} ({_tail(directory / LOG)}).")


def _tail(log):
    """The last lines of a log as one."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return " / ".join([" ".join(line.split()) for line in lines if line.strip()][-_TAIL:]) or "no message"


def _child(job):
    """Carry out a job in the current directory; say why it failed in a file."""
    failed = _failure(job)
    if failed:
        Path(_REASON).write_text(failed, encoding="utf-8")
        raise SystemExit(1)


def _failure(job):
    """Align and find; what failed, or an empty text."""
    from . import copies

    paths = [Path(name) for name in job.files]
    if job.tweakreg is not None:
        settings = job.tweakreg["imagefindcfg"]
        advice = (
            f"change the threshold ({settings['threshold']:g}) or conv_width ({settings['conv_width']:g}) of "
            "TweakReg, or trust the WCS of the headers (no TweakReg)"
        )
        from drizzlepac.tweakreg import TweakReg

        if not _returns(TweakReg, job.files, job.tweakreg):
            return f"TweakReg failed on {', '.join(job.files)}; it may have found no source: {advice}"
        unaligned = copies.unaligned(paths)
        # One of them is what the others were aligned on.
        if len(unaligned) > 1:
            return f"TweakReg did not align {', '.join(unaligned)}: {advice}"
        copies.strip(paths)
    from drizzlepac.astrodrizzle import AstroDrizzle

    done = _returns(AstroDrizzle, job.files, job.astrodrizzle)
    missing = [name for name in job.masks if not Path(name).is_file()]
    if missing or not done:
        return (
            f"AstroDrizzle found no cosmic rays in {', '.join(job.files)}: see whether they are of one field"
        )
    return ""


def _returns(task, files, keywords):
    """Call a task; whether it returned. Its traceback goes to the log."""
    import traceback

    try:
        task(files, **keywords)
    except Exception:
        traceback.print_exc()
        return False
    return True


if __name__ == "__main__":
    _child(Job(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
