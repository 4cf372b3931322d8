"""Training of a model, from patches and a recipe to a file of weights.

On a CPU the same patches, recipe and number of threads give bit-identical weights, however often the
training was killed and resumed: the order of the patches and the added sky depend on seed, epoch and
patch alone (`batches`), and a checkpoint holds everything else.
"""

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from tqdm import tqdm

from ... import __version__
from ...errors import ModelError, ParameterError
from ...files.atomic import atomic_under_lock, locked
from ...flagging.consensus.calibration import Calibration
from ...network import calibration_file, models
from ...network.engine import choose_backend
from ...network.weights_file import Description, parse, write
from ..calibration import measure
from ..patches.splitting import split
from . import batches, checkpoint, curves
from .determinism import deterministic
from .goal import Goal
from .learner import Learner
from .recipe import Recipe, RunOptions

__all__ = ["MASKS", "Trained", "fit"]

MASKS = Goal(
    kind="mask",
    recipe=Recipe,
    learner=Learner,
    training_batches=batches.training_batches,
    validation_batches=batches.validation_batches,
    panels=curves.MASK_PANELS,
    epoch_summary=lambda row: f"validation loss {row['loss']:.4f}, TPR {row['tpr']:.3f}",
)


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes
    ----------
    path : pathlib.Path
        The weights; ``model=`` of the step takes the path.
    description : Description
        What the file says of them.
    """

    path: Path
    description: Description


def fit(patches, output, recipe=None, options=None, goal=MASKS):
    """Train a model.

    Parameters
    ----------
    patches : Patches
        From `dataset.open_patches`.
    output : path
        File for the weights, ``*.safetensors``. Beside it: ``<output>.checkpoint`` while the training
        runs, the curves ``<stem>.png``, and ``<stem>_tensorboard/``; with `RunOptions.calibration`
        ``<output>.calibration.json``.
    recipe : Recipe, optional
        The paper's by default.
    options : RunOptions, optional
    goal : Goal, optional
        What the network is trained for; by default masks of cosmic rays.

    Returns
    -------
    Trained
        The weights of the epoch with the lowest validation loss. If `output` is the result of the same
        recipe and patches already, nothing is trained.

    Raises
    ------
    InputError
        If the patches cannot be split, or one of them cannot be read.
    ModelError
        If a checkpoint of another training lies beside the output (the message names what differs), or
        the training diverges.
    OutputError
        If the weights, the checkpoint, the figure or the calibration cannot be written.
    ParameterError
        If `output` exists and is something else, or is not named ``*.safetensors``.

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
        checkpoint_path = output.with_name(f"{output.name}.checkpoint")
        if output.exists():
            result = _finished(output, recipe, patches)
        else:
            state, device = checkpoint.load(checkpoint_path), choose_backend(options.device, "float32").device
            # With another number of threads the last digits would differ.
            threads = state["identity"].get("threads") if state else None
            options = replace(options, threads=options.threads or threads or torch.get_num_threads())
            with goal.prepare(patches, recipe, output, options) as prepared:
                with deterministic(options.threads, device.type == "cpu"):
                    training = _Training(prepared, recipe, goal, options, device)
                    training.begin(checkpoint_path, state)
                    training.run(output.with_name(f"{output.stem}_tensorboard"))
                    weights, figures = training.result()
                best = training.best["epoch"]
                curves.draw(output.with_suffix(".png"), training.history, recipe, best, goal.panels)
                result = Trained(output, training.description(figures))
                with atomic_under_lock(output) as temporary:
                    write(temporary, weights, result.description)
                models.load(output)  # fails now if the weights cannot be used
        checkpoint_path.unlink(missing_ok=True)
        if options.calibration and goal.kind == "mask":
            _calibrate(output, options)
    return result


def _calibrate(output, options):
    """Count the calibration of weights, unless it is there already."""
    model, path = models.load(output), calibration_file.path_for(output)
    wanted = {"hash": model.info.sha256, "fields": [field.as_dict() for field in options.calibration]}
    try:
        there = Calibration.from_json(calibration_file.read(path), path).provenance
    except ModelError:  # none, or a damaged one
        there = {}
    if any(there.get(name) != value for name, value in wanted.items()):
        made = measure.calibration(model, options.calibration, progress=options.progress)
        measure.write(path, made)


