"""Whether a name leads to a regular file: a pipe is waited for without end, a device has no end."""

import errno
import os
import stat

__all__ = ["require_regular"]


def require_regular(path):
    """Refuse what is there, but is no regular file (a pipe, a socket, a device), before it is opened.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    OSError
        Also as `open` does, if there is nothing of that name or it is a directory.
    """
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
