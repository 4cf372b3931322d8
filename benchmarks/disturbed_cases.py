"""The pairs of exposures that `disturbed.py` decides on: undisturbed, and with what goes wrong in practice.

`CASES` lists them; `write` makes one. Where only one exposure is disturbed it is the second; of the pairs
with different exposure times the first has the other one. The field ``sparse`` has 20 times its usual stars.
"""

import os
import shutil
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import disturbed_light as light
import numpy as np
from astropy.io import fits

from acs_deepcr_step import simulate

SHAPE = (768, 768)
FIELDS = ("sparse", "crowded")
_STAR_DENSITY = {"sparse": 20.0, "crowded": 1.0}
_USUAL = "F814W"
_CHIPS = ("static, two chips",) * 2


@dataclass(frozen=True)
class Case:
    """A pair of exposures.

    Attributes
    ----------
    name : str
    twins : tuple of str
        Names of the undisturbed cases that its members are compared with, each with the same member there;
        its own name if it is undisturbed.
    settings : dict
        Arguments of `simulate.association`; dithers may be a function of the shape.
    second : dict
        Those that only the second exposure has.
    changes : sequence of callable
        For each exposure: takes its file, the settings and a `numpy.random.Generator`, and changes the file.
    """

    name: str
    twins: tuple[str, str] = ("static", "static")
    settings: dict = field(default_factory=dict)
    second: dict = field(default_factory=dict)
    changes: Sequence[Callable | None] = (None, None)

    def write(self, directory, seed, field="sparse", shape=SHAPE):
        """Write the exposures, with their truth beside them.

        Parameters
        ----------
        directory : Path
        seed : int
            The same seed gives the same sky and detector in all cases of one filter and number of chips.
        field : {'sparse', 'crowded'}
        shape : tuple of int
            Rows and columns of a chip.

        Returns
        -------
        list of Path
        """
        settings = {
            "n": 2, "shape": shape, "chips": 1, "field": field, "star_density": _STAR_DENSITY[field],
            "seed": seed, "filter": _USUAL, **self.settings,
        }  # fmt: skip
        if callable(settings.get("dithers")):
            settings["dithers"] = settings["dithers"](shape)
        files = simulate.association(directory, **settings)
        if self.second:
            others = simulate.association(Path(directory) / "others", **{**settings, **self.second})
            for path in (others[1], simulate.truth_path(others[1])):
                os.replace(path, Path(directory) / path.name)
            shutil.rmtree(Path(directory) / "others")
        rng = np.random.default_rng([seed, zlib.crc32(self.name.encode())])
        for path, change in zip(files, self.changes, strict=True):
            if change is not None:
                change(path, settings, rng)
        return files


def write(case_name, directory, seed, field="sparse", shape=SHAPE):
    """Write the exposures of a case.

    Parameters
    ----------
    case_name : str
        One of `CASES`.
    directory, seed, field, shape
        As for `Case.write`.

    Returns
    -------
    list of Path
        Two exposures; the truth (``<root>_flc_truth.fits``) lies beside them.

    Raises
    ------
    KeyError
        If there is no such case.
    """
    return BY_NAME[case_name].write(directory, seed, field, shape)


# --- what is done to a file ---


def _add(shape_of, electrons, path, _, rng):
    """Add light of a shape, so bright at its peak."""
    light.change(path, lambda chip: light.with_light(chip, electrons * shape_of(chip), rng))


def _refocus(loss, path, settings, rng):
    def refocused(chip):
        return light.with_light(chip, light.defocus(chip, settings["filter"], loss), rng)

    light.change(path, refocused)


def _polarise(path, settings, rng):
    """Turn the polariser: half of the stars send 30 % more light."""

    def turned(chip):
        share = 0.3 * (rng.random(chip.truth.stars.size) < 0.5)
        return light.with_light(chip, light.stars_of(chip, settings["filter"], share), rng)

    light.change(path, turned)
    _set(path, FILTER2="POL60V")


def _smear(function, cards, path, _, rng):
    light.change(path, lambda chip: light.with_other_light(chip, function, rng))
    _set(path, **cards)


