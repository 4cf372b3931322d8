"""Chips of every kind that the simulator has, for a network that is to learn from simulated exposures alone.

What is simulated is narrower than the sky: its PSF is that of one focus, its sky is flat. A small network
that has seen nothing else takes what differs for cosmic rays. So here field, filter, exposure time, crowding
and rate of cosmic rays are drawn widely, and the light goes through optics and a sky that are drawn too: a
broader, stretched or doubled PSF, haloes, a bright and structured sky.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import fft, ndimage

from ... import simulate
from ...arrays import background
from ..samples import FIELD_OF, Origin, Sample, ignored

__all__ = [
    "CHIPS_PER_SET", "MIN_EXPTIME", "MOST", "SHARP", "Kind", "Optics", "draw", "expose", "samples",
    "seen_through",
]  # fmt: skip

CHIPS_PER_SET = 10  # chips that go to training or to validation together
MIN_EXPTIME = 30.0  # seconds
SHARP = 0.25

_SIDE = 768  # pixels
_FILTERS = ("F435W", "F606W", "F814W")
_LONGEST = 1200.0  # seconds
# The numbers by which a chip's own generators differ from those that its seed gives the simulator.
_KIND, _SKY = 7, 8
MOST = 1_000_000  # chips of one seed


@dataclass(frozen=True)
class Optics:
    """What becomes of the simulator's light before it is collected.

    Attributes
    ----------
    scale : float
        How many times wider everything is: a camera with smaller pixels, 1 or more.
    blur : tuple of float
        Gaussian along rows and columns, pixels rms; 0: none.
    double : tuple of float
        Rows and columns by which a second image of the light lies beside the first, pixels.
    double_share : float
        Share of the light in it.
    halo : float
        Share of the light that is spread into a wide halo.
    halo_width : float
        Pixels rms.
    """

    scale: float = 1.0
    blur: tuple[float, float] = (0.0, 0.0)
    double: tuple[float, float] = (0.0, 0.0)
    double_share: float = 0.0
    halo: float = 0.0
    halo_width: float = 12.0


@dataclass(frozen=True)
class Kind:
    """What one chip shows.

    Attributes
    ----------
    field : {'sparse', 'crowded', 'galaxies'}
    filter : str
    exptime : float
        Seconds.
    optics : Optics
    glow : float
        Mean of the structured sky, electrons; 0: none.
    glow_slope : float
        Of its power spectrum: the larger, the smoother.
    options : simulate.SimulationOptions
    """

    field: str
    filter: str
    exptime: float
    optics: Optics
    glow: float
    glow_slope: float
    options: simulate.SimulationOptions


def draw(seed, sharp=SHARP):
    """Draw the kind of a chip.

    Parameters
    ----------
    seed : int
    sharp : float
        Share of the chips whose cosmic rays are the sharp tracks of version 1; the others' are of version 2.

    Returns
    -------
    Kind
        The same for the same seed.
    """
    rng = np.random.default_rng([seed, _KIND])
    # Among stars and galaxies the doubtful pixels are.
    field = rng.choice(("sparse", "crowded", "galaxies"), p=(0.3, 0.35, 0.35))
    exptime = float(np.exp(rng.uniform(np.log(MIN_EXPTIME), np.log(_LONGEST))))
    if rng.random() < 0.4:  # most of the archive's exposures are long
        exptime = float(rng.uniform(300, _LONGEST))
    crowding = float(np.exp(rng.uniform(np.log(0.4), np.log(4.0)))) if field == "crowded" else 1.0
    options = simulate.SimulationOptions(
        # More in short exposures than there are, or nothing would be learnt from them.
        cr_rate=float(rng.uniform(1.0, 3.0) * max(1.0, np.sqrt(500 / exptime))),
        star_density=crowding if field == "crowded" else float(rng.uniform(0.5, 2.0)),
        galaxy_density=float(np.exp(rng.uniform(np.log(0.5), np.log(5.0)))),
        sky=_sky(rng),
        cosmic_ray_version=int(rng.choice((1, 2), p=(sharp, 1 - sharp))),
        gain=float(rng.choice((1.0, 2.0), p=(0.2, 0.8))),
    )
    glows = rng.random() < 0.3
    return Kind(
        str(field),
        str(rng.choice(_FILTERS)),
        round(exptime, 1),
        _optics(rng),
        float(np.exp(rng.uniform(np.log(10.0), np.log(1500.0)))) if glows else 0.0,
        float(rng.uniform(1.6, 4.0)),
        options,
    )


def _sky(rng):
    """Draw the sky, electrons: the filter's own, a bright one, or too much of it subtracted."""
    choice = rng.random()
    if choice < 0.75:
        return None
    return float(np.exp(rng.uniform(np.log(5.0), np.log(2000.0)))) if choice < 0.97 else -5.0


