"""Whether a change of structure changed a flag: what the step writes, before and after.

    python benchmarks/same_flags.py record before.json     # with the code of before
    python benchmarks/same_flags.py compare before.json    # with the code of now; status 1 if any differs

Which package is used is for PYTHONPATH to say; its place is printed. Some sixty cases, most of them small
simulated exposures (`same_flags_cases.py`), in float32 on the CPU: of every state that a step leaves, the DQ
arrays, the flags and probabilities of the mask files, filled pixels, the result table, the cards of the step,
and that SCI and ERR kept their bytes. Arrays are compared by value, whatever their type is.

Beside ``before.json`` lies ``before.npz`` with the pixels that are not zero, so that a difference can be
counted. Both have to be made on the same machine with the same libraries: elsewhere the last digits of
probabilities may differ.
"""

import argparse
import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path

import common
import numpy as np
from same_flags_cases import CASES, REAL, SCENES
from same_flags_state import states_of

import acs_deepcr_step

LIBRARIES = ("torch", "numpy", "scipy", "astropy", "deepCR")
REAL_FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"

_BITS = ("DQ", "FLAGS", "MASK")
_FLOATS = ("FILLED", "CLEANED", "PROBABILITY")
_MOST_LINES = 12  # that are printed of a case


class Exposures:
    """Simulated and real exposures, made at the first use.

    Parameters
    ----------
    root : Path
        Directory for the simulated ones.
    real : Path
        Folder of the real ones, which need not be there.
    """

    def __init__(self, root, real):
        self._root, self._real, self._made = root, real, {}

    def of(self, scene):
        """Return the files of a scene.

        Parameters
        ----------
        scene : str

        Returns
        -------
        list of Path or None
            None if they are real and not there.
        """
        if not scene:
            return []
        if scene in REAL:
            files = [self._real / name for name in REAL[scene]]
            return files if all(file.is_file() for file in files) else None
        if scene not in self._made:
            directory = self._root / scene.replace(" ", "_")
            self._made[scene] = acs_deepcr_step.simulate.association(directory, **SCENES[scene])
        return self._made[scene]


class Recording:
    """What all cases left: values by name, and arrays by their hash.

    Attributes
    ----------
    cases : dict
        ``{case: {step: {"values": {name: value}, "arrays": {name: fingerprint}}}}``.
    """

    def __init__(self, cases=None, stored=None):
        self.cases = {} if cases is None else cases
        self._pixels, self._stored = {}, stored

    def put(self, case, states):
        """Take in what a case left.

        Parameters
        ----------
        case : str
        states : dict
            From `states_of`.
        """
        self.cases[case] = {}
        for step, (values, arrays) in states.items():
            marks = {name: fingerprint(array) for name, array in arrays.items()}
            self.cases[case][step] = {"values": values, "arrays": marks}
            for name, array in arrays.items():
                self._keep(marks[name]["sha256"], array)

    def _keep(self, key, array):
        """Keep the steps between the pixels that are not zero, and their values."""
        if f"{key}.at" not in self._pixels:
            at = np.flatnonzero(array)
            self._pixels[f"{key}.at"] = np.diff(at, prepend=0).astype(np.int32)
            self._pixels[f"{key}.values"] = array.ravel()[at]

    def array(self, mark):
        """Return an array of a recording that was read, by its fingerprint."""
        at, values = (self._stored[f"{mark['sha256']}.{part}"] for part in ("at", "values"))
        array = np.zeros(int(np.prod(mark["shape"])), values.dtype)
        array[np.cumsum(at)] = values
        return array.reshape(mark["shape"])

    def write(self, path):
        """Write both files."""
        content = {"made with": _circumstances(), "cases": self.cases}
        path.write_text(json.dumps(content, indent=1) + "\n")
        np.savez_compressed(path.with_suffix(".npz"), **self._pixels)


def fingerprint(array):
    """Return what identifies an array of whole numbers by value.

    Parameters
    ----------
    array : ndarray

    Returns
    -------
    dict
        sha256, shape, nonzero.
    """
    digest = hashlib.sha256(f"{array.shape} {array.dtype.itemsize}".encode())
    digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")))
    return {
        "sha256": digest.hexdigest(),
        "shape": list(array.shape),
        "nonzero": int(np.count_nonzero(array)),
    }


def _circumstances():
    return {"processor": common.processor(), **{name: common.version(name) for name in LIBRARIES}}


def differences(recording, case, states, but=()):
    """Return what a case left otherwise than is recorded.

    Parameters
    ----------
    recording : Recording
    case : str
    states : dict
        From `states_of`.
    but : sequence of str
        Names of arrays, cards and columns that do not count.

    Returns
    -------
    list of str
        A line each.
    """
    lines, old = [], recording.cases[case]
    for step in [*old, *(step for step in states if step not in old)]:
        if step not in old or step not in states:
            lines.append(f"{step}: {'not recorded' if step in states else 'not done any more'}")
            continue
        values, arrays = states[step]
        told = _of_arrays(recording, old[step]["arrays"], arrays) + _of_values(old[step]["values"], values)
        lines += [f"{step}: {line}" for name, line in told if _what(name) not in but]
    return lines


def _what(name):
    """Return the array, card or column that a name is of."""
    return name.rpartition(" / ")[2].partition(",")[0].removesuffix(" as before")


def _of_values(old, new):
    names = [*old, *(name for name in new if name not in old)]
    pairs = [(name, old.get(name, "nothing"), new.get(name, "nothing")) for name in names]
    return [(name, f"{name}: {_short(was)} was, {_short(now)} is") for name, was, now in pairs if was != now]


