"""The directory that files are fetched into: its lock and its free space."""

import contextlib
import shutil

from filelock import FileLock, Timeout

from ...errors import InputError

__all__ = ["exclusive", "free_bytes", "size_text"]


@contextlib.contextmanager
def exclusive(directory):
    """Keep other processes from fetching into a directory.

    Parameters
    ----------
    directory : pathlib.Path
        Created if it does not exist.

    Raises
    ------
    InputError
        If another process fetches into it, or it cannot be made.
    """
    lock = FileLock(directory / ".fetch.lock")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"{directory} is being fetched into by another process: wait for that one to end."
        ) from None
    except OSError as error:
        raise InputError(
            f"{directory} cannot be written into ({error.strerror or error}): give another directory."
        ) from error
    try:
        yield
    finally:
        lock.release()


def free_bytes(directory):
    """Return the free space for a directory that may not exist yet.

    Parameters
    ----------
    directory : pathlib.Path

    Returns
    -------
    int
        Bytes.
    """
    directory = directory.absolute()
    while not directory.exists():
        directory = directory.parent
    return shutil.disk_usage(directory).free


def size_text(size):
    """Return a size in MB as text.

    Parameters
    ----------
    size : int
        Bytes.

    Returns
    -------
    str
    """
    return f"{size / 1e6:,.1f} MB"
