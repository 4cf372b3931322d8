"""Headers as calacs writes them, as far as AstroDrizzle, TweakReg and stwcs read them."""

from datetime import datetime, timedelta

from astropy.io import fits

from .detector import BIAS_DN, GAINS, READ_NOISE, amplifiers
from .distortion import CHIPS
from .wcs import CHIP_SHAPE

_START = datetime(2012, 7, 1, 3, 0, 0)  # the epoch of the distortion
_MJD_START = 56109.125
_IDCTAB = "jref$0461802ej_idc.fits"


def start_of(index, exptimes):
    """Start of an exposure: seconds after the first one's, with ten minutes between exposures."""
    return sum(float(t) + 600.0 for t in exptimes[:index])


def primary(root, band, exptime, start, windows, options, *, association, index, roll):
    """Primary header of an exposure.

    Parameters
    ----------
    root : str
        ROOTNAME.
    band : filters.Filter
    exptime, start : float
        Seconds; `start` after the first exposure's.
    windows : list of wcs.Window
    options : SimulationOptions
    association : str
        Root of the association table.
    index : int
        Number of the exposure.
    roll : float
        Degrees.
    """
    begin = _START + timedelta(seconds=start)
    full = windows[0].shape == CHIP_SHAPE and len(windows) == 2
    letters = "".join(letter for w in reversed(windows) for letter, _ in _amps(w))
    cards = {
        "FILENAME": f"{root}_flc.fits",
        "FILETYPE": "SCI",
        "NEXTEND": 3 * len(windows),
        "DATE": "2012-07-02T00:00:00",
        "TELESCOP": "HST",
        "INSTRUME": "ACS",
        "EQUINOX": 2000.0,
        "ROOTNAME": root,
        "IMAGETYP": "EXT",
        "PRIMESI": "ACS",
        "TARGNAME": "SIMULATED",
        "RA_TARG": options.ra,
        "DEC_TARG": options.dec,
        "PROPOSID": 99999,
        "LINENUM": f"01.{index + 1:03d}",
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
        "PA_V3": (options.orientation + roll + 182.34) % 360,
        "POSTARG1": 0.0,
        "POSTARG2": 0.0,
        "CAL_VER": "SIMULATED",
        "OBSTYPE": "IMAGING",
        "OBSMODE": "ACCUM",
        "CTEIMAGE": "NONE",
        "SCLAMP": "NONE",
        "NRPTEXP": 1,
        "SUBARRAY": not full,
        "DETECTOR": "WFC",
        "FILTER1": band.filter1,
        "FILTER2": band.filter2,
        "LRFWAVE": 0.0,
        "APERTURE": "WFC" if full else "WFC1-SUB",
        "CRSPLIT": 1,
        "CCDAMP": letters,
        "CCDGAIN": float(options.gain),
        "CCDOFSTA": 3,
        "CCDOFSTB": 3,
        "CCDOFSTC": 3,
        "CCDOFSTD": 3,
    }
    for letter in "ABCD":
        read = letter in letters
        cards[f"ATODGN{letter}"] = GAINS[letter] * options.gain / 2 if read else 0.0
        cards[f"READNSE{letter}"] = READ_NOISE[letter] if read else 0.0
        cards[f"BIASLEV{letter}"] = float(BIAS_DN) if read else 0.0
    switches = {
        "DQICORR": 1,
        "ATODCORR": 0,
        "BLEVCORR": 1,
        "BIASCORR": 1,
        "FLSHCORR": 0,
        "CRCORR": 0,
        "EXPSCORR": 0,
        "SHADCORR": 0,
        "PCTECORR": 1,
        "DARKCORR": 1,
        "FLATCORR": 1,
        "PHOTCORR": 1,
        "RPTCORR": 0,
        "DRIZCORR": 0,
    }
    cards |= {name: "COMPLETE" if done else "OMIT" for name, done in switches.items()}
    cards |= {"IDCTAB": _IDCTAB, "DGEOFILE": "N/A", "D2IMFILE": "N/A", "NPOLFILE": "N/A", "MDRIZTAB": "N/A"}
    cards |= {"ASN_ID": association, "ASN_TAB": f"{association}_asn.fits", "ASN_MTYP": "EXP-DTH"}
    return _header(cards)


def science(root, window, pointing, band, detector_dq):
    """Header of a SCI extension with the full WCS.

    Parameters
    ----------
    root : str
    window : wcs.Window
    pointing : wcs.Pointing
        Where the header claims that the telescope looks.
    band : filters.Filter
    detector_dq : int16 ndarray
        DQ of the chip, for NGOODPIX.
    """
    chip = CHIPS[window.chip]
    wcs = pointing.cards(window)
    cards = {
        "EXPNAME": root,
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
        "WCSNAME": "IDC_0461802ej",
        **chip["IDC"],
        "IDCXREF": wcs["CRPIX1"],
        "IDCYREF": wcs["CRPIX2"],
        "CENTERA1": window.x0 + window.shape[1] // 2 + 25,
        "CENTERA2": window.y0 + window.shape[0] // 2 + 1,
        "SIZAXIS1": window.shape[1],
        "SIZAXIS2": window.shape[0],
        "BINAXIS1": 1,
        "BINAXIS2": 1,
        "PHOTMODE": f"ACS WFC1 {band.name.replace('+', ' ')} MJD#{_MJD_START:.4f}",
        "PHOTFLAM": band.photflam,
        "PHOTZPT": -21.1,
        "PHOTPLAM": 10 * band.pivot,
        "PHOTBW": 10 * band.width,
        "NCOMBINE": 1,
        "NGOODPIX": int((detector_dq == 0).sum()),
        "SDQFLAGS": 31743,
        "MEANDARK": 0.0,
        "MEANBLEV": float(BIAS_DN),
        "MEANFLSH": 0.0,
    }
    return _header(cards)


def plane_header(root, window, unit):
    """Header of an ERR or DQ extension."""
    return _header({"EXPNAME": root, "BUNIT": unit, "CCDCHIP": window.chip})


def association_table(association, roots):
    """The ``_asn.fits`` of dithered exposures and their product, an HDUList."""
    names = [root.upper() for root in roots] + [association.upper()]
    kinds = ["EXP-DTH"] * len(roots) + ["PROD-DTH"]
    columns = [
        fits.Column("MEMNAME", "14A", array=names),
        fits.Column("MEMTYPE", "14A", array=kinds),
        fits.Column("MEMPRSNT", "L", array=[True] * len(roots) + [False]),
    ]
    head = _header(
        {
            "FILENAME": f"{association}_asn.fits",
            "FILETYPE": "ASN_TABLE",
            "TELESCOP": "HST",
            "INSTRUME": "ACS",
            "DETECTOR": "WFC",
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


def _amps(window):
    return amplifiers(window.chip, window.shape[1], window.x0)


def _header(cards):
    header = fits.Header()
    for name, value in cards.items():
        header[name] = value
    return header
