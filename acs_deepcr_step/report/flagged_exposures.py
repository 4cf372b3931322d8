"""Flagged exposures: which mask file belongs to which exposure, and the pixels of both, chip by chip."""

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..arrays import reasons
from ..errors import ExposureError, InputError
from ..files import exposure as exposures
from ..files import inputs as input_files
from ..files import mask_file, provenance
from ..files.inspection import inspect

__all__ = ["ChipPixels", "DqState", "FlaggedExposure", "find", "read_chips"]

_MASK_END = "_deepcr.fits"


@dataclass(frozen=True)
class FlaggedExposure:
    """An exposure and its mask file.

    Attributes
    ----------
    exposure : exposure.Exposure
    mask_path : pathlib.Path
    label : str
        What the page calls the exposure: its file's name, with as many directories as tell it from another.
    anchor : str
        Of its section, each once on a page.
    """

    exposure: exposures.Exposure
    mask_path: Path
    label: str = ""
    anchor: str = ""


@dataclass(frozen=True)
class DqState:
    """How the DQ array in a file and the flags of the mask file agree.

    Attributes
    ----------
    carries_flags : bool
        Whether the exposure's header says that its DQ carries this mask's flags.
    n_missing : int
        Pixels whose DQ should carry the bit by the header, and does not.
    """

    carries_flags: bool
    n_missing: int


@dataclass(frozen=True, eq=False)
class ChipPixels:
    """One chip with its mask.

    Attributes
    ----------
    chip : exposure.Chip
    image : ndarray, (R, C), float32
        Electrons, background included.
    reasons : ndarray, (R, C), uint16
        Bits of `arrays.reasons`.
    scaled_probability : ndarray, (R, C), int16
        10,000 times the probability.
    dq : ndarray, (R, C), integer
        As in the file, without the flags of the step.
    dq_state : DqState
        Of the file, with the flags of the step.
    """

    chip: exposures.Chip
    image: np.ndarray = field(repr=False)
    reasons: np.ndarray = field(repr=False)
    scaled_probability: np.ndarray = field(repr=False)
    dq: np.ndarray = field(repr=False)
    dq_state: DqState


def find(inputs):
    """Find the exposure of each mask file and the mask file of each exposure.

    Parameters
    ----------
    inputs : str, path-like, or list of these
        Exposures and mask files in any order, in every form that `run` takes.

    Returns
    -------
    list of FlaggedExposure
        In the order in which they were named, each exposure once.

    Raises
    ------
    InputError
        If one of the two is missing anywhere; every such case is named.
    ExposureError
        If a file is not an exposure.
    """
    paths = input_files.expand(inputs).paths
    mask_paths = [path for path in paths if path.name.endswith(_MASK_END)]
    named = {path: inspect(path, any_detector=True) for path in paths if path not in mask_paths}
    unused = list(mask_paths)
    by_mask, faults = {}, []
    for path, exposure in named.items():
        mask_path = _mask_path_among(unused, exposure) or provenance.mask_path(exposure)
        if mask_path in unused:
            unused.remove(mask_path)
        if not mask_path.is_file():
            faults.append(
                f"{path} has no mask file ({mask_path.name}): run the step on it, or name its mask file"
            )
        by_mask[mask_path] = FlaggedExposure(exposure, mask_path)
    for mask_path in unused:
        path = mask_path.with_name(mask_path.name.removesuffix(_MASK_END) + ".fits")
        if not path.is_file():
            faults.append(f"{mask_path} has no exposure {path.name} beside it: name the exposure too")
        elif not any(path.samefile(other) for other in named):
            by_mask[mask_path] = FlaggedExposure(inspect(path, any_detector=True), mask_path)
    if faults:
        raise InputError("; ".join(faults) + ".")
    order = {path: number for number, path in enumerate(paths)}
    return _labelled(
        sorted(
            by_mask.values(),
            key=lambda flagged: order.get(flagged.mask_path, order.get(flagged.exposure.path, 0)),
        )
    )


