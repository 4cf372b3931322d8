"""What `same_flags.py` does to exposures: the steps of its cases.

Only public names of the package are used, so that the same steps run with the code of before and of after a
change.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

import acs_deepcr_step

_QUIET = {"runfile": "", "progress": False}
_ALWAYS = {"precision": "float32", "device": "cpu", "workers": 1, **_QUIET}


@dataclass(frozen=True)
class Place:
    """Where a case happens: the current directory.

    Attributes
    ----------
    names : tuple of str
        Files of the exposures in it, as they are processed.
    fresh : dict of str to bytes
        What they were before the first step.
    kept : dict of str to bytes
        For steps that put an earlier state back.
    """

    names: tuple[str, ...]
    fresh: dict = field(repr=False)
    kept: dict = field(default_factory=dict, repr=False)


@dataclass(frozen=True, eq=False)
class Made:
    """What a step returns, beside the files it leaves.

    Attributes
    ----------
    table : astropy.table.Table, optional
    arrays : dict of str to ndarray
    error : str
        Class of the error that carried the table.
    """

    table: Table | None = None
    arrays: dict = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True)
class Step:
    """Something that is done.

    Attributes
    ----------
    name : str
    work : callable
        Takes the `Place`; returns `Made`.
    """

    name: str
    work: Callable = field(repr=False)


def run(*, inputs="", **pars):
    """Return the step that flags all exposures, or other inputs."""

    def work(place):
        try:
            return Made(acs_deepcr_step.run(inputs or list(place.names), **{**_ALWAYS, **pars}))
        except Exception as error:
            if getattr(error, "table", None) is None:
                raise
            return Made(error.table, error=type(error).__name__)

    return Step(_named("run", {**({"inputs": inputs} if inputs else {}), **pars}), work)


def undo():
    """Return the step that takes the flags back."""
    return Step("undo", lambda place: Made(acs_deepcr_step.undo(list(place.names), **_QUIET)))


def apply(*, elsewhere=False):
    """Return the step that sets the flags of the mask files: those beside, or upon fresh copies elsewhere."""

    def work(place):
        if not elsewhere:
            return Made(acs_deepcr_step.apply(list(place.names), **_QUIET))
        Path("fresh").mkdir()
        for name, content in place.fresh.items():
            Path("fresh", name).write_bytes(content)
        files = [f"fresh/{name}" for name in place.names]
        return Made(acs_deepcr_step.apply(files, "*_deepcr.fits", **_QUIET))

    return Step("apply, elsewhere" if elsewhere else "apply", work)


def refresh():
    """Return the step that puts the exposures of the beginning in the place of the flagged ones."""
    return Step("exposures anew", lambda place: _put(place.fresh))


def keep():
    """Return the step that remembers the exposures as they are."""

    def work(place):
        place.kept.update({name: Path(name).read_bytes() for name in place.names})
        return Made()

    return Step("keep", work)


def put_back():
    """Return the step that puts back what was kept, as after a crash: the mask files are newer."""
    return Step("put back", lambda place: _put(place.kept))


def wiped(bit):
    """Return the step that clears a bit everywhere, as AstroDrizzle's resetbits does."""

    def work(place):
        for name in place.names:
            with fits.open(name, mode="update", memmap=False) as hdus:
                for hdu in hdus:
                    if hdu.name == "DQ":
                        hdu.data &= np.int16(~bit)
        return Made()

    return Step(f"bit {bit} wiped", work)


def clean(*, with_dq=False, **pars):
    """Return the step that cleans an array."""

    def work(_place):
        chip = _chip()
        dq = chip.dq if with_dq else None
        mask, image = acs_deepcr_step.clean(chip.sci, dq=dq, device="cpu", precision="float32", **pars)
        return Made(arrays={"MASK": mask.astype(np.uint16), "CLEANED": as_integers(image)})

    return Step(_named("clean", {**({"dq": "..."} if with_dq else {}), **pars}), work)


def probability(**pars):
    """Return the step that computes the probabilities of an array."""

    def work(_place):
        found = acs_deepcr_step.detect.probability(_chip().sci, device="cpu", precision="float32", **pars)
        return Made(arrays={"PROBABILITY": as_integers(found)})

    return Step(_named("probability", pars), work)


def as_integers(values):
    """Return the bits of float32 values as uint32."""
    return np.ascontiguousarray(values, "<f4").view("<u4")


@functools.cache
def _chip():
    return acs_deepcr_step.simulate.chip(
        shape=(200, 300), exptime=1000.0, field="crowded", cr_rate=4.0, seed=517, full_well=60_000.0
    )


def _named(verb, pars):
    return f"{verb}({', '.join(f'{name}={value}' for name, value in pars.items())})"


def _put(contents):
    for name, content in contents.items():
        Path(name).write_bytes(content)
    return Made()
