"""Chips of exposures of one field, from arrays and a WCS alone, and what they decide together."""

from dataclasses import replace

import numpy as np
from astropy.wcs import WCS

from acs_deepcr_step.arrays.background_map import BackgroundMap
from acs_deepcr_step.config.decision import Decision
from acs_deepcr_step.flagging.consensus import pointing
from acs_deepcr_step.flagging.consensus.candidates import candidates
from acs_deepcr_step.flagging.consensus.comparison import compared
from acs_deepcr_step.flagging.consensus.decision import decide
from acs_deepcr_step.flagging.consensus.field_chip import FieldChip
from acs_deepcr_step.flagging.consensus.starfit import find_stars
from acs_deepcr_step.work import calibrations

SHAPE, SKY, NOISE, FULL = (160, 160), 50.0, 8.0, 70_000
STAR = (80.3, 60.2)
CALIBRATION = calibrations.load("ACS-WFC")
KNOWN_ERROR = 0.1  # pixels, of the WCS within a visit


def tangent_plane(dx=0.0, dy=0.0):
    """A WCS in which the sky is shifted by so many pixels."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [150.0, 2.0]
    wcs.wcs.crpix, wcs.wcs.cdelt = [80 + dx, 80 + dy], [-1.4e-5, 1.4e-5]
    wcs.wcs.set()
    return wcs


def stars(number=40):
    """Places (y, x) and peaks of some stars away from STAR, always the same."""
    rng = np.random.default_rng(5)
    y, x = rng.uniform(8, 152, (2, number))
    near = np.hypot(y - STAR[0], x - STAR[1]) < 15
    return list(zip(y[~near], x[~near], rng.uniform(400, 4000, number)[~near], strict=True))


def grid(peak):
    """Stars of one peak that do not touch."""
    return [(y, x, float(peak)) for y in range(20, 150, 16) for x in range(20, 150, 16)]


def member(seed, sources, *, dx=0.0, dy=0.0, exptime=500.0, claimed=None, width=1.1, sky=SKY):
    """An exposure of sources (y, x, peak in 500 s), shifted by dx, dy, as its WCS knows."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    light = np.full(SHAPE, float(sky))
    for y, x, peak in sources:
        light += (
            peak * exptime / 500 * np.exp(-((rows - y - dy) ** 2 + (columns - x - dx) ** 2) / (2 * width**2))
        )
    image = (rng.poisson(light) + 4 * rng.standard_normal(SHAPE)).astype(np.float32)
    return chip_of(image, tangent_plane(*(claimed or (dx, dy))), exptime=exptime, sky=sky)


def chip_of(image, wcs, *, full=FULL, exptime=500.0, sky=SKY):
    """A chip without cosmic rays, on a sky that is the same everywhere, with its stars measured."""
    background = BackgroundMap.flat(SHAPE, sky, np.sqrt(sky + 16))
    nothing = np.zeros(SHAPE, bool)
    return with_stars(
        FieldChip(
            image - np.float32(sky), np.zeros(SHAPE, np.int16), image >= full, background,
            wcs=wcs, exptime=exptime, bad=nothing,
        )
    )  # fmt: skip


def hit(one, charges):
    """The member with charge and probability set: {(row, column): (electrons, p)}."""
    net, scaled = one.net.copy(), one.scaled_probability.copy()
    for (row, column), (electrons, p) in charges.items():
        net[row, column] += electrons
        scaled[row, column] = round(10_000 * p)
    saturated = one.saturated | (net + one.background.typical_level >= FULL)
    return with_stars(replace(one, net=net, scaled_probability=scaled, saturated=saturated))


def with_stars(one):
    """The member with its stars measured."""
    return replace(one, stars=find_stars(one))


def stars_of(one):
    """The stars of a chip, as the pointing of an exposure is measured from."""
    return [pointing.ChipStars(one.wcs, one.net.shape, one.stars, one.exptime)]


def pointing_of(target, other, known_error=KNOWN_ERROR):
    """Where another exposure lies, by its stars."""
    return pointing.measure(stars_of(target), stars_of(other), known_error)


def compared_with(target, others, *, known_error=KNOWN_ERROR, threshold=0.5):
    """The candidates of an exposure, and what each of the others shows."""
    found = candidates(target, threshold)
    return found, [
        compared(found, target, [other], pointing_of(target, other, known_error)) for other in others
    ]


def decided(target, *others, decision=None, known_error=KNOWN_ERROR):
    """Reasons that the others lead to, as a run finds them: those that say nothing are not used."""
    decision = decision or Decision()
    found, asked = compared_with(target, others, known_error=known_error, threshold=decision.threshold)
    used = [one for one in asked if one.is_used(found, CALIBRATION)]
    return decide(target, found, used, CALIBRATION, decision)
