"""A network in training: its optimiser, its two phases, its loss. No files, no loop."""

import math

import torch
from torch import nn
from torch.nn import functional

from ..errors import ModelError
from ..unet import Architecture, UNet
from .repeatable import seeded
from .roc import HIGH_FPR, LOW_FPR, Histogram, stored

__all__ = ["Learner"]


class Learner:
    """A network and all that changes while it is trained.

    Parameters
    ----------
    recipe : Recipe
    device : torch.device

    Notes
    -----
    The loss is the binary cross-entropy of ``p (1 - ignore)`` and ``truth (1 - ignore)``, averaged
    over all pixels, as published. It is computed from the network's output before the sigmoid, with
    the weight ``1 - ignore``: an ignored pixel has p = truth = 0 in the published form, hence the loss
    0 and no gradient, so the two are the same, but this one neither overflows nor loses digits.

    In the first phase batches are normalised by their own statistics, which the running ones follow;
    in the second by the running ones, which stay as they are.

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
        """Return the network with its first weights."""
        return UNet(self.architecture())

    def architecture(self):
        """Return the `Architecture`, without the sigmoid, which is part of the loss."""
        return Architecture(self.recipe.levels, self.recipe.hidden, sigmoid=False)

    def begin_phase(self, frozen):
        """Make a new optimiser, and a scheduler that steers this one."""
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
        """The learning rate in use."""
        return float(self._optimiser.param_groups[0]["lr"])

    def step(self, batch):
        """Learn from one batch.

        Parameters
        ----------
        batch : (image, truth, weight)
            From `batches`.

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
        loss = self._loss(*self._placed(batch))[0]
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

    def _placed(self, batch):
        return [t.to(self.device, memory_format=torch.channels_last, non_blocking=True) for t in batch]

    def _loss(self, image, truth, weight):
        logits = self.network(image)
        return functional.binary_cross_entropy_with_logits(logits, truth, weight), logits

    def validate(self, batches):
        """Return loss and rates on patches that are not learned from.

        Parameters
        ----------
        batches : iterable of (image, truth, weight)

        Returns
        -------
        dict of str to float
            loss; tpr and fpr at the recipe's threshold; TPR at an FPR of 0.05 % and 0.5 %, nan where
            the patches do not tell, all without ignored pixels.

        Notes
        -----
        The network is in the state it is used in, with running statistics, in either phase.
        """
        self.network.eval()
        loss, patches, counts = 0.0, 0, None
        with torch.no_grad():
            for batch in batches:
                size = len(batch[0])
                mean, logits = self._loss(*self._placed(batch))
                loss, patches = loss + float(mean) * size, patches + size
                flat = [a.reshape(-1, a.shape[-1]).numpy() for a in (torch.sigmoid(logits).cpu(), *batch[1:])]
                found = Histogram.of(stored(flat[0]), flat[1] > 0, flat[2] == 0)
                counts = found if counts is None else counts + found
        curve = counts.roc()
        fpr, tpr = curve.at(self.recipe.threshold)
        return {
            "loss": self._finite(loss / patches),
            "tpr": tpr,
            "fpr": fpr,
            "tpr_at_0.05%": curve.tpr_at(LOW_FPR),
            "tpr_at_0.5%": curve.tpr_at(HIGH_FPR),
        }

    def end_epoch(self, loss):
        """Let the scheduler know the validation loss of an epoch."""
        self._scheduler.step(loss)

    def weights(self):
        """Return a copy of the network's weights, on the CPU."""
        return {key: value.detach().cpu().clone() for key, value in self.network.state_dict().items()}

    def state(self):
        """Return all that changes, for a checkpoint."""
        return {
            "frozen": self.frozen,
            "network": self.weights(),
            "optimiser": self._optimiser.state_dict(),
            "scheduler": self._scheduler.state_dict(),
        }

    def restore(self, state):
        """Go back to what `state` returned."""
        self.begin_phase(state["frozen"])
        self.network.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._scheduler.load_state_dict(state["scheduler"])
