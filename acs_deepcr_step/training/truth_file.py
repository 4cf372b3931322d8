"""The truth file of an exposure: which pixels cosmic rays hit, and which say nothing.

``j8xx01abq_flc_crtruth.fits`` holds per chip one compressed image ``CRTRUTH`` (bit 1: cosmic
ray, bit 2: ignored) and a table ``PARAMETERS`` of all that it was made with. The exposure it
belongs to is found beside it or where it was, and known again by its pixels.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from astropy.io import fits

from .. import fitsbytes
from ..errors import ExposureError, InputError
from ..exposure import image_in_electrons, read_raw, same_observation
from ..inspection import inspect
from ..saving import atomic
from .samples import Origin, Sample

__all__ = [
    "CR", "IGNORED", "ChipTruth", "TruthFile", "describe", "name_for", "pixels_hash", "read",
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
        Of the SCI data as the exposure stores them.
    sky : float
        Level of the sky, electrons.
    plane : ndarray, (R, C), uint8
        Sum of `CR` and `IGNORED`.
    """

    extver: int
    ccdchip: int
    sha256: str
    sky: float
    plane: np.ndarray = field(repr=False)


@dataclass(frozen=True, eq=False)
class TruthFile:
    """A whole truth file.

    Attributes
    ----------
    rootname : str
    expstart : float
    exposure : pathlib.Path
        Where the exposure was when the truth was made.
    filter : str
    exptime : float
        Seconds.
    n : int
        Exposures of the set.
    field, observation_set : str
        As in `samples.Origin`.
    completeness : float
        Share of the true cosmic-ray pixels that such truth holds, from simulations; nan where not known.
    statement : str
        The same in words, with the conditions.
    settings : tuple of (str, str, str)
        Task, parameter, value.
    versions : dict of str to str
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
    """Return the name of an exposure's truth file: ``<root>_<suffix>_crtruth.fits``."""
    return f"{Path(exposure_path).stem}_crtruth.fits"


def pixels_hash(raw):
    """Return the SHA-256 of SCI data as the file stores them (`exposure.read_raw`)."""
    return hashlib.sha256(np.ascontiguousarray(raw).view(np.uint8)).hexdigest()


def write(path, truth):
    """Write a truth file, in the place of an older one only if that is a truth file.

    Parameters
    ----------
    path : pathlib.Path
    truth : TruthFile

    Raises
    ------
    InputError
        If another file has that name.
    ExposureError
        If it cannot be written.
    """
    require_replaceable(path)
    hdus = fits.HDUList([fits.PrimaryHDU(header=_header(truth))])
    for chip in truth.chips:
        tile = (min(64, chip.plane.shape[0]), chip.plane.shape[1])
        hdu = fits.CompImageHDU(chip.plane, name=_IMAGE, compression_type="RICE_1", tile_shape=tile)
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
    """Refuse a name that another file than a truth file has: an `InputError`."""
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
        fitsbytes.check_counts(path)
        if fitsbytes.ones_complement(path.read_bytes()) != 0xFFFFFFFF:
            raise ValueError("it is damaged or no truth file: its checksum is wrong")
        with fits.open(path, memmap=False) as hdus:
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
            plane = np.asarray(hdu.data, np.uint8)
            chips.append(ChipTruth(hdu.ver, keys["CCDCHIP"], keys["SCIHASH"], sky, plane))
    made = [line.split() for line in header["HISTORY"] if line.startswith("made with ")]
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
        settings=tuple(tuple(str(cell) for cell in row) for row in hdus[_TABLE].data),
        versions={words[2]: words[3] for words in made},
        chips=tuple(chips),
    )


def describe(paths):
    """Return what stands beside figures that are measured against truth files.

    Parameters
    ----------
    paths : iterable of path-like

    Returns
    -------
    statement : str
        What the truth is, and how complete, with the conditions, for tables.
    title : str
        The same in few words, for pictures.
    """
    files = [read(path) for path in paths]
    statements = dict.fromkeys(its.statement for its in files)
    shares = [100 * its.completeness for its in files]
    numbers = _span(*(its.n for its in files))
    share = "holds not all"
    if np.isfinite(shares).all():
        share = f"holds {_span(*(f'{x:.0f}' for x in shares))} %"
    return (
        " ".join(["Truth: made by AstroDrizzle (driz_cr) from all exposures of each set.", *statements]),
        f"truth by AstroDrizzle (N = {numbers}), which {share} of the pixels hit, by simulation",
    )


def _span(*values):
    """The least and the greatest of some numbers, or the one that there is."""
    low, *_, high = sorted([*values, *values], key=float)
    return f"{low}" if low == high else f"{low} to {high}"


def samples(paths):
    """Read truth files and their exposures.

    Parameters
    ----------
    paths : iterable of path-like
        Truth files. The exposure of each lies beside it, or where it was.

    Yields
    ------
    samples.Sample
        One a chip.

    Raises
    ------
    ExposureError
        If a file cannot be read, or an exposure is missing or not the one that the truth is of.
    """
    for path in map(Path, paths):
        truth = read(path)
        exposure = _exposure(path, truth)
        for chip in exposure.chips:
            its = next((c for c in truth.chips if c.extver == chip.extver), None)
            raw = read_raw(exposure, chip)
            if its is None or its.plane.shape != chip.shape or its.sha256 != pixels_hash(raw):
                raise ExposureError(
                    f"{exposure.path} is not the exposure that {path} was made of (its pixels differ): "
                    "make the truth anew."
                )
            yield Sample(
                image=np.ascontiguousarray(image_in_electrons(chip, raw), np.float32),
                truth=(its.plane & CR) != 0,
                ignore=(its.plane & IGNORED) != 0,
                sky=its.sky,
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
    places = dict.fromkeys([path.with_name(truth.exposure.name), truth.exposure])
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise ExposureError(
            f"The exposure of {path} is neither beside it nor at {truth.exposure}: put {truth.exposure.name} "
            "beside the truth file."
        )
    exposure = inspect(found)
    if not same_observation(truth, exposure):
        raise ExposureError(f"{found} is another exposure than that of {path}: put the right one beside it.")
    return exposure
