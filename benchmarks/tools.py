"""Programs that find cosmic rays in one image, all called alike.

Each is optional but ours: one that cannot be had is reported as such and left
out. They are set as their authors advise for HST, or as named.
"""

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from common import bfloat16_is_native, version

# Electrons; what ACS/WFC's amplifiers have, and what the paper's comparison assumed.
READ_NOISE = 5.0


@dataclass(frozen=True)
class Tool:
    """A program ready to be called.

    Attributes
    ----------
    name : str
    find : callable
        Takes an image, (R, C) float32 in electrons; returns its mask, (R, C) bool.
    slow : bool
        Takes so much longer than the rest that half a chip is measured, once.
    """

    name: str
    find: Callable
    slow: bool = False


class ToolUnavailableError(Exception):
    """A tool that cannot be measured; the message says why."""


def ours(precision, device, model="ACS-WFC"):
    """Return our engine in a precision on a device, with a model."""
    from acs_deepcr_step import detect

    if precision == "bfloat16" and device == "cpu" and not bfloat16_is_native():
        raise ToolUnavailableError("the processor has no native bfloat16")
    detector = detect.Detector(model, precision=precision, device=device)
    return lambda image: detect.mask(detector.probability(image))


def deepcr(device):
    """Return deepCR as published, in tiles of 1024."""
    from deepCR import deepCR

    model = deepCR(mask="ACS-WFC", device="GPU" if device == "cuda" else "CPU")
    return lambda image: model.clean(image, segment=True, patch=1024) > 0


def astroscrappy(**settings):
    """Return astroscrappy with its defaults but for the settings."""
    from astroscrappy import detect_cosmics

    return lambda image: detect_cosmics(image, **settings)[0]


def lacosmic():
    """Return the LACosmic of the astropy project; it has few defaults, these are its manual's for HST."""
    from astropy import log
    from lacosmic import remove_cosmics

    log.setLevel("WARNING")  # it tells of every iteration
    options = {"contrast": 5, "cr_threshold": 4.5, "neighbor_threshold": 0.3}
    return lambda image: remove_cosmics(image, **options, effective_gain=1, readnoise=READ_NOISE)[1]


def dfcosmic(device):
    """Return the LACosmic written with PyTorch, four iterations as astroscrappy's default."""
    from dfcosmic import lacosmic

    options = {"sigfrac": 0.3, "objlim": 5.0, "niter": 4, "gain": 1.0, "readnoise": READ_NOISE}
    return lambda image: lacosmic(image, **options, device=device)[1]


def cosmic_conn():
    """Return Cosmic-CoNN's HST model with its defaults."""
    with contextlib.redirect_stderr(io.StringIO()):
        from cosmic_conn import init_model

        model = init_model("HST_ACS_WFC")
    return lambda image: model.detect_cr(image.copy()) > 0.5


@dataclass(frozen=True)
class _Maker:
    """How a tool is made.

    Attributes
    ----------
    function : callable
        Returns the function that finds cosmic rays.
    package : str
        What it needs.
    slow : bool
        As in `Tool`.
    settings : dict
        Keywords of `function`.
    takes_device : bool
        Whether `function` takes the keyword `device` too.
    """

    function: Callable
    package: str
    slow: bool = False
    settings: dict = field(default_factory=dict)
    takes_device: bool = False

    def make(self, device):
        """Return the function that finds cosmic rays."""
        where = {"device": device} if self.takes_device else {}
        return self.function(**self.settings, **where)


# The settings of Kwon, Zhang & Bloom 2021 for their comparison.
_PAPER = {
    "sepmed": False, "cleantype": "medmask", "niter": 4, "sigfrac": 0.3, "objlim": 2, "readnoise": READ_NOISE,
    "gain": 1.0,
}  # fmt: skip
_MAKERS = {
    **{
        f"ours {precision}": _Maker(
            ours, "acs_deepcr_step", settings={"precision": precision}, takes_device=True
        )
        for precision in ("float32", "bfloat16")
    },
    **{
        f"fast {precision}": _Maker(
            ours,
            "acs_deepcr_step",
            settings={"precision": precision, "model": "ACS-WFC-fast"},
            takes_device=True,
        )
        for precision in ("float32", "bfloat16")
    },
    "deepCR": _Maker(deepcr, "deepCR", takes_device=True),
    "astroscrappy defaults": _Maker(astroscrappy, "astroscrappy"),
    "astroscrappy paper": _Maker(astroscrappy, "astroscrappy", slow=True, settings=_PAPER),
    "lacosmic": _Maker(lacosmic, "lacosmic", slow=True),
    "dfcosmic": _Maker(dfcosmic, "dfcosmic", slow=True, takes_device=True),
    "cosmic-conn": _Maker(cosmic_conn, "cosmic-conn", slow=True),
}
NAMES = tuple(_MAKERS)


def make(name, device="cpu"):
    """Return one tool.

    Parameters
    ----------
    name : str
        One of `NAMES`.
    device : str
        Where those that can choose run: ``cpu``, ``cuda`` or ``mps``.

    Returns
    -------
    Tool

    Raises
    ------
    ToolUnavailableError
        If it is not installed, or cannot run here.
    """
    maker = _MAKERS[name]
    if version(maker.package) == "not installed":
        raise ToolUnavailableError("not installed")
    try:
        find = maker.make(device)
    except ImportError as error:
        raise ToolUnavailableError(f"cannot be imported: {error}") from error
    return Tool(name, lambda image: np.asarray(find(image), bool), maker.slow)


def available(device="cpu"):
    """Return the tools that can be measured here, and why the others cannot.

    Parameters
    ----------
    device : str

    Returns
    -------
    tools : list of Tool
    missing : dict of str to str
        Reason by name.
    """
    found, missing = [], {}
    for name in NAMES:
        try:
            found.append(make(name, device))
        except ToolUnavailableError as reason:
            missing[name] = str(reason)
    return found, missing
