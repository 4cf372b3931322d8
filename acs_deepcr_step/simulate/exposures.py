"""Single chips and dithered associations."""

import string
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from ..arrays.numerics import numpy_defaults
from ..config.arguments import FUNCTION, NUMBER, PATH, SEED, SHAPE, TEXT, WHOLE, checked, optional
from . import (
    backdrop,
    cameras,
    changes,
    colours,
    detector,
    filters,
    headers,
    outputs,
    psf_field,
    rendering,
    scene,
    truth,
    wcs,
)
from .chip_image import expose
from .detector import Detector
from .field import Place
from .headers import Observation
from .named_errors import TIMES, named_errors
from .options import DITHERS, SimulationOptions, resolve
from .projections import FlatProjection, SkyProjection
from .scene import Region, Scene
from .seeds import Stream, generator
from .wcs import Pointing

__all__ = ["association", "chip"]

_MARGIN = 64  # pixels of sky around the frame of the first exposure
_LETTERS = string.ascii_lowercase
_MOST = len(_LETTERS) ** 2  # exposures of an association: their rootnames differ by two letters


@named_errors
@checked(
    shape=SHAPE, exptime=NUMBER, filter=TEXT, field=TEXT, seed=SEED, change=optional(FUNCTION)
)  # fmt: skip
@numpy_defaults()
def chip(
    shape=(512, 512), exptime=500.0, filter="F814W", field="sparse", seed=0,
    *, options=None, change=None, **keywords,
):  # fmt: skip
    """Simulate one chip, without files and distortion.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns; amplifiers A and B read the halves.
    exptime : float
        Seconds.
    filter : str
        E.g. ``F814W``, or ``F606W+POL0V`` with a polariser.
    field : {'sparse', 'crowded', 'galaxies'}
    seed : int
        The same seed gives the same pixels.
    options : SimulationOptions, optional
    change : callable, optional
        Takes what is expected of the sources, (R, C) float32 electrons without sky, and returns it as it is
        collected: seen through other optics, with more light. The catalogue of stars stays.
    **keywords
        Fields of `SimulationOptions`.

    Returns
    -------
    SimulatedChip

    Raises
    ------
    ParameterError
        If there is no such filter or field; it is a ValueError, too.
    ParameterTypeError
        For an argument of the wrong kind; it is a TypeError, too.
    TypeError
        For a keyword that is not an option.
    """
    options = resolve(options, keywords)
    camera = cameras.find(options.camera)
    bandpass = filters.lookup(filter, camera.bandpasses)
    options.check_numbers(1)
    region = Region(-_MARGIN, -_MARGIN, shape[1] + _MARGIN, shape[0] + _MARGIN)
    sky = scene.draw(field, region, bandpass, options, generator(seed, Stream.SCENE))
    first_column = camera.chip_shape[1] // 2 - shape[1] // 2
    sections = detector.sections(1, shape[1], first_column, camera.electronics)
    ccd = detector.draw(shape, sections, options, generator(seed, Stream.DETECTOR, 1))
    sky, place = colours.seen_through(sky, bandpass, options, seed), Place.alone(shape)
    light = rendering.render(sky, shape, FlatProjection(), _points(bandpass, place, 0, options), exptime)
    if change is not None:
        light = replace(light, electrons=change(light.electrons))
    behind = backdrop.of(options, bandpass, exptime)
    return expose(light, ccd, behind, place, exptime, options, generator(seed, Stream.EXPOSURE, 0, 1))


def _points(bandpass, place, index, options):
    """Return the PSF of an exposure over an array."""
    if not options.psf_changes:
        return psf_field.uniform(bandpass, cameras.find(options.camera))
    return psf_field.changing(bandpass, cameras.find(options.camera), place, options.one("focus", index))


