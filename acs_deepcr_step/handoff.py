"""What AstroDrizzle and TweakReg must be told, so that they honour the flags.

AstroDrizzle clears bit 4096 of its inputs by default (``resetbits``), and counts
every DQ bit as bad unless told otherwise; TweakReg ignores DQ altogether. The
functions here give the keywords that make both use the flags of this step, and
tell of the files that would spoil the hand-over. drizzlepac is not imported.
"""

import glob
import importlib.util
import numbers
import os
import re
from pathlib import Path

from stsci.tools.configobj import ConfigObj

from .arrays import dq
from .config.specification import CFGSPEC_DIR, nearest
from .errors import ParameterError

__all__ = [
    "ASTRODRIZZLE_CFG", "astrodrizzle_names", "cfg_path", "crbit_warning", "drizzle_kwargs",
    "stale_crmask_warning",
    "stale_crmasks", "tweakreg_kwargs",
]  # fmt: skip

ASTRODRIZZLE_CFG = CFGSPEC_DIR / "astrodrizzle_after_deepcr.cfg"

# AstroDrizzle's arguments that stand in no parameter file.
_CALL_ARGUMENTS = ("input", "mdriztab", "editpars", "configobj", "wcsmap", "updatewcs")

_ANY_CR_BIT = sum(dq.CR_BITS)

# The suffixes that drizzlepac cuts off an input's name to make a root.
_SUFFIX = re.compile(r"(_(crj|flt|flc|sfl|cal|raw|c0h|c0f|c1f))?\.fits$")


def drizzle_kwargs(good_bits=336, **overrides):
    """Return the keywords for AstroDrizzle after this step.

    They switch the four cosmic-ray steps off, leave the DQ flags in the files
    alone and make the product honour them. Where no exposure has a good pixel,
    the product is 0 (that is the sky, which AstroDrizzle subtracts) and its weight
    is 0: left to itself (``final_fillval=None``), AstroDrizzle would put the value
    of a flagged pixel there, cosmic ray and all.

    Parameters
    ----------
    good_bits : int or str, optional
        DQ bits that do not make a pixel bad, as AstroDrizzle's ``final_bits``
        takes them. The default 336 = 256 + 64 + 16 (saturated, warm, hot) is
        that of the pipelines.
    **overrides
        Any parameter of AstroDrizzle by its own name; it wins.

    Returns
    -------
    dict
        For ``AstroDrizzle(files, **drizzle_kwargs())``.

    Raises
    ------
    ParameterError
        AstroDrizzle has no parameter of that name (it would only log that and
        return), or the bits would count cosmic rays as good.
    """
    known = (*_CALL_ARGUMENTS, *astrodrizzle_names())
    _refuse_unknown(overrides, known, "AstroDrizzle")
    good = _bits_text("good_bits", good_bits)
    if "final_bits" in overrides:
        _bits_text("final_bits", overrides["final_bits"])
    settings = {
        "resetbits": 0,
        "driz_separate": False,
        "median": False,
        "blot": False,
        "driz_cr": False,
        "final_bits": good,
        "sky_bits": good,
        "final_fillval": 0,
        "clean": True,
        "preserve": False,
    }
    return {**settings, **overrides}


def tweakreg_kwargs(crbit=8192, **imagefind):
    """Return the keywords that make TweakReg leave out the flagged pixels.

    Parameters
    ----------
    crbit : int, optional
        The bit that `run` set.
    **imagefind
        Further entries of TweakReg's ``imagefindcfg``, e.g. ``threshold=25``.

    Returns
    -------
    dict
        For ``TweakReg(files, **tweakreg_kwargs())``. Make a new one for each
        call: TweakReg uses the dictionary up.

    Raises
    ------
    ParameterError
        `crbit` is none of this step's bits, TweakReg's ``imagefindcfg`` has no
        such entry, or ``dqbits`` would count the flags as good.
    """
    if not isinstance(crbit, numbers.Integral) or isinstance(crbit, bool) or crbit not in dq.CR_BITS:
        raise ParameterError(f"crbit = {crbit!r}: it must be 8192, 4096 or 16384, the bit that run() set.")
    _refuse_unknown(imagefind, _names_in("imagefindpars"), "TweakReg's imagefindcfg")
    if "dqbits" in imagefind:
        _bits_text("dqbits", imagefind["dqbits"], spoiled=int(crbit))
    return {"imagefindcfg": {"dqbits": f"~{int(crbit)}", **imagefind}}


