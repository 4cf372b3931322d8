"""The command with streams that are closed, full, without letters or left by their reader."""

import os
import subprocess
import sys
from pathlib import Path

from verdict import Site, Tally

import acs_deepcr_step

__all__ = ["closed_streams"]

# Redirections of a shell, and whether output is lost that someone may miss.
_STREAMS = (
    (">/dev/full", True),
    ("<&- >&- 2>&-", False),
    (">&-", False),
    ("2>&-", False),
    ("", False),
    ("2>/dev/full", False),
    (">/dev/full 2>&1", True),
    ("| true", False),
    ("| head -c 1", False),
)
_ENCODINGS = ("utf-8", "latin-1", "ascii")

# What a run of one small exposure may take, in seconds, on a busy machine.
_SOON = 60


def closed_streams(root, trials):
    """Run the command with each kind of stream; every third round it is a call that cannot be carried out.

    The status is that of the work, and 2 ("nothing was changed") only where nothing was.
    """
    site, tally = Site(root), Tally("closed, full and left streams")
    for trial in range(trials):
        site.fresh()
        streams, lost = _STREAMS[trial % len(_STREAMS)]
        possible = trial // len(_STREAMS) % 3 != 1
        try:
            report = _call(site, streams, _ENCODINGS[trial % len(_ENCODINGS)], possible)
        except subprocess.TimeoutExpired:
            tally.count("hung", site.state(), [f"{streams}: it hung"])
            continue
        wanted = 2 if not possible else 1 if lost else 0
        wrong = [] if report.returncode == wanted else [f"{streams}: status {report.returncode}"]
        wrong += ["a traceback"] if "Traceback" in report.stderr or "ignored" in report.stderr else []
        tally.count("done" if possible else "refused", site.state(), [*wrong, *site.recovery()])
    return tally


def _call(site, streams, encoding, possible):
    name = site.path if possible else f"{site.path} {site.directory}/none_flc.fits"
    command = f"{sys.executable} -m acs_deepcr_step run {name} --precision float32 --runfile '' {streams}"
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(acs_deepcr_step.__file__).parents[1]),
        "PYTHONIOENCODING": encoding,
    }
    return subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, env=environment, timeout=_SOON, cwd=site.root,
    )  # fmt: skip
