"""Cosmic rays of real WFC3/UVIS exposures, against the truth that the exposures give by comparison.

    python benchmarks/uvis_truth.py DIR [--n 2 4 8] [--code NAME=CHECKOUT ...] [-v]

DIR holds idsj02*_flc.fits, .gz or not: eight exposures of one visit of GO-15460, F350LP, 200 s
each, a subarray of 512x513 pixels. The telescope followed a Kuiper-belt object, so that the
object stands at the same pixel but for a dither of four points, each taken twice, while the
galaxies behind it move by up to 21 pixels, 4 to 6 of which the WCS of the headers does not know of.

Truth, at the same detector pixel and each exposure less its median: the reference is the median
of the other seven; sigma is the larger of their scatter there (1.48 median absolute deviations)
and the noise (the exposure's own scatter, and the reference as photons). A cosmic ray is a group
of touching pixels above 3 sigma of which one is above 6; groups without such a pixel count
neither way. What stands in four exposures or more is a source: it is left out with six pixels
around it, and so are pixels that calibration flagged as bad or saturated, the object, and one
faint source that moves too far for this and would pass for a cosmic ray.

The ways, on copies of the same files: the step on each exposure by itself, with the global model,
with those of three ACS filters and with deepCR's own for this camera (WFC3-UVIS); astroscrappy,
where it is installed; the step on several exposures together; AstroDrizzle's own driz_cr with its
defaults. All eight are flagged in groups of N: for 2, each exposure with one of the other half of
the visit at another dither point, and once more with its neighbour in time; for 4, both rounds of
the dither; so every way has the same eight exposures to answer for. --code runs other checkouts of
the step too. The table is that of docs/accuracy.md, in Markdown.
"""

import argparse
import gzip
import re
import shutil
import statistics
import tempfile
from collections import Counter
from dataclasses import astuple, dataclass
from datetime import date
from pathlib import Path

import numpy as np
from astropy.io import fits
from common import version
from real_truth import EIGHT, count_events, far, found, grown, score
from scipy import ndimage
from uvis_ways import HERE, groupings, ways

SEED_SIGMA, GROW_SIGMA = 6.0, 3.0
CLIP_ELECTRONS, SMOOTHING, SOURCE_SIGMA, SOURCE_EXPOSURES, SOURCE_REACH = 30.0, 2.0, 5.0, 4, 6
UNUSED_BITS = 4 | 8 | 128 | 256 | 512 | 2048
# Row and column in all exposures, from zero; its peak is within `OBJECT_REACH` of it.
OBJECT, OBJECT_REACH = (265, 248), 4
# Row and column of a faint source, measured: the headers' WCS is up to six pixels off between exposures.
FAINT = {
    "idsj02axq": (412, 330), "idsj02ayq": (413, 334), "idsj02azq": (415, 333), "idsj02b0q": (406, 343),
    "idsj02b1q": (402, 345), "idsj02blq": (403, 349), "idsj02bmq": (405, 348), "idsj02boq": (400, 343),
}  # fmt: skip
FAINT_REACH = 5
# Rows and columns by which the events are moved to see what noise touches them.
MOVES = ((30, 0), (0, 30), (-30, 0), (0, -30), (25, 25), (-25, 25))
_LINE = "| {} | {} | {:.4f} | {:.2e} | {:.4f} | {:.2e} | {} | {} |"
_HEAD = """\
| way | exposures | TPR | FPR | events found | far | object flagged in | decided from |
|---|---|--:|--:|--:|--:|--:|--:|"""
_PACKAGES = ("acs_deepcr_step", "torch", "drizzlepac", "astroscrappy")


@dataclass(frozen=True, eq=False)
class Exposure:
    """One exposure with its truth.

    Attributes
    ----------
    rootname : str
    path : Path
    electrons : ndarray, (R, C), float32
    truth : ndarray, (R, C), bool
        Pixels that a cosmic ray hit.
    use : ndarray, (R, C), bool
        Pixels that count.
    peak : tuple of int
        Row and column of the Kuiper-belt object's brightest pixel.
    doubtful : ndarray, (R, C), bool
        Pixels above `GROW_SIGMA` in no event; they do not count.
    """

    rootname: str
    path: Path
    electrons: np.ndarray
    truth: np.ndarray
    use: np.ndarray
    peak: tuple
    doubtful: np.ndarray

    @property
    def object_pixels(self):
        """The 3x3 around the object's peak."""
        row, column = self.peak
        return np.s_[row - 1 : row + 2, column - 1 : column + 2]


