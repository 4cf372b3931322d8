"""Cut-outs: small pieces of a chip that a person should look at. Arrays only."""

from dataclasses import dataclass, field

import numpy as np

from ..arrays import reasons
from ..arrays.flag_groups import measure_groups
from ..arrays.probabilities import SCALE, from_scaled

__all__ = ["HALF", "KINDS", "MOST", "Candidate", "Cutout", "CutoutKind", "best", "choose"]

HALF = 12  # pixels on each side of the middle one
MOST = 10  # of a kind, of an exposure
_NEAR = 0.02  # of the threshold, in probability
_TRIED = 4 * MOST  # candidates of a kind: of those that lie close together one is shown


@dataclass(frozen=True)
class CutoutKind:
    """What all cut-outs of a kind have in common.

    Attributes
    ----------
    title : str
    note : str
        What there is to see.
    """

    title: str
    note: str


_DESCRIPTIONS = {reason.value: reason.description for reason in reasons.REASONS}

# In the order in which they are shown.
KINDS = {
    "stars": CutoutKind("Brightest star-like sources", "Their cores should not be outlined."),
    "flagged stars": CutoutKind(
        "Star-like sources with a flagged core",
        "The brightest of them. Now and then a cosmic ray did hit a star, or looks like one.",
    ),
    "saturated": CutoutKind(
        "Largest groups of saturated pixels",
        "Stars that filled their wells, and cosmic rays that did. Beside saturated stars only sure flags "
        "(p of 0.9 or more) are kept, unless protect_saturated is off.",
    ),
    "cosmic rays": CutoutKind(
        "Flagged groups with the largest charge", "All of each cosmic ray should be outlined."
    ),
    "uncertain": CutoutKind(
        "Least certain pixels",
        "The brightest of those whose probability is within 0.02 of the threshold, saturated ones left out.",
    ),
    "vetoed": CutoutKind(
        "Spared because of other exposures", f"The middle pixel was {_DESCRIPTIONS[reasons.VETOED]}."
    ),
    "added": CutoutKind(
        "Added because of other exposures", f"The middle pixel was {_DESCRIPTIONS[reasons.ADDED]}."
    ),
}


@dataclass(frozen=True)
class Candidate:
    """A pixel that may get a cut-out.

    Attributes
    ----------
    kind : str
        A key of `KINDS`.
    rank : float
        Candidates with larger ones are shown first.
    row, column : int
        From 0.
    facts : tuple of str
        What is known of the pixel or its surroundings.
    """

    kind: str
    rank: float
    row: int
    column: int
    facts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Cutout:
    """A piece of a chip around one pixel.

    Attributes
    ----------
    middle : Candidate
        The pixel in the middle.
    extver : int
    image : ndarray, (2 HALF + 1, 2 HALF + 1), float32
        Electrons above the background; nan outside the chip.
    reasons : ndarray, of the same shape, uint16
        Bits of `arrays.reasons`.
    scaled_probability : ndarray, of the same shape, int16
        10,000 times the probability.
    """

    middle: Candidate
    extver: int
    image: np.ndarray = field(repr=False)
    reasons: np.ndarray = field(repr=False)
    scaled_probability: np.ndarray = field(repr=False)

    @property
    def probability(self):
        """Of the middle pixel."""
        return float(from_scaled(self.scaled_probability[HALF, HALF]))


def choose(pixels, objects, threshold):
    """Choose which pieces of one chip to show.

    Parameters
    ----------
    pixels : flagged_exposures.ChipPixels
    objects : merit.ChipObjects
        Of these pixels.
    threshold : float
        Probability, 0 to 1.

    Returns
    -------
    list of Cutout
        No more than `MOST` of a kind.
    """
    level = objects.background.level
    every_source = np.ones(len(objects.sources), bool)
    by_kind = (
        _stars("stars", objects.sources, every_source),
        _stars("flagged stars", objects.sources, objects.flagged_core),
        _saturated(objects.saturated, pixels.reasons),
        _groups("cosmic rays", objects.groups, pixels.image.shape[1]),
        _uncertain(pixels, objects, threshold),
        _groups_with_bit("vetoed", reasons.VETOED, pixels, level),
        _groups_with_bit("added", reasons.ADDED, pixels, level),
    )
    return [_cut(pixels, level, middle) for ranked in by_kind for middle in _apart(ranked)]


