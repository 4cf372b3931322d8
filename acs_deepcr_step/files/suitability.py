"""What kind of exposure it is, by its headers: what the step does not take, and what it warns of."""

import re
from dataclasses import dataclass

from .. import instruments

__all__ = ["CAUTIONS", "DISPERSERS", "Caution", "CautionKind", "cautions", "follows_target", "refusals"]

DISPERSERS = frozenset({"G800L", "PR200L", "PR110L", "PR130L", "G280"})
# What shows no sky: the shutter's back, lamps, the bright Earth.
_CALIBRATION_TYPE = re.compile(r"BIAS|DARK|\w*FLA\w*|\w*LAMP\w*|\w*WAVE\w*|KSPOTS?|EARTH\W?CALIB")
_CALIBRATION_TARGETS = ("BIAS", "DARK", "CCDFLAT", "EARTH-CALIB", "DARK-EARTH-CALIB")  # STIS has no IMAGETYP
_NO_LAMP = ("", "NONE", "N/A")
_NO_TROUBLE = {"EXPFLAG": ("", "NORMAL"), "QUALITY": ("", "OK", "N/A")}
_LONGEST_QUOTE = 60


@dataclass(frozen=True)
class CautionKind:
    """What all cautions of a kind have in common.

    Attributes
    ----------
    title : str
        As a heading.
    action : str
        What to do, to stand after a colon.
    """

    title: str
    action: str


@dataclass(frozen=True)
class Caution:
    """Why the flags of an exposure need a look.

    Attributes
    ----------
    kind : str
        A key of `CAUTIONS`.
    text : str
        What is the matter, without a semicolon: the table's notes are joined by them.
    """

    kind: str
    text: str

    def __str__(self):
        return f"{self.text}: {CAUTIONS[self.kind].action}"


# The gravest first.
CAUTIONS = {
    "coarse": CautionKind(
        "Stars that look like cosmic rays to the models",
        "do no photometry and no alignment on what is left of the stars, and have cosmic rays found by "
        "comparison instead, by AstroDrizzle's driz_cr or the instrument's own pipeline.",
    ),
    "guiding": CautionKind(
        "Trouble while the exposure was taken",
        "look whether its stars are trailed or double before you use it; such stars may be flagged, and what "
        "is drizzled of them is spoilt.",
    ),
    "scan": CautionKind(
        "The telescope scanned",
        "use no flags on the trails of stars, which are as sharp as tracks of cosmic rays.",
    ),
    "target": CautionKind(
        "The telescope followed a moving target",
        "look at the flags on the trails of stars and galaxies; the target itself is treated like any star.",
    ),
    "grism": CautionKind(
        "Spectra",
        "look at the flags on each spectrum before you extract it; the models know images only, and take "
        "narrow lines and edges for cosmic rays.",
    ),
    "short": CautionKind(
        f"Exposures shorter than {instruments.ACS_WFC.shortest_exptime:g} s",
        "look at the star-like sources before you rely on the mask; sharp stars may pass for cosmic rays "
        "here, and a higher threshold spares more of them.",
    ),
    "detector": CautionKind(
        f"Not {instruments.without_switch()}",
        "look at its mask before you rely on it.",
    ),
}


def _text(header, key):
    """Return a card's value as text; empty where it has none."""
    value = header.get(key, "")
    return str(value).strip() if isinstance(value, (str, int, float)) else ""


def refusals(instrument, any_detector, primary):
    """Return why exposures of this kind are not taken.

    Parameters
    ----------
    instrument : instruments.Instrument
    any_detector : bool
        Whether detectors are allowed that are not taken as they come.
    primary : astropy.io.fits.Header

    Returns
    -------
    list of str
        Parts of a sentence; empty where they are taken.
    """
    found = []
    if not instrument.name:
        found.append("its header does not say which instrument took it (INSTRUME)")
    elif instrument.refusal:
        found.append(instrument.refusal)
    elif not instrument.is_taken and not any_detector:
        found.append(f"{_of_detector(instrument).text}: set any_detector=True to try them all the same")
    calibration = _calibration(primary)
    if calibration:
        found.append(f"it is a calibration exposure ({calibration}): give exposures of the sky")
    return found


