"""Measurement of the completeness of AstroDrizzle's truth: of simulated exposures, against their own."""

import tempfile
import warnings
from dataclasses import astuple, dataclass, replace

import numpy as np

from ... import simulate
from ...arrays.morphology import dilate
from ...errors import StepWarning
from . import file as truth_file
from . import pipeline
from .completeness import FIELDS, Completeness
from .options import TruthOptions

__all__ = ["measure"]


def measure(n, exptime, options=None, *, filter="F814W", field="extragalactic", shape=(1024, 1024), seed=90):
    """Make the truth of a simulated association and compare it with the simulated cosmic rays.

    Parameters
    ----------
    n : int
        Number of exposures, 2 to 8.
    exptime : float
        Seconds of each.
    options : TruthOptions, optional
        TweakReg is not used: the simulated pointing is exact.
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
    without_ring = replace(options, tweakreg=None, ring=0)
    unknown = Completeness.unknown(n, exptime, filter, field, note="it is being measured")
    counts = _Counts()
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
        truth_paths = _make(paths, directory, without_ring, unknown)
        for path, sample in zip(paths, truth_file.samples(truth_paths), strict=True):
            [known] = simulate.read_truth(path)
            counts += _Counts.of(sample, known.cr, options.ring)
    missed, missed_counted = counts.hit - counts.found, counts.hit_counted - counts.found_counted
    return Completeness(
        n=n,
        exptime=float(exptime),
        filter=filter,
        field=field,
        completeness=counts.found / counts.hit,
        false=counts.false / counts.clean,
        hidden=missed / (missed + counts.clean - counts.false),
        completeness_counted=counts.found_counted / counts.hit_counted,
        hidden_counted=missed_counted / (missed_counted + counts.clean_counted),
    )


def _make(paths, directory, options, expected):
    """Make the truth without the warning about two exposures, which is intended here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", StepWarning)
        return pipeline.make(paths, directory, options, expected)


@dataclass(frozen=True)
class _Counts:
    """Numbers of pixels; ``_counted``: without the ring around true cosmic rays."""

    hit: float = 0.0
    found: float = 0.0
    false: float = 0.0
    clean: float = 0.0
    hit_counted: float = 0.0
    found_counted: float = 0.0
    clean_counted: float = 0.0

    @classmethod
    def of(cls, sample, hit, ring):
        """Count the pixels of a sample."""
        good, truth = ~sample.ignore, sample.truth
        counted = good & (truth | ~dilate(truth, ring))
        masks = {
            "hit": good & hit,
            "found": good & hit & truth,
            "false": good & ~hit & truth,
            "clean": good & ~hit,
            "hit_counted": counted & hit,
            "found_counted": counted & hit & truth,
            "clean_counted": counted & ~hit & ~truth,
        }
        return cls(**{name: float(np.count_nonzero(mask)) for name, mask in masks.items()})

    def __add__(self, other):
        return _Counts(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))
