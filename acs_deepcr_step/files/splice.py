"""An exposure with some of its HDUs changed, and every other byte as it was."""

import contextlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import ExposureError
from .atomic import atomic
from .exposure import opened, require_unchanged

__all__ = ["Edit", "splice"]

_CHUNK = 8 * 1024 * 1024


@dataclass(frozen=True)
class Edit:
    """New content for one HDU.

    Attributes
    ----------
    header : bytes
    data : bytes-like or None
        None keeps the data as they are. Padding is added by `splice`.
    """

    header: bytes
    data: bytes | memoryview | np.ndarray | None = None


def splice(exposure, target, edits, notes=None, before=None):
    """Write a copy of an exposure with some HDUs changed, in the place of `target`.

    Parameters
    ----------
    exposure : exposure.Exposure
    target : pathlib.Path
        The exposure's own path, or another.
    edits : dict of int to Edit
        By index of the HDU.
    notes : list of str, optional
        As for `atomic`.
    before : callable, optional
        Called when the new file is complete and checked, before it takes its
        place; whatever it raises leaves the target as it was.

    Raises
    ------
    ExposureError
        If the exposure was changed meanwhile, the target cannot be written, or
        what was written is not what was meant. The target is as it was.
    """
    parts = _parts(exposure, edits)

    def check():
        # As late as possible: a file that another program changed is not ours to replace.
        require_unchanged(exposure)
        if before is not None:
            before()
            require_unchanged(exposure)

    with atomic(target, notes, check, ExposureError) as temporary:
        with opened(exposure) as source, open(temporary, "xb", opener=_private) as copy:
            for part in parts:
                for chunk in _chunks(source, part):
                    copy.write(chunk)
            _keep_owner(target if Path(target).exists() else exposure.path, copy.fileno())
            copy.flush()
            os.fsync(copy.fileno())
        _verify(exposure, temporary, parts)


def _private(path, flags):
    """Open for the owner alone, until the mode of the old file is set."""
    return os.open(path, flags, 0o600)


def _parts(exposure, edits):
    """Return the new file in order: new bytes, or (start, end) of unchanged ones."""
    parts = []
    for index, span in enumerate(exposure.spans):
        edit = edits.get(index)
        if edit is None:
            parts.append((span.header, span.end))
            continue
        parts.append(edit.header)
        if edit.data is None:
            parts.append((span.data, span.end))
        else:
            data = memoryview(edit.data).cast("B")
            parts += [data, b"\0" * (span.end - span.data - len(data))]
    # Bytes after the last HDU are the user's too.
    parts.append((exposure.spans[-1].end, exposure.state.size))
    return parts


def _chunks(source, part):
    if not isinstance(part, tuple):
        yield part
        return
    source.seek(part[0])
    left = part[1] - part[0]
    while left > 0:
        chunk = source.read(min(left, _CHUNK))
        if not chunk:
            raise OSError("the exposure became shorter meanwhile")
        left -= len(chunk)
        yield chunk


def _keep_owner(old, descriptor):
    stat_old = os.stat(old)
    os.fchmod(descriptor, stat.S_IMODE(stat_old.st_mode))
    if hasattr(os, "fchown"):
        with contextlib.suppress(PermissionError):  # only the superuser may give files away
            os.fchown(descriptor, stat_old.st_uid, stat_old.st_gid)


def _verify(exposure, written, parts):
    """Read the new file back and compare it with what it was made of."""
    with opened(exposure) as source, open(written, "rb") as copy:
        for part in parts:
            for chunk in _chunks(source, part):
                if copy.read(len(chunk)) != bytes(chunk):
                    require_unchanged(exposure)
                    raise ExposureError(
                        f"{exposure.path}: the new file differs from what was written, so it is not used "
                        "and the exposure is as it was: check the disk."
                    )
        if copy.read(1):
            raise ExposureError(f"{exposure.path}: the new file is too long; the exposure is as it was.")
