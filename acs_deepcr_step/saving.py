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
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from .errors import ExposureError
from .exposure import opened, require_unchanged

__all__ = ["Edit", "atomic", "hard_link_warning", "locked", "require_space", "require_writable", "splice"]

_CHUNK = 8 * 1024 * 1024
_SUFFIX = ".deepcr-tmp"
_LOCK_SECONDS = 600.0


@dataclass(frozen=True)
class Edit:
    """New content for one HDU.

    Attributes
    ----------
    header : bytes
    data : bytes-like or None
        None keeps the data as they are. Padding is added by `splice`.
    """

    header: bytes
    data: object = None


@contextlib.contextmanager
def atomic(target, notes=None, check=None):
    """Give a temporary path that becomes `target` if the block ends well.

    Parameters
    ----------
    target : pathlib.Path
    notes : list of str, optional
        Gets a warning if the new file is in place, but the disk did not confirm it.
    check : callable, optional
        Called when the new file is complete and on the disk, right before it takes
        its place; whatever it raises leaves the target as it was.

    Yields
    ------
    pathlib.Path
        Beside the target; the block creates the file.

    Raises
    ------
    ExposureError
        If the file cannot be written (full disk, permissions); the target is as
        it was.
    """
    target = Path(os.path.realpath(target))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}{_SUFFIX}")
    try:
        yield temporary
        _flush(temporary)
        if check is not None:
            check()
        os.replace(temporary, target)
    except OSError as error:
        raise ExposureError(
            f"{target} could not be written ({error.strerror or error}); it is as it was. "
            "Check the free space and the permissions of its directory, then run the step again."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    # From here on the new file is there: a failure is no reason to call it the old one.
    try:
        _flush(target.parent)
    except OSError as error:
        if notes is not None:
            notes.append(
                f"{target} is written, but its directory could not be flushed to the disk "
                f"({error.strerror or error}): a power failure soon may bring the old file back."
            )


def _flush(path):
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
    lock = FileLock(target.with_name(f".{target.name}.deepcr-lock"), timeout=seconds, thread_local=False)
    try:
        lock.acquire(poll_interval=0.05, cancel_check=cancelled)
    except Timeout:
        raise ExposureError(
            f"{target} is in use by another run of the step for {seconds:g} s: wait for that one to end."
        ) from None
    except OSError as error:
        raise ExposureError(f"{target.parent} cannot be written into ({error.strerror}).") from error
    try:
        _remove_leftovers(target)
        yield
    finally:
        # Removed while held: who waits for it sees that it is gone and makes a new one.
        with contextlib.suppress(OSError):
            os.unlink(lock.lock_file)
        lock.release()


def _remove_leftovers(target):
    """Remove the temporary files of a run that was killed: its lock is ours now."""
    name, stem = glob.escape(target.name), glob.escape(target.stem)
    for pattern in (f".{name}.*{_SUFFIX}", f".{stem}_deepcr*.fits.*{_SUFFIX}"):
        for leftover in target.parent.glob(pattern):
            with contextlib.suppress(OSError):  # another user's: in the way of nobody
                leftover.unlink(missing_ok=True)


def hard_link_warning(path):
    """Return what to say of a file with several names, or None.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    str or None

    Notes
    -----
    A new file takes the place of one name; the others keep the old file.
    """
    try:
        names = os.stat(path).st_nlink
    except OSError:
        return None
    if names < 2:
        return None
    return (
        f"{path} is one of {names} names of the same file (hard links): only this name gets the new "
        "content, the other keeps the old one; link it anew if it is to follow."
    )


def require_writable(directory, file=None):
    """Refuse a directory, and a file in it, whose mode says read-only.

    Parameters
    ----------
    directory : pathlib.Path
    file : pathlib.Path, optional

    Raises
    ------
    ExposureError

    Notes
    -----
    The mode bits count even for a privileged user, who could write: read-only is
    how observers protect their data.
    """
    for path in (directory, file):
        if path is None:
            continue
        try:
            mode = os.stat(path).st_mode
        except OSError as error:
            raise ExposureError(f"{path} can no longer be read ({error.strerror}).") from error
        if not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH) or not os.access(path, os.W_OK):
            raise ExposureError(
                f"{path} is read-only: make it writable (chmod u+w), or give an output_dir for the results."
            )


