"""How fast the step is, beside other programs, by stage, by size, and with AstroDrizzle.

    python benchmarks/speed.py [--quick] [--parts PART ...] [--repeats N] [--output DIR] [--device DEVICE]

Everything is measured on simulated full-size exposures of two chips, in one run,
the cases interleaved; the figures are medians, ratios are medians of the ratios
repeat by repeat. Leave the machine alone meanwhile.
"""

import functools

import numpy as np
import tools
from common import (
    EXPOSURE_MEGAPIXELS,
    FULL_SIZE,
    QUICK_SIZE,
    bfloat16_is_native,
    chips_of,
    interleaved,
    measure,
    median,
    parser,
    ratio,
    table,
    timed,
)
from exposures import Data, in_child
from stopwatch import Stopwatch

import acs_deepcr_step
from acs_deepcr_step import detect
from acs_deepcr_step.errors import StepError

PARTS = ("tools", "stages", "pixels", "exposures", "workers", "paths")

# deepCR's tiles have no overlap: its output differs this close to a seam or edge.
_SEAM, _PATCH = 10, 1024

# What belongs to a stage of `run`: functions and methods, by their names below the package.
STAGES = {
    "read": (
        "files.inspection.inspect", "files.exposure.read_sci", "files.exposure.read_dq",
        "files.exposure.SciPixels.in_electrons",
    ),
    "infer": ("network.detect.Detector.probability",),
    "decide": (
        "arrays.probabilities.to_scaled", "flagging.single.decide", "arrays.morphology.count_groups",
    ),
    "write": ("files.fitsbytes.with_checksum", "files.mask_file.write", "files.splice.splice"),
}  # fmt: skip


def main():
    """Measure the parts that the command line asks for."""
    command = parser(__doc__, PARTS)
    command.add_argument("--device", default="cpu", choices=("cpu", "cuda", "mps"), help="of the networks")
    arguments = command.parse_args()
    Stopwatch(STAGES)  # says at once if a function is gone
    if arguments.device != "cpu":
        detect.Detector(device=arguments.device)  # says at once if there is none
    with Data(QUICK_SIZE if arguments.quick else FULL_SIZE) as data:
        functions = {part: functools.partial(globals()[f"_{part}"], data, arguments) for part in PARTS}
        measure("speed", functions, arguments)


def _precisions(device):
    return ("float32", "bfloat16") if device != "cpu" or bfloat16_is_native() else ("float32",)


