"""Curves in one pass against a sweep of thresholds, and the evaluation behind docs/table3_results.md.

    python benchmarks/roc.py [--quick]                       one pass against 500 passes
    python benchmarks/roc.py --evaluate [--astrodrizzle-truth] [--stis PATH] [--output DIR]

--evaluate: the published models and LACosmic on simulated sparse, galaxy and crowded fields in
three filters, against the simulator's truth; --astrodrizzle-truth: on simulated associations,
against what AstroDrizzle makes of them; --stis: on the real STIS pair (benchmarks/stis_truth.py
tells where from), against the truth of the pair. Seeds of no test and no choice of a parameter.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import common
import numpy as np
import stis_truth
from tqdm import tqdm

from acs_deepcr_step import simulate
from acs_deepcr_step.arrays import morphology, probabilities
from acs_deepcr_step.arrays.background import clipped_level
from acs_deepcr_step.training import roc
from acs_deepcr_step.training.evaluation import figures, outputs, scoring, tally
from acs_deepcr_step.training.samples import FIELD_OF, Origin, Sample, ignored
from acs_deepcr_step.training.simulated import simulator

FIELDS = ("crowded", "sparse", "galaxies")
FILTERS = ("F435W", "F606W", "F814W")
FIRST_SEED = 80_000  # evaluation only
SIDE, PATCHES, THRESHOLDS = 256, 500, np.linspace(0.001, 0.999, 500)


# --- one pass against a sweep ---


def write_patches(directory, count):
    """Write scores, hit and ignored pixels: those of a simulated chip, turned and shifted to make enough."""
    [chip] = simulator.chips([FIRST_SEED + 9000], "galaxies", "F814W", (1024, 1024))
    # As the step stores them, so that no rounding stands between both ways.
    scores = (roc.scaled_probability(scoring.model()(chip)) / probabilities.SCALE).astype(np.float32)
    rng = np.random.default_rng(FIRST_SEED)
    planes = {"scores": scores, "truth": chip.truth, "ignore": chip.ignore}
    made = {
        name: np.lib.format.open_memmap(directory / f"{name}.npy", "w+", plane.dtype, (count, SIDE, SIDE))
        for name, plane in planes.items()
    }
    for number in range(count):
        row, column = rng.integers(0, 1024 - SIDE, 2)
        for name, plane in planes.items():
            made[name][number] = np.rot90(plane[row : row + SIDE, column : column + SIDE], number)


def one_pass(patches, thresholds=THRESHOLDS):
    """Every threshold that the step can tell apart, each patch looked at once."""
    whole = None
    for scores, truth, ignore in zip(*patches, strict=True):
        counted = roc.Histogram.of(roc.scaled_probability(scores), truth, ignore)
        whole = counted if whole is None else whole + counted
    curve = whole.roc()
    return np.array([curve.at(threshold) for threshold in thresholds])


def sweep(patches, thresholds=THRESHOLDS):
    """Return a pass over all patches for each of 500 thresholds, each patch as fast as numpy can."""
    hits = sum(np.count_nonzero(truth & ~ignore) for _, truth, ignore in zip(*patches, strict=True))
    clean = sum(np.count_nonzero(~ignore) for ignore in patches[2]) - hits
    rates = []
    for threshold in thresholds.tolist():  # plain floats are compared in the scores' own precision
        found = wrong = 0
        for scores, truth, ignore in zip(*patches, strict=True):
            flagged = (scores > threshold) & ~ignore
            n_found = np.count_nonzero(flagged & truth)
            found, wrong = found + n_found, wrong + np.count_nonzero(flagged) - n_found
        rates.append((wrong / clean, found / hits))
    return np.array(rates)


MEASURED = ("seconds", "cpu_seconds", "peak_mb", "work_mb")
WAYS = {"one pass": one_pass, "sweep": sweep}


def child(way, directory):
    """Do it one way in a process of its own; print one line of JSON."""
    from child import peak_mb

    patches = [np.load(directory / f"{name}.npy", mmap_mode="r") for name in ("scores", "truth", "ignore")]
    for part in patches:
        part.max()  # into the page cache for both, so that neither waits for the disk
    began, busy = time.perf_counter(), time.process_time()
    rates = WAYS[way](patches)
    result = {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": time.process_time() - busy,
        "peak_mb": peak_mb(),
        "rates": rates.tolist(),
    }
    tracemalloc.start()  # knows of every array, but slows: not while the time is taken
    WAYS[way](patches, THRESHOLDS[:2])
    result["work_mb"] = tracemalloc.get_traced_memory()[1] / 1e6
    print(json.dumps(result))


def passes(arguments):
    """Table of both ways: time, memory, and that they agree."""
    most = PATCHES // 10 if arguments.quick else PATCHES
    cases = {
        "one pass, a tenth": ("one pass", most // 10),
        "one pass": ("one pass", most),
        "sweep": ("sweep", most),
    }
    found = {case: [] for case in cases}
    with tempfile.TemporaryDirectory() as directory:
        for count in (most // 10, most):
            (Path(directory) / str(count)).mkdir()
            write_patches(Path(directory) / str(count), count)
        for _ in range(arguments.repeats):
            for case, (way, count) in cases.items():
                command = [sys.executable, __file__, "--child", way, str(Path(directory) / str(count))]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                found[case].append(json.loads(done.stdout.splitlines()[-1]))
    rows = [
        {
            "way": way,
            "patches": count,
            "thresholds": len(THRESHOLDS) if way == "sweep" else probabilities.SCALE + 1,
        }
        | {name: common.median([run[name] for run in found[case]]) for name in MEASURED}
        for case, (way, count) in cases.items()
    ]
    by_clock, by_processor = (
        common.ratio(*([run[name] for run in found[case]] for case in ("sweep", "one pass")))
        for name in MEASURED[:2]
    )
    exact, swept = (np.array(found[case][0]["rates"]) for case in ("one pass", "sweep"))
    notes = [
        f"one pass is {by_clock:.1f} times as fast by the clock, {by_processor:.1f} times by the processor "
        f"(medians of {arguments.repeats} interleaved repeats)",
        f"largest difference of a rate at the {len(THRESHOLDS)} thresholds: {abs(exact - swept).max():.1e}",
        "peak_mb: the process with its libraries and the pages of the files; work_mb: what the work held",
    ]
    return common.table(rows, notes)


# --- the evaluation ---


def published_and_lacosmic(filters=FILTERS):
    """Return what is scored."""
    return [*scoring.published(filters), *scoring.lacosmic()]


def simulated_samples(count, shape):
    """Chips of every field and filter, each an exposure of its own."""
    for i, field in enumerate(FIELDS):
        for j, band in enumerate(FILTERS):
            first = FIRST_SEED + 100 * (3 * i + j)
            yield from simulator.chips(range(first, first + count), field, band, shape)


def draw_examples(outdir, samples, scorers):
    """Figures 1 and 2 of one exposure of each field, in F606W."""
    drawn = set()
    for sample in samples:
        field, band = sample.origin.field, sample.origin.filter
        if band == "F606W" and field not in drawn:
            drawn.add(field)
            options = figures.FigureOptions(box=figures.Box(100, 100, 256), title="Simulated exposure, 500 s")
            figures.exposure(outdir / f"figure1_{field}.png", sample, options)
            two = [scorer for scorer in scorers if not scorer.is_mask and scorer.applies_to(sample.origin)]
            masks = [figures.NamedMask(scorer.name, scorer(sample) > 0.5) for scorer in two[:2]]
            figures.masks(outdir / f"figure2_{field}.png", sample, *masks, options)
        yield sample


def evaluate(arguments):
    """Table 3 on simulated exposures, against the simulator's truth."""
    count, shape = (2, (256, 256)) if arguments.quick else (6, (448, 448))
    outdir, scorers = arguments.output / "simulated", published_and_lacosmic()
    outdir.mkdir(parents=True, exist_ok=True)
    samples = draw_examples(outdir, simulated_samples(count, shape), scorers)
    tallies = tally.tallied(tqdm(samples, total=9 * count), scorers)
    truth = (
        f"{simulator.DESCRIPTION.statement} 500 s; {count} chips of {shape[0]} x {shape[1]} pixels a field "
        "and filter."
    )
    return outputs.write(tallies, outdir, truth, "Simulated exposures of 500 s, simulator's truth")


