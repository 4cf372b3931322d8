"""The exposures of the paper's observation sets, from the archive of the telescope.

`plan` asks the archive which ``*_flc.fits`` belong to each set, and looks at what is
there already; `fetch` gets the rest, one file at a time, into
``<directory>/<set>/``. Both can be called again at any time: finished files are
verified by size and SHA-256 and left alone, a partial one goes on where it stopped.

Notes
-----
MAST (the Mikulski Archive for Space Telescopes) and the public copy in the cloud were
not reached from the build machines: the tests run this code and astroquery.mast
against a local server that answers in the same form.
"""

import os
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

from .. import saving
from ..errors import ArchiveError, InputError, StepWarning
from . import download, fetchdir, mast
from .manifest import Manifest

__all__ = ["Plan", "fetch", "plan"]

_FITS = b"SIMPLE  ="
# So many files in a row that fail: the rest would fail as well.
_HOPELESS = 3


@dataclass(frozen=True)
class Plan:
    """What a fetch would do.

    Attributes
    ----------
    directory : pathlib.Path
    entries : tuple of Entry
        All files of the sets.
    states : dict of Entry to str
        As `manifest.Manifest.state` says.
    cloud : bool
        Whether the public cloud copy is asked first.
    """

    directory: Path
    entries: tuple
    states: dict
    cloud: bool = False

    @property
    def missing(self):
        """The files that are to be fetched."""
        return [entry for entry in self.entries if self.states[entry] != "done"]

    @property
    def bytes(self):
        """How much is to be fetched, without what came of partial files."""
        came = sum(_size(_part(self.directory / entry.set / entry.name)) for entry in self.missing)
        return max(sum(entry.bytes for entry in self.missing) - came, 0)

    def __str__(self):
        lines = [f"{'observation set':24} {'files':>5} {'there':>5} {'to fetch':>12}"]
        for name in dict.fromkeys(entry.set for entry in self.entries):
            own = [entry for entry in self.entries if entry.set == name]
            wanted = [entry for entry in own if self.states[entry] != "done"]
            size = sum(entry.bytes for entry in wanted)
            lines.append(
                f"{name:24} {len(own):5d} {len(own) - len(wanted):5d} {fetchdir.megabytes(size):>12}"
            )
        for entry in self.entries:
            if self.states[entry] == "differs":
                lines.append(
                    f"{entry.set}/{entry.name} is not what came: it is fetched again, the present file kept."
                )
        lines.append(
            f"{len(self.missing)} of {len(self.entries)} files to fetch into {self.directory}: "
            f"{fetchdir.megabytes(self.bytes)}, {fetchdir.megabytes(fetchdir.free(self.directory))} are free."
        )
        return "\n".join(lines)


def plan(sets, directory, cloud=False):
    """Find out what is to be fetched; changes nothing.

    Parameters
    ----------
    sets : list of acs_deepcr_step.training.sets.ObservationSet
    directory : path-like
    cloud : bool
        Fetch from the public cloud copy what is there, the rest from MAST.

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
        If no file of any set is found, or one of the names is taken by a file that did not come
        from here.

    Warns
    -----
    StepWarning
        If MAST has another number of exposures of a set than the paper.

    Notes
    -----
    A set that is wholly listed in the directory's manifest is not asked for again, so
    that a finished directory is verified without a network.
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
    patience : acs_deepcr_step.training.download.Patience, optional

    Returns
    -------
    astropy.table.Table
        The manifest of the directory, which is also in its ``manifest.ecsv``: set, name, uri,
        bytes, sha256, date.

    Raises
    ------
    ArchiveError
        If files could not be fetched; the others are finished, and the next call goes on.
    ExposureError
        If there is no room for the files.
    InputError
        If another process fetches into the directory.

    Warns
    -----
    StepWarning
        If a file has another size than MAST listed, or is not in the cloud.
    """
    with fetchdir.alone(plan.directory):
        manifest = Manifest(plan.directory)
        saving.require_space(plan.directory, plan.bytes)
        manifest.plan(plan.entries)
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
                if in_a_row == _HOPELESS:
                    break
    if failed:
        last = list(failed.values())[-1]
        raise ArchiveError(
            f"{len(failed)} of {len(plan.missing)} files could not be fetched ({', '.join(failed)}); "
            f"what came stays, so run it again. The last reason: {last}"
        ) from last


def _fetch_one(entry, url, manifest, patience, progress):
    """A file under its part's name; then its checksum into the manifest; then its own name."""
    target = manifest.target(entry)
    target.parent.mkdir(exist_ok=True)
    part = _part(target)
    size = download.get(url, part, patience, progress)
    with open(part, "rb") as file:
        if file.read(len(_FITS)) != _FITS:
            part.unlink()
            raise ArchiveError(f"{url} is not a FITS file: the archive sent something else; try again later.")
    if entry.bytes and size != entry.bytes:
        warnings.warn(
            f"{entry.name} has {size} bytes where MAST listed {entry.bytes}: it came whole, so the list is "
            "older than the file.",
            StepWarning,
            stacklevel=5,
        )
    manifest.came(entry, part, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    if target.exists():
        os.replace(target, _unused(target))
    os.replace(part, target)


def _part(target):
    return target.with_name(target.name + ".part")


def _unused(target):
    """A free name for a file that is in the way."""
    number = 1
    while (kept := target.with_name(f"{target.name}.kept{number}")).exists():
        number += 1
    return kept


def _size(path):
    return path.stat().st_size if path.exists() else 0
