"""From exposures to a finished image in one call."""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..config.parameters import Parameters, resolve
from ..config.specification import nearest, shown, specification
from ..errors import DrizzlepacError, InputError, ParameterError, warn
from ..files import inputs, mask_file
from ..files.space import require_space
from ..handoff import astrodrizzle_names
from ..step import run
from ..work import filling
from . import (
    alignment,
    astrodrizzle,
    astrodrizzle_settings,
    drizzlepac_process,
    holes,
    tweakreg_settings,
    workplace,
)  # fmt: skip
from .finished import Finished

__all__ = ["AUTO", "drizzle"]

AUTO = "auto"
_WHERE = {True: "all", False: "none", AUTO: "single"}
_WORK_SIZE = 3  # of the files at work, in units of the exposures: copies, the product, and that which fills


def drizzle(input, output, *, align=False, fill_holes=AUTO, configobj=None, drizzle_cfg=None, executor=None,
            **pars):  # fmt: skip
    """Make the finished image of exposures: flags, AstroDrizzle, and holes filled.

    Parameters
    ----------
    input : str, path-like, or iterable of these
        Exposures, as for `run`.
    output : str or path-like
        Root of the product's name, as for AstroDrizzle, with or without a directory: ``final`` gives
        ``final_drc_sci.fits`` and its weight and context images.
    align : bool or mapping, optional
        Whether TweakReg aligns the exposures on the first one before; a mapping gives its parameters,
        those of its ``imagefindcfg`` among them, e.g. ``{"threshold": 50}``. It changes the WCS of the
        exposures, if its fit can be trusted (Notes).
    fill_holes : {'auto', True, False}, optional
        Output pixels that are flagged in all exposures that see them get what the inpainted exposures give
        there. Their weight stays 0; the extension FILLED of the science file tells which (1). ``auto``: those
        that a single exposure sees; True: all; False: none.
    configobj : str, path-like or ConfigObj, optional
        Parameter file of the step, as for `run`.
    drizzle_cfg : str or path-like, optional
        Parameter file of AstroDrizzle, complete or not. It wins over `drizzle_kwargs`.
    executor : concurrent.futures.Executor, optional
        As for `run`.
    **pars
        Parameters of the step and of AstroDrizzle by their names, e.g. ``threshold=0.3, final_scale=0.04``.
        They win over the files. What both have (``crbit``, ``runfile``) is the step's. ``rerun`` is ``skip``
        unless it or `configobj` is given: flags that are there, and just those of this call, are used.

    Returns
    -------
    Finished
        Its ``science``, ``weight`` and ``context`` are paths; ``table`` is that of `run`, ``alignment`` tells
        what TweakReg did, ``holes`` what was filled, ``files`` names all files that were made or changed.

    Raises
    ------
    ParameterError, InputError, ExposureError, ModelError
        Before anything is changed: a fault of the call, or of all files.
    RunError
        If some exposures could not be flagged: no image is made without them.
    DrizzlepacError
        If AstroDrizzle or TweakReg failed. It names their log, which lies where the image would.
    OutputError
        If the image cannot be written; what was in its place is as it was.

    Notes
    -----
    AstroDrizzle works on copies, in a directory of its own beside the product: the exposures get flags, and
    with `align` a WCS, and nothing else (no MDRIZSKY). So masks and copies of earlier AstroDrizzle runs do no
    harm, and an interrupted call can be repeated.

    An alignment is trusted if each exposure has ten matches that scatter by less than a quarter of TweakReg's
    tolerance on each axis, which is half of what sources scatter that meet by chance. If not, the image is
    made with the WCS that the exposures have, and a warning says so.
    """
    if isinstance(input, Mapping):
        raise ParameterError("input is a parameter object: name the exposures, and give it as configobj.")
    asked = _Asked.of(output, align, fill_holes, configobj, drizzle_cfg, pars)
    paths = inputs.expand(input).paths
    _require_distinct(paths)
    require_space(asked.place.directory, _WORK_SIZE * sum(os.stat(path).st_size for path in paths))
    for warning in asked.settings.warnings:
        warn(warning)
    with workplace.opened(asked.place) as work:
        return _Making(asked, work, input, configobj, executor).finished(paths)


