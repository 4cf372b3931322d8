"""Progress bars on a terminal: one of the exposures, below it one of the tiles of the present chip.

Nothing is shown where the output is no terminal.
"""

import contextlib

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
    return tqdm(total=total, desc=title, unit=unit, position=0, disable=_disable(wanted))


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
    if not (wanted and stage.shows_tiles):
        yield stage.check
        return
    with tqdm(total=total, desc=title, unit="tile", position=1, leave=False, disable=None) as bar:

        def progress(tiles):
            stage.check()
            bar.update(tiles)

        yield progress


def _disable(wanted):
    """Return what tqdm calls `disable`: None is its word for "unless it is a terminal"."""
    return None if wanted else True
