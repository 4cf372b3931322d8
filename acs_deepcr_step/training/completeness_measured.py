"""How good AstroDrizzle's truth is in one case: made of simulated exposures, compared with what hit them."""

import math
import tempfile
import warnings
from dataclasses import replace

import numpy as np

from .. import simulate
from ..detect import dilate
from ..errors import StepWarning
from . import truth
from .completeness import FIELDS, Completeness
from .truth_options import TruthOptions

__all__ = ["measure"]


def measure(n, exptime, options=None, *, filter="F814W", field="extragalactic", shape=(1024, 1024), seed=90):
    """Make the truth of a simulated association and compare it with what was simulated.

    Parameters
    ----------
    n : int
        Exposures, 2 to 8.
    exptime : float
        Seconds of each.
    options : truth_options.TruthOptions, optional
        TweakReg is left out: the simulated headers know where they look.
    filter : str
    field : str
        A key of `samples.FIELD_TYPES`.
    shape : tuple of int
        Of the one chip.
    seed : int

    Returns
    -------
    Completeness
    """
    options = options or TruthOptions()
    bare = replace(options, tweakreg=None, ring=0)
    unknown = Completeness(n, exptime, filter, field, *[math.nan] * 5, note="it is being measured")
    sums = np.zeros(7)
    with tempfile.TemporaryDirectory() as directory:
        paths = simulate.association(
            directory,
            n=n,
            shape=shape,
            chips=1,
            filter=filter,
            exptime=exptime,
            field=FIELDS[field],
            seed=seed,
        )
        made = _make(paths, directory, bare, unknown)
        for path, sample in zip(paths, truth.samples(made), strict=True):
            [known] = simulate.read_truth(path)
            sums += _counts(sample, known.cr, options.ring)
    hit, found, false, clean, hit_counted, found_counted, clean_counted = sums
    missed, missed_counted = hit - found, hit_counted - found_counted
    return Completeness(
        n=n,
        exptime=float(exptime),
        filter=filter,
        field=field,
        completeness=found / hit,
        false=false / clean,
        hidden=missed / (missed + clean - false),
        completeness_counted=found_counted / hit_counted,
        hidden_counted=missed_counted / (missed_counted + clean_counted),
    )


def _make(paths, directory, options, expected):
    """Truth without the warning about two exposures: here it is wanted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StepWarning)
        return truth.make(paths, directory, options, expected)


def _counts(sample, hit, ring):
    """Numbers of pixels: hit, found, false, clean; where counted: hit, found, clean and without truth."""
    good, marked = ~sample.ignore, sample.truth
    counted = good & (marked | ~dilate(marked, ring))
    masks = (
        good & hit, good & hit & marked, good & ~hit & marked, good & ~hit,
        counted & hit, counted & hit & marked, counted & ~hit & ~marked,
    )  # fmt: skip
    return np.array([np.count_nonzero(mask) for mask in masks], float)
