"""The files of deepCR 0.3.1, which the packaged weights were made from, where it is installed."""

import importlib.util
from pathlib import Path

import pytest


def folder():
    """The folder of deepCR's weights; the test is skipped where there is none."""
    found = importlib.util.find_spec("learned_models")
    for place in (found.submodule_search_locations or ()) if found else ():
        return Path(place)
    pytest.skip("deepCR is not installed")


def weights(info):
    """deepCR's file of a published model."""
    return folder() / Path(info.file).with_suffix(".pth")
