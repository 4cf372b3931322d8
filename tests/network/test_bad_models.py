"""Weights that are not what they should be: refused by name, and not a byte changed."""

import json
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import cards_of, flag, snapshot

import acs_deepcr_step
from acs_deepcr_step import detect
from acs_deepcr_step.errors import ModelError
from acs_deepcr_step.flagging.consensus.calibration import Calibration
from acs_deepcr_step.network import calibration_file, models, weights_file
from acs_deepcr_step.network.engine import Engine
from acs_deepcr_step.network.published import FOLDER

WEIGHTS = FOLDER / "mask" / "ACS-WFC.safetensors"


def state():
    """The published weights, with the names that PyTorch gives them on several devices."""
    tensors, _ = weights_file.parse(WEIGHTS, WEIGHTS.read_bytes())
    return {f"module.{key}": value for key, value in tensors.items()}


def test_unknown_model(refused, one):
    refused(ModelError, ["ACS-WFC-F999W", "ACS-WFC-F814W", "auto", "path"], one, model="ACS-WFC-F999W")


def test_weights_that_are_missing(refused, one):
    refused(ModelError, ["none.pth", "check the path"], one, model="none.pth")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 no archive", bytes(range(256)) * 9])
def test_file_that_holds_no_weights(refused, one, content):
    Path("my.pth").write_bytes(content)
    refused(ModelError, ["my.pth", "torch.save"], one, model="my.pth")


def test_directory_as_weights(refused, one):
    Path("my.pth").mkdir()
    refused(ModelError, ["my.pth", "check the path"], one, model="my.pth")


KERNEL = "module.inc.conv.conv.0.weight"


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (lambda s: s.pop(KERNEL), "is missing"),
        (lambda s: s.update({KERNEL: s[KERNEL][:, :, :2]}), "not (32, 1, 3, 3)"),
        (lambda s: s.update({KERNEL: s[KERNEL] * float("nan")}), "not finite"),
        (lambda s: s.update({"more": torch.zeros(1)}), "more is unknown"),
        (lambda s: s.pop("module.outc.conv.bias"), "is missing"),
        (lambda s: s.update({KERNEL: 5}), "state dictionary"),
        (lambda s: s.update({KERNEL: torch.zeros(3)}), "another shape"),
    ],
)
def test_weights_of_another_network(refused, one, change, wanted):
    changed_state = dict(state())
    change(changed_state)
    torch.save(changed_state, "my.pth")
    refused(ModelError, ["my.pth", wanted], one, model="my.pth")


def test_weights_that_fill_pixels(refused, one):
    path = FOLDER / "inpaint" / "ACS-WFC-F606W-2-32.safetensors"
    refused(ModelError, ["fills pixels", "give a mask model"], one, model=str(path))


def test_list_instead_of_weights(refused, one):
    torch.save([1, 2], "my.pth")
    refused(ModelError, ["my.pth", "state dictionary"], one, model="my.pth")


class _Code:
    def __reduce__(self):
        return os.mkdir, ("it_ran",)


@pytest.mark.parametrize(
    "save", [torch.save, lambda thing, path: Path(path).write_bytes(pickle.dumps(thing))]
)
def test_code_in_a_weights_file_does_not_run(refused, one, save):
    save({KERNEL: _Code()}, "my.pth")
    refused(ModelError, ["my.pth", "loaded safely"], one, model="my.pth")
    assert not Path("it_ran").exists()


def _wrong_value(path):
    content = bytearray(path.read_bytes())
    content[-500] ^= 1
    path.write_bytes(content)


def _cut(path):
    path.write_bytes(path.read_bytes()[:-500])


@pytest.mark.parametrize("harm", [_wrong_value, _cut, Path.unlink])
def test_packaged_file_that_was_harmed(one, here, harm):
    folder = here / "weights"
    shutil.copytree(FOLDER, folder)
    harm(folder / "mask" / "ACS-WFC.safetensors")
    before = snapshot(here)
    code = (
        "import pathlib\nimport acs_deepcr_step as step\nfrom acs_deepcr_step.network import models\n"
        f"models.FOLDER = pathlib.Path({str(folder)!r})\nstep.run({one.name!r}, runfile='')"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(acs_deepcr_step.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 1 and snapshot(here) == before
    last = done.stderr.strip().splitlines()[-1]
    assert "ModelError" in last and "reinstall acs_deepcr_step" in last
    assert str(folder / "mask" / "ACS-WFC.safetensors") in last


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (torch.zeros(1).expand(10**12), "larger than the file"),
        (torch.zeros(1, 1, 1, 1).expand(10**7, 1, 3, 3), "larger than the file"),
        (torch.zeros(32, 1, 3, 3, dtype=torch.complex64), "real numbers"),
        (torch.zeros(32, 1, 3, 3).to_sparse(), "real numbers"),
    ],
    ids=["stride 0", "stride 0 in four dimensions", "complex", "sparse"],
)
def test_tensors_that_are_no_plain_numbers(refused, one, value, wanted):
    torch.save({**state(), KERNEL: value}, "my.pth")
    refused(ModelError, ["my.pth", wanted], one, model="my.pth")


