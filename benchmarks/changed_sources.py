"""Sources of simulated exposures that moved or changed, by comparison of the exposures' truths."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter
from scipy.spatial import cKDTree

from acs_deepcr_step.flagging.consensus.chip_map import ChipMap

_SNR = 10.0  # of the peak
_SAME_PLACE, _SAME_LIGHT = 0.2, 0.1  # pixels; of the flux
_EDGE = 2  # pixels
_FREE = 5  # pixels on a side, none of which a cosmic ray hit


@dataclass(frozen=True, eq=False)
class ChangedSources:
    """Places in one chip where something is another in the other exposures.

    Attributes
    ----------
    moved : tuple of ndarray
        Rows and columns of the sources that stand elsewhere in any other exposure.
    varied : tuple of ndarray
        Of those that are a tenth brighter or fainter in any.
    """

    moved: tuple[np.ndarray, np.ndarray]
    varied: tuple[np.ndarray, np.ndarray]


def changed_sources(chips, members):
    """Find the unsaturated sources, 10 sigma and more, none of whose 5x5 pixels was hit, that changed.

    Parameters
    ----------
    chips : list of simulate.ChipTruth
        Of one chip of each exposure of a field.
    members : list of field_member.FieldMember
        The exposures, in the same order.

    Returns
    -------
    list of ChangedSources
    """
    summaries = [member.chips[chip.extver] for chip, member in zip(chips, members, strict=True)]
    made = []
    for i, (chip, here) in enumerate(zip(chips, summaries, strict=True)):
        stars = chip.stars[(chip.stars["snr"] > _SNR) & ~chip.stars["saturated"]]
        y, x = (np.rint(stars[axis]).astype(int) for axis in ("y", "x"))
        inside = (y >= 0) & (x >= 0) & (y < chip.cr.shape[0]) & (x < chip.cr.shape[1])
        stars, y, x = stars[inside], y[inside], x[inside]
        free = ~maximum_filter(chip.cr, size=_FREE)[y, x]
        stars, y, x = stars[free], y[free], x[free]
        moved, varied = (np.zeros(stars.size, bool) for _ in range(2))
        for j, there in enumerate(summaries):
            if j != i:
                its_moved, its_varied = _compared(stars, here, chips[j].stars, there)
                moved, varied = moved | its_moved, varied | its_varied
        varied &= ~moved
        made.append(ChangedSources((y[moved], x[moved]), (y[varied], x[varied])))
    return made


def _compared(stars, here, others, there):
    """Return which stars stand elsewhere in another exposure, and which have another brightness there."""
    to_other = ChipMap(here.wcs, here.chip.shape, there.wcs, there.chip.shape)
    places = np.column_stack(to_other(stars["y"], stars["x"]))
    rows, columns = there.chip.shape
    with np.errstate(invalid="ignore"):  # at the edge a star may be on one and off the other
        on = ((places > _EDGE) & (places < (rows - 1 - _EDGE, columns - 1 - _EDGE))).all(axis=1)
    moved, varied = (np.zeros(stars.size, bool) for _ in range(2))
    if not on.any() or not others.size:
        return moved, varied
    distance, nearest = cKDTree(np.column_stack([others["y"], others["x"]])).query(places[on])
    ratio = others["flux_e"][nearest] / there.chip.exptime / (stars["flux_e"][on] / here.chip.exptime)
    moved[on] = distance > _SAME_PLACE
    varied[on] = (distance <= _SAME_PLACE) & (np.abs(ratio - 1) > _SAME_LIGHT)
    return moved, varied
