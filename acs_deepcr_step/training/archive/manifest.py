"""The files that were fetched into a directory, with their checksums.

Rows are written without checksum before the first byte is fetched, and a file's checksum before the
file gets its final name. So a file without a checksum here did not come from a fetch.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np
from astropy.table import Table

from ...errors import InputError
from ...files import atomic
from ...regular_file import LARGEST_TEXT, require_regular
from . import download
from .names import is_plain

__all__ = ["MANIFEST", "Entry", "Manifest"]

MANIFEST = "manifest.ecsv"
_TYPES = {"set": str, "name": str, "uri": str, "bytes": int, "sha256": str, "date": str}


@dataclass(frozen=True)
class Entry:
    """One file of an observation set.

    Attributes
    ----------
    set : str
        Name of the observation set, and of the file's directory.
    name : str
        File name.
    uri : str
        Identifier in the archive.
    bytes : int
        Size, as the archive lists it; once fetched, as received.
    sha256 : str
        Empty until fetched.
    date : str
        UTC of the fetch; empty until then.
    """

    set: str
    name: str
    uri: str
    bytes: int
    sha256: str = ""
    date: str = ""


def _value(cell, kind):
    """Return the value of a table cell; astropy reads an empty cell as masked."""
    return kind() if np.ma.is_masked(cell) else kind(cell)


class Manifest:
    """The files of a directory, by set and name.

    Parameters
    ----------
    directory : pathlib.Path

    Raises
    ------
    InputError
        If the manifest in the directory cannot be read.
    """

    def __init__(self, directory):
        self.directory = directory
        self.path = directory / MANIFEST
        self._entries = {(entry.set, entry.name): entry for entry in self._read()}

    def _read(self):
        if not self.path.exists():
            return []
        try:
            require_regular(self.path, LARGEST_TEXT)
            table = Table.read(self.path, format="ascii.ecsv")
            entries = [
                Entry(**{name: _value(row[name], kind) for name, kind in _TYPES.items()}) for row in table
            ]
            for name in {name for entry in entries for name in (entry.set, entry.name)}:
                if not is_plain(name):
                    raise ValueError(f"{name!r} is no name of a file")
            return entries
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self.path} cannot be read ({str(error).partition(chr(10))[0]}): mend it, or move the "
                "directory away and fetch anew."
            ) from error

    def of_set(self, name):
        """Return the entries of an observation set.

        Parameters
        ----------
        name : str

        Returns
        -------
        list of Entry
        """
        return [entry for entry in self._entries.values() if entry.set == name]

    def target(self, entry):
        """Return the path of a file.

        Parameters
        ----------
        entry : Entry

        Returns
        -------
        pathlib.Path
        """
        return self.directory / entry.set / entry.name

    def state(self, entry):
        """Return the state of a file.

        Parameters
        ----------
        entry : Entry

        Returns
        -------
        str
            ``done`` (size and SHA-256 are those recorded), ``missing``, ``differs``, or ``foreign``
            (a file that was not fetched).
        """
        target = self.target(entry)
        known = self._entries.get((entry.set, entry.name))
        if not target.exists():
            return "missing"
        if known is None or not known.sha256:
            return "foreign"
        same = target.stat().st_size == known.bytes and download.checksum(target) == known.sha256
        return "done" if same else "differs"

    def add_planned(self, entries):
        """Record files to be fetched; rows of fetched files stay.

        Parameters
        ----------
        entries : iterable of Entry
        """
        for entry in entries:
            self._entries.setdefault((entry.set, entry.name), entry)
        self.save()

    def add_fetched(self, entry, part, date):
        """Record a complete file, before it gets its final name.

        Parameters
        ----------
        entry : Entry
        part : pathlib.Path
            The complete file.
        date : str
        """
        self._entries[entry.set, entry.name] = replace(
            entry, bytes=part.stat().st_size, sha256=download.checksum(part), date=date
        )
        self.save()

    def table(self):
        """Return the manifest.

        Returns
        -------
        astropy.table.Table
            Columns set, name, uri, bytes, sha256, date.
        """
        rows = [asdict(entry) for entry in self._entries.values()]
        return Table(rows=rows, names=list(_TYPES), dtype=list(_TYPES.values()))

    def save(self):
        """Write the manifest, whole or not at all."""
        with atomic.atomic(self.path) as temporary:
            self.table().write(temporary, format="ascii.ecsv")
