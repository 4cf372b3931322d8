"""Training of a small network by a large one, the teacher, and by the truth.

The teacher was trained on real exposures, and knows what their cosmic rays look like; the truth of the
patches knows what the teacher misses. Where pixels are ignored (saturated, flagged in DQ) only the teacher
has a say.

References
----------
Hinton, Vinyals & Dean 2015 (arXiv:1503.02531).
"""

import contextlib
import math
from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from ...errors import ModelError
from ...network import models
from ...network.scaling import COMPRESSIONS
from ..evaluation.roc import HIGH_FPR, LOW_FPR, Histogram
from ..evaluation.scores import scaled_probability
from .curves import MASK_PANELS
from .goal import Goal
from .learner import Learner
from .loop import fit
from .recipe import Recipe
from .taught_batches import training_batches, validation_batches
from .teacher import LARGEST_LOGIT, taught

__all__ = ["DISTILLATION", "DistillationLearner", "DistillationRecipe", "fit_distilled", "match_teacher"]


@dataclass(frozen=True)
class DistillationRecipe(Recipe):
    """All that decides the weights, given the patches.

    Attributes
    ----------
    teacher : str
        A mask model by name or path.
    teacher_sha256 : str
        Of its weights; `fit_distilled` sets it.
    start : str
        Initial weights: a mask model by name or path; empty for random ones. Their shape and the compression
        of their input must be the recipe's.
    start_sha256 : str
        Of those weights; `fit_distilled` sets it.
    compression : {'', 'asinh'}
        Of the network's input (`network.scaling`).
    truth_share : float
        Share of the truth in what is learnt; the rest is the teacher's.
    source_weight : float
        Weight of pixels with no cosmic ray near, beside those with one: the larger, the fewer stars are
        taken for cosmic rays, and the more edges of cosmic rays are missed or flagged too wide.
    logit_share : float
        Weight of the difference of the logits (smooth L1), beside that of the cross-entropy, 1.

    Notes
    -----
    The other attributes are those of `Recipe`, with other defaults. The learning rate falls along a cosine
    from `lr` in the first epoch to almost 0 in the last one: nothing waits for a plateau, and the `plateau_*`
    and `lr_drop` are not used.
    """

    hidden: int = 8
    epochs: int = 5
    frozen_from: int = 4
    batch: int = 2
    lr: float = 0.004
    momentum: float = 0.02
    sky_low: float = -0.5
    sky_high: float = 1.0
    validation: float = 0.06
    teacher: str = models.GLOBAL
    teacher_sha256: str = ""
    start: str = ""
    start_sha256: str = ""
    compression: str = "asinh"
    truth_share: float = 0.3
    source_weight: float = 3.0
    logit_share: float = 0.02

    def _range_faults(self):
        yield from super()._range_faults()
        if self.compression not in COMPRESSIONS:
            yield "compression", f"one of {', '.join(map(repr, COMPRESSIONS))}"
        elif self.compression and self.scale != 1:
            yield "scale", "1, as it must be for a compressed input"
        if not 0 < self.threshold < 1:
            yield "threshold", "between 0 and 1"
        if not 0 <= self.truth_share <= 1:
            yield "truth_share", "from 0 to 1"
        if not 0 < self.source_weight < float("inf"):
            yield "source_weight", "above 0"
        if not 0 <= self.logit_share < float("inf"):
            yield "logit_share", "0 or more"


class DistillationLearner(Learner):
    """A network that learns from a teacher; see `Learner`.

    Notes
    -----
    The loss is the binary cross-entropy between the network and what it is to learn: the teacher's
    probability, and of known pixels to `truth_share` the truth. To it comes `logit_share` of the smooth L1
    difference of the logits of network and teacher, both cut off where they are sure.
    """

    def build(self):
        """Return the network with its initial weights."""
        network = super().build()
        if self.recipe.start:
            network.load_state_dict(models.load(self.recipe.start).state)
        return network

    def begin_phase(self, frozen):
        """Begin a phase with a new optimiser; the learning rate goes on along its cosine.

        Parameters
        ----------
        frozen : bool
            Whether the statistics of batch normalisation are frozen (the second phase).
        """
        recipe = self.recipe
        self.frozen, begun = frozen, recipe.frozen_from if frozen else 0
        self._optimiser = torch.optim.Adam(self.network.parameters(), lr=recipe.lr)
        self._scheduler = torch.optim.lr_scheduler.LambdaLR(
            self._optimiser, lambda epoch: (1 + math.cos(math.pi * (begun + epoch) / recipe.epochs)) / 2
        )

    def end_epoch(self, loss):
        """Update the learning rate, whatever the loss."""
        del loss
        self._scheduler.step()

    def _loss(self, batch):
        logits, recipe = self.network(batch.image), self.recipe
        share = recipe.truth_share * batch.known
        wanted = torch.sigmoid(batch.teacher)
        wanted = wanted + share * (batch.truth - wanted)
        loss = functional.binary_cross_entropy_with_logits(logits, wanted, batch.weight)
        if recipe.logit_share:
            cut = logits.clamp(-LARGEST_LOGIT, LARGEST_LOGIT)
            apart = functional.smooth_l1_loss(cut, batch.teacher, reduction="none")
            loss = loss + recipe.logit_share * (apart * batch.weight).mean()
        return loss, logits

    def validate(self, batches):
        """Return loss and rates on validation patches.

        Parameters
        ----------
        batches : iterable of TaughtBatch

        Returns
        -------
        dict of str to float
            As of `Learner.validate`, and the teacher's rates: ``teacher_...``.
        """
        self.network.eval()
        loss, patches, own, teacher = 0.0, 0, None, None
        with torch.no_grad():
            for batch in batches:
                mean, logits = self._loss(self._on_device(batch))
                loss, patches = loss + float(mean) * len(batch.image), patches + len(batch.image)
                counts = (_counted(each.cpu(), batch) for each in (logits, batch.teacher))
                own, teacher = (
                    new if old is None else old + new for old, new in zip((own, teacher), counts, strict=True)
                )
        figures = {"loss": self._finite(loss / patches)}
        for prefix, histogram in (("", own), ("teacher_", teacher)):
            curve = histogram.roc()
            fpr, tpr = curve.at(self.recipe.threshold)
            figures |= {
                f"{prefix}tpr": tpr,
                f"{prefix}fpr": fpr,
                f"{prefix}tpr_at_0.05%": curve.tpr_at(LOW_FPR),
                f"{prefix}tpr_at_0.5%": curve.tpr_at(HIGH_FPR),
            }
        return figures


