"""Batches of patches with what a teacher says of them, turned and reflected. See `batches`."""

from typing import NamedTuple

import numpy as np
import torch

from ...arrays.morphology import dilate
from ...network import scaling
from . import batches

__all__ = ["TaughtBatch", "example", "training_batches", "validation_batches"]

_TURN = 5  # stream of random numbers, beside those of `batches`
_NEAR = 2  # pixels around a cosmic ray, where a pixel too many is no false event
_EDGE = 10  # pixels at a patch's edge whose surroundings neither network saw


class TaughtBatch(NamedTuple):
    """What a distilled network learns from; for a single patch without the first axis.

    Attributes
    ----------
    image : torch.Tensor, (N, 1, S, S), float32
        The network's input.
    truth : torch.Tensor, (N, 1, S, S), float32
        1 where a cosmic ray hit, else 0.
    known : torch.Tensor, (N, 1, S, S), float32
        0 on ignored pixels, else 1.
    teacher : torch.Tensor, (N, 1, S, S), float32
        The teacher's logits.
    weight : torch.Tensor, (N, 1, S, S), float32
        0 at the edges of the patch, 1 near cosmic rays, elsewhere the recipe's `source_weight`.
    """

    image: torch.Tensor
    truth: torch.Tensor
    known: torch.Tensor
    teacher: torch.Tensor
    weight: torch.Tensor


def example(one, recipe, added=0.0, turn=0):
    """Return a patch as an example to learn from.

    Parameters
    ----------
    one : TaughtPatch
    recipe : DistillationRecipe
    added : float
        Electrons added to all pixels. A teacher's word is hardly another with another sky.
    turn : int
        Of eight: by how many right angles the patch is rotated, 4 to 7 after a reflection.

    Returns
    -------
    TaughtBatch
        Of tensors without the first axis.
    """
    patch = one.patch
    image = patch.image + np.float32(added)
    scaling.of_level(patch.sky + added, recipe).apply(image)
    weight = np.zeros(image.shape, np.float32)
    inner = np.s_[_EDGE:-_EDGE, _EDGE:-_EDGE]
    weight[inner] = np.where(dilate(patch.truth, _NEAR)[inner], 1, recipe.source_weight)
    arrays = (image, patch.truth, ~patch.ignore, one.logits, weight)
    return TaughtBatch(*(torch.from_numpy(_turned(array, turn).astype(np.float32))[None] for array in arrays))


def _turned(array, turn):
    return np.ascontiguousarray(np.rot90(array[::-1] if turn >= 4 else array, turn % 4))


class _TaughtExamples(torch.utils.data.Dataset):
    """Examples by the number of their patch; `epoch` None: for validation."""

    def __init__(self, patches, recipe, epoch):
        self._patches, self._recipe, self._epoch = patches, recipe, epoch

    def __getitem__(self, number):
        one, recipe = self._patches[number], self._recipe
        if self._epoch is None:
            return example(one, recipe)
        factor = batches.sky_factor(recipe, self._epoch, number)
        turn = np.random.default_rng([recipe.seed, _TURN, self._epoch, number]).integers(8)
        return example(one, recipe, factor * max(one.patch.sky, 0.0), int(turn))


def training_batches(patches, rows, recipe, epoch, position=0, workers=0):
    """Return the remaining batches of an epoch; parameters as of `batches.training_batches`.

    Returns
    -------
    iterable of TaughtBatch
    """
    order = batches.order(rows, recipe, epoch)[position:]
    return batches.load(_TaughtExamples(patches, recipe, epoch), order, workers)


def validation_batches(patches, rows, recipe, workers=0):
    """Return the validation patches as they are; see `batches.validation_batches`.

    Returns
    -------
    iterable of TaughtBatch
    """
    return batches.load(_TaughtExamples(patches, recipe, None), batches.in_order(rows, recipe), workers)
