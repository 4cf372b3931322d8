"""A lock by a file beside the one that is to be changed, on any file system."""

import contextlib
import errno
import os

from filelock import FileLock, SoftFileLock

__all__ = ["held"]

# What a file system says that has no locks of its own (some NFS, FUSE and SMB mounts), or no more of them.
_NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP})


@contextlib.contextmanager
def held(path, seconds, cancelled=None):
    """Hold the lock of a path, against other threads and processes.

    Where the file system has no locks, the existence of the file is the lock.

    Parameters
    ----------
    path : pathlib.Path
        Of the lock's own file; it is gone afterwards.
    seconds : float
        How long to wait.
    cancelled : callable, optional
        Ends the waiting when it returns True.

    Raises
    ------
    filelock.Timeout
        If another one still holds it after that time, or the waiting was cancelled.
    OSError
        If there can be no such file.
    """
    lock = _acquired(path, seconds, cancelled)
    try:
        yield
    finally:
        # Removed while held: who waits for it sees that it is gone and makes a new one. So nobody waits in
        # vain if the lock cannot be let go, and what was done while it was held is done.
        if not isinstance(lock, SoftFileLock):
            with contextlib.suppress(OSError):
                os.unlink(lock.lock_file)
        with contextlib.suppress(OSError):
            lock.release()


def _acquired(path, seconds, cancelled):
    waiting = {"poll_interval": 0.05, "cancel_check": cancelled}
    with _first(path) as remove_own:
        lock = FileLock(path, timeout=seconds, thread_local=False, fallback_to_soft=False)
        try:
            lock.acquire(**waiting)
            return lock
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            remove_own()
    lock = SoftFileLock(path, timeout=seconds, thread_local=False)
    lock.acquire(**waiting)
    return lock


@contextlib.contextmanager
def _first(path):
    """Make the lock's file if there is none, and give a function that removes it if it is that one.

    Another one may be that of a run whose lock is its existence.
    """
    try:
        own = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    except OSError:  # it is there, or cannot be made: `FileLock` says which
        yield lambda: None
        return

    def remove_own():
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(own), os.lstat(path)):
                os.unlink(path)

    try:
        yield remove_own
    finally:
        os.close(own)
