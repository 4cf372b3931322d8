"""An image in tiles: cut, padded, processed in parallel, put together.

A tile is computed from the pixels of the image around it, so the result does not
depend on where the cuts are. Only at the frame's edge is context made up: the
image is reflected there, since a network trained far from edges has never seen
a border of zeros.
"""

import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass

import numpy as np

__all__ = ["Tiling", "cut", "process", "take"]


@dataclass(frozen=True)
class Tiling:
    """How an image is cut.

    Attributes
    ----------
    side : int
        Largest side of a tile, in pixels, a multiple of `stride`.
    margin : int
        Pixels of context needed on each side, a multiple of `stride`.
    stride : int
        Tiles begin at, and with their padding extend over, multiples of this.
    threads : int
        Tiles that are processed at a time.
    """

    side: int
    margin: int
    stride: int
    threads: int = 1


def _spans(length, side, stride):
    """Cut a length into nearly equal spans that begin at multiples of the stride."""
    pieces = -(-length // side)
    step = -(-length // (pieces * stride)) * stride
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


def cut(shape, tiling):
    """Return the tiles of an image, row by row.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the image.
    tiling : Tiling

    Returns
    -------
    list of tuple of slice
        Rows and columns of each tile; together they cover every pixel once. They
        are of nearly equal size, because slivers cost as much as whole tiles.
    """
    rows, columns = (_spans(length, tiling.side, tiling.stride) for length in shape)
    return [(r, c) for r in rows for c in columns]


def _reflected(span, length, tiling):
    """Return indices of a span with its margins, reflected at the ends of the axis."""
    size = -(-(span.stop - span.start) // tiling.stride) * tiling.stride
    index = np.arange(span.start - tiling.margin, span.start + size + tiling.margin)
    if index[0] >= 0 and index[-1] < length:
        return slice(index[0], index[-1] + 1)
    if length == 1:
        return np.zeros_like(index)
    period = 2 * (length - 1)
    index %= period
    return np.minimum(index, period - index)


def take(image, rows, columns, tiling):
    """Return a tile with its margins as a new float32 array.

    Parameters
    ----------
    image : ndarray, (R, C)
        Of any numeric dtype and byte order.
    rows, columns : slice
        A tile from `cut`.
    tiling : Tiling

    Returns
    -------
    ndarray, float32
        The tile, its sides rounded up to the stride, plus the margin all round.
    """
    r = _reflected(rows, image.shape[0], tiling)
    c = _reflected(columns, image.shape[1], tiling)
    # What float32 cannot hold becomes infinite or NaN, and so a bad pixel.
    with np.errstate(over="ignore", invalid="ignore"):
        return np.array(image[r][:, c], dtype=np.float32, order="C")


def process(function, images, out, tiling, progress=None):
    """Apply a function to every tile of images of one shape and fill `out`.

    Parameters
    ----------
    function : callable
        Takes the tiles of the images (float32, with margins) as positional
        arguments and returns the result for the inner part, at least as large as
        the tile. Called from `tiling.threads` threads.
    images : sequence of ndarray, (R, C)
    out : ndarray, (R, C)
        Receives the result.
    tiling : Tiling
    progress : callable, optional
        Called with 1 after each tile, from the calling thread or a worker's.

    Notes
    -----
    An error or an interrupt ends the work after the tiles in hand.
    """
    todo = iter(cut(out.shape, tiling))
    lock, stop = threading.Lock(), threading.Event()

    def work():
        while not stop.is_set():
            with lock:
                tile = next(todo, None)
            if tile is None:
                return
            rows, columns = tile
            result = function(*(take(image, rows, columns, tiling) for image in images))
            out[rows, columns] = result[: rows.stop - rows.start, : columns.stop - columns.start]
            if progress is not None:
                with lock:
                    progress(1)

    with ThreadPoolExecutor(tiling.threads, thread_name_prefix="acs_deepcr_step") as pool:
        try:
            futures = [pool.submit(work) for _ in range(tiling.threads)]
            for future in wait(futures, return_when=FIRST_EXCEPTION).done:
                future.result()
        finally:
            stop.set()
