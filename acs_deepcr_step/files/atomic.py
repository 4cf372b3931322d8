"""New files in the place of old ones, wholly or not at all.

A new file is written beside its target, flushed to the disk, checked, and only
then renamed over the target. A crash at any moment leaves the old file or the
new one; what it may leave besides is a hidden temporary file, which the next run
removes.
"""

import contextlib
import glob
import os
import secrets
from pathlib import Path

from filelock import Timeout

from ..errors import ExposureError, OutputError
from . import file_lock
from .names import stem_of

__all__ = [
    "atomic", "atomic_under_lock", "flush", "locked", "private", "require_no_dangling_link", "write_bytes",
    "write_private",
]  # fmt: skip

_SUFFIX = ".deepcr-tmp"
_RANDOM = "[0-9a-f]" * 8
_LOCK_SECONDS = 600.0


@contextlib.contextmanager
def atomic(target, error=OutputError):
    """Give a temporary path that becomes `target` if the block ends well.

    For files that no lock of an exposure covers: they are written one after the other, and what a
    killed run left beside them is removed.

    Parameters
    ----------
    target : pathlib.Path
    error : type, optional
        What is raised if the file cannot be written.

    Yields
    ------
    pathlib.Path
        Beside the target; the block creates the file.

    Raises
    ------
    OutputError
        Or `error`, if the file cannot be written (full disk, permissions); the target
        is as it was.
    """
    require_no_dangling_link(target, error)
    with contextlib.ExitStack() as stack:
        try:
            os.stat(Path(target).parent)  # else the lock would make the directory
            stack.enter_context(locked(target))
        except ExposureError as fault:
            raise error(f"{target} could not be written; what was there is as it was. {fault}") from fault
        except OSError as fault:
            raise error(_not_written(target, fault)) from fault
        yield stack.enter_context(atomic_under_lock(target, error=error))


@contextlib.contextmanager
def atomic_under_lock(target, notes=None, check=None, error=OutputError):
    """Do as `atomic`, for a file whose own lock, or that of its exposure, is held already.

    Parameters
    ----------
    target : pathlib.Path
    notes : list of str, optional
        Gets a warning if the new file is in place, but the disk did not confirm it.
    check : callable, optional
        Called when the new file is complete and on the disk, right before it takes
        its place; whatever it raises leaves the target as it was.
    error : type, optional
        What is raised if the file cannot be written.

    Yields
    ------
    pathlib.Path
        Beside the target; the block creates the file.

    Raises
    ------
    OutputError
        Or `error`, if the file cannot be written (full disk, permissions); the target
        is as it was.
    """
    require_no_dangling_link(target, error)
    target = Path(os.path.realpath(target))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}{_SUFFIX}")
    try:
        os.stat(target.parent)  # else it depends on the writer what it raises
        yield temporary
        flush(temporary)
        if check is not None:
            check()
        os.replace(temporary, target)
    except OSError as fault:
        raise error(_not_written(target, fault)) from fault
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    # From here on the new file is there: a failure is no reason to call it the old one.
    try:
        flush(target.parent)
    except OSError as fault:
        if notes is not None:
            notes.append(
                f"{target} is written, but its directory could not be flushed to the disk "
                f"({fault.strerror or fault}): a power failure soon may bring the old file back."
            )


def _not_written(target, fault):
    return (
        f"{target} could not be written ({fault.strerror or fault}); what was there is as it was. "
        "Check the free space and the permissions of its directory, then try again."
    )


def write_bytes(target, content, *, rights=None, notes=None, check=None, error=OutputError):
    """Write a file of an exposure whose lock is held, and read it back before it takes its place.

    Parameters
    ----------
    target : pathlib.Path
    content : bytes-like
    rights : rights.Rights or splice.KeptRights, optional
        Of the file; until they are set it is its owner's alone. Default: those of any new file.
    notes, check, error : optional
        As for `atomic`.

    Raises
    ------
    OutputError
        Or `error`, if it cannot be written, or what is on the disk is not what was written.
    """
    with atomic_under_lock(target, notes, check, error) as temporary:
        write_private(temporary, content, rights)
        with open(temporary, "rb") as file:
            if file.read() != content:
                raise error(
                    f"{target}: the new file differs from what was written, so it is not used and what was "
                    "there is as it was: check the disk."
                )


def write_private(path, content, rights):
    """Write a new file that is its owner's alone until its rights are set.

    Parameters
    ----------
    path : pathlib.Path
    content : bytes-like
    rights : rights.Rights or None
        None leaves those of any new file.
    """
    with open(path, "xb", opener=private if rights else None) as file:
        file.write(content)
        if rights:
            rights.give(file.fileno())
        file.flush()
        os.fsync(file.fileno())


def private(path, flags):
    """Open a file for its owner alone, until its rights are set; an `opener` for `open`."""
    return os.open(path, flags, 0o600)


def require_no_dangling_link(path, error=OutputError):
    """Refuse the name of a new file that is a symbolic link to nowhere: it would be made somewhere else.

    Parameters
    ----------
    path : path-like
    error : type, optional
        What is raised.
    """
    if os.path.islink(path) and not os.path.exists(path):
        raise error(
            f"{path} is a symbolic link to {os.readlink(path)}, which does not exist: remove the link, or "
            "make what it leads to."
        )


def flush(path):
    """Wait until a file, or the names in a directory, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(target, cancelled=None, seconds=_LOCK_SECONDS):
    """Hold the right to change a file, against other threads and processes.

    Parameters
    ----------
    target : pathlib.Path
    cancelled : callable, optional
        Ends the waiting when it returns True.
    seconds : float
        How long to wait for another run.

    Raises
    ------
    ExposureError
        If another run still holds the file after that time.
    """
    target = Path(os.path.realpath(target))
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(
                file_lock.held(target.with_name(f".{target.name}.deepcr-lock"), seconds, cancelled)
            )
        except Timeout:
            raise ExposureError(
                f"{target} is in use by another run of the step for {seconds:g} s: wait for that one to end."
            ) from None
        except OSError as error:
            raise ExposureError(f"{target.parent} cannot be written into ({error.strerror}).") from error
        _remove_leftovers(target)
        yield


def _remove_leftovers(target):
    """Remove the temporary files of a run that was killed: its lock is ours now."""
    name, stem = glob.escape(target.name), glob.escape(stem_of(target))
    # With a dot: the probabilities that a run without mask files keeps between its passes. They themselves
    # stay, the second pass needs them.
    masks = (f"{stem}_deepcr.fits", f".{stem}_deepcr.fits")
    for pattern in (name, *masks, f"{stem}_deepcr_clean.fits"):
        for leftover in target.parent.glob(f".{pattern}.{_RANDOM}{_SUFFIX}"):
            with contextlib.suppress(OSError):  # another user's: in the way of nobody
                leftover.unlink(missing_ok=True)