def _mask_path_among(mask_paths, exposure):
    """Return the mask file of an exposure among some: by its name, else by its rootname; else None."""
    name = mask_file.name_for(exposure.path)
    named = [path for path in mask_paths if path.name == name]
    if not named:
        named = [path for path in mask_paths if mask_file.read_header(path).rootname == exposure.rootname]
    if len(named) < 2:
        return named[0] if named else None
    # Exposures of one name may come from several directories.
    beside = [path for path in named if path.parent.resolve() == exposure.path.parent.resolve()]
    return next((path for path in beside or named if _is_made_of(path, exposure)), None)


def _is_made_of(mask_path, exposure):
    chip = exposure.chips[0]
    return mask_file.is_mask_of(mask_file.read(mask_path), exposure, exposures.read_sci(exposure, chip))


def _labelled(found):
    """Return flagged exposures with labels and anchors that tell them apart."""
    names = Counter(flagged.exposure.path.name for flagged in found)
    labelled = []
    for number, flagged in enumerate(found, 1):
        path = flagged.exposure.path
        alone = names[path.name] == 1
        label = path.name if alone else _told_apart(path, [one.exposure.path for one in found])
        anchor = f"e{path.stem}" if alone else f"e{number}-{path.stem}"
        labelled.append(replace(flagged, label=label, anchor=anchor))
    return labelled


def _told_apart(path, paths):
    """Return the end of a path that no other path has."""
    parts = path.resolve().parts
    for length in range(2, len(parts) + 1):
        end = parts[-length:]
        if sum(other.resolve().parts[-length:] == end for other in paths) == 1:
            return "/".join(end)
    return str(path)


def read_chips(flagged, mask):
    """Read the chips of an exposure, one at a time.

    Parameters
    ----------
    flagged : FlaggedExposure
    mask : mask_file.MaskFile
        Its mask file, as read.

    Yields
    ------
    ChipPixels

    Raises
    ------
    ExposureError
        If the mask was not made of this exposure, or either cannot be read.
    """
    exposure = flagged.exposure
    for chip in exposure.chips:
        sci = exposures.read_sci(exposure, chip)
        if not mask_file.is_mask_of(mask, exposure, sci):
            raise ExposureError(
                f"{flagged.mask_path} was not made of {exposure.path}: rootname, start, chip, shape or SCI "
                "pixels differ; name the exposure that it was made of."
            )
        image = sci.native_electrons()
        del sci
        chip_mask = mask.chip(chip.extver)
        dq = exposures.read_dq(exposure, chip)
        dq_state = _take_out_flags(dq, exposure, chip, mask)
        yield ChipPixels(chip, image, chip_mask.reasons, chip_mask.scaled_probability, dq, dq_state)


def _take_out_flags(dq, exposure, chip, mask):
    """Clear the step's flags in a DQ array, in place; return what it held of them."""
    earlier = _flags_in_file(exposure, chip, mask)
    if earlier is None:
        return DqState(carries_flags=False, n_missing=0)
    own = earlier.flagged[chip.extver]
    n_missing = int(np.count_nonzero((dq[own] & earlier.bit) == 0))
    provenance.take_back(dq, earlier, chip)
    return DqState(carries_flags=earlier.run == mask.run, n_missing=n_missing)


def _flags_in_file(exposure, chip, mask):
    """Return the flags that the file should carry by its header (`provenance.Earlier`); None for none.

    They are those of the mask, or those of the run before it where the exposure was not
    brought up to date with the mask.
    """
    run = exposure.provenance.get("DCRRUN") if provenance.is_flagged(exposure) else None
    flags = mask.chip(chip.extver).reasons
    if run and run == mask.run:
        return provenance.Earlier(run, mask.decision.crbit, {chip.extver: reasons.is_ours(flags)})
    if run and run == mask.previous_run:
        previous = (flags & reasons.PREVIOUS) != 0
        return provenance.Earlier(run, mask.previous_bit, {chip.extver: previous})
    return None
