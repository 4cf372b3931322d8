"""What a network is trained for: the parts of a training that depend on it."""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Goal"]


@dataclass(frozen=True)
class Goal:
    """The parts of a training that differ between kinds of models.

    Attributes
    ----------
    kind : {'mask', 'inpaint'}
    recipe : type
        `Recipe` or a subclass; its defaults are the default recipe.
    learner : type
        `Learner` or a subclass.
    training_batches, validation_batches : callable
        With the signatures of those in `batches`.
    panels : tuple
        Of the picture of the curves, see `curves.picture`.
    told : callable
        Takes the row of an epoch; returns what the progress bar says of it.
    """

    kind: str
    recipe: type
    learner: type
    training_batches: Callable
    validation_batches: Callable
    panels: tuple
    told: Callable
