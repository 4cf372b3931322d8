"""Training of an inpainting model: clean pixels under the masks of cosmic rays from elsewhere.

What a cosmic ray hides nobody knows, so the network learns where it is known: the mask of
cosmic rays of another patch is laid over this one. The network sees neither those pixels nor
the ones that were hit here, and is told of its errors on the former alone, in units of each
pixel's noise: in electrons the few pixels on bright stars would outweigh all others.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.ndimage import uniform_filter

from .. import medmask, models
from ..errors import ModelError, ParameterError
from ..unet import Architecture
from . import batches
from .fit import fit
from .goal import Goal
from .learner import Learner
from .recipe import Recipe

__all__ = ["INPAINTING", "InpaintLearner", "InpaintRecipe", "fit_inpainting", "lesson", "noise"]

# What random numbers are for, beside those of `batches`.
_DONORS = 4

_PANELS = (
    ({"training": "train_loss", "validation": "loss", "masked median": "medmask"}, "error / noise", "log"),
    ({"": "bias"}, "mean error / noise", "linear"),
    ({"": "lr"}, "learning rate", "log"),
)


@dataclass(frozen=True)
class InpaintRecipe(Recipe):
    """All that decides which weights come out of the same patches.

    Attributes
    ----------
    start : str
        Weights to begin with: a published inpainting model or a path; empty for random ones.
    start_sha256 : str
        Of those weights; `fit_inpainting` fills it in, as it does levels, hidden and scale.
    donors : int
        Patches whose masks are laid over one.
    read_noise : float
        Electrons, of one readout.

    Notes
    -----
    All else is as of `Recipe`, with the paper's values: it has none for inpainting.
    """

    start: str = ""
    start_sha256: str = ""
    donors: int = 2
    read_noise: float = 5.0

    def _outside(self):
        yield from super()._outside()
        if self.donors < 1:
            yield "donors", "1 or more"
        if not 0 < self.read_noise < float("inf"):
            yield "read_noise", "above 0"


def noise(image, hidden, read_noise):
    """Return the noise of each pixel, from what is around it.

    Parameters
    ----------
    image : ndarray, (R, C), float32
        Electrons, sky included.
    hidden : ndarray, (R, C), bool
        Pixels whose value says nothing.
    read_noise : float
        Electrons.

    Returns
    -------
    ndarray, (R, C), float32
        Of the photons of the mean of the 5x5 pixels around, and of the readout. (The pixel's own
        value would make a low one count more than a high one.)
    """
    good = (~hidden).astype(np.float32)
    share = uniform_filter(good, 5, mode="reflect")
    light = uniform_filter(image * good, 5, mode="reflect") / np.maximum(share, 1e-3)
    return np.sqrt(np.maximum(light, 0) + np.float32(read_noise) ** 2)


def lesson(patch, masks, recipe, added=0.0):
    """Return what the network sees of a patch, and what it is to say.

    Parameters
    ----------
    patch : Patch
    masks : ndarray, (S, S), bool
        Cosmic rays of elsewhere.
    recipe : InpaintRecipe
    added : float
        Electrons of sky that are added to the patch.

    Returns
    -------
    channels : ndarray, (2, S, S), float32
        The image in the network's unit, 0 where it is hidden; and 1 there.
    target : ndarray, (1, S, S), float32
        Electrons.
    weight : ndarray, (1, S, S), float32
        One over the pixel's noise where the error counts, else 0: under the masks, but neither
        where a cosmic ray hit this patch, too, nor on ignored pixels.
    """
    hidden = patch.truth | masks
    image = patch.image + np.float32(added)
    seen = np.where(hidden, np.float32(0), image / np.float32(recipe.scale))
    counts = masks & ~patch.truth & ~patch.ignore
    weight = counts / noise(patch.image, patch.truth, recipe.read_noise)
    return np.stack([seen, hidden.astype(np.float32)]), image[None], weight[None].astype(np.float32)


class _Prepared(torch.utils.data.Dataset):
    """Lessons by the number of their patch."""

    def __init__(self, patches, rows, recipe, epoch):
        self._patches, self._rows, self._recipe, self._epoch = patches, np.asarray(rows), recipe, epoch

    def __getitem__(self, number):
        patch, recipe = self._patches[number], self._recipe
        # Validation has the same masks in every epoch.
        drawn = np.random.default_rng([recipe.seed, _DONORS, (self._epoch or 0) + 1, number])
        if self._epoch is None:
            drawn = np.random.default_rng([recipe.seed, _DONORS, 0, number])
        added = 0.0
        if self._epoch is not None:
            added = batches.sky_factor(recipe, self._epoch, number) * patch.sky
        return tuple(map(torch.from_numpy, lesson(patch, self._masks(number, drawn), recipe, added)))

    def _masks(self, number, drawn):
        """Cosmic rays of other patches, turned and mirrored."""
        masks, others = False, self._rows[self._rows != number]
        for donor in drawn.choice(others if others.size else self._rows, self._recipe.donors):
            turned = np.rot90(self._patches[int(donor)].truth, drawn.integers(4))
            masks = masks | (turned[::-1] if drawn.integers(2) else turned)
        return np.ascontiguousarray(masks)


def training_batches(patches, rows, recipe, epoch, position=0, workers=0):
    """Return the batches of an epoch that are still to come; see `batches.training_batches`."""
    order = batches.order(rows, recipe, epoch)[position:]
    return batches.load(_Prepared(patches, rows, recipe, epoch), order, workers)


def validation_batches(patches, rows, recipe, workers=0):
    """Return the patches to validate with, with the sky they have and masks that stay the same."""
    rows = np.asarray(rows)
    order = [rows[i : i + recipe.batch].tolist() for i in range(0, len(rows), recipe.batch)]
    return batches.load(_Prepared(patches, rows, recipe, None), order, workers)


class InpaintLearner(Learner):
    """An inpainting network in training; see `Learner`.

    Notes
    -----
    The loss is the mean absolute error in units of the noise. An error of nothing would give
    0.80 for normal noise, since the pixels that are to be told have noise themselves.
    """

    def build(self):
        """Return the network with its first weights."""
        recipe = self.recipe
        network = super().build()
        if recipe.start:
            network.load_state_dict(models.load(recipe.start, "inpaint").state)
        return network

    def architecture(self):
        """Return the `Architecture`: two channels come in."""
        return Architecture(self.recipe.levels, self.recipe.hidden, 2, sigmoid=False)

    def _loss(self, channels, target, weight):
        error = (self.network(channels) * self.recipe.scale - target) * weight
        return error.abs().sum() / weight.count_nonzero().clamp(min=1), error

    def validate(self, coming):
        """Return figures on patches that are not learned from.

        Parameters
        ----------
        coming : iterable of (channels, target, weight)

        Returns
        -------
        dict of str to float
            loss: the mean absolute error; bias: the mean error; medmask: the mean absolute error
            of the masked median. All in units of the noise; nan if no pixel counts.
        """
        self.network.eval()
        sums = np.zeros(4)
        with torch.no_grad():
            for batch in coming:
                error = self._loss(*self._placed(batch))[1].cpu().numpy()
                channels, target, weight = (tensor.numpy() for tensor in batch)
                sums += [np.abs(error).sum(), error.sum(), 0, np.count_nonzero(weight)]
                for seen, hidden, true, each in zip(
                    channels[:, 0], channels[:, 1] > 0, target[:, 0], weight[:, 0], strict=True
                ):
                    where = each > 0
                    if where.any():
                        values = medmask.fill(seen * np.float32(self.recipe.scale), hidden, where)
                        sums[2] += np.abs((values - true[where]) * each[where]).sum()
        if not sums[3]:
            raise ModelError(
                "No pixel of the patches for validation can be learned from: no cosmic ray of theirs lies "
                "over a clean pixel; add observation sets."
            )
        # Plain numbers: a checkpoint holds no others.
        loss, bias, median = (sums[:3] / sums[3]).tolist()
        return {"loss": self._finite(loss), "bias": bias, "medmask": median}


INPAINTING = Goal(
    "inpaint",
    InpaintRecipe,
    InpaintLearner,
    training_batches,
    validation_batches,
    _PANELS,
    lambda row: f"validation error {row['loss']:.3f} of the noise, masked median {row['medmask']:.3f}",
)


def fit_inpainting(patches, output, recipe=None, options=None):
    """Train an inpainting model.

    Parameters
    ----------
    patches : Patches
        From `patches.open_patches`.
    output : path
        The file of weights to make, ``*.safetensors``; what lies beside it is told in `fit.fit`.
    recipe : InpaintRecipe, optional
    options : RunOptions, optional

    Returns
    -------
    Trained
        The weights of the epoch with the lowest validation error; `inpaint.inpaint` takes their path.

    Raises
    ------
    InputError, ModelError, ParameterError
        As from `fit.fit`; also where the weights to begin with cannot be used.
    """
    return fit(patches, output, _resolved(recipe or InpaintRecipe()), options, INPAINTING)


def _resolved(recipe):
    """The recipe with what the weights to begin with decide."""
    if not recipe.start:
        return recipe
    if recipe.start == models.MEDMASK:
        raise ParameterError(f"start={recipe.start!r} is no network: give a model, or none.")
    its = models.load(recipe.start, "inpaint").info
    if its.kind != "inpaint":
        raise ModelError(f"{recipe.start} finds cosmic rays; give an inpainting model to begin with.")
    return replace(recipe, levels=its.levels, hidden=its.hidden, scale=its.scale, start_sha256=its.sha256)
