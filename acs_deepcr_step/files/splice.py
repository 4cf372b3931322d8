"""An exposure with some of its HDUs changed, and every other byte as it was."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import ExposureError
from .atomic import atomic_under_lock, private
from .exposure import opened, require_unchanged
from .rights import Rights

__all__ = ["Edit", "KeptRights", "require_keepable_rights", "splice"]

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


def splice(exposure, target, edits, notes=None, before=None, rights=None):
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
    rights : rights.Rights, optional
        Of the new file. Default: those of the target, or of the exposure where there
        is no target yet.

    Raises
    ------
    ExposureError
        If the exposure was changed meanwhile, the target cannot be written, would be
        lost to its owner or its group, or what was written is not what was meant. The
        target is as it was.
    """
    parts = _parts(exposure, edits)

    def check():
        # As late as possible: a file that another program changed is not ours to replace.
        require_unchanged(exposure)
        if before is not None:
            before()
            require_unchanged(exposure)

    with atomic_under_lock(target, notes, check, ExposureError) as temporary:
        with opened(exposure) as source, open(temporary, "xb", opener=private) as copy:
            for part in parts:
                for chunk in _chunks(source, part):
                    copy.write(chunk)
            if rights is not None:
                rights.give(copy.fileno())
            elif target.exists():
                KeptRights(target, notes).give(copy.fileno())
            else:
                Rights.of(exposure.path).give(copy.fileno())
            copy.flush()
            os.fsync(copy.fileno())
        _verify(exposure, temporary, parts)


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


@dataclass(frozen=True)
class KeptRights:
    """The rights of a file, for the one that takes its place.

    Attributes
    ----------
    old : pathlib.Path
    notes : list of str, optional
        Gets a warning where the owner is another one.
    """

    old: Path
    notes: list | None = None

    def give(self, descriptor):
        """Give a new file the rights of the old one.

        Parameters
        ----------
        descriptor : int

        Raises
        ------
        ExposureError
            If that would lock anybody out.
        """
        wanted = Rights.of(self.old)
        now = wanted.give(descriptor)
        loss = wanted.loss(now)
        if loss:
            raise ExposureError(_refusal(self.old, loss))
        if now.owner != wanted.owner and self.notes is not None:
            self.notes.append(
                f"{self.old} belonged to user {wanted.owner} and now belongs to {now.owner}, since only the "
                "superuser gives files away; its group and mode are as they were."
            )


def require_keepable_rights(old):
    """Refuse a file that this process could replace only with others' rights lost.

    Parameters
    ----------
    old : pathlib.Path

    Raises
    ------
    ExposureError
    """
    wanted = Rights.of(old)
    loss = wanted.loss(wanted.expected(old.parent))
    if loss:
        raise ExposureError(_refusal(old, loss))


def _refusal(old, loss):
    return (
        f"{old} is not replaced: {loss}. Let its owner or a member of its group run the step, or give an "
        "output_dir for the results."
    )


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
