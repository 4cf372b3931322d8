"""A lock by a file beside the one that is to be changed, on any file system."""

import contextlib
import errno
import os
import tempfile

from filelock import FileLock, SoftFileLock

try:
    import fcntl
except ImportError:  # Windows, which has locks of another kind
    fcntl = None

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
    lock = (FileLock if _has_locks(path.parent) else SoftFileLock)(path, timeout=seconds, thread_local=False)
    lock.acquire(poll_interval=0.05, cancel_check=cancelled)
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


def _has_locks(directory):
    """Try one on a file without a name: the lock's own would stand for a lock where there are none."""
    if fcntl is None:
        return True
    with tempfile.TemporaryFile(dir=directory) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in _NO_LOCKS
    return True
