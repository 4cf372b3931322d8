"""Options of truth: every parameter of TweakReg and AstroDrizzle, written out.

Where the paper gives none, the values are the defaults of drizzlepac 3.11. So neither a user's saved
parameters nor a later version change the truth.
"""

from dataclasses import asdict, dataclass, field
from typing import NamedTuple

from ...arrays.dq import CR_ASTRODRIZZLE
from ...errors import ParameterError
from ..samples import FIELD_TYPES

__all__ = ["WCS_NAME", "AstroDrizzleOptions", "Setting", "TruthOptions", "TweakRegOptions"]

WCS_NAME = "DEEPCR_TRUTH"


class Setting(NamedTuple):
    """A parameter of a task with its value, all text."""

    task: str
    parameter: str
    value: str


@dataclass(frozen=True)
class TweakRegOptions:
    """How the exposures are aligned; names are TweakReg's own.

    Attributes
    ----------
    conv_width : float
        Width of the convolution kernel, pixels: 3.5, or 6.0 for extragalactic fields (Table A1).
    threshold : float
        Of a source, in sigma above the background. Table A1 has 100 to 14,185, depending on the set,
        since without flags most sources are cosmic rays. The default is for flagged exposures.

    Notes
    -----
    The other attributes are the other parameters that TweakReg's result depends on.
    """

    conv_width: float = 3.5
    threshold: float = 25.0
    computesig: bool = True
    skysigma: float = 0.0
    peakmin: float | None = None
    peakmax: float | None = None
    nsigma: float = 1.5
    ratio: float = 1.0
    theta: float = 0.0
    fluxmin: float | None = None
    fluxmax: float | None = None
    use_sharp_round: bool = False
    sharplo: float = 0.2
    sharphi: float = 1.0
    roundlo: float = -1.0
    roundhi: float = 1.0
    minobj: int = 15
    searchrad: float = 1.0
    searchunits: str = "arcseconds"
    use2dhist: bool = True
    separation: float = 0.5
    tolerance: float = 1.0
    xoffset: float = 0.0
    yoffset: float = 0.0
    fitgeometry: str = "rscale"
    nclip: int = 3
    sigma: float = 3.0
    expand_refcat: bool = False
    enforce_user_order: bool = True

    def __post_init__(self):
        for name in ("conv_width", "threshold"):
            value = getattr(self, name)
            if not value > 0:
                raise ParameterError(f"{name} = {value!r}: TweakReg needs a number above 0.")

    def keywords(self, dqbits):
        """Return the keywords for TweakReg.

        Parameters
        ----------
        dqbits : str
            DQ bits of pixels that belong to no source; empty: DQ is not used.

        Returns
        -------
        dict
        """
        settings = asdict(self)
        imagefind = {name: settings.pop(name) for name in _IMAGEFIND}
        return {
            **settings,
            "imagefindcfg": {**imagefind, "dqbits": dqbits},
            "updatehdr": True,
            "wcsname": WCS_NAME,
            "reusename": True,
            "interactive": False,
            "see2dplot": False,
            "residplot": "No plot",
            "writecat": False,
            "clean": True,
            "runfile": "tweakreg.log",
        }


_IMAGEFIND = (
    "conv_width", "threshold", "computesig", "skysigma", "peakmin", "peakmax", "nsigma", "ratio", "theta",
    "fluxmin", "fluxmax", "use_sharp_round", "sharplo", "sharphi", "roundlo", "roundhi",
)  # fmt: skip


