"""Real AstroDrizzle and TweakReg calls, in the directory of their inputs."""

import contextlib
import gc
import shutil
import warnings
from pathlib import Path

from acs_deepcr_step import drizzle_kwargs
from acs_deepcr_step.simulate.residual import read_product

with warnings.catch_warnings():
    # stregion, which drizzlepac imports, calls pyparsing by its old names.
    warnings.filterwarnings("ignore", "'leaveWhitespace' deprecated", DeprecationWarning)
    from drizzlepac.astrodrizzle import AstroDrizzle
    from drizzlepac.tweakreg import TweakReg

OUTPUT = "product"


@contextlib.contextmanager
def drizzlepac_quiet(names=r"\w+_flc\.fits"):
    """No warning that is drizzlepac's own; it opens files by these names (a pattern)."""
    with warnings.catch_warnings():
        # The header of a product explains its keywords at length.
        warnings.filterwarnings("ignore", "Card is too long, comment will be truncated")
        # The archived WCS of key O keeps IDCSCALE as a word of nine letters.
        warnings.filterwarnings("ignore", "Keyword name 'IDCSCALEO' is greater than 8 characters")
        # It leaves its inputs (by their names alone, ours have a path) and its log open.
        warnings.filterwarnings(
            "ignore", rf"unclosed file <_io.Buffered(Reader|Random) name='{names}'>", ResourceWarning
        )
        warnings.filterwarnings("ignore", r"unclosed file <_io.TextIOWrapper name='.*\.log'", ResourceWarning)
        yield
        gc.collect()


def copies(files, directory):
    """Copies of exposures in a new directory, each with its truth."""
    directory.mkdir(parents=True)
    for path in files:
        shutil.copy(path.with_name(f"{path.stem}_truth.fits"), directory)
    return [Path(shutil.copy(path, directory)) for path in files]


def drizzle(files, **settings):
    """Drizzle exposures that lie in one directory; by default as `drizzle_kwargs` says."""
    settings = settings or drizzle_kwargs()
    with contextlib.chdir(files[0].parent), drizzlepac_quiet():
        AstroDrizzle([path.name for path in files], output=OUTPUT, **settings)
    return read_product(files[0].with_name(f"{OUTPUT}_drc_sci.fits"), files)


def align(files, **settings):
    """Align exposures that lie in one directory on the first, and update their headers."""
    with contextlib.chdir(files[0].parent), drizzlepac_quiet():
        TweakReg(
            [path.name for path in files],
            updatehdr=True,
            wcsname="ALIGNED",
            searchrad=1.0,
            interactive=False,
            see2dplot=False,
            residplot="No plot",
            **settings,
        )
