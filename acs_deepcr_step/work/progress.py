"""Progress bars on a terminal: one of the exposures, below it one of the tiles of the present chip.

Nothing is shown where the output is no terminal.
"""

import contextlib
import sys

from tqdm import tqdm

__all__ = ["of_tasks", "of_tiles"]


def of_tasks(total, title, unit, wanted):
    """Return the upper bar, a context manager with ``update``.

    Parameters
    ----------
    total : int
    title, unit : str
    wanted : bool
        The parameter `progress`.

    Returns
    -------
    tqdm.tqdm
    """
    disable = not (wanted and _is_terminal(sys.stderr))
    return tqdm(total=total, desc=title, unit=unit, position=0, disable=disable)


@contextlib.contextmanager
def of_tiles(stage, title, total, wanted):
    """Show the lower bar while the network works on a chip.

    Parameters
    ----------
    stage : task.Stage
        Of this process; its network's turn is the caller's, so that there is one such bar at a time.
    title : str
    total : int
        Tiles of the chip.
    wanted : bool
        The parameter `progress`.

    Yields
    ------
    callable
        To be called with the number of tiles done; it raises `task.Cancelled` if the run is to end.
    """
    if not (wanted and stage.shows_tiles and _is_terminal(sys.stderr)):
        yield stage.check
        return
    with tqdm(total=total, desc=title, unit="tile", position=1, leave=False) as bar:

        def progress(tiles):
            stage.check()
            bar.update(tiles)

        yield progress


def _is_terminal(stream):
    """Whether there is a stream, and someone looks at it; hosts without a terminal may have closed it."""
    try:
        return stream is not None and stream.isatty()
    except (AttributeError, ValueError):
        return False
