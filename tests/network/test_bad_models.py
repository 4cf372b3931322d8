"""Weights that are not what they should be: refused by name, and not a byte changed."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import cards_of, flag, snapshot

import acs_deepcr_step
from acs_deepcr_step.errors import ModelError
from acs_deepcr_step.network import weights_file
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


def test_copy_of_published_weights_is_known_by_its_tensors(one):
    torch.save(state(), "my.pth")
    assert flag(one, model="my.pth")["n_flagged"][0] > 1000
    assert cards_of(one)["DCRMODEL"] == "ACS-WFC"
