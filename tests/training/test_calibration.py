"""Calibrations: what is counted, that it is right, and the files it is kept in."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import snapshot
from training_data import QUIET, TINY, small_patches

from acs_deepcr_step import models
from acs_deepcr_step.cli import main
from acs_deepcr_step.errors import ModelError
from acs_deepcr_step.flagging.consensus import likelihood
from acs_deepcr_step.flagging.consensus.calibration import TABLES, Calibration
from acs_deepcr_step.flagging.consensus.candidates import Candidates
from acs_deepcr_step.flagging.consensus.pooling import Expected
from acs_deepcr_step.network import calibration_file
from acs_deepcr_step.network.detect import Detector
from acs_deepcr_step.network.published import FOLDER, GLOBAL
from acs_deepcr_step.training.calibration import fields, measure
from acs_deepcr_step.training.calibration.counting import REFERENCE, counted, evidence
from acs_deepcr_step.training.fit.loop import fit
from acs_deepcr_step.work import calibrations

SMALLEST = fields.QUICK[:1]
WEIGHTS = FOLDER / "mask" / "ACS-WFC-F606W-2-4.safetensors"


@pytest.fixture(scope="module")
def quick():
    """A calibration of two tiny fields."""
    return measure.calibration(GLOBAL, fields.QUICK)


@pytest.fixture(scope="module")
def fresh():
    """Exposures of a small field that nothing was counted on."""
    field = fields.Field("sparse", 50_400, side=384)
    return list(measure.judged(Detector(GLOBAL, precision="float32", device="cpu"), field))


def drawn(size, truth, seed):
    """Candidates of 10 sigma, and what the others show: of a share `truth` the same, else nothing."""
    rng = np.random.default_rng(seed)
    flux = np.full(size, 100, np.float32)
    value = (flux * (rng.random(size) < truth) + rng.normal(0, 10, size)).astype(np.float32)
    zero, no = np.zeros(size, np.float32), np.zeros(size, bool)
    p, rms = np.full(size, 0.3, np.float32), np.full(size, 10, np.float32)
    # Each stands in the middle of a chip of five rows, with nothing around it.
    index = 2 * (5 * size + 4) + 2 + 5 * np.arange(size)
    net, scaled = np.zeros((5, 5 * size + 4), np.float32), np.zeros((5, 5 * size + 4), np.int16)
    found = Candidates(index, flux, rms, p, no, net, scaled)
    return found, Expected(~no, value, rms**2, zero, value, zero, no, no)


def test_the_counted_log_odds_grow_with_the_probability(quick, fresh):
    for calibration in (quick, calibrations.load(GLOBAL)):
        p = np.concatenate([one.found.p for one in fresh])
        odds = np.concatenate([calibration.log_odds(one.found) for one in fresh])
        bins = np.digitize(p, [0.01, 0.1, 0.3, 0.6, 0.9, 0.99])
        assert (np.diff([odds[bins == number].mean() for number in range(7)]) > 0).all()


def test_cosmic_rays_of_any_time_count_as_many_as_in_the_reference_time():
    found, expected = drawn(100, 0.5, seed=50_403)
    hit = np.arange(100) < 30
    for exptime in (50.0, REFERENCE, 1000.0):
        hits, others = (each.sum() for each in evidence(found, expected, hit, exptime).network)
        assert np.isclose(hits, 30 * REFERENCE / exptime) and np.isclose(others, 70)


def test_the_posterior_of_a_fresh_field_is_right():
    """Of the candidates with some posterior, so many are cosmic rays, to a tenth."""
    calibration = calibrations.load(GLOBAL)
    detector = Detector(GLOBAL, precision="float32", device="cpu")
    posterior, truth = [], []
    for seed in (50_410, 50_411):
        for one in measure.judged(detector, fields.Field("sparse", seed, side=384)):
            odds = calibration.log_odds(one.found)
            odds += likelihood.log_ratio(one.found, one.expected, calibration)
            used = one.expected.known & ~one.expected.full & ~one.found.near
            posterior.append(1 / (1 + np.exp(-odds[used])))
            truth.append(one.cosmic_ray[used])
    posterior, truth = np.concatenate(posterior), np.concatenate(truth)
    for low, high in ((0, 0.02), (0.02, 0.1), (0.1, 0.3), (0.3, 0.7), (0.7, 0.9), (0.9, 0.98), (0.98, 1)):
        some = (posterior > low) & (posterior <= high)
        said, found, number = posterior[some].mean(), truth[some].mean(), some.sum()
        # The pixels of one cosmic ray stand and fall together.
        error = np.sqrt(said * (1 - said) / (number / 3))
        assert abs(said - found) < 3 * error + 0.1 * (low >= 0.1), (low, high)


def test_shares_are_found_by_what_the_others_show():
    """Nine tenths of the sky are as here, of cosmic rays a tenth stands on something."""
    chips = []
    for hit, same in ((False, 0.9), (True, 0.1)):
        found, expected = drawn(5000, same, seed=50_401 + hit)
        chips.append(evidence(found, expected, np.full(5000, hit), 500.0))
    made = counted(chips, {"model": "drawn"})
    sky, cosmic_ray = (shares[:, 0] for shares in made.shares(drawn(1, 0, 0)[0]))
    assert abs(sky[1] - 0.9) < 0.03 and abs(sky[0] - 0.1) < 0.03
    assert cosmic_ray[0] > 0.8
    assert made.provenance == {"model": "drawn", "candidates": 10_000, "cosmic_rays": 5000}
    assert np.allclose(made.log_odds(drawn(1, 0, 0)[0]), 0, atol=0.01)


def test_shares_add_up(quick):
    for table in (quick.sky, quick.cosmic_ray):
        assert (table > 0).all() and np.allclose(table.sum(axis=-1), 1, atol=1e-5)


def test_what_is_near_saturation_or_not_seen_by_others_does_not_count():
    found, expected = drawn(100, 0.5, seed=50_402)
    known, near = np.arange(100) < 60, np.arange(100) < 20
    chip = evidence(replace(found, near=near), replace(expected, known=known), known, 500.0)
    assert chip.cosmic_ray.size == 40 and np.isclose(chip.network[0].sum(), 40)


def test_the_same_seeds_give_the_same_tables(quick):
    assert measure.calibration(GLOBAL, fields.QUICK).to_json() == quick.to_json()


def test_other_seeds_give_other_tables(quick):
    other = [replace(field, seed=field.seed + 50_000) for field in fields.QUICK]
    assert measure.calibration(GLOBAL, other).to_json() != quick.to_json()


def test_text_holds_all_of_it(quick):
    again = Calibration.from_json(quick.to_json(), "text")
    for name in TABLES:
        assert np.allclose(getattr(again, name), getattr(quick, name), rtol=1e-3, atol=0)
    assert again.provenance == quick.provenance
    assert again.to_json() == quick.to_json()


def _without_a_table(content):
    del content["sky"]


def _of_another_shape(content):
    content["network"] = content["network"][1:]


def _not_a_number(content):
    content["sky"][0][0][0] = float("nan")


@pytest.mark.parametrize("damage", [_without_a_table, _of_another_shape, _not_a_number])
def test_a_damaged_calibration_is_named(quick, tmp_path, damage):
    content = json.loads(quick.to_json())
    damage(content)
    _refused(tmp_path, json.dumps(content).encode())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"exptime": 500}'])
def test_what_is_no_calibration_is_named(tmp_path, content):
    _refused(tmp_path, content)


def _refused(tmp_path, content):
    (tmp_path / "mine.safetensors.calibration.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"mine\.safetensors\.calibration\.json is not a calibration"):
        calibrations.load(tmp_path / "mine.safetensors")


def test_weights_without_a_calibration_have_that_of_the_global_model(tmp_path):
    mine = tmp_path / "mine.safetensors"
    assert not calibrations.is_there(mine)
    assert calibrations.load(mine) is calibrations.load(GLOBAL)


def test_a_calibration_lies_beside_the_weights_and_is_read_once(quick, tmp_path):
    mine = tmp_path / "mine.safetensors"
    measure.write(calibration_file.path_for(mine), quick)
    first = calibrations.load(mine)
    assert calibrations.is_there(str(mine)) and calibrations.load(str(mine)) is first
    assert first.to_json() == quick.to_json()


def test_an_alias_has_the_calibration_of_its_model():
    assert calibration_file.path_for("ACS-WFC-2-32") == calibration_file.path_for("ACS-WFC")


@pytest.mark.parametrize("name", models.names("mask"))
def test_every_published_model_has_its_calibration(name):
    path = calibration_file.path_for(name)
    about = Calibration.from_json(calibration_file.read(path), path).provenance
    assert about["model"] == name and models.info(name).is_hash(about["hash"])
    assert about["fields"] == [field.as_dict() for field in fields.TRAINING]
    assert path.stat().st_size < 150_000


def test_the_fields_are_all_of_other_seeds():
    seeds = [field.seed for field in (*fields.TRAINING, *fields.QUICK)]
    assert len(set(seeds)) == len(seeds) and max(seeds) < 7500


def test_the_command_writes_beside_ones_own_weights(tmp_path, capsys):
    mine = Path(shutil.copy(WEIGHTS, tmp_path / "mine.safetensors"))
    assert main(["calibrate", str(mine), "--quick"]) == 0
    said = capsys.readouterr().out
    made = calibrations.load(mine)
    assert f"candidates: {made.provenance['candidates']}, of which cosmic rays: " in said
    assert "3 sigma: sky 0." in said and calibrations.is_there(mine)
    # These weights are published ones, whatever their file is called.
    assert made.provenance["model"] == "ACS-WFC-F606W-2-4"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ([GLOBAL], "give --output"),
        ([GLOBAL, "--output", "nowhere/c.json"], "is not a directory"),
        (["none.safetensors"], "none.safetensors cannot be read"),
        ([str(FOLDER / "inpaint" / "ACS-WFC-F606W-2-32.safetensors")], "give a mask model"),
    ],
)
def test_a_call_that_cannot_be_carried_out_writes_nothing(here, capsys, call, said):
    before = snapshot(here), snapshot(FOLDER)
    assert main(["calibrate", *call, "--quick"]) == 2
    assert said in capsys.readouterr().err and (snapshot(here), snapshot(FOLDER)) == before


def test_training_counts_the_calibration_of_its_weights(tmp_path):
    patches, output = small_patches(tmp_path / "patches"), tmp_path / "model.safetensors"
    fit(patches, output, TINY, QUIET)
    assert not calibrations.is_there(output)
    options = replace(QUIET, calibration=SMALLEST)
    fit(patches, output, TINY, options)
    about = calibrations.load(output).provenance
    assert about["hash"] == models.load(output).info.sha256
    before = snapshot(tmp_path)
    fit(patches, output, TINY, options)
    assert snapshot(tmp_path) == before


def test_training_replaces_the_calibration_of_other_weights(quick, tmp_path):
    patches, output = small_patches(tmp_path / "patches"), tmp_path / "model.safetensors"
    measure.write(calibration_file.path_for(output), quick)
    fit(patches, output, TINY, replace(QUIET, calibration=SMALLEST))
    assert calibrations.load(output).provenance["hash"] == models.load(output).info.sha256


@pytest.mark.parametrize("more", [[], ["--no-calibration"]])
def test_the_command_trains_and_calibrates_unless_told_not_to(tmp_path, capsys, monkeypatch, more):
    monkeypatch.setattr(fields, "TRAINING", SMALLEST)
    small_patches(tmp_path / "patches")
    output = tmp_path / "model.safetensors"
    call = ["train", str(tmp_path / "patches"), "--output", str(output), "--epochs", "1", "--hidden", "4"]
    assert main([*call, "--threads", "1", "--device", "cpu", "--no-tensorboard", *more]) == 0
    assert calibrations.is_there(output) == (not more)
    assert ("model.safetensors.calibration.json" in capsys.readouterr().out) == (not more)
