"""The stages that all reproductions share, whatever the source of the patches: models, curves, tables."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from ...errors import ParameterError
from ...network import models
from ..evaluation import counts_file, exposure_figures, outputs, scoring
from ..evaluation.tally import tallied
from ..fit.recipe import Recipe, RunOptions, first_phase
from ..patches.dataset import open_patches
from ..simulated.sets import SIZES
from .stages import Stage

__all__ = ["GLOBAL", "Options", "Source", "remove"]

GLOBAL = "global"


@dataclass(frozen=True)
class Options:
    """Options of a reproduction.

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
        Published patches: path of a copy or address of a record; empty to begin with exposures.
    simulated : str
        ``small`` or ``large`` for simulated sets; empty for the paper's.
    cloud : bool
        Fetch exposures from the public cloud copy where possible.
    lacosmic : bool
        Whether LACosmic is scored too.
    device : str
        Of training and scoring.
    """

    filters: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
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
    """Source of patches and test samples, with all stages of the reproduction.

    Subclasses define `before` (the stages up to the patches) and `after` (those after the models).

    Parameters
    ----------
    directory : pathlib.Path
    options : Options

    Attributes
    ----------
    filters : list of str
        A model is trained for each, and a global one if there are several.
    patches : pathlib.Path
        Directory for `dataset.open_patches`.
    patches_stage : str
        Name of the stage that makes `patches`.
    """

    recipe_changes = {}

    def __init__(self, directory, options):
        self.directory, self.options = Path(directory), options

    def stages(self):
        """Return all stages, in order.

        Returns
        -------
        list of Stage
        """
        return [*self.before(), *map(self._fit, self.models()), *self.after()]

    def models(self):
        """Return the filters of the models to train; empty for the global model."""
        return ([""] if len(self.filters) > 1 else []) + self.filters

    def recipe(self, band):
        """Return the `Recipe` of the model of a filter, one of `models`."""
        settings = dict(self.recipe_changes)
        if self.options.epochs is not None:
            epochs = self.options.epochs
            settings |= {"epochs": epochs, "frozen_from": first_phase(epochs)}
        return Recipe(filter=band, **settings)

    def _weights(self, band):
        return self.directory / "models" / f"{band or GLOBAL}.safetensors"

    def _fit(self, band):
        recipe, target = self.recipe(band), self._weights(band)

        def work():
            from ..fit.loop import fit

            target.parent.mkdir(exist_ok=True)
            fit(open_patches(self.patches), target, recipe, RunOptions(device=self.options.device))
            return [target]

        def clear():
            for path in target.parent.glob(f"{target.stem}[._]*"):
                remove(path)

        return Stage(f"fit-{target.stem}", recipe.as_dict(), work, clear, depends_on=(self.patches_stage,))

    def scorers(self):
        """Return the scorers: the models trained here, the published ones, LACosmic."""
        device = self.options.device
        trained = [
            scoring.model(self._weights(band), label=f"trained here, {band or GLOBAL}", device=device)
            for band in self.models()
        ]
        with_model = [band for band in self.filters if models.for_filter(band) != models.GLOBAL]
        lacosmic = scoring.lacosmic() if self.options.lacosmic else []
        return trained + scoring.published(with_model, device=device) + lacosmic

    def counting_stage(self, name, samples, depends_on):
        """Return the stage that scores samples.

        Parameters
        ----------
        name : str
        samples : callable
            Returns an iterable of `Sample`.
        depends_on : tuple of str
            Names of the stages that make them.

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
        return Stage(f"roc-{name}", settings, work, lambda: remove(path), depends_on=(*depends_on, *fits))

    def _counts(self, name):
        return self.directory / "counts" / f"{name}.npz"

    def results_stage(self, names, describe, shown, suffix=""):
        """Return the stage that writes tables and figures.

        Parameters
        ----------
        names : list of str
            Of the counting stages.
        describe : callable
            Returns the `TruthDescription`.
        shown : callable
            Returns the samples of Figures 1 and 2.
        suffix : str
            Of the names of stage and directory.

        Returns
        -------
        Stage
        """
        outdir = self.directory / f"results{suffix}"

        def work():
            counts = [counts_file.load(self._counts(name)) for name in names]
            description = describe()
            outputs.prepare_directory(outdir, overwrite=True)
            tallies = sum(counts[1:], start=counts[0])
            outputs.write(tallies, outdir, description.statement, description.title)
            for sample in shown():
                exposure_figures.draw(outdir, sample, self.scorers(), description.title)
            return [path for path in outdir.iterdir() if path.is_file()]

        depends_on = tuple(f"roc-{name}" for name in names)
        return Stage(f"results{suffix}", {}, work, lambda: remove(outdir), depends_on)


def remove(path):
    """Remove a file or a directory, if it exists.

    Parameters
    ----------
    path : pathlib.Path
    """
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
