"""Names of files that come from outside: an archive's list, a manifest, an index."""

import re

__all__ = ["is_plain"]

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


def is_plain(name):
    """Return whether a name is that of a file or folder and nothing more.

    Parameters
    ----------
    name : str

    Returns
    -------
    bool
        False for what leads to another folder, is hidden, or has characters that a shell or a terminal
        may take for more.
    """
    return _PLAIN.fullmatch(name) is not None