def cfg_path():
    """Return the path of AstroDrizzle's parameter file for exposures of this step.

    It is a complete file with the values of `drizzle_kwargs`:
    ``AstroDrizzle('*_flc.fits', configobj=cfg_path())``.

    Returns
    -------
    str
        AstroDrizzle takes no path object.
    """
    return str(ASTRODRIZZLE_CFG)


def astrodrizzle_names():
    """Return the names of AstroDrizzle's parameters, of the drizzlepac installed.

    Returns
    -------
    tuple of str
    """
    return _names_in("astrodrizzle") or _names(ASTRODRIZZLE_CFG)


def stale_crmasks(paths):
    """Find the cosmic-ray masks that AstroDrizzle would merge into a product.

    An earlier AstroDrizzle leaves ``<root>_sci<n>_crmask.fits`` beside its
    inputs. The next call merges such a file even with its cosmic-ray steps
    off, and with ``clean=True`` deletes it afterwards.

    Parameters
    ----------
    paths : path-like or iterable of these
        The exposures that will be drizzled.

    Returns
    -------
    list of pathlib.Path
        Sorted, each file once.
    """
    found = set()
    for path in map(Path, [paths] if isinstance(paths, str | os.PathLike) else paths):
        root = _SUFFIX.sub("", path.name)
        for candidate in path.parent.glob(f"{glob.escape(root)}_sci*_crmask.fits"):
            if re.fullmatch(rf"{re.escape(root)}_sci\d+_crmask\.fits", candidate.name):
                found.add(candidate)
    return sorted(found)


def stale_crmask_warning(paths):
    """Return the warning about `stale_crmasks` of these exposures, or ''."""
    stale = ", ".join(map(str, stale_crmasks(paths)))
    if not stale:
        return ""
    return (
        f"AstroDrizzle would merge these cosmic-ray masks of an earlier run into its product and "
        f"delete them: {stale}; move them away before you drizzle."
    )


def crbit_warning(crbit):
    """Return the warning about a bit that AstroDrizzle clears, or ''."""
    if crbit != dq.CR_ASTRODRIZZLE:
        return ""
    return (
        "crbit = 4096 is wiped from the files by AstroDrizzle's default resetbits; drizzle with "
        "drizzle_kwargs() or resetbits=0, or use crbit = 8192."
    )


def _bits_text(name, bits, spoiled=_ANY_CR_BIT):
    """Return bits as text for drizzlepac; refuse those that count a cosmic ray as good."""
    from stsci.tools.bitmask import interpret_bit_flags

    try:
        if isinstance(bits, bool | float):
            raise TypeError
        good = interpret_bit_flags(bits)
    except (TypeError, ValueError):
        raise ParameterError(
            f"{name} = {bits!r}: it must be a sum of DQ bits such as 336 or '256,64,16'."
        ) from None
    # None, which drizzlepac also makes of '', means that every pixel is good.
    counted = spoiled if good is None else good & spoiled
    if counted:
        raise ParameterError(
            f"{name} = {bits!r} would count pixels with a cosmic-ray bit "
            f"({', '.join(str(bit) for bit in dq.CR_BITS if counted & bit)}) as good and undo the flags; "
            "leave these bits out."
        )
    return str(bits)


def _refuse_unknown(given, known, task):
    unknown = [name for name in given if known and name not in known]
    if unknown:
        faults = (f"{task} has no parameter {name}{nearest(name, known) or '.'}" for name in unknown)
        raise ParameterError(" ".join(faults))


def _names_in(task):
    """Parameter names of a drizzlepac task; empty where drizzlepac keeps no cfgspc."""
    spec = importlib.util.find_spec("drizzlepac")
    for folder in spec.submodule_search_locations if spec else ():
        path = Path(folder, "pars", f"{task}.cfgspc")
        if path.is_file():
            return _names(path)
    return ()


def _names(path):
    entries = ConfigObj(str(path), interpolation=False, list_values=False, _inspec=True)
    names = list(entries.scalars)
    for section in entries.sections:
        names += entries[section].scalars
    return tuple(name for name in names if not name.startswith("_"))
