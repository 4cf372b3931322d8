"""TweakReg between two rounds of flagging, as docs/howto/tweakreg.md tells, on copies.

The copies are flagged with grow=1, each exposure by itself, and aligned. Only if TweakReg's own numbers say
that its fit can be trusted do the exposures get the new WCS, each whole; otherwise nothing of theirs changes.
"""

import math
from dataclasses import replace
from pathlib import Path

from astropy.io import fits

from ..errors import DrizzlepacError
from ..files import mask_file
from ..files.atomic import locked, write_bytes
from ..files.exposure import require_unchanged
from ..files.fits_reader import quiet
from ..files.inspection import inspect
from ..files.splice import KeptRights, require_keepable_rights
from ..step import run, undo
from . import drizzlepac_process, tweakreg_settings, workplace
from .finished import AlignedExposure, Alignment

__all__ = ["CHANCE", "FEWEST", "align", "judged"]

# Sources that meet by chance scatter evenly within TweakReg's tolerance: their rms is half of it, on each
# axis. Fields that are not the same gave .39 to .47 of it, the same field .04 to .06 (docs/howto/product.md):
# what is farther than half way to chance is not trusted.
CHANCE = 0.5
# The scatter of fewer says little; as many have to agree on a shift that the flags allow for.
FEWEST = 10
_TOLERANCE = 1.0  # TweakReg's default, pixels


def align(paths, directory, settings, parameters):
    """Align exposures on the first one, in place.

    Parameters
    ----------
    paths : list of pathlib.Path
    directory : pathlib.Path
        For the copies, and TweakReg's log.
    settings : tweakreg_settings.Settings
    parameters : config.parameters.Parameters
        Of the step.

    Returns
    -------
    finished.Alignment

    Raises
    ------
    DrizzlepacError
        If TweakReg failed, or aligned none. The exposures have the WCS that they had.
    """
    exposures = [inspect(path, parameters.any_detector) for path in paths]
    wcsname = settings.wcsname(exposure.rootname for exposure in exposures)
    if all(_wcsname(path) == wcsname for path in paths):
        return Alignment(wcsname, done_before=True)
    if len(paths) < 2 and not (settings.given.get("refimage") or settings.given.get("refcat")):
        raise DrizzlepacError(
            f"{paths[0]} is a single exposure, and there is nothing to align it on: give refimage or "
            "refcat in align, or align=False."
        )
    for path in paths:
        require_keepable_rights(path)
    network = _network(parameters)
    # The probabilities are worked out once, and stay beside the exposures.
    without = [path for path in paths if not mask_file.beside(path).exists()]
    if without:
        run([str(path) for path in without], consensus="no", runfile="", **network)
        exposures = [inspect(path, parameters.any_detector) for path in paths]
    copies = workplace.copied(paths, directory)
    workplace.copied([mask_file.beside(path) for path in paths], directory)
    names = [str(copy) for copy in copies]
    # Without flags of before, so that nobody is warned of what becomes of them in the copies.
    undo(names, runfile="", progress=False)
    run(names, grow=1, consensus="no", runfile="", **network)
    job = drizzlepac_process.Job("TweakReg", [copy.name for copy in copies], settings.keywords(wcsname))
    drizzlepac_process.run(directory, job)
    tolerance = settings.given.get("tolerance") or _TOLERANCE
    found = judged(Alignment(wcsname, tuple(_found(copies, directory))), tolerance)
    if found.trusted:
        # With the DQ of before any flags: what flags there will be is decided next.
        undo(names, runfile="", progress=False)
        for exposure, copy in zip(exposures, copies, strict=True):
            _take_over(exposure, copy)
    return found


def _network(parameters):
    """Return the parameters of the step that probabilities and flags of one exposure depend on."""
    names = ("model", "any_detector", "threshold", "protect_saturated", "crbit", "device", "precision",
             "workers", "progress")  # fmt: skip
    return {name: parameters.value(name) for name in names}


def _wcsname(path):
    with quiet():
        return fits.getheader(path, "SCI", 1).get("WCSNAME")


def judged(found, tolerance):
    """Return an alignment with the judgement whether it can be trusted.

    Parameters
    ----------
    found : finished.Alignment
    tolerance : float
        Of TweakReg's matching, pixels.

    Returns
    -------
    finished.Alignment

    Raises
    ------
    DrizzlepacError
        If an exposure has no fit.
    """
    unfitted = [one.name for one in found.exposures if not math.isfinite(one.shift[0])]
    if unfitted:
        raise DrizzlepacError(
            f"TweakReg did not align {', '.join(unfitted)}: too few sources match those of the reference "
            f"({'; '.join(line.strip() for line in found.lines()[1:])}); lower its threshold or minobj in "
            "align, or trust the WCS of the headers (align=False). No WCS was changed."
        )
    limit = CHANCE / 2 * tolerance
    others = [one for one in found.exposures if not one.is_reference]
    few = [one.name for one in others if one.matches < FEWEST]
    poor = [one.name for one in others if max(one.rms) > limit]
    reasons = []
    if few:
        reasons.append(f"{', '.join(few)} has fewer than {FEWEST} matches")
    if poor:
        reasons.append(
            f"the matches of {', '.join(poor)} scatter by more than {limit:g} pixels, half of what sources "
            "scatter that meet by chance"
        )
    return replace(found, trusted=not reasons, reason=", and ".join(reasons))


def _found(copies, directory):
    """Yield what TweakReg's files say of each exposure."""
    shifts = directory / tweakreg_settings.SHIFTS
    lines = shifts.read_text(encoding="utf-8").splitlines() if shifts.exists() else []
    lines = [line.split() for line in lines if line.strip() and not line.startswith("#")]
    rows = {name: [float(cell) for cell in cells[:6]] for name, *cells in lines}
    for copy in copies:
        x, y, rotation, scale, *rms = rows.get(copy.name, [math.nan] * 4 + [0.0] * 2)
        with quiet():
            matches = int(fits.getheader(copy, "SCI", 1).get("NMATCH", 0))
        yield AlignedExposure(
            name=copy.name,
            sources=sum(_sources(path) for path in directory.glob(f"{copy.stem}_sci*_xy_catalog.coo")),
            shift=(x, y),
            rotation=(rotation + 180) % 360 - 180,
            scale=scale,
            rms=tuple(rms),
            matches=matches,
            # TweakReg compares the reference with itself.
            is_reference=(x, y, scale, *rms) == (0, 0, 1, 0, 0),
        )


def _sources(catalogue):
    lines = Path(catalogue).read_text(encoding="utf-8").splitlines()
    return sum(bool(line.strip()) and not line.startswith("#") for line in lines)


def _take_over(exposure, copy):
    """Put an aligned copy into the place of its exposure, whole or not at all."""
    path, rights = Path(exposure.path), KeptRights(Path(exposure.path))
    with locked(path):
        write_bytes(path, copy.read_bytes(), rights=rights, check=lambda: require_unchanged(exposure))
