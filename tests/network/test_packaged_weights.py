"""The packaged weights are deepCR's, to the last bit, and are the same model in whatever file they are.

Those of ``ACS-WFC-fast`` alone were made here.
"""

import hashlib
import subprocess
import sys
import warnings
from dataclasses import asdict, replace
from pathlib import Path

import deepcr_files
import numpy as np
import pytest
import torch

from acs_deepcr_step import detect, inpaint, models, simulate
from acs_deepcr_step.errors import ModelError
from acs_deepcr_step.network import weights_file
from acs_deepcr_step.network.published import FOLDER, KNOWN
from acs_deepcr_step.network.unet import Architecture, UNet
from acs_deepcr_step.training.fit.distillation import DistillationRecipe

EVERY = pytest.mark.parametrize("info", KNOWN, ids=lambda info: f"{info.kind} {info.name}")
DEEPCRS = tuple(info for info in KNOWN if info.from_deepcr)
EVERY_OF_DEEPCR = pytest.mark.parametrize("info", DEEPCRS, ids=lambda info: f"{info.kind} {info.name}")
UVIS = models.info("WFC3-UVIS")
SCRIPT = Path(__file__).parents[2] / "tools" / "convert_weights.py"


@pytest.fixture(scope="module")
def chip():
    return simulate.chip((128, 112), seed=11)


def packaged(info):
    path = FOLDER / info.file
    return weights_file.parse(path, path.read_bytes())


@EVERY
def test_each_file_describes_itself_as_the_list_does(info):
    state, described = packaged(info)
    for name in ("kind", "levels", "hidden", "scale", "standardise", "compression", "filter", "threshold"):
        assert getattr(described, name) == getattr(info, name), name
    assert weights_file.identity(weights_file.fingerprint(state), info) == info.sha256


@EVERY_OF_DEEPCR
def test_each_file_of_deepcrs_weights_says_where_they_are_from(info):
    about = packaged(info)[1].about
    assert (about["package"], about["version"], about["name"]) == ("deepCR", "0.3.1", info.name)
    assert about["file"] == f"learned_models/{info.kind}/{info.name}.pth"
    assert (about["sha256"], about["licence"], about["citation"]) == (
        info.file_sha256, info.licence, info.citation,
    )  # fmt: skip


def test_the_weights_made_here_say_how():
    [info] = set(KNOWN) - set(DEEPCRS)
    about = packaged(info)[1].about
    recipe = DistillationRecipe(**about["recipe"])
    assert recipe.teacher_sha256 == models.info("ACS-WFC").sha256 and not recipe.start
    assert len(about["data"]["manifest"]) == 64 and about["versions"]["torch"]
    sets = {*about["data"]["training_sets"], *about["data"]["validation_sets"]}
    assert sets == {f"simulated_4_{number:04d}" for number in range(48)}
    script = SCRIPT.with_name("make_fast_model.sh").read_text()
    assert "--simulate 480 --seed 4" in script and f"--levels {recipe.levels} " in script
    assert f"--epochs {recipe.epochs} --frozen-from {recipe.frozen_from} " in script
    assert f"--source-weight {recipe.source_weight:g}" in script and recipe.lr == DistillationRecipe().lr


def test_every_file_is_offered_and_the_licence_and_authors_stand_beside():
    assert {path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.safetensors")} == {
        info.file for info in KNOWN
    }
    assert "Copyright (c) 2019, UC Berkeley" in (FOLDER / "LICENSE.deepCR").read_text()
    text = (FOLDER / "README.txt").read_text()
    assert "Keming Zhang" in text and "mask/ACS-WFC-fast.safetensors is not deepCR's" in text


@EVERY_OF_DEEPCR
def test_the_tensors_are_deepcrs(info):
    path = deepcr_files.weights(info)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == info.file_sha256
    theirs = torch.load(path, map_location="cpu", weights_only=True)
    ours, _ = packaged(info)
    assert [f"module.{key}" for key in sorted(ours)] == sorted(theirs)
    for key, value in ours.items():
        other = theirs[f"module.{key}"]
        assert value.dtype == other.dtype and value.shape == other.shape
        assert value.numpy().tobytes() == other.numpy().tobytes()


