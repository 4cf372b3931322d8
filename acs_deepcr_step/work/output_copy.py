"""The copy of an exposure that an earlier run left in the output directory: this run goes on with it.

TweakReg may have aligned it meanwhile, AstroDrizzle may have set DQ bits in it. A new copy of the exposure
would throw that away.
"""

from ..errors import ExposureError
from ..files.exposure import read_sci, same_observation
from ..files.inspection import inspect
from ..files.mask_file import beside
from ..files.splice import require_keepable_rights

__all__ = ["built_on", "require_same_pixels"]


def built_on(exposure, target, any_detector):
    """Return what a run works on: the exposure, or its copy if there is one.

    Parameters
    ----------
    exposure : exposure.Exposure
        As the user named it.
    target : pathlib.Path
        Where the result goes.
    any_detector : bool
        As for `inspect`.

    Returns
    -------
    exposure.Exposure

    Raises
    ------
    ExposureError
        If what is there is no result of this step, or cannot be replaced.
    """
    if target == exposure.path or not target.exists():
        return exposure
    there = inspect(target, any_detector)
    # After an undo the mask file alone tells that the copy is one.
    is_result = there.provenance or beside(target).is_file()
    if not same_observation(there, exposure) or not is_result:
        raise ExposureError(f"{target} is there already and is not a result of this step: move it away.")
    require_keepable_rights(target)
    return there


def require_same_pixels(exposure, original):
    """Refuse a copy whose SCI pixels are not those of the exposure that it was made of.

    Parameters
    ----------
    exposure, original : exposure.Exposure

    Raises
    ------
    ExposureError
    """
    theirs = {chip.extver: chip for chip in original.chips}
    for chip in exposure.chips:
        other = theirs.pop(chip.extver, None)
        if other is None or read_sci(exposure, chip).sha256 != read_sci(original, other).sha256:
            break
    else:
        if not theirs:
            return
    raise ExposureError(
        f"{exposure.path} was made of other pixels than {original.path} has now (calibrated anew, say): "
        "move it away with its mask file, and it is made anew."
    )
