"""Batches of patches whose order and sky follow from the seed, the epoch and the patch alone.

So a training can begin anywhere: nothing depends on which random numbers were drawn before.
"""

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

__all__ = ["load", "order", "sky_factor", "training_batches", "validation_batches"]

# What random numbers are for, so that none are used twice.
_ORDER, _SKY = 2, 3


def order(rows, recipe, epoch):
    """Return the patches of an epoch in batches.

    Parameters
    ----------
    rows : ndarray of int
        Numbers of the patches to train on.
    recipe : Recipe
    epoch : int

    Returns
    -------
    list of list of int
        Each patch once; the last batch may be smaller.
    """
    drawn = np.random.default_rng([recipe.seed, _ORDER, epoch]).permutation(rows)
    return [drawn[i : i + recipe.batch].tolist() for i in range(0, len(drawn), recipe.batch)]


def sky_factor(recipe, epoch, number):
    """Return how much of its sky is added to a patch in an epoch."""
    return np.random.default_rng([recipe.seed, _SKY, epoch, number]).uniform(recipe.sky_low, recipe.sky_high)


def training_batches(patches, rows, recipe, epoch, position=0, workers=0):
    """Return the batches of an epoch that are still to come.

    Parameters
    ----------
    patches : Patches
    rows : ndarray of int
        Numbers of the patches to train on.
    recipe : Recipe
    epoch : int
    position : int
        Batches that have been done.
    workers : int
        Processes that read.

    Returns
    -------
    iterable of (image, truth, weight)
        float32 tensors ``(batch, 1, S, S)``: the network's input, 1 where a cosmic ray hit, 0 where
        a pixel is ignored and 1 elsewhere.
    """
    return load(_Prepared(patches, recipe, epoch), order(rows, recipe, epoch)[position:], workers)


def validation_batches(patches, rows, recipe, workers=0):
    """Return the patches to validate with, in their order, with the sky they have; see `training_batches`."""
    rows = np.asarray(rows)
    batches = [rows[i : i + recipe.batch].tolist() for i in range(0, len(rows), recipe.batch)]
    return load(_Prepared(patches, recipe, None), batches, workers)


def load(prepared, batches, workers=0):
    """Return batches of a data set, in the order of their numbers.

    Parameters
    ----------
    prepared : torch.utils.data.Dataset
        By the number of a patch.
    batches : list of list of int
    workers : int
        Processes that read.

    Returns
    -------
    torch.utils.data.DataLoader
    """
    # A generator of its own, or the loader would take a number from the host's.
    return DataLoader(prepared, batch_sampler=batches, num_workers=workers, generator=torch.Generator())


class _Prepared(Dataset):
    """Patches as the network wants them."""

    def __init__(self, patches, recipe, epoch):
        self._patches, self._recipe, self._epoch = patches, recipe, epoch

    def __getitem__(self, number):
        patch, recipe = self._patches[number], self._recipe
        image = patch.image
        if self._epoch is not None:
            image = image + np.float32(sky_factor(recipe, self._epoch, number) * patch.sky)
        image = image / np.float32(recipe.scale)
        return tuple(
            torch.from_numpy(array.astype(np.float32))[None] for array in (image, patch.truth, ~patch.ignore)
        )
