"""The filters of ACS/WFC and WFC3/UVIS: what the simulator needs to know of each."""

from dataclasses import asdict, dataclass, replace
from math import log10

__all__ = ["ACS_WFC", "UVIS", "Bandpass", "Filters", "lookup"]


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
# Pivot wavelengths, widths and zero points are rounded ones of the WFC3 Instrument Handbook. The sky is that
# of ACS, scaled by throughput and pixel; in F350LP it was measured on real exposures.
_UVIS = {
    "F225W": _Photometry(235.9, 15.0, 24.06, 0.0005),
    "F275W": _Photometry(270.4, 16.5, 24.14, 0.0005),
    "F336W": _Photometry(335.5, 15.8, 24.64, 0.0015),
    "F350LP": _Photometry(585.1, 148.3, 26.95, 0.100),
    "F390W": _Photometry(392.1, 29.1, 25.37, 0.012),
    "F438W": _Photometry(432.5, 19.7, 24.83, 0.009),
    "F475W": _Photometry(477.3, 42.1, 25.69, 0.026),
    "F502N": _Photometry(501.0, 2.7, 22.3, 0.001),
    "F555W": _Photometry(530.8, 51.7, 25.78, 0.036),
    "F606W": _Photometry(588.7, 65.7, 26.08, 0.055),
    "F625W": _Photometry(624.2, 46.3, 25.52, 0.037),
    "F656N": _Photometry(656.1, 1.8, 20.4, 0.001),
    "F775W": _Photometry(764.7, 42.0, 24.85, 0.024),
    "F814W": _Photometry(802.4, 66.7, 25.09, 0.032),
    "F850LP": _Photometry(916.6, 52.8, 23.84, 0.011),
}
# The elements of the second filter wheel; all others are in the first one.
_SECOND_WHEEL = ("F435W", "F660N", "F814W", "F892N", "POL", "FR", "F220W", "F250W", "F330W", "F344N")


@dataclass(frozen=True, eq=False)
class Filters:
    """The filters of a camera.

    Attributes
    ----------
    camera : str
    table : dict
        Photometry by name.
    wheels : bool
        Whether there are two wheels, FILTER1 and FILTER2, and polarisers; otherwise there is FILTER.
    """

    camera: str
    table: dict
    wheels: bool


ACS_WFC = Filters("ACS/WFC", _PHOTOMETRY, wheels=True)
UVIS = Filters("WFC3/UVIS", _UVIS, wheels=False)


@dataclass(frozen=True)
class Bandpass:
    """One filter, or a filter with a polariser.

    Attributes
    ----------
    name : str
        As asked for, upper case, e.g. ``F606W`` or ``F606W+POL0V``.
    cards : tuple of (str, str)
        The header keywords and their values: FILTER1 and FILTER2, or FILTER.
    pivot, width : float
        Pivot wavelength and rms width, nm.
    zeropoint : float
        AB magnitude of a source of 1 e-/s.
    sky : float
        Average sky, e-/s per pixel.
    """

    name: str
    cards: tuple[tuple[str, str], ...]
    pivot: float
    width: float
    zeropoint: float
    sky: float

    @property
    def photflam(self):
        """Inverse sensitivity, erg/cm2/Angstrom per electron."""
        return 10 ** (-0.4 * (self.zeropoint + 21.10 + 5 * log10(10 * self.pivot) - 18.6921))


def lookup(name, filters=ACS_WFC):
    """Return the bandpass of a filter.

    A polariser or a second element is joined with ``+``, e.g. ``F606W+POL0V`` (a polariser takes half of the
    light). A filter that is not in the table takes its pivot wavelength from its name, and the rest from the
    nearest filter in the table.

    Parameters
    ----------
    name : str
        Upper or lower case.
    filters : Filters, optional
        Of the camera.

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
    unusual = not filters.wheels and len(elements) > 1
    if len(main) != 1 or not any(c.isdigit() for c in main[0]) or unusual:
        such = "'F814W' or 'F606W+POL0V'" if filters.wheels else "'F814W'"
        raise ValueError(f"{name!r} is not an {filters.camera} filter; give one such as {such}")
    photometry = filters.table.get(main[0]) or _guessed(main[0], filters.table)
    if not filters.wheels:
        return Bandpass(main[0], (("FILTER", main[0]),), **asdict(photometry))
    if any(e.startswith("POL") for e in elements):
        photometry = replace(photometry, zeropoint=photometry.zeropoint - 0.75, sky=photometry.sky / 2)
    wheels = {"FILTER1": "CLEAR1L", "FILTER2": "CLEAR2L"}
    for element in elements:
        if not element.startswith("CLEAR"):
            wheels["FILTER2" if element.startswith(_SECOND_WHEEL) else "FILTER1"] = element
    return Bandpass("+".join(elements), tuple(wheels.items()), **asdict(photometry))


def _guessed(name, table):
    wavelength = int("".join(c for c in name if c.isdigit())[:4])
    nearest = min(table.values(), key=lambda row: abs(row.pivot - wavelength))
    return replace(nearest, pivot=float(min(max(wavelength, 350), 1000)))