def _calibration(primary):
    """Return the card that says that the exposure shows no sky; empty where none does."""
    cards = {key: _text(primary, key).upper() for key in ("IMAGETYP", "TARGNAME", "OBSTYPE", "SCLAMP")}
    says_so = {
        "IMAGETYP": _CALIBRATION_TYPE.fullmatch(cards["IMAGETYP"]),
        "TARGNAME": cards["TARGNAME"] in _CALIBRATION_TARGETS,
        "OBSTYPE": cards["OBSTYPE"] == "INTERNAL",
        "SCLAMP": cards["SCLAMP"] not in _NO_LAMP,
    }
    return next((f"{key} {cards[key]}" for key, yes in says_so.items() if yes), "")


def follows_target(primary):
    """Return whether the telescope followed a target that moves (MTFLAG)."""
    return _text(primary, "MTFLAG").upper() in ("T", "TRUE")


def cautions(instrument, headers, filter_name, exptime):
    """Return what to be careful about.

    Parameters
    ----------
    instrument : instruments.Instrument
    headers : list of astropy.io.fits.Header
        The primary one first, then those of the SCI extensions.
    filter_name : str
        As of `exposure.Exposure`.
    exptime : float
        Seconds; the shortest of the chips.

    Returns
    -------
    tuple of Caution
        At most one of a kind.
    """
    primary, found = headers[0], []
    if not instrument.is_taken:
        found.append(_of_detector(instrument))
    trouble = _trouble(headers)
    if trouble:
        found.append(Caution("guiding", f"its header tells of trouble while it was exposed ({trouble})"))
    if _text(primary, "SCAN_TYP").upper() in ("C", "D"):
        found.append(Caution("scan", "the telescope scanned (SCAN_TYP), so that stars are trails"))
    if follows_target(primary):
        found.append(
            Caution("target", "the telescope followed a moving target (MTFLAG), so that stars may be trails")
        )
    dispersers = DISPERSERS & set(filter_name.split("+"))
    if dispersers or _text(primary, "OBSTYPE").upper() == "SPECTROSCOPIC":
        found.append(
            Caution("grism", f"it shows spectra ({', '.join(dispersers) or 'OBSTYPE SPECTROSCOPIC'})")
        )
    if exptime < instrument.shortest_exptime:
        found.append(
            Caution(
                "short",
                f"exposure time {exptime:g} s is below the {instrument.shortest_exptime:g} s "
                "that the models were trained on",
            )
        )
    return tuple(found)


def _of_detector(instrument):
    """Return what another detector than those taken as they come means for the flags."""
    trained = f"the models were trained on {instruments.ACS_WFC}"
    if not instrument.is_coarse:
        return Caution("detector", f"{trained}, not on {instrument}")
    if instrument.pixel_arcsec > 0:
        return Caution(
            "coarse",
            f"{trained} with {instruments.ACS_WFC.pixel_arcsec:g} arcsec a pixel, not on {instrument} with "
            f"{instrument.pixel_arcsec:g}, where most stars are so sharp that they will be flagged as cosmic "
            "rays",
        )
    return Caution(
        "coarse",
        f"{trained}, not on {instrument}, of which it is not known whether its stars are so sharp that they "
        "will be flagged as cosmic rays",
    )


def _trouble(headers):
    """Return the cards that tell of lost guide stars and the like, with their values."""
    cards = {}
    for key, usual in _NO_TROUBLE.items():
        values = {_text(header, key) for header in headers}
        said = sorted(value for value in values if value.upper() not in usual)
        if said:
            cards[key] = ", ".join(said).replace(";", ",")[:_LONGEST_QUOTE]
    return ", ".join(f"{key} {value}" for key, value in cards.items())