def associations(directory, count, shape, n):
    """Return simulated observation sets: (field, exposures)."""
    for i, field in enumerate(FIELDS):
        for j, band in enumerate(FILTERS):
            for k in range(count):
                seed = FIRST_SEED + 5000 + 100 * (3 * i + j) + k
                place = directory / f"{field}_{band}_{k}"
                settings = {"n": n, "shape": shape, "chips": 1, "filter": band, "field": field, "seed": seed}
                yield field, simulate.association(place, **settings)


DRIZ_CR = "driz_cr's masks"
TRUTHS = {
    "astrodrizzle": "Truth: AstroDrizzle's, as in the paper",
    "astrodrizzle_ring": "Truth: AstroDrizzle's, a ring of a pixel around its cosmic rays ignored",
    "simulator": "Truth: the simulator's",
}


def views(made, known):
    """Return the same chip with each truth: sample from its truth file, sample from the simulator."""
    made = replace(made, origin=known.origin)
    ring = morphology.dilate(made.truth, 1) & ~made.truth
    return {
        "astrodrizzle": made,
        "astrodrizzle_ring": replace(made, ignore=made.ignore | ring),
        "simulator": known,
    }


def astrodrizzle_truth(arguments):
    """Table 3 against AstroDrizzle's truth, and against the simulator's on the same exposures."""
    from acs_deepcr_step.training.truth import file as truth_file
    from acs_deepcr_step.training.truth import pipeline
    from acs_deepcr_step.training.truth.options import TruthOptions

    n, count, shape = (3, 1, (256, 256)) if arguments.quick else (4, 1, (512, 512))
    scorers, counts = scoring.published(FILTERS), {name: tally.Tallies() for name in TRUTHS}
    with tempfile.TemporaryDirectory() as directory:
        for field, paths in tqdm(associations(Path(directory), count, shape, n), total=9 * count):
            # The simulated headers know where they look: no TweakReg.
            options = TruthOptions(tweakreg=None, ring=0, field=FIELD_OF[field])
            made = pipeline.make(paths, paths[0].parent / "truth", options)
            for its, known in zip(truth_file.samples(made), simulator.samples(paths), strict=True):
                for name, sample in views(its, known).items():
                    counts[name] += tally.tallied([sample], scorers)
                driz_cr = scoring.Scorer(DRIZ_CR, lambda _, its=its: its.truth, is_mask=True)
                counts["simulator"] += tally.tallied([known], [driz_cr])
    found = [counts["simulator"].roc(key) for key in counts["simulator"].keys() if key.scorer == DRIZ_CR]
    shares = [100 * float(point.tpr[0]) for point in found]
    about = (
        f"SIMULATED exposures of 500 s and {shape[0]} x {shape[1]} pixels, {n} a field and filter. "
        "AstroDrizzle's truth holds "
        f"{min(shares):.0f} to {max(shares):.0f} % of the pixels hit (by field and filter, measured)."
    )
    texts = []
    for name, title in TRUTHS.items():
        outdir = arguments.output / f"truth_of_{name}"
        outdir.mkdir(parents=True, exist_ok=True)
        texts.append(outputs.write(counts[name], outdir, f"{title}. {about}", f"Simulated. {title}"))
    return "\n\n".join(texts)


