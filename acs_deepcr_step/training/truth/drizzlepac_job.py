"""TweakReg and AstroDrizzle on the copies of a set, in their own process and directory.

drizzlepac writes into the current directory, configures logging, leaves files open, and logs many errors
without raising; a process of its own keeps that from the caller's. Success is checked by the files made.

The process is ``python -m acs_deepcr_step.training.truth.drizzlepac_job JOB``; JOB is a JSON file with the
fields of `Job`.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from ...errors import DrizzlepacError
from ...product.drizzlepac_process import LOG, complaint, python

__all__ = ["LOG", "Job", "run"]

_JOB, _REASON = "job.json", "reason.txt"


@dataclass(frozen=True)
class Job:
    """The work of one process; JSON-serialisable.

    Attributes
    ----------
    files : list of str
        Exposures in the directory.
    masks : list of str
        Cosmic-ray masks that AstroDrizzle must make.
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
    """Run a job.

    Parameters
    ----------
    directory : pathlib.Path
        Of the files; drizzlepac's current directory, with its `LOG`.
    job : Job

    Raises
    ------
    DrizzlepacError
        If a task failed, an exposure was not aligned, or a mask is missing.
    """
    (directory / _JOB).write_text(json.dumps(asdict(job), indent=1), encoding="utf-8")
    if python(__name__, _JOB, directory):
        reason = directory / _REASON
        text = reason.read_text(encoding="utf-8") if reason.exists() else "drizzlepac could not be run"
        raise DrizzlepacError(f"{text} ({complaint(directory / LOG)}).")


def _child(job):
    """Run a job in the current directory; write the reason of a failure to a file."""
    failed = _failure(job)
    if failed:
        Path(_REASON).write_text(failed, encoding="utf-8")
        raise SystemExit(1)


def _failure(job):
    """Run the tasks; return what failed, or an empty text."""
    from . import copies

    paths = [Path(name) for name in job.files]
    if job.tweakreg is not None:
        settings = job.tweakreg["imagefindcfg"]
        advice = (
            f"change the threshold ({settings['threshold']:g}) or conv_width ({settings['conv_width']:g}) of "
            "TweakReg, or trust the WCS of the headers (no TweakReg)"
        )
        from drizzlepac.tweakreg import TweakReg

        if not _succeeds(TweakReg, job.files, job.tweakreg):
            return f"TweakReg failed on {', '.join(job.files)}; it may have found no source: {advice}"
        unaligned = copies.unaligned(paths)
        # One is the reference.
        if len(unaligned) > 1:
            return f"TweakReg did not align {', '.join(unaligned)}: {advice}"
        copies.remove_cr_flags(paths)
    from drizzlepac.astrodrizzle import AstroDrizzle

    done = _succeeds(AstroDrizzle, job.files, job.astrodrizzle)
    missing = [name for name in job.masks if not Path(name).is_file()]
    if missing or not done:
        return (
            f"AstroDrizzle found no cosmic rays in {', '.join(job.files)}: see whether they are of one field"
        )
    return ""


def _succeeds(task, files, keywords):
    """Call a task; return whether it raised nothing. Its traceback goes to the log."""
    import traceback

    try:
        task(files, **keywords)
    except Exception:
        traceback.print_exc()
        return False
    return True


if __name__ == "__main__":
    _child(Job(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
