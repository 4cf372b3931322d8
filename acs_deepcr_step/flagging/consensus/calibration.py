"""How often the network is right, and how often the sky is what: tables that are counted, not set.

`training.calibration` counts them on simulated exposures; the file lies beside the model's weights
(`network.calibration_file`).
"""

import json
from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import map_coordinates

from ...errors import ModelError

__all__ = [
    "BESIDE", "COSMIC_RAY", "FLUX", "PROBABILITY", "RING", "SKY", "TABLES", "Calibration", "between",
    "network_places", "share_places",
]  # fmt: skip

# What the others may show, by the names of `likelihood.densities`, without a cosmic ray and with one.
SKY = ("nothing", "same", "changed", "less")
COSMIC_RAY = ("nothing", "less", "changed")

# Nodes of the tables: log odds of the probability; flux in units of the rms; mean probabilities of
# the pixels around.
PROBABILITY = np.array([-9.0, -7, -5.5, -4.5, -3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 4, 6, 9])
FLUX = np.array([0.0, 2, 3, 4, 5, 6.5, 8, 11, 16, 30, 100, 1000])
BESIDE = np.array([0.0, 0.005, 0.02, 0.05, 0.1, 0.18, 0.3, 0.5, 1.0])
RING = np.array([0.0, 0.003, 0.01, 0.03, 0.08, 0.2, 0.5])


@dataclass(frozen=True, eq=False)
class Calibration:
    """Tables of one model.

    Attributes
    ----------
    network : ndarray, (P, F, B, R)
        Log odds of a cosmic ray at the nodes of probability, flux, and mean probability of the pixels that
        touch it and of those around these.
    sky, cosmic_ray : ndarray, (F, P, 4) and (F, P, 3)
        Shares at the nodes of flux and probability, in the order of `SKY` and `COSMIC_RAY`.
    provenance : dict
        What it was counted from.
    """

    network: np.ndarray = field(repr=False)
    sky: np.ndarray = field(repr=False)
    cosmic_ray: np.ndarray = field(repr=False)
    provenance: dict = field(default_factory=dict)

    def log_odds(self, found):
        """Return the log odds that candidates are cosmic rays by their own exposure, (K,) float32."""
        return between(self.network, network_places(found))

    def shares(self, found):
        """Return the shares of sky and cosmic rays at candidates, (4, K) and (3, K) float32."""
        at = share_places(found)
        return tuple(
            np.stack([between(one, at) for one in np.moveaxis(table, -1, 0)])
            for table in (self.sky, self.cosmic_ray)
        )

    def to_json(self):
        """Return the calibration as text, a table a line, with four digits that count."""
        content = {"provenance": self.provenance}
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
            return cls(**tables, provenance=dict(content["provenance"]))
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
            raise ModelError(f"{name} is not a calibration ({error}): make it anew.") from error


TABLES = {
    "network": (PROBABILITY.size, FLUX.size, BESIDE.size, RING.size),
    "sky": (FLUX.size, PROBABILITY.size, len(SKY)),
    "cosmic_ray": (FLUX.size, PROBABILITY.size, len(COSMIC_RAY)),
}


def network_places(found):
    """Return places of candidates in the table of the network, in units of nodes, (4, K) float32."""
    values = _log_odds(found.p), found.flux / found.rms, found.p_beside, found.p_ring
    return _places(values, (PROBABILITY, FLUX, BESIDE, RING))


def share_places(found):
    """Return places of candidates in the tables of shares, in units of nodes, (2, K) float32."""
    return _places((found.flux / found.rms, _log_odds(found.p)), (FLUX, PROBABILITY))


def _log_odds(p):
    p = np.clip(p, np.float32(1e-4), np.float32(1 - 1e-4))
    return np.log(p / (1 - p))


def _places(values, nodes):
    """Return places between the nodes of some axes; the first node for nan."""
    return np.stack(
        [
            np.nan_to_num(np.interp(value, its, np.arange(its.size))).astype(np.float32)
            for value, its in zip(values, nodes, strict=True)
        ]
    )


# Shares may be small: decimals would make nothing of them.
_FOUR_DIGITS = np.vectorize(lambda value: float(f"{value:.4g}"))


def _compact(value):
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def between(table, at):
    """Return the values of a table at places between its nodes, (K,) float32."""
    return map_coordinates(table, at, order=1, mode="nearest", output=np.float32)
