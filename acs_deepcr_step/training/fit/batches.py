"""Batches of patches. Their order and added sky depend on the seed, the epoch and the patch alone.

So a training can resume anywhere, independent of the random numbers drawn before.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

__all__ = ["MaskBatch", "in_order", "load", "order", "sky_factor", "training_batches", "validation_batches"]

# Streams of random numbers, one per purpose.
_ORDER, _SKY = 2, 3


class MaskBatch(NamedTuple):
    """What a mask network learns from; for a single patch without the first axis.

    Attributes
    ----------
    image : torch.Tensor, (N, 1, S, S), float32
        The network's input.
    truth : torch.Tensor, (N, 1, S, S), float32
        1 where a cosmic ray hit, else 0.
    weight : torch.Tensor, (N, 1, S, S), float32
        0 on ignored pixels, else 1.
    """

    image: torch.Tensor
    truth: torch.Tensor
    weight: torch.Tensor


def order(rows, recipe, epoch):
    """Return the numbers of an epoch's patches, in batches.

    Parameters
    ----------
    rows : ndarray of int
        Numbers of the training patches.
    recipe : Recipe
    epoch : int

    Returns
    -------
    list of list of int
        Each patch once; the last batch may be smaller.
    """
    return in_order(np.random.default_rng([recipe.seed, _ORDER, epoch]).permutation(rows), recipe)


def in_order(rows, recipe):
    """Return the numbers of patches as they are, in batches; parameters as of `order`.

    Returns
    -------
    list of list of int
        The last batch may be smaller.
    """
    rows = np.asarray(rows)
    return [rows[i : i + recipe.batch].tolist() for i in range(0, len(rows), recipe.batch)]


def sky_factor(recipe, epoch, number):
    """Return how many times its sky level is added to a patch in an epoch.

    Parameters
    ----------
    recipe : Recipe
    epoch : int
    number : int
        Of the patch.

    Returns
    -------
    float
    """
    return np.random.default_rng([recipe.seed, _SKY, epoch, number]).uniform(recipe.sky_low, recipe.sky_high)


def training_batches(patches, rows, recipe, epoch, position=0, workers=0):
    """Return the remaining batches of an epoch.

    Parameters
    ----------
    patches : Patches
    rows : ndarray of int
        Numbers of the training patches.
    recipe : Recipe
    epoch : int
    position : int
        Number of batches already done.
    workers : int
        Number of reading processes.

    Returns
    -------
    iterable of MaskBatch
    """
    return load(_MaskExamples(patches, recipe, epoch), order(rows, recipe, epoch)[position:], workers)


def validation_batches(patches, rows, recipe, workers=0):
    """Return the validation patches in batches, in their order and without added sky.

    Parameters
    ----------
    patches : Patches
    rows : ndarray of int
        Numbers of the validation patches.
    recipe : Recipe
    workers : int
        Number of reading processes.

    Returns
    -------
    iterable of MaskBatch
    """
    return load(_MaskExamples(patches, recipe, None), in_order(rows, recipe), workers)


def load(examples, batches, workers=0):
    """Return batches of a data set in the given order.

    Parameters
    ----------
    examples : torch.utils.data.Dataset
        By the number of the patch.
    batches : list of list of int
        Numbers of patches.
    workers : int
        Number of reading processes.

    Returns
    -------
    torch.utils.data.DataLoader
    """
    # With its own generator, or the loader draws from PyTorch's global one.
    return DataLoader(examples, batch_sampler=batches, num_workers=workers, generator=torch.Generator())


class _MaskExamples(Dataset):
    """Patches as examples; `epoch` None: without added sky."""

    def __init__(self, patches, recipe, epoch):
        self._patches, self._recipe, self._epoch = patches, recipe, epoch

    def __getitem__(self, number):
        patch, recipe = self._patches[number], self._recipe
        image = patch.image
        if self._epoch is not None:
            image = image + np.float32(sky_factor(recipe, self._epoch, number) * patch.sky)
        image = image / np.float32(recipe.scale)
        arrays = (image, patch.truth, ~patch.ignore)
        return MaskBatch(*(torch.from_numpy(array.astype(np.float32))[None] for array in arrays))