@pytest.mark.slow
def test_the_script_makes_the_packaged_files(tmp_path):
    deepcr_files.folder()
    command = [sys.executable, str(SCRIPT), "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for info in DEEPCRS:
        assert (tmp_path / info.file).read_bytes() == (FOLDER / info.file).read_bytes()


@EVERY_OF_DEEPCR
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_results_are_those_of_deepcrs_files_to_the_last_bit(info, precision, chip):
    results = []
    for model in (info.name, deepcr_files.weights(info)):
        if info.kind == "mask":
            results.append(detect.probability(chip.sci, model, precision=precision, tile=64))
        else:
            results.append(inpaint.inpaint(chip.sci, chip.cr, model, precision=precision, tile=64))
    assert results[0].tobytes() == results[1].tobytes()


@EVERY
def test_a_model_is_the_same_in_any_file(info, tmp_path):
    state, described = packaged(info)
    shuffled = dict(sorted(state.items(), key=lambda item: hash(item[0])))
    torch.save(shuffled, tmp_path / "mine.pth")
    about_me = replace(described, about={}, filter="F999W")
    weights_file.write(tmp_path / "mine.safetensors", state, about_me)
    for path in (FOLDER / info.file, tmp_path / "mine.pth", tmp_path / "mine.safetensors"):
        assert models.load(path).info is info


@EVERY_OF_DEEPCR
def test_deepcrs_file_is_the_same_model(info):
    assert models.load(deepcr_files.weights(info)).info is info


def test_weights_of_the_small_model_that_were_loaded_and_saved_are_recognised(tmp_path):
    torch.save(dict(models.load("ACS-WFC-F606W-2-4").state), tmp_path / "mine.pth")
    assert models.load(tmp_path / "mine.pth").info.scale == 100


def test_an_input_scaled_otherwise_makes_another_model(tmp_path):
    info = models.info("ACS-WFC-F606W-2-4")
    state, described = packaged(info)
    weights_file.write(tmp_path / "mine.safetensors", state, replace(described, scale=50.0))
    other = models.load(tmp_path / "mine.safetensors").info
    assert (other.name, other.scale, other.published) == ("mine.safetensors", 50, False)
    assert not set(other.hashes) & set(info.hashes)


def test_headers_call_published_models_as_ever():
    assert models.info("ACS-WFC").hashes[0] == "0075cef7a8b72f3e"
    assert models.info("ACS-WFC").is_hash("0075cef7a8b72f3e")
    assert models.info("ACS-WFC").is_hash(models.info("ACS-WFC").sha256)
    assert not models.info("ACS-WFC").is_hash("0075cef7a8b72f3f")
    digits = [one for info in KNOWN for one in info.hashes]
    assert len(set(digits)) == 2 * len(DEEPCRS) + 1 and {len(one) for one in digits} == {16}


def test_own_weights_are_known_by_their_tensors_and_by_the_hash_of_their_file(tmp_path):
    torch.manual_seed(1)
    state = UNet(Architecture(2, 4)).state_dict()
    described = weights_file.Description(hidden=4)
    weights_file.write(tmp_path / "one.safetensors", state, described)
    weights_file.write(tmp_path / "two.safetensors", state, replace(described, about={"note": "the same"}))
    torch.save(state, tmp_path / "three.pth")
    paths = [tmp_path / name for name in ("one.safetensors", "two.safetensors", "three.pth")]
    made = [models.load(path).info for path in paths]
    assert len({info.sha256 for info in made}) == 1 and len({info.file_sha256 for info in made}) == 3
    for info, path in zip(made, paths, strict=True):
        assert info.hashes[0] == info.sha256[:16]
        assert info.is_hash(hashlib.sha256(path.read_bytes()).hexdigest()[:16])


def test_one_changed_bit_makes_another_model(tmp_path):
    state, described = packaged(models.info("ACS-WFC-F606W-2-4"))
    state["outc.conv.bias"] = torch.nextafter(state["outc.conv.bias"], torch.ones(1))
    weights_file.write(tmp_path / "mine.safetensors", state, described)
    assert models.load(tmp_path / "mine.safetensors").info.name == "mine.safetensors"


def test_the_network_of_wfc3_is_deepcrs_to_the_last_bit(chip, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("deepCR")
    from deepCR.unet import UNet2Sigmoid, WrappedModel

    x = torch.from_numpy((chip.sci - chip.sci.mean()) / chip.sci.std()).float()[None, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # it uses the old weight_norm
        theirs = WrappedModel(UNet2Sigmoid(1, 1, 32)).eval()
    theirs.load_state_dict(torch.load(deepcr_files.weights(UVIS), map_location="cpu", weights_only=True))
    ours = UNet(Architecture(norm=False)).eval()
    ours.load_state_dict(models.load("WFC3-UVIS").state)
    with torch.no_grad():
        assert torch.equal(ours(x), theirs(x))


def test_wfc3_uvis_is_what_deepcr_says(monkeypatch, tmp_path):
    """Both are within 5e-6 of what float64 gives."""
    monkeypatch.chdir(tmp_path)
    deepCR = pytest.importorskip("deepCR").deepCR
    image = simulate.chip((256, 256), seed=11).sci
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        theirs = deepCR(mask="WFC3-UVIS", device="CPU").clean(image, segment=False, binary=False)
    inner = np.s_[10:-10, 10:-10]  # it pads with zeros
    for tile in (64, 10_000):
        ours = detect.probability(image, "WFC3-UVIS", precision="float32", tile=tile)
        assert np.abs(ours - theirs)[inner].max() < 1e-5
    assert theirs[inner].max() > 0.5


def test_wfc3_uvis_takes_the_whole_image_for_its_scale_and_no_bad_pixel(chip):
    reference = detect.probability(chip.sci, "WFC3-UVIS", precision="float32")
    image = chip.sci.astype(np.float64)
    changed = detect.probability(7 * image + 1000, "WFC3-UVIS", precision="float32")
    np.testing.assert_allclose(changed, reference, atol=1e-4)
    image[20, 20] = np.nan
    spoilt = detect.probability(image, "WFC3-UVIS", precision="float32")
    far = np.ones(image.shape, bool)
    far[11:30, 11:30] = False
    assert spoilt[20, 20] == 0
    np.testing.assert_allclose(spoilt[far], reference[far], atol=1e-2)
    flat = detect.probability(np.full((32, 32), 5.0), "WFC3-UVIS")
    assert np.isfinite(flat).all()


def test_weights_without_batch_norm_that_nobody_describes_are_refused(tmp_path):
    state, described = packaged(UVIS)
    state["outc.conv.bias"] = state["outc.conv.bias"] + 1
    torch.save(state, tmp_path / "mine.pth")
    with pytest.raises(ModelError, match=r"mine.pth .*not known how their input is scaled"):
        models.load(tmp_path / "mine.pth")
    weights_file.write(tmp_path / "mine.safetensors", state, described)
    info = models.load(tmp_path / "mine.safetensors").info
    assert (info.norm, info.standardise, info.published) == (False, True, False)


def test_lengths_that_do_not_fit_their_directions_are_refused(tmp_path):
    state, _ = packaged(UVIS)
    state["outc.conv.weight_v"], state["outc.conv.weight_g"] = state.pop("outc.conv.weight"), torch.ones(7)
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(ModelError, match="outc.conv.weight is missing"):
        models.load(tmp_path / "odd.pth")


@pytest.mark.parametrize("wrong", [{"standardise": 1}, {"standardise": True, "kind": "inpaint"}])
def test_a_scaling_that_is_not_sound_is_not_written(tmp_path, wrong):
    described = weights_file.Description(**{**asdict(weights_file.Description()), **wrong})
    with pytest.raises(ModelError, match="standardise"):
        weights_file.write(tmp_path / "own.safetensors", {}, described)
