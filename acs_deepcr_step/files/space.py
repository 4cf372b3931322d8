"""Whether there is room and leave to write, before anything is written."""

import os
import shutil
import stat

from ..errors import ExposureError

__all__ = ["hard_link_warning", "require_space", "require_writable"]


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
