"""What makes the network fast: one variant beside the other, in one run.

    python benchmarks/network.py [--quick] [--parts PART ...] [--repeats N] [--output DIR]

All parts but ``wall`` count the processor time of one thread, so they may run
beside other work; ``wall`` needs the machine for itself. Times are nanoseconds
per useful pixel, the margins of a tile counting as work but not as pixels.
"""

import functools
import importlib.util
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from common import bfloat16_is_native, cores, interleaved, measure, median, parser, ratio, table, timed
from variants import ARCHITECTURE, MARGIN, Variant, folded_module, published, published_state

from acs_deepcr_step import simulate
from acs_deepcr_step.network import detect, unet

PARTS = ("variants", "layers", "sides", "batch", "openvino", "compile", "faults", "wall")


def main():
    """Measure the parts that the command line asks for."""
    arguments = parser(__doc__, PARTS, repeats=9).parse_args()
    torch.set_num_threads(1)
    functions = {part: functools.partial(globals()[f"_{part}"], arguments) for part in PARTS}
    with torch.inference_mode():
        measure("network", functions, arguments)


def _dtypes():
    return (torch.float32, torch.bfloat16) if bfloat16_is_native() else (torch.float32,)


def _name(dtype):
    return str(dtype).removeprefix("torch.")


@functools.lru_cache(maxsize=4)
def _image(side):
    return simulate.chip((side, side)).sci


def _tile(side, batch=1):
    """Return tiles with their margins, (batch, 1, side + 2 margins, the same), float32."""
    size = side + 2 * MARGIN
    tile = np.ascontiguousarray(_image(max(size, 512))[:size, :size])
    return torch.from_numpy(tile)[None, None].repeat(batch, 1, 1, 1)


def _package(dtype):
    return unet.FoldedUNet(ARCHITECTURE, published_state(), dtype)


