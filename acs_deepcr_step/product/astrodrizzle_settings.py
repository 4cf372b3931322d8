"""What AstroDrizzle is told for a product: `drizzle_kwargs`, the user's file and keywords over it.

AstroDrizzle works on copies in a directory of its own. So paths are made absolute, and what only concerns the
inputs' own files has no meaning.
"""

import os
from dataclasses import dataclass

from stsci.tools.bitmask import interpret_bit_flags

from ..errors import ParameterError
from ..handoff import drizzle_kwargs
from . import task_parameters

__all__ = ["TASK", "Settings", "resolve"]

TASK = "astrodrizzle"

# Of the call itself, and those that would take the flags, the WCS or our parameters away.
_OURS = {
    "input": "the exposures are the first argument",
    "output": "the product's name is the second argument",
    "configobj": "give AstroDrizzle's parameter file as drizzle_cfg",
    "mdriztab": "the reference table would replace what honours the flags",
    "editpars": "there is no window to edit parameters in",
    "wcsmap": "it cannot be handed to a process of its own",
    "updatewcs": "it would change the WCS of the copies only: run updatewcs on the exposures before",
}
# They concern files that the user would not see: AstroDrizzle has copies, and its log is ours.
_WITHOUT_MEANING = ("input", "output", "runfile", "restore", "preserve", "overwrite", "clean", "in_memory")
# AstroDrizzle turns the switch on as soon as one of these is given by name, None included.
_OWN_WCS = {
    switch: tuple(f"{switch.removesuffix('wcs')}{name}" for name in (
        "refimage", "rot", "scale", "outnx", "outny", "ra", "dec", "crpix1", "crpix2"))
    for switch in ("final_wcs", "driz_sep_wcs")
}  # fmt: skip
_PATHS = ("final_refimage", "driz_sep_refimage", "skyfile", "skymask_cat", "rules_file")


@dataclass(frozen=True)
class Settings:
    """What AstroDrizzle is told.

    Attributes
    ----------
    keywords : dict
    warnings : tuple of str
        What in them spoils a product.
    """

    keywords: dict
    warnings: tuple[str, ...]


def resolve(cfg, given, crbit):
    """Make AstroDrizzle's keywords of ours, a parameter file, and keywords.

    Parameters
    ----------
    cfg : str, path-like or None
        A parameter file of AstroDrizzle, complete or not; it wins over `drizzle_kwargs`.
    given : mapping
        AstroDrizzle's parameters by name; they win over the file.
    crbit : int
        The bit of the flags.

    Returns
    -------
    Settings

    Raises
    ------
    ParameterError
        If a parameter is unknown, malformed, or would undo the flags.
    """
    for name in given:
        if name in _OURS:
            raise ParameterError(f"{name} cannot be given to AstroDrizzle here: {_OURS[name]}.")
    said = _of_file(cfg) if cfg is not None else {}
    # It refuses unknown names, and bits that would count the flags as good.
    drizzle_kwargs(**given)
    said |= task_parameters.checked(TASK, given, "AstroDrizzle's parameter ")
    for names in _OWN_WCS.values():
        said = {name: value for name, value in said.items() if name not in names or value not in (None, "")}
    keywords = drizzle_kwargs(**said)
    _require_flags_kept(keywords["resetbits"], crbit)
    for name in _PATHS:
        if keywords.get(name):
            keywords[name] = _found(name, keywords[name])
    if str(keywords.get("skyuser", "")).startswith("@"):
        keywords["skyuser"] = f"@{_found('skyuser', keywords['skyuser'][1:])}"
    return Settings({**keywords, "clean": True, "preserve": False}, tuple(_warnings(keywords)))


def _of_file(cfg):
    """Return what a parameter file says, as keywords that mean the same."""
    said = task_parameters.read_file(TASK, cfg)
    unused = {name for switch, names in _OWN_WCS.items() if not said.get(switch) for name in names}
    return {name: value for name, value in said.items() if name not in (*_WITHOUT_MEANING, *unused)}


def _require_flags_kept(bits, crbit):
    try:
        reset = interpret_bit_flags(bits)
    except (TypeError, ValueError):
        reset = None
    if reset is None:
        raise ParameterError(f"resetbits = {bits!r}: it must be a sum of DQ bits; 0 resets none.")
    if reset & crbit:
        raise ParameterError(
            f"resetbits = {bits!r} would clear bit {crbit}, in which the flags are: set resetbits to 0."
        )


def _found(name, path):
    """Return the absolute path of a file that AstroDrizzle reads, which may name an extension of it."""
    path = os.path.abspath(os.path.expanduser(path))
    if not os.path.exists(path.partition("[")[0]):
        raise ParameterError(f"{name} = {path}: there is no such file.")
    return path


def _warnings(keywords):
    if keywords["driz_cr"]:
        yield (
            "driz_cr=yes: AstroDrizzle looks for cosmic rays itself, besides the flags; set driz_cr=no if it "
            "need not."
        )
    if keywords["final_fillval"] is None:
        yield (
            "final_fillval=None: where no exposure has a good pixel, AstroDrizzle puts the value of a "
            "flagged one, cosmic ray and all; set final_fillval=0."
        )
