"""The files of calibrations, beside the weights that they are of. Text only; loads no PyTorch.

What it means is known to `flagging.consensus.calibration`; `work.calibrations` brings the two together.
"""

from pathlib import Path

from ..errors import ModelError
from ..regular_file import LARGEST_TEXT, require_regular
from .published import FOLDER, find

__all__ = ["path_for", "read"]

_ENDING = ".calibration.json"


def path_for(model):
    """Return where the calibration of a mask model lies, or would.

    Parameters
    ----------
    model : str or path
        A published model, or a weights file.

    Returns
    -------
    pathlib.Path
        Of a published model ``weights/mask/<name>.calibration.json`` in this package; of other weights
        ``<file>.calibration.json`` beside them, e.g. ``mine.safetensors.calibration.json``.
    """
    known = find(model)
    if known is not None:
        weights = FOLDER / known.file
        return weights.with_name(f"{known.name}{_ENDING}")
    weights = Path(model).expanduser()
    return weights.with_name(f"{weights.name}{_ENDING}")


def read(path):
    """Read a calibration's text.

    Parameters
    ----------
    path : path

    Returns
    -------
    str

    Raises
    ------
    ModelError
        If the file cannot be read, or holds no text.
    """
    try:
        require_regular(path, LARGEST_TEXT)
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ModelError(
            f"The calibration {path} cannot be read ({error.strerror or error}): make it with "
            "'acs-deepcr calibrate', or reinstall acs_deepcr_step if it is that of a published model."
        ) from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is not a calibration (it holds no text): make it anew.") from error
