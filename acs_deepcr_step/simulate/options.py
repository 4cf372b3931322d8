"""What can be asked of the simulator beside its main arguments."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from ..config.arguments import NUMBER, Kind, like, optional, require
from . import cameras, silicon

__all__ = ["DITHERS", "PER_EXPOSURE", "SimulationOptions", "resolve"]

PER_EXPOSURE = ("sky", "gradient", "scattered_light", "focus")

DITHERS = (
    (0.0, 0.0),
    (5.5, 3.25),
    (-3.25, 8.5),
    (9.75, -4.75),
    (-7.33, -6.67),
    (3.67, 12.33),
    (12.5, 6.2),
    (-11.2, 1.4),
)


@dataclass(frozen=True)
class SimulationOptions:
    """Options of `association` and `chip`; each is also a keyword of both.

    Attributes
    ----------
    camera : {'ACS/WFC', 'WFC3/UVIS'}
    cosmic_rays : bool
        Whether there are any.
    cr_rate : float
        Cosmic rays per second and cm2 of detector (ACS: 1.0 to 1.3).
    cosmic_ray_version : {1, 2}
        2: fatter and fuzzier ones, as real ones are (``simulate.silicon``); 1: sharp tracks.
    sky : float or None, or a sequence of them
        Sky in electrons per pixel, the same for all exposures or one for each. None: the usual sky of the
        filter for the exposure time. Negative: the noise of no sky, at this level, as where too much sky was
        subtracted.
    gradient : float or sequence of float
        By how much the sky rises from one corner of the field to the opposite one, electrons, for all
        exposures or one for each.
    scattered_light : float or sequence of float
        Electrons at the middle of the left edge, from where a glow falls off over a quarter of the field, for
        all exposures or one for each.
    psf_changes : bool
        Whether the PSF changes over the field (``simulate.optics``). A small frame has the changes of the
        whole field.
    focus : float or sequence of float
        With `psf_changes`: micron by which the secondary mirror is off, for all exposures or one for each.
    colour_spread : float
        Magnitudes by which the sources' colours (F435W less F814W) scatter; the tail ends at five times it.
        0: all sources have the same brightness (AB) in all filters.
    star_density, galaxy_density : float
        Factors on the field's usual number of stars and galaxies.
    dithers : sequence of (dx, dy) or None
        How far the stars move on the detector in each exposure, pixels; the headers know of it. None: a
        pattern of a few pixels with sub-pixel parts (`DITHERS` in ``simulate.options``).
    offsets : sequence of (dx, dy) or None
        Pointing errors: how far the stars lie from where the header's WCS says, pixels. None: no error.
    rolls : sequence of float or None
        Roll of the telescope in each exposure, degrees; the headers know of it. None: no roll.
    gain : float or None
        CCDGAIN, of ACS 2 or 1 electrons per DN (at 1 the converter saturates before the pixel does: DQ 2048).
        None: the usual one, 2 of ACS/WFC, 1.5 of WFC3/UVIS.
    full_well : float or None
        Electrons at which a pixel bleeds along its column. None: 80,000 of ACS/WFC, 70,000 of WFC3/UVIS.
    quantise : bool
        Whether the converter rounds to whole DN.
    hot_fraction, warm_fraction : float
        Shares of hot (above 0.14 e-/s) and warm (0.06 to 0.14) pixels.
    bad_columns : float
        Bad columns per 1000 columns.
    variables : float
        Share of the stars whose brightness differs from exposure to exposure.
    variability : float
        Range of their magnitudes.
    movers : int
        Moving sources, of 200 to 20 electrons per second.
    mover_step : (dx, dy)
        How far they move from exposure to exposure, pixels of 0.05" on the sky.
    root : str or None
        First six characters of the rootnames, so that several associations can lie in one directory. None:
        ``j8sm01`` of ACS/WFC, ``i8sm01`` of WFC3/UVIS.
    ra, dec, orientation : float
        Where the telescope points, and the position angle of the detector's y axis, degrees.
    """

    camera: str = "ACS/WFC"
    cosmic_rays: bool = True
    cr_rate: float = 1.2
    cosmic_ray_version: int = 1
    sky: float | None | Sequence[float | None] = None
    gradient: float | Sequence[float] = 0.0
    scattered_light: float | Sequence[float] = 0.0
    psf_changes: bool = False
    focus: float | Sequence[float] = 0.0
    colour_spread: float = 0.0
    star_density: float = 1.0
    galaxy_density: float = 1.0
    dithers: Sequence[Sequence[float]] | None = None
    offsets: Sequence[Sequence[float]] | None = None
    rolls: Sequence[float] | None = None
    gain: float | None = None
    full_well: float | None = None
    quantise: bool = True
    hot_fraction: float = 0.006
    warm_fraction: float = 0.008
    bad_columns: float = 2.0
    variables: float = 0.0
    variability: float = 1.0
    movers: int = 0
    mover_step: tuple[float, float] = (3.0, 2.0)
    root: str | None = None
    ra: float = 150.11
    dec: float = 2.21
    orientation: float = -70.0

    def one(self, name, index):
        """Return an option of one exposure.

        Parameters
        ----------
        name : str
            One of `PER_EXPOSURE`.
        index : int
            Number of the exposure, from 0.
        """
        value = getattr(self, name)
        return value if value is None or np.ndim(value) == 0 else value[index]

    def check_numbers(self, n):
        """Check that options with one value for each exposure have as many as there are exposures.

        Parameters
        ----------
        n : int

        Raises
        ------
        ValueError
        """
        for name in PER_EXPOSURE:
            value = getattr(self, name)
            if value is not None and np.ndim(value) and len(value) != n:
                raise ValueError(f"{name} has {len(value)} values for {n} exposures")


_OPTIONS = optional(Kind("SimulationOptions", lambda value: isinstance(value, SimulationOptions)))


def resolve(options, keywords):
    """Return options with keywords put in, and what is usual for the camera in place of None.

    Parameters
    ----------
    options : SimulationOptions or None
        None: the defaults.
    keywords : dict
        Fields of `SimulationOptions`.

    Returns
    -------
    SimulationOptions

    Raises
    ------
    TypeError
        For a keyword that is not an option.
    ParameterTypeError
        For a value of the wrong kind.
    ValueError
        If there is no such camera, or there are no cosmic rays of the version asked for.
    """
    require("simulate", "options", options, _OPTIONS)
    options = options or SimulationOptions()
    unknown = set(keywords) - {f.name for f in fields(options)}
    if unknown:
        raise TypeError(f"the simulator has no option {', '.join(sorted(unknown))}")
    for name, value in keywords.items():
        require("simulate", name, value, _kind(name))
    options = replace(options, **keywords)
    camera = cameras.find(options.camera)
    silicon.of(options.cosmic_ray_version)  # raises, before anything is drawn or written
    electronics = camera.electronics
    usual = {"gain": electronics.nominal_gain, "full_well": electronics.full_well, "root": camera.root}
    missing = {name: value for name, value in usual.items() if getattr(options, name) is None}
    return replace(options, **missing)


def _kind(name):
    """Return what an option has to be, by its default."""
    if name in PER_EXPOSURE:
        return Kind("a number, or a list of one for each exposure", _is_per_exposure)
    return optional(NUMBER) if name in ("gain", "full_well") else like(getattr(SimulationOptions, name))


def _is_per_exposure(value):
    values = value if isinstance(value, list | tuple | np.ndarray) and np.ndim(value) else [value]
    return all(optional(NUMBER).accepts(one) for one in values)
