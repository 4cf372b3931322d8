"""The associations that `product.py` drizzles: plain fields, and what goes wrong in practice."""

import contextlib
import gzip
import os
import shutil
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import simulated_kinds

from acs_deepcr_step import simulate

_REFERENCE_KEYS = {"idc": "IDCTAB", "d2i": "D2IMFILE", "npl": "NPOLFILE"}
_OTHER_SEEDS = 500  # companions have cosmic rays of their own


@dataclass(frozen=True)
class Simulated:
    """The exposures of one case.

    Attributes
    ----------
    drizzled : list of Path
    companions : list of Path
        Flagged with these, but not drizzled.
    """

    drizzled: list[Path]
    companions: list[Path]


@dataclass(frozen=True)
class Case:
    """What is simulated.

    Attributes
    ----------
    name : str
    n : int
        Exposures that are drizzled.
    settings : dict
        Arguments of `simulate.association`.
    companion_settings : dict
        Arguments of as many further exposures, which are flagged with these but not drizzled; none if empty.
    corrected : bool
        Whether the headers get the distortion corrections D2IMFILE and NPOLFILE.
    """

    name: str
    n: int
    settings: dict = field(default_factory=dict)
    companion_settings: dict = field(default_factory=dict)
    corrected: bool = False

    def write(self, directory, seed, frame, references=None):
        """Simulate the exposures.

        Parameters
        ----------
        directory : Path
        seed : int
        frame : dict
            Shape and chips.
        references : Path, optional
            Folder with the reference files of a corrected case.

        Returns
        -------
        Simulated
        """
        settings = {**frame, **self.settings}
        files = simulate.association(directory, n=self.n, seed=seed, **settings)
        companions = []
        if self.companion_settings:
            others = {**settings, "root": "j8sm02", **self.companion_settings}
            companions = simulate.association(directory, n=self.n, seed=seed + _OTHER_SEEDS, **others)
        if self.corrected:
            _correct(files, references, directory / "references")
        return Simulated(files, companions)


def of_fields(fields, numbers, kinds=("plain",)):
    """Return the cases of every field at every number of exposures.

    Parameters
    ----------
    fields : sequence of str
    numbers : sequence of int
    kinds : sequence of str
        Of ``simulated_kinds``.

    Returns
    -------
    list of Case
    """
    return [
        Case(name if kind == "plain" else f"{name} {kind}", n,
             {"field": name, **simulated_kinds.settings(kind, n)})
        for name in fields for n in numbers for kind in kinds
    ]  # fmt: skip


def of_robustness(fields, numbers, shape, corrected):
    """Return the cases of what goes wrong in practice, in every field.

    Parameters
    ----------
    fields : sequence of str
    numbers : sequence of int
        Of exposures.
    shape : tuple of int
        Rows and columns of a chip.
    corrected : bool
        Whether the case with distortion corrections is among them.

    Returns
    -------
    list of Case
    """
    half = ((0, 0), (shape[1] / 2, 0), (0, shape[0] / 2), (20, 20))
    special = {
        **{f"offset {d}": {"offsets": ((0, 0), (d, 0), (0, d), (-d, d))} for d in (0.1, 0.3, 1.0, 3.0)},
        "exposures 1:3": {"exptime": [250.0, 750.0, 250.0, 750.0]},
        "dithers 0.01": {"dithers": ((0, 0), (0.01, 0), (0, 0.01), (0.01, 0.01))},
        "rolls": {"rolls": (0.0, 1.0, -2.0, 30.0)},
        "half overlap": {"dithers": half},
        "moving sources": {"movers": 40},
        "variable stars": {"variables": 0.2, "variability": 1.5},
        "one bad pointing": {"offsets": ((0, 0), (40, 25), (0, 0), (0, 0))},
    }
    cases = []
    for name in fields:
        for n in numbers:
            cases.append(Case(f"{name} usual", n, {"field": name}))
            for what, settings in special.items():
                its = {key: value[:n] if isinstance(value, (tuple, list)) else value
                       for key, value in settings.items()}  # fmt: skip
                cases.append(Case(f"{name} {what}", n, {"field": name, **its}))
            cases.append(
                Case(f"{name} other filter", n, {"field": name}, companion_settings={"filter": "F606W"})
            )
            if corrected:
                cases.append(Case(f"{name} D2IM, NPOL", n, {"field": name}, corrected=True))
    return cases


def _correct(files, references, folder):
    """Put SIP, D2IM and NPOL corrections into headers as the archive's pipeline does."""
    from astropy.io import fits
    from stwcs import updatewcs

    folder.mkdir()
    names = {}
    for packed in sorted(Path(references).glob("*.fits.gz")):
        path = folder / packed.stem
        with gzip.open(packed) as source, open(path, "wb") as target:
            shutil.copyfileobj(source, target)
        kind = path.stem.rsplit("_", 1)[-1]
        if kind != "npl" or fits.getval(path, "FILTER2", 0).startswith("F814W"):
            names[_REFERENCE_KEYS[kind]] = f"jref${path.name}"
    with _environment("jref", f"{folder}{os.sep}"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in files:
            for key, name in names.items():
                fits.setval(path, key, value=name, ext=0)
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
                updatewcs.updatewcs(str(path), use_db=False, verbose=False)


@contextlib.contextmanager
def _environment(name, value):
    old = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if old is None:
            del os.environ[name]
        else:
            os.environ[name] = old
