"""What was fetched into a directory: a row per file, with its checksum.

The rows are written before the first byte is fetched, without checksum; a file's
checksum is written before the file gets its name. So a file with a name but without
a checksum here is not ours.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np
from astropy.table import Table

from .. import saving
from ..errors import InputError
from . import download

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
        What the archive calls it.
    bytes : int
        Size: what the archive says, or once it came what came.
    sha256 : str
        Of what came; empty before.
    date : str
        UTC, when it came; empty before.
    """

    set: str
    name: str
    uri: str
    bytes: int
    sha256: str = ""
    date: str = ""


def _value(cell, kind):
    """A cell of the table; empty ones are read as masked."""
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
            table = Table.read(self.path, format="ascii.ecsv")
            return [
                Entry(**{name: _value(row[name], kind) for name, kind in _TYPES.items()}) for row in table
            ]
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
        """Return where a file stands, or will stand.

        Parameters
        ----------
        entry : Entry

        Returns
        -------
        pathlib.Path
        """
        return self.directory / entry.set / entry.name

    def state(self, entry):
        """Return how a file is.

        Parameters
        ----------
        entry : Entry

        Returns
        -------
        str
            ``done`` (size and SHA-256 are those recorded), ``missing``, ``differs``, or ``foreign``
            (a file that did not come from here).
        """
        target = self.target(entry)
        known = self._entries.get((entry.set, entry.name))
        if not target.exists():
            return "missing"
        if known is None or not known.sha256:
            return "foreign"
        same = target.stat().st_size == known.bytes and download.digest(target) == known.sha256
        return "done" if same else "differs"

    def plan(self, entries):
        """Record files that are to come; what is known of those that came stays.

        Parameters
        ----------
        entries : iterable of Entry
        """
        for entry in entries:
            self._entries.setdefault((entry.set, entry.name), entry)
        self.save()

    def came(self, entry, part, date):
        """Record a file that is complete, but has not its name yet.

        Parameters
        ----------
        entry : Entry
        part : pathlib.Path
            The complete file.
        date : str
        """
        self._entries[entry.set, entry.name] = replace(
            entry, bytes=part.stat().st_size, sha256=download.digest(part), date=date
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
        with saving.atomic(self.path) as temporary:
            self.table().write(temporary, format="ascii.ecsv")
