"""One chip of one exposure of a field, with what the comparison of exposures needs of it."""

from dataclasses import dataclass, field, fields

from astropy.wcs import WCS

from ..chip import ChipImage
from .stars import Stars

__all__ = ["FieldChip"]


@dataclass(frozen=True, eq=False, kw_only=True)
class FieldChip(ChipImage):
    """One chip of one exposure of a field.

    Attributes
    ----------
    wcs : astropy.wcs.WCS
        With all its distortion.
    exptime : float
        Seconds.
    stars : stars.Stars
        Those that interpolation would not meet.
    """

    wcs: WCS = field(repr=False)
    exptime: float
    stars: Stars = field(default_factory=Stars.none, repr=False)

    @classmethod
    def from_chip(cls, chip, **more):
        """Return a `ChipImage` with what a field needs besides: `wcs`, `exptime`, perhaps `stars`."""
        return cls(**{one.name: getattr(chip, one.name) for one in fields(ChipImage)}, **more)
