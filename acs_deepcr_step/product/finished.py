"""What a call for a finished image gives back."""

from dataclasses import dataclass, field
from pathlib import Path

from astropy.table import Table

__all__ = ["AlignedExposure", "Alignment", "Finished", "Holes"]


@dataclass(frozen=True)
class AlignedExposure:
    """What TweakReg said of one exposure.

    Attributes
    ----------
    name : str
        Of its file.
    sources : int
        That TweakReg found in it.
    shift : tuple of float
        In x and y of the output frame, pixels; nan where there is no fit. 0 for the reference.
    rotation : float
        Degrees.
    scale : float
    rms : tuple of float
        Of the matched sources in x and y, pixels.
    matches : int
        Sources that the fit is based on; 0 for the reference.
    is_reference : bool
    """

    name: str
    sources: int
    shift: tuple[float, float]
    rotation: float
    scale: float
    rms: tuple[float, float]
    matches: int
    is_reference: bool = False


@dataclass(frozen=True)
class Alignment:
    """What TweakReg did.

    Attributes
    ----------
    wcsname : str
        Name of the WCS in the exposures' headers.
    exposures : tuple of AlignedExposure
        Empty if `done_before`.
    trusted : bool
        Whether its fit was taken over. If not, the exposures keep the WCS that they had.
    reason : str
        Why it is not trusted; empty if it is.
    done_before : bool
        An earlier call aligned the same exposures in the same way; nothing was left to do.
    """

    wcsname: str
    exposures: tuple[AlignedExposure, ...] = ()
    trusted: bool = True
    reason: str = ""
    done_before: bool = False

    def lines(self):
        """Return what there is to say, a line each."""
        if self.done_before:
            return [f"alignment: aligned before ({self.wcsname})"]
        lines = [f"alignment: {'trusted' if self.trusted else f'NOT taken over: {self.reason}'}"]
        for one in self.exposures:
            if one.is_reference:
                lines.append(f"  {one.name}: reference, {one.sources} sources")
            else:
                lines.append(
                    f"  {one.name}: shift {one.shift[0]:+.3f} {one.shift[1]:+.3f} px, rotation "
                    f"{one.rotation:+.5f} deg, rms {one.rms[0]:.3f} {one.rms[1]:.3f} px, "
                    f"{one.matches} matches of {one.sources} sources"
                )
        return lines


@dataclass(frozen=True)
class Holes:
    """What became of the holes of a product.

    Attributes
    ----------
    where : {'none', 'single', 'all'}
        Which were to be filled: none, those that a single exposure sees, or all.
    filled : int
        Output pixels that were filled.
    left : int
        Output pixels without weight that an exposure covers, and that were left.
    model : str
        What filled them; empty for nothing.
    """

    where: str
    filled: int = 0
    left: int = 0
    model: str = ""


@dataclass(frozen=True, eq=False)
class Finished:
    """A finished image, and every file that was made.

    Attributes
    ----------
    science, weight : pathlib.Path
        Files of the product; the same one where AstroDrizzle was told to build one file.
    context : pathlib.Path or None
    table : astropy.table.Table
        Of `run`.
    alignment : Alignment or None
        None without `align`.
    holes : Holes
    files : tuple of pathlib.Path
        All that were made or changed: the product and its logs, the exposures, mask files and the step's log.
    """

    science: Path
    weight: Path
    context: Path | None
    table: Table = field(repr=False)
    alignment: Alignment | None
    holes: Holes
    files: tuple[Path, ...] = field(repr=False)