def unpack(source, directory):
    """Copy the exposures of one directory into another, without their ``.gz``.

    Parameters
    ----------
    source, directory : path-like

    Returns
    -------
    list of Path
        By rootname, which is the order in which they were taken.
    """
    paths = []
    for path in sorted(Path(source).glob("idsj02*_flc.fits*")):
        target = Path(directory) / path.name.removesuffix(".gz")
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as packed, open(target, "wb") as plain:
            shutil.copyfileobj(packed, plain)
        paths.append(target)
    return paths


def read_exposures(paths):
    """Read all exposures of the visit and make their truth.

    Parameters
    ----------
    paths : list of path-like
        Unpacked.

    Returns
    -------
    list of Exposure
    """
    raw, bad = [], []
    for path in paths:
        with fits.open(path, memmap=False) as hdus:
            raw.append(hdus["SCI", 1].data.astype(np.float32))
            bad.append((hdus["DQ", 1].data & UNUSED_BITS) != 0)
    frames = np.stack([image - np.median(image) for image in raw])
    sources = _sources(frames)
    made = []
    for number, path in enumerate(map(Path, paths)):
        sigmas = significance(frames, number)
        left_out = sources | bad[number] | _disc(sources.shape, OBJECT, OBJECT_REACH + SOURCE_REACH)
        for place in FAINT.values():  # its own, and those where it stands in the reference
            left_out |= _disc(sources.shape, place, FAINT_REACH)
        high = (sigmas > GROW_SIGMA) & ~left_out
        truth = grown((sigmas > SEED_SIGMA) & ~left_out, high)
        doubtful = high & ~truth
        peak, use = _object_peak(frames[number]), ~left_out & ~doubtful
        made.append(Exposure(path.name[:9], path, raw[number], truth, use, peak, doubtful))
    return made


def chance_pixels(exposure):
    """Return how many pixels of the truth are noise that happens to touch an event.

    Parameters
    ----------
    exposure : Exposure

    Returns
    -------
    float
        Doubtful pixels that touch the events where these are moved to another place, mean of some moves.
    """
    counts = []
    free = (exposure.use | exposure.doubtful) & ~ndimage.binary_dilation(exposure.truth, EIGHT, iterations=3)
    for move in MOVES:
        moved = np.roll(exposure.truth, move, (0, 1))
        around = ndimage.binary_dilation(moved, EIGHT) & ~moved
        noise = exposure.doubtful & free & ~moved
        touching = grown(around & noise, noise)
        counts.append(np.count_nonzero(touching) * np.count_nonzero(around) / np.count_nonzero(around & free))
    return statistics.mean(counts)


def significance(frames, number):
    """Return what an exposure has more than the others, in units of its noise.

    Parameters
    ----------
    frames : ndarray, (N, R, C)
        Electrons, each exposure less its median.
    number : int
        Which of them, from 0.

    Returns
    -------
    ndarray, (R, C)
    """
    others = np.delete(frames, number, axis=0)
    reference = np.median(others, axis=0)
    scatter = 1.4826 * np.median(np.abs(others - reference), axis=0)
    noise = np.sqrt(_scatter(frames[number]) ** 2 + np.maximum(reference, 0))
    return (frames[number] - reference) / np.maximum(scatter, noise)


def _scatter(image):
    return 1.4826 * np.median(np.abs(image - np.median(image)))


def _sources(frames):
    """Return what stands in several exposures, and the pixels around it, (R, C) bool."""
    clipped = np.minimum(frames, np.median(frames, axis=0) + CLIP_ELECTRONS)
    smooth = [ndimage.gaussian_filter(frame, SMOOTHING) for frame in clipped]
    times = sum((image - np.median(image) > SOURCE_SIGMA * _scatter(image)).astype(int) for image in smooth)
    return ndimage.binary_dilation(times >= SOURCE_EXPOSURES, EIGHT, iterations=SOURCE_REACH)


def _disc(shape, place, radius):
    rows, columns = np.indices(shape)
    return np.hypot(rows - place[0], columns - place[1]) <= radius


