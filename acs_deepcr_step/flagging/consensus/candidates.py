"""The pixels of a chip that may be cosmic rays: at these the other exposures are looked up."""

from dataclasses import dataclass, field, fields

import numpy as np

from ...arrays.morphology import dilate
from ...arrays.probabilities import SCALE

__all__ = ["Candidates", "at_index", "candidates"]

_PROBABILITY = 0.02  # what is less suspected is looked up only if it is bright
_BESIDE = 0.1  # the neighbours of what is more suspected are looked up
_BESIDE_SIGMA, _BRIGHT_SIGMA = 2.0, 8.0


@dataclass(frozen=True, eq=False)
class Candidates:
    """Pixels of one chip that may be cosmic rays; (K,) each.

    Attributes
    ----------
    index : ndarray, int64
        Places in the flat image, rising.
    flux : ndarray, float32
        Electrons above the background.
    rms : ndarray, float32
        Of the background there, electrons.
    p : ndarray, float32
        Probability.
    p_beside, p_ring : ndarray, float32
        Mean probability of the eight pixels that touch it, and of the sixteen around these: a track goes on.
    full, near : ndarray, bool
        Whether the pixel is saturated, and whether one within 7x7 is.
    net : ndarray, (R, C), float32
        The chip, electrons above the background.
    """

    index: np.ndarray
    flux: np.ndarray
    rms: np.ndarray
    p: np.ndarray
    p_beside: np.ndarray = field(repr=False)
    p_ring: np.ndarray = field(repr=False)
    full: np.ndarray = field(repr=False)
    near: np.ndarray = field(repr=False)
    net: np.ndarray = field(repr=False)

    @property
    def shape(self):
        """Rows and columns of the chip."""
        return self.net.shape

    @property
    def beside(self):
        """Electrons above the background of the pixels above, left, right and below, (4, K) float32."""
        touching = _ring(self.index, self.shape, 1)
        return self.net.ravel()[np.stack([touching[step] for step in ((-1, 0), (0, -1), (0, 1), (1, 0))])]

    @property
    def around(self):
        """Median of the eight pixels two rows or columns away, electrons above the background, (K,) float32."""
        eight = [at for (dy, dx), at in _ring(self.index, self.shape, 2).items() if dy % 2 == dx % 2 == 0]
        return np.sort(self.net.ravel()[np.stack(eight)], axis=0)[3:5].mean(axis=0)

    @property
    def places(self):
        """Rows and columns, two (K,) arrays."""
        return np.divmod(self.index, self.shape[1])

    def part(self, chosen):
        """Return some of the candidates, by slice, index or mask."""
        arrays = (getattr(self, one.name)[chosen] for one in fields(self) if one.name != "net")
        return Candidates(*arrays, self.net)


def candidates(chip, threshold=0.5):
    """Find the candidates of a chip.

    Parameters
    ----------
    chip : field_chip.FieldChip
    threshold : float, optional
        Pixels with a probability above it are candidates in any case.

    Returns
    -------
    Candidates
        Pixels with a probability above 0.02; neighbours of one above 0.1 that stand 2 sigma above the
        background; all that stand 8 sigma above it; all saturated ones.
    """
    scaled, net, background = chip.scaled_probability, chip.net, chip.background
    chosen = dilate(scaled > _BESIDE * SCALE, 1)
    chosen &= background.above(net, _BESIDE_SIGMA)
    chosen |= scaled > min(_PROBABILITY, threshold) * SCALE
    chosen |= background.above(net, _BRIGHT_SIGMA)
    chosen |= chip.saturated
    index, shape = np.flatnonzero(chosen), net.shape
    flux = net.ravel()[index]
    rms = background.rms_at(*np.divmod(index, shape[1]))
    p = scaled.ravel()[index] / np.float32(SCALE)
    p_beside, p_ring = (
        sum(scaled.ravel()[at].astype(np.int32) for at in places.values()) / np.float32(SCALE * len(places))
        for places in (_ring(index, shape, 1), _ring(index, shape, 2))
    )
    full, near = (mask.ravel()[index] for mask in (chip.saturated, chip.near_saturated))
    return Candidates(index, flux, rms, p, p_beside, p_ring, full, near, net)


def _ring(index, shape, half):
    """Return the flat index of the pixels around, so many rows or columns away, by their offsets.

    Beyond the edge it is the nearest pixel's.
    """
    y, x = np.divmod(index, shape[1])
    steps = range(-half, half + 1)
    rows = {dy: np.clip(y + dy, 0, shape[0] - 1) * shape[1] for dy in steps}
    columns = {dx: np.clip(x + dx, 0, shape[1] - 1) for dx in steps}
    return {(dy, dx): rows[dy] + columns[dx] for dy in steps for dx in steps if max(abs(dy), abs(dx)) == half}


def at_index(found, index):
    """Return which candidates are at flat indices of any shape, and whether there is one."""
    at = np.searchsorted(found.index, index).clip(0, max(found.index.size - 1, 0))
    return at, found.index[at] == index
