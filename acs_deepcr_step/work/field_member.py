"""One exposure of a field, of which only a summary stays in memory.

The members of a field are looked at one chip at a time, so that a field of any size fits in
memory: of each only the WCS, the background, the stars and the probabilities that are not near
zero stay. They are measured once, in any thread, process or machine.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from astropy.wcs import WCS

from ..arrays.background_map import BackgroundMap
from ..arrays.numerics import numpy_defaults
from ..arrays.probabilities import SCALE
from ..errors import ExposureError
from ..files import mask_file
from ..files.chip_wcs import read_wcs
from ..files.exposure import Chip, Exposure, read_dq, read_sci, same_observation
from ..flagging.chip import ChipImage
from ..flagging.consensus import chip_map
from ..flagging.consensus.field_chip import FieldChip
from ..flagging.consensus.pointing import ChipStars, PointingFacts
from ..flagging.consensus.starfit import find_stars
from ..flagging.consensus.stars import Stars
from . import exposure_work, masks_beside
from .deciders import Network
from .task import Task

__all__ = ["ChipSummary", "FieldMember", "measure_member"]

_VISIT = 6  # characters of a rootname: instrument, programme and visit
_KEPT = 0.01  # probabilities below are as good as none, for what a member says of others


@dataclass(frozen=True, eq=False)
class ChipSummary:
    """One chip of a member, without its pixels.

    Attributes
    ----------
    chip : exposure.Chip
    sha256 : str
        Of its SCI.
    wcs : astropy.wcs.WCS
    index : ndarray, (K,), int32
        Flat index of the pixels whose probability is not near zero.
    scaled_probability : ndarray, (K,), int16
        10,000 times their probability.
    background : BackgroundMap
    stars : stars.Stars
    """

    chip: Chip
    sha256: str
    wcs: WCS = field(repr=False)
    index: np.ndarray = field(repr=False)
    scaled_probability: np.ndarray = field(repr=False)
    background: BackgroundMap = field(repr=False)
    stars: Stars = field(repr=False)

    @cached_property
    def corners(self):
        """Unit vectors to the corners of the chip, (4, 3)."""
        return chip_map.footprint(self.wcs, self.chip.shape)

    @property
    def pointing(self):
        """Text that changes when the pointing or distortion does."""
        return chip_map.signature(self.wcs, self.chip.shape)

    def whole_probability(self):
        """Return 10,000 times the probability, (R, C) int16; 0 where it is near zero."""
        whole = np.zeros(self.chip.shape, np.int16)
        whole.ravel()[self.index] = self.scaled_probability
        return whole


@dataclass(frozen=True, eq=False)
class FieldMember:
    """An exposure of a field.

    Attributes
    ----------
    task : task.Task
    exposure : exposure.Exposure
        Its file as inspected.
    chips : dict of int to ChipSummary
        By EXTVER.
    """

    task: Task
    exposure: Exposure
    chips: dict[int, ChipSummary]

    @property
    def rootname(self):
        """Rootname of the exposure."""
        return self.exposure.rootname

    @property
    def stars(self):
        """The stars of its chips, a list of `ChipStars`."""
        return [
            ChipStars(one.wcs, one.chip.shape, one.stars, one.chip.exptime) for one in self.chips.values()
        ]

    @property
    def corners(self):
        """The corners of its chips, a list of (4, 3)."""
        return [one.corners for one in self.chips.values()]

    @property
    def pointing_facts(self):
        """What the error of its pointing depends on, as `PointingFacts`."""
        wcs = next(iter(self.chips.values())).wcs
        scale = float(np.sqrt(np.abs(np.linalg.det(wcs.pixel_scale_matrix)))) * 3600
        return PointingFacts(self.rootname[:_VISIT], self.exposure.follows_target, scale)

    def is_same_observation(self, other):
        """Return whether another member is the same observation, under another name."""
        return same_observation(self.exposure, other.exposure)

    def absolute(self):
        """Return the same member with absolute paths, for processes elsewhere."""
        task = self.task.absolute()
        path = task.exposure.path if self.exposure.path == self.task.exposure.path else self.exposure.path
        return replace(self, task=task, exposure=replace(self.exposure, path=path.absolute()))

    def chips_on(self, corners):
        """Yield the chips that share sky with a footprint, one at a time."""
        for extver, summary in self.chips.items():
            if chip_map.overlap(summary.corners, corners):
                yield self._read(extver)

    def _read(self, extver):
        """Read a chip, as `FieldChip`; meanwhile a run may have written flags into its file."""
        summary = self.chips[extver]
        image, bits = self._now(lambda exposure: _pixels(exposure, self._as(exposure).chips[extver].chip))
        chip = ChipImage.of(
            image, bits, summary.whole_probability(), self.exposure.instrument, summary.background
        )
        return FieldChip.from_chip(chip, wcs=summary.wcs, exptime=summary.chip.exptime, stars=summary.stars)

    def refreshed(self):
        """Return the member as its file is now: we, or another run, may have written flags into it.

        Raises
        ------
        ExposureError
            If its pixels are others.
        """
        return self._now(self._as)

    def _now(self, function):
        return exposure_work.with_current_state(replace(self.task, exposure=self.exposure), function)

    def _as(self, exposure):
        """Return the member with its file as it was inspected anew."""
        if exposure is self.exposure:
            return self
        for chip in exposure.chips:
            summary = self.chips.get(chip.extver)
            if summary is None or summary.sha256 != read_sci(exposure, chip).sha256:
                raise ExposureError(
                    f"{exposure.path}: its pixels changed while the step ran: run the step again."
                )
        chips = {chip.extver: replace(self.chips[chip.extver], chip=chip) for chip in exposure.chips}
        return replace(self, exposure=exposure, chips=chips)


@numpy_defaults()
def measure_member(task, stage=None):
    """Look at an exposure once: background, stars and probabilities of its chips.

    Parameters
    ----------
    task : task.Task
        Of the first pass.
    stage : task.Stage, optional

    Returns
    -------
    FieldMember

    Raises
    ------
    ExposureError
        If the mask file is of another exposure, or there is no WCS.
    """
    stage = stage or exposure_work.process_stage()
    stage.check()
    network = Network(task, masks_beside.stored_probabilities(task), stage)

    def measured(exposure):
        wcs = read_wcs(exposure)
        chips = {chip.extver: _summary(network, exposure, chip, wcs) for chip in exposure.chips}
        return FieldMember(task, exposure, chips)

    return exposure_work.with_current_state(task, measured)


def _summary(network, exposure, chip, wcs):
    sci = read_sci(exposure, chip)
    if network.known is not None and not mask_file.is_mask_of(network.known, exposure, sci):
        path = network.task.probe_path
        raise ExposureError(f"{path} is not the mask of {exposure.path}: run the step again.")
    scaled = network.scaled_probability(sci)
    index = np.flatnonzero(scaled > _KEPT * SCALE)
    image = ChipImage.of(sci.native_electrons(), read_dq(exposure, chip), scaled, exposure.instrument)
    its = {"wcs": wcs.chips[chip.extver], "exptime": chip.exptime}
    return ChipSummary(
        chip,
        sci.sha256,
        its["wcs"],
        index.astype(np.int32),
        scaled.ravel()[index],
        image.background,
        find_stars(FieldChip.from_chip(image, **its)),
    )


def _pixels(exposure, chip):
    return read_sci(exposure, chip).native_electrons(), read_dq(exposure, chip)
