"""The parts of a training that depend on the kind of model."""

from collections.abc import Callable
from dataclasses import dataclass

from .curves import Panel

__all__ = ["Goal"]


@dataclass(frozen=True)
class Goal:
    """What a network is trained for.

    Attributes
    ----------
    kind : {'mask', 'inpaint'}
    recipe : type
        `Recipe` or a subclass; its defaults are the default recipe.
    learner : type
        `Learner` or a subclass.
    training_batches, validation_batches : callable
        With the signatures of those in `batches`.
    panels : tuple of Panel
        Of the figure of the curves.
    epoch_summary : callable
        Takes the row of an epoch; returns the text for the progress bar.
    """

    kind: str
    recipe: type
    learner: type
    training_batches: Callable
    validation_batches: Callable
    panels: tuple[Panel, ...]
    epoch_summary: Callable