def _leave_unused(value, path, _, __):
    light.change(path, lambda chip: light.without_image(chip, 0.6, value))


def _cut(path, settings, _):
    rows = settings["shape"][0]
    light.cut(path, rows // 3, rows // 3)


def _ramp(angstrom, electrons, path, settings, rng):
    """Set a ramp filter to a wavelength, and show a filament of so many electrons."""
    if electrons:
        _add(light.filament, electrons, path, settings, rng)
    _set(path, LRFWAVE=angstrom)


def _set(path, **cards):
    for key, value in cards.items():
        fits.setval(path, key, value=value, ext=0)


# --- the list ---


def _undisturbed(name, settings, changes=(None, None)):
    """Return a case that is its own twin."""
    return Case(name, (name, name), settings, changes=changes)


def _glows():
    both = partial(_add, light.glow_at_side, 100)
    made = [Case("glow 100 at side in both", changes=(both, both))]
    for electrons in (50, 100, 300):
        side, corner, slope = (
            (None, partial(_add, shape_of, electrons))
            for shape_of in (light.glow_at_side, light.glow_in_corner, light.gradient)
        )
        made += [
            Case(f"glow {electrons} at side", changes=side),
            Case(f"glow {electrons} in corner", changes=corner),
            Case(f"glow {electrons} gradient", _CHIPS, {"chips": 2}, changes=slope),
        ]
    return made


def _filters():
    ramp, polariser = {"filter": "FR782N", "sky": 5.0}, {"filter": "F606W+POL0V"}
    same, another = partial(_ramp, 7674.0, 0.0), partial(_ramp, 7637.0, 60.0)
    grism = partial(_smear, light.spectra, {})
    return [
        _undisturbed("static, ramp", ramp, (same, same)),
        Case("ramp of other wavelength", ("static, ramp",) * 2, ramp, changes=(same, another)),
        _undisturbed("static, polariser", polariser),
        Case("polariser turned", ("static, polariser",) * 2, polariser, changes=(None, _polarise)),
        Case("grism", settings={"filter": "G800L"}, changes=(grism, grism)),
    ]


def _pointings():
    shifts = (0.1, 0.3, 1, 2, 5)
    return [
        *(Case(f"offset {shift:g}", settings={"offsets": ((0, 0), (shift, 0))}) for shift in shifts),
        Case("roll 2 degrees", settings={"rolls": [0.0, 2.0]}),
        Case("half overlap", settings={"dithers": lambda shape: ((0, 0), (shape[1] / 2, 0))}),
        Case("subarray", changes=(None, _cut)),
    ]


def _unlike():
    """Return pairs of which one is of another depth, and those that are of it both."""
    made = []
    for seconds in (2, 5, 30, 100, 1000):
        both = f"static, {seconds} s"
        made += [
            _undisturbed(both, {"exptime": float(seconds)}),
            Case(f"{seconds} s and 500 s", (both, "static"), {"exptime": [float(seconds), 500.0]}),
        ]
    others = {f"sky of {sky}": {"sky": float(sky)} for sky in (5, 200)}
    for name, settings in {**others, "ten times the cosmic rays": {"cr_rate": 12.0}}.items():
        both = f"static, {name}"
        made += [_undisturbed(both, settings), Case(name, ("static", both), second=settings)]
    return made


def _all():
    lost = partial(_smear, light.trailed, {"EXPFLAG": "INDETERMINATE"})
    return [
        Case("static"),
        _undisturbed("static, two chips", {"chips": 2}),
        *_unlike(),
        *_glows(),
        Case("unused 60 %, 0", changes=(None, partial(_leave_unused, 0.0))),
        Case("unused 60 %, nan", changes=(None, partial(_leave_unused, np.nan))),
        *_filters(),
        Case("lost guiding", changes=(None, lost)),
        *(Case(f"focus {loss} %", changes=(None, partial(_refocus, loss / 100))) for loss in (2, 4, 8)),
        *_pointings(),
        Case("variable stars", settings={"variables": 0.3}),
        Case("moving sources", settings={"movers": 8}),
    ]


CASES = tuple(_all())
BY_NAME = {case.name: case for case in CASES}
