"""Reproduction from exposures: the paper's observation sets, or simulated ones."""

from dataclasses import replace

from . import simulated, truth, truth_file
from .patches import PatchOptions, write
from .reproduce_source import Source, remove
from .sets import by_name, observation_sets
from .simulated_sets import SIZES, simulated_sets
from .stages import Stage
from .truth_options import TruthOptions

__all__ = ["ArchivedSets", "SimulatedSets"]


class _Sets(Source):
    """Sets with exposures.

    Attributes
    ----------
    train, test : list
        Sets with ``name``, ``filter``, ``field`` and ``use``.
    """

    patch_options = PatchOptions()
    patches_stage = "patches"
    obtaining = ""

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
        after = tuple(f"truth-{one.name}" for one in self.train)
        yield Stage(self.patches_stage, settings, self._cut, lambda: remove(self.patches), after)

    def _truth(self, one):
        directory, options = self.directory / "truth" / one.name, self.truth_options(one)
        if one.use == "train":
            # As the paper trained: a network that is never told what the rims are flags them freely.
            options = replace(options, ring=0)

        def work():
            for left in directory.glob(f"{truth.WORK}*"):  # by one that was killed
                remove(left)
            return truth.make(sorted(self.exposures(one).glob("*_flc.fits")), directory, options)

        settings = {"options": options.settings(), "field": one.field}
        after = (f"{self.obtaining}-{one.name}",)
        return Stage(f"truth-{one.name}", settings, work, lambda: remove(directory), after)

    def _cut(self):
        paths = [path for one in self.train for path in self.truth_files(one)]
        write(truth.samples(paths), self.patches, self.patch_options)
        return [path for path in self.patches.rglob("*") if path.is_file()]

    def after(self):
        """Yield the stages from the models to Table 3."""
        if self.test:
            for one in self.test:
                yield self.counted(one.name, self._samples(one), (f"truth-{one.name}",))
            yield self.results([one.name for one in self.test], self.describe, self._shown)

    def _samples(self, one):
        return lambda: truth.samples(self.truth_files(one))

    def _shown(self):
        """The first exposure of each filter."""
        firsts = {one.filter: one for one in reversed(self.test)}
        return [next(truth.samples(self.truth_files(one))) for one in firsts.values()]

    def describe(self):
        """Return what stands beside the figures: a statement and a title."""
        return truth_file.describe([path for one in self.test for path in self.truth_files(one)])


class ArchivedSets(_Sets):
    """The paper's observation sets, from the archive of the telescope."""

    obtaining = "fetch"

    def __init__(self, directory, options):
        chosen = by_name(options.sets) if options.sets else observation_sets()
        left_out = {one.name for one in by_name(options.without)}
        filters = {one.filter for name in options.filters for one in observation_sets(name)}
        chosen = [one for one in chosen if one.name not in left_out]
        super().__init__(directory, options, [one for one in chosen if not filters or one.filter in filters])

    def obtain(self, one):
        """Return the stage that fetches a set."""
        directory = self.exposures(one)

        def work():
            from . import archive

            archive.fetch(archive.plan([one], directory.parent, self.options.cloud))
            return sorted(directory.glob("*_flc.fits"))

        # What was fetched is verified by its checksums, and never removed.
        return Stage(f"fetch-{one.name}", {}, work, lambda: None)

    def truth_options(self, one):
        """Return how the truth of a set is made: Table A1."""
        return TruthOptions.of_set(one)


class SimulatedSets(_Sets):
    """Simulated sets; also scored against the simulator's own truth."""

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
        """Return how the truth of a set is made."""
        return one.truth_options()

    def after(self):
        """Yield the stages from the models to both tables."""
        yield from super().after()
        names = [f"{one.name}_simulator" for one in self.test]
        for name, one in zip(names, self.test, strict=True):
            yield self.counted(name, self._known(one), (f"simulate-{one.name}",))
        title = "simulated exposures, simulator's truth"
        yield self.results(names, lambda: (simulated.STATEMENT, title), list, "_simulator")

    def _known(self, one):
        return lambda: simulated.samples(sorted(self.exposures(one).glob("*_flc.fits")))

    def describe(self):
        """Return what stands beside the figures: a statement and a title."""
        statement, title = super().describe()
        return f"The exposures are simulated. {statement}", f"simulated exposures, {title}"