def require_space(directory, size):
    """Refuse a disk with less room than the new file takes.

    Parameters
    ----------
    directory : pathlib.Path
    size : int
        Bytes.

    Raises
    ------
    ExposureError
    """
    free = shutil.disk_usage(directory).free
    if free < size:
        raise ExposureError(
            f"{directory} has {free / 1e6:.0f} MB free and the result needs {size / 1e6:.0f} MB: "
            "make room first."
        )


def splice(exposure, target, edits, notes=None, before=None):
    """Write a copy of an exposure with some HDUs changed, in the place of `target`.

    Parameters
    ----------
    exposure : acs_deepcr_step.exposure.Exposure
    target : pathlib.Path
        The exposure's own path, or another.
    edits : dict of int to Edit
        By index of the HDU.
    notes : list of str, optional
        As for `atomic`.
    before : callable, optional
        Called when the new file is complete and checked, before it takes its
        place; whatever it raises leaves the target as it was.

    Raises
    ------
    ExposureError
        If the exposure was changed meanwhile, the target cannot be written, or
        what was written is not what was meant. The target is as it was.
    """
    parts = _parts(exposure, edits)

    def check():
        # As late as possible: a file that another program changed is not ours to replace.
        require_unchanged(exposure)
        if before is not None:
            before()
            require_unchanged(exposure)

    with atomic(target, notes, check) as temporary:
        with opened(exposure) as source, open(temporary, "xb", opener=_private) as copy:
            for part in parts:
                for chunk in _chunks(source, part):
                    copy.write(chunk)
            _keep_owner(target if Path(target).exists() else exposure.path, copy.fileno())
            copy.flush()
            os.fsync(copy.fileno())
        _verify(exposure, temporary, parts)


def _private(path, flags):
    """Open for the owner alone, until the mode of the old file is set."""
    return os.open(path, flags, 0o600)


def _parts(exposure, edits):
    """The new file in order: new bytes, or (start, end) of unchanged ones."""
    parts = []
    for index, span in enumerate(exposure.spans):
        edit = edits.get(index)
        if edit is None:
            parts.append((span.header, span.end))
            continue
        parts.append(edit.header)
        if edit.data is None:
            parts.append((span.data, span.end))
        else:
            data = memoryview(edit.data).cast("B")
            parts += [data, b"\0" * (span.end - span.data - len(data))]
    # Bytes after the last HDU are the user's too.
    parts.append((exposure.spans[-1].end, exposure.state.size))
    return parts


def _chunks(source, part):
    if not isinstance(part, tuple):
        yield part
        return
    source.seek(part[0])
    left = part[1] - part[0]
    while left > 0:
        chunk = source.read(min(left, _CHUNK))
        if not chunk:
            raise OSError("the exposure became shorter meanwhile")
        left -= len(chunk)
        yield chunk


def _keep_owner(old, descriptor):
    stat_old = os.stat(old)
    os.fchmod(descriptor, stat.S_IMODE(stat_old.st_mode))
    if hasattr(os, "fchown"):
        with contextlib.suppress(PermissionError):  # only the superuser may give files away
            os.fchown(descriptor, stat_old.st_uid, stat_old.st_gid)


def _verify(exposure, written, parts):
    """Read the new file back and compare it with what it was made of."""
    with opened(exposure) as source, open(written, "rb") as copy:
        for part in parts:
            for chunk in _chunks(source, part):
                if copy.read(len(chunk)) != bytes(chunk):
                    require_unchanged(exposure)
                    raise ExposureError(
                        f"{exposure.path}: the new file differs from what was written, so it is not used "
                        "and the exposure is as it was: check the disk."
                    )
        if copy.read(1):
            raise ExposureError(f"{exposure.path}: the new file is too long; the exposure is as it was.")
