"""Cosmic rays: ionisation tracks through a thinned CCD.

The particles come isotropically, so a flat detector sees cos(theta) distributed as the square root of a
uniform number. A relativistic particle of charge z leaves in silicon the Landau-distributed energy of the
Particle Data Group's review (most probable loss; width xi), z squared times as much for a nucleus, with
3.62 eV per electron. Electrons knocked on with more than `_DELTA_ENERGY` leave the track and wander, so
that the deposit has worms and tails. The charge diffuses on its way to the pixels, more the nearer to the
back of the chip it was made. The rate of events, the depth and the diffusion are free within what ACS
shows: about 1.0-1.3 events per second and cm2, 1.5 per cent of the pixels in 1000 s, a median near 1000
electrons, few below 500, 4 pixels in size.

Nuclei heavier than the proton are primaries only, and primaries are the lesser part of what hits a CCD in
low Earth orbit: the Particle Data Group's spectrum of nucleons, 1.8e4 E^-2.7 per (m2 s sr GeV), above the
some 5 GeV that the Earth's field lets pass there, gives 0.07 per (s cm2 sr), which is 0.3 events per second
and cm2 of detector with the Earth hiding a third of the sky: a quarter of the rate that is seen. The rest are
secondaries of the spacecraft and the atmosphere, of charge one. So the nuclei have a quarter of their
galactic abundances here.
"""

import numpy as np
from scipy.special import erf

PIXEL_UM = 15.0
DEPTH_UM = 10.0  # silicon that collects charge, of the thinned chip's 12 to 17 micron
_EV_PER_ELECTRON = 3.62
_BETA_GAMMA = 3.0  # minimum ionising; most of the galactic protons that reach low Earth orbit
# Charges, and shares among galactic cosmic rays at some GeV per nucleon: He, CNO, Ne-Si, Fe.
_NUCLEI = np.array([2, 7, 12, 26])
_ABUNDANCES = np.array([0.082, 0.0044, 0.0013, 0.0003])
_PRIMARY_SHARE = 0.25  # of all events; the rest, and most of the primaries, are of charge one
_CHARGES = np.array([1, *_NUCLEI])
_SHARES = np.array([1 - _PRIMARY_SHARE * _ABUNDANCES.sum(), *(_PRIMARY_SHARE * _ABUNDANCES)])
_DIFFUSION = (0.13, 0.36)  # pixels rms, for charge made at the front and at the back
_SPACING = 0.25  # pixels between the points that stand for a track
_DELTA_ENERGY = 20e3  # eV: a knocked-on electron of this energy has a range of some 5 micron


