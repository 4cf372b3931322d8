"""The cases that `same_flags.py` records: what is simulated, and what is done to it.

Another case is a line of `CASES`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from same_flags_steps import Step, apply, clean, keep, probability, put_back, refresh, run, undo, wiped

# Rows and columns of chips, many cosmic rays and stars on few pixels.
_WIDE = {"shape": (300, 400), "chips": 2, "star_density": 10.0}
_CROWDED = {"shape": (400, 400), "chips": 1, "field": "crowded", "cr_rate": 3.0}
_LONG = {**_CROWDED, "exptime": 1000.0}
_CHANGES = {"variables": 0.3, "variability": 1.5, "movers": 15, "mover_step": (6.0, 4.0)}

# Arguments of `simulate.association`.
SCENES = {
    "sparse": {"n": 3, **_WIDE, "seed": 501},
    "few stars": {"n": 2, "shape": (300, 400), "chips": 1, "seed": 502},
    "crowded": {"n": 3, **_CROWDED, "seed": 503},
    "galaxies": {"n": 2, **_WIDE, "field": "galaxies", "seed": 504},
    "one off by 5 pixels": {"n": 3, **_CROWDED, "offsets": ((0, 0), (0, 0), (4, -3)), "seed": 505},
    "off by 0.5 pixels": {"n": 2, **_CROWDED, "offsets": ((0, 0), (0.4, -0.3)), "seed": 506},
    "long": {"n": 2, **_LONG, "shape": (512, 512), "seed": 507},
    "gain 1": {"n": 2, **_LONG, "shape": (300, 300), "chips": 2, "gain": 1.0, "seed": 508},
    "exptimes": {"n": 3, **_CROWDED, "exptime": (250.0, 500.0, 1000.0), "seed": 509},
    "changes": {"n": 3, **_CROWDED, **_CHANGES, "seed": 510},
    "rolls": {"n": 3, **_CROWDED, "rolls": (0.0, 1.0, 20.0), "seed": 511},
    "half overlap": {"n": 3, **_CROWDED, "dithers": ((0, 0), (200, 0), (20, 180)), "seed": 512},
    "F606W": {"n": 2, **_CROWDED, "filter": "F606W", "seed": 513},
    "sky below zero": {"n": 2, **_CROWDED, "sky": -3.0, "seed": 514},
    "rain": {"n": 2, **_CROWDED, "shape": (120, 500), "chips": 2, "cr_rate": 15.0, "seed": 515},
    "whole height": {"n": 2, **_LONG, "shape": (2048, 96), "chips": 2, "seed": 516},
}

# Real exposures below the folder that is given, if it is there.
REAL = {
    "WFC3": ("wfc3_uvis/idsj02axq_flc.fits.gz", "wfc3_uvis/idsj02ayq_flc.fits.gz"),
    "HRC": ("acs_hrc_j8bt06nyq_flt.fits.gz",),
    "STIS": ("stis_o4k19a010_flt.fits.gz",),
}

_FULL = 80_000.0  # electrons, of a full well


@dataclass(frozen=True)
class Case:
    """What is recorded.

    Attributes
    ----------
    name : str
    scene : str
        A key of `SCENES` or `REAL`; empty for arrays alone.
    steps : tuple of Step
        What is done one after the other; the state after each is recorded.
    n : int or None
        How many of the scene's exposures; None for all.
    prepare : callable, optional
        Takes the open HDU list of every exposure before the first step.
    """

    name: str
    scene: str
    steps: tuple[Step, ...]
    n: int | None = None
    prepare: Callable | None = None


def _of(hdus, name):
    return [hdu.data for hdu in hdus if hdu.name == name]


def _foreign_bit(hdus):
    """Set the bits 8192 and 16384 on some pixels, as somebody else may."""
    for dq in _of(hdus, "DQ"):
        dq[::7, ::5] |= 8192
        dq[::5, ::9] |= 16384


def _every_bit(hdus):
    """Set every bit but 8192 on some pixels, 32768 as the sign included."""
    rng = np.random.default_rng(0)
    for dq in _of(hdus, "DQ"):
        bits = (rng.random((16, *dq.shape)) < 0.01) & (np.arange(16) != 13)[:, None, None]
        dq |= (bits * 2 ** np.arange(16)[:, None, None]).sum(0).astype(np.uint16).view(np.int16)


def _holes(hdus):
    """Take the value of some pixels away."""
    for sci in _of(hdus, "SCI"):
        sci[::37, ::41] = np.nan
        sci[100:130, 200:240] = np.nan
        sci[5, 5] = np.inf


def _edge_tracks(hdus):
    """Put tracks where the edges cut them, which the network may take for stars."""
    for sci in _of(hdus, "SCI"):
        rows, columns = sci.shape
        for at in range(20, min(rows, columns) - 20, 40):
            for corner in (sci[:2], sci[::-1][:2], sci.T[:2], sci.T[::-1][:2]):
                corner[:, at : at + 2] += np.array([[110.0, 95.0], [60.0, 70.0]], sci.dtype)


def _full_wells(hdus):
    """Put cosmic rays that fill pixels: a trail, a block, and at the edge."""
    for sci in _of(hdus, "SCI"):
        rows, columns = sci.shape
        sci[rows // 3 : rows // 3 + 20, columns // 3] = _FULL
        sci[rows // 3 : rows // 3 + 20, columns // 3 + 1] += 400
        sci[rows // 2 : rows // 2 + 8, columns // 2 : columns // 2 + 8] = _FULL
        sci[:5, 30] = sci[-6:, columns - 30] = _FULL
        for i in range(8):
            sci[rows // 4 + i, 40 + i] += 30_000


_THRESHOLDS = tuple(run(threshold=value) for value in (0.05, 0.29, 0.95, 0.0, 1.0))
_GROWTHS = run(grow=1), run(grow=2), run(grow=1, protect_saturated=False)
_WELLS = run(), run(threshold=0.1), run(grow=1), run(protect_saturated=False)
_CRASH = run(threshold=0.6), keep(), run(crbit=16384, grow=1), put_back(), run(threshold=0.3), undo()
_MASKS_ONLY = run(update_dq=False), run(update_dq=False, threshold=0.3), run()
_REAL = run(any_detector=True), run(any_detector=True, consensus="no", grow=1), undo()

CASES = (
    # One exposure
    Case("one, sparse", "sparse", (run(),), n=1),
    Case("one, crowded", "crowded", (run(),), n=1),
    Case("one, galaxies", "galaxies", (run(),), n=1),
    Case("one, saturated stars", "long", _WELLS, n=1),
    Case("one, filled pixels", "long", _WELLS, n=1, prepare=_full_wells),
    Case("one, tracks at the edges", "few stars", (run(), run(threshold=0.9)), n=1, prepare=_edge_tracks),
    Case("one, rain", "rain", (run(), run(grow=1)), n=1),
    Case("one, grow", "crowded", _GROWTHS, n=1),
    Case("one, thresholds", "crowded", _THRESHOLDS, n=1),
    Case("one, whole height", "whole height", (run(),), n=1, prepare=_full_wells),
    Case("one, mask_file=no", "sparse", (run(mask_file=False), run(mask_file=False, grow=1), undo()), n=1),
    Case("each alone", "crowded", (run(consensus="no"), run())),
    # Several
    Case("two, sparse", "sparse", (run(),), n=2),
    Case("three, sparse", "sparse", (run(),)),
    Case("two, crowded", "crowded", (run(),), n=2),
    Case("three, crowded", "crowded", (run(),)),
    Case("two, galaxies", "galaxies", (run(),)),
    Case("association table", "crowded", (run(inputs="*_asn.fits"),)),
    Case("consensus=yes", "crowded", (run(consensus="yes"),), n=2),
    Case("too few stars", "few stars", (run(),)),
    Case("one unaligned", "one off by 5 pixels", (run(), undo())),
    Case("one unaligned, consensus=yes", "one off by 5 pixels", (run(consensus="yes"),)),
    Case("slightly unaligned", "off by 0.5 pixels", (run(),)),
    Case("saturated stars", "long", _WELLS),
    Case("filled pixels", "long", _WELLS, prepare=_full_wells),
    Case("gain 1", "gain 1", (run(), run(grow=1))),
    Case("exposure times differ", "exptimes", (run(),)),
    Case("variables and movers", "changes", (run(), run(threshold=0.1))),
    Case("rolls", "rolls", (run(),)),
    Case("half overlap", "half overlap", (run(),)),
    Case("sky below zero", "sky below zero", (run(),)),
    Case("rain", "rain", (run(), run(grow=1))),
    Case("tracks at the edges", "crowded", (run(), run(threshold=0.9)), n=2, prepare=_edge_tracks),
    Case("whole height", "whole height", (run(),), prepare=_full_wells),
    Case("grow", "crowded", _GROWTHS),
    Case("thresholds", "crowded", _THRESHOLDS),
    Case("workers=2", "crowded", (run(workers=2),), n=2),
    # Again, back, elsewhere
    Case("skip", "crowded", (run(), run(rerun="skip"), run(rerun="skip", threshold=0.3)), n=2),
    Case("skip, one", "sparse", (run(), run(rerun="skip"), run(rerun="skip", grow=1)), n=1),
    Case("alone after together", "crowded", (run(), run(consensus="no", threshold=0.3), undo()), n=2),
    Case("undo", "sparse", (run(), undo(), run(threshold=0.3), undo()), n=2),
    Case("apply", "crowded", (run(grow=1), refresh(), apply(), undo()), n=2),
    Case("apply elsewhere", "sparse", (run(update_dq=False, threshold=0.4), apply(elsewhere=True)), n=2),
    Case("after a crash", "crowded", _CRASH, n=2),
    Case("after a crash, one", "sparse", _CRASH, n=1, prepare=_foreign_bit),
    # Outputs
    Case("crbit=4096", "crowded", (run(crbit=4096), run(crbit=4096, grow=1), undo()), n=2),
    Case("crbit=16384", "crowded", (run(crbit=16384), run(grow=1), undo()), n=2),
    Case("bit 4096 wiped", "crowded", (run(crbit=4096), wiped(4096), run(crbit=4096, rerun="skip")), n=2),
    Case("output_dir", "crowded", (run(output_dir="out"), run(output_dir="out", threshold=0.3)), n=2),
    Case("mask_file=no", "crowded", (run(mask_file=False), undo()), n=2),
    Case("update_dq=no", "crowded", _MASKS_ONLY, n=2),
    Case("clean_file", "crowded", (run(clean_file=True), run(clean_file=True, inpaint="medmask")), n=2),
    Case("clean_file alone", "sparse", (run(clean_file=True, mask_file=False, update_dq=False),), n=1),
    # Models
    Case("model=auto, F606W", "F606W", (run(model="auto"), run())),
    Case("model=auto, F814W", "sparse", (run(model="auto"),), n=1),
    Case("ACS-WFC-F606W-2-4", "F606W", (run(), run(model="ACS-WFC-F606W-2-4"), undo())),
    # What was there already
    Case("bit of others", "crowded", (run(), run(threshold=0.3, crbit=16384), undo()), prepare=_foreign_bit),
    Case("bit of others, one", "sparse", (run(grow=1), undo(), apply(), undo()), n=1, prepare=_foreign_bit),
    Case("every other bit", "crowded", (run(), undo()), prepare=_every_bit),
    Case("pixels without value", "crowded", (run(), run(clean_file=True, threshold=0.3)), prepare=_holes),
    # Arrays
    Case("clean", "", (clean(), clean(grow=1), clean(threshold=0.1, inpaint="medmask"), clean(inpaint=None))),
    Case("clean, with DQ", "", (clean(with_dq=True), clean(with_dq=True, protect_saturated=False))),
    Case("probability", "", (probability(), probability(model="ACS-WFC-F606W-2-4"), probability(tile=128))),
    # Real pixels
    Case("real WFC3 pair", "WFC3", _REAL),
    Case("real HRC", "HRC", (run(any_detector=True), run(any_detector=True, protect_saturated=False))),
    Case("real STIS pair", "STIS", _REAL),
)
