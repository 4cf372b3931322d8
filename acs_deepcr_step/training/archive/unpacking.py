"""Unpacking of tar and zip archives: safe and resumable.

An archive that holds anything but plain files and directories inside the target directory is refused
before a file is written.
"""

import lzma
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath

from ...errors import ArchiveError, StepError
from ...files import space

__all__ = ["SUFFIXES", "Member", "unpack"]

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")

# What a malformed archive makes the readers raise: names with NUL, methods that are unknown, absurd numbers.
_BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, struct.error, ValueError,
    RuntimeError, ArithmeticError,
)  # fmt: skip
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class Member:
    """A plain file of an archive.

    Attributes
    ----------
    name : str
        Path inside the archive, with slashes.
    bytes : int
    info : tarfile.TarInfo or zipfile.ZipInfo
    """

    name: str
    bytes: int
    info: tarfile.TarInfo | zipfile.ZipInfo


def unpack(archive, directory, check=None, progress=None):
    """Unpack an archive; files that are there already in the right size stay.

    Parameters
    ----------
    archive : pathlib.Path
    directory : pathlib.Path
        Must exist.
    check : callable, optional
        Called with the list of all `Member` before anything is written; may raise.
    progress : callable, optional
        Called with the number of bytes of each file once it is written.

    Returns
    -------
    int
        Number of files.

    Raises
    ------
    ArchiveError
        If the archive is broken, holds a link, a device, or a name that leads out of the directory,
        or a file cannot be written.
    ExposureError
        If there is no room.
    """
    try:
        with _opened(archive, directory) as source:
            members = [_safe(archive, directory, member) for member in source.members()]
            if check is not None:
                check(members)
            space.require_space(directory, sum(_missing_bytes(directory, member) for member in members))
            for member in members:
                if _missing_bytes(directory, member):
                    _write(source, member, directory / member.name)
                if progress is not None:
                    progress(member.bytes)
    except StepError:
        raise
    except tarfile.FilterError as error:
        raise ArchiveError(
            f"{archive} holds what is never unpacked ({error}): nothing was; it is not to be trusted, "
            f"or {directory} has a link that leads out of it."
        ) from error
    except _BROKEN as error:
        why = str(error) or type(error).__name__
        raise ArchiveError(f"{archive} is broken ({why}): fetch it anew.") from error
    except OSError as error:
        raise ArchiveError(
            f"{archive} could not be unpacked into {directory} ({error.strerror or error}): check the disk "
            "and run it again; what is there stays."
        ) from error
    return len(members)


def _opened(archive, directory):
    return _Zip(archive) if archive.suffix == ".zip" else _Tar(archive, directory)


class _Tar:
    """A tar archive, compressed or not; members that would leave the directory are refused."""

    def __init__(self, path, directory):
        self._file, self._directory = tarfile.open(path), directory

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def members(self):
        end = 0
        for info in self._file.getmembers():
            tarfile.data_filter(info, str(self._directory))
            if not (info.isfile() or info.isdir()) or info.issparse():
                raise tarfile.SpecialFileError(info)
            end = info.offset_data + -(-info.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
            if info.isfile():
                yield Member(info.name, info.size, info)
        # tarfile does not notice an archive that was cut between two files.
        self._file.fileobj.seek(end)
        if self._file.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("it ends early")

    def open(self, member):
        return self._file.extractfile(member.info)


class _Zip:
    """A zip archive."""

    def __init__(self, path):
        self._file = zipfile.ZipFile(path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def members(self):
        for info in self._file.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR) or info.flag_bits & 1:
                raise zipfile.BadZipFile(f"{info.filename} is a link, a device, or encrypted")
            if "\0" in info.orig_filename:  # zipfile would take what stands before it for the name
                raise zipfile.BadZipFile(f"{info.orig_filename!r} is no name of a file")
            if not info.is_dir():
                yield Member(info.filename, info.file_size, info)

    def open(self, member):
        return self._file.open(member.info)


def _safe(archive, directory, member):
    """Return the member, or refuse one that would leave the directory."""
    path = PurePosixPath(member.name)
    root = directory.resolve()
    inside = (root / path).resolve().is_relative_to(root)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or not inside:
        raise ArchiveError(
            f"{archive} holds {member.name!r}, which leads out of {directory}: nothing was unpacked; the "
            f"archive is not to be trusted, or {directory} has a link that leads out of it."
        )
    return member


def _missing_bytes(directory, member):
    """Return the number of bytes of a member that are still to be written."""
    path = directory / member.name
    return 0 if path.is_file() and path.stat().st_size == member.bytes else max(member.bytes, 1)


def _write(source, member, target):
    """Write under a temporary name first: a file under its own name is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        with source.open(member) as packed, open(part, "wb") as file:
            shutil.copyfileobj(packed, file, _CHUNK)
            written = file.tell()
        if written != member.bytes:
            raise tarfile.ReadError(f"{member.name} has {written} bytes, not {member.bytes}")
    except _BROKEN:
        part.unlink(missing_ok=True)
        raise
    os.replace(part, target)
