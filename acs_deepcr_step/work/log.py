"""The log of a run: what it begins with, and its lines, into the user's file and to the package's logger.

Lines go to the ``runfile`` whatever the host's logging looks like, and to the
logger ``acs_deepcr_step`` under the host's own rules; neither levels nor
handlers of any logger are touched.
"""

import contextlib
import datetime
import errno
import importlib.metadata
import logging
import os
import platform
import stat
import sys
import time

from .. import __version__, handoff
from ..config.parameters import APPLY_PARAMETERS, UNDO_PARAMETERS, specification
from ..errors import InputError, printable, warn
from ..files import space
from ..files.atomic import require_no_dangling_link
from ..files.inputs import require_directory
from ..network import models
from . import filling

__all__ = ["RunLog", "begin", "refused"]

_LOGGER = logging.getLogger("acs_deepcr_step")


def _formatter():
    """Return the form of a line; each names machine and process, since several may write into one file."""
    host = platform.node().partition(".")[0].replace("%", "%%") or "?"
    form = logging.Formatter(
        f"%(asctime)s %(levelname)-7s {host}[%(process)d] %(message)s", datefmt="%Y-%m-%dT%H:%M:%SZ"
    )
    form.converter = time.gmtime
    return form


def _clock():
    """Return the time as AstroDrizzle's log has it, but UTC like the rest of the line."""
    now = datetime.datetime.now(datetime.UTC)
    return f"{now:%H:%M:%S}.{now.microsecond // 1000:03d} ({now:%d/%m/%Y})"


class _File(logging.FileHandler):
    """A log file that warns once if it can no longer be written to, and stops no run."""

    _reported = False

    def handleError(self, _record):  # the name is logging's
        if not self._reported:
            self._reported = True
            error = sys.exc_info()[1]
            reason = getattr(error, "strerror", None) or error
            warn(f"The log {self.baseFilename} is incomplete ({reason}).")


class RunLog:
    """Log of one run.

    Parameters
    ----------
    path : str
        File to append to; empty for none.

    Raises
    ------
    InputError
        If the file cannot be opened for appending.
    """

    def __init__(self, path):
        self._file, self._steps, self._began = None, [], time.perf_counter()
        if path:
            path = os.path.expanduser(path)
            require_no_dangling_link(path, InputError)
            try:
                if os.path.exists(path) and stat.S_ISFIFO(os.stat(path).st_mode):
                    raise OSError(errno.EINVAL, "it is a pipe")  # waited for until somebody reads it
                self._file = _File(path, mode="a", encoding="utf-8")
            except OSError as error:
                if not os.path.isabs(path):
                    require_directory()
                raise InputError(
                    f"The log file {path} cannot be written ({error.strerror}): "
                    "give another runfile, or an empty one for no log."
                ) from error
            self._file.setFormatter(_formatter())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._file is not None:
            # There was a warning already if the disk is full.
            with contextlib.suppress(OSError):
                self._file.close()

    @property
    def seconds(self):
        """Time since the log was opened."""
        return time.perf_counter() - self._began

    @contextlib.contextmanager
    def step(self, name):
        """Log where a processing step begins and how it ends, in AstroDrizzle's words."""
        self.info(f"==== Processing Step {name} started at {_clock()}")
        began, end = time.perf_counter(), "stopped"
        try:
            yield
            end = "finished"
        finally:
            self._steps.append((name, time.perf_counter() - began))
            self.info(f"==== Processing Step {name} {end} at {_clock()}")

    def times(self):
        """Log a table of how long each step took."""
        line = f"{'-' * 28}   {'-' * 16}"
        self.info(line)
        self.info(f"{'Step':>28}   {'Elapsed time':>16}")
        self.info(line)
        for name, seconds in (*self._steps, ("Total", self.seconds)):
            self.info(f"{name:>28}   {seconds:11.2f} sec.")

    def info(self, message):
        """Log a message."""
        self._log(logging.INFO, message)

    def warning(self, message):
        """Log a message and warn the user of it (`StepWarning`)."""
        self._log(logging.WARNING, message)
        warn(message)

    def error(self, message):
        """Log what made an exposure fail."""
        self._log(logging.ERROR, message)

    def _log(self, level, message):
        # One record a line, whatever a header value holds.
        record = _LOGGER.makeRecord(_LOGGER.name, level, __file__, 0, printable(message), None, None)
        if self._file is not None:
            self._file.emit(record)
        if level < logging.WARNING and _LOGGER.isEnabledFor(level):
            _LOGGER.handle(record)


