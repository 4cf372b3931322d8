"""Sources that stand in one exposure only, still or trailed: how many are taken for cosmic rays.

    python benchmarks/moving.py [--seeds 901 902 ...]

Prints a table; docs/howto/odd_targets.md has it.
"""

import argparse
import tempfile
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from acs_deepcr_step import run, simulate
from acs_deepcr_step.arrays.dq import CR_ACSREJ
from acs_deepcr_step.simulate import filters, psf

SEEDS = range(901, 907)
TRAILS = (0, 3, 10)  # pixels
NUMBERS = (2, 4)  # exposures
FAINTEST, BRIGHTEST = 500.0, 50_000.0  # electrons of a source
TRIES = 6  # per chip; more would make the exposures fail the check of their alignment
SCENE = {"shape": (768, 768), "chips": 2, "star_density": 12.0, "filter": "F814W"}
_REACH = 20  # pixels of the source's image on each side
_NO_HIT, _NO_SOURCE = 4, 8  # pixels around that are free of true cosmic rays, and of bright sources
_BRIGHT = 200.0  # electrons above the sky


@dataclass(frozen=True)
class Source:
    """A source in a chip.

    Attributes
    ----------
    file : Path
    extver : int
    row, column : int
        Its brightest pixel.
    """

    file: Path
    extver: int
    row: int
    column: int


@dataclass(frozen=True)
class Counts:
    """What became of sources.

    Attributes
    ----------
    sources : int
    flagged_alone, flagged_together : int
        Sources with a flag on their brightest pixel where each exposure was decided on by itself
        (consensus='no'), and where the field was decided on together ('auto').
    exposures_alone : int
        Exposures that consensus='auto' decided on by themselves.
    """

    sources: int = 0
    flagged_alone: int = 0
    flagged_together: int = 0
    exposures_alone: int = 0

    def __add__(self, other):
        return Counts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def light(shape, trail, rng, point):
    """Draw the image of a source of one electron.

    Parameters
    ----------
    shape : tuple of int
        Of the stamp; the source lies anywhere on its middle pixel.
    trail : int
        Length of its trail in any direction, pixels.
    rng : numpy.random.Generator
    point : psf.PSF

    Returns
    -------
    ndarray, float64
        Of `shape`.
    """
    rows, columns = np.indices(shape) - _REACH - rng.uniform(-0.5, 0.5, 2)[:, None, None]
    angle = rng.uniform(0, 2 * np.pi)
    steps = np.linspace(-0.5, 0.5, 2 * trail + 1) * trail
    images = [point.at(columns - s * np.cos(angle), rows - s * np.sin(angle)) for s in steps]
    return np.clip(np.mean(images, axis=0), 0, None)


def put(image, free, trail, rng, point):
    """Add sources to an image.

    Parameters
    ----------
    image : ndarray, (R, C), float32
        Electrons; changed in place.
    free : ndarray, (R, C), bool
        Pixels that no cosmic ray hit.
    trail, rng, point
        As for `light`.

    Returns
    -------
    list of (row, column)
        Their brightest pixels.
    """
    brightest = []
    sky = np.median(image)
    for row, column in rng.integers(_REACH + 1, np.array(image.shape) - _REACH - 1, (TRIES, 2)):
        near = np.s_[row - _NO_HIT : row + _NO_HIT + 1, column - _NO_HIT : column + _NO_HIT + 1]
        around = np.s_[row - _NO_SOURCE : row + _NO_SOURCE + 1, column - _NO_SOURCE : column + _NO_SOURCE + 1]
        if not free[near].all() or image[around].max() > sky + _BRIGHT:
            continue
        stamp = image[row - _REACH : row + _REACH + 1, column - _REACH : column + _REACH + 1]
        charge = 10 ** rng.uniform(np.log10(FAINTEST), np.log10(BRIGHTEST))
        stamp += rng.poisson(charge * light(stamp.shape, trail, rng, point))
        peak_row, peak_column = np.unravel_index(np.argmax(image[near]), image[near].shape)
        brightest.append((row - _NO_HIT + peak_row, column - _NO_HIT + peak_column))
    return brightest


def populate(files, trail, rng):
    """Put sources into every chip of every exposure.

    Parameters
    ----------
    files : list of Path
    trail : int
        Pixels.
    rng : numpy.random.Generator

    Returns
    -------
    list of Source
    """
    bandpass, found = filters.lookup(SCENE["filter"]), []
    point = psf.psf(bandpass.pivot, bandpass.width)
    for file in files:
        truth = simulate.read_truth(file)
        with fits.open(file, mode="update", memmap=False) as hdus:
            for chip in truth:
                image = hdus["SCI", chip.extver].data
                for row, column in put(image, ~chip.cr, trail, rng, point):
                    found.append(Source(file, chip.extver, row, column))
    return found


def flagged(sources):
    """Count the sources that have a flag on their brightest pixel."""
    bits = {
        (file, extver): fits.getdata(file, "DQ", extver)
        for file, extver in {(source.file, source.extver) for source in sources}
    }
    return sum(bool(bits[s.file, s.extver][s.row, s.column] & CR_ACSREJ) for s in sources)


def measure(number, trail, seeds):
    """Flag sources with and without the other exposures of their field.

    Parameters
    ----------
    number : int
        Exposures of a field.
    trail : int
        Pixels.
    seeds : sequence of int

    Returns
    -------
    Counts
        Summed over the seeds.
    """
    counts = Counts()
    for seed in seeds:
        with tempfile.TemporaryDirectory() as directory:
            files = simulate.association(directory, n=number, seed=seed, **SCENE)
            sources = populate(files, trail, np.random.default_rng(seed))
            names = [str(file) for file in files]
            run(names, consensus="no", runfile="", progress=False)
            alone = flagged(sources)
            table = run(names, consensus="auto", runfile="", progress=False)
            exposures_alone = int(np.sum(table["nexp"] == 1)) // SCENE["chips"]
            counts += Counts(len(sources), alone, flagged(sources), exposures_alone)
    return counts


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    seeds = parser.parse_args().seeds
    print("| trail, pixels | exposures | `consensus='no'` | `consensus='auto'` |\n|--:|--:|--:|--:|")
    for trail in TRAILS:
        for number in NUMBERS:
            found = measure(number, trail, seeds)
            alone, together = (
                f"{count} of {found.sources}" for count in (found.flagged_alone, found.flagged_together)
            )
            if found.exposures_alone:
                together += f" ({found.exposures_alone} exposures decided on alone)"
            print(f"| {trail} | {number} | {alone} | {together} |", flush=True)


if __name__ == "__main__":
    main()
