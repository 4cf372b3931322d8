"""The page's section on one exposure: figures, pictures and warnings, one chip at a time in memory."""

import math
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
from astropy.time import Time

from ..arrays.reasons import REASONS, decoded
from ..files import mask_file
from ..files.exposure import Exposure
from ..files.mask_file import MaskFile
from . import cutouts, flagged_exposures, merit, page_warnings, pictures, plots
from .merit import ChipMerit
from .page_warnings import PageWarning
from .pictures import EncodedImage

__all__ = ["CutoutStrip", "Picture", "PictureQuota", "Section", "exposure_section"]


@dataclass(frozen=True)
class Picture:
    """A picture with what is said of it.

    Attributes
    ----------
    image : pictures.EncodedImage
    alt : str
        The image in words, for those who do not see it.
    overlay : str
        URI of a second picture to lay over it; empty for none.
    overlay_alt : str
    caption : tuple of str
        Its lines.
    """

    image: EncodedImage
    alt: str
    overlay: str = field(default="", repr=False)
    overlay_alt: str = ""
    caption: tuple[str, ...] = ()


@dataclass(frozen=True)
class CutoutStrip:
    """The cut-outs of a kind.

    Attributes
    ----------
    title, note : str
    pictures : tuple of Picture
    """

    title: str
    note: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, eq=False)
class Section:
    """All that the page says of one exposure.

    Attributes
    ----------
    exposure : exposure.Exposure
    label, anchor : str
        As of `flagged_exposures.FlaggedExposure`.
    mask : mask_file.MaskFile
        Without its chips.
    nexp : dict of int to int
        Exposures that each chip was decided from, by EXTVER.
    reason_counts : dict of str to int
        Pixels of all chips by the name of the reason (`arrays.reasons`); none without pixels.
    note : str
        Names exposures of its field that could not be used, and says why; empty for none.
    start : str
        Of the exposure, UTC; empty where it is not known.
    chips : tuple of merit.ChipMerit
    warnings : tuple of page_warnings.PageWarning
    chip_pictures, histograms : tuple of Picture
        Empty where the exposure gets no pictures.
    strips : tuple of CutoutStrip
    """

    exposure: Exposure
    label: str
    anchor: str
    mask: MaskFile
    nexp: dict[int, int]
    reason_counts: dict[str, int]
    note: str
    start: str
    chips: tuple[ChipMerit, ...]
    warnings: tuple[PageWarning, ...]
    chip_pictures: tuple[Picture, ...] = ()
    histograms: tuple[Picture, ...] = ()
    strips: tuple[CutoutStrip, ...] = ()

    @property
    def n_stars(self):
        """Number of star-like sources on all chips."""
        return sum(chip.n_stars for chip in self.chips)

    @property
    def n_flagged_stars(self):
        """Number of these with a flagged core."""
        return sum(chip.n_flagged_stars for chip in self.chips)

    @property
    def n_vetoed(self):
        """Number of pixels on all chips that other exposures spared."""
        return sum(chip.figures.n_vetoed for chip in self.chips)

    @property
    def n_added(self):
        """Number of pixels on all chips that other exposures added."""
        return sum(chip.figures.n_added for chip in self.chips)

    @property
    def chance(self):
        """Largest share of the stars that have a flagged core by chance: that of all pixels."""
        shares = [chip.figures.fraction for chip in self.chips]
        return max((float(share) for share in shares if math.isfinite(share)), default=0.0)


class PictureQuota:
    """How many exposures get pictures: the first ones, and as many more that have warnings.

    Parameters
    ----------
    number : int
        Of the first ones.
    """

    def __init__(self, number):
        self._first = self._warned = number

    def take(self, warnings):
        """Return whether the next exposure gets pictures, and count it.

        Parameters
        ----------
        warnings : list of page_warnings.PageWarning
            Of that exposure.

        Returns
        -------
        bool
        """
        if self._first:
            self._first -= 1
            return True
        if warnings and self._warned:
            self._warned -= 1
            return True
        return False


@dataclass(frozen=True)
class _ChipPictures:
    """A chip as a whole and, where that is made smaller, its middle at full resolution."""

    extver: int
    whole: Picture
    middle: Picture | None


