"""Truth files: which pixels of an exposure cosmic rays hit, and which are ignored.

``j8xx01abq_flc_crtruth.fits`` holds a compressed image ``CRTRUTH`` per chip (bit 1: cosmic ray, bit 2:
ignored) and a table ``PARAMETERS`` of the settings. The exposure is looked for beside it and at its
earlier path, and recognised by its pixels.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io import fits

from ...errors import ExposureError, InputError
from ...files import fitsbytes, structure
from ...files.atomic import atomic
from ...files.exposure import read_sci, same_observation
from ...files.fits_reader import quiet
from ...files.inspection import inspect
from ..samples import Origin, Sample, TruthDescription
from .options import Setting

__all__ = [
    "CR", "IGNORED", "ChipTruth", "TruthFile", "describe", "name_for", "read",
    "require_replaceable", "samples", "write",
]  # fmt: skip

CR = 1
IGNORED = 2
_KIND = "DEEPCR CR TRUTH"
_IMAGE, _TABLE = "CRTRUTH", "PARAMETERS"


@dataclass(frozen=True, eq=False)
class ChipTruth:
    """The truth of one chip.

    Attributes
    ----------
    extver, ccdchip : int
    sha256 : str
        Of the SCI data as in the exposure's file.
    sky : float
        Background level, electrons.
    flags : ndarray, (R, C), uint8
        Sum of `CR` and `IGNORED`.
    """

    extver: int
    ccdchip: int
    sha256: str
    sky: float
    flags: np.ndarray = field(repr=False)


@dataclass(frozen=True, eq=False)
class TruthFile:
    """A whole truth file.

    Attributes
    ----------
    rootname : str
    expstart : float
    exposure : pathlib.Path
        Path of the exposure when the truth was made.
    filter : str
    exptime : float
        Seconds.
    n : int
        Number of exposures of the set.
    field, observation_set : str
        As in `Origin`.
    completeness : float
        Share of the true cosmic-ray pixels in such truth, from simulations; nan if unknown.
    statement : str
        The completeness in words, with its conditions.
    settings : tuple of Setting
        Of TweakReg, AstroDrizzle and `pipeline.make`.
    versions : dict of str to str
        By package.
    chips : tuple of ChipTruth
    """

    rootname: str
    expstart: float
    exposure: Path
    filter: str
    exptime: float
    n: int
    field: str
    observation_set: str
    completeness: float
    statement: str
    settings: tuple
    versions: dict
    chips: tuple


def name_for(exposure_path):
    """Return the name of an exposure's truth file: ``<root>_<suffix>_crtruth.fits``.

    Parameters
    ----------
    exposure_path : path-like

    Returns
    -------
    str
    """
    return f"{Path(exposure_path).stem}_crtruth.fits"


def write(path, truth):
    """Write a truth file; only another truth file is replaced.

    Parameters
    ----------
    path : pathlib.Path
    truth : TruthFile

    Raises
    ------
    InputError
        If another file has that name.
    OutputError
        If it cannot be written.
    """
    require_replaceable(path)
    hdus = fits.HDUList([fits.PrimaryHDU(header=_header(truth))])
    for chip in truth.chips:
        tile = (min(64, chip.flags.shape[0]), chip.flags.shape[1])
        hdu = fits.CompImageHDU(chip.flags, name=_IMAGE, compression_type="RICE_1", tile_shape=tile)
        hdu.ver = chip.extver
        hdu.header["CCDCHIP"] = chip.ccdchip
        if np.isfinite(chip.sky):
            hdu.header["SKY"] = (chip.sky, "[electrons] level of the sky")
        hdu.header["SCIHASH"] = chip.sha256
        hdus.append(hdu)
    columns = [
        fits.Column(name, f"{max([1, *map(len, cells)])}A", array=np.array(cells))
        for name, cells in zip(("TASK", "PARAMETER", "VALUE"), zip(*truth.settings, strict=True), strict=True)
    ]
    hdus.append(fits.BinTableHDU.from_columns(columns, name=_TABLE))
    with atomic(path) as temporary:
        hdus.writeto(temporary, checksum=True)


def require_replaceable(path):
    """Raise an `InputError` if a path is taken by a file that is no truth file."""
    if not path.exists():
        return
    try:
        kind = fits.getval(path, "FILETYPE")
    except (OSError, KeyError):
        kind = None
    if kind != _KIND:
        raise InputError(f"{path} is no truth file and stays: give another output directory.")


def _header(truth):
    header = fits.Header()
    header["FILETYPE"] = (_KIND, "made by acs_deepcr_step")
    header["ROOTNAME"] = (truth.rootname, "of the exposure")
    if np.isfinite(truth.expstart):
        header["EXPSTART"] = (truth.expstart, "of the exposure, MJD")
    header["EXPFILE"] = (fitsbytes.header_text(truth.exposure.name), "the exposure")
    header["EXPDIR"] = fitsbytes.header_text(str(truth.exposure.parent))
    header["FILTER"] = (truth.filter, "of the exposure")
    header["EXPTIME"] = (truth.exptime, "[s] of the exposure")
    header["NEXP"] = (truth.n, "exposures that the truth was made of")
    header["FIELD"] = (truth.field, "field type")
    header["OBSSET"] = (fitsbytes.header_text(truth.observation_set), "observation set")
    for package, version in truth.versions.items():
        header["HISTORY"] = f"made with {package} {version}"
    if np.isfinite(truth.completeness):
        header["CMPLTNSS"] = (truth.completeness, "of such truth, from simulations")
    header["CMPLTEXT"] = fitsbytes.header_text(truth.statement)
    header["HISTORY"] = "CRTRUTH: 1 cosmic ray (driz_cr of AstroDrizzle), 2 ignored."
    return header


def read(path):
    """Read a truth file.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    TruthFile

    Raises
    ------
    ExposureError
        If there is none, or it is no whole truth file.
    """
    path = Path(path)
    if not path.is_file():
        raise ExposureError(f"The truth file {path} does not exist: make it with acs-deepcr truth.")
    try:
        structure.scan(path)
        if fitsbytes.file_sum(path) != 0xFFFFFFFF:
            raise ValueError("it is damaged or no truth file: its checksum is wrong")
        with quiet(), fits.open(path, memmap=False) as hdus:
            if hdus[0].header.get("FILETYPE") != _KIND:
                raise ValueError("it is no truth file")
            return _parsed(hdus)
    except Exception as error:  # whatever a damaged file makes the FITS reader raise
        raise ExposureError(
            f"{path} cannot be read as a truth file ({' '.join(str(error).split())[:200]}): make it anew."
        ) from error


def _parsed(hdus):
    header = hdus[0].header
    chips = []
    for hdu in hdus:
        if hdu.name == _IMAGE:
            keys = hdu.header
            sky = keys.get("SKY", float("nan"))
            flags = np.asarray(hdu.data, np.uint8)
            chips.append(ChipTruth(hdu.ver, keys["CCDCHIP"], keys["SCIHASH"], sky, flags))
    history = [line.split() for line in header["HISTORY"] if line.startswith("made with ")]
    return TruthFile(
        rootname=header["ROOTNAME"],
        expstart=header.get("EXPSTART", float("nan")),
        exposure=Path(header["EXPDIR"], header["EXPFILE"]),
        filter=header["FILTER"],
        exptime=header["EXPTIME"],
        n=header["NEXP"],
        field=header["FIELD"],
        observation_set=header["OBSSET"],
        completeness=header.get("CMPLTNSS", float("nan")),
        statement=header["CMPLTEXT"],
        settings=tuple(Setting(*map(str, row)) for row in hdus[_TABLE].data),
        versions={words[2]: words[3] for words in history},
        chips=tuple(chips),
    )


def describe(paths):
    """Describe truth files in words, for tables and figures measured against them.

    Parameters
    ----------
    paths : iterable of path-like

    Returns
    -------
    TruthDescription
        What the truth is, how complete, and the conditions of that.
    """
    files = [read(path) for path in paths]
    statements = dict.fromkeys(file.statement for file in files)
    shares = [100 * file.completeness for file in files]
    numbers = _range_text(*(file.n for file in files))
    share = "holds not all"
    if np.isfinite(shares).all():
        share = f"holds {_range_text(*(f'{x:.0f}' for x in shares))} %"
    return TruthDescription(
        " ".join(["Truth: made by AstroDrizzle (driz_cr) from all exposures of each set.", *statements]),
        f"truth by AstroDrizzle (N = {numbers}), which {share} of the pixels hit, by simulation",
    )


def _range_text(*values):
    """Return 'lowest to highest', or the one number if all are equal."""
    low, *_, high = sorted([*values, *values], key=float)
    return f"{low}" if low == high else f"{low} to {high}"


def samples(paths):
    """Read truth files and their exposures.

    Parameters
    ----------
    paths : iterable of path-like
        Truth files. The exposure of each lies beside it or at its earlier path.

    Yields
    ------
    Sample
        One per chip.

    Raises
    ------
    ExposureError
        If a file cannot be read, or an exposure is missing or not the one that the truth is of.
    """
    for path in map(Path, paths):
        truth = read(path)
        exposure = _exposure(path, truth)
        for chip in exposure.chips:
            known = next((c for c in truth.chips if c.extver == chip.extver), None)
            sci = read_sci(exposure, chip)
            if known is None or known.flags.shape != chip.shape or known.sha256 != sci.sha256:
                raise ExposureError(
                    f"{exposure.path} is not the exposure that {path} was made of (its pixels differ): "
                    "make the truth anew."
                )
            yield Sample(
                image=sci.native_electrons(),
                truth=(known.flags & CR) != 0,
                ignore=(known.flags & IGNORED) != 0,
                sky=known.sky,
                origin=Origin(
                    observation_set=truth.observation_set,
                    exposure=truth.rootname,
                    extver=chip.extver,
                    filter=truth.filter,
                    field=truth.field,
                    exptime=truth.exptime,
                ),
            )


def _exposure(path, truth):
    candidates = dict.fromkeys([path.with_name(truth.exposure.name), truth.exposure])
    found = next((candidate for candidate in candidates if candidate.is_file()), None)
    if found is None:
        raise ExposureError(
            f"The exposure of {path} is neither beside it nor at {truth.exposure}: put {truth.exposure.name} "
            "beside the truth file."
        )
    exposure = inspect(found)
    if not same_observation(truth, exposure):
        raise ExposureError(f"{found} is another exposure than that of {path}: put the right one beside it.")
    return exposure