@named_errors
@checked(outdir=PATH, n=WHOLE, shape=SHAPE, chips=WHOLE, exptime=TIMES, filter=TEXT, field=TEXT, seed=SEED)
@numpy_defaults()
def association(
    outdir, n=4, shape=(2048, 4096), chips=2, filter="F814W", exptime=500.0, field="sparse", seed=0,
    *, options=None, **keywords,
):  # fmt: skip
    """Simulate the dithered exposures of one field and write them as calacs would.

    Parameters
    ----------
    outdir : str or Path
        Made if need be.
    n : int
        Exposures, 1 to 8 (more with `SimulationOptions.dithers`, at most 676).
    shape : tuple of int
        Rows and columns of a chip; smaller ones are the part of the chip at the gap, central columns.
    chips : {2, 1}
        Two: EXTVER 1 is CCDCHIP 2 and EXTVER 2 is CCDCHIP 1. One: a subarray of CCDCHIP 1.
    filter : str
        E.g. ``F814W``, or ``F606W+POL0V`` with a polariser.
    exptime : float or sequence of float
        Seconds, for all exposures or one for each.
    field : {'sparse', 'crowded', 'galaxies'}
    seed : int
        The same seed gives the same pixels. An exposure's sky, defects and noise do not depend on `n`.
    options : SimulationOptions, optional
    **keywords
        Fields of `SimulationOptions`.

    Returns
    -------
    list of Path
        ``j8sm01aaq_flc.fits``, ``j8sm01abq_flc.fits``, ...; ``j8sm01010_asn.fits`` and the truth
        (``<root>_flc_truth.fits``) lie beside them.

    Raises
    ------
    ParameterError
        If there is no such filter or field, for a shape or a number of exposures or chips that cannot be,
        and if a list has not one value per exposure. It is a ValueError, too. Nothing is written then.
    InputError
        If other files than simulated ones have these names. Nothing is written then.
    ParameterTypeError
        For an argument of the wrong kind; it is a TypeError, too.
    TypeError
        For a keyword that is not an option.
    """
    options = resolve(options, keywords)
    camera = cameras.find(options.camera)
    bandpass = filters.lookup(filter, camera.bandpasses)
    exptimes = _per_exposure(exptime, n, "exptime")
    options.check_numbers(n)
    windows = tuple(wcs.windows(shape, chips, camera))
    rolls = _per_exposure(0.0 if options.rolls is None else options.rolls, n, "rolls")
    asn = f"{options.root}010"
    observations = [
        Observation(
            rootname=f"{options.root}{_LETTERS[i // 26]}{_LETTERS[i % 26]}q",
            association=asn,
            index=i,
            exptime=exptimes[i],
            start=headers.start_of(i, exptimes),
            roll=rolls[i],
            bandpass=bandpass,
            windows=windows,
            camera=camera,
        )
        for i in range(n)
    ]
    outdir = Path(outdir)
    made = [outdir / f"{one.rootname}_flc.fits" for one in observations]
    outputs.require_replaceable([*made, *map(truth.truth_path, made), outdir / f"{asn}_asn.fits"])
    visit = _set_up(observations, field, seed, options)
    outdir.mkdir(parents=True, exist_ok=True)
    paths = [_write(visit, observation, outdir) for observation in observations]
    table = headers.association_table(asn, [one.rootname for one in observations], camera)
    table.writeto(outdir / f"{asn}_asn.fits", overwrite=True)
    return paths


@dataclass(frozen=True, eq=False)
class _Pointings:
    """Where the telescope looks by the header of an exposure, and where it really does."""

    claimed: Pointing
    true: Pointing


@dataclass(frozen=True, eq=False)
class _Visit:
    """What the exposures of an association have in common.

    Attributes
    ----------
    field : str
    seed : int
    options : SimulationOptions
    plane : astropy.wcs.WCS
        The sky plane.
    region : Region
        The part of it that is filled.
    scene : Scene
    detectors : dict of int to Detector
        By CCDCHIP.
    pointings : tuple of _Pointings
        One per exposure.
    """

    field: str
    seed: int
    options: SimulationOptions
    plane: WCS
    region: Region
    scene: Scene
    detectors: dict[int, Detector]
    pointings: tuple[_Pointings, ...]


def _set_up(observations, field, seed, options):
    windows, bandpass = observations[0].windows, observations[0].bandpass
    start = Pointing(options.ra, options.dec, options.orientation, camera=cameras.find(options.camera))
    pointings = _pointings(start, observations, options)
    plane = wcs.tangent_plane(start, windows)
    region = _region(plane, windows, start, [pointing.true for pointing in pointings])
    sky = scene.draw(field, region, bandpass, options, generator(seed, Stream.SCENE))
    sky = colours.seen_through(sky, bandpass, options, seed)
    detectors = {w.chip: _detector(w, seed, options) for w in windows}
    return _Visit(field, seed, options, plane, region, sky, detectors, pointings)


def _detector(window, seed, options):
    electronics = cameras.find(options.camera).electronics
    sections = detector.sections(window.chip, window.shape[1], window.x0, electronics)
    return detector.draw(window.shape, sections, options, generator(seed, Stream.DETECTOR, window.chip))


