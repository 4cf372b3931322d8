"""Patches on disk in a few large files.

    DIRECTORY/F435W_10349_30/index.ecsv          a row per patch; the shards in its metadata
    DIRECTORY/F435W_10349_30/0000.image.npy      (N, S, S) float32
    DIRECTORY/F435W_10349_30/0000.truth.npy      (N, S, S/8) uint8, a bit per pixel
    DIRECTORY/F435W_10349_30/0000.ignore.npy     the same

An observation set is written under a hidden name and renamed when complete. The reader maps one patch
at a time.
"""

import hashlib
import itertools
import os
import shutil

import numpy as np
from astropy.table import Table, vstack

from ...errors import InputError, OutputError, warn
from ...regular_file import LARGEST_TEXT, require_regular
from ..archive.names import is_plain
from .patch import INDEX_COLUMNS, Patches, cut
from .shard_files import ShardReader, ShardWriter

__all__ = ["finished", "is_here", "read", "write"]

_INDEX = "index.ecsv"
_FORMAT = "acs_deepcr_step patches 1"
_UNFINISHED = ".{}.unfinished"


def is_here(directory):
    """Return whether a directory holds observation sets in this layout."""
    return bool(finished(directory))


def finished(directory):
    """Return the names of the finished observation sets, sorted."""
    return sorted(path.parent.name for path in directory.glob(f"[!.]*/{_INDEX}"))


def write(samples, directory, options):
    """Write patches; see `dataset.write`.

    Parameters
    ----------
    samples : iterable of Sample
    directory : pathlib.Path
    options : PatchOptions

    Returns
    -------
    astropy.table.Table

    Raises
    ------
    InputError, OutputError
        See `dataset.write`.
    """
    rows, seen = [], set()
    _require_same_options(directory, options)
    for name, group in itertools.groupby(samples, key=lambda sample: sample.origin.observation_set):
        if not is_plain(name):
            raise InputError(
                f"{name!r} cannot be the name of an observation set: use letters, digits, _ and -."
            )
        if name in seen:
            raise InputError(
                f"The samples of {name} come in two places: hand over one observation set after the other."
            )
        seen.add(name)
        target = directory / name
        status = "kept"
        if not (target / _INDEX).exists():
            status = "written"
            try:
                _write_set(group, target, options)
            except OSError as error:
                raise OutputError(
                    f"{target} could not be written ({error.strerror or error}): check the free space and "
                    "the permissions, then call it again; finished observation sets are kept."
                ) from error
        index = _read_index(target)
        rows.append((name, len(set(index["exposure"])), len(index), status))
    return Table(
        rows=rows or None,
        names=["observation_set", "n_exposures", "n_patches", "status"],
        dtype=[str, int, int, str],
    )


def _require_same_options(directory, options):
    for name in finished(directory)[:1]:
        meta = _read_index(directory / name).meta
        for option in ("side", "border", "min_exptime"):
            if meta[option] != getattr(options, option):
                raise InputError(
                    f"{directory / name} was cut with {option}={meta[option]}, not "
                    f"{getattr(options, option)}: give another directory, or the same options."
                )


def _write_set(samples, target, options):
    """Write one observation set under a hidden name, then rename it."""
    hidden = target.with_name(_UNFINISHED.format(target.name))
    shutil.rmtree(hidden, ignore_errors=True)  # left by a killed run
    hidden.mkdir(parents=True)
    try:
        with _SetWriter(hidden, options) as writer:
            for sample in _usable(samples, target.name, options):
                for patch in cut(sample, options):
                    writer.append(patch, sample.origin)
        _write_index(hidden / _INDEX, writer.rows, writer.shards, options)
        os.rename(hidden, target)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise


