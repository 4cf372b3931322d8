"""What the user named -> the files of exposures, each once.

Takes what drizzlepac's users write: a wildcard, a comma list, ``@file``, an
association table, a path, or a list, column or generator of these. Unlike drizzlepac's own parser it
raises where something matches nothing, counts duplicates once, takes `Path`
objects and ``~``, and prefers flc to flt exposures in an association.
"""

import glob
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..regular_file import require_regular

__all__ = ["Inputs", "expand", "require_directory"]

# Bytes; an association has some hundred members at most, a list some ten thousand names.
_LARGEST_TABLE = 2**24

# HST suffixes are set off by an underscore; people write a dot.
_DOTTED = re.compile(r"\.(fl[ct])\.fits")
# As IRAF and drizzlepac name a part of a file.
# It begins after a comma, so that a long text is not searched from each of its letters.
_EXTENSION = re.compile(r"(?<![^,\[\]])([^,\[\]]*\.fits)\[[^\[\]]*\]", re.IGNORECASE)
_LONGEST_NAME = 4096  # characters; no system takes more
_COMMENT = re.compile(r"(^|\s)#.*")


@dataclass(frozen=True)
class Inputs:
    """The files that an input names.

    Attributes
    ----------
    paths : list of pathlib.Path
        In the order given (wildcards sorted), each file once.
    notes : list of str
        What was understood differently from how it was written.
    tables : dict of pathlib.Path to pathlib.Path
        The association table that named a file, for those that one did; both resolved.
    """

    paths: list[Path]
    notes: list[str]
    tables: dict[Path, Path]


def expand(given):
    """Return the files that an input names.

    Parameters
    ----------
    given : str, os.PathLike, or iterable of these
        Wildcard, comma list, ``@file`` (a name a line, comments after ``#``), ``*_asn.fits``, or path.

    Returns
    -------
    Inputs

    Raises
    ------
    InputError
        If anything named is missing, matches nothing or cannot be read; every
        such fault is named.
    """
    found, faults, paths = Inputs([], [], {}), [], {}
    try:
        names = _names(given, found.notes, faults)
    except RecursionError:
        raise InputError("The input is a list of lists without end: give names of files.") from None
    if faults or not all(os.path.isabs(os.path.expanduser(name)) for name in names):
        require_directory()
    for name in names:
        for path in _files(name, found, faults):
            paths.setdefault(os.path.realpath(path), path)
    if not paths and not faults:
        faults.append("No input is given: name exposures, e.g. '*_flc.fits'")
    if faults:
        raise InputError("; ".join(faults) + ".")
    found.paths.extend(paths.values())
    return found


def require_directory():
    """Refuse to look for relative names in a current directory that is not there any more.

    Raises
    ------
    InputError
    """
    try:
        os.getcwd()
    except OSError as error:
        raise InputError(
            f"The current directory was deleted or cannot be reached ({error.strerror}): "
            "go to one that is there (cd), or give absolute names."
        ) from error


def _names(given, notes, faults):
    """Single names and patterns out of any nesting of the input forms."""
    if isinstance(given, os.PathLike | bytes):
        return [os.fsdecode(given)]
    if isinstance(given, str):
        return _written(given.strip(), notes, faults)
    try:
        # A list or column, an array, a generator; a masked value of a column and a number are none.
        items = None if isinstance(given, Mapping) else list(given)
    except TypeError:
        items = None
    if items is None:
        faults.append(f"Input {given!r} is neither a file name nor a list of these")
        return []
    return [name for item in items for name in _names(item, notes, faults)]


def _written(given, notes, faults):
    """Names out of one string."""
    if given.startswith("@"):
        return _listed(Path(given[1:].strip()).expanduser(), notes, faults)
    if os.path.exists(given):
        return [given]
    parts = _EXTENSION.findall(given)
    if parts:
        faults.append(
            f"{given} names extensions, and the step works on whole files: write {','.join(parts)} instead"
        )
        return []
    if "," in given:
        return [name for part in given.split(",") if part.strip() for name in _names(part, notes, faults)]
    return [given] if given else []


