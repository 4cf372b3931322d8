"""Simulated observation sets, to go from exposures to Table 3 without an archive, and for tests.

Sets of `globular` fields have pointing errors, which TweakReg corrects; the other fields have too few
stars for it, and exact pointing.
"""

import itertools
from dataclasses import dataclass, field

from ... import simulate
from ...errors import ParameterError
from ..patches.dataset import PatchOptions
from ..truth.completeness import FIELDS
from ..truth.options import TruthOptions, TweakRegOptions

__all__ = ["SIZES", "SimulatedSet", "Size", "simulated_sets"]

_OFFSETS = ((0.0, 0.0), (0.4, -0.3), (-0.3, 0.4), (0.2, 0.35))
_THRESHOLD = 200.0

# Seeds for training and for evaluation; no parameter was chosen with the latter.
_FIRST_SEED = {"train": 71_000, "test": 72_000}


@dataclass(frozen=True)
class Size:
    """How much is simulated, and the recipe of its models.

    Attributes
    ----------
    filters : tuple of str
    train, test : tuple of str
        Field types: a set of each per filter.
    n : int
        Exposures per set.
    shape : tuple of int
        Of their single chip.
    exptime : float
        Seconds.
    patches : PatchOptions
    recipe : dict
        Values that differ from the paper's recipe.
    time : str
        Duration of the whole reproduction, in words.
    """

    filters: tuple
    train: tuple
    test: tuple
    n: int
    shape: tuple
    exptime: float
    patches: PatchOptions
    recipe: dict = field(hash=False)
    time: str


# With the paper's momentum the running statistics of batch normalisation need about 1000 steps.
SIZES = {
    "small": Size(
        filters=("F814W",),
        train=("extragalactic", "galaxy"),
        test=("globular",),
        n=3,
        shape=(256, 256),
        exptime=1000.0,
        patches=PatchOptions(side=64, border=32),
        recipe={"hidden": 8, "epochs": 4, "frozen_from": 3, "batch": 8, "momentum": 0.1, "validation": 0.5},
        time="about a minute on one core",
    ),
    "large": Size(
        filters=("F435W", "F606W", "F814W"),
        train=("globular", "extragalactic", "galaxy"),
        test=("globular", "extragalactic", "galaxy"),
        n=4,
        shape=(512, 512),
        exptime=500.0,
        patches=PatchOptions(side=64, border=32),
        recipe={"hidden": 16, "epochs": 20, "frozen_from": 14, "momentum": 0.05},
        time="about half an hour on one core",
    ),
}


@dataclass(frozen=True)
class SimulatedSet:
    """One simulated observation set.

    Attributes
    ----------
    filter : str
    field : str
        A key of `samples.FIELD_TYPES`.
    use : str
        ``train`` or ``test``.
    seed : int
    size : Size
    """

    filter: str
    field: str
    use: str
    seed: int
    size: Size

    @property
    def name(self):
        """Filter, seed and field, e.g. ``F814W_sim71000_galaxy``."""
        return f"{self.filter}_sim{self.seed}_{self.field}"

    @property
    def is_misaligned(self):
        """Whether the pointing in the headers has errors."""
        return self.field == "globular"

    def simulate(self, directory):
        """Write the exposures and their truth to a directory.

        Parameters
        ----------
        directory : pathlib.Path

        Returns
        -------
        list of pathlib.Path
            The exposures.
        """
        size = self.size
        options = {"offsets": _OFFSETS[: size.n]} if self.is_misaligned else {}
        return simulate.association(
            directory,
            n=size.n,
            shape=size.shape,
            chips=1,
            filter=self.filter,
            exptime=size.exptime,
            field=FIELDS[self.field],
            seed=self.seed,
            **options,
        )

    def truth_options(self):
        """Return the `TruthOptions` of the set."""
        tweakreg = TweakRegOptions(threshold=_THRESHOLD) if self.is_misaligned else None
        return TruthOptions(tweakreg, flags_first=False, field=self.field, observation_set=self.name)


def simulated_sets(size, filters=()):
    """Return the simulated sets of a size.

    Parameters
    ----------
    size : Size
    filters : sequence of str
        Only these of the size's filters; empty for all.

    Returns
    -------
    list of SimulatedSet

    Raises
    ------
    ParameterError
        If a filter is not among the size's.
    """
    unknown = [name for name in filters if name not in size.filters]
    if unknown:
        raise ParameterError(
            f"{', '.join(unknown)} is not simulated at this size: choose from {', '.join(size.filters)}."
        )
    sets = []
    for use in ("train", "test"):
        cases = itertools.product(size.filters, getattr(size, use))
        sets += [
            SimulatedSet(band, field_type, use, seed, size)
            for seed, (band, field_type) in enumerate(cases, start=_FIRST_SEED[use])
        ]
    return [one for one in sets if not filters or one.filter in filters]
