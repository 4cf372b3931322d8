"""The published training and test patches: Zenodo record 4295902, or a copy of it.

The record holds tar archives of ``npy_{train,test}/<filter>/<programme>/<visit>/*.npy`` (the filter in
lower case): each file has an image, its cosmic rays and its ignored pixels; ``sky.npy`` of each folder
the sky levels. `plan` shows what would be fetched and unpacked, `fetch` does it; both can be repeated.

Notes
-----
The record was not reached from the build machines: the tests run this against a local
server that answers in the same form, and against small archives of the same layout.

References
----------
Kwon, Zhang & Bloom 2021, appendix B; https://doi.org/10.5281/zenodo.4295902
"""

import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from ...errors import ArchiveError, InputError
from ...files import atomic, space
from ...regular_file import LARGEST_TEXT, require_regular
from . import download
from .fetch_directory import exclusive, free_bytes, size_text
from .names import is_plain
from .unpacking import SUFFIXES, unpack

__all__ = ["RECORD", "PatchArchive", "Plan", "fetch", "folders", "plan"]

RECORD = "https://zenodo.org/api/records/4295902"

_STATE = "zenodo.json"
_PARTS = {"train": "npy_train", "test": "npy_test"}


@dataclass(frozen=True)
class PatchArchive:
    """An archive with patches.

    Attributes
    ----------
    name : str
    bytes : int
    path : pathlib.Path
        The file, fetched or to be fetched.
    url : str
        Empty for a local copy.
    md5 : str
        As the record says; empty for a local copy.
    """

    name: str
    bytes: int
    path: Path
    url: str = ""
    md5: str = ""

    @property
    def version(self):
        """Distinguishes this archive from another of the same name."""
        return self.md5 or f"{self.bytes} {self.path.stat().st_mtime_ns}"


@dataclass(frozen=True)
class Plan:
    """The archives that a fetch would get and unpack.

    Attributes
    ----------
    directory : pathlib.Path
        For the patches; the source itself if that is an unpacked copy.
    archives : tuple of PatchArchive
        The archives; empty for an unpacked copy.
    unpacked : frozenset of str
        Names of the archives that are unpacked already.
    """

    directory: Path
    archives: tuple = ()
    unpacked: frozenset = frozenset()

    @property
    def missing(self):
        """The archives still to be unpacked, and to be fetched first if they have an address."""
        return [one for one in self.archives if one.name not in self.unpacked]

    @property
    def bytes(self):
        """Bytes to be fetched."""
        to_fetch = [one for one in self.missing if one.url and not one.path.exists()]
        return sum(one.bytes - _partial_bytes(one) for one in to_fetch)

    def __str__(self):
        if not self.archives:
            return f"{self.directory} is an unpacked copy: nothing to fetch."
        lines = [f"{'archive':32} {'size':>14}"]
        for one in self.archives:
            lines.append(f"{one.name:32} {size_text(one.bytes):>14}  {self._state(one)}")
        to_unpack, free = sum(one.bytes for one in self.missing), free_bytes(self.directory)
        lines.append(
            f"To fetch: {size_text(self.bytes)}; to unpack: {size_text(to_unpack)} or more, "
            f"into {self.directory}, where {size_text(free)} are free."
        )
        return "\n".join(lines)

    def _state(self, one):
        if one.name in self.unpacked:
            return "unpacked already"
        return "to unpack" if one.path.exists() else "to fetch"


def plan(directory, source=RECORD, patience=None):
    """Find out what is to be fetched and unpacked, without changing anything.

    Parameters
    ----------
    directory : path-like
        For the patches.
    source : str or path-like
        Address of a Zenodo record (its page or its API), an archive file, a directory
        of archive files, or a directory with the patches themselves.
    patience : Patience, optional

    Returns
    -------
    Plan

    Raises
    ------
    ArchiveError
        If the record does not answer.
    InputError
        If the source is not there, or holds neither patches nor archives.
    ParameterError
        If requests is not installed.
    """
    directory = Path(directory).expanduser()
    if re.match(r"https?://", str(source)):
        archives = _of_record(str(source), directory, patience)
    else:
        source = Path(source).expanduser()
        if source.is_dir() and _patch_folders(source):
            return Plan(source)
        archives = _of_copy(source)
    state = _read_state(directory)
    done = {one.name for one in archives if state.get(one.name, {}).get("unpacked") == one.version}
    return Plan(directory, archives, frozenset(done))


def fetch(plan, progress=True, patience=None):
    """Fetch and unpack what is missing.

    Parameters
    ----------
    plan : Plan
    progress : bool
        Show progress bars.
    patience : Patience, optional

    Returns
    -------
    dict of str to pathlib.Path
        The folders ``train`` and ``test``, as `folders` gives them.

    Raises
    ------
    ArchiveError
        If an archive cannot be fetched, has another MD5 than the record says, is broken, or holds
        paths outside the directory.
    ExposureError
        If there is not enough free space.
    InputError
        If a file of the directory is in the way, or another process fetches into it.
    """
    if plan.missing:
        with exclusive(plan.directory):
            begun = _read_state(plan.directory)
            to_unpack = sum(one.bytes for one in plan.missing if one.name not in begun)
            space.require_space(plan.directory, plan.bytes + to_unpack)
            for one in plan.missing:
                if one.url:
                    _download(one, progress, patience)
            for one in plan.missing:
                _unpack(one, plan.directory, progress)
    return folders(plan.directory)


