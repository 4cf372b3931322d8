"""Patches on the disk in few large files.

    DIRECTORY/F435W_10349_30/index.ecsv          a row per patch; its metadata name the shards
    DIRECTORY/F435W_10349_30/0000.image.npy      (N, S, S) float32
    DIRECTORY/F435W_10349_30/0000.truth.npy      (N, S, S/8) uint8, a bit per pixel
    DIRECTORY/F435W_10349_30/0000.ignore.npy     the same

An observation set is written under a hidden name and renamed when it is complete, so
a directory under its own name is finished. The files are plain ``.npy`` files; the
reader maps the bytes of one patch at a time.
"""

import hashlib
import itertools
import os
import re
import shutil
import warnings

import numpy as np
from astropy.table import Table, vstack

from ..errors import InputError, StepWarning
from .patch import INDEX_COLUMNS, Patches, cut

__all__ = ["finished", "is_here", "read", "write"]

INDEX = "index.ecsv"
_FORMAT = "acs_deepcr_step patches 1"
_UNFINISHED = ".{}.unfinished"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_PLANES = ("image", "truth", "ignore")


def is_here(directory):
    """Return whether a directory holds observation sets that were written here."""
    return bool(finished(directory))


def finished(directory):
    """Return the names of the finished observation sets, sorted."""
    return sorted(path.parent.name for path in directory.glob(f"[!.]*/{INDEX}"))


