"""Small pieces of a chip that a person should look at. Arrays only."""

from dataclasses import dataclass, field

import numpy as np

from .. import flags
from . import groups as shapes

__all__ = ["HALF", "KINDS", "MOST", "Stamp", "best", "choose"]

HALF = 12  # pixels on each side of the middle one
MOST = 10  # of a kind, of an exposure
_NEAR = 0.02  # of the threshold, in probability
_TRIED = 4  # times as many, since those that lie together are shown once

# Kind -> heading, what is shown.
KINDS = {
    "stars": ("Brightest star-like sources", "Their cores should not be outlined."),
    "flagged stars": (
        "Star-like sources with a flagged core",
        "The brightest of them. Now and then a cosmic ray did hit a star, or looks like one.",
    ),
    "saturated": (
        "Largest groups of saturated pixels",
        "Stars that filled their wells, and cosmic rays that did. Beside saturated stars only sure flags "
        "(p of 0.9 or more) are kept, unless protect_saturated is off.",
    ),
    "cosmic rays": ("Flagged groups with the largest charge", "All of each cosmic ray should be outlined."),
    "uncertain": (
        "Least certain pixels",
        "The brightest of those whose probability is within 0.02 of the threshold, saturated ones left out.",
    ),
    "vetoed": (
        "Spared, since other exposures show a source there",
        "The middle pixel is above the threshold and not flagged.",
    ),
    "added": (
        "Added, since other exposures do not show it",
        "The middle pixel is below the threshold and flagged all the same.",
    ),
}


@dataclass(frozen=True, eq=False)
class Stamp:
    """A piece of a chip around one pixel.

    Attributes
    ----------
    kind : str
        A key of `KINDS`.
    rank : float
        The larger, the sooner shown.
    extver : int
    row, column : int
        Of the middle, from 0.
    facts : tuple of str
        What is known of it.
    image : ndarray, (2 HALF + 1, 2 HALF + 1), float32
        Electrons above the sky; nan beyond the frame.
    plane, stored : ndarray, of the same shape
        Reasons, and 10,000 times the probability.
    """

    kind: str
    rank: float
    extver: int
    row: int
    column: int
    facts: tuple[str, ...]
    image: np.ndarray = field(repr=False)
    plane: np.ndarray = field(repr=False)
    stored: np.ndarray = field(repr=False)

    @property
    def probability(self):
        """Of the middle pixel."""
        return float(flags.from_stored(self.stored[HALF, HALF]))


def choose(given, found, sky, threshold):
    """Choose what to show of one chip.

    Parameters
    ----------
    given : load.ChipPixels
    found : merit.Found
    sky : float
        Electrons.
    threshold : float

    Returns
    -------
    list of Stamp
        No more than `MOST` of a kind.
    """
    everything = np.ones(len(found.sources), bool)
    candidates = (
        _stars("stars", found.sources, everything),
        _stars("flagged stars", found.sources, found.flagged),
        _saturated(found.saturated, given.plane),
        _events(found.groups, given.plane.shape),
        _uncertain(given, found.saturated, threshold, sky),
        _decided("vetoed", (given.plane & flags.VETOED) != 0, given.image, sky),
        _decided("added", (given.plane & flags.ADDED) != 0, given.image, sky),
    )
    return [_stamp(given, sky, *one) for ranked in candidates for one in _apart(ranked)]


def _apart(ranked):
    """The foremost of some candidates that do not show the same piece twice."""
    shown = []
    for one in ranked:
        row, column = one[2:4]
        if all(max(abs(row - y), abs(column - x)) > HALF for y, x in shown):
            shown.append((row, column))
            yield one
        if len(shown) == MOST:
            return


def best(stamps):
    """Return stamps by kind, in the order of `KINDS`, the `MOST` foremost of each.

    Parameters
    ----------
    stamps : list of Stamp

    Returns
    -------
    dict of str to list of Stamp
        Kinds without any are left out.
    """
    by_kind = {kind: [stamp for stamp in stamps if stamp.kind == kind] for kind in KINDS}
    ordered = {kind: sorted(its, key=lambda one: -one.rank)[:MOST] for kind, its in by_kind.items()}
    return {kind: its for kind, its in ordered.items() if its}


def _foremost(rank):
    return np.argsort(-rank, kind="stable")[: _TRIED * MOST]


def _stars(kind, sources, which):
    """The brightest of some sources: (kind, rank, row, column, facts)."""
    for i in _foremost(np.where(which, sources.height, -np.inf)):
        if which[i]:
            height = float(sources.height[i])
            yield kind, height, int(sources.row[i]), int(sources.column[i]), (f"peak {height:,.0f} e⁻",)


def _saturated(saturated, plane):
    found = shapes.groups(saturated, saturated.view(np.uint8), 0)
    for i in _foremost(found.size):
        row, column = round(float(found.row[i])), round(float(found.column[i]))
        near = plane[max(row - 3, 0) : row + 4, max(column - 3, 0) : column + 4]
        flagged = int(np.count_nonzero(near & flags.FLAGGED))
        facts = (f"{found.size[i]:,} pixels saturated", f"{flagged} of 7×7 flagged")
        yield "saturated", float(found.size[i]), row, column, facts


def _events(found, shape):
    for i in _foremost(found.charge):
        row, column = np.divmod(int(found.peak[i]), shape[1])
        facts = (f"{found.charge[i]:,.0f} e⁻ on {found.size[i]:,} pixels",)
        yield "cosmic rays", float(found.charge[i]), int(row), int(column), facts


def _uncertain(given, saturated, threshold, sky):
    limit = threshold * flags.STORED_UNIT
    near = np.abs(given.stored - np.float32(limit)) <= _NEAR * flags.STORED_UNIT
    index = np.flatnonzero(near & ~saturated & np.isfinite(given.image))
    value = given.image.ravel()[index] - np.float32(sky)
    for i in _foremost(value):
        row, column = np.divmod(int(index[i]), given.stored.shape[1])
        above = f"{value[i]:,.0f} e⁻ above the sky".replace("-", "−")
        yield "uncertain", float(value[i]), int(row), int(column), (above,)


def _decided(kind, pixels, image, sky):
    """The groups of some pixels that hold most charge."""
    if not pixels.any():
        return
    found = shapes.groups(pixels, image, sky)
    for i in _foremost(found.charge):
        row, column = np.divmod(int(found.peak[i]), pixels.shape[1])
        size = int(found.size[i])
        facts = (f"{found.charge[i]:,.0f} e⁻ on {size} pixel{'s' if size > 1 else ''}",)
        yield kind, float(found.charge[i]), int(row), int(column), facts


def _stamp(given, sky, kind, rank, row, column, facts):
    def cut(array, empty):
        out = np.full((2 * HALF + 1, 2 * HALF + 1), empty, array.dtype)
        top, left = max(row - HALF, 0), max(column - HALF, 0)
        part = array[top : row + HALF + 1, left : column + HALF + 1]
        y, x = top - row + HALF, left - column + HALF
        out[y : y + part.shape[0], x : x + part.shape[1]] = part
        return out

    image = cut(given.image, np.nan) - np.float32(sky)
    planes = cut(given.plane, 0), cut(given.stored, 0)
    return Stamp(kind, rank, given.chip.extver, row, column, facts, image, *planes)
