"""The simulated fields that calibrations are counted from.

Development used the seeds from 7501 on, evaluation still others: what is counted is never measured on.
"""

from dataclasses import asdict, dataclass

from ... import simulate

__all__ = ["QUICK", "TRAINING", "Field"]


@dataclass(frozen=True)
class Field:
    """Exposures of one field, one chip each.

    Attributes
    ----------
    kind : {'sparse', 'crowded', 'galaxies'}
    seed : int
        The same seed gives the same pixels.
    exptimes : tuple of float
        Of each exposure, seconds.
    filter : str
    variables : float
        Share of the stars whose brightness differs from exposure to exposure.
    movers : int
        Moving sources.
    side : int
        Rows, and columns.
    """

    kind: str
    seed: int
    exptimes: tuple[float, ...] = (500.0, 500.0)
    filter: str = "F814W"
    variables: float = 0.0
    movers: int = 0
    side: int = 1024

    def simulate(self, directory):
        """Write the exposures and their truth.

        Parameters
        ----------
        directory : path

        Returns
        -------
        list of pathlib.Path
        """
        return simulate.association(
            directory,
            n=len(self.exptimes),
            shape=(self.side, self.side),
            chips=1,
            filter=self.filter,
            exptime=self.exptimes,
            field=self.kind,
            seed=self.seed,
            variables=self.variables,
            movers=self.movers,
        )

    def as_dict(self):
        """Return the values by name, of plain types."""
        return {**asdict(self), "exptimes": list(self.exptimes)}


def _of_kind(kind, first_seed):
    """Fields of one kind: static ones, changing ones, other filters, and exposures of other depths."""
    return (
        Field(kind, first_seed),
        Field(kind, first_seed + 1),
        Field(kind, first_seed + 2, variables=0.1, movers=6),
        Field(kind, first_seed + 3, (1000.0, 1000.0), "F606W", variables=0.05, movers=4),
        Field(kind, first_seed + 4, (350.0, 350.0), "F435W", variables=0.05, movers=4),
        Field(kind, first_seed + 5, (60.0, 60.0)),
        Field(kind, first_seed + 6, (150.0, 700.0), variables=0.05),
    )


TRAINING = tuple(
    field
    for number, kind in enumerate(("sparse", "crowded", "galaxies"))
    for field in _of_kind(kind, 7001 + 10 * number)
)

# Too small for a calibration that is to be used: they show that all works.
QUICK = (
    Field("sparse", 7101, side=256),
    Field("crowded", 7102, variables=0.1, movers=2, side=256),
)
