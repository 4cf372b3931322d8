"""What a person looks at after a run: one HTML page of figures of merit, pictures and warnings.

It is made of exposures and their mask files alone, so that it can be written at any
time after a run. The page holds its pictures in itself, needs no network, and reads
without JavaScript.
"""

import importlib.util
from pathlib import Path

from ..errors import InputError, ParameterError

__all__ = ["MARK", "NAME", "require", "write"]

NAME = "acs_deepcr_report.html"

# Stands in the head of every page of ours, by which it is known again.
MARK = 'name="generator" content="acs_deepcr_step'
_HEAD = 2000  # bytes
_NEEDED = {"matplotlib": "matplotlib", "jinja2": "Jinja2", "PIL": "pillow"}


def require(path):
    """Refuse what would keep a report from being written.

    Parameters
    ----------
    path : path-like
        Where it is to go.

    Raises
    ------
    ParameterError
        If a library that draws it is missing.
    InputError
        If there is no such directory, or another file of that name.
    """
    missing = [name for module, name in _NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise ParameterError(
            f"The report needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not "
            "installed: install the extra [report], e.g. pip install 'acs_deepcr_step[report]'."
        )
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError(
            f"{path.parent} is not a directory: make it first, or give the report another place."
        )
    if path.is_dir() or (path.exists() and MARK.encode() not in _head(path)):
        raise InputError(
            f"{path} is there already and is not a report of this step: move it away, or give another name."
        )


def _head(path):
    try:
        with open(path, "rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}): give the report another name."
        ) from error


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
        Of the run: tells which exposures failed, and which could not be used for
        others, and why. Exposures that failed need not be among `inputs`.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    ParameterError
        If matplotlib, pillow or Jinja2 is missing (extra ``[report]``).
    InputError
        If an exposure or a mask file is missing, or `path` is another file.
    ExposureError
        If a mask was not made of its exposure, or either cannot be read.
    """
    require(path)
    from .page import write as work

    return work(inputs, Path(path), table)
