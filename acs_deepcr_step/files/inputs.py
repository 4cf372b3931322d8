"""What the user named -> the files of exposures, each once.

Takes what drizzlepac's users write: a wildcard, a comma list, ``@file``, an
association table, a path, or a list of these. Unlike drizzlepac's own parser it
raises where something matches nothing, counts duplicates once, takes `Path`
objects and ``~``, and prefers flc to flt exposures in an association.
"""

import glob
import os
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..regular_file import require_regular

__all__ = ["Inputs", "expand", "tables"]

# Bytes; an association has some hundred members at most, of some dozen bytes each.
_LARGEST_TABLE = 2**24

# HST suffixes are set off by an underscore; people write a dot.
_DOTTED = re.compile(r"\.(fl[ct])\.fits")


@dataclass(frozen=True)
class Inputs:
    """The files that an input names.

    Attributes
    ----------
    paths : list of pathlib.Path
        In the order given (wildcards sorted), each file once.
    notes : list of str
        What was understood differently from how it was written.
    """

    paths: list[Path]
    notes: list[str]


def expand(given):
    """Return the files that an input names.

    Parameters
    ----------
    given : str, os.PathLike, or list of these
        Wildcard, comma list, ``@file`` (a name a line), ``*_asn.fits``, or path.

    Returns
    -------
    Inputs

    Raises
    ------
    InputError
        If anything named is missing, matches nothing or cannot be read; every
        such fault is named.
    """
    notes, faults, paths = [], [], {}
    for name in _names(given, faults):
        for path in _files(name, notes, faults):
            paths.setdefault(os.path.realpath(path), path)
    if not paths and not faults:
        faults.append("No input is given: name exposures, e.g. '*_flc.fits'")
    if faults:
        raise InputError("; ".join(faults) + ".")
    return Inputs(list(paths.values()), notes)


def tables(given):
    """Return the association table that named each file, for those that one did.

    Parameters
    ----------
    given : as for `expand`

    Returns
    -------
    dict of pathlib.Path to pathlib.Path
        Both resolved.
    """
    found, ignored = {}, []  # what is wrong with the input is the business of `expand`
    for name in _names(given, ignored):
        for match in sorted(glob.glob(os.path.expanduser(name))):
            if match.endswith("_asn.fits") and os.path.isfile(match):
                table = Path(match)
                found.update({path.resolve(): table.resolve() for path in _members(table, ignored)})
    return found


def _names(given, faults):
    """Single names and patterns out of any nesting of the input forms."""
    if isinstance(given, os.PathLike):
        return [os.fspath(given)]
    if isinstance(given, (list, tuple, set)):
        return [name for item in given for name in _names(item, faults)]
    if not isinstance(given, str):
        faults.append(f"Input {given!r} is neither a file name nor a list of these")
        return []
    given = given.strip()
    if given.startswith("@"):
        return _listed(Path(given[1:].strip()).expanduser(), faults)
    if "," in given and not os.path.exists(given):
        return [name for part in given.split(",") if part.strip() for name in _names(part, faults)]
    return [given] if given else []


def _listed(path, faults):
    try:
        require_regular(path)
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"The list {path} cannot be read ({error}): give a text file with a name a line")
        return []
    lines = [line.strip() for line in lines]
    named = [line for line in lines if line and not line.startswith("#")]
    if not named:
        faults.append(f"The list {path} names no file")
    nested = [line for line in named if line.startswith("@")]
    if nested:
        faults.append(f"The list {path} names another list ({nested[0]}): write that one's names into it")
        return []
    return [name for line in named for name in _names(line, faults)]


def _files(name, notes, faults):
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
        return _exposures(path, faults)
    if glob.has_magic(name):
        return _matches(name, notes, faults)
    renamed = _underscored(name, notes) if _DOTTED.search(name) else None
    if renamed and Path(renamed).exists():
        return [Path(renamed)]
    faults.append(f"{name} does not exist: check the name and the current directory ({os.getcwd()})")
    return []


def _matches(pattern, notes, faults):
    found = sorted(glob.glob(pattern))
    if not found and _DOTTED.search(pattern):
        found = sorted(glob.glob(_underscored(pattern, notes)))
    files = [Path(match) for match in found if os.path.isfile(match)]
    if not files:
        faults.append(
            f"Nothing matches {pattern!r} in {os.getcwd()}: HST's calibrated exposures are named '*_flc.fits'"
        )
    return [file for path in files for file in _exposures(path, faults)]


def _exposures(path, faults):
    """Return the file itself, or the exposures that it names as an association table."""
    return _members(path, faults) if path.name.endswith("_asn.fits") else [path]


def _underscored(name, notes):
    renamed = _DOTTED.sub(r"_\1.fits", name)
    notes.append(f"{name!r} matches nothing; taken as {renamed!r}, as HST's names are.")
    return renamed


def _members(table, faults):
    """Exposures of an association table: flc where there is one, else flt."""
    from astropy.io import fits

    from . import structure

    try:
        structure.scan(table)
        if table.stat().st_size > _LARGEST_TABLE:
            raise ValueError("it is larger than any")
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
        found = next((path for path in beside if path.is_file()), None)
        if found is None:
            faults.append(f"{table} names {member}, but neither {beside[0]} nor {beside[1].name} is there")
        else:
            files.append(found)
    if not files and not members:
        faults.append(f"{table} names no exposure that was taken: name the exposures themselves")
    return files
