"""What the commands print: names of files and headers may hold what would steer a terminal."""

from ..errors import printable

__all__ = ["say"]


def say(*texts):
    """Print texts that may hold names of files, a line each.

    Parameters
    ----------
    *texts : str or path
        Each may have several lines.
    """
    for text in texts:
        for line in str(text).split("\n"):
            print(printable(line), flush=True)
