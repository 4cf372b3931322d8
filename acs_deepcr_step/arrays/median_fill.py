"""The plain way to fill pixels: the median of the good ones around. Arrays only."""

import numpy as np

from .morphology import dilate

__all__ = ["fill", "wide"]

# Half the side of the windows, the next one where a window has no good pixel.
_REACHES = (2, 4, 8, 16)
_CHUNK = 4_000_000  # values processed at a time


def fill(image, unknown, where):
    """Return the median of the good pixels around some pixels.

    Parameters
    ----------
    image : ndarray, (R, C), float32
    unknown : ndarray, (R, C), bool
        Pixels that no value is taken from; at least one is good.
    where : ndarray, (R, C), bool
        Pixels to fill, N of them.

    Returns
    -------
    ndarray, (N,), float32
        In the order of ``image[where]``. The window is 5x5 pixels; where it holds
        no good pixel it is 9x9, 17x17 and 33x33, and beyond that the whole image.
    """
    rows, columns = np.nonzero(where)
    filled = np.full(rows.size, np.nan, np.float32)
    left = np.ones(rows.size, bool)
    for reach in _REACHES:
        # Only those that have a good pixel in the window: a large hole would cost a lot else.
        near = left & dilate(~unknown, reach)[rows, columns]
        at = np.flatnonzero(near)
        filled[at] = _windowed(image, unknown, rows[at], columns[at], reach)
        left &= ~near
        if not left.any():
            return filled
    filled[left] = np.median(image[~unknown])
    return filled


def _windowed(image, unknown, rows, columns, reach):
    """Medians of the good pixels in the windows around pixels, (N,)."""
    side = 2 * reach + 1
    padded = np.pad(np.where(unknown, np.float32(np.nan), image), reach, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))
    medians = np.empty(rows.size, np.float32)
    step = max(1, _CHUNK // side**2)
    for start in range(0, rows.size, step):
        some = slice(start, start + step)
        medians[some] = _medians(windows[rows[some], columns[some]].reshape(-1, side * side))
    return medians


def _medians(values):
    """Median of each row of (N, K) without its NaN, of which it has not K."""
    values.sort(axis=1)  # NaN come last
    count = np.count_nonzero(~np.isnan(values), axis=1)
    each = np.arange(len(values))
    return (values[each, (count - 1) // 2] + values[each, count // 2]) / np.float32(2)


def wide(unknown):
    """Return where pixels to fill lie too close together to see past them.

    Parameters
    ----------
    unknown : ndarray, (R, C), bool

    Returns
    -------
    ndarray, (R, C), bool
        Of `unknown`, the parts into which a square of 5x5 pixels fits; beyond the
        frame all counts as unknown.
    """
    return dilate(~dilate(~unknown, 2), 2) & unknown
