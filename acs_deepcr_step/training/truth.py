"""From an observation set to the truth of each of its exposures, as the paper made it.

Copies of the exposures -> TweakReg -> AstroDrizzle's separate drizzle, median, blot and
driz_cr -> which pixels of each exposure cosmic rays hit. The user's files are only read.

The masks are driz_cr's own (``_crmask.fits``), before they are merged with anything else, so
neither calacs' flags nor those of this step are in them.

References
----------
Kwon, Zhang & Bloom 2021, section 2 and Table A1; Zhang & Bloom 2020, section 3.
"""

import importlib.metadata
import os
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from .. import __version__, dq
from ..detect import dilate
from ..errors import DrizzlepacError, ExposureError, InputError, StepWarning
from ..exposure import image_in_electrons, read_raw
from ..inspection import quiet
from ..saving import require_space
from . import completeness, copies, coverage, drizzlepac_job, truth_file
from .samples import ignored, sky_level
from .truth_file import samples
from .truth_options import AstroDrizzleOptions, TruthOptions, TweakRegOptions

__all__ = ["WORK", "AstroDrizzleOptions", "TruthOptions", "TweakRegOptions", "make", "samples"]

# How the name of a working directory begins; it is removed at the end, unless the process is killed.
WORK = ".truth-"

# What copies, separately drizzled images, blotted images and masks take, of the size of the exposures.
_ROOM = 4


def make(files, outdir, options=None, expected=None):
    """Make the truth of an observation set.

    Parameters
    ----------
    files : str, path-like or list of these
        The exposures of one field through one filter, two or more; wildcards and lists as `run` takes them.
    outdir : path-like
        Gets the truth files; made if need be. The working files, four times the size of the exposures, lie
        in it for the while.
    options : TruthOptions, optional
    expected : completeness.Completeness, optional
        What such truth is worth; by default the nearest entry of the table.

    Returns
    -------
    list of pathlib.Path
        ``<root>_<suffix>_crtruth.fits`` of each exposure, in the order of `files`.

    Raises
    ------
    InputError
        For a single exposure, different filters, exposures that do not overlap, or an output that is no
        truth file.
    ExposureError
        If a file is no exposure, or cannot be written, or there is no room.
    DrizzlepacError
        If TweakReg or AstroDrizzle failed; their log is in `outdir`.

    Warns
    -----
    StepWarning
        If there are only two exposures.

    Notes
    -----
    Ignored are: pixels with any DQ flag, the 7x7 around those above 70,000 e-, `options.ring` pixels around
    true cosmic rays, and pixels that no other exposure sees.
    """
    options = options or TruthOptions()
    exposures = copies.checked(files)
    outdir = Path(outdir)
    targets = [outdir / truth_file.name_for(exposure.path) for exposure in exposures]
    for target in targets:
        truth_file.require_replaceable(target)
    if len(exposures) == 2:
        _warn_of_two(exposures)
    outdir.mkdir(parents=True, exist_ok=True)
    require_space(outdir, _ROOM * sum(exposure.state.size for exposure in exposures))
    with tempfile.TemporaryDirectory(prefix=WORK, dir=outdir) as work:
        work = Path(work)
        made = copies.make(exposures, work)
        if options.tweakreg is not None and options.flags_first:
            _flag(made)
        _find(exposures, made, options, outdir)
        judge = _Judge(exposures, made, options, expected)
        truths = [judge.truth(index) for index in range(len(made))]
        for target, truth in zip(targets, truths, strict=True):
            truth_file.write(target, truth)
    return targets


def _warn_of_two(exposures):
    first, second = (exposure.path.name for exposure in exposures)
    warnings.warn(
        f"{first} and {second}: the truth of two exposures is poor, since where both were hit, or one has a "
        "bad pixel, nothing tells; take three or more where there are.",
        StepWarning,
        stacklevel=3,
    )


def _flag(made):
    """Flag the copies, for TweakReg alone."""
    from ..step import run

    run(
        list(made), grow=1, crbit=dq.CR_ACSREJ, mask_file=False, runfile="", progress=False,
        consensus="no", rerun="redo",
    )  # fmt: skip


