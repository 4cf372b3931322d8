"""Where a product is made: a directory beside its place, and how its files get there.

AstroDrizzle works on copies, so that an interrupted call changes nothing of the user's. A product that is
whole is renamed into its place. What a killed call left is removed by the next call for the same product.
"""

import contextlib
import os
import re
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from astropy.io import fits
from filelock import Timeout

from ..errors import OutputError, ParameterError
from ..files import file_lock, structure
from ..files.atomic import flush
from ..files.rights import Rights, strictest
from . import drizzlepac_process

__all__ = ["LOGS", "Place", "Workplace", "copied", "opened"]

_SUFFIX = ".deepcr-drizzle"
_LOCK_SECONDS = 5.0  # another call for the same product takes minutes
# As AstroDrizzle names what it makes of exposures with (drc) and without (drz) CTE correction.
_PRODUCTS = tuple(f"_{kind}{part}.fits" for kind in ("drc", "drz") for part in ("", "_sci", "_wht", "_ctx"))
LOGS = {"AstroDrizzle": "_astrodrizzle.log", "TweakReg": "_tweakreg.log"}
_MADE_BY_DRIZZLE = "NDRIZIM"  # card of every product of AstroDrizzle


@dataclass(frozen=True)
class Place:
    """Where a product goes.

    Attributes
    ----------
    directory : pathlib.Path
    root : str
        What the names of its files begin with.
    """

    directory: Path
    root: str

    @classmethod
    def of(cls, output):
        """Return the place that the user named.

        Parameters
        ----------
        output : str or path-like
            Root of the product's names, with or without a directory.

        Raises
        ------
        ParameterError
            If it is no name.
        OutputError
            If its directory is missing or read-only, or other files have the product's names.
        """
        try:
            path = Path(output).expanduser()
        except TypeError:
            raise ParameterError(
                f"output = {output!r}: it must be the root of the product's name, e.g. 'final'."
            ) from None
        root = re.sub(r"(_dr[cz](_sci|_wht|_ctx)?)?\.fits$", "", path.name)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", root):
            raise ParameterError(
                f"output = {str(output)!r}: it must be the root of the product's name, of letters, digits "
                "and _ . + -, e.g. 'final'."
            )
        place = cls(Path(os.path.abspath(path.parent)), root)
        place._require_free()
        return place

    def _require_free(self):
        if not os.path.isdir(self.directory) or not os.access(self.directory, os.W_OK):
            raise OutputError(
                f"{self.directory} is no directory that can be written into: make it, or give another output."
            )
        for path in (self.directory / f"{self.root}{ending}" for ending in _PRODUCTS):
            if os.path.lexists(path) and not _is_product(path):
                raise OutputError(
                    f"{path} is there already and is no product of AstroDrizzle: move it away, or give "
                    "another output."
                )
        for path in (self.directory / f"{self.root}{ending}" for ending in LOGS.values()):
            if os.path.lexists(path) and not drizzlepac_process.is_log(path):
                raise OutputError(
                    f"{path} is there already and is no log of this command: move it away, or give another "
                    "output."
                )

    def file(self, name):
        """Return the path of a file of the product."""
        return self.directory / name


def _is_product(path):
    try:
        primary = structure.scan(path)[0].header
        return _MADE_BY_DRIZZLE in fits.Header.fromstring(primary.decode("latin-1"))
    except (OSError, ValueError):
        return False


@dataclass(frozen=True)
class Workplace:
    """A directory that is gone afterwards.

    Attributes
    ----------
    place : Place
    directory : pathlib.Path
    """

    place: Place
    directory: Path

    def publish(self, names, sources):
        """Put files into the product's place, each whole.

        Parameters
        ----------
        names : list of str
            In the directory.
        sources : list of pathlib.Path
            Exposures that they tell of: who may not read one of those, may not read these.

        Returns
        -------
        tuple of pathlib.Path

        Raises
        ------
        OutputError
            If one cannot be put there.
        """
        rights = strictest(Rights.of(path) for path in sources)
        for name in names:
            with open(self.directory / name, "rb") as file:
                rights.give(file.fileno())
            flush(self.directory / name)
        targets = [self.place.file(name) for name in names]
        for name, target in zip(names, targets, strict=True):
            try:
                os.replace(self.directory / name, target)
            except OSError as error:
                raise OutputError(
                    f"{target} could not be written ({error.strerror}); what was there is as it was."
                ) from error
        flush(self.place.directory)
        return tuple(targets)

    def folder(self, name):
        """Make a directory in it."""
        made = self.directory / name
        made.mkdir()
        return made


@contextlib.contextmanager
def opened(place):
    """Make the directory in which a product is made.

    Parameters
    ----------
    place : Place

    Yields
    ------
    Workplace

    Raises
    ------
    OutputError
        If another call makes the same product, or the directory cannot be made.
    """
    with contextlib.ExitStack() as stack:
        try:
            lock = place.directory / f".{place.root}{_SUFFIX}-lock"
            stack.enter_context(file_lock.held(lock, _LOCK_SECONDS))
            _remove_leftovers(place)
            directory = place.directory / f".{place.root}.{secrets.token_hex(4)}{_SUFFIX}"
            directory.mkdir(mode=0o700)
        except Timeout:
            raise OutputError(
                f"{place.file(place.root)} is being made by another call: wait for that one to end, or give "
                "another output."
            ) from None
        except OSError as error:
            raise OutputError(f"{place.directory} cannot be written into ({error.strerror}).") from error
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        yield Workplace(place, directory)


def _remove_leftovers(place):
    """Remove the directories of calls that were killed: the product's lock is ours."""
    pattern = re.compile(rf"\.{re.escape(place.root)}\.[0-9a-f]{{8}}{re.escape(_SUFFIX)}")
    for path in place.directory.iterdir():
        if pattern.fullmatch(path.name) and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)


def copied(paths, directory):
    """Copy files into a directory.

    Parameters
    ----------
    paths : list of pathlib.Path
        Of different names.
    directory : pathlib.Path

    Returns
    -------
    list of pathlib.Path

    Raises
    ------
    OutputError
        If there is no room, or one cannot be read.
    """
    copies = [directory / path.name for path in paths]
    for path, copy in zip(paths, copies, strict=True):
        try:
            shutil.copyfile(path, copy)
            copy.chmod(0o600)
        except OSError as error:
            raise OutputError(
                f"{path} could not be copied to {directory.parent} ({error.strerror}): make room there."
            ) from error
    return copies