def events(shape, exptime, rate, rng):
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

    Returns
    -------
    charge : float32 ndarray of `shape`
        Whole electrons that the events leave in each pixel, before any saturation.
    """
    area = shape[0] * shape[1] * (PIXEL_UM * 1e-4) ** 2
    number = rng.poisson(rate * exptime * area)
    if number == 0:
        return np.zeros(shape, np.float32)
    cosine = np.sqrt(rng.uniform(1e-4, 1, number))
    path = DEPTH_UM / cosine
    charges = rng.choice(_CHARGES, number, p=_SHARES)
    energy, xi = _losses(path, charges, rng)
    expected = _collect(shape, *_tracks(shape, path, cosine, energy, xi, rng))
    hit = np.flatnonzero(expected > 1e-3)
    charge = np.zeros(expected.size, np.float32)
    charge[hit] = rng.poisson(expected[hit])
    return charge.reshape(shape)


def _losses(path, charges, rng):
    """Energy loss of each particle, and its Landau width xi, eV."""
    beta2 = _BETA_GAMMA**2 / (1 + _BETA_GAMMA**2)
    xi = 17.84 * path / beta2 * charges**2  # (K/2) <Z/A> rho x / beta2, with 2.33 g/cm3
    most_probable = xi * (np.log(2 * 511e3 * _BETA_GAMMA**2 / 173.0) + np.log(xi / 173.0) + 0.2 - beta2)
    # A standard Landau variable (stable law of index 1, skewness 1) by Chambers, Mallows and Stuck; its
    # mode is -0.22.
    u = rng.uniform(-np.pi / 2, np.pi / 2, path.size)
    w = rng.exponential(size=path.size)
    x = (np.pi / 2 + u) * np.tan(u) - np.log((np.pi / 2 * w * np.cos(u)) / (np.pi / 2 + u))
    landau = np.minimum(x + np.log(np.pi / 2) + 0.222, 400.0)  # faster electrons leave the thin chip
    binding = rng.normal(size=path.size) * 2.0  # electrons are bound: thin layers straggle more than Landau's
    return np.maximum(most_probable + xi * landau + xi * binding / charges, 0.2 * most_probable), xi


def _tracks(shape, path, cosine, energy, xi, rng):
    """Points (x, y, depth 0..1, electrons) that stand for all tracks and their knocked-on electrons."""
    n = path.size
    length = path * np.sqrt(1 - cosine**2) / PIXEL_UM
    angle = rng.uniform(0, 2 * np.pi, n)
    direction = np.cos(angle), np.sin(angle)
    x0 = rng.uniform(-0.5, shape[1] - 0.5, n) - 0.5 * length * direction[0]
    y0 = rng.uniform(-0.5, shape[0] - 0.5, n) - 0.5 * length * direction[1]
    excess = energy - 12 * xi  # what a hard collision took beyond the usual loss
    delta = np.where(excess > _DELTA_ENERGY, excess, 0.0)
    steps = np.maximum(np.ceil(length / _SPACING), 6).astype(int)
    event = np.repeat(np.arange(n), steps)
    first = np.cumsum(steps) - steps
    t = (np.arange(event.size) - first[event] + 0.5) / steps[event]
    # The loss fluctuates along the track; gamma weights of shape 3 resemble that of steps of some micron.
    weight = rng.gamma(3.0, size=event.size)
    weight /= np.add.reduceat(weight, first)[event]
    electrons = weight * (energy - delta)[event] / _EV_PER_ELECTRON
    x = x0[event] + t * length[event] * direction[0][event]
    y = y0[event] + t * length[event] * direction[1][event]
    at = rng.uniform(size=n)
    walk = _deltas(
        np.flatnonzero(delta),
        delta,
        x0 + at * length * direction[0],
        y0 + at * length * direction[1],
        at,
        rng,
    )
    return tuple(np.concatenate(pair) for pair in zip((x, y, t, electrons), walk, strict=True))


def _deltas(which, delta, x, y, depth, rng, steps=24):
    """The wandering of the knocked-on electrons of the events `which`."""
    energy = delta[which]
    reach = np.minimum(
        0.032 * (energy / 1e3) ** 1.67 / PIXEL_UM, 60.0
    )  # Kanaya and Okayama, in silicon, pixels
    heading = rng.uniform(0, 2 * np.pi, which.size)[:, None] + np.cumsum(
        rng.normal(size=(which.size, steps)) * 0.35, axis=1
    )
    elevation = np.cos(rng.uniform(-np.pi / 2, np.pi / 2, which.size))[:, None]
    dx = np.cumsum(np.cos(heading) * elevation * reach[:, None] / steps, axis=1)
    dy = np.cumsum(np.sin(heading) * elevation * reach[:, None] / steps, axis=1)
    share = np.full((which.size, steps), 1 / steps)
    depths = np.broadcast_to(depth[which][:, None], share.shape)
    electrons = share * energy[:, None] / _EV_PER_ELECTRON
    return (
        (x[which][:, None] + dx).ravel(),
        (y[which][:, None] + dy).ravel(),
        depths.ravel(),
        electrons.ravel(),
    )


def _collect(shape, x, y, depth, electrons, half=2):
    """The diffused charge of all points, a flat float64 image."""
    front, back = _DIFFUSION
    sigma = np.sqrt(front**2 + (back**2 - front**2) * depth)
    near = (x > -half) & (x < shape[1] + half) & (y > -half) & (y < shape[0] + half)
    x, y, sigma, electrons = x[near], y[near], sigma[near], electrons[near]
    ix, iy = np.rint(x).astype(int), np.rint(y).astype(int)
    offsets = np.arange(-half, half + 1)
    px, py = ix[:, None] + offsets, iy[:, None] + offsets
    share_x = _pixel_share(ix - x, offsets, sigma) * ((px >= 0) & (px < shape[1]))
    share_y = _pixel_share(iy - y, offsets, sigma) * ((py >= 0) & (py < shape[0])) * electrons[:, None]
    px, py = px.clip(0, shape[1] - 1), py.clip(0, shape[0] - 1)
    pixel = py[:, :, None] * shape[1] + px[:, None, :]
    return np.bincount(
        pixel.ravel(), (share_y[:, :, None] * share_x[:, None, :]).ravel(), shape[0] * shape[1]
    )


def _pixel_share(centre, offsets, sigma):
    edges = np.concatenate([offsets - 0.5, [offsets[-1] + 0.5]])
    integral = 0.5 * erf((centre[:, None] + edges) / (np.sqrt(2) * sigma[:, None]))
    return np.diff(integral, axis=1)