def _tools(data, arguments):
    """Measure all programs on one exposure; slow ones once, on the first half of a chip."""
    images = chips_of(data.paths[:1])
    found, missing = tools.available(arguments.device)
    half = images[0][:, : images[0].shape[1] // 2]
    quick = {tool.name: functools.partial(_each, tool, images) for tool in found if not tool.slow}
    slow = {tool.name: functools.partial(_each, tool, [half]) for tool in found if tool.slow}
    for tool in found:
        tool.find(images[0][:256, :256])  # what is made at the first call is not the speed
    seconds = interleaved(quick, arguments.repeats) | interleaved(slow, 1)
    scale = {name: EXPOSURE_MEGAPIXELS * 1e6 / sum(i.size for i in images) for name in quick}
    scale |= {name: EXPOSURE_MEGAPIXELS * 1e6 / half.size for name in slow}
    rows = [_tool_row(name, seconds, scale) for name in tools.NAMES if name in seconds]
    notes = [f"{name}: {reason}" for name, reason in missing.items()]
    notes.append(
        "seconds: per exposure of two full chips; slow programs: half a chip, once, counted four times"
    )
    notes.append("over_float32, over_bfloat16: seconds over ours in that precision, repeat by repeat")
    return table(rows, notes + _same_masks(found, images))


def _each(tool, images):
    for image in images:
        tool.find(image)


def _tool_row(name, seconds, scale):
    row = {"tool": name, "seconds": scale[name] * median(seconds[name]), "repeats": len(seconds[name])}
    for precision in ("float32", "bfloat16"):
        ours = f"ours {precision}"
        known = ours in seconds
        factor = scale[name] / scale[ours] if known else np.nan
        row[f"over_{precision}"] = factor * ratio(seconds[name], seconds[ours]) if known else np.nan
    return row


def _same_masks(found, images):
    """Tell where our masks differ from deepCR's, away from its seams and the frame's edge."""
    by_name = {tool.name: tool for tool in found}
    if "deepCR" not in by_name:
        return ["masks not compared: no deepCR"]
    theirs = [by_name["deepCR"].find(image) for image in images]
    notes = []
    for name in ("ours float32", "ours bfloat16"):
        if name not in by_name:
            continue
        differing = compared = flagged = 0
        for image, other in zip(images, theirs, strict=True):
            inside = np.outer(*(_far_from_seams(length) for length in image.shape))
            differing += np.count_nonzero((by_name[name].find(image) != other) & inside)
            compared += np.count_nonzero(inside)
            flagged += np.count_nonzero(other & inside)
        notes.append(
            f"{name} against deepCR, {_SEAM} px from seams and edge: {differing} of {compared} pixels "
            f"differ, deepCR flags {flagged}"
        )
    return notes


def _far_from_seams(length):
    place = np.arange(length)
    near_seam = np.minimum(place % _PATCH, _PATCH - 1 - place % _PATCH) < _SEAM
    return ~near_seam & (place >= _SEAM) & (place < length - _SEAM)


class OnCopies:
    """The step on fresh copies; the copying is not timed.

    Parameters
    ----------
    data : Data
    n : int
        Exposures.
    **parameters
        Of `acs_deepcr_step.run`.
    """

    def __init__(self, data, n, **parameters):
        self._data, self._n, self._parameters = data, n, parameters

    def seconds(self):
        """Return how long the step takes on n exposures."""
        paths = self._data.copies(self._n)
        log = str(self._data.root / "benchmark.log")
        keywords = {"runfile": log, "progress": False, **self._parameters}
        return timed(lambda: acs_deepcr_step.run([str(p) for p in paths], **keywords))


def _infer(detector, images):
    for image in images:
        detector.probability(image)


def _stages(data, arguments):
    """Measure where the time of a whole run on one exposure goes, beside its inference alone."""
    images, device = chips_of(data.paths[:1]), arguments.device
    gathered = {precision: [] for precision in _precisions(device)}
    detectors = {precision: detect.Detector(precision=precision, device=device) for precision in gathered}
    for precision in gathered:
        OnCopies(data, 1, precision=precision, device=device).seconds()
    for _ in range(arguments.repeats):
        for precision, found in gathered.items():
            alone = timed(functools.partial(_infer, detectors[precision], images))
            plain = OnCopies(data, 1, precision=precision, device=device).seconds()
            with Stopwatch(STAGES) as watch:
                whole = OnCopies(data, 1, precision=precision, device=device).seconds()
            rest = whole - sum(watch.seconds.values())
            ends = {"inference": alone, "run": plain, "ratio": plain / alone}
            found.append({**ends, **watch.seconds, "rest": rest})
    rows = [
        {"precision": precision, **{key: median([f[key] for f in found]) for key in found[0]}}
        for precision, found in gathered.items()
    ]
    notes = ["seconds, one exposure; inference: the network alone on both chips; run: without the stopwatch",
             "rest: what no stage claims (hashes, comparisons, log); ratio: run over inference"]  # fmt: skip
    return table(rows, notes)


def _pixels(data, arguments):
    """Measure inference against the size of the image."""
    whole = np.concatenate(chips_of(data.paths[:1]))
    rows_of = [max(1, whole.shape[0] * 2**k // 16) for k in range(5)]
    sizes = {f"{rows * whole.shape[1] / 1e6:.2f}": whole[:rows] for rows in rows_of}
    cases = {}
    for precision in _precisions(arguments.device):
        detector = detect.Detector(precision=precision, device=arguments.device)
        detector.probability(whole[: rows_of[0]])
        for size, image in sizes.items():
            cases[precision, size] = functools.partial(detector.probability, image)
    seconds = interleaved(cases, arguments.repeats)
    rows = []
    for (precision, size), found in seconds.items():
        pixels = sizes[size].size
        rows.append({"precision": precision, "megapixels": pixels / 1e6, "seconds": median(found),
                     "ns_per_pixel": median(found) / pixels * 1e9})  # fmt: skip
    return table(rows, ["inference alone, of one image"])


def _exposures(data, arguments):
    """Measure whole runs against the number of exposures."""
    numbers = (1, 2, 4, 8)
    runs = {n: OnCopies(data, n, device=arguments.device) for n in numbers}
    runs[1].seconds()
    seconds = {n: [] for n in numbers}
    for _ in range(arguments.repeats):
        for n, run in runs.items():
            seconds[n].append(run.seconds())
    rows = [
        {"exposures": n, "seconds": median(found), "seconds_per_exposure": median(found) / n}
        for n, found in seconds.items()
    ]
    return table(rows, ["whole run(), precision auto"])


def _workers(data, arguments):
    """Measure whole runs of four exposures against the number of worker processes."""
    runs, seconds = {}, {}
    notes = ["whole run() of four exposures, precision auto, start of the workers included"]
    for workers in (1, 2):
        runs[workers], seconds[workers] = OnCopies(data, 4, device=arguments.device, workers=workers), []
    for _ in range(arguments.repeats):
        for workers, run in runs.items():
            try:
                seconds[workers].append(run.seconds())
            except StepError as error:
                notes.append(f"workers={workers} not measured: {error}")
    rows = [
        {"workers": workers, "seconds": median(found), "seconds_per_exposure": median(found) / 4}
        for workers, found in seconds.items()
        if found
    ]
    return table(rows, dict.fromkeys(notes))


def _paths(data, arguments):
    """Measure from four calibrated exposures to the product, both ways; a third of the repeats."""
    precisions = _precisions("cpu")
    ways = ("standard", *precisions, *(f"fast {precision}" for precision in precisions))
    found = {way: [] for way in ways}
    for _ in range(max(1, arguments.repeats // 3)):
        for way in ways:
            data.copies(4, "drizzle")
            result = in_child(data.root / "drizzle", "drizzle", way)
            if result:
                found[way].append(result)
    rows = []
    for way, results in found.items():
        if not results:
            continue
        seconds, step = (median([result[key] for result in results]) for key in ("seconds", "step_seconds"))
        label = "AstroDrizzle standard" if way == "standard" else f"step {way} + AstroDrizzle"
        parts = {"seconds": seconds, "step": step, "AstroDrizzle": seconds - step}
        rows.append({"way": label, **parts, "repeats": len(results)})
    return table(
        rows, ["four exposures, wall time, imports left out; AstroDrizzle with its own number of cores"]
    )


if __name__ == "__main__":
    main()