def test_complex_tensors_in_safetensors(refused, one):
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(WEIGHTS, "pt") as file:
        described = file.metadata()
    tensors, _ = weights_file.parse(WEIGHTS, WEIGHTS.read_bytes())
    save_file({**tensors, "more": torch.zeros(3, dtype=torch.complex64)}, "my.safetensors", described)
    refused(ModelError, ["my.safetensors", "real numbers"], one, model="my.safetensors")


@pytest.mark.parametrize("keys", [{5: torch.zeros(1)}, {("a",): torch.zeros(1)}])
def test_names_that_are_none(refused, one, keys):
    torch.save({**state(), **keys}, "my.pth")
    refused(ModelError, ["my.pth", "state dictionary"], one, model="my.pth")


def test_two_tensors_of_one_name(refused, one):
    torch.save({**state(), KERNEL.removeprefix("module."): state()[KERNEL]}, "my.pth")
    refused(ModelError, ["my.pth", "two tensors of one name"], one, model="my.pth")


def test_archive_that_grows_when_it_is_read(refused, one):
    torch.save({**state(), "more": torch.zeros(2**20)}, "plain.pth")
    with zipfile.ZipFile("plain.pth") as plain:
        with zipfile.ZipFile("my.pth", "w", zipfile.ZIP_DEFLATED) as packed:
            for name in plain.namelist():
                packed.writestr(name, plain.read(name))
    refused(ModelError, ["my.pth", "loaded safely"], one, model="my.pth")


@pytest.mark.parametrize("path", ["/dev/zero", "pipe.pth", "pipe.safetensors"])
def test_a_device_or_a_pipe_is_no_file_of_weights(refused, one, path):
    if not path.startswith("/"):
        os.mkfifo(path)
    with pytest.raises(ModelError, match="no regular file"):
        flag(one, model=path)


@pytest.mark.parametrize("name", ["a\0b.pth", "n" * 300, "n" * 300 + ".pth"])
def test_names_that_no_file_can_have(one, name):
    with pytest.raises(ModelError):
        models.load(name)


def safetensors(metadata, header=None):
    """A file without tensors: 8 bytes of length, and JSON."""
    header = header or json.dumps({"__metadata__": {"acs_deepcr_step": metadata}})
    header += " " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header.encode()


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    "content",
    [
        safetensors(DEEP),
        safetensors("", '{"a":' + DEEP),
        safetensors('{"format": 1, "scale": ' + "9" * 400 + "}"),
        safetensors('{"format": 1, "threshold": -' + "9" * 400 + "}"),
        safetensors('{"format": 1, "scale": ' + "9" * 5000 + "}"),
        safetensors('{"format": 1, "about": ' + DEEP),
        safetensors("[1]"),
        safetensors("", '{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,0]}}'),
        safetensors("", '{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}'),
    ],
    ids=["deep", "deep header", "scale", "threshold", "digits", "about", "list", "shape", "product"],
)
def test_metadata_that_are_absurd(refused, one, content):
    Path("my.safetensors").write_bytes(content)
    refused(ModelError, ["my.safetensors"], one, model="my.safetensors")


@pytest.mark.parametrize("factor", [1e36, -1e36])
def test_weights_whose_result_is_no_number(refused, one, factor):
    """NaN would be stored as 0: no cosmic ray."""
    changed = {key: value * factor if key.endswith("0.weight") else value for key, value in state().items()}
    assert all(bool(torch.isfinite(value).all()) for value in changed.values())
    torch.save(changed, "my.pth")
    refused(ModelError, ["my.pth", "give no numbers"], one, model="my.pth")
    with pytest.raises(ModelError, match="give no numbers"):
        detect.probability(np.full((64, 64), 1000.0), model="my.pth")


@pytest.mark.parametrize("name", [*models.names(), *models.names("inpaint")])
def test_published_weights_give_numbers(name):
    if name != models.MEDMASK:
        Engine(models.load(name, "mask" if name in models.names() else "inpaint"))


def test_calibration_that_is_no_regular_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(ModelError, match="no regular file"):
            calibration_file.read(path)


@pytest.mark.parametrize("content", [DEEP, "9" * 5000, '{"network": [1e999]}', "[1]"])
def test_calibration_that_is_absurd_is_named(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(ModelError, match="a.json is not a calibration"):
        Calibration.from_json(calibration_file.read(tmp_path / "a.json"), "a.json")


def test_copy_of_published_weights_is_known_by_its_tensors(one):
    torch.save(state(), "my.pth")
    assert flag(one, model="my.pth")["n_flagged"][0] > 1000
    assert cards_of(one)["DCRMODEL"] == "ACS-WFC"
