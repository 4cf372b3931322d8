"""Which exposure belongs to which mask file, and the pixels of both, one chip at a time."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import exposure as exposures
from .. import flags, inputs, maskfile, provenance
from ..errors import ExposureError, InputError
from ..inspection import inspect

__all__ = ["ChipPixels", "Pair", "chips", "pairs"]

_MASK_END = "_deepcr.fits"


@dataclass(frozen=True)
class Pair:
    """An exposure and its mask file.

    Attributes
    ----------
    exposure : acs_deepcr_step.exposure.Exposure
    mask_path : pathlib.Path
    """

    exposure: exposures.Exposure
    mask_path: Path


@dataclass(frozen=True, eq=False)
class ChipPixels:
    """One chip with its mask.

    Attributes
    ----------
    chip : acs_deepcr_step.exposure.Chip
    image : ndarray, (R, C), float32
        Electrons, sky included.
    plane : ndarray, (R, C), uint8
        Reasons, see `acs_deepcr_step.flags`.
    stored : ndarray, (R, C), int16
        10,000 times the probability.
    dq : ndarray, (R, C)
        As in the file, less the flags of the step.
    in_file : bool
        Whether the exposure's header says that it carries this mask's flags.
    missing : int
        Of the pixels that should then carry the bit, those that do not.
    """

    chip: exposures.Chip
    image: np.ndarray = field(repr=False)
    plane: np.ndarray = field(repr=False)
    stored: np.ndarray = field(repr=False)
    dq: np.ndarray = field(repr=False)
    in_file: bool
    missing: int


def pairs(given):
    """Find the exposure of each mask file and the mask file of each exposure.

    Parameters
    ----------
    given : str, path-like, or list of these
        Exposures and mask files in any order, in every form that `run` takes.

    Returns
    -------
    list of Pair
        In the order in which they were named, each exposure once.

    Raises
    ------
    InputError
        If one of the two is missing anywhere; every such case is named.
    ExposureError
        If a file is no exposure.
    """
    paths, _ = inputs.expand(given)
    masks = [path for path in paths if path.name.endswith(_MASK_END)]
    named = {path: inspect(path, any_detector=True) for path in paths if path not in masks}
    found, faults = {}, []
    left = list(masks)
    for path, exposure in named.items():
        mask = _mask_among(left, exposure) or provenance.mask_path(exposure)
        if mask in left:
            left.remove(mask)
        if not mask.is_file():
            faults.append(f"{path} has no mask file ({mask.name}): run the step on it, or name its mask file")
        found[mask] = Pair(exposure, mask)
    for mask in left:
        path = mask.with_name(mask.name.removesuffix(_MASK_END) + ".fits")
        if not path.is_file():
            faults.append(f"{mask} has no exposure {path.name} beside it: name the exposure too")
        elif not any(path.samefile(other) for other in named):
            found[mask] = Pair(inspect(path, any_detector=True), mask)
    if faults:
        raise InputError("; ".join(faults) + ".")
    order = {path: number for number, path in enumerate(paths)}
    return sorted(
        found.values(), key=lambda pair: order.get(pair.mask_path, order.get(pair.exposure.path, 0))
    )


def _mask_among(masks, exposure):
    """The mask file of an exposure among those named: by its name, else by its rootname."""
    name = maskfile.name_for(exposure.path)
    by_name = [mask for mask in masks if mask.name == name]
    if by_name:
        return by_name[0]
    return next((mask for mask in masks if maskfile.read_header(mask).rootname == exposure.rootname), None)


def chips(pair, mask):
    """Read the chips of an exposure, one at a time.

    Parameters
    ----------
    pair : Pair
    mask : acs_deepcr_step.maskfile.MaskFile
        Its mask file, as read.

    Yields
    ------
    ChipPixels

    Raises
    ------
    ExposureError
        If the mask was not made of this exposure, or either cannot be read.
    """
    current = pair.exposure
    for chip in current.chips:
        raw = exposures.read_raw(current, chip)
        if not maskfile.same_exposure(mask, current, chip, hashlib.sha256(raw).hexdigest()):
            raise ExposureError(
                f"{pair.mask_path} was not made of {current.path}: rootname, start, chip, shape or SCI "
                "pixels differ; name the exposure that it was made of."
            )
        image = np.ascontiguousarray(exposures.image_in_electrons(chip, raw), np.float32)
        del raw
        its = mask.chip(chip.extver)
        dq = exposures.read_dq(current, chip)
        in_file, missing = _without_flags(dq, current, chip, mask)
        yield ChipPixels(chip, image, its.plane, its.stored, dq, in_file, missing)


def _without_flags(dq, current, chip, mask):
    """Take the step's flags out of a DQ array; whether they were this mask's, and how many were gone."""
    run = current.provenance.get("DCRRUN") if provenance.is_flagged(current) else None
    plane = mask.chip(chip.extver).plane
    if run and run == mask.run:
        own, bit = flags.ours(plane), mask.crbit
    elif run and run == mask.previous_run:
        own, bit = (plane & flags.PREVIOUS) != 0, mask.previous_bit
    else:
        return False, 0
    missing = int(np.count_nonzero((dq[own] & bit) == 0))
    provenance.take_back(dq, provenance.Earlier(run, bit, {chip.extver: own}), chip)
    return run == mask.run, missing
