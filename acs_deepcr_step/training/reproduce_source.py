"""What every reproduction has in common, wherever its patches come from: models, curves, tables."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from .. import models
from ..errors import ParameterError
from . import counts_file, outputs, pictures, scoring
from .patches import open_patches
from .recipe import Recipe, RunOptions
from .simulated_sets import SIZES
from .stages import Stage
from .tally import tallied

__all__ = ["Options", "Source", "remove"]

GLOBAL = "global"
_FROZEN_SHARE = 0.4  # of the epochs, the paper's 20 of 50, come before the second phase


@dataclass(frozen=True)
class Options:
    """What is reproduced.

    Attributes
    ----------
    filters : tuple of str
        Only these; empty for all.
    sets : tuple of str
        Only these observation sets; empty for all.
    without : tuple of str
        Observation sets to leave out.
    epochs : int or None
        Of each training; None for the paper's 50.
    from_zenodo : str
        The published patches: a copy's path or a record's address; empty to begin with the exposures.
    simulated : str
        ``small`` or ``large`` for simulated sets; empty for the paper's.
    cloud : bool
        Exposures from the public cloud copy where it has them.
    lacosmic : bool
        Whether LACosmic is scored too.
    device : str
        Of training and scoring.
    """

    filters: tuple = ()
    sets: tuple = ()
    without: tuple = ()
    epochs: int | None = None
    from_zenodo: str = ""
    simulated: str = ""
    cloud: bool = False
    lacosmic: bool = True
    device: str = "auto"

    def __post_init__(self):
        if self.from_zenodo and (self.simulated or self.sets or self.without or self.cloud):
            raise ParameterError(
                "The published patches are taken as a whole: leave out sets, without, cloud and simulated."
            )
        if self.simulated and (self.sets or self.without or self.cloud):
            raise ParameterError("Simulated sets are not the paper's: leave out sets, without and cloud.")
        if self.simulated and self.simulated not in SIZES:
            raise ParameterError(f"simulated = {self.simulated!r}: give {' or '.join(SIZES)}.")
        if self.epochs is not None and self.epochs < 1:
            raise ParameterError(f"epochs = {self.epochs!r}: give 1 or more.")


class Source:
    """Where the patches and the test samples come from; the stages up to them, and from them on.

    Parameters
    ----------
    directory : pathlib.Path
    options : Options

    Attributes
    ----------
    filters : list of str
        A model is trained for each, and a global one where there are several.
    patches : pathlib.Path
        What `patches.open_patches` takes.
    patches_stage : str
        Name of the stage that makes it.
    """

    recipe_changes = {}

    def __init__(self, directory, options):
        self.directory, self.options = Path(directory), options

    def stages(self):
        """Return all stages in order.

        Returns
        -------
        list of Stage
        """
        return [*self.before(), *map(self._fit, self.models()), *self.after()]

    def models(self):
        """Return the filters of the models to train; an empty one is the global model."""
        return ([""] if len(self.filters) > 1 else []) + self.filters

    def recipe(self, band):
        """Return the recipe of a model of `models`."""
        settings = dict(self.recipe_changes)
        if self.options.epochs is not None:
            frozen_from = round(_FROZEN_SHARE * self.options.epochs)
            settings |= {"epochs": self.options.epochs, "frozen_from": frozen_from}
        return Recipe(filter=band, **settings)

    def _weights(self, band):
        return self.directory / "models" / f"{band or GLOBAL}.safetensors"

    def _fit(self, band):
        recipe, target = self.recipe(band), self._weights(band)

        def work():
            from .fit import fit

            target.parent.mkdir(exist_ok=True)
            fit(open_patches(self.patches), target, recipe, RunOptions(device=self.options.device))
            return [target]

        def clear():
            for path in target.parent.glob(f"{target.stem}[._]*"):
                remove(path)

        return Stage(f"fit-{target.stem}", recipe.as_dict(), work, clear, (self.patches_stage,))

    def scorers(self):
        """Return what is scored: the models trained here, the published ones, LACosmic."""
        device = self.options.device
        own = [
            scoring.model(self._weights(band), label=f"trained here, {band or GLOBAL}", device=device)
            for band in self.models()
        ]
        with_model = [band for band in self.filters if models.for_filter(band) != models.GLOBAL]
        lacosmic = scoring.lacosmic() if self.options.lacosmic else []
        return own + scoring.published(with_model, device=device) + lacosmic

    def counted(self, name, samples, after):
        """Return the stage that scores samples.

        Parameters
        ----------
        name : str
        samples : callable
            Returns an iterable of `Sample`.
        after : tuple of str
            The stages that make them.

        Returns
        -------
        Stage
        """
        path = self._counts(name)

        def work():
            path.parent.mkdir(exist_ok=True)
            counts_file.save(tallied(samples(), self.scorers()), path)
            return [path]

        settings = {"lacosmic": self.options.lacosmic, "models": self.models()}
        fits = tuple(f"fit-{band or GLOBAL}" for band in self.models())
        return Stage(f"roc-{name}", settings, work, lambda: remove(path), (*after, *fits))

    def _counts(self, name):
        return self.directory / "counts" / f"{name}.npz"

    def results(self, names, describe, shown, kind=""):
        """Return the stage that writes tables and figures.

        Parameters
        ----------
        names : list of str
            Of what was `counted`.
        describe : callable
            Returns what stands beside the figures: a statement and a title.
        shown : callable
            Returns the samples of Figures 1 and 2.
        kind : str
            Part of the directory's name.

        Returns
        -------
        Stage
        """
        outdir = self.directory / f"results{kind}"

        def work():
            counts = [counts_file.load(self._counts(name)) for name in names]
            statement, title = describe()
            outputs.prepared(outdir, overwrite=True)
            outputs.write(sum(counts[1:], start=counts[0]), outdir, statement, title)
            for sample in shown():
                pictures.draw(outdir, sample, self.scorers(), title)
            return [path for path in outdir.iterdir() if path.is_file()]

        after = tuple(f"roc-{name}" for name in names)
        return Stage(f"results{kind}", {}, work, lambda: remove(outdir), after)


def remove(path):
    """Remove a file or a directory of the reproduction, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
