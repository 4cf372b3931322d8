"""The recipe of a mask model, with the paper's values as defaults, and options of a run."""

from dataclasses import asdict, dataclass, fields

from ...errors import ParameterError

__all__ = ["Recipe", "RunOptions", "first_phase"]


@dataclass(frozen=True)
class Recipe:
    """All that decides the weights, given the patches. The defaults are the paper's.

    Attributes
    ----------
    levels, hidden : int
        Shape of the U-Net.
    filter : str
        Only patches of this filter; empty for all (the global model).
    scale : float
        Electrons are divided by this before the network sees them.
    epochs : int
        Passes over the training patches.
    frozen_from : int
        First epoch, from 0, of the second phase: the running statistics of batch normalisation are
        frozen, and the optimiser is new. `epochs` or more: no second phase.
    batch : int
        Patches per step.
    lr : float
        Learning rate of Adam in the first phase.
    lr_drop : float
        The second phase begins with `lr` divided by it.
    momentum : float
        Of the running statistics of batch normalisation. With 0.005 they need about 1000 steps.
    plateau_factor, plateau_threshold : float
    plateau_patience, plateau_cooldown : int
        When the validation loss has not fallen by the share `plateau_threshold` for more than
        `plateau_patience` epochs, the learning rate is multiplied by `plateau_factor`; then not for
        `plateau_cooldown` epochs.
    sky_low, sky_high : float
        Each time a patch is used, `u` times the sky of its exposure is added, with u uniform between
        these.
    validation : float
        Share of the patches for validation, by whole observation sets.
    threshold : float
        The probability threshold that the weights recommend.
    seed : int
        Of the initial weights, the split, the order of the patches and the added sky.
    """

    levels: int = 2
    hidden: int = 32
    filter: str = ""
    scale: float = 1.0
    epochs: int = 50
    frozen_from: int = 20
    batch: int = 16
    lr: float = 0.005
    lr_drop: float = 2.5
    momentum: float = 0.005
    plateau_factor: float = 0.1
    plateau_threshold: float = 0.005
    plateau_patience: int = 4
    plateau_cooldown: int = 2
    sky_low: float = -0.9
    sky_high: float = 3.0
    validation: float = 0.1
    threshold: float = 0.5
    seed: int = 0

    compression = ""  # no field: the paper's input is not compressed, and `DistillationRecipe` has its own

    def __post_init__(self):
        faults = []
        for field in fields(self):
            value = getattr(self, field.name)
            kinds = (int, float) if field.type is float else field.type
            if not isinstance(value, kinds) or isinstance(value, bool):
                faults.append(f"{field.name}={value!r} is no {field.type.__name__}")
        if not faults:
            faults = [f"{name}={getattr(self, name)!r} is not {what}" for name, what in self._range_faults()]
        if faults:
            raise ParameterError(f"The recipe cannot be used: {'; '.join(faults)}.")

    def _range_faults(self):
        for name in ("hidden", "epochs", "batch"):
            if getattr(self, name) < 1:
                yield name, "1 or more"
        if not 2 <= self.levels <= 5:  # 16 pixels, the smallest patch, can be halved four times
            yield "levels", "2 to 5"
        for name in ("frozen_from", "plateau_patience", "plateau_cooldown", "seed"):
            if getattr(self, name) < 0:
                yield name, "0 or more"
        for name in ("scale", "lr", "lr_drop"):
            if not 0 < getattr(self, name) < float("inf"):
                yield name, "above 0"
        for name in ("momentum", "plateau_factor", "validation"):
            if not 0 < getattr(self, name) < 1:
                yield name, "between 0 and 1"
        for name in ("threshold", "plateau_threshold"):
            if not 0 <= getattr(self, name) <= 1:
                yield name, "from 0 to 1"
        if not float("-inf") < self.sky_low <= self.sky_high < float("inf"):
            yield "sky_low", f"at most sky_high={self.sky_high!r}"

    def as_dict(self):
        """Return the values by name."""
        return asdict(self)

    def frozen(self, epoch):
        """Return whether an epoch, from 0, belongs to the second phase."""
        return epoch >= self.frozen_from


def first_phase(epochs):
    """Return the number of epochs before the second phase, in the paper's proportion of 20 of 50.

    Parameters
    ----------
    epochs : int

    Returns
    -------
    int
    """
    return round(0.4 * epochs)


@dataclass(frozen=True)
class RunOptions:
    """Where and how a training runs; none of it is part of the recipe.

    Attributes
    ----------
    device : {'auto', 'cpu', 'cuda', 'cuda:N', 'mps'}
    threads : int or None
        Threads of PyTorch on a CPU. The last digits of the weights depend on their number. None: the
        current number, or that of the training to resume.
    workers : int
        Processes that read patches; 0: none beside the training itself.
    checkpoint_seconds : float
        Between checkpoints: at most so much work is lost when the training is killed.
    tensorboard : bool
        Whether to write curves for TensorBoard, if it is installed.
    progress : bool
        Whether to show a progress bar on a terminal.
    calibration : tuple of calibration.fields.Field
        From which the calibration of a mask model is counted when its weights are there; none: it gets none.
    """

    device: str = "auto"
    threads: int | None = None
    workers: int = 0
    checkpoint_seconds: float = 60.0
    tensorboard: bool = True
    progress: bool = True
    calibration: tuple = ()

    def __post_init__(self):
        if self.threads is not None and self.threads < 1:
            raise ParameterError(f"threads={self.threads!r}: give 1 or more.")
        if self.workers < 0:
            raise ParameterError(f"workers={self.workers!r}: give 0 or more.")