def _listed(path, notes, faults):
    try:
        require_regular(path, _LARGEST_TABLE)
        # Some editors begin a text with a mark of its byte order.
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        faults.append(f"The list {path} cannot be read ({error}): give a text file with a name a line")
        return []
    lines = [line.strip() for line in lines]
    named = [line if os.path.exists(line) else _COMMENT.sub("", line).strip() for line in lines]
    named = [line for line in named if line]
    if not named:
        faults.append(f"The list {path} names no file")
    nested = [line for line in named if line.startswith("@")]
    if nested:
        faults.append(f"The list {path} names another list ({nested[0]}): write that one's names into it")
        return []
    first = [_first_column(line) for line in named]
    if first != named:
        notes.append(f"The list {path} has several columns: only the first was read; weights are not used.")
    return [name for line in first for name in _names(line, notes, faults)]


def _first_column(line):
    """Return the name of an exposure in a line that may name its inverse-variance map, too."""
    return line if "," in line or os.path.exists(line) else line.split()[0]


def _files(name, found, faults):
    if len(name) > _LONGEST_NAME:
        faults.append(f"{name[:50]}... is no name of a file: it has {len(name)} characters")
        return []
    name = os.path.expanduser(name)
    path = Path(name)
    try:
        os.stat(path)
    except PermissionError:
        faults.append(f"{name} cannot be reached: the permissions of its directory forbid it")
        return []
    except (OSError, ValueError):
        pass  # no such name: it may be a pattern
    if path.is_dir():
        faults.append(f"{name} is a directory: name the exposures in it, e.g. '{path / '*_flc.fits'}'")
        return []
    if path.exists():
        return _exposures(path, found, faults)
    if glob.has_magic(name):
        return _matches(name, found, faults)
    renamed = _underscored(name, found.notes) if _DOTTED.search(name) else None
    if renamed and Path(renamed).exists():
        return [Path(renamed)]
    faults.append(f"{name} does not exist: check the name and the current directory ({os.getcwd()})")
    return []


def _matches(pattern, found, faults):
    matches = sorted(glob.glob(pattern))
    if not matches and _DOTTED.search(pattern):
        matches = sorted(glob.glob(_underscored(pattern, found.notes)))
    files = [Path(match) for match in matches if os.path.isfile(match)]
    if not files:
        faults.append(
            f"Nothing matches {pattern!r} in {os.getcwd()}: HST's calibrated exposures are named '*_flc.fits'"
        )
    return [file for path in files for file in _exposures(path, found, faults)]


def _exposures(path, found, faults):
    """Return the file itself, or the exposures that it names as an association table."""
    if not path.name.lower().endswith("_asn.fits"):
        return [path]
    members = _members(path, faults)
    found.tables.update({member.resolve(): path.resolve() for member in members})
    return members


def _underscored(name, notes):
    renamed = _DOTTED.sub(r"_\1.fits", name)
    notes.append(f"{name!r} matches nothing; taken as {renamed!r}, as HST's names are.")
    return renamed


def _members(table, faults):
    """Exposures of an association table: flc where there is one, else flt."""
    from astropy.io import fits

    from . import structure
    from .fits_reader import quiet

    try:
        structure.scan(table)
        if table.stat().st_size > _LARGEST_TABLE:
            raise ValueError("it is larger than any")
        with quiet():
            rows = fits.getdata(table, 1)
            members = [
                (str(row["MEMNAME"]).strip().lower(), str(row["MEMTYPE"]).strip().upper())
                for row in rows
                if "MEMPRSNT" not in rows.names or bool(row["MEMPRSNT"])
            ]
    except Exception as error:  # whatever a malformed file makes the FITS reader raise
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        faults.append(f"{table} cannot be read as an association table ({reason}): name its exposures")
        return []
    files = []
    members = [(member, kind) for member, kind in members if not kind.startswith("PROD")]
    for member, _ in members:
        if not re.fullmatch(r"[a-z0-9]+", member):
            faults.append(f"{table} names a member {member!r}, which is no rootname")
            continue
        beside = [table.parent / f"{member}_{suffix}.fits" for suffix in ("flc", "flt")]
        # Old tapes and some systems write names in capitals.
        spelled = [path.with_name(name) for path in beside for name in (path.name, path.name.upper())]
        found = next((path for path in spelled if path.is_file()), None)
        if found is None:
            faults.append(f"{table} names {member}, but neither {beside[0]} nor {beside[1].name} is there")
        else:
            files.append(found)
    if not files and not members:
        faults.append(f"{table} names no exposure that was taken: name the exposures themselves")
    return files
