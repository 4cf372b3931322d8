"""Whether a name leads to a regular file: a pipe is waited for without end, a device has no end.

Or to one that is larger than memory: a file may have a hole of any size.
"""

import errno
import os
import stat

__all__ = ["LARGEST_TEXT", "require_regular"]

# Bytes of a table or a description that is read whole; a table of 100,000 rows has some ten million.
LARGEST_TEXT = 2**26


def require_regular(path, largest=None):
    """Refuse what is there, but is no regular file (a pipe, a socket, a device), before it is opened.

    Parameters
    ----------
    path : path-like
    largest : int, optional
        Bytes: a file of more is refused, too.

    Raises
    ------
    OSError
        Also as `open` does, if there is nothing of that name or it is a directory.
    """
    found = os.stat(path)
    mode = found.st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    if largest is not None and found.st_size > largest:
        reason = f"it has {found.st_size} bytes, and no such file has more than {largest}"
        raise OSError(errno.EFBIG, reason, str(path))
