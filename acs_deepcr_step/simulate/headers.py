"""Headers as calacs and calwf3 write them, as far as AstroDrizzle, TweakReg and stwcs read them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from astropy.io import fits

from .cameras import ACS_WFC, Camera
from .detector import AMPLIFIERS, sections
from .filters import Bandpass
from .wcs import Window

__all__ = [
    "Observation", "array_header", "association_table", "primary_header", "science_header", "start_of",
]  # fmt: skip

_START = datetime(2012, 7, 1, 3, 0, 0)  # the epoch of the distortion
_MJD_START = 56109.125
_GAP = 600.0  # seconds between exposures
_DONE = ("DQICORR", "BLEVCORR", "BIASCORR", "PCTECORR", "DARKCORR", "FLATCORR", "PHOTCORR")
# All of calacs's switches, in its order.
_SWITCHES = (
    "DQICORR", "ATODCORR", "BLEVCORR", "BIASCORR", "FLSHCORR", "CRCORR", "EXPSCORR", "SHADCORR", "PCTECORR",
    "DARKCORR", "FLATCORR", "PHOTCORR", "RPTCORR", "DRIZCORR",
)  # fmt: skip


@dataclass(frozen=True)
class Observation:
    """What the headers of one exposure tell of how it was taken.

    Attributes
    ----------
    rootname : str
    association : str
        Rootname of the association table.
    index : int
        Number of the exposure, from 0.
    exptime : float
        Seconds.
    start : float
        Seconds after the start of the association's first exposure.
    roll : float
        Degrees, from the association's orientation.
    bandpass : filters.Bandpass
    windows : tuple of Window
        In the order of EXTVER.
    camera : cameras.Camera
    """

    rootname: str
    association: str
    index: int
    exptime: float
    start: float
    roll: float
    bandpass: Bandpass
    windows: tuple[Window, ...]
    camera: Camera = ACS_WFC

    @property
    def is_full_frame(self):
        """Whether both chips are read out whole."""
        return self.windows[0].shape == self.camera.chip_shape and len(self.windows) == 2


def start_of(index, exptimes):
    """Return when an exposure starts; ten minutes lie between exposures.

    Parameters
    ----------
    index : int
        Number of the exposure, from 0.
    exptimes : sequence of float
        Seconds, of all exposures.

    Returns
    -------
    float
        Seconds after the start of the first one.
    """
    return sum(float(t) + _GAP for t in exptimes[:index])


def primary_header(observation, options):
    """Make the primary header of an exposure.

    Parameters
    ----------
    observation : Observation
    options : SimulationOptions

    Returns
    -------
    astropy.io.fits.Header
    """
    return _header(
        _target_cards(observation, options)
        | _time_and_pointing_cards(observation, options)
        | _instrument_cards(observation, options)
        | _calibration_cards(observation.camera)
        | {
            "ASN_ID": observation.association,
            "ASN_TAB": f"{observation.association}_asn.fits",
            "ASN_MTYP": "EXP-DTH",
        }
    )


def _target_cards(observation, options):
    return {
        "FILENAME": f"{observation.rootname}_flc.fits",
        "FILETYPE": "SCI",
        "NEXTEND": 3 * len(observation.windows),
        "DATE": "2012-07-02T00:00:00",
        "TELESCOP": "HST",
        "INSTRUME": observation.camera.cards["INSTRUME"],
        "EQUINOX": 2000.0,
        "ROOTNAME": observation.rootname,
        "IMAGETYP": "EXT",
        "PRIMESI": observation.camera.cards["INSTRUME"],
        "TARGNAME": "SIMULATED",
        "RA_TARG": options.ra,
        "DEC_TARG": options.dec,
        "PROPOSID": 99999,
        "LINENUM": f"01.{observation.index + 1:03d}",
    }


def _time_and_pointing_cards(observation, options):
    start, exptime = observation.start, observation.exptime
    begin = _START + timedelta(seconds=start)
    return {
        "DATE-OBS": begin.strftime("%Y-%m-%d"),
        "TIME-OBS": begin.strftime("%H:%M:%S"),
        "EXPSTART": _MJD_START + start / 86400,
        "EXPEND": _MJD_START + (start + exptime) / 86400,
        "EXPTIME": float(exptime),
        "EXPFLAG": "NORMAL",
        "SUNANGLE": 90.0,
        "MOONANGL": 90.0,
        "SUN_ALT": -20.0,
        "FGSLOCK": "FINE",
        "GYROMODE": "3",
        "REFFRAME": "ICRS",
        "PA_V3": (options.orientation + observation.roll + 182.34) % 360,
        "POSTARG1": 0.0,
        "POSTARG2": 0.0,
    }


def _instrument_cards(observation, options):
    camera = observation.camera
    parts = [section for w in reversed(observation.windows) for section in _sections(w, camera)]
    read_by = {section.amplifier: section for section in parts}
    cards = {
        "CAL_VER": "SIMULATED",
        "OBSTYPE": "IMAGING",
        "OBSMODE": "ACCUM",
        "CTEIMAGE": "NONE",
        "SCLAMP": "NONE",
        "NRPTEXP": 1,
        "SUBARRAY": not observation.is_full_frame,
        "DETECTOR": camera.cards["DETECTOR"],
        **dict(observation.bandpass.cards),
        "LRFWAVE": 0.0,
        "APERTURE": camera.apertures[not observation.is_full_frame],
        "CRSPLIT": 1,
        "CCDAMP": "".join(read_by),
        "CCDGAIN": float(options.gain),
        **{f"CCDOFST{letter}": 3 for letter in AMPLIFIERS},
    }
    for letter in AMPLIFIERS:
        read = letter in read_by
        cards[f"ATODGN{letter}"] = read_by[letter].gain(options.gain) if read else 0.0
        cards[f"READNSE{letter}"] = read_by[letter].read_noise if read else 0.0
        cards[f"BIASLEV{letter}"] = float(camera.electronics.bias_dn) if read else 0.0
    return cards


def _calibration_cards(camera):
    cards = {name: "COMPLETE" if name in _DONE else "OMIT" for name in _SWITCHES}
    folder = "jref" if camera is ACS_WFC else "iref"
    idctab = f"{folder}${camera.idctab}_idc.fits"
    files = {"IDCTAB": idctab, "DGEOFILE": "N/A", "D2IMFILE": "N/A", "NPOLFILE": "N/A", "MDRIZTAB": "N/A"}
    return cards | files


def science_header(observation, window, pointing, bits):
    """Make the header of a SCI extension, with its WCS.

    Parameters
    ----------
    observation : Observation
    window : wcs.Window
    pointing : wcs.Pointing
        Where the header claims that the telescope looks.
    bits : ndarray, (R, C), int16
        DQ of the chip, for NGOODPIX.

    Returns
    -------
    astropy.io.fits.Header
    """
    wcs = pointing.cards(window)
    return _header(
        {
            "EXPNAME": observation.rootname,
            "BUNIT": "ELECTRONS",
            "CCDCHIP": window.chip,
            "WCSAXES": 2,
            **wcs,
            "LTV1": -float(window.x0),
            "LTV2": -float(window.y0),
            "LTM1_1": 1.0,
            "LTM2_2": 1.0,
            "RA_APER": wcs["CRVAL1"],
            "DEC_APER": wcs["CRVAL2"],
            "PA_APER": wcs["ORIENTAT"],
            "VAFACTOR": 1.000018683511,
            "LONPOLE": 180.0,
            "LATPOLE": wcs["CRVAL2"],
            "WCSNAME": f"IDC_{observation.camera.idctab}",
            **observation.camera.chips[window.chip]["IDC"],
            "IDCXREF": wcs["CRPIX1"],
            "IDCYREF": wcs["CRPIX2"],
            "CENTERA1": window.x0 + window.shape[1] // 2 + 25,
            "CENTERA2": window.y0 + window.shape[0] // 2 + 1,
            "SIZAXIS1": window.shape[1],
            "SIZAXIS2": window.shape[0],
            "BINAXIS1": 1,
            "BINAXIS2": 1,
            **_photometry_cards(observation),
            "NCOMBINE": 1,
            "NGOODPIX": int((bits == 0).sum()),
            "SDQFLAGS": 31743,
            "MEANDARK": 0.0,
            "MEANBLEV": float(observation.camera.electronics.bias_dn),
            "MEANFLSH": 0.0,
        }
    )


def _photometry_cards(observation):
    bandpass = observation.bandpass
    return {
        "PHOTMODE": f"{observation.camera.photmode} {bandpass.name.replace('+', ' ')} MJD#{_MJD_START:.4f}",
        "PHOTFLAM": bandpass.photflam,
        "PHOTZPT": -21.1,
        "PHOTPLAM": 10 * bandpass.pivot,
        "PHOTBW": 10 * bandpass.width,
    }


def array_header(observation, window, unit):
    """Make the header of an ERR or DQ extension.

    Parameters
    ----------
    observation : Observation
    window : wcs.Window
    unit : str
        BUNIT.

    Returns
    -------
    astropy.io.fits.Header
    """
    return _header({"EXPNAME": observation.rootname, "BUNIT": unit, "CCDCHIP": window.chip})


def association_table(association, rootnames, camera=ACS_WFC):
    """Make the ``_asn.fits`` of dithered exposures and their product.

    Parameters
    ----------
    association : str
        Its rootname, which is that of the product.
    rootnames : list of str
        Of the exposures.
    camera : cameras.Camera, optional

    Returns
    -------
    astropy.io.fits.HDUList
    """
    names = [root.upper() for root in rootnames] + [association.upper()]
    kinds = ["EXP-DTH"] * len(rootnames) + ["PROD-DTH"]
    columns = [
        fits.Column("MEMNAME", "14A", array=names),
        fits.Column("MEMTYPE", "14A", array=kinds),
        fits.Column("MEMPRSNT", "L", array=[True] * len(rootnames) + [False]),
    ]
    head = _header(
        {
            "FILENAME": f"{association}_asn.fits",
            "FILETYPE": "ASN_TABLE",
            "TELESCOP": "HST",
            **camera.cards,
            "ROOTNAME": association,
            "ASN_ID": association.upper(),
            "ASN_TAB": f"{association}_asn.fits",
            "ASN_PROD": False,
            "PROPOSID": 99999,
        }
    )
    table = fits.BinTableHDU.from_columns(columns, name="ASN")
    table.header["EXTVER"] = 1
    return fits.HDUList([fits.PrimaryHDU(header=head), table])


def _sections(window, camera):
    return sections(window.chip, window.shape[1], window.x0, camera.electronics)


def _header(cards):
    header = fits.Header()
    for name, value in cards.items():
        header[name] = value
    return header
