"""Cosmic rays of a real ACS/HRC exposure of a globular cluster, and what saturated stars do to the masks.

    python benchmarks/hrc_truth.py [PATH] [--picture hrc.png]

Without a path, the exposure that spherical_geometry ships (j8bt06nyq, F606W, 60 s, 47 Tuc).

There is one exposure only, so the truth is an estimate, made from shape alone. HRC
samples its PSF well, so no star is as sharp as this: a pixel more than 6 sigma above its
surroundings whose two neighbours along some direction stay below a quarter of it
(diagonally an eighth). Such seeds take in the pixels beside them that are more than 3
sigma above the median of the rest around and hold at least a fifth of the seed's charge.

Groups whose brightest pixel is below 500 e- may as well be structure in the haloes of
bright stars: they are left out. Those that remain are as many as ACS's rate lets expect
(1.2 hits/s/cm2: 330). Saturated groups with a halo are stars, and nothing within 7x7 of
them counts as a cosmic ray; without a halo they are cosmic rays. Events on stars are
missing from this truth, so the FPR is an upper limit. An event is found if any of its
pixels is flagged.
"""

import argparse
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from real_truth import EIGHT, count_events, found, grown, score
from scipy import ndimage

import acs_deepcr_step
from acs_deepcr_step import instruments
from acs_deepcr_step.arrays import dq
from acs_deepcr_step.flagging import guard

SEED_SIGMA, GROW_SIGMA = 6.0, 3.0
EVENT_ELECTRONS = 500.0
SIDE_CONTRAST, DIAGONAL_CONTRAST = 0.25, 0.125
HALO_RADII, HALO_ELECTRONS = (5, 8), 100.0
GROW_SHARE = 0.2


@dataclass(frozen=True, eq=False)
class Masks:
    """What a picture shows of an image.

    Attributes
    ----------
    image : ndarray, (R, C), float32
        Electrons.
    truth : ndarray, (R, C), bool
        Pixels that cosmic rays hit.
    plain, protected : ndarray, (R, C), bool
        Flags without and with `protect_saturated`.
    """

    image: np.ndarray
    truth: np.ndarray
    plain: np.ndarray
    protected: np.ndarray


def shipped():
    """Return the path of the exposure that spherical_geometry ships."""
    package = importlib.util.find_spec("spherical_geometry")
    return Path(package.submodule_search_locations[0]) / "tests" / "data" / "j8bt06nyq_flt.fits"


def truth_of(image, saturated, read_noise):
    """Estimate which pixels of a well-sampled image cosmic rays hit.

    Parameters
    ----------
    image : ndarray, (R, C)
        Electrons.
    saturated : ndarray, (R, C), bool
    read_noise : float
        Electrons.

    Returns
    -------
    hits, undecided : ndarray, (R, C), bool
        Undecided are the groups that are too faint to be sure of.
    """
    background = ndimage.percentile_filter(image, 25, 7)
    sigma = np.sqrt(read_noise**2 + np.maximum(background, 0))
    stars, rays = _saturated_groups(image, background, saturated)
    blind = guard.near(stars)
    hits = _sharp(image - background, sigma) & ~blind
    smooth = _median_of_others(image, hits)
    excess = image - smooth
    # A pixel beside a hit belongs to it if it holds a fair share of the charge: not less
    # than the diffusion leaves there, and not more, for that may be a star's.
    beside = ndimage.maximum_filter(np.where(hits, excess, 0), 3)
    share = (excess > GROW_SHARE * beside) & (excess < beside)
    bright = excess > GROW_SIGMA * np.sqrt(read_noise**2 + np.maximum(smooth, 0))
    hits |= (ndimage.binary_dilation(hits, EIGHT) & share & bright & ~blind) | rays
    sure = grown(hits & (image - background > EVENT_ELECTRONS), hits)
    return sure, hits & ~sure


def _sharp(height, sigma):
    """Return the pixels that are far narrower than the PSF along some direction."""
    sharp = np.zeros(height.shape, bool)
    for step, contrast in (
        ((0, 1), SIDE_CONTRAST),
        ((1, 0), SIDE_CONTRAST),
        ((1, 1), DIAGONAL_CONTRAST),
        ((1, -1), DIAGONAL_CONTRAST),
    ):
        pair = (np.roll(height, step, (0, 1)) + np.roll(height, (-step[0], -step[1]), (0, 1))) / 2
        sharp |= pair + 2 * sigma < contrast * height
    sharp &= height > SEED_SIGMA * sigma
    sharp[[0, -1]] = sharp[:, [0, -1]] = False
    return sharp


