"""Completeness of AstroDrizzle's truth, measured on simulated exposures.

driz_cr misses about a quarter of the pixels that cosmic rays hit, mostly faint ones, and more with few
exposures. They count as false positives of a model that finds them, so the completeness of the truth is
stated with every figure that is measured against it.
"""

import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from ..samples import FIELD_OF
from .options import TruthOptions

__all__ = ["FIELDS", "MAX_EXPOSURES", "TABLE", "UNKNOWN_FIELD", "Completeness", "nearest", "table"]

TABLE = Path(__file__).with_name("completeness.ecsv")

# The simulator's field for each type of field.
FIELDS = {field: simulated for simulated, field in FIELD_OF.items()}

# Assumed where the field is unknown.
UNKNOWN_FIELD = "extragalactic"

MAX_EXPOSURES = 8  # the simulator has so many dithers


@dataclass(frozen=True)
class Completeness:
    """Completeness and errors of the truth of simulated exposures.

    Attributes
    ----------
    n : int
        Number of exposures of the set.
    exptime : float
        Seconds of each.
    filter : str
    field : str
        A key of `samples.FIELD_TYPES`.
    completeness : float
        Share of the pixels hit that are in the truth; without ignored pixels, but with the ring.
    false : float
        Share of the clean pixels that are in the truth.
    hidden : float
        Share of the pixels outside the truth that a cosmic ray did hit: the false-positive rate of a
        perfect model, with the ring.
    completeness_counted, hidden_counted : float
        The same without the ring around true cosmic rays, as in evaluation. driz_cr misses mostly the
        faint rims of what it finds, so without the ring the hardest pixels are left out.
    note : str
        How the entry differs from the case asked for; empty if it does not.
    """

    n: int
    exptime: float
    filter: str
    field: str
    completeness: float
    false: float
    hidden: float
    completeness_counted: float
    hidden_counted: float
    note: str = ""

    @classmethod
    def unknown(cls, n, exptime, filter, field, note):
        """Return an entry without figures."""
        nan = math.nan
        return cls(
            n, exptime, filter, field,
            completeness=nan, false=nan, hidden=nan, completeness_counted=nan, hidden_counted=nan, note=note,
        )  # fmt: skip

    @property
    def statement(self):
        """The figures with their conditions, in words."""
        if not math.isfinite(self.completeness):
            return f"Completeness of this truth: not known; {self.note}."
        text = (
            f"Completeness of this truth: {100 * self.completeness:.0f} % of the pixels that cosmic rays "
            "hit, the brighter ones: a TPR against it comes out too high, and a perfect model would show an "
            f"FPR of {100 * self.hidden:.2f} %, or of {100 * self.hidden_counted:.3f} % with the ring around "
            "true cosmic rays ignored, which leaves their faint rims out; measured on simulated exposures "
            f"(N = {self.n}, {self.exptime:g} s, {self.filter}, {self.field} field, exact alignment)"
        )
        return f"{text}; {self.note}." if self.note else f"{text}."


@cache
def table():
    """Return the measured figures, made by ``benchmarks/truth_completeness.py``.

    Returns
    -------
    tuple of Completeness
    """
    from astropy.table import Table

    rows = Table.read(TABLE, format="ascii.ecsv")
    return tuple(Completeness(**{name: row[name].item() for name in rows.colnames}) for row in rows)


def nearest(n, exptime, options):
    """Return the table's entry that is nearest to a case.

    Parameters
    ----------
    n : int
    exptime : float
        Seconds.
    options : TruthOptions
        There are entries for the default settings of AstroDrizzle only.

    Returns
    -------
    Completeness
        Of the field, or `UNKNOWN_FIELD`; the nearest N, then the nearest exposure time.
    """
    default = TruthOptions()
    if options.drizzle != default.drizzle or options.ring != default.ring:
        note = "these settings are not the usual ones; it can be measured on simulated exposures"
        return Completeness.unknown(n, exptime, "", options.field, note)
    field = options.field or UNKNOWN_FIELD
    entry = min(
        (row for row in table() if row.field == field),
        key=lambda row: (abs(row.n - n), abs(math.log(row.exptime / max(exptime, 1.0)))),
    )
    if (entry.n, entry.exptime) == (n, exptime) and options.field:
        return entry
    case = f"N = {n}, {exptime:g} s" + ("" if options.field else ", field not known")
    return replace(entry, note=f"nearest entry to the case at hand ({case})")
