"""The warnings of the page: what is wrong with a run's flags, and what to do about it."""

from dataclasses import dataclass

from ..errors import ModelError
from ..files.suitability import CAUTIONS
from ..network import models
from ..work import results

__all__ = ["Finding", "PageWarning", "merged", "of_exposure", "of_failures"]

_MOST_CHANCE = 0.03  # share of stars with a flagged core beyond what chance gives
_FEWEST_STARS = 5  # with a flagged core
_SHOWN_TRAILS = 3  # of a chip


@dataclass(frozen=True)
class Finding:
    """What a warning is about, in one exposure.

    Attributes
    ----------
    exposure : str
        Its file's name.
    text : str
    """

    exposure: str
    text: str


@dataclass(frozen=True)
class PageWarning:
    """One warning.

    Attributes
    ----------
    kind : str
        Identifies it; warnings of a kind are shown together.
    title : str
    findings : tuple of Finding
    action : str
        What to do.
    """

    kind: str
    title: str
    findings: tuple[Finding, ...]
    action: str


@dataclass(frozen=True)
class _Kind:
    """What all warnings of a kind have in common: title, and what to do."""

    title: str
    action: str


def _of_caution(kind):
    return _Kind(kind.title, kind.action[0].upper() + kind.action[1:])


# In the order in which they are shown.
_KINDS = {
    "failed": _Kind(
        "Exposures that failed",
        "They are as they were. Mend what the message says, then run the step on them again.",
    ),
    "missing": _Kind(
        "Flags that are no longer in the DQ array",
        "Something cleared the bit after the step, as AstroDrizzle's resetbits does. Run the step again, "
        "which takes seconds, and drizzle with acs_deepcr_step.drizzle_kwargs().",
    ),
    "not in file": _Kind(
        "Flags that are in the mask file only",
        "AstroDrizzle will not see them. Before drizzling run acs-deepcr apply, or the step with "
        "update_dq=yes.",
    ),
    **{name: _of_caution(kind) for name, kind in CAUTIONS.items()},
    "stars": _Kind(
        "Many stars have a flagged core",
        "Look at the cut-outs of star-like sources with a flagged core. If they are stars, raise the "
        "threshold; of several exposures, align them first (TweakReg) and run the step on all of them "
        "together.",
    ),
    "rate high": _Kind(
        "More cosmic rays than usual",
        "Look at the chip with its flags. Flags on stars or galaxies: raise the threshold, or run the "
        "exposures of the field together. Flags spread evenly: the exposure was taken near the South "
        "Atlantic Anomaly, or EXPTIME in its header is wrong.",
    ),
    "rate low": _Kind(
        "Fewer cosmic rays than usual",
        "Look at the chip with its flags. If cosmic rays are left, lower the threshold, and check that SCI "
        "is in electrons with the sky in it, that EXPTIME is right, and that no cosmic rays were removed "
        "before.",
    ),
    "fraction": _Kind(
        "An unusual share of flagged pixels",
        "The number of hits is usual, their size is not: compare the histogram of sizes, look at the "
        "largest groups, and check the threshold.",
    ),
    "trail": _Kind(
        "Something long and straight is flagged",
        "A satellite's trail is flagged in part at best: mark all of it with acstools.findsat_mrt (bit "
        "16384). Along a column it is bleeding charge or a bad column. A cosmic ray that came in flat needs "
        "nothing more.",
    ),
    "filter": _Kind(
        "A model used outside its filter",
        "Use model=auto, which takes the filter's own model where there is one, or the global ACS-WFC.",
    ),
    "alone": _Kind(
        "Other exposures of the field that could not be used",
        "Flags were decided without them. Align the exposures (TweakReg), then run the step on all of them "
        "again.",
    ),
}


@dataclass(frozen=True)
class _Case:
    """Something to warn of in an exposure: a key of `_KINDS`, and what was seen."""

    kind: str
    text: str


def of_failures(table):
    """Return the warnings of a run's table of results: exposures that failed.

    Parameters
    ----------
    table : astropy.table.Table
        As `run` returns it.

    Returns
    -------
    list of PageWarning
    """
    failures = results.failures(table)
    return [_warning("failed", [Finding(name, message)]) for name, message in failures.items()]


