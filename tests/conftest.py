"""Simulated exposures, made once per worker and copied for each test that changes them."""

import shutil
from pathlib import Path

import pytest
from helpers import flag, snapshot

from acs_deepcr_step import simulate
from acs_deepcr_step.errors import RunError, StepError

# Many cosmic rays on few pixels: seven times the usual rate.
PAIR = dict(n=2, shape=(256, 256), chips=2, exptime=512.0, cr_rate=8.0, seed=7)
SINGLE = dict(n=1, shape=(256, 320), chips=1, exptime=512.0, cr_rate=8.0, seed=8)


@pytest.fixture(scope="session")
def simulated_pair(tmp_path_factory):
    """Directory of two exposures of two chips, with truth and association table; not to be changed."""
    directory = tmp_path_factory.mktemp("pair")
    simulate.association(directory, **PAIR)
    return directory


@pytest.fixture(scope="session")
def simulated_single(tmp_path_factory):
    """Directory of one exposure of one chip (a subarray), with its truth; not to be changed."""
    directory = tmp_path_factory.mktemp("single")
    simulate.association(directory, **SINGLE)
    return directory


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current directory."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def pair(simulated_pair, here):
    """Two exposures of two chips in the current directory."""
    files = sorted(simulated_pair.glob("*_flc.fits"))
    return [Path(shutil.copy(path, here)) for path in files]


@pytest.fixture
def one(simulated_single, here):
    """One exposure of one chip (a subarray) in the current directory."""
    [path] = simulated_single.glob("*_flc.fits")
    return Path(shutil.copy(path, here))


@pytest.fixture
def truth_of(simulated_pair, simulated_single):
    """Truth of a copy of a simulated exposure, by the number of its chips."""

    def read(path):
        names = [directory / f"{path.stem}_truth.fits" for directory in (simulated_pair, simulated_single)]
        truths = [simulate.read_truth(name) for name in names if name.exists()]
        from astropy.io import fits

        with fits.open(path) as hdus:
            chips = sum(hdu.name == "SCI" for hdu in hdus)
            shape = hdus["SCI", 1].shape
        return next(t for t in truths if len(t) == chips and t[0].cr.shape == shape)

    return read


@pytest.fixture
def refused(here):
    """Call the step and assert that it refuses, changes nothing and says what is wanted."""

    def check(error, wanted, *files, **pars):
        before = snapshot(here)
        with pytest.raises(StepError) as caught:
            flag(*files, runfile="a.log" if error is not RunError else "", **pars)
        message = str(caught.value)
        assert type(caught.value) is error
        after = snapshot(here)
        for files in (before, after):
            files.pop("a.log", None)  # which says why
        assert after == before
        assert message.endswith((".", "?")) and "\n" not in message and "Traceback" not in message
        for text in wanted:
            assert text in message
        return message

    return check
