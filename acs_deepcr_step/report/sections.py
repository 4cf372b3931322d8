"""One exposure of the page: its figures, pictures and warnings, one chip at a time in memory."""

import math
from dataclasses import dataclass, field, replace

import numpy as np
from astropy.time import Time

from .. import maskfile
from . import advice, load, merit, pictures, plots, stamps

__all__ = ["Picture", "Section", "Strip", "section"]


@dataclass(frozen=True)
class Picture:
    """A picture with what is said of it.

    Attributes
    ----------
    uri : str
    size : tuple of int
        Width and height on the screen, CSS pixels; empty to leave it to the page.
    alt : str
    overlay, overlay_alt : str
        A second picture to lay over it; empty for none.
    caption : tuple of str
    """

    uri: str = field(repr=False)
    size: tuple = ()
    alt: str = ""
    overlay: str = field(default="", repr=False)
    overlay_alt: str = ""
    caption: tuple[str, ...] = ()


@dataclass(frozen=True)
class Strip:
    """Cut-outs of a kind: heading, note, and a `Picture` each."""

    title: str
    note: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, eq=False)
class Section:
    """All that the page says of one exposure.

    Attributes
    ----------
    exposure : acs_deepcr_step.exposure.Exposure
    mask : acs_deepcr_step.maskfile.MaskFile
        Without its chips.
    start : str
        UTC; empty where it is not known.
    chips : tuple of merit.ChipMerit
    advice : tuple of advice.Advice
    looks, histograms : tuple of Picture
        Empty where pictures were not wanted.
    strips : tuple of Strip
    """

    exposure: object
    mask: object
    start: str
    chips: tuple
    advice: tuple
    looks: tuple[Picture, ...] = ()
    histograms: tuple[Picture, ...] = ()
    strips: tuple[Strip, ...] = ()

    @property
    def stars(self):
        """Star-like sources on all chips."""
        return sum(chip.stars for chip in self.chips)

    @property
    def flagged_stars(self):
        """Of these, those with a flagged core."""
        return sum(chip.flagged_stars for chip in self.chips)

    @property
    def chance(self):
        """Share of the pixels that are flagged: of cores that chance gives, at most."""
        shares = [chip.figures["fraction"] for chip in self.chips]
        return max((float(share) for share in shares if math.isfinite(share)), default=0.0)

    def total(self, name):
        """Sum of a column of the table over the chips."""
        return sum(chip.figures[name] for chip in self.chips)


def section(pair, note="", wants_pictures=None):
    """Look at one exposure.

    Parameters
    ----------
    pair : load.Pair
    note : str, optional
        Of other exposures that could not be used, and why.
    wants_pictures : callable, optional
        Takes the warnings of the exposure; whether it is to be drawn.

    Returns
    -------
    Section
    """
    mask = maskfile.read(pair.mask_path)
    merits, looks, chosen = [], [], []
    for given in load.chips(pair, mask):
        measured, found = merit.measure(pair.exposure, given)
        merits.append(measured)
        looks += _looks(pair.exposure, given, measured)
        chosen += stamps.choose(given, found, measured.sky, mask.threshold)
    warnings = advice.about(pair.exposure, mask, merits, note)
    made = Section(pair.exposure, _light(mask), _start(pair.exposure), tuple(merits), tuple(warnings))
    if wants_pictures is not None and not wants_pictures(warnings):
        return made
    # The upper chip on the sky is the second one in the file.
    looks.sort(key=lambda look: look[0])
    drawn = {
        "looks": tuple(picture for _, picture in looks),
        "histograms": _histograms(mask, merits),
        "strips": tuple(_strip(kind, its) for kind, its in stamps.best(chosen).items()),
    }
    return Section(
        *(getattr(made, name) for name in ("exposure", "mask", "start", "chips", "advice")), **drawn
    )


def _light(mask):
    return replace(mask, chips=())


def _start(exposure):
    if not math.isfinite(exposure.expstart):
        return ""
    return Time(exposure.expstart, format="mjd", scale="utc").to_value("iso", subfmt="date_hm")


def _looks(exposure, given, measured):
    """The chip as a whole, and its middle, with what sorts them."""
    chip, figures = given.chip, measured.figures
    name = f"{exposure.path.name}[SCI,{chip.extver}]"
    counts = [f"{figures['n_flagged']:,} flagged pixels in orange"]
    for key, text in (("n_added", "added in magenta"), ("n_vetoed", "spared in blue")):
        if figures[key]:
            counts.append(f"{figures[key]:,} {text}")
    laid = ", ".join(counts)
    rows, columns = chip.shape
    uri, size = pictures.quick_look(given.image)
    whole = Picture(
        uri, size, f"{name}, {columns} × {rows} pixels, dark is bright",
        pictures.overlay(given.plane, 0), laid, (f"[SCI,{chip.extver}], chip {chip.ccdchip}", laid),
    )  # fmt: skip
    yield (0, -chip.extver), whole
    if max(size) < max(chip.shape):
        image, mask, size, place = pictures.detail(given.image, given.plane)
        spans = [f"{span.start + 1} to {span.stop}" for span in place[::-1]]
        where = f"Middle of [SCI,{chip.extver}] at full resolution: columns {spans[0]}, rows {spans[1]}"
        yield (1, -chip.extver), Picture(image, size, f"{name}, its middle", mask, laid, (where,))


def _histograms(mask, merits):
    found_sizes = np.concatenate([one.sizes for one in merits])
    found_charges = np.concatenate([one.charges for one in merits])
    counts = np.sum([one.probabilities for one in merits], axis=0)
    if not found_sizes.size:
        found_sizes, found_charges, middle = np.zeros(0, int), np.zeros(0), ("no groups", "no groups")
    else:
        middle = f"median {np.median(found_sizes):.0f} pixels", f"median {np.median(found_charges):,.0f} e⁻"
    return (
        Picture(
            plots.sizes(found_sizes), alt=f"Histogram of the sizes of {found_sizes.size:,} groups",
            caption=(f"Sizes of {found_sizes.size:,} groups: {middle[0]}.",),
        ),
        Picture(
            plots.charges(found_charges), alt=f"Histogram of the charges of {found_charges.size:,} groups",
            caption=(f"Their charges above the sky: {middle[1]}.",),
        ),
        Picture(
            plots.probabilities(counts, mask.threshold), alt="Histogram of the probabilities of all pixels",
            caption=(f"Probabilities of {counts.sum():,} pixels; threshold {mask.threshold:g}.",),
        ),
    )  # fmt: skip


def _strip(kind, chosen):
    title, note = stamps.KINDS[kind]
    return Strip(title, note, tuple(_cut_out(one) for one in chosen))


def _cut_out(one):
    uri, size = pictures.stamp(one)
    place = f"[SCI,{one.extver}] {one.column + 1}, {one.row + 1}"
    alt = f"25 × 25 pixels around {place}; right, their probabilities"
    return Picture(uri, size, alt, caption=(place, *one.facts, f"p = {one.probability:.2f}"))
