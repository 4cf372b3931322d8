"""The filters of ACS/WFC: what the simulator needs to know of each."""

from dataclasses import asdict, dataclass, replace
from math import log10

__all__ = ["Bandpass", "lookup"]


@dataclass(frozen=True)
class _Photometry:
    """Pivot wavelength and rms width (nm), AB magnitude of 1 e-/s, sky (e-/s per pixel)."""

    pivot: float
    width: float
    zeropoint: float
    sky: float


# Pivot wavelengths, widths and zero points are the rounded ones of the ACS Instrument Handbook and the ACS
# zero-point calculator; the sky is the handbook's average zodiacal light through each filter.
_PHOTOMETRY = {
    "F435W": _Photometry(432.8, 31.5, 25.68, 0.030),
    "F475W": _Photometry(474.7, 42.0, 26.06, 0.058),
    "F502N": _Photometry(502.3, 2.9, 22.28, 0.0015),
    "F550M": _Photometry(558.1, 16.5, 24.87, 0.030),
    "F555W": _Photometry(536.1, 36.0, 25.72, 0.053),
    "F606W": _Photometry(592.1, 67.2, 26.50, 0.127),
    "F625W": _Photometry(631.1, 41.5, 25.91, 0.082),
    "F658N": _Photometry(658.4, 3.7, 22.76, 0.005),
    "F660N": _Photometry(659.9, 1.4, 21.71, 0.002),
    "F775W": _Photometry(769.2, 43.4, 25.67, 0.079),
    "F814W": _Photometry(804.5, 65.3, 25.95, 0.110),
    "F850LP": _Photometry(903.3, 52.6, 24.86, 0.042),
    "F892N": _Photometry(891.5, 7.5, 22.40, 0.005),
}
# The elements of the second filter wheel; all others are in the first one.
_SECOND_WHEEL = ("F435W", "F660N", "F814W", "F892N", "POL", "FR", "F220W", "F250W", "F330W", "F344N")


@dataclass(frozen=True)
class Bandpass:
    """One filter, or a filter with a polariser.

    Attributes
    ----------
    name : str
        As asked for, upper case, e.g. ``F606W`` or ``F606W+POL0V``.
    filter1, filter2 : str
        The header keywords: the elements in the two wheels.
    pivot, width : float
        Pivot wavelength and rms width, nm.
    zeropoint : float
        AB magnitude of a source of 1 e-/s.
    sky : float
        Average sky, e-/s per pixel.
    """

    name: str
    filter1: str
    filter2: str
    pivot: float
    width: float
    zeropoint: float
    sky: float

    @property
    def photflam(self):
        """Inverse sensitivity, erg/cm2/Angstrom per electron."""
        return 10 ** (-0.4 * (self.zeropoint + 21.10 + 5 * log10(10 * self.pivot) - 18.6921))


def lookup(name):
    """Return the bandpass of a filter.

    A polariser or a second element is joined with ``+``, e.g. ``F606W+POL0V`` (a polariser takes half of the
    light). A filter that is not in the table takes its pivot wavelength from its name, and the rest from the
    nearest filter in the table.

    Parameters
    ----------
    name : str
        Upper or lower case.

    Returns
    -------
    Bandpass

    Raises
    ------
    ValueError
        If the name is not that of a filter.
    """
    elements = [e for e in str(name).upper().replace(";", "+").replace(",", "+").split("+") if e]
    main = [e for e in elements if not e.startswith(("POL", "CLEAR"))]
    if len(main) != 1 or not any(c.isdigit() for c in main[0]):
        raise ValueError(f"{name!r} is not an ACS/WFC filter; give one such as 'F814W' or 'F606W+POL0V'")
    photometry = _PHOTOMETRY.get(main[0]) or _guessed(main[0])
    if any(e.startswith("POL") for e in elements):
        photometry = replace(photometry, zeropoint=photometry.zeropoint - 0.75, sky=photometry.sky / 2)
    wheels = {"filter1": "CLEAR1L", "filter2": "CLEAR2L"}
    for element in elements:
        if not element.startswith("CLEAR"):
            wheels["filter2" if element.startswith(_SECOND_WHEEL) else "filter1"] = element
    return Bandpass("+".join(elements), **wheels, **asdict(photometry))


def _guessed(name):
    wavelength = int("".join(c for c in name if c.isdigit())[:4])
    nearest = min(_PHOTOMETRY.values(), key=lambda row: abs(row.pivot - wavelength))
    return replace(nearest, pivot=float(min(max(wavelength, 350), 1000)))
