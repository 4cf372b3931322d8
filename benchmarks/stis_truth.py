"""Cosmic rays of a real STIS CCD pair, against the truth that the pair itself gives.

Two 150 s images of one field, taken one after the other with the telescope at rest:
what is in one and not in the other is a cosmic ray.

    python benchmarks/stis_truth.py o4k19a010_flt.fits
    python benchmarks/stis_truth.py --fetch       # out of the stwcs source distribution, by pip

Truth: the difference of the two, in units of its noise, above 5 sigma, grown over
touching pixels above 3 sigma. The noise is read noise and photons of the level that
both images agree on, and is scaled to the scatter found. Pixels that calibration
flagged as hot, bad or saturated in either image are left out, as in training.
"""

import argparse
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from real_truth import count_events, grown, score
from scipy import ndimage

from acs_deepcr_step import detect

SEED_SIGMA, GROW_SIGMA = 5.0, 3.0
CR_BITS = 4096 | 8192
SOURCE, MEMBER = "stwcs==1.7.7", "o4k19a010_flt.fits"


@dataclass(frozen=True, eq=False)
class Image:
    """One image of the pair.

    Attributes
    ----------
    electrons : ndarray, (R, C), float32
    truth : ndarray, (R, C), bool
        Pixels that a cosmic ray hit.
    use : ndarray, (R, C), bool
        Pixels that count.
    """

    electrons: np.ndarray
    truth: np.ndarray
    use: np.ndarray


def read_pair(path):
    """Read the pair and make the truth of both images.

    Parameters
    ----------
    path : path-like
        A STIS CCD ``_flt.fits`` with two imsets, ``.gz`` or not.

    Returns
    -------
    list of Image
    """
    with fits.open(path, memmap=False) as hdus:
        gain, read_noise = float(hdus[0].header["ATODGAIN"]), float(hdus[0].header["READNSE"])
        first, second = (hdus["SCI", extver].data.astype(np.float32) * gain for extver in (1, 2))
        bad = ((hdus["DQ", 1].data | hdus["DQ", 2].data) & ~CR_BITS) != 0
    sigmas = significance(first, second, read_noise, ~bad)
    return [Image(image, hits(sign * sigmas, ~bad), ~bad) for image, sign in ((first, 1), (second, -1))]


def significance(first, second, read_noise, use):
    """Return what the first image has more than the second, in units of its noise.

    Parameters
    ----------
    first, second : ndarray, (R, C), float
        Electrons.
    read_noise : float
        Electrons.
    use : ndarray, (R, C), bool
        Pixels that count.

    Returns
    -------
    ndarray, (R, C)
    """
    # The lower of the two is free of cosmic rays but biased; the local median is neither.
    level = np.maximum(np.minimum(first, second), ndimage.median_filter((first + second) / 2, 5))
    sigma = np.sqrt(2 * read_noise**2 + 2 * np.maximum(level, 0))
    difference = first - second
    difference -= np.median(difference[use])
    # What read noise and photons leave out (charge transfer, flat field) scales the noise up.
    scatter = 1.4826 * np.median(np.abs(difference / sigma)[use])
    return difference / (sigma * max(scatter, 1.0))


def hits(sigmas, use):
    """Return the pixels that a cosmic ray hit.

    Parameters
    ----------
    sigmas : ndarray, (R, C)
        From `significance`.
    use : ndarray, (R, C), bool

    Returns
    -------
    ndarray, (R, C), bool
    """
    return grown((sigmas > SEED_SIGMA) & use, (sigmas > GROW_SIGMA) & use)


def fetch(directory):
    """Get the pair out of the source distribution of stwcs.

    Parameters
    ----------
    directory : path-like

    Returns
    -------
    pathlib.Path
    """
    directory = Path(directory)
    pip = [sys.executable, "-m", "pip", "download", "--no-binary", ":all:", "--no-deps", "-d", str(directory)]
    subprocess.run([*pip, SOURCE], check=True)
    [archive] = directory.glob("stwcs-*.tar.gz")
    with tarfile.open(archive) as files:
        member = next(m for m in files.getmembers() if m.name.endswith(f"/{MEMBER}") and m.isfile())
        target = directory / MEMBER
        target.write_bytes(files.extractfile(member).read())
    return target


def main():
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", nargs="?", help="the pair, .fits or .fits.gz")
    parser.add_argument(
        "--fetch", action="store_true", help=f"download {SOURCE} with pip and take the pair out of it"
    )
    parser.add_argument("--model", default="ACS-WFC")
    parser.add_argument("--threshold", type=float, default=0.5)
    options = parser.parse_args()
    if bool(options.path) == options.fetch:
        parser.error("give the path of the pair, or --fetch")
    with tempfile.TemporaryDirectory() as directory:
        images = read_pair(fetch(directory) if options.fetch else options.path)
    for number, image in enumerate(images, start=1):
        mask = detect.mask(detect.probability(image.electrons, options.model), options.threshold)
        tpr, fpr = score(mask, image.truth, image.use)
        events, pixels = count_events(image.truth), np.count_nonzero(image.truth)
        print(f"image {number}: {events} events, {pixels} pixels: TPR {tpr:.4f}, FPR {fpr:.2e}")


if __name__ == "__main__":
    main()