def _variants_of(dtype):
    """Return the variants by name, from the published network on; the names say what is new."""
    made = {
        "the package's own": _package(dtype),
        "folded, padded, channels first": Variant(dtype, padding=1, merged=False, strided=False, last=False),
        "channels last": Variant(dtype, padding=1, merged=False, strided=False),
        "valid": Variant(dtype, merged=False, strided=False),
        "merged upsampling": Variant(dtype, strided=False),
        "image and first layer strided": Variant(dtype),
        "strided, not merged": Variant(dtype, merged=False),
        "output as matrix product": Variant(dtype, product=True),
        "fused ReLU (private)": Variant(dtype, fused=True),
        "fused ReLU, not merged (private)": Variant(dtype, fused=True, merged=False),
    }
    if dtype == torch.float32:
        network = published()
        made["published, padded"] = lambda x: network(x)[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    return made


def _compared(cases, pixels, arguments, labels, reference):
    """Return rows of nanoseconds per pixel, and how many times faster than the reference."""
    for function in cases.values():
        function()
    seconds = interleaved(cases, arguments.repeats, time.process_time)
    rows = []
    for name, found in seconds.items():
        nanoseconds = median(found) / pixels[name] * 1e9
        speed = ratio(seconds[reference], found) * pixels[name] / pixels[reference]
        rows.append({**labels, "variant": name, "ns_per_pixel": nanoseconds, "speed": speed})
    return rows


def _variants(arguments):
    """Measure the same tile through every variant."""
    rows, side = [], 128 if arguments.quick else 320
    x = _tile(side)
    exact = _package(torch.float32)(x)
    for dtype in _dtypes():
        made = _variants_of(dtype)
        reference = "folded, padded, channels first"
        cases = {name: functools.partial(network, x) for name, network in made.items()}
        pixels = dict.fromkeys(cases, side**2)
        found = _compared(cases, pixels, arguments, {"precision": _name(dtype), "side": side}, reference)
        for row in found:
            row["max_difference"] = float((made[row["variant"]](x)[..., :side, :side] - exact).abs().max())
        rows += found
    notes = ["speed: against 'folded, padded, channels first'", "max_difference: from the package's float32"]
    return table(rows, notes)


def _layers(arguments):
    """Measure the package's network by operation."""
    rows, side = [], 128 if arguments.quick else 320
    x = _tile(side)
    for dtype in _dtypes():
        network = _package(dtype)
        network(x)
        with torch.autograd.profiler.profile(record_shapes=True, use_kineto=False) as profile:
            for _ in range(arguments.repeats):
                network(x)
        events = profile.key_averages(group_by_input_shape=True)
        whole = sum(event.self_cpu_time_total for event in events)
        for event in sorted(events, key=lambda event: -event.self_cpu_time_total)[:12]:
            spent = event.self_cpu_time_total
            shapes = " ".join(str(shape) for shape in event.input_shapes[:2] if shape)
            labels = {
                "precision": _name(dtype),
                "operation": event.key.removeprefix("aten::"),
                "shapes": shapes,
            }
            nanoseconds = spent * 1e3 / arguments.repeats / side**2
            rows.append({**labels, "ns_per_pixel": nanoseconds, "share": spent / whole})
    return table(rows, ["means of all repeats, from torch's profiler"])


def _sides(arguments):
    """Measure the package's network against the side of its tiles, per useful pixel."""
    rows = []
    sides = (64, 128, 256) if arguments.quick else (128, 192, 256, 320, 384, 512, 768, 1024)
    for dtype in _dtypes():
        network = _package(dtype)
        cases = {str(side): functools.partial(network, _tile(side)) for side in sides}
        pixels = {str(side): side**2 for side in sides}
        rows += _compared(cases, pixels, arguments, {"precision": _name(dtype)}, str(sides[2]))
    return table(rows, [f"speed: against side {sides[2]}"])


def _batch(arguments):
    """Measure several tiles in one call."""
    rows, sides = [], (64,) if arguments.quick else (128, 256, 320)
    for dtype in _dtypes():
        network = _package(dtype)
        for side in sides:
            cases = {f"batch {n}": functools.partial(network, _tile(side, n)) for n in (1, 2, 4)}
            pixels = {f"batch {n}": n * side**2 for n in (1, 2, 4)}
            labels = {"precision": _name(dtype), "side": side}
            rows += _compared(cases, pixels, arguments, labels, "batch 1")
    return table(rows, ["speed: against one tile a call"])


def _openvino_network(side, precision, threads=1, streams=1):
    """Compile the folded network by OpenVINO for one size of tile."""
    import openvino

    core = openvino.Core()
    size = side + 2 * MARGIN
    model = openvino.convert_model(folded_module(), example_input=torch.zeros(1, 1, size, size))
    model.reshape([1, 1, size, size])
    options = {
        "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": streams,
    }
    return core.compile_model(model, "CPU", options)


def _openvino(arguments):
    """Measure OpenVINO on one thread beside torch, at several sides."""
    if importlib.util.find_spec("openvino") is None:
        return table([{"precision": "", "variant": "openvino", "ns_per_pixel": np.nan, "speed": np.nan}],
                     ["openvino: not installed"])  # fmt: skip
    rows, sides = [], (128,) if arguments.quick else (256, 320, 384)
    for dtype in _dtypes():
        cases, pixels, precision = {}, {}, _name(dtype)
        for side in sides:
            x = _tile(side)
            compiled = _openvino_network(side, precision)
            cases[f"torch, package, {side}"] = functools.partial(_package(dtype), x)
            cases[f"torch, strided, {side}"] = functools.partial(Variant(dtype), x)
            cases[f"openvino, {side}"] = functools.partial(_ask, compiled.create_infer_request(), x.numpy())
            pixels |= {name: side**2 for name in cases if name.endswith(f" {side}")}
        rows += _compared(cases, pixels, arguments, {"precision": precision}, f"torch, package, {sides[0]}")
    return table(rows, [f"speed: against torch, package, {sides[0]}"])


def _ask(request, x):
    return request.infer([x], share_inputs=True, share_outputs=True)


def _compile(arguments):
    """Measure the folded network with torch.compile."""
    if shutil.which("g++") is None and shutil.which("clang++") is None:
        return table([{"precision": "", "variant": "compiled", "ns_per_pixel": np.nan, "speed": np.nan}],
                     ["torch.compile: no C++ compiler here"])  # fmt: skip
    rows, side = [], 128 if arguments.quick else 320
    x = _tile(side)
    for dtype in _dtypes():
        network = Variant(dtype)
        began = time.perf_counter()
        with torch._inductor.config.patch(freezing=True):
            compiled = torch.compile(network, dynamic=False)
            compiled(x)
        spent = time.perf_counter() - began
        cases = {"torch, strided": functools.partial(network, x), "compiled": functools.partial(compiled, x)}
        labels = {"precision": _name(dtype), "side": side}
        found = _compared(cases, dict.fromkeys(cases, side**2), arguments, labels, "torch, strided")
        for row in found:
            row["compilation_seconds"] = spent if row["variant"] == "compiled" else 0.0
        rows += found
    return table(rows, ["speed: against the same network, not compiled"])


def _faults(arguments):
    """Count page faults of whole detections: memory that was given back to the system and comes anew."""
    import resource

    rows, image = [], _image(512 if arguments.quick else 2048)
    for dtype in _dtypes():
        for side in (128,) if arguments.quick else (192, 256, 320, 384, 512):
            detector = detect.Detector(precision=_name(dtype), tile=side, threads=cores())
            detector.probability(image)
            found = []
            for _ in range(min(arguments.repeats, 3)):
                before = resource.getrusage(resource.RUSAGE_SELF)
                detector.probability(image)
                after = resource.getrusage(resource.RUSAGE_SELF)
                found.append([after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime,
                              after.ru_minflt - before.ru_minflt])  # fmt: skip
            user, system, faults = np.median(found, axis=0)
            rows.append({"precision": _name(dtype), "side": side, "user_ns": user / image.size * 1e9,
                         "system_ns": system / image.size * 1e9,
                         "faults_per_megapixel": faults / image.size * 1e6})  # fmt: skip
    return table(rows, [f"whole detection with {cores()} threads; processor time per pixel, of all threads"])


def _wall(arguments):
    """Measure threads inside a tile, a tile per thread, and OpenVINO with a stream per core."""
    image, rows = _image(512 if arguments.quick else 2048), []
    many = cores()
    for dtype in _dtypes():
        precision = _name(dtype)
        detector = detect.Detector(precision=precision, threads=many)
        cases = {f"torch, a tile per thread, {many} threads": functools.partial(detector.probability, image)}
        for side in (320, 384):
            network = Variant(dtype)
            tiles = _cut(image, side)
            for name, way in (("a tile per thread", _pooled), ("threads in a tile", _in_tile)):
                cases[f"torch strided, {name}, {side}"] = functools.partial(way, network, tiles, many)
            if importlib.util.find_spec("openvino") is not None:
                compiled = _openvino_network(side, precision, many, many)
                cases[f"openvino, {many} streams, {side}"] = functools.partial(_queued, compiled, tiles, many)
        for function in cases.values():
            function()
        seconds = {name: [] for name in cases}
        for _ in range(arguments.repeats):
            for name, function in cases.items():
                seconds[name].append(timed(function))
        reference = seconds[next(iter(cases))]
        rows += [{"precision": precision, "variant": name, "ns_per_pixel": median(found) / image.size * 1e9,
                  "speed": ratio(reference, found)} for name, found in seconds.items()]  # fmt: skip
    return table(rows, ["wall time of a whole image; speed: against the first of its precision"])


def _cut(image, side):
    """Return tiles with margins that cover an image, its edges mirrored, each (1, 1, rows, columns)."""
    more = -image.shape[0] % side
    padded = np.pad(image, (MARGIN, MARGIN + more), mode="reflect")
    starts = range(0, image.shape[0], side)
    size = side + 2 * MARGIN
    tiles = [padded[r : r + size, c : c + size].copy() for r in starts for c in starts]
    return [torch.from_numpy(tile)[None, None] for tile in tiles]


def _pooled(network, tiles, threads):
    torch.set_num_threads(1)

    def work(tile):
        if torch.get_num_threads() != 1:
            torch.set_num_threads(1)
        with torch.inference_mode():
            network(tile)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, tiles))


def _in_tile(network, tiles, threads):
    torch.set_num_threads(threads)
    for tile in tiles:
        network(tile)
    torch.set_num_threads(1)


def _queued(compiled, tiles, streams):
    from openvino import AsyncInferQueue

    queue = AsyncInferQueue(compiled, streams)
    for tile in tiles:
        queue.start_async([tile.numpy()], share_inputs=True)
    queue.wait_all()


if __name__ == "__main__":
    main()
