"""The table of results as a file: ECSV, CSV or FITS, by the ending of its name."""

import os
from pathlib import Path

from ..errors import InputError, OutputError, ParameterError, printable

__all__ = ["FORMATS", "TableFile"]

# By the ending: what astropy.table calls the format.
FORMATS = {".ecsv": "ascii.ecsv", ".csv": "ascii.csv", ".fits": "fits"}


class TableFile:
    """A file for the table of results.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    ParameterError
        If its ending is none of `FORMATS`.
    InputError
        If its directory is not there, or another file has its name.
    OutputError
        If it cannot be written there.
    """

    def __init__(self, path):
        self.path = Path(path).expanduser()
        self._format = FORMATS.get(self.path.suffix.lower())
        if self._format is None:
            *others, last = FORMATS
            raise ParameterError(f"--table {path}: the name must end in {', '.join(others)} or {last}.")
        self._require_free()

    def _require_free(self):
        from ..files.atomic import require_no_dangling_link

        if not self.path.parent.is_dir():
            raise InputError(f"--table {self.path}: {self.path.parent} is not a directory: make it first.")
        require_no_dangling_link(self.path, InputError)
        if self.path.exists() and not self._is_table():
            raise InputError(
                f"--table {self.path} is there already and is no table of this command: move it away, or "
                "give another name."
            )
        if not os.access(self.path.resolve().parent, os.W_OK):
            raise OutputError(f"--table {self.path}: nothing can be written in {self.path.parent}.")

    def _is_table(self):
        """Whether the file that is there has the columns of a table of ours: only such a one is replaced."""
        from astropy.table import Table

        from ..files import structure
        from ..files.fits_reader import quiet
        from ..regular_file import LARGEST_TEXT, require_regular
        from ..work.results import table

        try:
            require_regular(self.path, LARGEST_TEXT)
            if self._format == "fits":
                structure.scan(self.path)
            with quiet():
                there = Table.read(self.path, format=self._format)
        except Exception:  # whatever a file of another kind makes the reader raise
            return False
        return there.colnames == table([]).colnames

    def write(self, table):
        """Write a table, whole or not at all.

        Parameters
        ----------
        table : astropy.table.Table
            As `run` returns it.

        Raises
        ------
        OutputError
            If it cannot be written; an older table is as it was.
        """
        from ..files.atomic import atomic

        whole = self._as_stored(table)
        with atomic(self.path) as temporary:
            whole.write(temporary, format=self._format, overwrite=True)

    def _as_stored(self, table):
        """Return a copy with all digits, and with texts of letters that every reader knows."""
        table = table.copy()
        for name in table.colnames:
            table[name].info.format = None
            if table[name].dtype.kind == "U":
                table[name] = [self._spelled(str(text)) for text in table[name]]
        return table

    def _spelled(self, text):
        text = printable(text)
        return text.encode("ascii", "backslashreplace").decode() if self._format == "fits" else text
