"""``ACS-WFC-fast`` beside the published network it learnt from: accuracy, on simulated and real exposures.

    python benchmarks/fast_model.py [--first-seed 9740] [--model ACS-WFC-fast] [--real DIR]

Simulated: one chip each of sparse and crowded fields in three filters and four exposure times, of galaxies
at 900 s, of fields three times as crowded, and of a bright sky. Real (--real; `stis_truth`, `uvis_truth` and
`hrc_truth` tell which files and how their truth is made): none of them taught either network, and all were
looked at while the small one was designed.

Per case and model: TPR at an FPR of 0.05 % and of 0.5 %, by pixels that training does not ignore; at the
published network's FPR at threshold 0.5, the share of events of which a pixel is flagged, and islands a
megapixel of flags that touch no true pixel; and at threshold 0.5 itself TPR and FPR, and how many stars of
S/N above 20 have a flagged peak.
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import common
import numpy as np
from accuracy import HIGH_FPR, LOW_FPR, flagged_peaks
from astropy.io import fits
from real_truth import EIGHT
from scipy import ndimage

from acs_deepcr_step import detect, instruments, simulate
from acs_deepcr_step.arrays import dq
from acs_deepcr_step.training.samples import ignored

PUBLISHED, FAST = "ACS-WFC", "ACS-WFC-fast"
FIRST_SEED = 9740
FILTERS = ("F435W", "F606W", "F814W")
EXPTIMES = (30.0, 100.0, 400.0, 1000.0)


@dataclass(frozen=True, eq=False)
class Image:
    """An image with its truth.

    Attributes
    ----------
    kind : str
        Cases of one kind are summed up.
    electrons : ndarray, (R, C), float32
    truth, use : ndarray, (R, C), bool
        Pixels that a cosmic ray hit; pixels that count.
    chip : simulate.SimulatedChip or None
        Where it is simulated.
    """

    kind: str
    electrons: np.ndarray
    truth: np.ndarray
    use: np.ndarray
    chip: simulate.SimulatedChip | None = None


def cases():
    """Return the simulated cases: kind, and arguments of `simulate.chip`."""
    plain = [
        (
            f"{field} {'short' if exptime < 200 else 'long'}",
            {"field": field, "filter": band, "exptime": exptime},
        )
        for field in ("sparse", "crowded")
        for band in FILTERS
        for exptime in EXPTIMES
    ]
    return [
        *plain,
        *(("galaxies 900 s", {"field": "galaxies", "filter": band, "exptime": 900.0}) for band in FILTERS),
        *(
            ("crowded x 3", {"field": "crowded", "filter": band, "exptime": exptime, "star_density": 3.0})
            for band in FILTERS
            for exptime in (100.0, 500.0)
        ),
        *(
            ("bright sky", {"field": field, "filter": "F606W", "exptime": 500.0, "sky": 1000.0})
            for field in ("sparse", "crowded", "galaxies")
        ),
    ]


def simulated(first_seed, side, version):
    """Simulate the cases, each with a seed of its own, with a version of cosmic rays.

    Yields
    ------
    Image
    """
    for seed, (kind, options) in enumerate(cases(), start=first_seed):
        chip = simulate.chip((side, side), seed=seed, cosmic_ray_version=version, **options)
        yield Image(kind, chip.sci, chip.cr, ~ignored(chip.sci, chip.dq_clean), chip)


def real(directory):
    """Read the real exposures of a directory as the repository's benchmarks name them.

    Yields
    ------
    Image
    """
    import hrc_truth
    import stis_truth
    import uvis_truth

    for one in stis_truth.read_pair(next(directory.glob("stis_*_flt.fits*"))):
        yield Image("STIS pair", one.electrons, one.truth, one.use)
    with tempfile.TemporaryDirectory() as unpacked:
        for one in uvis_truth.read_exposures(uvis_truth.unpack(directory / "wfc3_uvis", unpacked)):
            yield Image("UVIS", one.electrons, one.truth, one.use)
    path = next(directory.glob("acs_hrc_*_flt.fits*"))
    with fits.open(path, memmap=False) as hdus:
        header, image, flags = hdus[0].header, hdus["SCI"].data.astype(np.float32), hdus["DQ"].data
    full_well = instruments.find(header["INSTRUME"], header["DETECTOR"]).full_well
    read_noise = max(float(header[f"READNSE{amplifier}"]) for amplifier in header["CCDAMP"])
    truth, undecided = hrc_truth.truth_of(image, dq.is_saturated(image, full_well, flags), read_noise)
    yield Image("HRC", image, truth, ~ignored(image, flags & ~dq.SATURATED) & ~undecided)


def judged(image, detector):
    """Return the probabilities of an image, float32, in the steps that mask files store."""
    return np.rint(detector.probability(image.electrons) * 1e4).astype(np.float32) / np.float32(1e4)


def threshold_at(probability, clean, rate):
    """Return the threshold above which a share of the clean pixels is."""
    values = probability[clean]
    above = int(values.size * rate)
    return float(np.partition(values, values.size - 1 - above)[values.size - 1 - above])


def figures(images, probabilities, limits):
    """Return the figures of a model for the images of one kind.

    Parameters
    ----------
    images : list of Image
    probabilities : list of ndarray
    limits : list of float
        FPR of each image at which events and islands are counted.

    Returns
    -------
    dict
        Means over the images.
    """
    rows = []
    for image, probability, limit in zip(images, probabilities, limits, strict=True):
        hit, clean = image.truth & image.use, ~image.truth & image.use
        row = {
            f"tpr_{name}": float((probability[hit] > threshold_at(probability, clean, rate)).mean())
            for name, rate in (("0.05%", LOW_FPR), ("0.5%", HIGH_FPR))
        }
        mask = (probability > threshold_at(probability, clean, limit)) & image.use
        row |= {"events": events_found(mask, image), "islands": islands(mask, image)}
        at_half = probability > 0.5
        row |= {"tpr_at_half": float(at_half[hit].mean()), "fpr_at_half": float(at_half[clean].mean())}
        row["islands_at_half"] = islands(at_half & image.use, image)
        stars, flagged = flagged_peaks(image.chip, at_half) if image.chip else (0, 0)
        row |= {"stars": stars, "flagged": flagged}
        rows.append(row)
    counts = ("stars", "flagged")
    return {name: (sum if name in counts else np.mean)([row[name] for row in rows]) for name in rows[0]}


def events_found(mask, image):
    """Return the share of the events that a pixel of a mask is in."""
    labels, count = ndimage.label(image.truth, EIGHT)
    present, hit = (np.unique(labels[image.truth & image.use & where]).size for where in (True, mask))
    return hit / present if count and present else float("nan")


def islands(mask, image):
    """Return the groups of flags that touch no true pixel, a megapixel."""
    labels, count = ndimage.label(mask, EIGHT)
    real_ones = np.unique(labels[ndimage.binary_dilation(image.truth, EIGHT) & mask]).size
    return (count - real_ones) / np.count_nonzero(image.use) * 1e6


def compared(images, names, precision):
    """Return rows of figures, a row per kind and model.

    Parameters
    ----------
    images : iterable of Image
    names : sequence of str
        Of the models, the published one first.
    precision : str

    Returns
    -------
    list of dict
    """
    detectors = [detect.Detector(name, precision=precision) for name in names]
    kinds = {}
    for image in images:
        kept = replace(image, electrons=image.electrons[:0])  # no more than the probabilities are needed
        kinds.setdefault(image.kind, []).append((kept, [judged(image, one) for one in detectors]))
    rows = []
    for kind, found in kinds.items():
        held = [image for image, _ in found]
        limits = [
            float((first[~image.truth & image.use] > 0.5).mean()) for image, (first, *_) in found
        ]
        for number, name in enumerate(names):
            values = figures(held, [each[number] for _, each in found], limits)
            rows.append({"kind": kind, "images": len(held), "model": Path(str(name)).stem, **values})
    return rows


def main():
    """Print the tables and write them."""
    parser = common.parser(__doc__, ("simulated", "real"), repeats=1)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, help="of the simulated chips")
    parser.add_argument("--version", type=int, default=1, choices=(1, 2), help="of simulated cosmic rays")
    parser.add_argument("--model", nargs="+", default=[FAST], help="judged beside the published one")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--real", type=Path, metavar="DIR", help="with the real exposures")
    arguments = parser.parse_args()
    side, names = 512 if arguments.quick else 1024, (PUBLISHED, *arguments.model)
    sources = {"simulated": lambda: simulated(arguments.first_seed, side, arguments.version)}
    if arguments.real:
        sources["real"] = lambda: real(arguments.real)
    arguments.parts = [part for part in arguments.parts if part in sources]

    def measured(part):
        note = f"{part}; {arguments.precision}; seed {arguments.first_seed} on, version {arguments.version}"
        return common.table(compared(sources[part](), names, arguments.precision), [note])

    common.measure("fast_model", {part: lambda part=part: measured(part) for part in sources}, arguments)


if __name__ == "__main__":
    main()
