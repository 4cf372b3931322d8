"""Random generators: one stream of numbers for each thing that is drawn.

What is drawn for one exposure does not depend on how many numbers the others took, so an exposure's
pixels are the same whatever else is simulated with it.
"""

from enum import IntEnum

import numpy as np

__all__ = ["Stream", "generator"]


class Stream(IntEnum):
    """What a generator is for; the numbers are part of what a seed means."""

    SCENE = 0
    DETECTOR = 1
    EXPOSURE = 2
    CHANGES = 3
    COLOURS = 4


def generator(seed, stream, *numbers):
    """Return a new generator.

    Parameters
    ----------
    seed : int
        The user's.
    stream : Stream
    *numbers : int
        Which exposure, and which chip, where each has a generator of its own.

    Returns
    -------
    numpy.random.Generator
    """
    return np.random.default_rng([int(number) for number in (seed, stream, *numbers)])
