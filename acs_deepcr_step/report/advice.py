"""What is to be said of a run before its figures are read: what is wrong, and what to do about it."""

from dataclasses import dataclass

from .. import models
from ..errors import ModelError
from ..inspection import SHORTEST_TRAINED
from . import merit

__all__ = ["Advice", "about", "failures", "merged", "rate_verdict"]

_FAR = 1.5  # times beyond the usual rate
_FAR_FRACTION = 2.0  # the same of the share of pixels, which varies more
_SIGMA = 2.0
_STARS = 0.03  # of the stars, more than chance gives, with flagged cores
_FEWEST_STARS = 5
_SHOWN_TRAILS = 3


@dataclass(frozen=True)
class Advice:
    """One warning.

    Attributes
    ----------
    kind : str
        Identifies it; warnings of a kind are shown together.
    title : str
    facts : tuple of (str, str)
        Exposure and what was seen there.
    action : str
        What to do.
    """

    kind: str
    title: str
    facts: tuple[tuple[str, str], ...]
    action: str


# In the order in which they are shown: kind -> title, what to do.
_KINDS = {
    "failed": (
        "Exposures that failed",
        "They are as they were. Mend what the message says, then run the step on them again.",
    ),
    "missing": (
        "Flags that are no longer in the DQ array",
        "Something cleared the bit after the step, as AstroDrizzle's resetbits does. Run the step again, "
        "which takes seconds, and drizzle with acs_deepcr_step.drizzle_kwargs().",
    ),
    "not in file": (
        "Flags that are in the mask file only",
        "AstroDrizzle will not see them. Before drizzling run acs-deepcr apply, or the step with "
        "update_dq=yes.",
    ),
    "stars": (
        "Many stars have a flagged core",
        "Look at the cut-outs of star-like sources with a flagged core. If they are stars, raise the "
        "threshold; of several exposures, align them first (TweakReg) and run the step on all of them "
        "together.",
    ),
    "rate high": (
        "More cosmic rays than usual",
        "Look at the chip with its flags. Flags on stars or galaxies: raise the threshold, or run the "
        "exposures of the field together. Flags spread evenly: the exposure was taken near the South "
        "Atlantic Anomaly, or EXPTIME in its header is wrong.",
    ),
    "rate low": (
        "Fewer cosmic rays than usual",
        "Look at the chip with its flags. If cosmic rays are left, lower the threshold, and check that SCI "
        "is in electrons with the sky in it, that EXPTIME is right, and that no cosmic rays were removed "
        "before.",
    ),
    "fraction": (
        "An unusual share of flagged pixels",
        "The number of hits is usual, their size is not: compare the histogram of sizes, look at the "
        "largest groups, and check the threshold.",
    ),
    "trail": (
        "Something long and straight is flagged",
        "A satellite's trail is flagged in part at best: mark all of it with acstools.findsat_mrt (bit "
        "16384). Along a column it is bleeding charge or a bad column. A cosmic ray that came in flat needs "
        "nothing more.",
    ),
    "short": (
        f"Exposures shorter than {SHORTEST_TRAINED:g} s",
        "The models were trained on longer ones, and sharp stars may pass for cosmic rays here. Look at the "
        "star-like sources before you rely on the mask; a higher threshold spares more of them.",
    ),
    "filter": (
        "A model used outside its filter",
        "Use model=auto, which takes the filter's own model where there is one, or the global ACS-WFC.",
    ),
    "detector": (
        "Not ACS/WFC",
        "The models were trained on ACS/WFC alone. Look at the cut-outs before you rely on the mask.",
    ),
    "alone": (
        "Other exposures of the field that could not be asked",
        "Flags were decided without them. Align the exposures (TweakReg), then run the step on all of them "
        "again.",
    ),
}


def failures(table):
    """Return the warnings of a run's table of results: exposures that failed.

    Parameters
    ----------
    table : astropy.table.Table
        As `run` returns it.

    Returns
    -------
    list of Advice
    """
    found = {}
    for row in table:
        if str(row["status"]).startswith("failed"):
            found[str(row["filename"])] = str(row["status"]).removeprefix("failed: ")
    return [_advice("failed", [(name, reason)]) for name, reason in found.items()]