def _finished(output, recipe, patches):
    """Return the existing result, if it is of the same training."""
    description = parse(output, output.read_bytes())[1]
    about = description.about if description else {}
    same = about.get("recipe") == recipe.as_dict()
    if not same or about.get("data", {}).get("manifest") != patches.manifest:
        raise ParameterError(
            f"{output} exists and is of another training: give another output, or move it away."
        )
    return Trained(output, description)


class _Training:
    """The loop over epochs and batches, and its progress."""

    def __init__(self, patches, recipe, goal, options, device):
        self.patches, self.recipe, self.goal = patches, recipe, goal
        self.options, self.device = options, device
        self.split = split(patches, recipe.validation, recipe.seed)
        self.learner = goal.learner(recipe, device)
        self.epoch, self.position, self.loss_sum, self.history, self.best = 0, 0, 0.0, [], None

    def begin(self, checkpoint_path, state):
        """Resume from a checkpoint's state, if there is one; `checkpoint_path` is for the next."""
        self._checkpoint_path = checkpoint_path
        self._identity = {
            **self.recipe.as_dict(),
            "patches": self.patches.manifest,
            "threads": self.options.threads,
            "device": self.device.type,
        }
        if state is not None:
            checkpoint.require_same_training(checkpoint_path, state["identity"], self._identity)
            self.learner.restore(state["learner"])
            self.epoch, self.position, self.loss_sum = state["epoch"], state["position"], state["loss_sum"]
            self.history, self.best = state["history"], state["best"]

    def run(self, log_directory):
        """Train until all epochs are done."""
        steps = math.ceil(len(self.split.train) / self.recipe.batch)
        done = self.epoch * steps + self.position
        hide = None if self.options.progress else True  # None: hidden without a terminal
        with (
            curves.tensorboard(log_directory, self.history, self.options.tensorboard) as log,
            tqdm(total=steps * self.recipe.epochs, initial=done, unit="batch", disable=hide) as bar,
        ):
            while self.epoch < self.recipe.epochs:
                self._train(bar)
                log(self._finish_epoch())
                bar.set_postfix_str(f"epoch {self.epoch}, {self.goal.epoch_summary(self.history[-1])}")

    def _train(self, bar):
        """Train on the remaining batches of this epoch."""
        saved = time.monotonic()
        remaining = self.goal.training_batches(
            self.patches, self.split.train, self.recipe, self.epoch, self.position, self.options.workers
        )
        for batch in remaining:
            self.loss_sum += self.learner.step(batch) * len(batch.weight)
            self.position += 1
            bar.update()
            if time.monotonic() - saved >= self.options.checkpoint_seconds:
                self._save()
                saved = time.monotonic()

    def _finish_epoch(self):
        """Validate, keep the best weights and advance; return the epoch's row of the history."""
        recipe, learner = self.recipe, self.learner
        rows = self.split.validation
        validation = self.goal.validation_batches(self.patches, rows, recipe, self.options.workers)
        row = {
            "epoch": self.epoch,
            "lr": learner.lr,
            "train_loss": self.loss_sum / len(self.split.train),
            **learner.validate(validation),
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
            self._checkpoint_path,
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

    def result(self):
        """Return the best weights, finished, with their figures."""
        figures = self.history[self.best["epoch"]]
        weights, rows = self.best["weights"], self.split.validation
        if self.goal.finish is None:
            return weights, figures

        def validation():
            return self.goal.validation_batches(self.patches, rows, self.recipe, self.options.workers)

        self.learner.network.load_state_dict(weights)
        self.goal.finish(self.learner, validation())
        return self.learner.weights(), {**figures, **self.learner.validate(validation())}

    def description(self, figures):
        """Return the `Description` of the weights that have these figures."""
        recipe, index = self.recipe, self.patches.index
        figures = {key: _finite(value) for key, value in figures.items()}
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
        return Description(
            kind=self.goal.kind,
            levels=recipe.levels,
            hidden=recipe.hidden,
            scale=float(recipe.scale),
            filter=recipe.filter,
            threshold=recipe.threshold,
            compression=recipe.compression,
            about=about,
        )


def _finite(value):
    return value if isinstance(value, int) or math.isfinite(value) else None