def _median_of_others(image, hits):
    """Return the median of the 5x5 around each pixel, without the hits in it."""
    filled = np.where(hits, ndimage.percentile_filter(image, 25, 7), image)
    return ndimage.median_filter(filled, 5)


def _saturated_groups(image, background, saturated):
    """Return the saturated pixels of stars, which have a halo, and of cosmic rays, which have none."""
    labels, count = ndimage.label(saturated, EIGHT)
    stars = np.zeros(image.shape, bool)
    floor = np.median(background)
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        inner, outer = ([slice(max(s.start - r, 0), s.stop + r) for s in place] for r in HALO_RADII)
        ring = np.zeros(image.shape, bool)
        ring[tuple(outer)], ring[tuple(inner)] = True, False
        if np.percentile(image[ring], 25) > floor + HALO_ELECTRONS:
            stars |= labels == number
    return stars, grown(saturated & ~stars, saturated & ~stars)


def figures(path, threshold=0.5):
    """Print TPR and FPR with and without `protect_saturated`.

    Parameters
    ----------
    path : path-like
        An ACS/HRC ``_flt.fits``.
    threshold : float

    Returns
    -------
    Masks
    """
    with fits.open(path, memmap=False) as hdus:
        header, image = hdus[0].header, hdus["SCI"].data.astype(np.float32)
        flags = hdus["DQ"].data
    full_well = instruments.find(header["INSTRUME"], header["DETECTOR"]).full_well
    saturated = dq.is_saturated(image, full_well, flags)
    read_noise = max(float(header[f"READNSE{amplifier}"]) for amplifier in header["CCDAMP"])
    use = (flags & ~dq.SATURATED) == 0
    truth, undecided = truth_of(image, saturated, read_noise)
    use &= ~undecided
    plain, protected = (
        acs_deepcr_step.clean(image, inpaint=None, threshold=threshold, dq=flags, protect_saturated=protect)[
            0
        ]
        for protect in (False, True)
    )
    near = guard.near(saturated)
    events, pixels = count_events(truth & use), np.count_nonzero(truth & use)
    print(f"{events} events ({pixels} pixels) in the truth; {found(plain, truth, use):.3f} of them found")
    for name, where in (("all", use), ("away from saturated pixels", use & ~near)):
        for what, mask in (("without", plain), ("with", protected)):
            tpr, fpr = score(mask, truth, where)
            count = np.count_nonzero(mask & where)
            print(f"{name}, {what} protect_saturated: {count} flags, TPR {tpr:.3f}, FPR {fpr:.2e}")
    return Masks(image, truth, plain, protected)


def draw(picture, masks):
    """Draw pieces of the image with truth and flags over them.

    Parameters
    ----------
    picture : path-like
        PNG to write.
    masks : Masks
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(21, 14), layout="constrained")
    for column, (y, x) in enumerate(((300, 300), (620, 500), (800, 100))):
        piece = np.s_[y : y + 160, x : x + 160]
        image = masks.image[piece]
        grey = np.arcsinh((image - np.percentile(image, 20)) / 20)
        truth, flags = np.zeros((2, *grey.shape, 4))
        truth[masks.truth[piece]] = (1, 0.8, 0, 0.7)
        flags[masks.protected[piece]] = (1, 0, 0, 0.7)
        flags[(masks.plain & ~masks.protected)[piece]] = (0, 0.8, 1, 0.7)
        for axis, colour in zip(axes[:, column], (truth, flags), strict=True):
            axis.imshow(grey, cmap="gray", origin="lower")
            axis.imshow(colour, origin="lower")
    axes[0, 1].set_title("truth (yellow)")
    axes[1, 1].set_title("flags (red), removed by protect_saturated (blue)")
    figure.savefig(picture, dpi=60)


def main():
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", nargs="?", default=shipped(), type=Path)
    parser.add_argument("--picture", help="write a PNG of some pieces")
    options = parser.parse_args()
    masks = figures(options.path)
    if options.picture:
        draw(options.picture, masks)


if __name__ == "__main__":
    main()
