"""The parts of a training that depend on the kind of model."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

from .curves import Panel

__all__ = ["Goal"]


def _as_they_are(patches, *_):
    return nullcontext(patches)


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
    prepare : callable
        Takes patches, recipe, the path of the weights to make and the options; returns a context manager that
        gives the patches to train on, and that is left when the weights are there.
    finish : callable or None
        Takes the learner with the best weights, and the validation batches; changes the weights once more.
    """

    kind: str
    recipe: type
    learner: type
    training_batches: Callable
    validation_batches: Callable
    panels: tuple[Panel, ...]
    epoch_summary: Callable
    prepare: Callable = _as_they_are
    finish: Callable | None = None
