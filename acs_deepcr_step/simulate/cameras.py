"""The cameras that can be simulated: one record each. Nothing else asks which camera it is."""

from dataclasses import dataclass

from . import detector, distortion, distortion_uvis, filters, optics, psf

__all__ = ["ACS_WFC", "UVIS", "Camera", "find"]


@dataclass(frozen=True, eq=False)
class Camera:
    """A camera with two chips.

    Attributes
    ----------
    name : str
    cards : dict
        Of its primary headers.
    apertures : tuple of str
        APERTURE of full frames and of subarrays.
    idctab : str
        IDCTAB.
    photmode : str
        How PHOTMODE begins.
    root : str
        Usual first six characters of the rootnames.
    chip_shape : tuple of int
        Rows and columns.
    reference : tuple of float
        CRPIX2 and CRPIX1 of a full chip.
    chips : dict
        By CCDCHIP, the distortion, as in ``distortion``.
    sampling : psf.Sampling
    optics : optics.Optics
    electronics : detector.Electronics
    bandpasses : filters.Filters
    """

    name: str
    cards: dict
    apertures: tuple[str, str]
    idctab: str
    photmode: str
    root: str
    chip_shape: tuple[int, int]
    reference: tuple[float, float]
    chips: dict
    sampling: psf.Sampling
    optics: optics.Optics
    electronics: detector.Electronics
    bandpasses: filters.Filters

    @property
    def pixel(self):
        """Side of a pixel, arcsec."""
        return self.sampling.pixel


ACS_WFC = Camera(
    name="ACS/WFC",
    cards={"INSTRUME": "ACS", "DETECTOR": "WFC"},
    apertures=("WFC", "WFC1-SUB"),
    idctab="0461802ej",
    photmode="ACS WFC1",
    root="j8sm01",
    chip_shape=(2048, 4096),
    reference=(1024.0, 2048.0),
    chips=distortion.CHIPS,
    sampling=psf.ACS_WFC,
    optics=optics.ACS_WFC,
    electronics=detector.ACS_WFC,
    bandpasses=filters.ACS_WFC,
)
UVIS = Camera(
    name="WFC3/UVIS",
    cards={"INSTRUME": "WFC3", "DETECTOR": "UVIS"},
    apertures=("UVIS", "UVIS1-SUB"),
    idctab="uab1537bi",
    photmode="WFC3 UVIS1",
    root="i8sm01",
    chip_shape=(2051, 4096),
    reference=(1026.0, 2048.0),
    chips=distortion_uvis.CHIPS,
    sampling=psf.UVIS,
    optics=optics.UVIS,
    electronics=detector.UVIS,
    bandpasses=filters.UVIS,
)
_CAMERAS = {camera.name: camera for camera in (ACS_WFC, UVIS)}


def find(name):
    """Return the record of a camera.

    Parameters
    ----------
    name : str

    Returns
    -------
    Camera

    Raises
    ------
    ValueError
        If it cannot be simulated.
    """
    if name not in _CAMERAS:
        raise ValueError(f"no camera {name!r}; the simulator has {', '.join(_CAMERAS)}")
    return _CAMERAS[name]
