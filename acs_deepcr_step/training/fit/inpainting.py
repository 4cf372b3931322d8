"""Training of inpainting models, on clean pixels hidden by the cosmic-ray masks of other patches.

The network sees neither the pixels under such a mask nor those that were hit in the patch itself. The
loss is that of the former, in units of each pixel's noise: in electrons the few pixels on bright stars
would dominate.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import uniform_filter

from ...arrays import median_fill
from ...errors import ModelError, ParameterError
from ...network import models
from ...network.unet import Architecture
from . import batches
from .curves import Panel
from .goal import Goal
from .learner import Learner
from .loop import fit
from .recipe import Recipe

__all__ = [
    "INPAINTING", "InpaintBatch", "InpaintLearner", "InpaintRecipe", "example", "fit_inpainting", "noise",
    "training_batches", "validation_batches",
]  # fmt: skip

# Stream of random numbers, beside those of `batches`.
_DONORS = 4

_PANELS = (
    Panel(
        {"training": "train_loss", "validation": "loss", "masked median": "medmask"}, "error / noise", "log"
    ),
    Panel({"": "bias"}, "mean error / noise", "linear"),
    Panel({"": "lr"}, "learning rate", "log"),
)


class InpaintBatch(NamedTuple):
    """What an inpainting network learns from; for a single patch without the first axis.

    Attributes
    ----------
    channels : torch.Tensor, (N, 2, S, S), float32
        The image in the network's unit, 0 where it is hidden; and 1 there, else 0.
    target : torch.Tensor, (N, 1, S, S), float32
        Electrons.
    weight : torch.Tensor, (N, 1, S, S), float32
        1 / noise where the error counts, else 0: under the masks, without pixels that a cosmic ray hit in
        the patch itself and without ignored pixels.
    """

    channels: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor


@dataclass(frozen=True)
class InpaintRecipe(Recipe):
    """All that decides the weights, given the patches.

    Attributes
    ----------
    start : str
        Initial weights: a published inpainting model or a path; empty for random ones.
    start_sha256 : str
        Of those weights; `fit_inpainting` sets it, and levels, hidden and scale, from the file.
    donors : int
        Number of patches whose masks hide pixels of one.
    read_noise : float
        Electrons, of one readout.

    Notes
    -----
    The other attributes are those of `Recipe`; their defaults are the paper's for mask models.
    """

    start: str = ""
    start_sha256: str = ""
    donors: int = 2
    read_noise: float = 5.0

    def _range_faults(self):
        yield from super()._range_faults()
        if self.donors < 1:
            yield "donors", "1 or more"
        if not 0 < self.read_noise < float("inf"):
            yield "read_noise", "above 0"


def noise(image, hidden, read_noise):
    """Return the noise of each pixel, from its surroundings.

    Parameters
    ----------
    image : ndarray, (R, C), float32
        Electrons, sky included.
    hidden : ndarray, (R, C), bool
        Pixels left out.
    read_noise : float
        Electrons.

    Returns
    -------
    ndarray, (R, C), float32
        Electrons: photon noise of the mean of the 5x5 surrounding pixels, and read noise. (From its own
        value a low pixel would get less noise than a high one.)
    """
    good = (~hidden).astype(np.float32)
    share = uniform_filter(good, 5, mode="reflect")
    mean = uniform_filter(image * good, 5, mode="reflect") / np.maximum(share, 1e-3)
    return np.sqrt(np.maximum(mean, 0) + np.float32(read_noise) ** 2)


def example(patch, masks, recipe, added=0.0):
    """Return a patch as an example to learn from.

    Parameters
    ----------
    patch : Patch
    masks : ndarray, (S, S), bool
        Cosmic rays of other patches.
    recipe : InpaintRecipe
    added : float
        Sky added to the patch, electrons.

    Returns
    -------
    InpaintBatch
        Of tensors without the first axis.
    """
    hidden = patch.truth | masks
    image = patch.image + np.float32(added)
    visible = np.where(hidden, np.float32(0), image / np.float32(recipe.scale))
    counts = masks & ~patch.truth & ~patch.ignore
    weight = counts / noise(patch.image, patch.truth, recipe.read_noise)
    arrays = (np.stack([visible, hidden.astype(np.float32)]), image[None], weight[None].astype(np.float32))
    return InpaintBatch(*map(torch.from_numpy, arrays))


class _InpaintExamples(torch.utils.data.Dataset):
    """Examples by the number of their patch; `epoch` None: for validation."""

    def __init__(self, patches, rows, recipe, epoch):
        self._patches, self._rows, self._recipe, self._epoch = patches, np.asarray(rows), recipe, epoch

    def __getitem__(self, number):
        patch, recipe = self._patches[number], self._recipe
        if self._epoch is None:
            epoch, added = 0, 0.0  # the same masks in every epoch
        else:
            epoch, added = self._epoch + 1, batches.sky_factor(recipe, self._epoch, number) * patch.sky
        rng = np.random.default_rng([recipe.seed, _DONORS, epoch, number])
        return example(patch, self._masks(number, rng), recipe, added)

    def _masks(self, number, rng):
        """Draw the cosmic rays of other patches, rotated and flipped."""
        masks, others = False, self._rows[self._rows != number]
        for donor in rng.choice(others if others.size else self._rows, self._recipe.donors):
            rotated = np.rot90(self._patches[int(donor)].truth, rng.integers(4))
            masks = masks | (rotated[::-1] if rng.integers(2) else rotated)
        return np.ascontiguousarray(masks)


def training_batches(patches, rows, recipe, epoch, position=0, workers=0):
    """Return the remaining batches of an epoch; parameters as of `batches.training_batches`.

    Returns
    -------
    iterable of InpaintBatch
    """
    order = batches.order(rows, recipe, epoch)[position:]
    return batches.load(_InpaintExamples(patches, rows, recipe, epoch), order, workers)


def validation_batches(patches, rows, recipe, workers=0):
    """Return the validation patches, with the same masks every time; see `batches.validation_batches`.

    Returns
    -------
    iterable of InpaintBatch
    """
    order = batches.in_order(rows, recipe)
    return batches.load(_InpaintExamples(patches, rows, recipe, None), order, workers)


class InpaintLearner(Learner):
    """An inpainting network in training; see `Learner`.

    Notes
    -----
    The loss is the mean absolute error in units of the noise. A perfect prediction would give 0.80 for
    normal noise, that of the target pixels themselves.
    """

    def build(self):
        """Return the network with its initial weights."""
        recipe = self.recipe
        network = super().build()
        if recipe.start:
            network.load_state_dict(models.load(recipe.start, "inpaint").state)
        return network

    def architecture(self):
        """Return the `Architecture`, with two input channels."""
        return Architecture(self.recipe.levels, self.recipe.hidden, 2, sigmoid=False)

    def _loss(self, batch):
        error = (self.network(batch.channels) * self.recipe.scale - batch.target) * batch.weight
        return error.abs().sum() / batch.weight.count_nonzero().clamp(min=1), error

    def validate(self, batches):
        """Return errors on validation patches.

        Parameters
        ----------
        batches : iterable of InpaintBatch

        Returns
        -------
        dict of str to float
            loss: the mean absolute error; bias: the mean error; medmask: the mean absolute error
            of the masked median. All in units of the noise.

        Raises
        ------
        ModelError
            If no pixel counts.
        """
        self.network.eval()
        sums = np.zeros(4)
        with torch.no_grad():
            for batch in batches:
                error = self._loss(self._on_device(batch))[1].cpu().numpy()
                sums += [np.abs(error).sum(), error.sum(), 0, np.count_nonzero(batch.weight.numpy())]
                for number in range(len(batch.weight)):
                    sums[2] += self._masked_median_error(
                        InpaintBatch(*(tensor[number].numpy() for tensor in batch))
                    )
        if not sums[3]:
            raise ModelError(
                "No pixel of the patches for validation can be learned from: no cosmic ray of theirs lies "
                "over a clean pixel; add observation sets."
            )
        # Plain numbers, as a checkpoint can hold no others.
        loss, bias, median = (sums[:3] / sums[3]).tolist()
        return {"loss": self._finite(loss), "bias": bias, "medmask": median}

    def _masked_median_error(self, one):
        """Return the summed absolute error of the masked median on one example of arrays."""
        weight = one.weight[0]
        where = weight > 0
        if not where.any():
            return 0.0
        image, hidden = one.channels[0] * np.float32(self.recipe.scale), one.channels[1] > 0
        values = median_fill.fill(image, hidden, where)
        return np.abs((values - one.target[0][where]) * weight[where]).sum()


INPAINTING = Goal(
    kind="inpaint",
    recipe=InpaintRecipe,
    learner=InpaintLearner,
    training_batches=training_batches,
    validation_batches=validation_batches,
    panels=_PANELS,
    epoch_summary=lambda row: (
        f"validation error {row['loss']:.3f} of the noise, masked median {row['medmask']:.3f}"
    ),
)


def fit_inpainting(patches, output, recipe=None, options=None):
    """Train an inpainting model.

    Parameters
    ----------
    patches : Patches
        From `dataset.open_patches`.
    output : path
        File for the weights, ``*.safetensors``; for the files beside it see `loop.fit`.
    recipe : InpaintRecipe, optional
    options : RunOptions, optional

    Returns
    -------
    Trained
        The weights of the epoch with the lowest validation error; `inpaint.inpaint` takes their path.

    Raises
    ------
    InputError, ModelError, OutputError, ParameterError
        As from `loop.fit`; also if the initial weights cannot be used.
    """
    return fit(patches, output, _resolved(recipe or InpaintRecipe()), options, INPAINTING)


def _resolved(recipe):
    """Return the recipe with the values that the initial weights decide."""
    if not recipe.start:
        return recipe
    if recipe.start == models.MEDMASK:
        raise ParameterError(f"start={recipe.start!r} is no network: give a model, or none.")
    info = models.load(recipe.start, "inpaint").info
    if info.kind != "inpaint":
        raise ModelError(f"{recipe.start} finds cosmic rays; give an inpainting model to begin with.")
    return replace(recipe, levels=info.levels, hidden=info.hidden, scale=info.scale, start_sha256=info.sha256)
