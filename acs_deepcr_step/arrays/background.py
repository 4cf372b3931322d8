"""The background of an image: its level and its rms."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Background", "Level", "clipped_level", "level", "level_with_error", "measure", "sample"]

_SAMPLE = 65536  # pixels from which a level is measured


@dataclass(frozen=True)
class Background:
    """Background of a chip.

    Attributes
    ----------
    level : float
        Electrons per pixel.
    rms : float
        Electrons per pixel, of the pixel-to-pixel noise.
    """

    level: float
    rms: float

    def sigma_above(self, sigma):
        """Return the electrons so many rms above the level."""
        return self.level + sigma * self.rms


@dataclass(frozen=True)
class Level:
    """Level of a background with its error.

    Attributes
    ----------
    value, error : float
        Electrons per pixel; the standard error of a median.
    size : int
        Pixels that it was measured from.
    """

    value: float
    error: float
    size: int


def sample(image, good=None):
    """Return some of an image's finite pixels, evenly spread.

    Parameters
    ----------
    image : ndarray, (R, C)
    good : ndarray, (R, C), bool, optional
        Pixels that count; default: all.

    Returns
    -------
    ndarray, (N,)
        About 65,000, of the image's dtype; none where no pixel counts.
    """
    step = max(1, int(np.sqrt(image.size / _SAMPLE)))
    values = image[::step, ::step]
    usable = np.isfinite(values)
    if good is not None:
        usable &= good[::step, ::step]
    return values[usable]


def level(image, good=None):
    """Return the level of an image's background: the median of a sample of its finite pixels.

    Parameters
    ----------
    image : ndarray, (R, C)
    good : ndarray, (R, C), bool, optional
        Pixels that count; default: all.

    Returns
    -------
    float
        nan where no pixel counts.
    """
    values = sample(image, good)
    if not values.size:
        values = image[np.isfinite(image) if good is None else np.isfinite(image) & good]
    return float(np.median(values)) if values.size else float("nan")


def level_with_error(image, good=None):
    """Return the level of an image's background with its error.

    Parameters
    ----------
    image : ndarray, (R, C)
    good : ndarray, (R, C), bool, optional
        Pixels that count; default: all.

    Returns
    -------
    Level
        nan where no pixel counts.
    """
    values = sample(image, good).astype(np.float64)
    if not values.size:
        return Level(float("nan"), float("nan"), 0)
    middle = np.median(values)
    spread = 1.4826 * np.median(np.abs(values - middle))
    # A median of N normal values scatters 1.253 times as much as their mean.
    return Level(float(middle), float(1.253 * spread / np.sqrt(values.size)), values.size)


def clipped_level(image, ignore):
    """Return the level of an image's background by all of its pixels, bright ones clipped.

    Parameters
    ----------
    image : ndarray, (R, C)
        Electrons.
    ignore : ndarray, (R, C), bool
        Pixels left out.

    Returns
    -------
    float
        Electrons: median after three rounds of clipping at 3 sigma; nan if all pixels are left out.
    """
    values = np.asarray(image, np.float64)[~ignore]
    for _ in range(3):
        if not values.size:
            return float("nan")
        centre = np.median(values)
        sigma = 1.4826 * np.median(np.abs(values - centre))
        near = np.abs(values - centre) <= 3 * sigma
        if near.all() or sigma == 0:
            break
        values = values[near]
    return float(np.median(values)) if values.size else float("nan")


def measure(image):
    """Measure the background of an image.

    Parameters
    ----------
    image : ndarray, (R, C)
        Electrons.

    Returns
    -------
    Background
        Its rms is that of the differences between neighbouring pixels, at least 1.
    """
    step = max(1, int(np.sqrt(image.size / _SAMPLE)))
    rows = image[::step].astype(np.float32)
    with np.errstate(invalid="ignore"):
        differences = np.abs(rows[:, 1:] - rows[:, :-1])
    differences = differences[np.isfinite(differences)]
    rms = 1.4826 * np.median(differences) / np.sqrt(2) if differences.size else 1.0
    return Background(float(np.median(sample(image).astype(np.float32))), float(max(rms, 1.0)))
