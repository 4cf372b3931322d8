"""Counts in a file: what curves, tables and figures can be made of again, or merged with others."""

import io
import json
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..saving import atomic
from .roc import Histogram
from .tally import Key, Tallies, Tally

__all__ = ["load", "save"]

_FORMAT = 1


def save(tallies, path):
    """Write counts to one file, in the place of an older one.

    Parameters
    ----------
    tallies : tally.Tallies
    path : path-like

    Raises
    ------
    ExposureError
        If it cannot be written.
    """
    index, arrays = [], {}
    for number, (key, setting, exposure, tally) in enumerate(tallies.items()):
        index.append([key.filter, key.field, key.scorer, repr(setting), exposure, tally.single.ignored])
        grown, published = tally.grown, tally.published
        arrays[f"s{number}"] = np.array([tally.single.hits, tally.single.clean])
        arrays[f"d{number}"] = np.array([grown.hits, grown.clean, published.hits])
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
    tally.Tallies

    Raises
    ------
    InputError
        If it is not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            about = json.loads(str(content["about"]))
            if about["format"] != _FORMAT:
                raise ValueError(f"format {about['format']}")
            made = Tallies(about["by_exposure"])
            for number, (band, field, scorer, setting, exposure, ignored) in enumerate(about["index"]):
                single, wide = content[f"s{number}"], content[f"d{number}"]
                tally = Tally(
                    Histogram(*single, ignored),
                    Histogram(*wide[:2], ignored),
                    Histogram(wide[2], single[1], ignored),
                )
                made.add(Key(band, field, scorer), exposure, tally, float(setting))
            return made
    except Exception as error:  # whatever a file of another kind makes the readers raise
        raise InputError(
            f"{path} cannot be read as saved counts ({' '.join(str(error).split())[:200]}): count anew."
        ) from error
