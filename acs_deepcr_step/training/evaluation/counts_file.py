"""Counts in a file, to make curves, tables and figures from again, or to merge."""

import io
import json
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...files.atomic import atomic
from ...regular_file import require_regular
from .roc import Histogram
from .tally import Key, Tallies, Tally

__all__ = ["load", "save"]

_FORMAT = 1


def save(tallies, path):
    """Write counts to a file; an existing one is replaced.

    Parameters
    ----------
    tallies : Tallies
    path : path-like

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    index, arrays = [], {}
    for number, entry in enumerate(tallies.entries()):
        key, tally = entry.key, entry.tally
        before, after = tally.undilated, tally.dilated
        index.append([key.filter, key.field, key.scorer, repr(entry.setting), entry.exposure, before.ignored])
        arrays[f"s{number}"] = np.array([before.hits, before.clean])
        arrays[f"d{number}"] = np.array([after.hits, after.clean, tally.published.hits])
    about = json.dumps({"format": _FORMAT, "by_exposure": tallies.by_exposure, "index": index})
    content = io.BytesIO()
    np.savez_compressed(content, about=np.array(about), **arrays)
    with atomic(Path(path)) as temporary:
        temporary.write_bytes(content.getvalue())


def load(path):
    """Read what `save` wrote.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Tallies

    Raises
    ------
    InputError
        If it is no such file.
    """
    try:
        require_regular(path)
        with np.load(path, allow_pickle=False) as content:
            about = json.loads(str(content["about"]))
            if about["format"] != _FORMAT:
                raise ValueError(f"format {about['format']}")
            tallies = Tallies(about["by_exposure"])
            for number, (band, field, scorer, setting, exposure, ignored) in enumerate(about["index"]):
                before, after = content[f"s{number}"], content[f"d{number}"]
                tally = Tally(
                    undilated=Histogram(*before, ignored),
                    dilated=Histogram(*after[:2], ignored),
                    published=Histogram(after[2], before[1], ignored),
                )
                tallies.add(Key(band, field, scorer), exposure, tally, float(setting))
            return tallies
    except Exception as error:  # whatever a file of another kind makes the readers raise
        raise InputError(
            f"{path} cannot be read as saved counts ({' '.join(str(error).split())[:200]}): count anew."
        ) from error
