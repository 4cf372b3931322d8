"""One file from an address, resumable.

A cut connection goes on where it was cut, in the same run or in the next, if the
server can; a file that was replaced on the server meanwhile is begun anew.
"""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from ..errors import ArchiveError, ParameterError

__all__ = ["Patience", "digest", "get", "json_from", "needs", "reason"]

# What is lost of a connection that is cut.
_CHUNK = 64 * 1024
# A server that is busy or restarting: asking again later is right.
_LATER = (429, 500, 502, 503, 504)
_LONGEST_WAIT = 120.0


@dataclass(frozen=True)
class Patience:
    """How hard to try.

    Attributes
    ----------
    tries : int
        In a row without a single byte that came.
    wait : float
        Seconds before the second try; doubled for each further one.
    timeout : float
        Seconds without an answer that end a try.
    """

    tries: int = 5
    wait: float = 2.0
    timeout: float = 60.0


@dataclass(frozen=True)
class _Answer:
    """Where the bytes of an answer belong, and how long the whole file is (None: not told)."""

    start: int
    total: int | None


class _Cut(Exception):
    """The connection ended early, or the server asks to come back: worth another try."""

    def __init__(self, reason, wait=0.0):
        super().__init__(reason)
        self.wait = wait


def needs(module, purpose):
    """Import a module of the extra [train].

    Parameters
    ----------
    module : str
    purpose : str
        What it is for, to be said if it is missing.

    Returns
    -------
    module

    Raises
    ------
    ParameterError
        If it is not installed.
    """
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ParameterError(
            f"{purpose} needs {module.split('.')[0]} ({error}): install it with "
            "pip install 'acs_deepcr_step[train]'."
        ) from error


def get(url, part, patience=None, progress=None):
    """Fetch what is at an address into a file, going on with what is there of it.

    Parameters
    ----------
    url : str
    part : pathlib.Path
        Where the bytes go; ``<part>.tag`` beside it tells the version on the server
        while the file is incomplete.
    patience : Patience, optional
    progress : callable, optional
        Called with the number of bytes that came; negative when those that were
        there are given up.

    Returns
    -------
    int
        Size of the complete file, bytes.

    Raises
    ------
    ArchiveError
        If the server does not answer, refuses, or cuts the connection again and
        again; what came stays for the next run. If the disk is full.
    """
    requests = needs("requests", "Fetching")
    patience = patience or Patience()
    failures, before = 0, _size(part)
    while True:
        try:
            with requests.Session() as session:
                size = _try(session, url, part, patience, progress)
            _tag_file(part).unlink(missing_ok=True)
            return size
        except (_Cut, requests.RequestException) as error:
            now = _size(part)
            failures = 1 if now > before else failures + 1
            before = now
            if failures >= patience.tries:
                raise ArchiveError(
                    f"{url} could not be fetched ({reason(error)}): check the connection and run it again; "
                    "what came is kept and goes on from there."
                ) from error
            time.sleep(max(patience.wait * 2 ** (failures - 1), getattr(error, "wait", 0.0)))
        except OSError as error:
            raise ArchiveError(
                f"{part} could not be written ({error.strerror or error}): check the free space and the "
                "permissions of its directory and run it again."
            ) from error


def json_from(url, patience=None):
    """Fetch a JSON document.

    Parameters
    ----------
    url : str
    patience : Patience, optional

    Returns
    -------
    object

    Raises
    ------
    ArchiveError
        If the server does not answer, or with something else.
    """
    requests = needs("requests", "Fetching")
    patience = patience or Patience()
    for attempt in range(1, patience.tries + 1):
        try:
            response = requests.get(url, timeout=patience.timeout, headers={"Accept": "application/json"})
            _refuse(response)
            return response.json()
        except requests.JSONDecodeError as error:
            raise ArchiveError(
                f"{url} answers with something else than JSON: check the address, or try again later."
            ) from error
        except (_Cut, requests.RequestException) as error:
            if attempt == patience.tries:
                raise ArchiveError(
                    f"{url} does not answer ({reason(error)}): check the connection, or try again later."
                ) from error
            time.sleep(max(patience.wait * 2 ** (attempt - 1), getattr(error, "wait", 0.0)))


def digest(path, name="sha256"):
    """Return the checksum of a file.

    Parameters
    ----------
    path : pathlib.Path
    name : str
        Of the hash, as hashlib knows it.

    Returns
    -------
    str
        Hexadecimal.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, name).hexdigest()


def _try(session, url, part, patience, progress):
    """One request; the size of the complete file."""
    have, tag = _size(part), _read_tag(part)
    if have and not tag:  # nothing tells whether the server still has that version
        have = 0
    # Compressed on the way, the bytes would not be those of the file, and could not be counted.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": tag}
    with session.get(url, headers=headers, stream=True, timeout=patience.timeout) as response:
        if response.status_code == 416:
            return _complete_already(response, part, have, progress)
        _refuse(response)
        if response.status_code == 206 and _tag(response) not in ("", tag):
            _give_up(part, have, progress)
        answer = _placed(response, have)
        if progress is not None and answer.start < _size(part):
            progress(answer.start - _size(part))
        _tag_file(part).write_text(_tag(response), encoding="utf-8")
        with open(part, "r+b" if answer.start else "wb") as file:
            file.truncate(answer.start)
            file.seek(answer.start)
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                if progress is not None:
                    progress(len(chunk))
    size = _size(part)
    if answer.total is not None and size != answer.total:
        raise _Cut(f"{size} of {answer.total} bytes came")
    return size


def _refuse(response):
    """Raise for any status but success."""
    status = response.status_code
    if status in _LATER:
        wait = response.headers.get("Retry-After", "")
        raise _Cut(f"status {status}", min(float(wait), _LONGEST_WAIT) if wait.isdigit() else 0.0)
    if status not in (200, 206):
        raise ArchiveError(
            f"{response.url} is refused with status {status} ({response.reason}): "
            "check that it exists and is public, or try again later."
        )


def _complete_already(response, part, have, progress):
    """What remains is nothing, or the server's file is another one."""
    total = response.headers.get("Content-Range", "").rpartition("/")[2]
    if total.isdigit() and int(total) == have:
        return have
    return _give_up(part, have, progress)


def _give_up(part, have, progress):
    """What came belongs to another version of the file."""
    part.unlink(missing_ok=True)
    if progress is not None:
        progress(-have)
    raise _Cut("the file on the server is not the one that was begun")


def _placed(response, have):
    length = response.headers.get("Content-Length", "")
    length = int(length) if length.isdigit() else None
    if response.status_code == 206:
        span, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        if span.partition("-")[0] != str(have):
            raise _Cut(f"bytes from {have} were asked for, and {span or 'others'} came")
        return _Answer(have, int(total) if total.isdigit() else None)
    return _Answer(0, length)


def _tag(response):
    """What names this version of the file; empty if nothing does."""
    tag = response.headers.get("ETag", "")
    # A weak tag promises less than equal bytes.
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")


def _tag_file(part):
    return part.with_name(part.name + ".tag")


def _read_tag(part):
    path = _tag_file(part)
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _size(path):
    return path.stat().st_size if Path(path).exists() else 0


def reason(error):
    """Return the cause of an error in a few words: those of connections nest deeply.

    Parameters
    ----------
    error : Exception

    Returns
    -------
    str
    """
    while True:
        inner = [
            part for part in (getattr(error, "reason", None), *error.args) if isinstance(part, Exception)
        ]
        if not inner:
            return str(error).rpartition(": ")[2] or type(error).__name__
        error = inner[-1]
