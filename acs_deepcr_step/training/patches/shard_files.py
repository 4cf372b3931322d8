"""The array files of a shard: images, and truth and ignored pixels with a bit per pixel."""

import hashlib
import os

import numpy as np

from ...errors import InputError
from .patch import Patch

__all__ = ["ShardReader", "ShardWriter"]

_ARRAYS = ("image", "truth", "ignore")


class ShardWriter:
    """Writes a shard patch by patch.

    Parameters
    ----------
    directory : pathlib.Path
    number : str
        Beginning of the file names.
    side : int
        Pixels of a patch.

    Attributes
    ----------
    count : int
        Number of patches written.
    """

    def __init__(self, directory, number, side):
        shapes = {"image": (side, side), "truth": (side, side // 8), "ignore": (side, side // 8)}
        self.number, self.count = number, 0
        self._arrays = {
            name: _GrowingArray(
                directory / f"{number}.{name}.npy", shape, np.float32 if name == "image" else np.uint8
            )
            for name, shape in shapes.items()
        }

    def append(self, patch):
        """Write a `Patch`."""
        self._arrays["image"].append(patch.image)
        self._arrays["truth"].append(np.packbits(patch.truth, axis=-1))
        self._arrays["ignore"].append(np.packbits(patch.ignore, axis=-1))
        self.count += 1

    def close(self):
        """Finish the files; return their entry in the index."""
        digests = {name: array.close() for name, array in self._arrays.items()}
        return {"number": self.number, "patches": self.count, "sha256": digests}


class _GrowingArray:
    """A ``.npy`` file whose first axis grows; the header is padded, so its length stays."""

    def __init__(self, path, shape, dtype):
        self._shape, self._dtype, self._count = shape, np.dtype(dtype).newbyteorder("<"), 0
        self._file = open(path, "xb")
        self._write_header()
        self._data_offset, self._digest = self._file.tell(), hashlib.sha256()

    def _write_header(self):
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
        """Write the final header and flush to disk; return the SHA-256 of the data."""
        self._file.seek(0)
        self._write_header()
        if self._file.tell() != self._data_offset:
            raise OSError("the header of a .npy file changed its length")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        return self._digest.hexdigest()


class ShardReader:
    """Reads patches of a shard; holds paths only.

    Parameters
    ----------
    directory : pathlib.Path
    shard : dict
        Entry in the index, from `ShardWriter.close`.
    side : int
        Pixels of a patch.

    Attributes
    ----------
    count : int
        Number of patches.

    Raises
    ------
    InputError
        If a file is missing or does not fit its entry.
    """

    def __init__(self, directory, shard, side):
        self.count, self._side, self._files = shard["patches"], side, {}
        for name in _ARRAYS:
            path = directory / f"{shard['number']}.{name}.npy"
            dtype, width = (np.float32, side) if name == "image" else (np.uint8, side // 8)
            self._files[name] = path, _data_offset(path, (self.count, side, width), dtype)

    def read(self, number, sky):
        """Return a `Patch` by its number in the shard."""
        image = self._map("image", np.float32, self._side, number)
        truth, ignore = (
            np.unpackbits(self._map(name, np.uint8, self._side // 8, number), axis=-1).view(bool)
            for name in ("truth", "ignore")
        )
        return Patch(np.array(image), truth, ignore, sky)

    def _map(self, name, dtype, width, number):
        # Mapped for each patch anew, so that patches read before do not stay in memory.
        path, begin = self._files[name]
        offset = begin + number * self._side * width * np.dtype(dtype).itemsize
        return np.memmap(path, np.dtype(dtype).newbyteorder("<"), "r", offset, (self._side, width))


def _data_offset(path, shape, dtype):
    """Return the offset of the data in a ``.npy`` file, which must hold exactly such an array."""
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