def _pointings(start, observations, options):
    n = len(observations)
    if options.dithers is None and n > len(DITHERS):
        raise ValueError(f"{n} exposures need {n} dithers; give them, the default pattern has {len(DITHERS)}")
    dithers = _pairs(DITHERS[:n] if options.dithers is None else options.dithers, n, "dithers")
    offsets = _pairs(np.zeros((n, 2)) if options.offsets is None else options.offsets, n, "offsets")

    def pointing(observation, move):
        return start.moved(observation.windows[0], move[0], move[1], observation.roll)

    return tuple(
        _Pointings(pointing(one, dither), pointing(one, dither + offset))
        for one, dither, offset in zip(observations, dithers, offsets, strict=True)
    )


def _region(plane, windows, start, pointings):
    """Return the part of the plane to fill.

    It is what usual dithers see, grown in coarse steps where others see more: so that the same seed gives
    the same sky for most sets of exposures.
    """
    first = _corners(plane, windows, start)
    seen = np.concatenate([_corners(plane, windows, pointing) for pointing in pointings])
    low, high = first.min(0) - _MARGIN, first.max(0) + _MARGIN
    over = max((low + _MARGIN / 2 - seen.min(0)).max(), (seen.max(0) - high + _MARGIN / 2).max(), 0)
    over = _MARGIN * np.ceil(over / _MARGIN)
    return Region(*(low - over), *(high + over))


def _corners(plane, windows, pointing):
    """Return the four corners of each window of an exposure on the plane, (N, 2)."""
    found = []
    for window in windows:
        rows, columns = window.shape
        projection = SkyProjection(plane, pointing.wcs(window), window.shape)
        found.append(projection.to_plane(np.array([0, columns, 0, columns]), np.array([0, 0, rows, rows])))
    return np.concatenate(found)


def _write(visit, observation, outdir):
    """Expose and write one exposure and its truth; return its path."""
    path = outdir / f"{observation.rootname}_flc.fits"
    seen = changes.scene_at(visit.scene, visit.region, visit.options, visit.seed, observation.index)
    hdus = [fits.PrimaryHDU(header=headers.primary_header(observation, visit.options))]
    truths = []
    for window in observation.windows:
        made = _expose_window(visit, observation, window, seen)
        hdus += _extensions(visit, observation, window, made)
        truths.append(
            truth.ChipTruth(window.extver, window.chip, made.cr, made.cr_charge, made.dq_clean, made.stars)
        )
    fits.HDUList(hdus).writeto(path, overwrite=True)
    truth.write_truth(path, truths, visit.field)
    return path


def _expose_window(visit, observation, window, seen):
    pointing, bandpass = visit.pointings[observation.index].true, observation.bandpass
    projection = SkyProjection(visit.plane, pointing.wcs(window), window.shape)
    place, index, exptime = Place.of(window, observation.windows), observation.index, observation.exptime
    points = _points(bandpass, place, index, visit.options)
    light = rendering.render(seen, window.shape, projection, points, exptime)
    behind = backdrop.of(visit.options, bandpass, exptime, index)
    rng = generator(visit.seed, Stream.EXPOSURE, index, window.chip)
    return expose(light, visit.detectors[window.chip], behind, place, exptime, visit.options, rng)


def _extensions(visit, observation, window, made):
    claimed = visit.pointings[observation.index].claimed
    arrays = {
        "SCI": (made.sci, headers.science_header(observation, window, claimed, made.dq)),
        "ERR": (made.err, headers.array_header(observation, window, "ELECTRONS")),
        "DQ": (made.dq, headers.array_header(observation, window, "UNITLESS")),
    }
    return [
        fits.ImageHDU(data, header, name=name, ver=window.extver) for name, (data, header) in arrays.items()
    ]


def _per_exposure(value, n, name):
    if not 1 <= n <= _MOST:
        raise ValueError(f"an association has 1 to {_MOST} exposures, not {n}")
    values = [float(v) for v in (np.broadcast_to(value, (n,)) if np.ndim(value) == 0 else value)]
    if len(values) != n:
        raise ValueError(f"{name} has {len(values)} values for {n} exposures")
    return values


def _pairs(values, n, name):
    values = np.asarray(values, dtype=float)
    if values.shape != (n, 2):
        raise ValueError(f"{name} has the shape {values.shape}; {n} exposures need {n} pairs of pixels")
    return values
