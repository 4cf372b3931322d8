"""Cosmic rays: ionisation tracks through a thinned CCD.

The particles come isotropically, so cos(theta) at a flat detector is distributed as the square root of a
uniform number. A relativistic particle of charge z leaves in silicon the Landau-distributed energy of the
Particle Data Group's review (most probable loss; width xi), z squared times as much for a nucleus, with
3.62 eV per electron. Electrons that it knocks on with more than `_DELTA_ENERGY` (delta rays) leave the track
and wander, which makes worms and tails. On its way to the pixels the charge diffuses, most where it was made
near the back of the chip. The rate is free, and the depth and the diffusion are those of ``silicon``. Those
of version 1 are free within what ACS shows: about 1.0 to 1.3 events per second and cm2, 1.5 per cent of the
pixels in 1000 s, a median near 1000 electrons, few below 500, 4 pixels in size. In version 2 some particles
are slower than minimum ionising ones: secondaries and albedo protons of 70 MeV and more.

Nuclei heavier than the proton are primaries only, and primaries are the lesser part of what hits a CCD in
low Earth orbit. The Particle Data Group's spectrum of nucleons is 1.8e4 E^-2.7 per (m2 s sr GeV); above the
some 5 GeV that the Earth's field lets pass, this gives 0.07 per (s cm2 sr), or 0.3 events per second and cm2
of detector where the Earth hides a third of the sky: a quarter of the observed rate. The rest are
secondaries, of charge one, from the spacecraft and the atmosphere. So the nuclei have a quarter of their
galactic abundances here.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import erf

from .silicon import SHARP

__all__ = ["charge"]

_EV_PER_ELECTRON = 3.62
_BETA_GAMMA = 3.0  # minimum ionising; most of the galactic protons that reach low Earth orbit
_SLOWEST = 0.4  # of the slow ones: protons of 70 MeV; what is slower stops in the spacecraft
# Charges, and shares among galactic cosmic rays at some GeV per nucleon: He, CNO, Ne-Si, Fe.
_NUCLEI = np.array([2, 7, 12, 26])
_ABUNDANCES = np.array([0.082, 0.0044, 0.0013, 0.0003])
_PRIMARY_SHARE = 0.25  # of all events; the rest, and most of the primaries, are of charge one
_CHARGES = np.array([1, *_NUCLEI])
_SHARES = np.array([1 - _PRIMARY_SHARE * _ABUNDANCES.sum(), *(_PRIMARY_SHARE * _ABUNDANCES)])
_DIFFUSION_REACH = 2  # pixels on each side that get some of a point's charge
_SPACING = 0.25  # pixels between the points that stand for a track
_DELTA_ENERGY = 20e3  # eV: a knocked-on electron of this energy has a range of some 5 micron
_DELTA_STEPS = 24  # points that stand for its path


@dataclass(frozen=True, eq=False)
class _Particles:
    """The particles that hit a chip; arrays of shape (N,).

    Attributes
    ----------
    cosine : ndarray
        Of the angle between path and chip's normal.
    path : ndarray
        Length in the silicon, micron.
    energy : ndarray
        Energy lost, eV.
    xi : ndarray
        Landau width of the loss, eV.
    """

    cosine: np.ndarray
    path: np.ndarray
    energy: np.ndarray
    xi: np.ndarray


@dataclass(frozen=True, eq=False)
class _Lines:
    """The paths of particles on the chip; arrays of shape (N,).

    Attributes
    ----------
    x0, y0 : ndarray
        Where they enter, pixels.
    length : ndarray
        Pixels.
    cosine, sine : ndarray
        Of their direction.
    """

    x0: np.ndarray
    y0: np.ndarray
    length: np.ndarray
    cosine: np.ndarray
    sine: np.ndarray

    def at(self, particle, share):
        """Return x and y where the given particles have gone a share (0 to 1) of their paths."""
        way = share * self.length[particle]
        return self.x0[particle] + way * self.cosine[particle], self.y0[particle] + way * self.sine[particle]


@dataclass(frozen=True, eq=False)
class _Points:
    """Points that stand for the charge that was set free; arrays of shape (K,).

    Attributes
    ----------
    x, y : ndarray
        Pixels.
    depth : ndarray
        From 0, the front of the chip, to 1, its back.
    electrons : ndarray
    """

    x: np.ndarray
    y: np.ndarray
    depth: np.ndarray
    electrons: np.ndarray


def charge(shape, exptime, rate, rng, silicon=SHARP):
    """Draw the cosmic rays of one exposure.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the chip.
    exptime : float
        Seconds.
    rate : float
        Events per second and cm2.
    rng : numpy.random.Generator
    silicon : silicon.Silicon, optional
        Of the chip; by default that of version 1.

    Returns
    -------
    ndarray, (R, C), float32
        Whole electrons that the events leave in each pixel, before any saturation.
    """
    area = shape[0] * shape[1] * (silicon.pixel_um * 1e-4) ** 2
    number = rng.poisson(rate * exptime * area)
    if number == 0:
        return np.zeros(shape, np.float32)
    particles = _particles(number, silicon, rng)
    lines = _lines(shape, particles, silicon, rng)
    expected = _collected(shape, _tracks(particles, lines, silicon, rng), silicon)
    hit = np.flatnonzero(expected > 1e-3)
    electrons = np.zeros(expected.size, np.float32)
    electrons[hit] = rng.poisson(expected[hit])
    return electrons.reshape(shape)


def _particles(number, silicon, rng):
    cosine = np.sqrt(rng.uniform(1e-4, 1, number))
    path = silicon.depth_um / cosine
    charges = rng.choice(_CHARGES, number, p=_SHARES)
    speed = _BETA_GAMMA
    if silicon.slow:
        slow = rng.random(number) < silicon.slow
        speed = np.where(slow, rng.uniform(_SLOWEST, _BETA_GAMMA, number), _BETA_GAMMA)
    beta2 = speed**2 / (1 + speed**2)
    xi = 17.84 * path / beta2 * charges**2  # (K/2) <Z/A> rho x / beta2, with 2.33 g/cm3
    most_probable = xi * (np.log(2 * 511e3 * speed**2 / 173.0) + np.log(xi / 173.0) + 0.2 - beta2)
    # A standard Landau variable (stable law of index 1, skewness 1) by Chambers, Mallows and Stuck; its
    # mode is -0.22.
    u = rng.uniform(-np.pi / 2, np.pi / 2, number)
    w = rng.exponential(size=number)
    x = (np.pi / 2 + u) * np.tan(u) - np.log((np.pi / 2 * w * np.cos(u)) / (np.pi / 2 + u))
    landau = np.minimum(x + np.log(np.pi / 2) + 0.222, 400.0)  # faster electrons leave the thin chip
    binding = rng.normal(size=number) * 2.0  # electrons are bound: thin layers straggle more than Landau's
    energy = np.maximum(most_probable + xi * landau + xi * binding / charges, 0.2 * most_probable)
    return _Particles(cosine, path, energy, xi)


def _lines(shape, particles, silicon, rng):
    """Draw where the particles go; the middle of each path lies anywhere on the chip."""
    number = particles.path.size
    length = particles.path * np.sqrt(1 - particles.cosine**2) / silicon.pixel_um
    angle = rng.uniform(0, 2 * np.pi, number)
    cosine, sine = np.cos(angle), np.sin(angle)
    x0 = rng.uniform(-0.5, shape[1] - 0.5, number) - 0.5 * length * cosine
    y0 = rng.uniform(-0.5, shape[0] - 0.5, number) - 0.5 * length * sine
    return _Lines(x0, y0, length, cosine, sine)


def _tracks(particles, lines, silicon, rng):
    """Return the charge along all paths, and that of the delta rays."""
    excess = particles.energy - 12 * particles.xi  # what a hard collision took beyond the usual loss
    delta_energy = np.where(excess > _DELTA_ENERGY, excess, 0.0)
    steps = np.maximum(np.ceil(lines.length / _SPACING), 6).astype(int)
    event = np.repeat(np.arange(steps.size), steps)
    first = np.cumsum(steps) - steps
    share = (np.arange(event.size) - first[event] + 0.5) / steps[event]
    # The loss fluctuates along the track; gamma weights of shape 3 resemble that of steps of some micron.
    weight = rng.gamma(3.0, size=event.size)
    weight /= np.add.reduceat(weight, first)[event]
    electrons = weight * (particles.energy - delta_energy)[event] / _EV_PER_ELECTRON
    x, y = lines.at(event, share)
    born = rng.uniform(size=steps.size)
    which = np.flatnonzero(delta_energy)
    deltas = _delta_rays(delta_energy[which], *lines.at(which, born[which]), born[which], silicon, rng)
    return _Points(
        np.concatenate((x, deltas.x)),
        np.concatenate((y, deltas.y)),
        np.concatenate((share, deltas.depth)),
        np.concatenate((electrons, deltas.electrons)),
    )


def _delta_rays(energy, x, y, depth, silicon, rng):
    """Return the charge along the wandering paths of delta rays that begin at x, y and depth."""
    number = energy.size
    # Range in silicon by Kanaya and Okayama, pixels.
    reach = np.minimum(0.032 * (energy / 1e3) ** 1.67 / silicon.pixel_um, 60.0)
    heading = rng.uniform(0, 2 * np.pi, number)[:, None] + np.cumsum(
        rng.normal(size=(number, _DELTA_STEPS)) * 0.35, axis=1
    )
    elevation = np.cos(rng.uniform(-np.pi / 2, np.pi / 2, number))[:, None]
    dx = np.cumsum(np.cos(heading) * elevation * reach[:, None] / _DELTA_STEPS, axis=1)
    dy = np.cumsum(np.sin(heading) * elevation * reach[:, None] / _DELTA_STEPS, axis=1)
    share = np.full((number, _DELTA_STEPS), 1 / _DELTA_STEPS)
    return _Points(
        (x[:, None] + dx).ravel(),
        (y[:, None] + dy).ravel(),
        np.broadcast_to(depth[:, None], share.shape).ravel(),
        (share * energy[:, None] / _EV_PER_ELECTRON).ravel(),
    )


def _collected(shape, points, silicon):
    """Return the charge in the pixels after its diffusion, (R C,) float64."""
    depth, reach = points.depth, _DIFFUSION_REACH
    sigma = silicon.diffusion(depth)
    near = (
        (points.x > -reach) & (points.x < shape[1] + reach)
        & (points.y > -reach) & (points.y < shape[0] + reach)
    )  # fmt: skip
    x, y, sigma, electrons = points.x[near], points.y[near], sigma[near], points.electrons[near]
    ix, iy = np.rint(x).astype(int), np.rint(y).astype(int)
    offsets = np.arange(-reach, reach + 1)
    px, py = ix[:, None] + offsets, iy[:, None] + offsets
    share_x = _pixel_share(ix - x, offsets, sigma) * ((px >= 0) & (px < shape[1]))
    share_y = _pixel_share(iy - y, offsets, sigma) * ((py >= 0) & (py < shape[0])) * electrons[:, None]
    px, py = px.clip(0, shape[1] - 1), py.clip(0, shape[0] - 1)
    pixel = py[:, :, None] * shape[1] + px[:, None, :]
    return np.bincount(
        pixel.ravel(), (share_y[:, :, None] * share_x[:, None, :]).ravel(), shape[0] * shape[1]
    )


def _pixel_share(centre, offsets, sigma):
    """Return the shares of Gaussians that fall in pixels along one axis, (K, pixels)."""
    edges = np.concatenate([offsets - 0.5, [offsets[-1] + 0.5]])
    integral = 0.5 * erf((centre[:, None] + edges) / (np.sqrt(2) * sigma[:, None]))
    return np.diff(integral, axis=1)
