"""Who decides on the pixels of an exposure: the network, or a mask file that was made elsewhere.

A third one, the other exposures of the field, is `field_work.FieldDecision`.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from ..arrays import reasons
from ..arrays.probabilities import to_scaled
from ..errors import ExposureError
from ..files import mask_file
from ..files.exposure import Exposure
from ..flagging import single
from . import progress, results
from .task import Stage, Task

__all__ = ["Decider", "GivenMask", "Network", "made_by"]


class Decider(Protocol):
    """What `exposure_work.decide` calls for each chip."""

    def scaled_probability(self, sci):
        """Return 10,000 times the probability of a cosmic ray.

        Parameters
        ----------
        sci : exposure.SciPixels
            Of the chip.

        Returns
        -------
        ndarray, (R, C), int16
        """

    def background(self, chip):
        """Return the background of a chip, where it was measured before.

        Parameters
        ----------
        chip : exposure.Chip

        Returns
        -------
        BackgroundMap or None
        """

    def reasons(self, sci, image):
        """Return the reasons of the pixels.

        Parameters
        ----------
        sci : exposure.SciPixels
            Of the chip.
        image : flagging.chip.ChipImage
            Made of it.

        Returns
        -------
        ndarray, (R, C), uint16
        """

    def joint(self, chip):
        """Return from which exposures a chip was decided on that reasons were given for.

        Parameters
        ----------
        chip : exposure.Chip

        Returns
        -------
        results.JointExposures
        """


@lru_cache(maxsize=8)
def _detector(model, precision, device, threads):
    from ..network import detect, models

    return detect.Detector(models.load(model), precision=precision, device=device, threads=threads or None)


def made_by(info, precision):
    """Return what a mask file says of probabilities that a model gives.

    Parameters
    ----------
    info : network.published.ModelInfo
    precision : str

    Returns
    -------
    mask_file.MadeBy
    """
    written, *others = info.hashes
    return mask_file.MadeBy(info.name, written, precision, tuple(others))


@dataclass(frozen=True, eq=False)
class Network:
    """Decides by the network, and the exposure's saturated pixels and edges.

    Attributes
    ----------
    task : task.Task
    known : mask_file.MaskFile or None
        Its probabilities are reused where they are of the same pixels, weights and precision: those of the
        first pass, if that is over. Another run may have put its own in their place meanwhile.
    stage : task.Stage
    """

    task: Task
    known: mask_file.MaskFile | None
    stage: Stage

    @property
    def detector(self):
        """The model, made ready."""
        parameters = self.task.parameters
        return _detector(self.task.model, parameters.precision, parameters.device, self.task.threads)

    @property
    def made_by(self):
        """What probabilities are made by, as a mask file says it."""
        first = self.task.made_by
        if first is not None and self.known is not None and self.known.made_by.same_network(first):
            return first  # the network need not be loaded
        return made_by(self.detector.model.info, self.detector.precision)

    @property
    def knows_probabilities(self):
        """Whether the probabilities that are there already are those of this network."""
        return self.known is not None and self.known.made_by.same_network(self.made_by)

    def reused(self, chip):
        """Return the scaled probabilities of a chip that are there already, or None."""
        return self.known.chip(chip.extver).scaled_probability if self.knows_probabilities else None

    def scaled_probability(self, sci):
        """Return the scaled probabilities of a chip, (R, C) int16."""
        scaled = self.reused(sci.chip)
        if scaled is None:
            title = f"{self.task.exposure.rootname}[SCI,{sci.chip.extver}]"
            image, detector = sci.in_electrons(), self.detector
            tiles, wanted = detector.tiles(image.shape), self.task.parameters.progress
            with self.stage.network, progress.of_tiles(self.stage, title, tiles, wanted) as step:
                scaled = to_scaled(detector.probability(image, step))
        return scaled

    def background(self, _chip):
        """Return None: it is still to be measured."""
        return None

    def reasons(self, _sci, image):
        """Return the reasons of a chip's pixels, (R, C) uint16."""
        return single.decide(image, self.task.parameters.decision)

    def joint(self, _chip):
        """Return that a chip was decided on by itself."""
        return results.ALONE


@dataclass(frozen=True, eq=False)
class GivenMask:
    """Decides as a mask file says that was made elsewhere.

    Attributes
    ----------
    task : task.Task
        With `mask`.
    exposure : exposure.Exposure
    mask : mask_file.MaskFile
    """

    task: Task
    exposure: Exposure
    mask: mask_file.MaskFile

    def scaled_probability(self, sci):
        """Return the scaled probabilities of a chip, (R, C) int16.

        Raises
        ------
        ExposureError
            If the mask is not of this exposure.
        """
        if not mask_file.is_mask_of(self.mask, self.exposure, sci):
            raise ExposureError(
                f"{self.task.mask} was not made of {self.exposure.path}: rootname, start, chip, shape or SCI "
                "pixels differ; the exposure is left as it is."
            )
        return self.mask.chip(sci.chip.extver).scaled_probability

    def background(self, _chip):
        """Return None: it is still to be measured."""
        return None

    def reasons(self, sci, _image):
        """Return the reasons of a chip's pixels, (R, C) uint16."""
        kept = ~reasons.DTYPE.type(reasons.ALREADY | reasons.PREVIOUS)
        return self.mask.chip(sci.chip.extver).reasons & kept

    def joint(self, chip):
        """Return from which exposures the mask of a chip was decided."""
        return results.JointExposures.of(self.mask, chip)
