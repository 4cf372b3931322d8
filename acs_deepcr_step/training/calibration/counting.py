"""From candidates whose truth is known to the tables of a calibration. Arrays only.

A candidate counts at the nodes around its place in a table by as much as a straight line between them takes
of each, so that what is read between nodes is what was counted there.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.sparse import csr_array

from ...flagging.consensus import brightness, likelihood
from ...flagging.consensus.calibration import (
    COSMIC_RAY,
    FLUX,
    PROBABILITY,
    SKY,
    TABLES,
    Calibration,
    network_places,
    share_places,
)

__all__ = ["REFERENCE", "Evidence", "counted", "evidence"]

REFERENCE = 500.0  # seconds: the exposure time that the tables are for
# As if so many candidates had been seen before that are like others of the same first quantities, or flux.
_PRIOR, _PRIOR_OF_SHARES = 4.0, 30.0
_ROUNDS = 25  # of expectation and maximisation
_LEAST = 1e-12  # per electron: no value is impossible


@dataclass(frozen=True, eq=False)
class Evidence:
    """What counts of the candidates of one chip, K of them.

    Attributes
    ----------
    network : tuple of ndarray
        Cosmic rays and others at the nodes of the network's table, cosmic rays as in `REFERENCE` seconds:
        else those of short exposures, which are few, would not count.
    at : tuple of ndarray, (K,), float32
        Places of flux and probability in the tables of shares.
    densities : dict of str to ndarray, (K,), float32
        From `likelihood.densities`.
    cosmic_ray : ndarray, (K,), bool
        The truth.
    """

    network: tuple[np.ndarray, np.ndarray]
    at: tuple[np.ndarray, np.ndarray]
    densities: dict[str, np.ndarray]
    cosmic_ray: np.ndarray


def evidence(found, expected, cosmic_ray, exptime):
    """Return what counts of the candidates of a chip.

    Parameters
    ----------
    found : candidates.Candidates
    expected : pooling.Expected
    cosmic_ray : ndarray, (K,), bool
        The truth.
    exptime : float
        Of the exposure, seconds.

    Returns
    -------
    Evidence
        Of those that the others tell something of, and that are not near saturation: of these other rules
        decide.
    """
    expected = brightness.as_bright_as_here(found, expected, np.arange(found.index.size))
    used = np.flatnonzero(expected.known & ~expected.full & ~found.near & np.isfinite(found.flux))
    densities = {name: each[used] for name, each in likelihood.densities(found, expected).items()}
    some, hit = found.part(used), np.asarray(cosmic_ray)[used]
    shape = TABLES["network"]
    weights = _weights(network_places(some), shape)
    counts = (weights.T @ each.astype(float) for each in (hit, ~hit))
    hits, others = (each.reshape(shape) for each in counts)
    return Evidence((hits * (REFERENCE / exptime), others), tuple(share_places(some)), densities, hit)


def counted(chips, provenance=None):
    """Count a calibration.

    Parameters
    ----------
    chips : list of Evidence
    provenance : dict, optional
        To be kept in the calibration.

    Returns
    -------
    Calibration
    """
    hits, others = (sum(each) for each in zip(*(chip.network for chip in chips), strict=True))
    hit = np.concatenate([chip.cosmic_ray for chip in chips])
    at = [np.concatenate(each) for each in zip(*(chip.at for chip in chips), strict=True)]
    densities = {
        name: np.concatenate([chip.densities[name] for chip in chips]) for name in chips[0].densities
    }

    def shares(which, names):
        return _shares([densities[name][which] for name in names], [each[which] for each in at])

    return Calibration(
        _log_odds(hits, others).astype(np.float32),
        shares(~hit, SKY),
        shares(hit, COSMIC_RAY),
        {**(provenance or {}), "candidates": hit.size, "cosmic_rays": int(hit.sum())},
    )


def _weights(at, shape):
    """Return by how much places in a table count at its nodes, (K, nodes) sparse; `at` in units of nodes."""
    count = at[0].size
    first = [np.clip(each.astype(int), 0, n - 2) for each, n in zip(at, shape, strict=True)]
    part = [each - low for each, low in zip(at, first, strict=True)]
    corners = list(product((0, 1), repeat=len(shape)))
    nodes, weights = np.empty((count, len(corners)), np.int32), np.ones((count, len(corners)), np.float32)
    for i, corner in enumerate(corners):
        nodes[:, i] = np.ravel_multi_index([low + up for low, up in zip(first, corner, strict=True)], shape)
        for up, each in zip(corner, part, strict=True):
            weights[:, i] *= each if up else 1 - each
    ends = np.arange(0, nodes.size + 1, len(corners))
    return csr_array((weights.ravel(), nodes.ravel(), ends), (count, int(np.prod(shape))))


def _log_odds(hits, others):
    """Return the log odds at the nodes of a table.

    Where few candidates are, they are those of the table without its last axis, and so on for that one.
    """
    share = (hits.sum() + 0.5) / (hits.sum() + others.sum() + 1)
    for axes in range(1, hits.ndim + 1):
        left = tuple(range(axes, hits.ndim))
        some, rest = hits.sum(left), others.sum(left)
        before = share if axes == 1 else share[..., None]
        share = (some + _PRIOR * before) / (some + rest + _PRIOR)
    return np.log(share / (1 - share))


def _shares(densities, at):
    """Return the shares by which the densities of values come about, (F, P, D) float32.

    Found by expectation and maximisation; where few candidates are, the shares are those of all of the same
    flux.
    """
    shape = (FLUX.size, PROBABILITY.size, len(densities))
    weights = _weights(at, shape[:2])
    likely = np.nan_to_num(np.stack(densities, axis=1)) + np.float32(_LEAST)
    shares = np.full(shape, 1 / shape[-1])
    for _ in range(_ROUNDS):
        each = likely * (weights @ shares.reshape(-1, shape[-1]).astype(np.float32))
        each /= each.sum(axis=1, keepdims=True)
        counts = (weights.T @ each.astype(float)).reshape(shape)
        overall = counts.sum((0, 1)) / counts.sum()
        of_flux = counts.sum(axis=1, keepdims=True) + _PRIOR_OF_SHARES * overall
        counts += _PRIOR_OF_SHARES * of_flux / of_flux.sum(axis=-1, keepdims=True)
        shares = counts / counts.sum(axis=-1, keepdims=True)
    return shares.astype(np.float32)