def _optics(rng):
    """Draw optics; those of a quarter of the chips are the simulator's own."""
    optics = Optics()
    if rng.random() < 0.3:
        optics = replace(optics, scale=rng.uniform(1.0, 2.0))
    if rng.random() < 0.4:
        width, stretch = rng.uniform(0.2, 1.1), rng.uniform(0.75, 1.33)
        optics = replace(optics, blur=(width * stretch, width / stretch))
    if rng.random() < 0.3:
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.4, 1.6)
        double = float(distance * np.sin(angle)), float(distance * np.cos(angle))
        optics = replace(optics, double=double, double_share=rng.uniform(0.1, 0.5))
    if rng.random() < 0.4:
        optics = replace(optics, halo=rng.uniform(0.02, 0.2), halo_width=rng.uniform(3.0, 30.0))
    return optics


def samples(count, seed=0, sharp=SHARP):
    """Simulate chips of every kind.

    Parameters
    ----------
    count : int
        Number of chips.
    seed : int
        The same seed gives the same pixels.
    sharp : float
        As for `draw`.

    Yields
    ------
    Sample
        Its sky is the level that a network's input is scaled by when it is used: that of the image, cosmic
        rays and all.
    """
    for number in range(count):
        own = seed * MOST + number
        kind = draw(own, sharp)
        chip = expose(kind, own)
        name = f"simulated_{seed}_{number // CHIPS_PER_SET:04d}"
        origin = Origin(
            name, f"{name}_{number % CHIPS_PER_SET}", 1, kind.filter, FIELD_OF[kind.field], kind.exptime
        )
        yield Sample(chip.sci, chip.cr, ignored(chip.sci, chip.dq_clean), background.level(chip.sci), origin)


def expose(kind, seed, side=_SIDE):
    """Simulate a chip of a kind.

    Parameters
    ----------
    kind : Kind
    seed : int
    side : int
        Rows, and columns.

    Returns
    -------
    simulate.SimulatedChip
        Its catalogue of stars holds what they were before the optics.
    """

    def change(light):
        seen = seen_through(light, kind.optics)
        if kind.glow:
            seen += kind.glow * _clouds(light.shape, kind.glow_slope, np.random.default_rng([seed, _SKY]))
        return seen

    return simulate.chip(
        (side, side), kind.exptime, kind.filter, kind.field, seed, options=kind.options, change=change
    )


def seen_through(light, optics):
    """Return light as other optics show it.

    Parameters
    ----------
    light : ndarray, (R, C), float32
        Electrons.
    optics : Optics

    Returns
    -------
    ndarray, (R, C), float32
        With the same sum, but for what crosses the edges, and what is beside the middle if it is magnified.
    """
    seen = _magnified(light, optics.scale) if optics.scale > 1 else light.copy()
    if any(optics.blur):
        seen = ndimage.gaussian_filter(seen, optics.blur, mode="nearest")
    if optics.double_share:
        second = ndimage.shift(seen, optics.double, order=1, mode="nearest")
        seen += np.float32(optics.double_share) * (second - seen)
    if optics.halo:
        wide = ndimage.gaussian_filter(seen, optics.halo_width, mode="nearest", truncate=3)
        seen += np.float32(optics.halo) * (wide - seen)
    return seen


def _magnified(light, scale):
    """Return the middle of an image, so many times larger, each source as bright as before."""
    inner = [int(np.ceil(length / scale)) for length in light.shape]
    box = tuple(
        slice((length - n) // 2, (length - n) // 2 + n) for length, n in zip(light.shape, inner, strict=True)
    )
    factors = [length / n for length, n in zip(light.shape, inner, strict=True)]
    larger = ndimage.zoom(light[box], factors, order=3, mode="nearest", grid_mode=True)
    return np.clip(larger, 0, None) / np.float32(np.prod(factors))


def _clouds(shape, slope, rng):
    """Return clouds and filaments: the exponential of a random field.

    Parameters
    ----------
    shape : tuple of int
    slope : float
        Its power falls with this power of the frequency.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray, (R, C), float32
        With the mean 1.
    """
    frequency = np.hypot(fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])[None, :])
    # No finer than 2 pixels rms, or it could not be told from noise.
    amplitude = np.maximum(frequency, 1 / max(shape)) ** (-slope / 2)
    amplitude *= np.exp(-2 * (2 * np.pi * frequency) ** 2)
    field = fft.irfft2(fft.rfft2(rng.standard_normal(shape)) * amplitude, shape)
    field = np.exp(field / field.std())
    return (field / field.mean()).astype(np.float32)
