"""How good the truth is that AstroDrizzle makes, by the simulator, which knows.

driz_cr misses about a quarter of the pixels that cosmic rays hit, the faint ones mostly, and
more with few exposures. A model that finds them is charged with false positives; so the
truth's own completeness belongs beside every figure that is measured against it.
"""

import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from .simulated import FIELD_OF

__all__ = ["FIELDS", "MOST", "UNKNOWN_FIELD", "Completeness", "nearest", "table"]

TABLE = Path(__file__).with_name("truth_completeness.ecsv")

# The simulator's field for each type of field.
FIELDS = {field: simulated for simulated, field in FIELD_OF.items()}

# What stands for a field that is not known.
UNKNOWN_FIELD = "extragalactic"

MOST = 8  # exposures that the simulator has dithers for


@dataclass(frozen=True)
class Completeness:
    """What the truth of simulated exposures is worth.

    Attributes
    ----------
    n : int
        Exposures of the set.
    exptime : float
        Seconds of each.
    filter : str
    field : str
        A key of `samples.FIELD_TYPES`.
    completeness : float
        Share of the pixels hit that the truth holds; ignored pixels do not count, the ring does.
    false : float
        Share of the clean pixels that the truth takes for hit.
    hidden : float
        Share of the pixels without truth that a cosmic ray did hit: the false-positive rate that a perfect
        model would show, did the ring count.
    completeness_counted, hidden_counted : float
        The same with the ring around true cosmic rays left out, as evaluation has it. What driz_cr misses
        is mostly the faint rim of what it finds, so with the ring the pixels hardest to find are left out.
    note : str
        A limit of what it says about the case at hand; empty for none.
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

    @property
    def statement(self):
        """The figures and their conditions, in words."""
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
    options : truth_options.TruthOptions
        Other settings of AstroDrizzle than those that the table was made with have no entry.

    Returns
    -------
    Completeness
        That of the field given, else of the extragalactic one; the nearest N, then the nearest exposure time.
    """
    from .truth_options import TruthOptions

    usual = TruthOptions()
    if options.drizzle != usual.drizzle or options.ring != usual.ring:
        return Completeness(
            n, exptime, "", options.field, *[math.nan] * 5,
            note="these settings are not the usual ones; it can be measured on simulated exposures",
        )  # fmt: skip
    field = options.field or UNKNOWN_FIELD
    entry = min(
        (its for its in table() if its.field == field),
        key=lambda its: (abs(its.n - n), abs(math.log(its.exptime / max(exptime, 1.0)))),
    )
    if (entry.n, entry.exptime) == (n, exptime) and options.field:
        return entry
    here = f"N = {n}, {exptime:g} s" + ("" if options.field else ", field not known")
    return replace(entry, note=f"nearest entry to the case at hand ({here})")
