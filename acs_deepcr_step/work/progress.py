"""Who sees how far a run is: bars on a terminal or in a notebook, and a caller who asked to be told.

A terminal has a bar of the exposures and, below it, one of the tiles of the present chip; a
notebook has the first alone. Where there is neither, no bar is shown.
"""

import contextlib
import sys
import warnings
from contextvars import ContextVar

import tqdm

__all__ = ["of_tasks", "of_tiles", "tell", "telling"]

_LISTENER = ContextVar("listener", default=None)


@contextlib.contextmanager
def telling(listener):
    """Tell a caller of every exposure when it is finished.

    Parameters
    ----------
    listener : callable
        Called with the rows (`results.Row`) of the exposure's chips, in the thread of the caller.
    """
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def tell(rows):
    """Tell whoever asked of a finished exposure.

    Parameters
    ----------
    rows : list of results.Row
        Of its chips; none of an exposure that is not finished yet.
    """
    listener = _LISTENER.get()
    if rows and listener is not None:
        listener(rows)


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
        Or its like for notebooks.
    """
    notebook = wanted and _is_notebook()
    bar = _notebook_bar() if notebook else tqdm.tqdm
    disable = not (notebook or (wanted and _is_terminal(sys.stderr)))
    return bar(total=total, desc=title, unit=unit, position=0, disable=disable)


def _is_notebook():
    """Whether this process is the kernel of a notebook; nothing is imported to find out."""
    get_shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)
    return "IPKernelApp" in getattr(get_shell(), "config", ())


def _notebook_bar():
    """Return tqdm's bar for notebooks; one of text where ipywidgets, which it needs, is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tqdm.TqdmWarning)  # that it is missing
        from tqdm.auto import tqdm as bar

    return bar


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
    with tqdm.tqdm(total=total, desc=title, unit="tile", position=1, leave=False) as bar:

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
