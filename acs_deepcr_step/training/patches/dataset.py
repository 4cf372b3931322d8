"""Patches on disk that networks are trained on.

`write` cuts samples into patches and writes them (`shards`); `open_patches` opens those, or the
published archive (`published`). Patches are read one at a time: their number is not bounded by memory.
"""

from pathlib import Path

from ...errors import InputError
from . import published, shards
from .patch import Patch, Patches, PatchOptions, cut
from .splitting import Split, split

__all__ = ["Patch", "PatchOptions", "Patches", "Split", "cut", "finished", "open_patches", "split", "write"]


def write(samples, directory, options=None):
    """Cut samples into patches and write them, a directory of shards per observation set.

    Parameters
    ----------
    samples : iterable of Sample
        Observation set after observation set; one sample is in memory at a time.
    directory : path
        Created if it does not exist. Observation sets that are `finished` there are not written again.
    options : PatchOptions, optional

    Returns
    -------
    astropy.table.Table
        A row per observation set: observation_set, n_exposures, n_patches, status (written, kept).

    Raises
    ------
    InputError
        If a sample is malformed, an observation set comes in two places, or the directory holds patches
        of other options.
    OutputError
        If the patches cannot be written; finished observation sets are kept.

    Warns
    -----
    StepWarning
        Names the exposures that gave no patch, with the reason.
    """
    return shards.write(samples, Path(directory), options or PatchOptions())


def finished(directory):
    """Return the observation sets whose patches are complete in a directory.

    Parameters
    ----------
    directory : path

    Returns
    -------
    set of str
    """
    return set(shards.finished(Path(directory)))


def open_patches(directory):
    """Open the patches in a directory, in either layout.

    Parameters
    ----------
    directory : path
        Written by `write`; or the published archive, unpacked: the directory that holds
        ``npy_train``, ``npy_train`` itself or ``npy_test``.

    Returns
    -------
    Patches

    Raises
    ------
    InputError
        If there are none, or they are damaged.
    """
    directory = Path(directory).expanduser()
    if not directory.is_dir():
        raise InputError(f"{directory} is not a directory of patches: check the path.")
    for kind in (shards, published):
        if kind.is_here(directory):
            return kind.read(directory)
    raise InputError(
        f"{directory} holds no patches: neither observation sets that the step wrote, nor the published "
        "archive (npy_train/FILTER/PROPOSAL/VISIT/*.npy)."
    )
