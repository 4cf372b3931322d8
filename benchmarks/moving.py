"""Sources that stand in one exposure only, still or trailed: how many are taken for cosmic rays.

    python benchmarks/moving.py [--seeds 901 902 ...]

Prints a table; docs/howto/moving.md has it.
"""

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from acs_deepcr_step import run, simulate
from acs_deepcr_step.simulate import filters, psf

SEEDS = range(901, 907)
TRAILS = (0, 3, 10)  # pixels
NUMBERS = (2, 4)  # exposures
CHARGE = 500.0, 50_000.0  # electrons of a source
TRIES = 6  # per chip; more would make the exposures fail the check of their alignment
SCENE = {"shape": (768, 768), "chips": 2, "star_density": 12.0, "filter": "F814W"}
_REACH = 20  # pixels of the source's image on each side
_CLEAR = 4, 8  # pixels around that have to be free of true cosmic rays, and of bright sources
_BRIGHT = 200.0  # electrons above the sky


@dataclass(frozen=True)
class Source:
    """A source in a chip: where its brightest pixel is."""

    file: Path
    extver: int
    row: int
    column: int


def light(shape, trail, rng, point):
    """Share of a source's light in each pixel of a stamp: anywhere on the middle one, in any direction."""
    rows, columns = np.indices(shape) - _REACH - rng.uniform(-0.5, 0.5, 2)[:, None, None]
    angle = rng.uniform(0, 2 * np.pi)
    steps = np.linspace(-0.5, 0.5, 2 * trail + 1) * trail
    images = [point.at(columns - s * np.cos(angle), rows - s * np.sin(angle)) for s in steps]
    return np.clip(np.mean(images, axis=0), 0, None)


def put(image, free, trail, rng, point):
    """Add sources to an image in place; rows and columns of their brightest pixels."""
    places, (sure, dark) = [], _CLEAR
    sky = np.median(image)
    for row, column in rng.integers(_REACH + 1, np.array(image.shape) - _REACH - 1, (TRIES, 2)):
        near = np.s_[row - sure : row + sure + 1, column - sure : column + sure + 1]
        around = np.s_[row - dark : row + dark + 1, column - dark : column + dark + 1]
        if not free[near].all() or image[around].max() > sky + _BRIGHT:
            continue
        stamp = image[row - _REACH : row + _REACH + 1, column - _REACH : column + _REACH + 1]
        charge = 10 ** rng.uniform(*np.log10(CHARGE))
        stamp += rng.poisson(charge * light(stamp.shape, trail, rng, point))
        brightest = np.unravel_index(np.argmax(image[near]), image[near].shape)
        places.append((row - sure + brightest[0], column - sure + brightest[1]))
    return places


def populate(files, trail, rng):
    """Put sources into every chip of every exposure; a list of `Source`."""
    band, found = filters.lookup(SCENE["filter"]), []
    point = psf.psf(band.pivot, band.width)
    for file in files:
        truth = simulate.read_truth(file)
        with fits.open(file, mode="update", memmap=False) as hdus:
            for chip in truth:
                image = hdus["SCI", chip.extver].data
                places = put(image, ~chip.cr, trail, rng, point)
                found += [Source(file, chip.extver, *place) for place in places]
    return found


def flagged(sources):
    """How many sources have a flag on their brightest pixel."""
    planes = {
        key: fits.getdata(key[0], "DQ", key[1])
        for key in {(source.file, source.extver) for source in sources}
    }
    return sum(bool(planes[s.file, s.extver][s.row, s.column] & 8192) for s in sources)


def measure(number, trail, seeds):
    """Sources, and how many were flagged without and with consensus; exposures decided on alone."""
    counts = np.zeros(4, int)
    for seed in seeds:
        with tempfile.TemporaryDirectory() as directory:
            files = simulate.association(directory, n=number, seed=seed, **SCENE)
            sources = populate(files, trail, np.random.default_rng(seed))
            names, results = [str(file) for file in files], []
            for consensus in ("no", "auto"):
                table = run(names, consensus=consensus, runfile="", progress=False)
                results.append(flagged(sources))
            counts += [len(sources), *results, np.sum(table["nexp"] == 1) // SCENE["chips"]]
    return counts


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    seeds = parser.parse_args().seeds
    print("| trail, pixels | exposures | `consensus='no'` | `consensus='auto'` |\n|--:|--:|--:|--:|")
    for trail in TRAILS:
        for number in NUMBERS:
            total, alone, together, left = measure(number, trail, seeds)
            note = f" ({left} exposures decided on alone)" if left else ""
            print(f"| {trail} | {number} | {alone} of {total} | {together} of {total}{note} |", flush=True)


if __name__ == "__main__":
    main()