def _find(exposures, made, options, outdir):
    """Run TweakReg and AstroDrizzle on the copies; their log is kept if they fail."""
    work = made[0].parent
    chips = [
        (copy, chip.extver) for exposure, copy in zip(exposures, made, strict=True) for chip in exposure.chips
    ]
    dqbits = f"~{dq.CR_ACSREJ}" if options.flags_first else ""
    job = drizzlepac_job.Job(
        files=[copy.name for copy in made],
        masks=[_crmask(*chip).name for chip in chips],
        tweakreg=None if options.tweakreg is None else options.tweakreg.call(dqbits),
        astrodrizzle=options.drizzle.call(options.cores),
    )
    try:
        drizzlepac_job.run(work, job)
    except DrizzlepacError as error:
        log = shutil.copyfile(work / drizzlepac_job.LOG, outdir / f"failed_{drizzlepac_job.LOG}")
        raise DrizzlepacError(f"{error} The log: {log}.") from error


def _root(copy):
    return copy.stem.rsplit("_", 1)[0]


def _crmask(copy, extver):
    return copy.with_name(f"{_root(copy)}_sci{extver}_crmask.fits")


@dataclass(frozen=True, eq=False)
class _Judge:
    """What AstroDrizzle left -> the truth of one exposure."""

    exposures: list
    made: list
    options: TruthOptions
    expected: completeness.Completeness | None

    def truth(self, index):
        exposure = self.exposures[index]
        output, others = self._others(index)
        chips = tuple(self._chip(index, chip, output, others) for chip in exposure.chips)
        if all((chip.plane & truth_file.IGNORED).all() for chip in chips):
            raise InputError(
                f"{exposure.path.name} has no good pixel that another exposure of the set sees: "
                "give exposures that overlap."
            )
        n, exptime = len(self.exposures), exposure.chips[0].exptime
        expected = self.expected or completeness.nearest(n, exptime, self.options)
        return truth_file.TruthFile(
            rootname=exposure.rootname,
            expstart=exposure.expstart,
            exposure=Path(os.path.abspath(exposure.path)),
            filter=exposure.filter,
            exptime=exptime,
            n=n,
            field=self.options.field,
            observation_set=self.options.observation_set or _set_name(exposure),
            completeness=expected.completeness,
            statement=expected.statement,
            settings=tuple(self.options.settings()),
            versions=_versions(),
            chips=chips,
        )

    def _others(self, index):
        """The header of the drizzled plane, and where any other exposure enters its median."""
        others, header = None, None
        share = self.options.drizzle.combine_maskpt
        for copy in (c for i, c in enumerate(self.made) if i != index):
            path = copy.with_name(f"{_root(copy)}_single_wht.fits")
            with quiet():
                weight, header = fits.getdata(path, header=True)
            enters = coverage.used(weight, share)
            others = enters if others is None else others | enters
        return header, others

    def _chip(self, index, chip, output, others):
        exposure, copy = self.exposures[index], self.made[index]
        raw = read_raw(exposure, chip)
        image = np.ascontiguousarray(image_in_electrons(chip, raw), np.float32)
        with quiet():
            flags = fits.getdata(copy, "DQ", chip.extver)
            crs = fits.getdata(_crmask(copy, chip.extver)) == 0
        if crs.shape != chip.shape:
            raise ExposureError(
                f"{exposure.path}: AstroDrizzle's mask of chip {chip.extver} has another shape."
            )
        x, y = coverage.output_pixels(copy, chip.extver, output)
        ignore = ignored(image, flags) | ~coverage.seen_by_others(x, y, others)
        sky = sky_level(image, ignore | crs)
        ignore |= dilate(crs, self.options.ring) & ~crs
        plane = crs * np.uint8(truth_file.CR) | ignore * np.uint8(truth_file.IGNORED)
        return truth_file.ChipTruth(
            chip.extver, chip.ccdchip, truth_file.pixels_hash(raw), sky, plane.astype(np.uint8)
        )


def _set_name(exposure):
    """Filter, proposal and visit; the visit stands in the root name (ipppssoot)."""
    with quiet():
        proposal = fits.getheader(exposure.path).get("PROPOSID", "unknown")
    return f"{exposure.filter}_{proposal}_{exposure.rootname[4:6].lstrip('0') or '0'}"


def _versions():
    packages = {
        name: importlib.metadata.version(name) for name in ("drizzlepac", "stwcs", "astropy", "numpy")
    }
    return {"acs_deepcr_step": __version__, **packages}
