"""How often the network is right, and how often the sky is what: tables that are counted, not set.

`training.calibration` counts them on simulated exposures; the file lies beside the model's weights
(`network.calibration_file`).
"""

import json
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy.ndimage import map_coordinates

from ...errors import ModelError

__all__ = [
    "BESIDE", "FLUX", "PROBABILITY", "RING", "SURROUNDINGS", "TABLES", "Calibration", "Places", "places",
]  # fmt: skip

# Nodes of the tables: log odds of the probability; flux and surroundings in units of the rms; mean
# probabilities of the pixels around.
PROBABILITY = np.array([-9.0, -7, -5.5, -4.5, -3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 4, 6, 9])
FLUX = np.array([0.0, 2, 3, 4, 5, 6.5, 8, 11, 16, 30, 100, 1000])
BESIDE = np.array([0.0, 0.005, 0.02, 0.05, 0.1, 0.18, 0.3, 0.5, 1.0])
RING = np.array([0.0, 0.003, 0.01, 0.03, 0.08, 0.2, 0.5])
SURROUNDINGS = np.array([-1.0, 0.5, 1.5, 3, 8, 30, 200])


@dataclass(frozen=True, eq=False)
class Calibration:
    """Tables of one model.

    Attributes
    ----------
    network : ndarray, (P, F, B, R)
        Log odds of a cosmic ray at the nodes of probability, flux, and mean probability of the pixels that
        touch it and of those around these, in an exposure of `exptime`.
    sky, cosmic_ray : ndarray, (F, M, 3)
        Shares at the nodes of flux and surroundings: nothing, the same (or less), something that changed.
    exptime : float
        Seconds.
    provenance : dict
        What it was counted from.
    """

    network: np.ndarray = field(repr=False)
    sky: np.ndarray = field(repr=False)
    cosmic_ray: np.ndarray = field(repr=False)
    exptime: float
    provenance: dict = field(default_factory=dict)

    def log_odds(self, found, exptime):
        """Return the log odds that candidates are cosmic rays by their own exposure, (K,) float32."""
        at = places(found)
        # Twice the time brings twice the cosmic rays, and as many stars.
        rate = np.float32(np.log(exptime / self.exptime))
        return _between(self.network, (at.probability, at.flux, at.beside, at.ring)) + rate

    def shares(self, found):
        """Return the shares of sky and cosmic rays at candidates, two (3, K) float32."""
        at = places(found)
        return tuple(
            np.stack([_between(table[..., i], (at.flux, at.surroundings)) for i in range(3)])
            for table in (self.sky, self.cosmic_ray)
        )

    def to_json(self):
        """Return the calibration as text, a table a line, with four digits that count."""
        content = {"exptime": self.exptime, "provenance": self.provenance}
        content |= {name: _FOUR_DIGITS(getattr(self, name)).tolist() for name in TABLES}
        lines = (f"{json.dumps(name)}: {_compact(value)}" for name, value in content.items())
        return "{" + ",\n".join(lines) + "}\n"

    @classmethod
    def from_json(cls, text, name):
        """Read it from text; `name` is for the error.

        Raises
        ------
        ModelError
            If it is not a calibration.
        """
        try:
            content = json.loads(text)
            tables = {one: np.array(content[one], np.float32) for one in TABLES}
            if any(tables[one].shape != shape for one, shape in TABLES.items()):
                raise ValueError("tables of other shapes")
            if not all(np.isfinite(table).all() for table in tables.values()):
                raise ValueError("values that are not finite")
            exptime = float(content["exptime"])
            if not 0 < exptime < np.inf:
                raise ValueError(f"an exposure time of {exptime}")
            return cls(**tables, exptime=exptime, provenance=dict(content["provenance"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{name} is not a calibration ({error}): make it anew.") from error


TABLES = {
    "network": (PROBABILITY.size, FLUX.size, BESIDE.size, RING.size),
    "sky": (FLUX.size, SURROUNDINGS.size, 3),
    "cosmic_ray": (FLUX.size, SURROUNDINGS.size, 3),
}


class Places(NamedTuple):
    """Places of candidates in the tables, in units of nodes; (K,) float32 each."""

    probability: np.ndarray
    flux: np.ndarray
    beside: np.ndarray
    ring: np.ndarray
    surroundings: np.ndarray


def places(found):
    """Return the `Places` of candidates; the first node for nan."""
    p = np.clip(found.p, np.float32(1e-4), np.float32(1 - 1e-4))
    values = (
        (np.log(p / (1 - p)), PROBABILITY),
        (found.flux / found.rms, FLUX),
        (found.p_beside, BESIDE),
        (found.p_ring, RING),
        (found.around / found.rms, SURROUNDINGS),
    )
    return Places(
        *(
            np.nan_to_num(np.interp(value, nodes, np.arange(nodes.size))).astype(np.float32)
            for value, nodes in values
        )
    )


# Shares may be small: decimals would make nothing of them.
_FOUR_DIGITS = np.vectorize(lambda value: float(f"{value:.4g}"))


def _compact(value):
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _between(table, at):
    return map_coordinates(table, np.stack(at), order=1, mode="nearest", output=np.float32)
