"""Which exposures of a proposal are wanted: its visits, filters and detector."""

import re
from dataclasses import dataclass

from ...errors import ParameterError

__all__ = ["DETECTORS", "Wanted"]

# What MAST calls a detector -> the first letter of its exposures' names, and the suffix of calibrated ones
# (corrected for CTE losses where the pipeline does that).
DETECTORS = {"ACS/WFC": ("j", "flc"), "ACS/HRC": ("j", "flt"), "WFC3/UVIS": ("i", "flc")}


@dataclass(frozen=True)
class Wanted:
    """Exposures of one proposal.

    Attributes
    ----------
    proposal : int
        Number of the HST programme.
    visits : tuple of str
        Their two characters, as the phase 2 and MAST name them; ``3`` is taken as ``03``. None: all.
    filters : tuple of str
        E.g. ``F814W``. None: all.
    detector : str
        A key of `DETECTORS`.

    Raises
    ------
    ParameterError
        If any of them cannot be.
    """

    proposal: int
    visits: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    detector: str = "ACS/WFC"

    def __post_init__(self):
        if self.proposal < 1:
            raise ParameterError(f"--proposal {self.proposal}: give the number of an HST programme.")
        if self.detector not in DETECTORS:
            raise ParameterError(f"--detector {self.detector}: it must be one of {', '.join(DETECTORS)}.")
        wrong = [one for one in self.visits if not re.fullmatch("[0-9A-Za-z]{1,2}", one)]
        if wrong:
            raise ParameterError(f"--visits {' '.join(wrong)}: a visit has two letters or digits, e.g. 03.")

    def __str__(self):
        parts = [f"proposal {self.proposal}", self.detector]
        parts += [f"visits {', '.join(self.visits)}"] if self.visits else []
        parts += [f"filters {', '.join(self.filters)}"] if self.filters else []
        return ", ".join(parts)

    def visit_of(self, name):
        """Return the visit in a name, if that is wanted; or None.

        Parameters
        ----------
        name : str
            Of an observation, an exposure or its file: ``ipppssoot`` (instrument, programme, visit,
            observation), alone or with suffix and ending.
        """
        letter, suffix = DETECTORS[self.detector]
        match = re.fullmatch(
            rf"{letter}[0-9a-z]{{3}}([0-9a-z]{{2}})[0-9a-z]{{3}}(_{suffix}\.fits)?", name.lower()
        )
        chosen = {one.lower().zfill(2) for one in self.visits}
        return match[1] if match and (not chosen or match[1] in chosen) else None

    def filter_of(self, filters):
        """Return the filter of an observation, if that is wanted; or None.

        Parameters
        ----------
        filters : str
            As MAST has it, e.g. ``CLEAR1L;F814W``.

        Returns
        -------
        str or None
            E.g. ``F814W`` or ``F606W+POL0V``.
        """
        names = [one for one in filters.upper().split(";") if one and not one.startswith("CLEAR")]
        name = "+".join(names) or "CLEAR"
        wanted = {one.upper() for one in self.filters}
        return name if not wanted or wanted & {name, *names} else None