def stis_samples(path):
    """Return the two images of the pair."""
    for number, image in enumerate(stis_truth.read_pair(path), start=1):
        ignore = ~image.use | ignored(image.electrons, np.zeros(image.use.shape, np.int16))
        sky = clipped_level(image.electrons, ignore | image.truth)
        origin = Origin("STIS", f"o4k19a010_{number}", number, "STIS CCD", "", 150.0)
        yield Sample(image.electrons, image.truth, ignore, sky, origin)


def stis(arguments):
    """Return the curves on the real STIS pair."""
    outdir = arguments.output / "stis"
    outdir.mkdir(parents=True, exist_ok=True)
    # On noise like this LACosmic needs other settings for the same rates.
    scored = [*scoring.published(FILTERS), *scoring.lacosmic((4.0, 8.0, 20.0, 40.0))]
    scorers = [replace(scorer, filter="") for scorer in scored]
    tallies = tally.tallied(tqdm(stis_samples(arguments.stis), total=2), scorers)
    truth = (
        "REAL exposures, but of the STIS CCD (150 s, a pair): the models are outside their training. "
        "Truth: difference of the pair, above 5 sigma, grown to 3 sigma."
    )
    return outputs.write(tallies, outdir, truth, "Real STIS CCD pair, truth by difference")


def arguments_of(argv=None):
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small: shows that it works")
    parser.add_argument("--repeats", type=int, default=3, help="interleaved repeats; medians are printed")
    parser.add_argument("--evaluate", action="store_true", help="published models on simulated fields")
    parser.add_argument(
        "--astrodrizzle-truth", action="store_true", help="the same against AstroDrizzle's truth"
    )
    parser.add_argument("--stis", metavar="PATH", help="the real pair")
    parser.add_argument("--output", type=Path, default=Path("benchmark_results/roc"), help="for all results")
    parser.add_argument("--child", nargs=2, metavar=("WAY", "DIR"), help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main():
    """Measure what was asked for; print it and write it."""
    arguments = arguments_of()
    if arguments.child:
        child(arguments.child[0], Path(arguments.child[1]))
        return
    wanted = [
        function
        for function, asked in (
            (evaluate, arguments.evaluate),
            (astrodrizzle_truth, arguments.astrodrizzle_truth),
            (stis, arguments.stis),
        )
        if asked
    ]
    if not wanted:
        arguments.parts = ["passes"]
        common.measure("roc", {"passes": lambda: passes(arguments)}, arguments)
    for function in wanted:
        began = time.perf_counter()
        print(function(arguments))
        print(f"({function.__name__}: {time.perf_counter() - began:.0f} s)\n", flush=True)


if __name__ == "__main__":
    main()
