"""The exposures of the paper's observation sets, or of any proposal, fetched from MAST.

`plan` asks MAST for the ``*_flc.fits`` of each set, `plan_proposal` for those of a proposal's visits;
both compare with the directory. `fetch` gets the missing ones into ``<directory>/<set>/``. All can be
repeated: finished files are verified by size and SHA-256 and left alone, a partial one continues where
it stopped.

Notes
-----
MAST (the Mikulski Archive for Space Telescopes) and the public copy in the cloud were
not reached from the build machines: the tests run this code and astroquery.mast
against a local server that answers in the same form.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

from ...errors import ArchiveError, InputError, warn
from ...files import space
from . import download, mast
from .fetch_directory import exclusive, free_bytes, size_text
from .manifest import Manifest

__all__ = ["Plan", "fetch", "plan", "plan_proposal"]

_FITS = b"SIMPLE  ="
# Give up after so many failures in a row.
_MAX_FAILURES = 3


@dataclass(frozen=True)
class Plan:
    """The files that a fetch would get.

    Attributes
    ----------
    directory : pathlib.Path
    entries : tuple of Entry
        All files of the sets.
    states : dict of Entry to str
        From `Manifest.state`.
    cloud : bool
        Whether the public cloud copy is asked first.
    """

    directory: Path
    entries: tuple
    states: dict
    cloud: bool = False

    @property
    def missing(self):
        """The files to be fetched."""
        return [entry for entry in self.entries if self.states[entry] != "done"]

    @property
    def bytes(self):
        """Bytes to be fetched, without those of partial files."""
        partial = sum(_size(_part(self.directory / entry.set / entry.name)) for entry in self.missing)
        return max(sum(entry.bytes for entry in self.missing) - partial, 0)

    def __str__(self):
        lines = [f"{'observation set':24} {'files':>5} {'there':>5} {'to fetch':>12}"]
        for name in dict.fromkeys(entry.set for entry in self.entries):
            own = [entry for entry in self.entries if entry.set == name]
            wanted = [entry for entry in own if self.states[entry] != "done"]
            size = sum(entry.bytes for entry in wanted)
            lines.append(f"{name:24} {len(own):5d} {len(own) - len(wanted):5d} {size_text(size):>12}")
        for entry in self.entries:
            if self.states[entry] == "differs":
                lines.append(
                    f"{entry.set}/{entry.name} is not what came: it is fetched again, the present file kept."
                )
        lines.append(
            f"{len(self.missing)} of {len(self.entries)} files to fetch into {self.directory}: "
            f"{size_text(self.bytes)}, {size_text(free_bytes(self.directory))} are free."
        )
        return "\n".join(lines)


def plan(sets, directory, cloud=False):
    """Find out what is to be fetched, without changing anything.

    Parameters
    ----------
    sets : list of ObservationSet
    directory : path-like
    cloud : bool
        Fetch from the public cloud copy where possible, else from MAST.

    Returns
    -------
    Plan

    Raises
    ------
    ParameterError
        If astroquery is not installed.
    ArchiveError
        If MAST does not answer.
    InputError
        If no file of any set is found, or a name is taken by a file that was not fetched.

    Warns
    -----
    StepWarning
        If MAST has another number of exposures of a set than the paper.

    Notes
    -----
    A finished directory is verified without a network: MAST is asked only for sets that are not
    wholly listed in the manifest.
    """
    directory = Path(directory).expanduser()
    manifest = Manifest(directory)
    listed = {one.name: manifest.of_set(one.name) for one in sets}
    unlisted = [one for one in sets if len(listed[one.name]) != one.n_exposures]
    if unlisted:
        listed |= mast.exposures(unlisted)
    entries = tuple(entry for one in sets for entry in listed[one.name])
    if not entries:
        raise InputError(f"No *_flc.fits of {', '.join(one.name for one in sets)} was found at MAST.")
    return _compared(directory, manifest, entries, cloud)


def plan_proposal(wanted, directory, cloud=False):
    """Find out what of a proposal is to be fetched, without changing anything.

    Parameters
    ----------
    wanted : visits.Wanted
    directory : path-like
        Each visit and filter gets a directory in it, ``<filter>_<proposal>_<visit>``.
    cloud : bool
        As of `plan`.

    Returns
    -------
    Plan

    Raises
    ------
    ParameterError
        If astroquery is not installed.
    ArchiveError
        If MAST does not answer.
    InputError
        If MAST lists no such exposure, or a name is taken by a file that was not fetched.
    """
    directory = Path(directory).expanduser()
    manifest = Manifest(directory)
    entries = tuple(mast.exposures_of_proposal(wanted))
    if not entries:
        raise InputError(
            f"MAST lists no calibrated exposure of {wanted}: check them, or leave --visits and --filters out."
        )
    return _compared(directory, manifest, entries, cloud)


def _compared(directory, manifest, entries, cloud):
    """Return the plan for some files, by what is in the directory."""
    states = {entry: manifest.state(entry) for entry in entries}
    foreign = [manifest.target(entry) for entry in entries if states[entry] == "foreign"]
    if foreign:
        raise InputError(
            f"{foreign[0]} did not come from here and is not overwritten: move it away"
            f"{f' (and {len(foreign) - 1} more)' if len(foreign) > 1 else ''}, or give another directory."
        )
    return Plan(directory, entries, states, cloud)


def fetch(plan, progress=True, patience=None):
    """Fetch what is missing.

    Parameters
    ----------
    plan : Plan
    progress : bool
        Show a progress bar.
    patience : Patience, optional

    Returns
    -------
    astropy.table.Table
        The directory's ``manifest.ecsv``: set, name, uri, bytes, sha256, date.

    Raises
    ------
    ArchiveError
        If files could not be fetched; the others are finished, and the next call continues.
    ExposureError
        If there is not enough free space.
    InputError
        If another process fetches into the directory.

    Warns
    -----
    StepWarning
        If a file has another size than MAST listed, or is not in the cloud.
    """
    with exclusive(plan.directory):
        manifest = Manifest(plan.directory)
        space.require_space(plan.directory, plan.bytes)
        manifest.add_planned(plan.entries)
        if plan.missing:
            _fetch_all(plan, manifest, progress, patience)
        return manifest.table()


def _fetch_all(plan, manifest, progress, patience):
    urls = mast.addresses([entry.uri for entry in plan.missing], plan.cloud)
    failed, in_a_row = {}, 0
    with tqdm(total=plan.bytes, unit="B", unit_scale=True, disable=None if progress else True) as bar:
        for entry in plan.missing:
            bar.set_description(entry.name)
            try:
                _fetch_one(entry, urls[entry.uri], manifest, patience, bar.update)
                in_a_row = 0
            except ArchiveError as error:
                failed[entry.name] = error
                in_a_row += 1
                if in_a_row == _MAX_FAILURES:
                    break
    if failed:
        last = list(failed.values())[-1]
        raise ArchiveError(
            f"{len(failed)} of {len(plan.missing)} files could not be fetched ({', '.join(failed)}); "
            f"what came stays, so run it again. The last reason: {last}"
        ) from last


def _fetch_one(entry, url, manifest, patience, progress):
    """Fetch under a temporary name, record the checksum, then rename."""
    target = manifest.target(entry)
    target.parent.mkdir(exist_ok=True)
    part = _part(target)
    size = download.get(url, part, patience, progress)
    with open(part, "rb") as file:
        if file.read(len(_FITS)) != _FITS:
            part.unlink()
            raise ArchiveError(f"{url} is not a FITS file: the archive sent something else; try again later.")
    if entry.bytes and size != entry.bytes:
        warn(
            f"{entry.name} has {size} bytes where MAST listed {entry.bytes}: it came whole, so the list is "
            "older than the file.",
        )
    manifest.add_fetched(entry, part, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    if target.exists():
        os.replace(target, _unused_name(target))
    os.replace(part, target)


def _part(target):
    return target.with_name(target.name + ".part")


def _unused_name(target):
    """Return an unused name for a file that is to be replaced."""
    number = 1
    while (kept := target.with_name(f"{target.name}.kept{number}")).exists():
        number += 1
    return kept


def _size(path):
    return path.stat().st_size if path.exists() else 0
