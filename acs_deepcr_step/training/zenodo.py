"""The published training and test patches: Zenodo record 4295902, or a copy of it.

The record holds tar archives; unpacked they are
``npy_{train,test}/<filter>/<programme>/<visit>/*.npy`` (the filter in lower case), each file
an image, its mask and what to ignore, with the sky levels in ``sky.npy`` of each folder. `plan` shows what
would be fetched and unpacked, `fetch` does it; both can be called again at any time.

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

from .. import saving
from ..errors import ArchiveError, InputError
from . import download, fetchdir
from .unpack import SUFFIXES, unpack

__all__ = ["RECORD", "Packed", "Plan", "fetch", "folders", "plan"]

RECORD = "https://zenodo.org/api/records/4295902"

_STATE = "zenodo.json"
_PARTS = {"train": "npy_train", "test": "npy_test"}


@dataclass(frozen=True)
class Packed:
    """An archive with patches.

    Attributes
    ----------
    name : str
    bytes : int
    path : pathlib.Path
        Where it stands, or will stand once it is fetched.
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
    def stamp(self):
        """What tells this archive from another of the same name."""
        return self.md5 or f"{self.bytes} {self.path.stat().st_mtime_ns}"


@dataclass(frozen=True)
class Plan:
    """What a fetch would do.

    Attributes
    ----------
    directory : pathlib.Path
        Where the patches go; the copy itself, if that is unpacked already.
    packed : tuple of Packed
        The archives; empty for an unpacked copy.
    unpacked : frozenset of str
        Names of the archives that are unpacked already.
    """

    directory: Path
    packed: tuple = ()
    unpacked: frozenset = frozenset()

    @property
    def missing(self):
        """The archives that are still to be unpacked, and before that fetched if they have an address."""
        return [one for one in self.packed if one.name not in self.unpacked]

    @property
    def bytes(self):
        """How much is to be fetched."""
        return sum(one.bytes - _came(one) for one in self.missing if one.url and not one.path.exists())

    def __str__(self):
        if not self.packed:
            return f"{self.directory} is an unpacked copy: nothing to fetch."
        lines = [f"{'archive':32} {'size':>14}"]
        for one in self.packed:
            lines.append(f"{one.name:32} {fetchdir.megabytes(one.bytes):>14}  {self._state(one)}")
        packed, free = sum(one.bytes for one in self.missing), fetchdir.free(self.directory)
        lines.append(
            f"To fetch: {fetchdir.megabytes(self.bytes)}; to unpack: {fetchdir.megabytes(packed)} or more, "
            f"into {self.directory}, where {fetchdir.megabytes(free)} are free."
        )
        return "\n".join(lines)

    def _state(self, one):
        if one.name in self.unpacked:
            return "unpacked already"
        return "to unpack" if one.path.exists() else "to fetch"


def plan(directory, source=RECORD, patience=None):
    """Find out what is to be fetched and unpacked; changes nothing.

    Parameters
    ----------
    directory : path-like
        Where the patches are to go.
    source : str or path-like
        Address of a Zenodo record (its page or its API), an archive file, a directory
        of archive files, or a directory with the patches themselves.
    patience : acs_deepcr_step.training.download.Patience, optional

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
        packed = _of_record(str(source), directory, patience)
    else:
        source = Path(source).expanduser()
        if source.is_dir() and _present(source):
            return Plan(source)
        packed = _of_copy(source)
    state = _read_state(directory)
    done = {one.name for one in packed if state.get(one.name, {}).get("unpacked") == one.stamp}
    return Plan(directory, packed, frozenset(done))


def fetch(plan, progress=True, patience=None):
    """Fetch and unpack what is missing.

    Parameters
    ----------
    plan : Plan
    progress : bool
        Show progress bars.
    patience : acs_deepcr_step.training.download.Patience, optional

    Returns
    -------
    dict of str to pathlib.Path
        The folders ``train`` and ``test``, as `folders` gives them.

    Raises
    ------
    ArchiveError
        If an archive cannot be fetched, has another MD5 than the record says, is broken, or holds
        what would be written elsewhere.
    ExposureError
        If there is no room.
    InputError
        If a file of the directory is in the way, or another process fetches into it.
    """
    if plan.missing:
        with fetchdir.alone(plan.directory):
            begun = _read_state(plan.directory)
            packed = sum(one.bytes for one in plan.missing if one.name not in begun)
            saving.require_space(plan.directory, plan.bytes + packed)
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
        Where the archive is unpacked; the folders may stand one level deeper.

    Returns
    -------
    dict of str to pathlib.Path
        ``train``, ``test`` or both.

    Raises
    ------
    InputError
        If there are none.
    """
    found = _present(Path(directory))
    if not found:
        raise InputError(
            f"{directory} has neither npy_train nor npy_test: it is not the published archive, or not "
            "unpacked ('acs-deepcr fetch DIR --zenodo ARCHIVE' unpacks it)."
        )
    return found


