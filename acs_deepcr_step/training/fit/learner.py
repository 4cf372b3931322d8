"""A network in training: optimiser, two phases, loss. No files, no loop over epochs."""

import math

import torch
from torch import nn
from torch.nn import functional

from ...errors import ModelError
from ...network.unet import Architecture, UNet
from ..evaluation.roc import HIGH_FPR, LOW_FPR, Histogram
from ..evaluation.scores import scaled_probability
from .determinism import seeded

__all__ = ["Learner"]


class Learner:
    """A network with its optimiser and learning-rate scheduler.

    Parameters
    ----------
    recipe : Recipe
    device : torch.device

    Notes
    -----
    The loss is the binary cross-entropy of ``p (1 - ignore)`` and ``truth (1 - ignore)``, averaged
    over all pixels, as published. It is computed from the network's output before the sigmoid, with
    the weight ``1 - ignore``, which is the same (ignored pixels have loss 0 and no gradient) but neither
    overflows nor loses digits.

    Batch normalisation uses the batch's own statistics in the first phase, and the running ones, frozen,
    in the second.

    References
    ----------
    Kwon, Zhang & Bloom 2021; Zhang & Bloom 2020, sections 2 and 3.
    """

    def __init__(self, recipe, device):
        self.recipe, self.device = recipe, device
        with seeded(recipe.seed):
            self.network = self.build()
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = recipe.momentum
        self.network.to(device, memory_format=torch.channels_last)
        self.begin_phase(frozen=recipe.frozen(0))

    def build(self):
        """Return the network with its initial weights."""
        return UNet(self.architecture())

    def architecture(self):
        """Return the `Architecture`; the sigmoid is part of the loss instead."""
        return Architecture(self.recipe.levels, self.recipe.hidden, sigmoid=False)

    def begin_phase(self, frozen):
        """Begin a phase with a new optimiser and scheduler.

        Parameters
        ----------
        frozen : bool
            Whether the statistics of batch normalisation are frozen (the second phase).
        """
        recipe = self.recipe
        self.frozen = frozen
        lr = recipe.lr / recipe.lr_drop if frozen else recipe.lr
        self._optimiser = torch.optim.Adam(self.network.parameters(), lr=lr)
        self._scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self._optimiser,
            factor=recipe.plateau_factor,
            patience=recipe.plateau_patience,
            threshold=recipe.plateau_threshold,
            cooldown=recipe.plateau_cooldown,
        )

    @property
    def lr(self):
        """The current learning rate."""
        return float(self._optimiser.param_groups[0]["lr"])

    def step(self, batch):
        """Make one optimisation step.

        Parameters
        ----------
        batch : MaskBatch

        Returns
        -------
        float
            The loss before the step.

        Raises
        ------
        ModelError
            If the loss is not finite.
        """
        self.network.train(not self.frozen)
        self._optimiser.zero_grad(set_to_none=True)
        loss = self._loss(self._on_device(batch))[0]
        loss.backward()
        self._optimiser.step()
        return self._finite(float(loss.detach()))

    def _finite(self, loss):
        if math.isfinite(loss):
            return loss
        raise ModelError(
            f"The training diverged (its loss is {loss}): remove its checkpoint and take a learning rate "
            f"below {self.lr:g}."
        )

    def _on_device(self, batch):
        return type(batch)(
            *(t.to(self.device, memory_format=torch.channels_last, non_blocking=True) for t in batch)
        )

    def _loss(self, batch):
        logits = self.network(batch.image)
        return functional.binary_cross_entropy_with_logits(logits, batch.truth, batch.weight), logits

    def validate(self, batches):
        """Return loss and rates on validation patches.

        Parameters
        ----------
        batches : iterable of MaskBatch

        Returns
        -------
        dict of str to float
            loss; tpr and fpr at the recipe's threshold; TPR at an FPR of 0.05 % and 0.5 %, nan without
            any hit or clean pixel. All without ignored pixels.

        Notes
        -----
        In evaluation mode, with running statistics, in either phase.
        """
        self.network.eval()
        loss, patches, histogram = 0.0, 0, None
        with torch.no_grad():
            for batch in batches:
                size = len(batch.image)
                mean, logits = self._loss(self._on_device(batch))
                loss, patches = loss + float(mean) * size, patches + size
                # All patches below each other, as one image.
                probability, truth, weight = (
                    tensor.reshape(-1, tensor.shape[-1]).numpy()
                    for tensor in (torch.sigmoid(logits).cpu(), batch.truth, batch.weight)
                )
                counts = Histogram.of(scaled_probability(probability), truth > 0, weight == 0)
                histogram = counts if histogram is None else histogram + counts
        curve = histogram.roc()
        fpr, tpr = curve.at(self.recipe.threshold)
        return {
            "loss": self._finite(loss / patches),
            "tpr": tpr,
            "fpr": fpr,
            "tpr_at_0.05%": curve.tpr_at(LOW_FPR),
            "tpr_at_0.5%": curve.tpr_at(HIGH_FPR),
        }

    def end_epoch(self, loss):
        """Update the learning rate.

        Parameters
        ----------
        loss : float
            Validation loss of the epoch.
        """
        self._scheduler.step(loss)

    def weights(self):
        """Return a copy of the network's weights, on the CPU, by name."""
        return {key: value.detach().cpu().clone() for key, value in self.network.state_dict().items()}

    def state(self):
        """Return the state of network, optimiser and scheduler, for a checkpoint."""
        return {
            "frozen": self.frozen,
            "network": self.weights(),
            "optimiser": self._optimiser.state_dict(),
            "scheduler": self._scheduler.state_dict(),
        }

    def restore(self, state):
        """Restore what `state` returned."""
        self.begin_phase(state["frozen"])
        self.network.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._scheduler.load_state_dict(state["scheduler"])
