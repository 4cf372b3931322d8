"""What the models find and what they flag by mistake, against the simulator's truth.

    python benchmarks/accuracy.py [--quick] [--output DIR] [--stis PATH]
                                  [--kinds plain field psf rays both] [--first-seed N] [--filters F814W ...]
                                  [--shape 1024 1024] [--precisions float32 ...]

Per field, filter, model and precision: TPR at an FPR of 0.05 % and of 0.5 %, TPR and FPR
at threshold 0.5, and how many stars of S/N above 20 have a flagged peak without a true
cosmic ray within a pixel. All of it is simulated (`acs_deepcr_step.simulate`) with seeds
that no test and no choice of a parameter has used; --stis adds the real pair.
"""

from dataclasses import dataclass

import common
import numpy as np
import simulated_kinds
import stis_truth
from real_truth import score

from acs_deepcr_step import detect, models, simulate
from acs_deepcr_step.arrays import morphology

FIELDS = ("sparse", "galaxies", "crowded")
FILTERS = ("F435W", "F606W", "F814W")
PRECISIONS = ("float32", "bfloat16")
FIRST_SEED = 70_000  # evaluation only
LOW_FPR, HIGH_FPR = 5e-4, 5e-3


@dataclass(frozen=True)
class Sample:
    """Chips of one field and filter.

    Attributes
    ----------
    kind, field, filter : str
        ``simulated_kinds`` has the kinds.
    chips : tuple of simulate.SimulatedChip
    """

    kind: str
    field: str
    filter: str
    chips: tuple[simulate.SimulatedChip, ...]


def samples(shape, count, arguments):
    """Simulate chips of every kind, field and filter.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    count : int
        Chips of each.
    arguments : argparse.Namespace
        Of the command line.

    Yields
    ------
    Sample
    """
    for i, field in enumerate(FIELDS):
        for j, band in enumerate(FILTERS):
            if band not in arguments.filters:
                continue
            seeds = [arguments.first_seed + 100 * (3 * i + j) + k for k in range(count)]
            for kind in arguments.kinds:
                chips = [
                    simulate.chip(
                        shape, filter=band, field=field, seed=seed, **simulated_kinds.settings(kind, first=k)
                    )
                    for k, seed in enumerate(seeds)
                ]
                yield Sample(kind, field, band, tuple(chips))


def models_for(band):
    """Return the names of the models that an observer may choose for a filter."""
    return [name for name in models.names(detector="ACS/WFC") if models.info(name).filter in ("", band)]


def figures(sample, name, precision):
    """Return a row of the table.

    Parameters
    ----------
    sample : Sample
    name : str
        Of the model.
    precision : str

    Returns
    -------
    dict
    """
    detector = detect.Detector(name, precision=precision)
    probability = np.array([detector.probability(chip.sci) for chip in sample.chips])
    truth = np.array([chip.cr for chip in sample.chips])
    mask = detect.mask(probability, 0.5)
    tpr, fpr = score(mask, truth, np.ones(truth.shape, bool))
    clean, hit = np.sort(probability[~truth]), probability[truth]
    at_low, at_high = (
        float((hit > clean[int(len(clean) * (1 - rate))]).mean()) for rate in (LOW_FPR, HIGH_FPR)
    )
    flagged = [flagged_peaks(chip, chip_mask) for chip, chip_mask in zip(sample.chips, mask, strict=True)]
    return {
        "kind": sample.kind,
        "field": sample.field,
        "filter": sample.filter,
        "model": name,
        "precision": precision,
        "tpr_at_0.05%": at_low,
        "tpr_at_0.5%": at_high,
        "tpr": tpr,
        "fpr": fpr,
        "stars": sum(stars for stars, _ in flagged),
        "stars_flagged": sum(count for _, count in flagged),
    }


def flagged_peaks(chip, mask):
    """Count stars of S/N above 20 that are not saturated, and those with a flagged peak.

    Parameters
    ----------
    chip : simulate.SimulatedChip
    mask : ndarray, (R, C), bool

    Returns
    -------
    stars, flagged : int
        Stars whose peak is not next to a true cosmic ray, and how many of these are flagged.
    """
    near_hit = morphology.dilate(chip.cr, 1)
    clean = chip.sci - chip.cr_charge
    stars = flagged = 0
    for star in chip.stars[(chip.stars["snr"] > 20) & ~chip.stars["saturated"]]:
        y, x = round(star["y"]), round(star["x"])
        if not (0 < y < mask.shape[0] - 1 and 0 < x < mask.shape[1] - 1):
            continue
        box = np.s_[y - 1 : y + 2, x - 1 : x + 2]
        peak = np.unravel_index(clean[box].argmax(), (3, 3))
        if not near_hit[box][peak]:
            stars += 1
            flagged += bool(mask[box][peak])
    return stars, flagged


def simulated(arguments):
    """Return the table of all fields, filters, models and precisions."""
    shape, count = ((512, 512), 1) if arguments.quick else (tuple(arguments.shape), 4)
    rows = []
    for sample in samples(shape, count, arguments):
        for name in models_for(sample.filter):
            for precision in arguments.precisions:
                rows.append(figures(sample, name, precision))
                print(*rows[-1].values(), flush=True)
    return common.table(rows, [f"simulated, 500 s, {count} chips of {shape[0]} x {shape[1]} a row"])


def stis(path):
    """Return the table of the real STIS pair, at threshold 0.5."""
    rows = []
    for precision in PRECISIONS:
        for number, image in enumerate(stis_truth.read_pair(path), start=1):
            mask = detect.mask(detect.probability(image.electrons, precision=precision), 0.5)
            tpr, fpr = score(mask, image.truth, image.use)
            rows.append({"image": number, "precision": precision, "tpr": tpr, "fpr": fpr})
    return common.table(rows, ["real STIS CCD images, 150 s, global model"])


def main():
    """Print the tables and write them."""
    parser = common.parser(__doc__, ("simulated", "stis"), repeats=1)
    parser.add_argument("--stis", help="the real STIS pair (benchmarks/stis_truth.py tells where from)")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--filters", nargs="+", choices=FILTERS, default=list(FILTERS))
    parser.add_argument("--shape", type=int, nargs=2, default=[1024, 1024])
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    simulated_kinds.add_kinds_argument(parser)
    arguments = parser.parse_args()
    parts = {"simulated": lambda: simulated(arguments)}
    if arguments.stis:
        parts["stis"] = lambda: stis(arguments.stis)
    arguments.parts = [part for part in arguments.parts if part in parts]
    common.measure("accuracy", parts, arguments)


if __name__ == "__main__":
    main()