def _present(directory):
    found = {}
    for part, name in _PARTS.items():
        places = [directory / name, *sorted(directory.glob(f"*/{name}"))]
        here = [place for place in places if place.is_dir()]
        if here:
            found[part] = here[0]
    return found


def _of_record(address, directory, patience):
    """The archives of a record."""
    address = re.sub(r"(?<!api)/records?/(\d+)/?$", r"/api/records/\1", address)
    record = download.json_from(address, patience)
    try:
        files = [
            Packed(
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
    packed = tuple(file for file in files if file.name.endswith(SUFFIXES))
    if not packed:
        raise ArchiveError(f"{address} has no archive among its {len(files)} files: check the address.")
    return packed


def _of_copy(source):
    """The archives of a local copy."""
    if not source.exists():
        raise InputError(f"{source} is not there: name the archive file, or the directory that has it.")
    paths = sorted(source.iterdir()) if source.is_dir() else [source]
    packed = tuple(
        Packed(path.name, path.stat().st_size, path)
        for path in paths
        if path.is_file() and path.name.endswith(SUFFIXES)
    )
    if not packed:
        raise InputError(
            f"{source} holds neither npy_train nor npy_test nor an archive ({', '.join(SUFFIXES)}): name "
            "what does."
        )
    return packed


def _download(one, progress, patience):
    if one.path.exists():
        if download.digest(one.path, "md5") != one.md5:
            raise InputError(f"{one.path} is not what the record has under that name: move it away.")
        return
    part = _part(one.path)
    with tqdm(
        total=one.bytes,
        initial=_came(one),
        unit="B",
        unit_scale=True,
        desc=one.name,
        disable=None if progress else True,
    ) as bar:
        download.get(one.url, part, patience, bar.update)
    if download.digest(part, "md5") != one.md5:
        part.unlink()
        raise ArchiveError(
            f"{one.name} came with another MD5 than the record says, and is removed: run it again."
        )
    os.replace(part, one.path)


def _unpack(one, directory, progress):
    """Unpack, with a note before and after: what stands under a noted name is ours."""
    state = _read_state(directory)

    def check(members):
        if state.get(one.name, {}).get("begun") == one.stamp:
            return
        for member in members:
            if (directory / member.name).exists():
                raise InputError(
                    f"{directory / member.name} is there already and did not come from {one.name}: give "
                    "another directory, or move it away."
                )
        _write_state(directory, one.name, {"begun": one.stamp})

    with tqdm(
        unit="B", unit_scale=True, desc=f"unpacking {one.name}", disable=None if progress else True
    ) as bar:
        count = unpack(one.path, directory, check, bar.update)
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    record = {"unpacked": one.stamp, "url": one.url, "bytes": one.bytes, "files": count, "date": date}
    _write_state(directory, one.name, record)


def _read_state(directory):
    path = directory / _STATE
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise InputError(
            f"{path} cannot be read ({error}): move it away and give a new directory."
        ) from error


def _write_state(directory, name, record):
    state = _read_state(directory) | {name: record}
    with saving.atomic(directory / _STATE) as temporary:
        temporary.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")


def _part(path):
    return path.with_name(path.name + ".part")


def _came(one):
    """Bytes that an interrupted fetch left."""
    part = _part(one.path)
    return min(part.stat().st_size, one.bytes) if part.exists() else 0
