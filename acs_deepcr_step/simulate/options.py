"""What can be asked of the simulator beside its main arguments."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from ..config.arguments import NUMBER, Kind, like, optional, require

__all__ = ["DITHERS", "SimulationOptions", "resolve"]

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
    cosmic_rays : bool
        Whether there are any.
    cr_rate : float
        Cosmic rays per second and cm2 of detector (ACS: 1.0 to 1.3).
    sky : float or None
        Sky in electrons per pixel of one exposure. None: the usual sky of the filter for the exposure time.
        Negative: the noise of no sky, at this level, as where too much sky was subtracted.
    star_density, galaxy_density : float
        Factors on the field's usual number of stars and galaxies.
    dithers : sequence of (dx, dy) or None
        How far the stars move on the detector in each exposure, pixels; the headers know of it. None: a
        pattern of a few pixels with sub-pixel parts (`DITHERS` in ``simulate.options``).
    offsets : sequence of (dx, dy) or None
        Pointing errors: how far the stars lie from where the header's WCS says, pixels. None: no error.
    rolls : sequence of float or None
        Roll of the telescope in each exposure, degrees; the headers know of it. None: no roll.
    gain : float
        CCDGAIN, 2 or 1 electrons per DN (at 1 the converter saturates before the pixel does: DQ 2048).
    full_well : float
        Electrons at which a pixel bleeds along its column.
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
    root : str
        First six characters of the rootnames, so that several associations can lie in one directory.
    ra, dec, orientation : float
        Where the telescope points, and the position angle of the detector's y axis, degrees.
    """

    cosmic_rays: bool = True
    cr_rate: float = 1.2
    sky: float | None = None
    star_density: float = 1.0
    galaxy_density: float = 1.0
    dithers: Sequence[Sequence[float]] | None = None
    offsets: Sequence[Sequence[float]] | None = None
    rolls: Sequence[float] | None = None
    gain: float = 2.0
    full_well: float = 80000.0
    quantise: bool = True
    hot_fraction: float = 0.006
    warm_fraction: float = 0.008
    bad_columns: float = 2.0
    variables: float = 0.0
    variability: float = 1.0
    movers: int = 0
    mover_step: tuple[float, float] = (3.0, 2.0)
    root: str = "j8sm01"
    ra: float = 150.11
    dec: float = 2.21
    orientation: float = -70.0


_OPTIONS = optional(Kind("SimulationOptions", lambda value: isinstance(value, SimulationOptions)))


def resolve(options, keywords):
    """Return options with keywords put in.

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
    """
    require("simulate", "options", options, _OPTIONS)
    options = options or SimulationOptions()
    unknown = set(keywords) - {f.name for f in fields(options)}
    if unknown:
        raise TypeError(f"the simulator has no option {', '.join(sorted(unknown))}")
    for name, value in keywords.items():
        kind = optional(NUMBER) if name == "sky" else like(getattr(SimulationOptions, name))
        require("simulate", name, value, kind)
    return replace(options, **keywords)
