"""What the command shows of its work, and where: bars, lines and the table."""

import contextlib
import logging
import shutil
import sys

from ..errors import OutputError, RunError
from ..work.printing import say
from .table_file import FORMATS, TableFile

__all__ = ["add_showing_options", "carried_out"]

_LOGGER = "acs_deepcr_step"


def add_showing_options(command):
    """Add ``--table``, ``--quiet`` and ``--verbose``.

    Parameters
    ----------
    command : argparse.ArgumentParser
    """
    command.add_argument(
        "--table",
        metavar="FILE",
        help=f"Write the whole table of results, too ({', '.join(FORMATS)} by its ending; default: none)",
    )
    loudness = command.add_mutually_exclusive_group()
    loudness.add_argument(
        "-q", "--quiet", action="store_true", help="Print warnings and errors only (default: no)"
    )
    loudness.add_argument(
        "-v", "--verbose", action="store_true", help="Print the lines of the log as they come (default: no)"
    )


def carried_out(arguments, call, given):
    """Carry out a call that gives a table of results, and show it as the options want.

    Where standard output is no terminal, a line an exposure is printed when that is finished; a
    terminal gets a table at the end.

    Parameters
    ----------
    arguments : argparse.Namespace
        With those of `add_showing_options`.
    call : callable
        Takes the parameters of the step as keywords, and returns the table.
    given : dict
        The parameters that were given.

    Raises
    ------
    RunError
        If exposures failed, or the work is done and the file of ``--table`` could not be written.
    """
    file = TableFile(arguments.table) if arguments.table is not None else None
    if arguments.quiet or arguments.verbose:
        given = {**given, "progress": False}
    failure, lines = None, _Lines(wanted=not (arguments.quiet or sys.stdout.isatty()))
    with _log_lines(arguments.verbose), lines.as_they_come():
        try:
            table = call(**given)
        except RunError as error:
            failure, table = error, error.table
    if not arguments.quiet:
        _print(table, lines)
    lost = _lost(file, table)
    if failure or lost:
        raise RunError(" ".join(str(one) for one in (failure, lost) if one), table)


def _print(table, lines):
    from .result_lines import exposure_lines, table_lines

    if lines.wanted:
        say(*exposure_lines(table, lines.printed))
    else:
        say(*table_lines(table, shutil.get_terminal_size().columns))


def _lost(file, table):
    """Write the table's file; return why that was not possible."""
    if file is None:
        return ""
    try:
        file.write(table)
    except OutputError as error:
        return f"The exposures are done, but not the table: {error}"
    return ""


class _Lines:
    """The lines of finished exposures, as they come.

    Attributes
    ----------
    wanted : bool
    printed : set of str
        The exposures that have theirs.
    """

    def __init__(self, wanted):
        self.wanted, self.printed = wanted, set()

    def as_they_come(self):
        """Print them as long as the context lasts."""
        if not self.wanted:
            return contextlib.nullcontext()
        from ..work.progress import telling

        return telling(self._print)

    def _print(self, rows):
        from .result_lines import exposure_line

        self.printed.add(rows[0].filename)
        say(exposure_line(rows))


@contextlib.contextmanager
def _log_lines(wanted):
    """Print the lines of the log on standard error; what was set for logging comes back."""
    if not wanted:
        yield
        return
    logger, handler = logging.getLogger(_LOGGER), logging.StreamHandler(sys.stderr)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