def of_exposure(flagged, mask, chips, note=""):
    """Return the warnings of one exposure.

    Parameters
    ----------
    flagged : flagged_exposures.FlaggedExposure
    mask : mask_file.MaskFile
        Its chips are not needed.
    chips : list of merit.ChipMerit
    note : str, optional
        Names exposures of its field that could not be used, and says why.

    Returns
    -------
    list of PageWarning
    """
    exposure, cases = flagged.exposure, []
    for chip in chips:
        cases += [*_cases_of_rate(chip), *_cases_of_trails(chip)]
    cases += [*_cases_of_dq(mask, chips), *_cases_of_stars(chips)]
    cases += [*_cases_of_kind(exposure, mask), *_cases_of_field(mask, note)]
    return [_warning(case.kind, [Finding(flagged.label, case.text)]) for case in cases]


def merged(warnings):
    """Return warnings with those of a kind put together, the gravest kind first.

    Parameters
    ----------
    warnings : iterable of PageWarning

    Returns
    -------
    list of PageWarning
    """
    findings = {}
    for warning in warnings:
        findings.setdefault(warning.kind, []).extend(warning.findings)
    return [_warning(kind, findings[kind]) for kind in _KINDS if kind in findings]


def _warning(kind, findings):
    common = _KINDS[kind]
    return PageWarning(kind, common.title, tuple(findings), common.action)


def _cases_of_rate(chip):
    """Yield what is unusual in the number of hits and, where that is usual, in the share of pixels."""
    extension = f"[SCI,{chip.extver}]"
    if chip.rate_verdict != "usual":
        usual = f"{chip.usual_rate.lowest:.1f} to {chip.usual_rate.highest:.1f}"
        text = f"{extension} {chip.rate:.2f} hits/s/cm², usual are {usual}"
        yield _Case(f"rate {chip.rate_verdict}", text)
    elif chip.fraction_is_unusual:
        usual = f"{100 * chip.usual_fraction.lowest:.2f} to {100 * chip.usual_fraction.highest:.2f} %"
        text = f"{extension} {100 * chip.fraction:.2f} % of the pixels, usual are {usual}"
        yield _Case("fraction", text)


def _cases_of_trails(chip):
    """Yield the longest straight lines among the flags of a chip."""
    for trail in chip.trails[:_SHOWN_TRAILS]:
        ends = (f"({end.column + 1:.0f}, {end.row + 1:.0f})" for end in (trail.start, trail.end))
        text = f"[SCI,{chip.extver}] {trail.length:.0f} pixels long, from {' to '.join(ends)}"
        if trail.pieces > 1:
            text += f", in {trail.pieces} pieces"
        yield _Case("trail", f"{text}, along a column" if trail.along_column else text)


def _cases_of_dq(mask, chips):
    """Yield that the flags are not, or not all, in the DQ arrays."""
    n_missing = sum(chip.dq_state.n_missing for chip in chips)
    n_flagged = sum(chip.figures.n_flagged for chip in chips)
    if not any(chip.dq_state.carries_flags for chip in chips):
        yield _Case("not in file", f"the DQ arrays do not carry the {n_flagged:,} flags of the mask file")
    elif n_missing:
        text = f"{n_missing:,} of {n_flagged:,} flagged pixels lack bit {mask.decision.crbit}"
        yield _Case("missing", text)


def _cases_of_stars(chips):
    """Yield that more stars have a flagged core than chance gives."""
    n_stars = sum(chip.n_stars for chip in chips)
    n_flagged = sum(chip.n_flagged_stars for chip in chips)
    if n_flagged < _FEWEST_STARS:
        return
    chance = max(chip.figures.fraction for chip in chips)
    if n_flagged / n_stars > chance + _MOST_CHANCE:
        share = f"{100 * n_flagged / n_stars:.1f} %"
        yield _Case("stars", f"{n_flagged:,} of {n_stars:,} star-like sources ({share})")


def _cases_of_kind(exposure, mask):
    """Yield in what the exposure differs from those that the model was trained on."""
    for caution in exposure.cautions:
        yield _Case(caution.kind, caution.text)
    trained = _training_filter(mask)
    if trained and trained not in exposure.filter.split("+"):
        text = f"{mask.made_by.model} was trained on {trained}, the exposure was taken in {exposure.filter}"
        yield _Case("filter", text)


def _cases_of_field(mask, note):
    """Yield which exposures of the field were not used."""
    if note:
        yield _Case("alone", note)
    elif mask.field_id and mask.nexp == 1:
        text = "none of the others of its field could be used; the log of the run says why"
        yield _Case("alone", text)


def _training_filter(mask):
    """Return the filter that a published model was trained on; empty for the global one and for others."""
    try:
        info = models.info(mask.made_by.model)
    except ModelError:
        return ""
    return info.filter if info.is_hash(mask.made_by.model_hash) else ""
