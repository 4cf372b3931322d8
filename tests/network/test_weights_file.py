"""Weights in safetensors files: read with their description, or refused by name."""

import json
import struct

import pytest
import torch
from helpers import flag
from safetensors.torch import save_file

from acs_deepcr_step.errors import ModelError
from acs_deepcr_step.network import detect, models, weights_file
from acs_deepcr_step.network.unet import Architecture, UNet
from acs_deepcr_step.network.weights_file import Description


def state(hidden=4, levels=2, in_channels=1):
    torch.manual_seed(1)
    return UNet(Architecture(levels, hidden, in_channels)).state_dict()


def described(**changes):
    return Description(**{"hidden": 4, "scale": 100.0, "filter": "F606W", "threshold": 0.3, **changes})


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "own.safetensors"
    weights_file.write(path, state(), described(about={"recipe": {"seed": 3}}))
    return path


def test_architecture_scale_filter_and_threshold_come_from_the_file(weights):
    info = models.load(weights).info
    assert (info.kind, info.levels, info.hidden) == ("mask", 2, 4)
    assert (info.scale, info.filter, info.threshold) == (100.0, "F606W", 0.3)
    assert info.name == "own.safetensors" and len(info.sha256) == 64


def test_weights_are_what_was_written(weights):
    assert all(torch.equal(value, state()[key].float()) for key, value in models.load(weights).state.items())
    assert weights_file.parse(weights, weights.read_bytes())[1].about == {"recipe": {"seed": 3}}


def test_the_scale_of_the_file_is_applied(weights, tmp_path):
    weights_file.write(tmp_path / "one.safetensors", state(), described(scale=1.0))
    image = torch.rand(64, 64, generator=torch.Generator().manual_seed(1)).numpy() * 1000
    whole = detect.probability(image, weights, precision="float32")
    divided = detect.probability(image / 100, tmp_path / "one.safetensors", precision="float32")
    assert abs(whole - divided).max() < 1e-5


def test_the_same_weights_give_the_same_bytes(weights, tmp_path):
    for i in range(5):
        weights_file.write(tmp_path / f"{i}.safetensors", state(), described(about={"recipe": {"seed": 3}}))
        assert (tmp_path / f"{i}.safetensors").read_bytes() == weights.read_bytes()


def test_a_file_under_another_name_is_known_by_its_content(weights, tmp_path):
    (tmp_path / "own.weights").write_bytes(weights.read_bytes())
    assert models.load(tmp_path / "own.weights").info.scale == 100


def test_the_step_flags_with_weights_from_a_path(one, weights):
    assert flag(one, model=str(weights), threshold=0.9)["status"][0] == "done"


@pytest.mark.parametrize("left", [0, 5, 8, 9, 500, -1])
def test_a_truncated_file_is_refused_by_name(weights, left):
    content = weights.read_bytes()
    weights.write_bytes(content[:left])
    with pytest.raises(ModelError, match="own.safetensors is (no|a damaged) safetensors file"):
        models.load(weights)


def test_a_foreign_safetensors_file_is_refused_by_name(tmp_path):
    save_file(state(), tmp_path / "foreign.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="foreign.safetensors does not say what its weights are"):
        models.load(tmp_path / "foreign.safetensors")


def test_another_file_with_that_suffix_is_refused_by_name(tmp_path):
    torch.save(state(), tmp_path / "renamed.safetensors")
    with pytest.raises(ModelError, match="renamed.safetensors is no safetensors file"):
        models.load(tmp_path / "renamed.safetensors")


def test_a_header_of_absurd_length_is_refused(tmp_path):
    path = tmp_path / "huge.safetensors"
    path.write_bytes(struct.pack("<Q", 2**60) + b"{}" * 10)
    with pytest.raises(ModelError, match="huge.safetensors"):
        models.load(path)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("no json", "not those of this version"),
        ("[]", "not those of this version"),
        ("{}", "not those of this version"),
        ({"format": 2}, "not those of this version"),
        ({"format": 1, "colour": "red"}, "not those of this version"),
        ({"format": 1, "scale": 0}, "scale is 0, not a number above 0"),
        ({"format": 1, "scale": "1"}, "scale is '1'"),
        ({"format": 1, "threshold": 2}, "threshold is 2"),
        ({"format": 1, "kind": "sky"}, "kind is 'sky'"),
        ({"format": 1, "filter": 4}, "filter is 4"),
        ({"format": 1, "hidden": 8}, "say hidden 8, its weights have 4"),
        ({"format": 1, "hidden": 4, "levels": 3}, "say levels 3, its weights have 2"),
        ({"format": 1, "hidden": 4, "kind": "inpaint"}, "say kind inpaint, its weights have mask"),
    ],
)
def test_metadata_that_are_not_sound_are_refused_by_name(tmp_path, text, wanted):
    text = text if isinstance(text, str) else json.dumps(text)
    save_file(state(), tmp_path / "odd.safetensors", metadata={"acs_deepcr_step": text})
    with pytest.raises(ModelError, match="odd.safetensors") as caught:
        models.load(tmp_path / "odd.safetensors")
    assert wanted in str(caught.value)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda s: s.pop("up8.up.bias"), "up8.up.bias is missing"),
        (lambda s: s.update(more=torch.zeros(1)), "more is unknown"),
        (lambda s: s["outc.conv.bias"].fill_(float("inf")), "not finite"),
        (lambda s: s["inc.conv.conv.1.running_var"].fill_(-1), "negative variances"),
    ],
)
def test_tensors_that_do_not_fit_are_refused_by_name(tmp_path, change, wanted):
    changed = {key: value.clone() for key, value in state().items()}
    change(changed)
    weights_file.write(tmp_path / "odd.safetensors", changed, described())
    with pytest.raises(ModelError, match=f"odd.safetensors .*{wanted}"):
        models.load(tmp_path / "odd.safetensors")


def test_a_description_that_is_not_sound_is_not_written(tmp_path):
    with pytest.raises(ModelError, match="scale is nan"):
        weights_file.write(tmp_path / "own.safetensors", state(), described(scale=float("nan")))
    assert not any(tmp_path.iterdir())