def folders(directory):
    """Return the folders with patches.

    Parameters
    ----------
    directory : path-like
        Of the unpacked archive; the folders may lie one level deeper.

    Returns
    -------
    dict of str to pathlib.Path
        ``train``, ``test`` or both.

    Raises
    ------
    InputError
        If there are none.
    """
    found = _patch_folders(Path(directory))
    if not found:
        raise InputError(
            f"{directory} has neither npy_train nor npy_test: it is not the published archive, or not "
            "unpacked ('acs-deepcr fetch DIR --zenodo ARCHIVE' unpacks it)."
        )
    return found


def _patch_folders(directory):
    found = {}
    for part, name in _PARTS.items():
        candidates = [directory / name, *sorted(directory.glob(f"*/{name}"))]
        existing = [folder for folder in candidates if folder.is_dir()]
        if existing:
            found[part] = existing[0]
    return found


def _of_record(address, directory, patience):
    """Return the archives of a record."""
    address = re.sub(r"(?<!api)/records?/(\d+)/?$", r"/api/records/\1", address)
    record = download.fetch_json(address, patience)
    try:
        files = [
            PatchArchive(
                name=PurePosixPath(file["key"]).name,
                bytes=int(file["size"]),
                path=directory / PurePosixPath(file["key"]).name,
                url=file["links"]["self"],
                md5=file["checksum"].removeprefix("md5:"),
            )
            for file in record["files"]
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ArchiveError(
            f"{address} does not describe public files ({type(error).__name__}: {error}): check the address."
        ) from error
    archives = tuple(file for file in files if file.name.endswith(SUFFIXES))
    strange = [file.name for file in archives if not is_plain(file.name)]
    if strange:
        raise ArchiveError(f"{address} lists {strange[0]!r}, which is no name of a file: check the address.")
    if not archives:
        raise ArchiveError(f"{address} has no archive among its {len(files)} files: check the address.")
    return archives


def _of_copy(source):
    """Return the archives of a local copy."""
    if not source.exists():
        raise InputError(f"{source} is not there: name the archive file, or the directory that has it.")
    paths = sorted(source.iterdir()) if source.is_dir() else [source]
    archives = tuple(
        PatchArchive(path.name, path.stat().st_size, path)
        for path in paths
        if path.is_file() and path.name.endswith(SUFFIXES)
    )
    if not archives:
        raise InputError(
            f"{source} holds neither npy_train nor npy_test nor an archive ({', '.join(SUFFIXES)}): name "
            "what does."
        )
    return archives


def _download(one, progress, patience):
    if one.path.exists():
        if download.checksum(one.path, "md5") != one.md5:
            raise InputError(f"{one.path} is not what the record has under that name: move it away.")
        return
    part = _part(one.path)
    with tqdm(
        total=one.bytes,
        initial=_partial_bytes(one),
        unit="B",
        unit_scale=True,
        desc=one.name,
        disable=None if progress else True,
    ) as bar:
        download.get(one.url, part, patience, bar.update)
    if download.checksum(part, "md5") != one.md5:
        part.unlink()
        raise ArchiveError(
            f"{one.name} came with another MD5 than the record says, and is removed: run it again."
        )
    os.replace(part, one.path)


def _unpack(one, directory, progress):
    """Unpack, and record it before and after, to recognise our own files in the next run."""
    state = _read_state(directory)

    def check(members):
        if state.get(one.name, {}).get("begun") == one.version:
            return
        for member in members:
            if (directory / member.name).exists():
                raise InputError(
                    f"{directory / member.name} is there already and did not come from {one.name}: give "
                    "another directory, or move it away."
                )
        _write_state(directory, one.name, {"begun": one.version})

    with tqdm(
        unit="B", unit_scale=True, desc=f"unpacking {one.name}", disable=None if progress else True
    ) as bar:
        count = unpack(one.path, directory, check, bar.update)
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    record = {"unpacked": one.version, "url": one.url, "bytes": one.bytes, "files": count, "date": date}
    _write_state(directory, one.name, record)


def _read_state(directory):
    path = directory / _STATE
    if not path.exists():
        return {}
    try:
        require_regular(path, LARGEST_TEXT)
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise InputError(
            f"{path} cannot be read ({error}): move it away and give a new directory."
        ) from error


def _write_state(directory, name, record):
    state = _read_state(directory) | {name: record}
    with atomic.atomic(directory / _STATE) as temporary:
        temporary.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")


def _part(path):
    return path.with_name(path.name + ".part")


def _partial_bytes(one):
    """Return the bytes of an interrupted fetch."""
    part = _part(one.path)
    return min(part.stat().st_size, one.bytes) if part.exists() else 0
