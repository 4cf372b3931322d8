"""Reproduction from the patches that the paper's authors published."""

from dataclasses import replace
from functools import cached_property

from ..errors import InputError
from . import completeness, published, zenodo
from .reproduce_source import Source
from .sets import observation_sets
from .stages import Stage
from .truth_options import TruthOptions

__all__ = ["PublishedPatches"]

_FILTERS = ("F435W", "F606W", "F814W")


class PublishedPatches(Source):
    """The published archive, or a copy of it."""

    patches_stage = "published"

    def __init__(self, directory, options):
        super().__init__(directory, options)
        for name in options.filters:
            observation_sets(name)  # refuses what is no filter of the paper
        self.filters = list(options.filters or _FILTERS)

    @cached_property
    def plan(self):
        """What is to be fetched and unpacked; asks the record."""
        return zenodo.plan(self.directory / "published", self.options.from_zenodo)

    def models(self):
        """Return the filters of the models to train; the global one needs all patches."""
        return super().models() if set(self.filters) == set(_FILTERS) else self.filters

    @property
    def patches(self):
        """The training patches."""
        return self._folder("train")

    def _folder(self, part):
        here = self.directory / "published"
        place = here if here.is_dir() else self.plan.directory
        found = zenodo.folders(place)
        if part not in found:
            raise InputError(f"{place} has no patches to {part} with: give the whole archive.")
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
            yield self.counted(band, self._samples(band), (self.patches_stage,))
        yield self.results(self.filters, self.describe, self._shown)

    def _samples(self, band):
        def samples():
            for sample in published.samples(self._folder("test")):
                if sample.origin.filter == band:
                    yield sample

        return samples

    def _shown(self):
        return [next(self._samples(band)()) for band in self.filters]

    def describe(self):
        """Return what stands beside the figures: a statement and a title."""
        cases = {
            (one.n_exposures, one.exptime, one.field)
            for one in observation_sets(use="test")
            if one.filter in self.filters
        }
        usual = TruthOptions()
        entries = {
            replace(completeness.nearest(n, exptime, replace(usual, field=field)), note="")
            for n, exptime, field in cases
        }
        ordered = sorted(entries, key=lambda its: (its.field, its.n, its.exptime))
        low, high = (100 * pick(its.completeness for its in ordered) for pick in (min, max))
        statement = " ".join(
            [
                "Truth: the published masks, made by AstroDrizzle. Of such truth, by simulations nearest to "
                "the sets (the published masks ignore no ring):",
                *(its.statement for its in ordered),
            ]
        )
        share = f"{low:.0f} to {high:.0f} %"
        return statement, f"published truth, which holds {share} of the pixels hit, by simulation"