def _object_peak(frame):
    """Return row and column of the object's brightest pixel."""
    near = np.where(_disc(frame.shape, OBJECT, OBJECT_REACH), ndimage.gaussian_filter(frame, 1), -np.inf)
    return tuple(int(i) for i in np.unravel_index(near.argmax(), frame.shape))


@dataclass(frozen=True)
class Figures:
    """What flags of one exposure are worth.

    Attributes
    ----------
    exposure : str
        Rootname.
    tpr, fpr : float
    events : float
        Share of the events found.
    far : float
        Share of the pixels that count which are flagged farther than a pixel from any true one.
    object_flagged : int
        Flags on the 3x3 around the object's peak.
    nexp : int
        Exposures that it was decided from, as the table says.
    note : str
        As in the table.
    """

    exposure: str
    tpr: float
    fpr: float
    events: float
    far: float
    object_flagged: int
    nexp: int = 1
    note: str = ""


def figures(exposure, mask, nexp=1, note=""):
    """Compare flags with the truth.

    Parameters
    ----------
    exposure : Exposure
    mask : ndarray, (R, C), bool
    nexp : int
    note : str

    Returns
    -------
    Figures
    """
    truth, use = exposure.truth, exposure.use
    tpr, fpr = score(mask, truth, use)
    on_object = int(np.count_nonzero(mask[exposure.object_pixels]))
    counts = found(mask, truth, use), far(mask, truth, use), on_object
    return Figures(exposure.rootname, tpr, fpr, *counts, nexp, note)


def measure(exposures, groups, flag):
    """Flag copies of exposures, group by group.

    Parameters
    ----------
    exposures : list of Exposure
    groups : list of list of Exposure
    flag : callable
        Takes paths, and returns flags, `nexp` and `note` by rootname.

    Returns
    -------
    list of Figures
        In the order of `exposures`.
    """
    flagged = {}
    for group in groups:
        with tempfile.TemporaryDirectory() as directory:
            flagged |= flag([Path(shutil.copy(exposure.path, directory)) for exposure in group])
    return [figures(exposure, *flagged[exposure.rootname]) for exposure in exposures]


def _print(way, rows, verbose):
    """Print the means of a way, and what its table said.

    Of the object: the exposures with a flag on it, and in an exposure's own row the flags.
    """
    values = (statistics.mean(getattr(row, key) for row in rows) for key in ("tpr", "fpr", "events", "far"))
    on_object = f"{sum(row.object_flagged > 0 for row in rows)} of {len(rows)}"
    counts = sorted({row.nexp for row in rows})
    print(_LINE.format(way.name, way.n, *values, on_object, "/".join(map(str, counts))), flush=True)
    for row in rows if verbose else ():
        print(_LINE.format("", *astuple(row)[:-1]))
    said = Counter(part for row in rows for part in re.sub(r"idsj02\w+ ", "", row.note).split("; ") if part)
    for note, times in said.most_common() if verbose else ():
        print(f"    {times} times: {note}")


def main():
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, metavar="DIR", help="with the eight exposures")
    parser.add_argument("--n", type=int, nargs="+", default=[2, 4, 8], help="exposures to a group")
    parser.add_argument(
        "--code", nargs="+", action="extend", default=[], metavar="NAME=CHECKOUT", help="other checkouts"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="what each exposure gave")
    options = parser.parse_args()
    codes = {**dict(code.split("=", 1) for code in options.code), "": HERE}
    with tempfile.TemporaryDirectory() as directory:
        exposures = read_exposures(unpack(options.directory, directory))
        events, pixels = (sum(of(e.truth) for e in exposures) for of in (count_events, np.count_nonzero))
        noise = sum(map(chance_pixels, exposures))
        print(f"{events} events, {pixels} pixels in {len(exposures)} exposures;", end=" ")
        print(f"some {noise:.0f} of the pixels are noise that touches an event")
        for n in options.n:
            for name, groups in groupings(exposures, n).items():
                print(f"{name}:", "; ".join(" ".join(e.rootname for e in group) for group in groups))
        print(_HEAD)
        for way in ways(exposures, options.n, codes):
            _print(way, measure(exposures, way.groups, way.flag), options.verbose)
    print(f"\nMeasured {date.today()} with", ", ".join(f"{one} {version(one)}" for one in _PACKAGES))


if __name__ == "__main__":
    main()