def best(cutouts):
    """Return cut-outs by kind, in the order of `KINDS`, the `MOST` foremost of each.

    Parameters
    ----------
    cutouts : list of Cutout

    Returns
    -------
    dict of str to list of Cutout
        Kinds without any are left out.
    """
    result = {}
    for kind in KINDS:
        of_kind = [cutout for cutout in cutouts if cutout.middle.kind == kind]
        if of_kind:
            result[kind] = sorted(of_kind, key=lambda cutout: -cutout.middle.rank)[:MOST]
    return result


def _apart(ranked):
    """Yield the foremost candidates, none of which lies in another one's cut-out."""
    shown = []
    for candidate in ranked:
        if all(_distance(candidate, other) > HALF for other in shown):
            shown.append(candidate)
            yield candidate
        if len(shown) == MOST:
            return


def _distance(one, other):
    """Return the larger of the distances along rows and columns, in pixels."""
    return max(abs(one.row - other.row), abs(one.column - other.column))


def _foremost(rank):
    """Return the index of the candidates of largest rank, the first one first."""
    return np.argsort(-rank, kind="stable")[:_TRIED]


def _stars(kind, sources, wanted):
    """Yield the brightest of the sources that are wanted."""
    for i in _foremost(np.where(wanted, sources.peak, -np.inf)):
        if wanted[i]:
            peak = float(sources.peak[i])
            facts = (f"peak {peak:,.0f} e⁻",)
            yield Candidate(kind, peak, int(sources.row[i]), int(sources.column[i]), facts)


def _saturated(saturated, flags):
    """Yield the middle of the largest groups of saturated pixels."""
    groups = measure_groups(saturated, saturated.view(np.uint8), 0)
    for i in _foremost(groups.size):
        row, column = round(float(groups.row[i])), round(float(groups.column[i]))
        near = flags[max(row - 3, 0) : row + 4, max(column - 3, 0) : column + 4]
        n_flagged = int(np.count_nonzero(near & reasons.FLAGGED))
        facts = (f"{groups.size[i]:,} pixels saturated", f"{n_flagged} of 7×7 flagged")
        yield Candidate("saturated", float(groups.size[i]), row, column, facts)


def _groups(kind, groups, width):
    """Yield the brightest pixel of the groups that hold most charge, of a chip so many columns wide."""
    for i in _foremost(groups.charge):
        row, column = divmod(int(groups.brightest[i]), width)
        charge, size = float(groups.charge[i]), int(groups.size[i])
        facts = (f"{charge:,.0f} e⁻ on {size:,} pixel{'' if size == 1 else 's'}",)
        yield Candidate(kind, charge, row, column, facts)


def _groups_with_bit(kind, bit, pixels, level):
    """Yield the brightest pixel of the groups of pixels that have a bit of `arrays.reasons`."""
    mask = (pixels.reasons & bit) != 0
    if mask.any():
        yield from _groups(kind, measure_groups(mask, pixels.image, level), mask.shape[1])


def _uncertain(pixels, objects, threshold):
    """Yield the brightest pixels near the threshold that are not saturated."""
    limit = np.float32(threshold * SCALE)
    near = np.abs(pixels.scaled_probability - limit) <= _NEAR * SCALE
    index = np.flatnonzero(near & ~objects.saturated & np.isfinite(pixels.image))
    above = pixels.image.ravel()[index] - np.float32(objects.background.level)
    for i in _foremost(above):
        row, column = divmod(int(index[i]), near.shape[1])
        facts = (f"{above[i]:,.0f} e⁻ above the sky".replace("-", "−"),)
        yield Candidate("uncertain", float(above[i]), row, column, facts)


def _cut(pixels, level, middle):
    """Cut the piece around a candidate out of all arrays of a chip."""

    def piece(array, outside):
        whole = np.full((2 * HALF + 1, 2 * HALF + 1), outside, array.dtype)
        top, left = max(middle.row - HALF, 0), max(middle.column - HALF, 0)
        inside = array[top : middle.row + HALF + 1, left : middle.column + HALF + 1]
        y, x = top - middle.row + HALF, left - middle.column + HALF
        whole[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
        return whole

    return Cutout(
        middle=middle,
        extver=pixels.chip.extver,
        image=piece(pixels.image, np.nan) - np.float32(level),
        reasons=piece(pixels.reasons, 0),
        scaled_probability=piece(pixels.scaled_probability, 0),
    )