def exposure_section(flagged, note, quota):
    """Make the section on one exposure.

    Parameters
    ----------
    flagged : flagged_exposures.FlaggedExposure
    note : str
        Names exposures of its field that could not be used, and says why; empty for none.
    quota : PictureQuota
        Says whether the exposure gets pictures.

    Returns
    -------
    Section

    Raises
    ------
    ExposureError
        If the mask was not made of this exposure, or either cannot be read.
    """
    exposure, mask = flagged.exposure, mask_file.read(flagged.mask_path)
    chips, by_chip, candidates, counts = [], [], [], Counter()
    for pixels in flagged_exposures.read_chips(flagged, mask):
        objects = merit.find_objects(pixels)
        chip = merit.measure(exposure, pixels, objects)
        chips.append(chip)
        by_chip.append(_draw_chip(flagged.label, pixels, chip))
        counts.update(_count_reasons(pixels.reasons))
        candidates += cutouts.choose(pixels, objects, mask.decision.threshold)
    warnings = page_warnings.of_exposure(flagged, mask, chips, note)
    section = Section(
        exposure=exposure,
        label=flagged.label,
        anchor=flagged.anchor,
        mask=replace(mask, chips=()),
        nexp={chip.extver: mask.chip(chip.extver).nexp for chip in chips},
        reason_counts={one.name: counts[one.name] for one in REASONS if counts[one.name]},
        note=note,
        start=_start(exposure),
        chips=tuple(chips),
        warnings=tuple(warnings),
    )
    if not quota.take(warnings):
        return section
    return replace(
        section,
        chip_pictures=_in_order(by_chip),
        histograms=_histograms(chips, mask.decision.threshold),
        strips=tuple(_strip(kind, chosen) for kind, chosen in cutouts.best(candidates).items()),
    )


def _count_reasons(flags):
    """Return the pixels of a chip by the name of the reason."""
    values, numbers = np.unique(flags, return_counts=True)
    counts = Counter()
    for value, number in zip(values, numbers, strict=True):
        counts.update({reason.name: int(number) for reason in decoded(value)})
    return counts


def _start(exposure):
    if not math.isfinite(exposure.expstart):
        return ""
    return Time(exposure.expstart, format="mjd", scale="utc").to_value("iso", subfmt="date_hm")


def _in_order(by_chip):
    """Return whole chips, then their middles, each from the top: the last chip is highest on the sky."""
    from_top = sorted(by_chip, key=lambda drawn: -drawn.extver)
    middles = (drawn.middle for drawn in from_top if drawn.middle is not None)
    return (*(drawn.whole for drawn in from_top), *middles)


def _draw_chip(name, pixels, merits):
    """Draw a chip with its flags."""
    chip, figures = pixels.chip, merits.figures
    extension = f"[SCI,{chip.extver}]"
    counts = f"{figures.n_flagged:,} flagged pixels in orange"
    if figures.n_added:
        counts += f", {figures.n_added:,} added in magenta"
    if figures.n_vetoed:
        counts += f", {figures.n_vetoed:,} spared by the other exposures in blue"
    rows, columns = chip.shape
    view = pictures.whole(pixels.image, pixels.reasons)
    whole = Picture(
        view.image,
        alt=f"{name}{extension}, {columns} × {rows} pixels, dark is bright",
        overlay=view.overlay,
        overlay_alt=counts,
        caption=(f"{extension}, chip {chip.ccdchip}", counts),
    )
    if max(view.image.width, view.image.height) == max(chip.shape):
        return _ChipPictures(chip.extver, whole, middle=None)
    view = pictures.middle(pixels.image, pixels.reasons)
    middle = Picture(
        view.image,
        alt=f"{name}{extension}, its middle",
        overlay=view.overlay,
        overlay_alt=counts,
        caption=(
            f"Middle of {extension} at full resolution: columns {_from_one(view.columns)}, "
            f"rows {_from_one(view.rows)}",
        ),
    )
    return _ChipPictures(chip.extver, whole, middle)


def _from_one(span):
    """Return the first and last of some rows or columns in words, counted from 1."""
    return f"{span.start + 1} to {span.stop}"


def _histograms(chips, threshold):
    """Draw the sizes and charges of the groups of all chips, and the probabilities of all pixels."""
    sizes = np.concatenate([chip.sizes for chip in chips])
    charges = np.concatenate([chip.charges for chip in chips])
    counts = np.sum([chip.probability_counts for chip in chips], axis=0)
    median_size = f"median {np.median(sizes):.0f} pixels" if sizes.size else "no groups"
    median_charge = f"median {np.median(charges):,.0f} e⁻" if charges.size else "no groups"
    return (
        Picture(
            EncodedImage(plots.size_histogram(sizes)),
            alt=f"Histogram of the sizes of {sizes.size:,} groups",
            caption=(f"Sizes of {sizes.size:,} groups: {median_size}.",),
        ),
        Picture(
            EncodedImage(plots.charge_histogram(charges)),
            alt=f"Histogram of the charges of {charges.size:,} groups",
            caption=(f"Their charges above the sky: {median_charge}.",),
        ),
        Picture(
            EncodedImage(plots.probability_histogram(counts, threshold)),
            alt="Histogram of the probabilities of all pixels",
            caption=(f"Probabilities of {counts.sum():,} pixels; threshold {threshold:g}.",),
        ),
    )


def _strip(kind, chosen):
    common = cutouts.KINDS[kind]
    return CutoutStrip(common.title, common.note, tuple(_cutout_picture(cutout) for cutout in chosen))


def _cutout_picture(cutout):
    middle = cutout.middle
    place = f"[SCI,{cutout.extver}] {middle.column + 1}, {middle.row + 1}"
    return Picture(
        pictures.draw_cutout(cutout),
        alt=f"25 × 25 pixels around {place}; right, their probabilities",
        caption=(place, *middle.facts, f"p = {cutout.probability:.2f}"),
    )
