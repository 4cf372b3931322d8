"""One other exposure beside a chip: what it shows at the candidates, and whether that says anything."""

from dataclasses import dataclass, field

import numpy as np

from . import agreement, likelihood, lookup, pooling
from .agreement import Agreement
from .lookup import Shown
from .pointing import Pointing

__all__ = ["Compared", "compared"]

_ASKED = 20_000  # candidates that tell whether an exposure says anything
_MOVES = 0.1  # of the log odds: less is nothing
_SHARE = 0.01  # of the candidates
_ELSEWHERE = 0.25  # of the stars: if more are missing, the exposure shows another place, or lost its guiding
_AS_LONG = 0.9
_UNLIKE = 0.5  # pixels of misalignment that leave little to compare


@dataclass(frozen=True, eq=False)
class Compared:
    """What one other exposure shows of a chip.

    Attributes
    ----------
    shown : lookup.Shown
        At the candidates, with the variance of a misalignment.
    agreement : agreement.Agreement
    pointing : pointing.Pointing
    overlaps : bool
        Whether any of its chips sees part of this one.
    as_long : bool
        Whether it was exposed about as long, or longer.
    """

    shown: Shown = field(repr=False)
    agreement: Agreement
    pointing: Pointing
    overlaps: bool
    as_long: bool

    @property
    def covers(self):
        """Whether it says something of any candidate."""
        return bool(self.shown.known.any())

    @property
    def is_elsewhere(self):
        """Whether it shows other stars than the chip."""
        return self.covers and self.agreement.astray > _ELSEWHERE

    def moved(self, found, calibration):
        """Return the share of the candidates that it covers whose log odds it moves by more than 0.1."""
        known = np.flatnonzero(self.shown.known)
        chosen = known[:: max(1, known.size // _ASKED)]
        if not chosen.size:
            return 0.0
        some = found.part(chosen)
        expected = pooling.pooled(some, [self.shown.part(chosen)], [self.agreement])
        return float(np.mean(np.abs(likelihood.log_ratio(some, expected, calibration)) > _MOVES))

    def is_used(self, found, calibration):
        """Return whether it shows the same sky, and moves the log odds of one candidate in a hundred."""
        return not self.is_elsewhere and self.moved(found, calibration) >= _SHARE

    @property
    def fault(self):
        """Why it says nothing, in words."""
        stars, missed = self.agreement.stars, self.agreement.missed
        if not self.covers:
            return "sees no good pixel of what may be a cosmic ray here"
        if self.is_elsewhere:
            return f"{missed} of {stars} stars are not where its WCS puts them"
        if self.agreement.slope > max(_UNLIKE, self.pointing.error):
            return f"sources look different in it, as if off by {self.agreement.slope:.1f} pixels"
        if self.pointing.error > _UNLIKE:
            return f"where it points is known to {self.pointing.error:.1f} pixels only"
        return "too short or too noisy to tell"


def compared(found, chip, others, pointing):
    """Compare a chip with one other exposure.

    Parameters
    ----------
    found : candidates.Candidates
    chip : field_chip.FieldChip
        The chip that they are of.
    others : iterable of field_chip.FieldChip
        The chips of the other exposure; one at a time is held.
    pointing : pointing.Pointing
        Of the other exposure.

    Returns
    -------
    Compared
    """
    shown, counts = lookup.Shown.nothing(found.index.size), agreement.StarCounts()
    overlaps = as_long = False
    for other in others:
        overlaps, as_long = True, other.exptime > _AS_LONG * chip.exptime
        places = lookup.look_up(found, chip, other, pointing, shown)
        counts += agreement.stars_shown(chip, *places)
        del other  # before the next one is read
    agrees = agreement.agreement(found, shown, pointing, counts)
    return Compared(agreement.allowing_for(shown, agrees), agrees, pointing, overlaps, as_long)
