"""Copies of exposures, and AstroDrizzle's product of them."""

import contextlib
import gc
import os
import shutil
import warnings
from pathlib import Path

from acs_deepcr_step.simulate import residual, truth_path


def copies(files, directory):
    """Copy exposures and their truth into a directory of their own.

    Parameters
    ----------
    files : list of Path
    directory : Path
        What is in it is removed.

    Returns
    -------
    list of Path
    """
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for path in files:
        shutil.copy(truth_path(path), directory)
    return [Path(shutil.copy(path, directory)) for path in files]


def drizzle(files, **settings):
    """Drizzle exposures.

    Parameters
    ----------
    files : list of Path
        In one directory.
    **settings
        Of AstroDrizzle.

    Returns
    -------
    residual.Product
    """
    from drizzlepac.astrodrizzle import AstroDrizzle

    with quietly(files[0].parent):
        AstroDrizzle([path.name for path in files], output="product", num_cores=1, **settings)
    return residual.read_product(files[0].with_name("product_drc_sci.fits"), files)


@contextlib.contextmanager
def quietly(directory):
    """Work in a directory, and let nothing that drizzlepac prints or warns of through.

    Parameters
    ----------
    directory : path-like
    """
    with (
        contextlib.chdir(directory),
        warnings.catch_warnings(),
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        warnings.simplefilter("ignore")
        yield
        gc.collect()
