"""What exposures of other depths, places and quality are worth to each other, on files."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from helpers import flag, flagged, mask_of, set_dq

from acs_deepcr_step import simulate
from acs_deepcr_step.arrays import reasons
from acs_deepcr_step.errors import RunError, StepWarning
from acs_deepcr_step.files import mask_file
from acs_deepcr_step.network.published import FOLDER, GLOBAL

SMALL = dict(shape=(320, 320), chips=1, cr_rate=5.0)
SET = dict(n=3, shape=(256, 256), chips=1, field="crowded", exptime=500.0, cr_rate=3.0, seed=91)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Directory of three exposures; not to be changed."""
    directory = tmp_path_factory.mktemp("three")
    simulate.association(directory, **SET)
    return directory


@pytest.fixture
def three(made, here):
    return [Path(shutil.copy(path, here)) for path in sorted(made.glob("*_flc.fits"))]


def masks(files):
    return np.array([flagged(path) for path in files])


def without_sky(path, extver):
    """The exposure with a chip of which no pixel shows the sky."""
    set_dq(path, (slice(None), slice(None)), 4, extver=extver)


def truth(path):
    return simulate.read_truth(path)[0]


@pytest.mark.parametrize("field", ["sparse", "crowded"])
def test_shallow_exposure_takes_no_cosmic_ray_from_a_deep_one(here, field):
    files = simulate.association(here, n=2, exptime=(500.0, 5.0), field=field, seed=92, **SMALL)
    found = {}
    for consensus in ("no", "auto"):
        with pytest.warns(StepWarning, match="below the 100 s"):
            flag(*files, consensus=consensus)
        found[consensus] = flagged(files[0])
    hit = truth(files[0]).cr
    assert found["auto"][hit].mean() > found["no"][hit].mean() - 0.002
    assert found["auto"][~hit].mean() < 0.01


def test_deep_exposure_tells_a_shallow_one_its_stars(here):
    files = simulate.association(here, n=2, exptime=(500.0, 100.0), field="crowded", seed=93, **SMALL)
    flag(*files)
    shallow, its = flagged(files[1]), truth(files[1])
    stars = its.stars[(its.stars["snr"] > 20) & ~its.stars["saturated"]]
    at = tuple(np.rint(stars[axis]).astype(int).clip(0, 319) for axis in ("y", "x"))
    clear = ~its.cr[at]
    assert clear.sum() > 30 and shallow[at][clear].mean() < 0.03


def test_few_variable_stars_are_flagged(here):
    files = simulate.association(
        here, n=3, exptime=500.0, field="crowded", variables=1.0, variability=1.0, seed=94, **SMALL
    )
    flag(*files)
    flags = peaks = 0
    for path in files:
        its, mask = truth(path), flagged(path)
        stars = its.stars[(its.stars["snr"] > 20) & ~its.stars["saturated"]]
        at = tuple(np.rint(stars[axis]).astype(int).clip(0, 319) for axis in ("y", "x"))
        clear = ~its.cr[at]
        flags, peaks = flags + mask[at][clear].sum(), peaks + clear.sum()
    # All of them vary, by a magnitude.
    assert peaks > 100 and flags <= 0.025 * peaks


def test_exposures_without_stars_are_decided_on_together(here):
    files = simulate.association(
        here, n=2, exptime=500.0, star_density=0.0, galaxy_density=0.0, seed=95, **SMALL
    )
    table = flag(*files)
    assert list(table["nexp"]) == [2, 2] and not any(table["note"])


def test_each_chip_says_from_how_many_exposures_it_was_decided(pair):
    without_sky(pair[1], extver=1)
    table = flag(*pair)
    said = {(row["filename"][-14:], row["extver"]): (row["nexp"], row["note"]) for row in table}
    first, second = (path.name[-14:] for path in pair)
    assert said[first, 1][0] == 1 and "sees no good pixel" in said[first, 1][1]
    assert said[first, 2] == (2, "") and said[second, 2][0] == 2
    assert [chip.nexp for chip in mask_file.read(mask_of(pair[0])).chips] == [1, 2]
    plane = mask_file.read(mask_of(pair[0])).chips[0].reasons
    assert not (plane & (reasons.ADDED | reasons.VETOED)).any()


def test_lost_chip_is_decided_as_if_alone(pair):
    flag(*pair, consensus="no")
    alone = flagged(pair[0], extver=1)
    without_sky(pair[1], extver=1)
    flag(*pair)
    assert np.array_equal(flagged(pair[0], extver=1), alone)


def test_consensus_yes_fails_an_exposure_whose_only_companion_tells_nothing(pair):
    for extver in (1, 2):
        without_sky(pair[1], extver)
    with pytest.raises(RunError, match="no other exposure can be used") as caught:
        flag(*pair, consensus="yes")
    failed = {row["filename"] for row in caught.value.table if row["status"].startswith("failed")}
    assert any(pair[0].name in name for name in failed)


def test_threads_do_not_matter(three):
    flag(*three)
    expected = masks(three)
    with ThreadPoolExecutor(3) as executor:
        flag(*three, executor=executor, workers=3)
    assert np.array_equal(masks(three), expected)


@pytest.mark.slow  # processes that load PyTorch
@pytest.mark.parametrize("backwards", [False, True])
def test_workers_do_not_matter(three, backwards):
    flag(*three)
    expected = masks(three)
    flag(*(reversed(three) if backwards else three), workers=2)
    assert np.array_equal(masks(three), expected)


def test_model_without_a_calibration_uses_that_of_the_global_one_and_says_so(three, here):
    flag(*three, model=GLOBAL)
    expected = masks(three)
    mine = here / "mine.safetensors"
    shutil.copy(FOLDER / "mask" / f"{GLOBAL}.safetensors", mine)
    with pytest.warns(StepWarning, match=f"mine.safetensors has no calibration.*{GLOBAL}"):
        flag(*three, model=str(mine))
    assert np.array_equal(masks(three), expected)


def test_model_whose_calibration_lies_beside_it_uses_that(three, here):
    mine = here / "mine.safetensors"
    shutil.copy(FOLDER / "mask" / f"{GLOBAL}.safetensors", mine)
    shutil.copy(FOLDER / "mask" / f"{GLOBAL}.calibration.json", here / f"{mine.name}.calibration.json")
    assert list(flag(*three, model=str(mine))["nexp"]) == [3, 3, 3]


def test_without_others_no_calibration_is_asked_for(three, here):
    mine = here / "mine.safetensors"
    shutil.copy(FOLDER / "mask" / f"{GLOBAL}.safetensors", mine)
    flag(three[0], model=str(mine))
    flag(*three, model=str(mine), consensus="no")


def test_the_only_companion_may_be_the_same_observation(three):
    flag(three[0], consensus="no")
    alone = flagged(three[0])
    twin = Path(shutil.copy(three[0], three[0].name.replace("flc", "flt")))
    assert list(flag(three[0], twin)["nexp"]) == [1, 1]
    assert np.array_equal(flagged(three[0]), alone)