class _SetWriter:
    """Writes patches into one shard after the other."""

    def __init__(self, directory, options):
        self.rows, self.shards = [], []
        self._directory, self._options, self._open = directory, options, None

    def append(self, patch, origin):
        if self._open is not None and self._open.count == self._options.shard_patches:
            self.close()
        if self._open is None:
            self._open = ShardWriter(self._directory, f"{len(self.shards):04d}", self._options.side)
        self._open.append(patch)
        self.rows.append([patch.sky if key == "sky" else getattr(origin, key) for key in INDEX_COLUMNS])

    def close(self):
        if self._open is not None:
            shard, self._open = self._open, None
            self.shards.append(shard.close())

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def _usable(samples, name, options):
    """Yield the samples that give patches; warn of the others at the end."""
    short, no_sky, small = {}, [], []
    least = options.side + 2 * options.border
    for sample in samples:
        origin = sample.origin
        if origin.exptime < options.min_exptime:
            short[origin.exposure] = f"{origin.exposure} ({origin.exptime:g} s)"
        elif not np.isfinite(sample.sky):
            no_sky.append(f"{origin.exposure}[{origin.extver}]")
        elif min(np.shape(sample.image)) < least:
            small.append(f"{origin.exposure}[{origin.extver}]")
        else:
            yield sample
    for names, reason in (
        (list(short.values()), f"shorter than {options.min_exptime:g} s"),
        (no_sky, "without a sky level"),
        (small, f"smaller than a patch and its border ({least} pixels)"),
    ):
        if names:
            warn(f"{name}: left out, {reason}: {', '.join(names)}.")


def _write_index(path, rows, shards, options):
    columns = list(zip(*rows, strict=True)) or [[] for _ in INDEX_COLUMNS]
    index = Table(columns, names=list(INDEX_COLUMNS), dtype=list(INDEX_COLUMNS.values()))
    index.meta.update(
        format=_FORMAT,
        side=options.side,
        border=options.border,
        min_exptime=float(options.min_exptime),
        shards=shards,
    )
    index.write(path, format="ascii.ecsv")
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _read_index(directory):
    path = directory / _INDEX
    try:
        require_regular(path, LARGEST_TEXT)
        index = Table.read(path, format="ascii.ecsv")
        n_patches = sum(shard["patches"] for shard in index.meta["shards"])
        if (
            index.meta["format"] != _FORMAT
            or list(index.colnames) != list(INDEX_COLUMNS)
            or n_patches != len(index)
            or not all(is_plain(str(shard["number"])) for shard in index.meta["shards"])
        ):
            raise ValueError("not the index of patches")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} cannot be read as an index of patches: remove {directory} and write that set again."
        ) from error
    # Astropy reads an empty field type as a masked value.
    columns = [_column(index[name], kind) for name, kind in INDEX_COLUMNS.items()]
    return Table(columns, names=list(INDEX_COLUMNS), meta=index.meta)


def _column(column, kind):
    if kind is str:
        return np.array(["" if value is np.ma.masked else str(value) for value in column], dtype=str)
    return np.ma.filled(np.ma.asarray(column).astype(kind), np.nan if kind is float else 0)


def read(directory):
    """Open the patches in a directory; see `dataset.open_patches`.

    Parameters
    ----------
    directory : pathlib.Path

    Returns
    -------
    Patches

    Raises
    ------
    InputError
        If there are none, or files are missing or damaged.
    """
    indices, digest, files, sides = [], hashlib.sha256(), [], set()
    for name in finished(directory):
        index = _read_index(directory / name)
        digest.update(name.encode() + b"\0" + (directory / name / _INDEX).read_bytes())
        sides.add(index.meta["side"])
        for shard in index.meta["shards"]:
            files.append(ShardReader(directory / name, shard, index.meta["side"]))
        index.meta.clear()
        if len(index):
            indices.append(index)
    if not indices:
        raise InputError(f"The observation sets in {directory} hold no patch: write them with other options.")
    if len(sides) > 1:
        raise InputError(
            f"{directory} holds patches of {sorted(sides)} pixels side by side: keep one kind there."
        )
    return Patches(vstack(indices), _Reader(files), sides.pop(), digest.hexdigest())


class _Reader:
    """Reads a patch by its number in all shards."""

    def __init__(self, files):
        self._files = files
        self._first = np.cumsum([0, *(shard.count for shard in files)])

    def __call__(self, number, sky):
        shard = int(np.searchsorted(self._first, number, side="right")) - 1
        return self._files[shard].read(number - int(self._first[shard]), sky)
