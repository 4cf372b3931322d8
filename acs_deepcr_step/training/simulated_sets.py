"""Observation sets of the simulator, in the place of those of the archive.

They are for the whole way from exposures to Table 3 where no archive is at hand, and for tests. Sets
of `globular` fields have pointing errors, which TweakReg must find; the others have too few stars for
that and know where they look.
"""

from dataclasses import dataclass, field

from .. import simulate
from ..errors import ParameterError
from .completeness import FIELDS
from .patches import PatchOptions
from .truth_options import TruthOptions, TweakRegOptions

__all__ = ["SIZES", "SimulatedSet", "Size", "simulated_sets"]

_OFFSETS = ((0.0, 0.0), (0.4, -0.3), (-0.3, 0.4), (0.2, 0.35))
_THRESHOLD = 200.0

# The numbers of simulations for training and for evaluation; nothing is chosen by the latter.
_FIRST_SEED = {"train": 71_000, "test": 72_000}


@dataclass(frozen=True)
class Size:
    """How much is simulated, and what is trained on it.

    Attributes
    ----------
    filters : tuple of str
    train, test : tuple of str
        A set of each of these fields for each filter.
    n : int
        Exposures of a set.
    shape : tuple of int
        Of their one chip.
    exptime : float
        Seconds.
    patches : PatchOptions
    recipe : dict
        What differs from the paper's recipe.
    time : str
        How long all of it takes.
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


# The running statistics of the batch normalisations need some 1000 steps with the paper's momentum.
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
        """The set by its filter, seed and field, e.g. ``F814W_sim71000_galaxy``."""
        return f"{self.filter}_sim{self.seed}_{self.field}"

    @property
    def is_misaligned(self):
        """Whether the headers err."""
        return self.field == "globular"

    def simulate(self, directory):
        """Write the exposures and their truth into a directory.

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
        """Return how its truth is made."""
        aligned = TweakRegOptions(threshold=_THRESHOLD) if self.is_misaligned else None
        return TruthOptions(aligned, flags_first=False, field=self.field, observation_set=self.name)


def simulated_sets(size, filters=()):
    """Return the sets of a size.

    Parameters
    ----------
    size : Size
    filters : sequence of str
        Some of the size's filters; all by default.

    Returns
    -------
    list of SimulatedSet

    Raises
    ------
    ParameterError
        If a filter is none of these.
    """
    unknown = [name for name in filters if name not in size.filters]
    if unknown:
        raise ParameterError(
            f"{', '.join(unknown)} is not simulated at this size: choose from {', '.join(size.filters)}."
        )
    made = []
    for use in ("train", "test"):
        kinds = [(band, kind) for band in size.filters for kind in getattr(size, use)]
        made += [SimulatedSet(*kind, use, _FIRST_SEED[use] + i, size) for i, kind in enumerate(kinds)]
    return [one for one in made if not filters or one.filter in filters]
