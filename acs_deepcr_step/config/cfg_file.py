"""A parameter file as it is read: by ConfigObj, its values taken literally."""

from stsci.tools.configobj import ConfigObj

from ..errors import ParameterError
from ..regular_file import LARGEST_TEXT, require_regular

__all__ = ["read"]


def read(path, remedy):
    """Read a parameter file.

    Parameters
    ----------
    path : pathlib.Path
    remedy : str
        Where a whole one is to be had, for the error.

    Returns
    -------
    stsci.tools.configobj.ConfigObj
        Not empty.

    Raises
    ------
    ParameterError
        If it cannot be read.
    """
    try:
        require_regular(path, LARGEST_TEXT)
        entries = ConfigObj(path.read_text(encoding="utf-8-sig").splitlines(), interpolation=False)
    except OSError as error:
        raise ParameterError(
            f"{path}: cannot read this parameter file ({error.strerror}); {remedy}."
        ) from None
    except Exception as error:  # whatever a malformed file or name makes the parser raise
        reason = "it is not text" if isinstance(error, UnicodeDecodeError) else str(error).rstrip(".")
        raise ParameterError(f"{path}: this is no parameter file ({reason}); {remedy}.") from None
    if not entries:
        raise ParameterError(f"{path}: this parameter file is empty; {remedy}.")
    return entries
