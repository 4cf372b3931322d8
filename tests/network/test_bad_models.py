"""Weights that are not what they should be: refused by name, and not a byte changed."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import flag, snapshot

import acs_deepcr_step
from acs_deepcr_step.errors import ModelError
from acs_deepcr_step.network.models import published_folder


def weights():
    return Path(published_folder()) / "mask" / "ACS-WFC.pth"


def state():
    return torch.load(weights(), map_location="cpu", weights_only=True)


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
        (lambda s: s.popitem(), "is missing"),
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
    path = weights().parents[1] / "inpaint" / "ACS-WFC-F606W-2-32.pth"
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


def test_published_file_that_was_tampered_with(one, here):
    folder = here / "site" / "learned_models" / "mask"
    shutil.copytree(weights().parent, folder)
    (folder.parent / "__init__.py").touch()
    content = bytearray((folder / "ACS-WFC.pth").read_bytes())
    content[-500] ^= 1
    (folder / "ACS-WFC.pth").write_bytes(content)
    before = snapshot(here)
    code = f"import acs_deepcr_step as s; s.run({one.name!r}, runfile='')"
    roots = [str(here / "site"), str(Path(acs_deepcr_step.__file__).parents[1])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(roots), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.returncode == 1 and snapshot(here) == before
    last = done.stderr.strip().splitlines()[-1]
    assert (
        "ModelError" in last
        and str(folder / "ACS-WFC.pth") in last
        and "SHA-256" in last
        and "reinstall" in last
    )


def test_copy_of_published_weights_is_known_by_its_hash(one):
    shutil.copy(weights(), "my.pth")
    assert flag(one, model="my.pth")["n_flagged"][0] > 1000
