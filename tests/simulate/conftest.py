"""Simulated exposures that several tests look at."""

import pytest

from acs_deepcr_step import simulate


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two dithered exposures with two chips and many stars."""
    out = tmp_path_factory.mktemp("pair")
    return simulate.association(out, n=2, shape=(384, 512), seed=7, star_density=25)


@pytest.fixture(scope="module")
def deep_chip():
    """A chip large enough for statistics of cosmic rays."""
    return simulate.chip(shape=(1024, 1024), exptime=1000.0, seed=11)
