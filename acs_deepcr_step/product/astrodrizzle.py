"""AstroDrizzle in a directory of copies, and the files that it made there."""

from dataclasses import dataclass
from pathlib import Path

from ..errors import DrizzlepacError
from . import drizzlepac_process

__all__ = ["Products", "make"]


@dataclass(frozen=True)
class Products:
    """The files of a product.

    Attributes
    ----------
    science, weight : pathlib.Path
        The same one where AstroDrizzle built one file.
    context : pathlib.Path or None
    """

    science: Path
    weight: Path
    context: Path | None

    @property
    def is_one_file(self):
        """Whether AstroDrizzle built one file."""
        return self.science == self.weight

    @property
    def science_extension(self):
        """The HDU of the image."""
        return "SCI" if self.is_one_file else 0

    @property
    def weight_extension(self):
        """The HDU of the weights."""
        return "WHT" if self.is_one_file else 0

    @property
    def names(self):
        """Names of its files; the science file comes last, as the one that tells that all are there."""
        files = (self.context, self.weight, self.science)
        return list(dict.fromkeys(path.name for path in files if path is not None))


def make(names, directory, root, keywords):
    """Drizzle exposures.

    Parameters
    ----------
    names : list of str
        Of exposures in the directory.
    directory : pathlib.Path
        It gets the product, and AstroDrizzle's log.
    root : str
        Of the product's name.
    keywords : dict
        Of AstroDrizzle.

    Returns
    -------
    Products

    Raises
    ------
    DrizzlepacError
        If AstroDrizzle fails, or makes no product.
    """
    before = set(directory.iterdir())
    keywords = {**keywords, "output": root, "runfile": "astrodrizzle.log"}
    drizzlepac_process.run(directory, drizzlepac_process.Job("AstroDrizzle", names, keywords))
    made = {path.name: path for path in directory.iterdir() if path not in before}
    for kind in ("drc", "drz"):
        whole = made.get(f"{root}_{kind}.fits")
        science, weight, context = (made.get(f"{root}_{kind}_{part}.fits") for part in ("sci", "wht", "ctx"))
        if whole:
            return Products(whole, whole, None)
        if science and weight:
            return Products(science, weight, context)
    raise DrizzlepacError(
        f"AstroDrizzle made no image of {', '.join(names)} "
        f"({drizzlepac_process.complaint(directory / drizzlepac_process.LOG)})."
    )
