"""The directory that is fetched into: its room, and the right to fetch into it."""

import contextlib
import shutil

from filelock import FileLock, Timeout

from ..errors import InputError

__all__ = ["alone", "free", "megabytes"]


@contextlib.contextmanager
def alone(directory):
    """Keep other processes from fetching into a directory.

    Parameters
    ----------
    directory : pathlib.Path
        Is made where it does not exist.

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


def free(directory):
    """Return the room for a directory that may not exist yet.

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


def megabytes(size):
    """Return a size as text.

    Parameters
    ----------
    size : int
        Bytes.

    Returns
    -------
    str
    """
    return f"{size / 1e6:,.1f} MB"