def write(samples, directory, options):
    """See `patches.write`."""
    rows, seen = [], set()
    _require_same_options(directory, options)
    for name, group in itertools.groupby(samples, key=lambda sample: sample.origin.observation_set):
        if not _NAME.fullmatch(name):
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
        if not (target / INDEX).exists():
            status = "written"
            try:
                _write_set(group, target, options)
            except OSError as error:
                raise InputError(
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
    """Write one observation set under a hidden name, then give it its own."""
    hidden = target.with_name(_UNFINISHED.format(target.name))
    shutil.rmtree(hidden, ignore_errors=True)  # what a killed run left
    hidden.mkdir(parents=True)
    try:
        with _SetWriter(hidden, options) as writer:
            for sample in _usable(samples, target.name, options):
                for patch in cut(sample, options):
                    writer.append(patch, sample.origin)
        _write_index(hidden / INDEX, writer.rows, writer.shards, options)
        os.rename(hidden, target)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise


class _SetWriter:
    """Puts patches into one shard after the other."""

    def __init__(self, directory, options):
        self.rows, self.shards = [], []
        self._directory, self._options, self._open = directory, options, None

    def append(self, patch, origin):
        if self._open is not None and self._open.count == self._options.shard_patches:
            self.close()
        if self._open is None:
            self._open = _Shard(self._directory, f"{len(self.shards):04d}", self._options.side)
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
    """The samples that give patches; says which do not, when all have been seen."""
    short, blank, small = {}, [], []
    least = options.side + 2 * options.border
    for sample in samples:
        origin = sample.origin
        if origin.exptime < options.min_exptime:
            short[origin.exposure] = f"{origin.exposure} ({origin.exptime:g} s)"
        elif not np.isfinite(sample.sky):
            blank.append(f"{origin.exposure}[{origin.extver}]")
        elif min(np.shape(sample.image)) < least:
            small.append(f"{origin.exposure}[{origin.extver}]")
        else:
            yield sample
    for which, why in (
        (list(short.values()), f"shorter than {options.min_exptime:g} s"),
        (blank, "without a sky level"),
        (small, f"smaller than a patch and its border ({least} pixels)"),
    ):
        if which:
            warnings.warn(f"{name}: left out, {why}: {', '.join(which)}.", StepWarning, stacklevel=6)


class _Shard:
    """Three arrays that grow patch by patch."""

    def __init__(self, directory, number, side):
        shapes = {"image": (side, side), "truth": (side, side // 8), "ignore": (side, side // 8)}
        self.number, self.count = number, 0
        self._planes = {
            plane: _GrowingArray(
                directory / f"{number}.{plane}.npy", shape, np.float32 if plane == "image" else np.uint8
            )
            for plane, shape in shapes.items()
        }

    def append(self, patch):
        self._planes["image"].append(patch.image)
        self._planes["truth"].append(np.packbits(patch.truth, axis=-1))
        self._planes["ignore"].append(np.packbits(patch.ignore, axis=-1))
        self.count += 1

    def close(self):
        """Finish the files; what the index has to tell of them."""
        digests = {plane: array.close() for plane, array in self._planes.items()}
        return {"number": self.number, "patches": self.count, "sha256": digests}


class _GrowingArray:
    """A ``.npy`` file whose first axis grows: its header leaves room for the number."""

    def __init__(self, path, shape, dtype):
        self._shape, self._dtype, self._count = shape, np.dtype(dtype).newbyteorder("<"), 0
        self._file = open(path, "xb")
        self._header()
        self._begin, self._digest = self._file.tell(), hashlib.sha256()

    def _header(self):
        np.lib.format.write_array_header_1_0(
            self._file,
            {"shape": (self._count, *self._shape), "fortran_order": False, "descr": self._dtype.str},
        )

    def append(self, array):
        content = np.ascontiguousarray(array, self._dtype).tobytes()
        self._file.write(content)
        self._digest.update(content)
        self._count += 1

    def close(self):
        """Write the final header and flush to the disk; SHA-256 of the data."""
        self._file.seek(0)
        self._header()
        if self._file.tell() != self._begin:
            raise OSError("the header of a .npy file changed its length")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._digest.hexdigest()


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
    path = directory / INDEX
    try:
        index = Table.read(path, format="ascii.ecsv")
        whole = sum(shard["patches"] for shard in index.meta["shards"])
        if (
            index.meta["format"] != _FORMAT
            or list(index.colnames) != list(INDEX_COLUMNS)
            or whole != len(index)
        ):
            raise ValueError("not the index of patches")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} cannot be read as an index of patches: remove {directory} and write that set again."
        ) from error
    # An empty field type comes back as a masked value.
    columns = [_column(index[name], kind) for name, kind in INDEX_COLUMNS.items()]
    return Table(columns, names=list(INDEX_COLUMNS), meta=index.meta)


def _column(column, kind):
    if kind is str:
        return np.array(["" if value is np.ma.masked else str(value) for value in column], dtype=str)
    return np.ma.filled(np.ma.asarray(column).astype(kind), np.nan if kind is float else 0)


def read(directory):
    """See `patches.open_patches`."""
    indices, digest, files, sides = [], hashlib.sha256(), [], set()
    for name in finished(directory):
        index = _read_index(directory / name)
        digest.update(name.encode() + b"\0" + (directory / name / INDEX).read_bytes())
        sides.add(index.meta["side"])
        for shard in index.meta["shards"]:
            files.append(_ShardFiles(directory / name, shard, index.meta["side"]))
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


class _ShardFiles:
    """Where the patches of one shard are, checked against the index when opened."""

    def __init__(self, directory, shard, side):
        self.count, self.side, self._places = shard["patches"], side, {}
        for plane in _PLANES:
            path = directory / f"{shard['number']}.{plane}.npy"
            dtype, width = (np.float32, side) if plane == "image" else (np.uint8, side // 8)
            self._places[plane] = path, _data_begin(path, (self.count, side, width), dtype)

    def read(self, place):
        """Image, truth and ignore of one patch."""
        image = self._map("image", np.float32, self.side, place)
        truth, ignore = (
            np.unpackbits(self._map(plane, np.uint8, self.side // 8, place), axis=-1).view(bool)
            for plane in ("truth", "ignore")
        )
        return np.array(image), truth, ignore

    def _map(self, plane, dtype, width, place):
        # Only this patch is mapped, and let go of at once: what was read does not stay in memory.
        path, begin = self._places[plane]
        offset = begin + place * self.side * width * np.dtype(dtype).itemsize
        return np.memmap(path, np.dtype(dtype).newbyteorder("<"), "r", offset, (self.side, width))


def _data_begin(path, shape, dtype):
    """Offset of the data in a ``.npy`` file that must hold exactly such an array."""
    try:
        with open(path, "rb") as file:
            np.lib.format.read_magic(file)
            found, fortran, kind = np.lib.format.read_array_header_1_0(file)
            begin, size = file.tell(), os.fstat(file.fileno()).st_size
    except (OSError, ValueError) as error:
        raise InputError(_damaged(path)) from error
    expected = begin + int(np.prod(shape)) * np.dtype(dtype).itemsize
    if found != shape or fortran or kind != np.dtype(dtype).newbyteorder("<") or size != expected:
        raise InputError(_damaged(path))
    return begin


def _damaged(path):
    return (
        f"{path} is missing or not what its index tells: remove {path.parent} and write that observation set "
        "again."
    )


class _Reader:
    """A patch by its number in all shards."""

    def __init__(self, files):
        self._files = files
        self._first = np.cumsum([0, *(shard.count for shard in files)])

    def __call__(self, number):
        shard = int(np.searchsorted(self._first, number, side="right")) - 1
        return self._files[shard].read(number - int(self._first[shard]))