@dataclass(frozen=True)
class _Asked:
    """What a call asks for, checked."""

    place: workplace.Place
    tweakreg: tweakreg_settings.Settings | None
    where: str
    own: dict
    parameters: Parameters
    settings: astrodrizzle_settings.Settings

    @classmethod
    def of(cls, output, align, fill_holes, configobj, drizzle_cfg, pars):
        if not isinstance(fill_holes, bool | str) or fill_holes not in _WHERE:
            raise ParameterError(f"fill_holes = {shown(fill_holes)}: it must be 'auto', True or False.")
        own, theirs = _divided(pars)
        parameters = resolve(configobj, own)
        if configobj is None:
            own.setdefault("rerun", "skip")
        if not (parameters.update_dq and parameters.mask_file):
            raise ParameterError(
                "update_dq=no or mask_file=no leaves no flags to make an image with: set both to yes."
            )
        crbit = parameters.decision.crbit
        tweakreg = tweakreg_settings.resolve(align, crbit)
        if tweakreg and parameters.output_dir:
            raise ParameterError(
                "align changes the WCS of the exposures themselves, and output_dir is to leave them as they "
                "are: copy the exposures first, or give one of the two only."
            )
        settings = astrodrizzle_settings.resolve(drizzle_cfg, theirs, crbit)
        place = workplace.Place.of(output)
        if fill_holes:  # a model that cannot be loaded is refused before anything is done
            filling.inpainter(parameters.inpaint, parameters.precision, parameters.device, 0)
        return cls(place, tweakreg, _WHERE[fill_holes], own, parameters, settings)


def _divided(pars):
    """Return the step's parameters and AstroDrizzle's."""
    ours = {option.name for option in specification()} - {"input"}
    own = {name: value for name, value in pars.items() if name in ours}
    theirs = {name: value for name, value in pars.items() if name not in ours}
    # Those of the call itself are refused with a reason of their own.
    known = (*astrodrizzle_names(), "mdriztab", "editpars", "wcsmap", "updatewcs")
    unknown = [name for name in theirs if name not in known]
    if unknown:
        faults = (
            f"Neither the step nor AstroDrizzle has a parameter {name}{nearest(name, (*ours, *known)) or '.'}"
            for name in unknown
        )
        raise ParameterError(" ".join(faults))
    return own, theirs


def _require_distinct(paths):
    seen = {}
    for path in paths:
        # Behind a symlink is what is drizzled.
        other = seen.setdefault(os.path.basename(os.path.realpath(path)), path)
        if other is not path:
            raise InputError(
                f"{other} and {path} have the same name, and AstroDrizzle tells its inputs apart by their "
                "names: rename one of them."
            )


class _Making:
    """The making of one image, in its directory."""

    def __init__(self, asked, work, given, configobj, executor):
        self._asked, self._work = asked, work
        self._given, self._configobj, self._executor = given, configobj, executor
        self._files = []

    def finished(self, paths):
        """Make it.

        Parameters
        ----------
        paths : list of pathlib.Path

        Returns
        -------
        Finished
        """
        aligned = self._aligned(paths) if self._asked.tweakreg else None
        table = self._flagged(redo=aligned is not None and not aligned.done_before)
        exposures = [Path(os.path.realpath(name)) for name in dict.fromkeys(map(str, table["filename"]))]
        masks = [mask_file.beside(path) for path in exposures]
        directory = self._work.folder("drizzle")
        copies, keywords = workplace.copied(exposures, directory), self._asked.settings.keywords
        with self._log_kept("AstroDrizzle", directory, exposures):
            names, root = [copy.name for copy in copies], self._asked.place.root
            products = astrodrizzle.make(names, directory, root, keywords)
            filled = holes.fill(products, copies, masks, keywords, self._asked.parameters, self._asked.where)
        published = self._published(directory, products.names, exposures)
        science, weight, context = (
            path and self._asked.place.file(path.name)
            for path in (products.science, products.weight, products.context)
        )
        runfile = self._asked.parameters.runfile
        logs = [Path(os.path.abspath(os.path.expanduser(runfile)))] if runfile else []
        files = (*published, *self._files, *exposures, *masks, *logs)
        return Finished(science, weight, context, table, aligned, filled, tuple(dict.fromkeys(files)))

    def _aligned(self, paths):
        # Behind a symlink the file is aligned, as it is flagged.
        paths = [Path(os.path.realpath(path)) for path in paths]
        directory = self._work.folder("align")
        with self._log_kept("TweakReg", directory, paths):
            found = alignment.align(paths, directory, self._asked.tweakreg, self._asked.parameters)
        if not found.trusted:
            warn(
                f"TweakReg's alignment is not taken over: {found.reason}; the image is made with the WCS "
                "that the exposures have.",
            )
        return found

    def _flagged(self, redo):
        own = {**self._asked.own, **({"rerun": "redo"} if redo else {})}
        return run(self._given, configobj=self._configobj, executor=self._executor, **own)

    @contextlib.contextmanager
    def _log_kept(self, task, directory, exposures):
        """Put the log of a task beside the product, and name it in the error if the task fails."""
        name = f"{self._asked.place.root}{workplace.LOGS[task]}"
        target = self._asked.place.file(name)
        try:
            try:
                yield
            finally:
                if (directory / drizzlepac_process.LOG).exists():
                    os.replace(directory / drizzlepac_process.LOG, self._work.directory / name)
                    self._files.extend(self._work.publish([name], exposures))
        except DrizzlepacError as error:
            if not target.exists():
                raise
            raise DrizzlepacError(f"{error} The log: {target}.") from error

    def _published(self, directory, names, exposures):
        for name in names:
            os.replace(directory / name, self._work.directory / name)
        return self._work.publish(names, exposures)