def _short(value):
    """Return a value as it is printed: of a hash the beginning."""
    is_hash = isinstance(value, str) and len(value) == 64 and " " not in value
    return f"{value[:16]}..." if is_hash else repr(value)


def _of_arrays(recording, old, new):
    lines = []
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in old or name not in new:
            lines.append((name, f"{name}: {'was not there' if name in new else 'is not there any more'}"))
        elif fingerprint(new[name])["sha256"] != old[name]["sha256"]:
            lines.append((name, f"{name}: {_counted(_what(name), recording.array(old[name]), new[name])}"))
    return lines


def _counted(what, old, new):
    """Tell how much two arrays of a kind differ."""
    if old.shape != new.shape:
        return f"shape {old.shape} was, {new.shape} is"
    differ = old != new
    text = f"{np.count_nonzero(differ)} of {differ.size} pixels differ"
    if what in _BITS:
        bits = int(np.bitwise_or.reduce(old[differ] ^ new[differ]))
        counts = {1 << i: np.count_nonzero((old ^ new) & (1 << i)) for i in range(16) if bits >> i & 1}
        return f"{text} ({', '.join(f'bit {bit}: {count}' for bit, count in counts.items())})"
    pair = [array[differ] for array in (old, new)]
    if what in _FLOATS:
        pair = [array.view("<f4") for array in pair]
    apart = np.abs(pair[0].astype(float) - pair[1])
    return f"{text}, by {np.nanmax(apart, initial=0):.6g} at most"


def record(arguments):
    """Write down what all cases leave; the exit status."""
    recording = Recording()
    for case, files in _chosen(arguments):
        if files is None:
            continue
        began = time.perf_counter()
        states = states_of(case, files)
        recording.put(case.name, states)
        print(f"{case.name:32}{_size(states)}{time.perf_counter() - began:8.1f} s", flush=True)
    recording.write(arguments.file)
    sizes = [path.stat().st_size / 1e6 for path in (arguments.file, arguments.file.with_suffix(".npz"))]
    print(f"{len(recording.cases)} cases in {arguments.file} ({sizes[0]:.1f} MB; pixels {sizes[1]:.1f} MB)")
    return 0


def compare(arguments):
    """Compare what all cases leave with a recording; the exit status."""
    content = json.loads(arguments.file.read_text())
    _tell_of_others(content["made with"])
    count = {"same": 0, "DIFFERENT": 0, "not compared": 0}
    with np.load(arguments.file.with_suffix(".npz")) as stored:
        recording = Recording(content["cases"], stored)
        for case, files in _chosen(arguments):
            began = time.perf_counter()
            result, size, lines = _compared(recording, case, files, arguments.but)
            count[result] += 1
            print(f"{case.name:32}{size:36}{time.perf_counter() - began:6.1f} s  {result}", flush=True)
            more = [f"... and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
            print(*(f"    {line}\n" for line in lines[:_MOST_LINES] + more), sep="", end="", flush=True)
    for name in recording.cases.keys() - {case.name for case in CASES}:
        count["not compared"] += 1
        print(f"{name:32}is no case any more")
    print(", ".join(f"{number} {result}" for result, number in count.items()))
    return 1 if count["DIFFERENT"] else 0


def _compared(recording, case, files, but):
    """Return result, size and differences of one case."""
    if files is None:
        return "not compared", "", []
    if case.name not in recording.cases:
        return "not compared", "", ["it is not in the recording"]
    try:
        states = states_of(case, files)
    except Exception as error:  # what worked before and fails now is a difference
        return "DIFFERENT", "", [f"{type(error).__name__}: {error}"]
    lines = differences(recording, case.name, states, but)
    return "DIFFERENT" if lines else "same", _size(states), lines


def _size(states):
    arrays = sum(len(arrays) for _, arrays in states.values())
    values = sum(len(values) for values, _ in states.values())
    return f"{len(states):2} steps {arrays:4} arrays {values:5} values"


def _tell_of_others(before):
    """Print which library or processor is another one than in the recording."""
    for name, now in _circumstances().items():
        if before.get(name) != now:
            print(f"Recorded with {name} {before.get(name)}, now {now}: last digits may differ.")


def _chosen(arguments):
    """Yield the cases and their exposures; None where these are not there."""
    print(f"Package: {Path(acs_deepcr_step.__file__).parent} {acs_deepcr_step.__version__}", flush=True)
    if not arguments.real.is_dir():
        print("Real exposures: none at hand; those cases are left out.")
    with tempfile.TemporaryDirectory(prefix="acs_deepcr_scenes_") as root:
        exposures = Exposures(Path(root), arguments.real)
        for case in CASES:
            if not arguments.only or any(word in case.name for word in arguments.only):
                yield case, exposures.of(case.scene)


def main():
    """Record or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    for work, text in ((record, "write down what the step writes"), (compare, "compare with a recording")):
        its = commands.add_parser(work.__name__, help=text, description=text)
        its.set_defaults(work=work)
        its.add_argument("file", type=Path, metavar="FILE.json", help="beside it: FILE.npz")
        its.add_argument("--real", type=Path, default=REAL_FOLDER, metavar="DIR", help="real exposures")
        its.add_argument("--only", nargs="+", default=[], metavar="WORD", help="cases with such names")
    its.add_argument(
        "--but", nargs="+", default=[], metavar="NAME",
        help="arrays, cards and columns that do not count: FLAGS, DCRRUN, note, ...",
    )  # fmt: skip
    arguments = parser.parse_args()
    arguments.file = arguments.file.resolve()
    return arguments.work(arguments)


if __name__ == "__main__":
    sys.exit(main())
