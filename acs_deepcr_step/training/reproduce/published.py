"""Reproduction from the patches that the paper's authors published."""

from dataclasses import replace
from functools import cached_property

from ...errors import InputError
from ..archive import zenodo
from ..archive.sets import observation_sets
from ..patches import published
from ..samples import TruthDescription
from ..truth import completeness
from ..truth.options import TruthOptions
from .source import Source
from .stages import Stage

__all__ = ["PublishedPatches"]

_FILTERS = ("F435W", "F606W", "F814W")


class PublishedPatches(Source):
    """The published archive of patches, or a copy of it."""

    patches_stage = "published"

    def __init__(self, directory, options):
        super().__init__(directory, options)
        for name in options.filters:
            observation_sets(name)  # refuses other filters than the paper's
        self.filters = list(options.filters or _FILTERS)

    @cached_property
    def plan(self):
        """The `zenodo.Plan`; asks the record."""
        return zenodo.plan(self.directory / "published", self.options.from_zenodo)

    def models(self):
        """Return the filters of the models to train; the global one only with all patches."""
        return super().models() if set(self.filters) == set(_FILTERS) else self.filters

    @property
    def patches(self):
        """The folder of the training patches."""
        return self._folder("train")

    def _folder(self, part):
        unpacked = self.directory / "published"
        directory = unpacked if unpacked.is_dir() else self.plan.directory
        found = zenodo.folders(directory)
        if part not in found:
            raise InputError(f"{directory} has no patches to {part} with: give the whole archive.")
        return found[part]

    def before(self):
        """Yield the stage that fetches and unpacks."""

        def work():
            zenodo.fetch(self.plan)
            return []

        yield Stage(self.patches_stage, {"source": str(self.options.from_zenodo)}, work, lambda: None)

    def after(self):
        """Yield the stages from the models to Table 3."""
        for band in self.filters:
            yield self.counting_stage(band, self._samples(band), (self.patches_stage,))
        yield self.results_stage(self.filters, self.describe, self._shown)

    def _samples(self, band):
        def samples():
            for sample in published.samples(self._folder("test")):
                if sample.origin.filter == band:
                    yield sample

        return samples

    def _shown(self):
        return [next(self._samples(band)()) for band in self.filters]

    def describe(self):
        """Return the `TruthDescription` of the published masks of the test sets."""
        cases = {
            (one.n_exposures, one.exptime, one.field)
            for one in observation_sets(use="test")
            if one.filter in self.filters
        }
        default = TruthOptions()
        entries = {
            replace(completeness.nearest(n, exptime, replace(default, field=field)), note="")
            for n, exptime, field in cases
        }
        ordered = sorted(entries, key=lambda entry: (entry.field, entry.n, entry.exptime))
        lowest, highest = (100 * limit(entry.completeness for entry in ordered) for limit in (min, max))
        statement = " ".join(
            [
                "Truth: the published masks, made by AstroDrizzle. Of such truth, by simulations nearest to "
                "the sets (the published masks ignore no ring):",
                *(entry.statement for entry in ordered),
            ]
        )
        share = f"{lowest:.0f} to {highest:.0f} %"
        title = f"published truth, which holds {share} of the pixels hit, by simulation"
        return TruthDescription(statement, title)
