"""Download of one file, resumable.

A download that was cut continues where it stopped, in the same run or the next, if the server can;
a file that was replaced on the server meanwhile is downloaded anew.
"""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from ...errors import ArchiveError, ParameterError

__all__ = ["Patience", "cause", "checksum", "fetch_json", "get", "require_module"]

# Bytes per read: at most so many are lost when the connection is cut.
_CHUNK = 64 * 1024
# Status codes of a server that is busy or restarting.
_RETRY = (429, 500, 502, 503, 504)
_MAX_WAIT = 120.0


@dataclass(frozen=True)
class Patience:
    """How often and how long to try.

    Attributes
    ----------
    tries : int
        Failures in a row, without a single byte received, before giving up.
    wait : float
        Seconds before the second try; doubled for each further one.
    timeout : float
        Seconds without an answer that end an attempt.
    """

    tries: int = 5
    wait: float = 2.0
    timeout: float = 60.0


@dataclass(frozen=True)
class _Response:
    """Offset of a response's first byte in the file, and the size of the file (None: unknown)."""

    start: int
    total: int | None


class _InterruptedError(Exception):
    """The connection ended early, or the server is busy: worth another try."""

    def __init__(self, reason, wait=0.0):
        super().__init__(reason)
        self.wait = wait


def require_module(module, purpose):
    """Import a module of the extra [train].

    Parameters
    ----------
    module : str
    purpose : str
        What it is for; part of the error message.

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
    """Download a URL into a file, continuing a partial one.

    Parameters
    ----------
    url : str
    part : pathlib.Path
        The file. While it is incomplete, ``<part>.tag`` beside it holds its version on the server.
    patience : Patience, optional
    progress : callable, optional
        Called with the number of bytes received; negative when a partial file is dropped.

    Returns
    -------
    int
        Size of the complete file, bytes.

    Raises
    ------
    ArchiveError
        If the server does not answer, refuses, or cuts the connection again and again (the partial
        file stays for the next run), or the disk is full.
    """
    requests = require_module("requests", "Fetching")
    patience = patience or Patience()
    failures, size_before = 0, _size(part)
    while True:
        try:
            with requests.Session() as session:
                size = _try(session, url, part, patience, progress)
            _tag_file(part).unlink(missing_ok=True)
            return size
        except (_InterruptedError, requests.RequestException) as error:
            size_now = _size(part)
            failures = 1 if size_now > size_before else failures + 1
            size_before = size_now
            if failures >= patience.tries:
                raise ArchiveError(
                    f"{url} could not be fetched ({cause(error)}): check the connection and run it again; "
                    "what came is kept and goes on from there."
                ) from error
            time.sleep(max(patience.wait * 2 ** (failures - 1), getattr(error, "wait", 0.0)))
        except OSError as error:
            raise ArchiveError(
                f"{part} could not be written ({error.strerror or error}): check the free space and the "
                "permissions of its directory and run it again."
            ) from error


def fetch_json(url, patience=None):
    """Fetch a JSON document.

    Parameters
    ----------
    url : str
    patience : Patience, optional

    Returns
    -------
    dict or list

    Raises
    ------
    ArchiveError
        If the server does not answer, or not with JSON.
    """
    requests = require_module("requests", "Fetching")
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
        except (_InterruptedError, requests.RequestException) as error:
            if attempt == patience.tries:
                raise ArchiveError(
                    f"{url} does not answer ({cause(error)}): check the connection, or try again later."
                ) from error
            time.sleep(max(patience.wait * 2 ** (attempt - 1), getattr(error, "wait", 0.0)))


def checksum(path, name="sha256"):
    """Return the checksum of a file.

    Parameters
    ----------
    path : pathlib.Path
    name : str
        Name of the hash in hashlib.

    Returns
    -------
    str
        Hexadecimal.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, name).hexdigest()


def _try(session, url, part, patience, progress):
    """Make one request; return the size of the complete file."""
    have, tag = _size(part), _read_tag(part)
    if have and not tag:  # the version of the partial file is unknown
        have = 0
    # With a compressed transfer the received bytes could not be counted.
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": tag}
    with session.get(url, headers=headers, stream=True, timeout=patience.timeout) as response:
        if response.status_code == 416:
            return _finish_at_end(response, part, have, progress)
        _refuse(response)
        if response.status_code == 206 and _tag(response) not in ("", tag):
            _discard(part, have, progress)
        answer = _parse_response(response, have)
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
        raise _InterruptedError(f"{size} of {answer.total} bytes came")
    return size


def _refuse(response):
    """Raise for any status but success."""
    status = response.status_code
    if status in _RETRY:
        wait = response.headers.get("Retry-After", "")
        raise _InterruptedError(f"status {status}", min(float(wait), _MAX_WAIT) if wait.isdigit() else 0.0)
    if status not in (200, 206):
        raise ArchiveError(
            f"{response.url} is refused with status {status} ({response.reason}): "
            "check that it exists and is public, or try again later."
        )


def _finish_at_end(response, part, have, progress):
    """Return the size if the partial file is complete; else the server has another version."""
    total = response.headers.get("Content-Range", "").rpartition("/")[2]
    if total.isdigit() and int(total) == have:
        return have
    return _discard(part, have, progress)


def _discard(part, have, progress):
    """Remove a partial file of another version."""
    part.unlink(missing_ok=True)
    if progress is not None:
        progress(-have)
    raise _InterruptedError("the file on the server is not the one that was begun")


def _parse_response(response, have):
    length = response.headers.get("Content-Length", "")
    length = int(length) if length.isdigit() else None
    if response.status_code == 206:
        span, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        if span.partition("-")[0] != str(have):
            raise _InterruptedError(f"bytes from {have} were asked for, and {span or 'others'} came")
        return _Response(have, int(total) if total.isdigit() else None)
    return _Response(0, length)


def _tag(response):
    """Return the identifier of the file's version on the server; empty if it has none."""
    tag = response.headers.get("ETag", "")
    # A weak ETag does not promise equal bytes.
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified", "")


def _tag_file(part):
    return part.with_name(part.name + ".tag")


def _read_tag(part):
    path = _tag_file(part)
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _size(path):
    return path.stat().st_size if Path(path).exists() else 0


def cause(error):
    """Return the innermost cause of a connection error, in a few words.

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
