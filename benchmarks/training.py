"""A small mask model, trained on simulated chips in minutes, against the truth of others.

    python benchmarks/training.py [--quick] [--output DIR]

One chip of each field and filter is simulated to train on, others of other seeds to score on: nothing of
them was seen in training, in the choice of the best epoch, or in that of the recipe. The published global
model stands beside; it was trained on real exposures, this one on the very simulator it is scored with, so
the comparison shows that the training works, not that the small model is better. The weights are used in
the step by their path, too. Besides the tables there is ``training.json``.
"""

import json
import shutil
import time
from dataclasses import asdict
from pathlib import Path

import common
import numpy as np

import acs_deepcr_step
from acs_deepcr_step import detect, models, simulate
from acs_deepcr_step.training.evaluation.roc import HIGH_FPR, LOW_FPR, Histogram
from acs_deepcr_step.training.evaluation.scores import scaled_probability
from acs_deepcr_step.training.fit.loop import fit
from acs_deepcr_step.training.fit.recipe import Recipe, RunOptions
from acs_deepcr_step.training.patches.dataset import PatchOptions, open_patches, write
from acs_deepcr_step.training.simulated import simulator

FIELDS = ("sparse", "galaxies", "crowded")
FILTERS = ("F435W", "F606W", "F814W")
# Training and held-out seeds; the latter choose nothing.
TRAINING_SEED, HELD_OUT_SEED = 50_000, 60_200
TRAINING_SIDE, HELD_OUT_SIDE = 1024, 768
# Small patches give many steps for the pixels there are; the statistics have to follow in fewer steps
# than the paper's, hence their momentum.
RECIPE = Recipe(hidden=8, epochs=10, frozen_from=6, momentum=0.02, seed=TRAINING_SEED)
PATCHES = PatchOptions(side=64, border=0)  # simulated chips have no edge faults


def chips(first_seed, side):
    """Return simulated chips, one of each field and filter, with their truth."""
    seed = first_seed
    for field in FIELDS:
        for band in FILTERS:
            yield field, next(simulator.chips([seed], field, band, (side, side)))
            seed += 1


def train(directory, quick):
    """Train on simulated chips; the result, and the seconds it took."""
    side = TRAINING_SIDE // 2 if quick else TRAINING_SIDE
    write((sample for _, sample in chips(TRAINING_SEED, side)), directory / "patches", PATCHES)
    wall, processor = time.perf_counter(), time.process_time()
    options = RunOptions(device="cpu", tensorboard=False)
    made = fit(open_patches(directory / "patches"), directory / "model.safetensors", RECIPE, options)
    return made, time.perf_counter() - wall, time.process_time() - processor


def score(path, quick):
    """Return a row for each held-out chip: the trained model's figures, and the published global one's."""
    detectors = {
        "": detect.Detector(path, precision="float32"),
        "published_": detect.Detector(models.GLOBAL, precision="float32"),
    }
    rows = []
    for field, sample in chips(HELD_OUT_SEED, HELD_OUT_SIDE // 2 if quick else HELD_OUT_SIDE):
        row = {"field": field, "filter": sample.origin.filter}
        for prefix, detector in detectors.items():
            scores = scaled_probability(detector.probability(sample.image))
            curve = Histogram.of(scores, sample.truth, sample.ignore).roc()
            row[f"{prefix}tpr_at_0.05%"] = float(curve.tpr_at(LOW_FPR))
            row[f"{prefix}tpr_at_0.5%"] = float(curve.tpr_at(HIGH_FPR))
            fpr, row[f"{prefix}tpr"] = curve.at(0.5)
            row[f"{prefix}fpr"] = fpr
        rows.append(row)
    return rows


def in_the_step(path, directory):
    """Return what the step flags with the weights, given by their path."""
    [exposure] = simulate.association(
        directory / "exposure", n=1, shape=(512, 512), chips=1, seed=HELD_OUT_SEED + 900
    )
    row = acs_deepcr_step.run(exposure, model=str(path), precision="float32", runfile="", progress=False)[0]
    [truth] = simulate.read_truth(exposure)
    from astropy.io import fits

    flagged = (fits.getdata(exposure, "DQ", 1) & 8192) != 0
    return {
        "status": str(row["status"]),
        "model": str(row["model"]),
        "tpr": float(flagged[truth.cr].mean()),
        "fpr": float(flagged[~truth.cr].mean()),
    }


def measure(directory, quick):
    """Train, score, use; everything as plain values."""
    made, wall, processor = train(directory, quick)
    rows = score(made.path, quick)
    return {
        "machine": common.facts(),
        "recipe": RECIPE.as_dict(),
        "patches": asdict(PATCHES),
        "training": {"seconds": wall, "processor_seconds": processor, **made.description.about["figures"]},
        "held_out": rows,
        "least_tpr_at_0.5%": float(np.min([row["tpr_at_0.5%"] for row in rows])),
        "step": in_the_step(made.path, directory),
    }


def main():
    """Print the table and write it, as JSON too."""
    parser = common.parser(__doc__, ("held_out",), repeats=1)
    arguments = parser.parse_args()
    directory = Path(arguments.output) / "training"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)

    def held_out():
        found = measure(directory, arguments.quick)
        (arguments.output / "training.json").write_text(json.dumps(found, indent=1) + "\n")
        training, step = found["training"], found["step"]
        notes = [
            f"simulated, 500 s; seeds {TRAINING_SEED}.. to train on, {HELD_OUT_SEED}.. to score on",
            f"trained in {training['seconds']:.0f} s, of the processor {training['processor_seconds']:.0f} s",
            f"network {RECIPE.levels}-{RECIPE.hidden}, best epoch {training['best_epoch']}/{RECIPE.epochs}",
            f"least TPR at an FPR of 0.5 %: {found['least_tpr_at_0.5%']:.4f}",
            f"in the step by its path: {step['status']}, TPR {step['tpr']:.4f}, FPR {step['fpr']:.6f}",
        ]
        return common.table(found["held_out"], notes)

    common.measure("training", {"held_out": held_out}, arguments)


if __name__ == "__main__":
    main()
