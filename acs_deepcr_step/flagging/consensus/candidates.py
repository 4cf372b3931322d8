"""The pixels of a chip that may be cosmic rays: at these the other exposures are looked up."""

from dataclasses import dataclass, field, fields

import numpy as np

from ...arrays.morphology import dilate, label_groups
from ...arrays.probabilities import SCALE

__all__ = ["Candidates", "at_index", "candidates"]

SUSPECTED = 0.02  # probability; what is less suspected is looked up only if it is bright
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
    near : ndarray, bool
        Whether a pixel within 7x7 is saturated.
    net : ndarray, (R, C), float32
        The chip, electrons above the background.
    scaled_probability : ndarray, (R, C), int16
        Of the chip.
    """

    index: np.ndarray
    flux: np.ndarray
    rms: np.ndarray
    p: np.ndarray
    near: np.ndarray = field(repr=False)
    net: np.ndarray = field(repr=False)
    scaled_probability: np.ndarray = field(repr=False)

    @property
    def shape(self):
        """Rows and columns of the chip."""
        return self.net.shape

    @property
    def p_beside(self):
        """Mean probability of the eight pixels that touch each, (K,) float32: a track goes on."""
        return self._mean_probability(1)

    @property
    def p_ring(self):
        """Mean probability of the sixteen pixels around these, (K,) float32."""
        return self._mean_probability(2)

    def _mean_probability(self, half):
        places = _ring(self.index, self.shape, half).values()
        scaled = self.scaled_probability.ravel()
        return sum(scaled[at].astype(np.int32) for at in places) / np.float32(SCALE * len(places))

    @property
    def beside(self):
        """Electrons above the background of the pixels above, left, right and below, (4, K) float32."""
        touching = _ring(self.index, self.shape, 1)
        return self.net.ravel()[np.stack([touching[step] for step in ((-1, 0), (0, -1), (0, 1), (1, 0))])]

    @property
    def places(self):
        """Rows and columns, two (K,) arrays."""
        return np.divmod(self.index, self.shape[1])

    def as_mask(self, chosen):
        """Return chosen candidates, (K,) bool, as pixels, (R, C) bool."""
        out = np.zeros(self.shape, bool)
        out.ravel()[self.index] = chosen
        return out

    def groups(self, mask):
        """Return the number of the group of pixels of each candidate, 0 for none, and how many there are."""
        labels, count = label_groups(mask)
        return labels.ravel()[self.index], count

    def part(self, chosen):
        """Return some of the candidates, by slice, index or mask."""
        whole = ("net", "scaled_probability")
        arrays = (getattr(self, one.name)[chosen] for one in fields(self) if one.name not in whole)
        return Candidates(*arrays, self.net, self.scaled_probability)


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
    chosen = background.above(net, _BESIDE_SIGMA, among=dilate(scaled > _BESIDE * SCALE, 1))
    chosen |= scaled > min(SUSPECTED, threshold) * SCALE
    chosen |= background.above(net, _BRIGHT_SIGMA)
    chosen |= chip.saturated
    index, shape = np.flatnonzero(chosen), net.shape
    flux = net.ravel()[index]
    rms = background.rms_at(*np.divmod(index, shape[1]))
    p = scaled.ravel()[index] / np.float32(SCALE)
    return Candidates(index, flux, rms, p, chip.near_saturated.ravel()[index], net, scaled)


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
