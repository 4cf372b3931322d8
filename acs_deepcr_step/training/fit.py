"""Training of a model: patches and a recipe in, one file of weights out.

The same patches, recipe and number of threads give the same weights on a CPU, bit for bit,
whether the training ran through or was killed and resumed any number of times: the order of
the patches and the sky that is added to them follow from the seed, the epoch and the patch
(`batches`), and a checkpoint holds everything else.
"""

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tqdm import tqdm

from .. import __version__, models
from ..engine import place
from ..errors import ParameterError
from ..saving import atomic, locked
from ..weights_file import Description, parse, write
from . import batches, checkpoint, curves
from .goal import Goal
from .learner import Learner
from .recipe import Recipe, RunOptions
from .repeatable import repeatable
from .splitting import split

__all__ = ["MASKS", "Trained", "fit"]

MASKS = Goal(
    "mask",
    Recipe,
    Learner,
    batches.training_batches,
    batches.validation_batches,
    curves.MASK_PANELS,
    lambda row: f"validation loss {row['loss']:.4f}, TPR {row['tpr']:.3f}",
)


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes
    ----------
    path : pathlib.Path
        The weights, which ``model=`` of the step takes.
    description : Description
        What stands in the file beside them.
    """

    path: Path
    description: Description


def fit(patches, output, recipe=None, options=None, goal=MASKS):
    """Train a model.

    Parameters
    ----------
    patches : Patches
        From `patches.open_patches`.
    output : path
        The file of weights to make, ``*.safetensors``. Beside it stand ``<output>.checkpoint`` while
        the training runs, the curves ``<stem>.png``, and ``<stem>_tensorboard/``.
    recipe : Recipe, optional
        The paper's by default.
    options : RunOptions, optional
    goal : Goal, optional
        What the network is for; by default to find cosmic rays.

    Returns
    -------
    Trained
        The weights of the epoch with the lowest validation loss. If `output` is the result of the same
        recipe and patches already, it is not trained again.

    Raises
    ------
    InputError
        If the patches cannot be split, or one of them cannot be read.
    ModelError
        If a checkpoint of another training lies beside the output (the message tells what differs), or
        the training diverges.
    ParameterError
        If `output` exists and is something else, or is not to be called ``*.safetensors``.

    References
    ----------
    Kwon, Zhang & Bloom 2021; Zhang & Bloom 2020.
    """
    recipe, options, output = recipe or goal.recipe(), options or RunOptions(), Path(output).expanduser()
    if output.suffix != ".safetensors":
        raise ParameterError(f"{output}: give the weights to make a name that ends in .safetensors.")
    if not output.parent.is_dir():
        raise ParameterError(f"{output.parent} is not a directory: make it first, or give another output.")
    if recipe.filter:
        patches = patches.select(recipe.filter)
    with locked(output, seconds=1.0):
        kept = output.with_name(f"{output.name}.checkpoint")
        if output.exists():
            result = _finished(output, recipe, patches)
        else:
            state, device = checkpoint.load(kept), place(options.device, "float32").device
            # Other threads would give other last digits than those that are there.
            known = state["identity"].get("threads") if state else None
            options = replace(options, threads=options.threads or known or torch.get_num_threads())
            with repeatable(options.threads, device.type == "cpu"):
                training = _Training(patches, (recipe, goal), options, device)
                training.begin(kept, state)
                training.run(output.with_name(f"{output.stem}_tensorboard"))
            best = training.best["epoch"]
            curves.picture(output.with_suffix(".png"), training.history, recipe, best, goal.panels)
            result = Trained(output, training.description())
            with atomic(output) as temporary:
                write(temporary, training.best["weights"], result.description)
            models.load(output)  # what cannot be used is better known now
        kept.unlink(missing_ok=True)
    return result


def _finished(output, recipe, patches):
    """The result that is there, if it is of this very training."""
    description = parse(output, output.read_bytes())[1]
    about = description.about if description else {}
    same = about.get("recipe") == recipe.as_dict()
    if not same or about.get("data", {}).get("manifest") != patches.manifest:
        raise ParameterError(
            f"{output} exists and is of another training: give another output, or move it away."
        )
    return Trained(output, description)


class _Training:
    """The loop, and where it stands."""

    def __init__(self, patches, lesson, options, device):
        self.recipe, self.goal = lesson
        self.patches, self.options, self.device = patches, options, device
        self.split = split(patches, self.recipe.validation, self.recipe.seed)
        self.learner = self.goal.learner(self.recipe, device)
        self.epoch, self.position, self.loss_sum, self.history, self.best = 0, 0, 0.0, [], None

    def begin(self, kept, state):
        """Begin where a checkpoint ends, if there is one; `kept` is where to put the next."""
        self._kept = kept
        self._identity = {
            **self.recipe.as_dict(),
            "patches": self.patches.manifest,
            "threads": self.options.threads,
            "device": self.device.type,
        }
        if state is not None:
            checkpoint.require_same(kept, state["identity"], self._identity)
            self.learner.restore(state["learner"])
            self.epoch, self.position, self.loss_sum = state["epoch"], state["position"], state["loss_sum"]
            self.history, self.best = state["history"], state["best"]

    def run(self, log_directory):
        """Train until all epochs are done."""
        steps = math.ceil(len(self.split.train) / self.recipe.batch)
        done = self.epoch * steps + self.position
        hide = None if self.options.progress else True  # None: hidden where there is no terminal
        with (
            curves.tensorboard(log_directory, self.history, self.options.tensorboard) as log,
            tqdm(total=steps * self.recipe.epochs, initial=done, unit="batch", disable=hide) as bar,
        ):
            while self.epoch < self.recipe.epochs:
                self._train(bar)
                log(self._finish_epoch())
                bar.set_postfix_str(f"epoch {self.epoch}, {self.goal.told(self.history[-1])}")

    def _train(self, bar):
        """The batches of this epoch that are still to come."""
        saved = time.monotonic()
        coming = self.goal.training_batches(
            self.patches, self.split.train, self.recipe, self.epoch, self.position, self.options.workers
        )
        for batch in coming:
            self.loss_sum += self.learner.step(batch) * len(batch[0])
            self.position += 1
            bar.update()
            if time.monotonic() - saved >= self.options.checkpoint_seconds:
                self._save()
                saved = time.monotonic()

    def _finish_epoch(self):
        """Validate, keep the best weights, begin the next epoch; its row of the history."""
        recipe, learner = self.recipe, self.learner
        rows = self.split.validation
        coming = self.goal.validation_batches(self.patches, rows, recipe, self.options.workers)
        row = {
            "epoch": self.epoch,
            "lr": learner.lr,
            "train_loss": self.loss_sum / len(self.split.train),
            **learner.validate(coming),
        }
        self.history.append(row)
        if self.best is None or row["loss"] < self.best["loss"]:
            self.best = {"epoch": self.epoch, "loss": row["loss"], "weights": learner.weights()}
        learner.end_epoch(row["loss"])
        self.epoch, self.position, self.loss_sum = self.epoch + 1, 0, 0.0
        if self.epoch == recipe.frozen_from:
            learner.begin_phase(frozen=True)
        self._save()
        return row

    def _save(self):
        checkpoint.save(
            self._kept,
            {
                "identity": self._identity,
                "learner": self.learner.state(),
                "epoch": self.epoch,
                "position": self.position,
                "loss_sum": self.loss_sum,
                "history": self.history,
                "best": self.best,
            },
        )

    def description(self):
        """What the file of weights says of itself."""
        recipe, index = self.recipe, self.patches.index
        figures = {key: _finite(value) for key, value in self.history[self.best["epoch"]].items()}
        figures["best_epoch"] = figures.pop("epoch") + 1
        sets = {
            side: sorted({str(name) for name in index["observation_set"][getattr(self.split, side)]})
            for side in ("train", "validation")
        }
        about = {
            "recipe": recipe.as_dict(),
            "data": {
                "manifest": self.patches.manifest,
                "patches": len(self.patches),
                "side": self.patches.side,
                "split_by": self.split.by,
                "training_sets": sets["train"],
                "validation_sets": sets["validation"],
            },
            "figures": figures,
            "run": {"device": self.device.type, "threads": self.options.threads},
            "versions": {"acs_deepcr_step": __version__, "torch": torch.__version__},
        }
        shape = (recipe.levels, recipe.hidden, float(recipe.scale))
        return Description(self.goal.kind, *shape, recipe.filter, recipe.threshold, about)


def _finite(value):
    return value if isinstance(value, int) or math.isfinite(value) else None
