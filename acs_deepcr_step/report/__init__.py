"""What a person looks at after a run: one HTML page of figures of merit, pictures and warnings.

It is made from exposures and their mask files alone, so that it can be written at any
time after a run. The page holds its pictures in itself, and needs neither network nor
JavaScript.
"""

import importlib.util
from pathlib import Path

from ..arrays.numerics import numpy_defaults
from ..config.arguments import PATH, Kind, checked, optional
from ..errors import InputError, OutputError, ParameterError
from ..files.atomic import require_no_dangling_link
from ..regular_file import require_regular

__all__ = ["MARK", "NAME", "require", "write"]

NAME = "acs_deepcr_report.html"

# In the head of every page that the step writes: only such a file is ever replaced.
MARK = 'name="generator" content="acs_deepcr_step'
_HEAD = 2000  # bytes that are searched for it
_TABLE = Kind("a table as run returns it", lambda value: "status" in getattr(value, "colnames", ()))
_LIBRARIES = {"matplotlib": "matplotlib", "jinja2": "Jinja2", "PIL": "pillow"}  # by what is imported


def require(path):
    """Raise an error if it is plain beforehand that a report cannot be written.

    Parameters
    ----------
    path : path-like
        Where the report is to go.

    Raises
    ------
    ParameterError
        If a library that it needs is missing.
    InputError
        If its directory does not exist, or another file has its name.
    OutputError
        If the system accepts no file of that name.
    """
    missing = [name for module, name in _LIBRARIES.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise ParameterError(
            f"The report needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            f"installed: pip install {' '.join(missing)}."
        )
    path = Path(path)
    try:
        _require_free(path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error}): give the report another name or place."
        ) from error


def _require_free(path):
    """Raise InputError if a path is in no directory, or is that of another file."""
    if not path.parent.is_dir():
        raise InputError(
            f"{path.parent} is not a directory: make it first, or give the report another place."
        )
    require_no_dangling_link(path, InputError)
    if path.is_dir() or (path.exists() and not _is_report(path)):
        raise InputError(
            f"{path} is there already and is not a report of this step: move it away, or give another name."
        )


def _is_report(path):
    try:
        require_regular(path)
        with open(path, "rb") as file:
            return MARK.encode() in file.read(_HEAD)
    except OSError as error:
        raise InputError(
            f"{path} is there already and cannot be read ({error.strerror}): give the report another name."
        ) from error


@checked(path=PATH, table=optional(_TABLE))
@numpy_defaults()
def write(inputs, path=NAME, *, table=None):
    """Write the report of exposures that the step has flagged.

    Parameters
    ----------
    inputs : str, path-like, or list of these
        Exposures or their mask files or both, in every form that `run` takes. What
        is not named is looked for beside the other.
    path : path-like, optional
        Where the page goes. An older report is replaced, another file never is.
    table : astropy.table.Table, optional
        As `run` returns it: it says which exposures failed, which could not be used
        for others, and why. Exposures that failed need not be among `inputs`.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    ParameterError
        If matplotlib, pillow or Jinja2 is missing.
    InputError
        If an exposure or a mask file is missing, or `path` is another file.
    ExposureError
        If a mask was not made of its exposure, or either cannot be read.
    OutputError
        If the page cannot be written (full disk, permissions); an older report is as it was.
    """
    require(path)
    from .page import write_page

    return write_page(inputs, Path(path), table)