def about(current, mask, chips, note=""):
    """Return the warnings of one exposure.

    Parameters
    ----------
    current : acs_deepcr_step.exposure.Exposure
    mask : acs_deepcr_step.maskfile.MaskFile
        Its chips are not needed.
    chips : list of merit.ChipMerit
    note : str, optional
        Of other exposures that could not be used, and why.

    Returns
    -------
    list of Advice
    """
    name, found = current.path.name, []

    def add(kind, fact):
        found.append(_advice(kind, [(name, fact)]))

    for chip in chips:
        _of_rate(chip, add)
        _of_trails(chip, add)
    _of_flags(mask, chips, add)
    _of_stars(chips, add)
    shortest = min(chip.exptime for chip in chips)
    if shortest < SHORTEST_TRAINED:
        add("short", f"{shortest:g} s")
    own = _filter_of(mask)
    if own and own not in current.filter.split("+"):
        add("filter", f"{mask.model} was trained on {own}, the exposure was taken in {current.filter}")
    if (current.instrument, current.detector) != ("ACS", "WFC"):
        add("detector", f"{current.instrument}/{current.detector or '?'}")
    if note:
        add("alone", note)
    elif mask.group and mask.nexp == 1:
        add("alone", "none of the others of its field could be used; the log of the run says why")
    return found


def merged(advice):
    """Return warnings with those of a kind put together, the gravest kind first.

    Parameters
    ----------
    advice : iterable of Advice

    Returns
    -------
    list of Advice
    """
    facts = {}
    for one in advice:
        facts.setdefault(one.kind, []).extend(one.facts)
    return [_advice(kind, facts[kind]) for kind in _KINDS if kind in facts]


def _advice(kind, facts):
    title, action = _KINDS[kind]
    return Advice(kind, title, tuple(facts), action)


def rate_verdict(chip):
    """Return whether a chip's rate of cosmic rays is far off.

    Parameters
    ----------
    chip : merit.ChipMerit

    Returns
    -------
    {'high', 'low', 'usual'}
        Far off is 1.5 times beyond what is usual, and that by two sigma.
    """
    low, high = merit.RATE
    if chip.rate - _SIGMA * chip.rate_error > _FAR * high:
        return "high"
    return "low" if chip.rate + _SIGMA * chip.rate_error < low / _FAR else "usual"


def _of_rate(chip, add):
    verdict, (low, high) = rate_verdict(chip), merit.RATE
    where = f"[SCI,{chip.extver}]"
    if verdict != "usual":
        add(f"rate {verdict}", f"{where} {chip.rate:.2f} hits/s/cm², usual are {low:.1f} to {high:.1f}")
    elif chip.wfc:
        least, most = merit.expected_fraction(chip.exptime)
        spread = _SIGMA * chip.rate_error / chip.rate if chip.rate else 0.0
        too_many = chip.fraction * (1 - spread) > _FAR_FRACTION * most
        if too_many or chip.fraction * (1 + spread) < least / _FAR_FRACTION:
            usual = f"{100 * least:.2f} to {100 * most:.2f} %"
            add("fraction", f"{where} {100 * chip.fraction:.2f} % of the pixels, usual are {usual}")


def _of_trails(chip, add):
    for trail in chip.trails[:_SHOWN_TRAILS]:
        ends = (f"({column + 1:.0f}, {row + 1:.0f})" for row, column in (trail.start, trail.end))
        fact = f"[SCI,{chip.extver}] {trail.length:.0f} pixels long, from {' to '.join(ends)}"
        if trail.pieces > 1:
            fact += f", in {trail.pieces} pieces"
        add("trail", f"{fact}, along a column" if trail.along_column else fact)


def _of_flags(mask, chips, add):
    missing = sum(chip.missing for chip in chips)
    flagged = sum(chip.figures["n_flagged"] for chip in chips)
    if not any(chip.in_file for chip in chips):
        add("not in file", f"the DQ arrays do not carry the {flagged:,} flags of the mask file")
    elif missing:
        add("missing", f"{missing:,} of {flagged:,} flagged pixels lack bit {mask.crbit}")


def _of_stars(chips, add):
    stars, flagged = (sum(getattr(chip, name) for chip in chips) for name in ("stars", "flagged_stars"))
    if flagged < _FEWEST_STARS:
        return
    chance = max(chip.figures["fraction"] for chip in chips)
    if flagged / stars > chance + _STARS:
        add("stars", f"{flagged:,} of {stars:,} star-like sources ({100 * flagged / stars:.1f} %)")


def _filter_of(mask):
    """The filter on which a published model was trained; empty for the global one and for others."""
    try:
        info = models.info(mask.model)
    except ModelError:
        return ""
    return info.filter if info.sha256.startswith(mask.model_hash) else ""