def begin(log, call, parameters, planned, notes):
    """Log the call, versions, parameters, models and exposures, and warn of what can be known before.

    Parameters
    ----------
    log : RunLog
    call : call.Call
    parameters : parameters.Parameters
    planned : task.Plan
    notes : list of str
        Logged as they are.
    """
    _log_call(log, call, parameters, [*notes, *planned.fields.notes])
    log.info(f"{len(planned.labels)} exposures")
    for label in planned.labels:
        log.info(f"exposure {label}")
    _name_refusals(log, planned)
    for task in planned.tasks:
        warning = space.hard_link_warning(task.target) if task.parameters.update_dq else None
        if warning:
            log.warning(warning)
    if call.what == "run":
        _begin_run(log, parameters, planned.tasks)
    for field in planned.fields.fields:
        log.info(f"decided on together: {field.label}")
    for warning in planned.fields.warnings:
        log.warning(warning)


def refused(call, runfile, error, parameters=None, notes=()):
    """Log a call that ends before anything is changed.

    Parameters
    ----------
    call : call.Call
    runfile : str
        The log file; empty for none.
    error : StepError
        Why.
    parameters : parameters.Parameters, optional
        Where they are sound.
    notes : list of str, optional
    """
    # That the log cannot be written either would only hide the reason.
    with contextlib.suppress(InputError), RunLog(runfile) as log, log.step("Initialization"):
        _log_call(log, call, parameters, notes)
        log.error(f"nothing was done: {error}")


# The parameters that matter to a call; to run, all but the input, which may be given otherwise.
_OF_CALL = {"undo": UNDO_PARAMETERS, "apply": APPLY_PARAMETERS}


def _log_call(log, call, parameters, notes):
    # Read from the metadata: undo and apply load no PyTorch.
    torch, numpy = (importlib.metadata.version(name) for name in ("torch", "numpy"))
    log.info(
        f"acs_deepcr_step {__version__} {call.what}, PyTorch {torch}, NumPy {numpy}, "
        f"Python {platform.python_version()}"
    )
    for line in call.lines():
        log.info(line)
    if parameters is not None:
        names = [
            option.name
            for option in specification()
            if option.name != "input" or "input" not in call.arguments
        ]
        for line in parameters.describe(_OF_CALL.get(call.what, names)):
            log.info(f"parameter {line}")
    for note in notes:
        log.info(note)


def _name_refusals(log, planned):
    """Name all faulty files at once, in the log and to the user, before work begins."""
    refusals = planned.in_order(planned.refusals)
    for refusal in refusals:
        log.error(f"{refusal.label}: {refusal.reason}")
    if refusals:
        # The log has them already, a line each.
        warn(
            f"{len(refusals)} of {len(planned.labels)} exposures cannot be processed and stay as they are; "
            f"the others are worked on. {' '.join(refusal.reason for refusal in refusals)}"
        )


def _begin_run(log, parameters, tasks):
    for model in sorted({task.model for task in tasks}):
        info = models.load(model).info
        log.info(f"model {info.name}: {info.file}, SHA-256 {info.sha256}, in headers {info.hashes[0]}")
    if parameters.clean_file:
        filler = filling.inpainter(parameters.inpaint, parameters.precision, "cpu", 0)
        log.info(f"inpainting model {filler.name}" + (f", SHA-256 {filler.sha256}" if filler.sha256 else ""))
    for task in tasks:
        for warning in task.exposure.warnings:
            log.warning(warning)
    targets = [task.target for task in tasks]
    for warning in (handoff.crbit_warning(parameters.decision.crbit), handoff.stale_crmask_warning(targets)):
        if warning:
            log.warning(warning)
