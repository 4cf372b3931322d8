"""Reproduction from exposures, of the paper's observation sets or of simulated ones."""

from dataclasses import replace

from ..archive.sets import by_name, observation_sets
from ..patches.dataset import PatchOptions, write
from ..samples import TruthDescription
from ..simulated import simulator
from ..simulated.sets import SIZES, simulated_sets
from ..truth import file as truth_file
from ..truth import pipeline
from ..truth.options import TruthOptions
from .source import Source, remove
from .stages import Stage

__all__ = ["ArchivedSets", "SimulatedSets"]


class _Sets(Source):
    """Observation sets with exposures; subclasses define `obtain` and `truth_options`.

    Attributes
    ----------
    train, test : list
        Sets with ``name``, ``filter``, ``field`` and ``use``.
    """

    patch_options = PatchOptions()
    patches_stage = "patches"
    obtaining = ""  # prefix of the names of the stages that make exposures

    def __init__(self, directory, options, chosen):
        super().__init__(directory, options)
        self.train = [one for one in chosen if one.use == "train"]
        self.test = [one for one in chosen if one.use == "test"]
        self.filters = list(dict.fromkeys(one.filter for one in self.train))
        self.patches = self.directory / "patches"

    def exposures(self, one):
        """Return the directory of a set's exposures."""
        return self.directory / "exposures" / one.name

    def truth_files(self, one):
        """Return the truth files of a set, sorted."""
        return sorted((self.directory / "truth" / one.name).glob("*_crtruth.fits"))

    def before(self):
        """Yield the stages up to the patches."""
        for one in (*self.train, *self.test):
            yield self.obtain(one)
            yield self._truth(one)
        settings = {"options": vars(self.patch_options), "sets": [one.name for one in self.train]}
        depends_on = tuple(f"truth-{one.name}" for one in self.train)
        yield Stage(self.patches_stage, settings, self._cut, lambda: remove(self.patches), depends_on)

    def _truth(self, one):
        directory, options = self.directory / "truth" / one.name, self.truth_options(one)
        if one.use == "train":
            # As in the paper: a network trained with the rims of cosmic rays ignored flags them freely.
            options = replace(options, ring=0)

        def work():
            for leftover in directory.glob(f"{pipeline.WORK}*"):  # of a killed run
                remove(leftover)
            return pipeline.make(sorted(self.exposures(one).glob("*_flc.fits")), directory, options)

        settings = {"options": options.settings(), "field": one.field}
        depends_on = (f"{self.obtaining}-{one.name}",)
        return Stage(f"truth-{one.name}", settings, work, lambda: remove(directory), depends_on)

    def _cut(self):
        paths = [path for one in self.train for path in self.truth_files(one)]
        write(truth_file.samples(paths), self.patches, self.patch_options)
        return [path for path in self.patches.rglob("*") if path.is_file()]

    def after(self):
        """Yield the stages from the models to Table 3."""
        if self.test:
            for one in self.test:
                yield self.counting_stage(one.name, self._samples(one), (f"truth-{one.name}",))
            yield self.results_stage([one.name for one in self.test], self.describe, self._shown)

    def _samples(self, one):
        return lambda: truth_file.samples(self.truth_files(one))

    def _shown(self):
        """Return the first sample of each filter."""
        firsts = {one.filter: one for one in reversed(self.test)}
        return [next(truth_file.samples(self.truth_files(one))) for one in firsts.values()]

    def describe(self):
        """Return the `TruthDescription` of the test sets."""
        return truth_file.describe([path for one in self.test for path in self.truth_files(one)])


class ArchivedSets(_Sets):
    """The paper's observation sets, from the archive."""

    obtaining = "fetch"

    def __init__(self, directory, options):
        chosen = by_name(options.sets) if options.sets else observation_sets()
        excluded = {one.name for one in by_name(options.without)}
        filters = {one.filter for name in options.filters for one in observation_sets(name)}
        chosen = [one for one in chosen if one.name not in excluded]
        super().__init__(directory, options, [one for one in chosen if not filters or one.filter in filters])

    def obtain(self, one):
        """Return the stage that fetches a set."""
        directory = self.exposures(one)

        def work():
            from ..archive import exposures

            exposures.fetch(exposures.plan([one], directory.parent, self.options.cloud))
            return sorted(directory.glob("*_flc.fits"))

        # Fetched files are verified by checksum, and never removed.
        return Stage(f"fetch-{one.name}", {}, work, lambda: None)

    def truth_options(self, one):
        """Return the `TruthOptions` of a set: those of Table A1."""
        return TruthOptions.of_set(one)


class SimulatedSets(_Sets):
    """Simulated sets, scored against the simulator's own truth too."""

    obtaining = "simulate"

    def __init__(self, directory, options):
        self.size = SIZES[options.simulated]
        self.patch_options, self.recipe_changes = self.size.patches, self.size.recipe
        super().__init__(directory, options, simulated_sets(self.size, options.filters))

    def obtain(self, one):
        """Return the stage that simulates a set."""
        directory = self.exposures(one)

        def work():
            return one.simulate(directory)

        return Stage(f"simulate-{one.name}", {"size": repr(self.size)}, work, lambda: remove(directory))

    def truth_options(self, one):
        """Return the `TruthOptions` of a set."""
        return one.truth_options()

    def after(self):
        """Yield the stages from the models to both tables."""
        yield from super().after()
        names = [f"{one.name}_simulator" for one in self.test]
        for name, one in zip(names, self.test, strict=True):
            yield self.counting_stage(name, self._simulated_samples(one), (f"simulate-{one.name}",))
        yield self.results_stage(names, lambda: simulator.DESCRIPTION, list, "_simulator")

    def _simulated_samples(self, one):
        return lambda: simulator.samples(sorted(self.exposures(one).glob("*_flc.fits")))

    def describe(self):
        """Return the `TruthDescription` of the test sets."""
        truth = super().describe()
        return TruthDescription(
            statement=f"The exposures are simulated. {truth.statement}",
            title=f"simulated exposures, {truth.title}",
        )