@dataclass(frozen=True)
class AstroDrizzleOptions:
    """How cosmic rays are found; names and values are those of AstroDrizzle 3.11.

    The paper leaves `driz_cr_snr` and `driz_cr_scale` to Zhang & Bloom 2020, section 3.
    """

    wcskey: str = ""
    proc_unit: str = "native"
    coeffs: bool = True
    group: str = ""
    stepsize: int = 10
    static: bool = True
    static_sig: float = 4.0
    skysub: bool = True
    skymethod: str = "localmin"
    skystat: str = "median"
    skywidth: float | None = 0.1
    skylower: float | None = None
    skyupper: float | None = None
    skyclip: int = 5
    skylsigma: float = 4.0
    skyusigma: float = 4.0
    skymask_cat: str = ""
    use_static: bool = True
    sky_bits: str = "0"
    skyfile: str = ""
    skyuser: str = ""
    driz_sep_kernel: str = "turbo"
    driz_sep_wt_scl: str = "exptime"
    driz_sep_pixfrac: float = 1.0
    driz_sep_fillval: float | None = None
    driz_sep_bits: str = "0"
    driz_sep_compress: bool = False
    driz_sep_wcs: bool = False
    median_newmasks: bool = True
    combine_maskpt: float = 0.3
    combine_type: str = "minmed"
    combine_nsigma: str = "4 3"
    combine_nlow: int = 0
    combine_nhigh: int = 0
    combine_lthresh: float | None = None
    combine_hthresh: float | None = None
    combine_grow: int = 1
    combine_bufsize: float | None = None
    blot_interp: str = "poly5"
    blot_sinscl: float = 1.0
    blot_addsky: bool = True
    blot_skyval: float = 0.0
    driz_cr_corr: bool = False
    driz_cr_snr: str = "3.5 3.0"
    driz_cr_grow: int = 1
    driz_cr_ctegrow: int = 0
    driz_cr_scale: str = "1.2 0.7"

    def __post_init__(self):
        for name in ("driz_cr_snr", "driz_cr_scale", "combine_nsigma"):
            value = getattr(self, name)
            try:
                good = [float(number) > 0 for number in str(value).replace(",", " ").split()] == [True, True]
            except ValueError:
                good = False
            if not good:
                raise ParameterError(
                    f"{name} = {value!r}: give two numbers above 0, as in '{_DEFAULT_PAIRS[name]}'."
                )

    def keywords(self, cores):
        """Return the keywords for AstroDrizzle.

        Parameters
        ----------
        cores : int
            Number of processes; the result does not depend on it.

        Returns
        -------
        dict
            Steps 1 to 6 on, which make the cosmic-ray masks; the final drizzle off.
        """
        return {
            **asdict(self),
            "output": "truth",
            "runfile": "astrodrizzle.log",
            "updatewcs": False,
            "crbit": CR_ASTRODRIZZLE,
            "resetbits": str(CR_ASTRODRIZZLE),
            "restore": False,
            "preserve": False,
            "overwrite": False,
            "clean": False,
            "context": False,
            "build": False,
            "in_memory": False,
            "rules_file": "",
            "num_cores": cores,
            "driz_separate": True,
            "median": True,
            "blot": True,
            "driz_cr": True,
            "driz_combine": False,
        }


_DEFAULT_PAIRS = {"driz_cr_snr": "3.5 3.0", "driz_cr_scale": "1.2 0.7", "combine_nsigma": "4 3"}


@dataclass(frozen=True)
class TruthOptions:
    """How the truth of an observation set is made.

    Attributes
    ----------
    tweakreg : TweakRegOptions or None
        None: the WCS of the headers is used as it is.
    flags_first : bool
        Whether the step flags the copies (global model, grown by a pixel) so that TweakReg leaves the
        flagged pixels out. The flags are removed before AstroDrizzle runs.
    drizzle : AstroDrizzleOptions
    ring : int
        Pixels around a true cosmic ray that are ignored.
    field : str
        A key of `samples.FIELD_TYPES`; empty if unknown.
    observation_set : str
        Its name; empty: filter, proposal and visit from the headers.
    cores : int
        Processes of AstroDrizzle; the result does not depend on it.
    """

    tweakreg: TweakRegOptions | None = TweakRegOptions()
    flags_first: bool = True
    drizzle: AstroDrizzleOptions = field(default_factory=AstroDrizzleOptions)
    ring: int = 1
    field: str = ""
    observation_set: str = ""
    cores: int = 1

    def __post_init__(self):
        if self.field and self.field not in FIELD_TYPES:
            known = ", ".join(FIELD_TYPES)
            raise ParameterError(f"field = {self.field!r}: it must be one of {known}, or empty.")
        for name, least in (("ring", 0), ("cores", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ParameterError(f"{name} = {value!r}: give a whole number, {least} or more.")

    @classmethod
    def of_set(cls, observation_set, **changes):
        """Return the options of a set of the paper: its row of Table A1, without flags.

        Parameters
        ----------
        observation_set : ObservationSet
        **changes
            Any attribute.

        Returns
        -------
        TruthOptions
        """
        tweakreg = TweakRegOptions(conv_width=observation_set.conv_width, threshold=observation_set.threshold)
        options = {
            "tweakreg": tweakreg,
            "flags_first": False,
            "field": observation_set.field,
            "observation_set": observation_set.name,
        }
        return cls(**options | changes)

    def settings(self):
        """Return the settings that the result depends on.

        Returns
        -------
        list of Setting
        """
        tasks = {
            "tweakreg": {} if self.tweakreg is None else asdict(self.tweakreg),
            "astrodrizzle": asdict(self.drizzle),
            "truth": {
                "align": self.tweakreg is not None,
                "flags_first": self.tweakreg is not None and self.flags_first,
                "ring": self.ring,
            },
        }
        return [
            Setting(task, name, repr(value))
            for task, values in tasks.items()
            for name, value in values.items()
        ]