def _counted(logits, batch):
    """Count the known pixels of a batch by what a network says of them."""
    probability, truth, use = (
        tensor.reshape(-1, tensor.shape[-1]).numpy()
        for tensor in (torch.sigmoid(logits), batch.truth, batch.known * batch.weight)
    )
    return Histogram.of(scaled_probability(probability), truth > 0, use == 0)


def match_teacher(learner, batches):
    """Shift a network's output so that it flags as many clean pixels as its teacher.

    At the recipe's threshold, that is.

    Parameters
    ----------
    learner : DistillationLearner
    batches : iterable of TaughtBatch

    Raises
    ------
    ModelError
        If the patches have no clean pixel that counts.
    """
    threshold = learner.recipe.threshold
    limit = math.log(threshold / (1 - threshold))
    learner.network.eval()
    own, flagged = [], 0
    with torch.no_grad():
        for batch in batches:
            clean = (batch.known * batch.weight > 0) & (batch.truth == 0)
            own.append(learner.network(batch.image.to(learner.device)).cpu()[clean])
            flagged += int((batch.teacher[clean] > limit).sum())
        own = torch.cat(own)
        if not own.numel():
            raise ModelError("No pixel of the patches for validation is clean: add observation sets.")
        # The logit above which as many pixels are as the teacher flags.
        edge = torch.topk(own, flagged + 1).values[-1]
        learner.network.outc.conv.bias += limit - float(edge)


@contextlib.contextmanager
def _taught(patches, recipe, output, options):
    """Give the patches with their teacher's word, which is removed when the weights are there."""
    judged, path = taught(patches, models.load(recipe.teacher), output, options.progress)
    yield judged
    path.unlink(missing_ok=True)


DISTILLATION = Goal(
    kind="mask",
    recipe=DistillationRecipe,
    learner=DistillationLearner,
    training_batches=training_batches,
    validation_batches=validation_batches,
    panels=MASK_PANELS,
    epoch_summary=lambda row: (
        f"TPR at an FPR of 0.05 % {row['tpr_at_0.05%']:.4f}, teacher {row['teacher_tpr_at_0.05%']:.4f}"
    ),
    prepare=_taught,
    finish=match_teacher,
)


def fit_distilled(patches, output, recipe=None, options=None):
    """Train a mask model by another one.

    Parameters
    ----------
    patches : Patches
        From `dataset.open_patches`.
    output : path
        File for the weights, ``*.safetensors``; for the files beside it see `loop.fit`. The teacher's logits
        lie there too until the weights are done.
    recipe : DistillationRecipe, optional
    options : RunOptions, optional

    Returns
    -------
    Trained
        The weights of the epoch with the lowest loss, with their output shifted as by `match_teacher`.

    Raises
    ------
    InputError, ModelError, OutputError, ParameterError
        As from `loop.fit`; also if the teacher cannot be used.
    """
    recipe = recipe or DistillationRecipe()
    info = models.load(recipe.teacher).info
    if info.kind != "mask":
        raise ModelError(f"{recipe.teacher} finds no cosmic rays: give a mask model as the teacher.")
    recipe = replace(recipe, teacher_sha256=info.sha256, start_sha256=_start_sha256(recipe))
    return fit(patches, output, recipe, options, DISTILLATION)


def _start_sha256(recipe):
    """Return what identifies the initial weights, which must fit the recipe."""
    if not recipe.start:
        return ""
    info = models.load(recipe.start).info
    for name in ("kind", "levels", "hidden", "norm", "compression", "scale"):
        wanted = {"kind": "mask", "norm": True}.get(name, getattr(recipe, name, None))
        if getattr(info, name) != wanted:
            raise ModelError(
                f"{recipe.start} cannot be begun with: its {name} is {getattr(info, name)!r}, the recipe's "
                f"{wanted!r}."
            )
    return info.sha256
