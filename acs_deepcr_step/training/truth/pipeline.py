"""Truth of the exposures of an observation set, made as in the paper.

Copies of the exposures -> TweakReg -> AstroDrizzle's separate drizzle, median, blot and driz_cr -> truth
files. The truth is driz_cr's own mask (``_crmask.fits``), without the flags of calacs or of this step.

References
----------
Kwon, Zhang & Bloom 2021, section 2 and Table A1; Zhang & Bloom 2020, section 3.
"""

import importlib.metadata
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from ... import __version__
from ...arrays import dq
from ...arrays.background import clipped_level
from ...arrays.morphology import dilate
from ...errors import DrizzlepacError, ExposureError, InputError, warn
from ...files.exposure import read_sci
from ...files.fits_reader import quiet
from ...files.space import require_space
from ..samples import ignored
from . import completeness, copies, coverage, drizzlepac_job
from . import file as truth_file
from .options import TruthOptions

__all__ = ["WORK", "make"]

# Prefix of the working directory, which remains only if the process is killed.
WORK = ".truth-"

# Size of the working files in units of that of the exposures.
_WORK_SIZE = 4


def make(files, outdir, options=None, expected=None):
    """Make the truth of an observation set.

    Parameters
    ----------
    files : str, path-like or list of these
        Two or more exposures of one field through one filter; wildcards and lists as `run` takes them.
    outdir : path-like
        For the truth files and, while it runs, working files of four times the size of the exposures;
        created if it does not exist.
    options : TruthOptions, optional
    expected : Completeness, optional
        Of such truth; by default the nearest entry of the table.

    Returns
    -------
    list of pathlib.Path
        ``<root>_<suffix>_crtruth.fits`` of each exposure, in the order of `files`.

    Raises
    ------
    InputError
        For a single exposure, different filters, exposures that do not overlap, or an existing output
        that is no truth file.
    ExposureError
        If a file is no exposure, or there is not enough free space.
    OutputError
        If a truth file cannot be written.
    DrizzlepacError
        If TweakReg or AstroDrizzle failed; their log is in `outdir`.

    Warns
    -----
    StepWarning
        If there are only two exposures.

    Notes
    -----
    Ignored are pixels with any DQ flag, the 7x7 around those above 70,000 e-, `options.ring` pixels around
    true cosmic rays, and pixels that no other exposure sees.
    """
    options = options or TruthOptions()
    exposures = copies.inspect_set(files)
    outdir = Path(outdir)
    targets = [outdir / truth_file.name_for(exposure.path) for exposure in exposures]
    for target in targets:
        truth_file.require_replaceable(target)
    if len(exposures) == 2:
        _warn_of_two(exposures)
    outdir.mkdir(parents=True, exist_ok=True)
    require_space(outdir, _WORK_SIZE * sum(exposure.state.size for exposure in exposures))
    with tempfile.TemporaryDirectory(prefix=WORK, dir=outdir) as work:
        work = Path(work)
        copied = copies.make(exposures, work)
        if options.tweakreg is not None and options.flags_first:
            _flag(copied)
        _run_drizzlepac(exposures, copied, options, outdir)
        builder = _TruthBuilder(exposures, copied, options, expected)
        truths = [builder.build(index) for index in range(len(copied))]
        for target, truth in zip(targets, truths, strict=True):
            truth_file.write(target, truth)
    return targets


def _warn_of_two(exposures):
    first, second = (exposure.path.name for exposure in exposures)
    warn(
        f"{first} and {second}: the truth of two exposures is poor, since where both were hit, or one has a "
        "bad pixel, nothing tells; take three or more where there are.",
    )


def _flag(copied):
    """Flag cosmic rays in the copies, for TweakReg only."""
    from ...step import run

    run(
        list(copied), grow=1, crbit=dq.CR_ACSREJ, mask_file=False, runfile="", progress=False,
        consensus="no", rerun="redo",
    )  # fmt: skip


def _run_drizzlepac(exposures, copied, options, outdir):
    """Run TweakReg and AstroDrizzle on the copies; keep their log if they fail."""
    work = copied[0].parent
    chips = [
        (copy, chip.extver)
        for exposure, copy in zip(exposures, copied, strict=True)
        for chip in exposure.chips
    ]
    dqbits = f"~{dq.CR_ACSREJ}" if options.flags_first else ""
    job = drizzlepac_job.Job(
        files=[copy.name for copy in copied],
        masks=[_crmask(*chip).name for chip in chips],
        tweakreg=None if options.tweakreg is None else options.tweakreg.keywords(dqbits),
        astrodrizzle=options.drizzle.keywords(options.cores),
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
class _TruthBuilder:
    """Makes the truth of one exposure from AstroDrizzle's files."""

    exposures: list
    copied: list
    options: TruthOptions
    expected: completeness.Completeness | None

    def build(self, index):
        """Return the `TruthFile` of an exposure."""
        exposure = self.exposures[index]
        output, others = self._others(index)
        chips = tuple(self._chip(index, chip, output, others) for chip in exposure.chips)
        if all((chip.flags & truth_file.IGNORED).all() for chip in chips):
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
        """Return the header of the drizzled images, and where any other exposure enters their median."""
        others, header = None, None
        min_weight = self.options.drizzle.combine_maskpt
        for copy in (c for i, c in enumerate(self.copied) if i != index):
            path = copy.with_name(f"{_root(copy)}_single_wht.fits")
            with quiet():
                weight, header = fits.getdata(path, header=True)
            used = coverage.used_in_median(weight, min_weight)
            others = used if others is None else others | used
        return header, others

    def _chip(self, index, chip, output, others):
        exposure, copy = self.exposures[index], self.copied[index]
        sci = read_sci(exposure, chip)
        image = sci.native_electrons()
        with quiet():
            dq_flags = fits.getdata(copy, "DQ", chip.extver)
            crs = fits.getdata(_crmask(copy, chip.extver)) == 0
        if crs.shape != chip.shape:
            raise ExposureError(
                f"{exposure.path}: AstroDrizzle's mask of chip {chip.extver} has another shape."
            )
        x, y = coverage.output_pixels(copy, chip.extver, output)
        ignore = ignored(image, dq_flags) | ~coverage.seen_by_others(x, y, others)
        sky = clipped_level(image, ignore | crs)
        ignore |= dilate(crs, self.options.ring) & ~crs
        flags = crs * np.uint8(truth_file.CR) | ignore * np.uint8(truth_file.IGNORED)
        return truth_file.ChipTruth(
            extver=chip.extver,
            ccdchip=chip.ccdchip,
            sha256=sci.sha256,
            sky=sky,
            flags=flags.astype(np.uint8),
        )


def _set_name(exposure):
    """Return filter, proposal and visit; the visit is part of the root name (ipppssoot)."""
    with quiet():
        proposal = fits.getheader(exposure.path).get("PROPOSID", "unknown")
    return f"{exposure.filter}_{proposal}_{exposure.rootname[4:6].lstrip('0') or '0'}"


def _versions():
    packages = {
        name: importlib.metadata.version(name) for name in ("drizzlepac", "stwcs", "astropy", "numpy")
    }
    return {"acs_deepcr_step": __version__, **packages}
