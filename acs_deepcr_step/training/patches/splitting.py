"""Split of patches into those for training and those for validation."""

from dataclasses import dataclass, replace

import numpy as np

from ...errors import InputError, ParameterError, warn

__all__ = ["Split", "split"]


@dataclass(frozen=True, eq=False)
class Split:
    """Numbers of the patches for training and for validation, ascending.

    Attributes
    ----------
    train, validation : ndarray of int
    by : str
        Column of the index by which patches are kept together.
    """

    train: np.ndarray
    validation: np.ndarray
    by: str = "observation_set"


def split(patches, fraction=0.1, seed=0):
    """Split patches into those for training and those for validation.

    Parameters
    ----------
    patches : Patches
    fraction : float
        Share of the patches for validation, as nearly as whole sets allow; at least one set on either
        side.
    seed : int
        The same patches and seed give the same split.

    Returns
    -------
    Split
        No observation set is on both sides: patches of one field look alike.

    Raises
    ------
    InputError
        If there is one exposure only.
    ParameterError
        If the fraction is not between 0 and 1.

    Warns
    -----
    StepWarning
        If there is one observation set only, which is split by exposure then.
    """
    if not 0 < fraction < 1:
        raise ParameterError(f"fraction={fraction!r}: give a share between 0 and 1.")
    by_set = _split_by(patches.index, "observation_set", fraction, seed)
    if by_set is not None:
        return by_set
    by_exposure = _split_by(patches.index, "exposure", fraction, seed)
    if by_exposure is None:
        raise InputError(
            "All patches are of one exposure, so none can be kept for validation: add another exposure, "
            "better another observation set."
        )
    warn(
        "All patches are of one observation set: validation is with some of its exposures, which show the "
        "same field, so its figures are too good; add another observation set.",
    )
    return replace(by_exposure, by="exposure")


def _split_by(index, column, fraction, seed):
    """Draw whole groups for validation, in random order, as long as they bring the share nearer."""
    names, group, sizes = np.unique(np.asarray(index[column], str), return_inverse=True, return_counts=True)
    if len(names) < 2:
        return None
    target, total, chosen = fraction * len(index), 0, []
    for g in np.random.default_rng([seed, 1]).permutation(len(names)):
        if abs(total + sizes[g] - target) < abs(total - target) and len(chosen) < len(names) - 1:
            chosen.append(g)
            total += sizes[g]
    chosen = chosen or [int(np.argmin(sizes))]
    validation = np.isin(group, chosen)
    return Split(np.flatnonzero(~validation), np.flatnonzero(validation))
