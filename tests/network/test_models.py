"""Models: by name, by alias, by path; nothing but sound weights is accepted."""

import subprocess
import sys

import pytest
import torch

from acs_deepcr_step import models
from acs_deepcr_step.errors import ModelError


def test_the_published_mask_models_are_offered():
    assert models.names() == [
        "ACS-WFC", "ACS-WFC-F435W", "ACS-WFC-F606W", "ACS-WFC-F814W", "ACS-WFC-F606W-2-4",
        "ACS-WFC-fast", "WFC3-UVIS",
    ]  # fmt: skip
    assert models.names(detector="WFC3/UVIS") == ["WFC3-UVIS"]
    assert models.names(detector="ACS/WFC") == models.names()[:-1]


def test_the_published_inpainting_models_are_offered():
    assert models.names("inpaint") == ["ACS-WFC-F606W-2-32", "ACS-WFC-F606W-3-32"]


@pytest.mark.parametrize("name", models.names("inpaint"))
def test_every_published_inpainting_model_loads_with_its_hash(name):
    info = models.load(name, "inpaint").info
    assert (info.kind, info.name, len(info.sha256), info.in_channels) == ("inpaint", name, 64, 2)


def test_a_name_of_two_models_is_told_apart_by_the_kind():
    assert models.load("ACS-WFC-F606W-2-32").info.name == "ACS-WFC-F606W"
    assert models.load("ACS-WFC-F606W-2-32", "inpaint").info.kind == "inpaint"


@pytest.mark.parametrize("name", models.names())
def test_every_published_model_loads_with_its_hash(name):
    model = models.load(name)
    assert model.info.name == name and len(model.info.sha256) == 64
    assert all(value.dtype == torch.float32 for value in model.state.values())


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("ACS-WFC-2-32", "ACS-WFC"),
        ("ACS-WFC-F435W-2-32", "ACS-WFC-F435W"),
        ("ACS-WFC-F606W-2-32", "ACS-WFC-F606W"),
        ("ACS-WFC-F814W-2-32", "ACS-WFC-F814W"),
    ],
)
def test_the_names_of_the_paper_are_aliases(alias, name):
    assert models.info(alias) is models.info(name)


@pytest.mark.parametrize("band", ["F435W", "F606W", "F814W", "F475W", ""])
def test_the_fast_model_is_taken_for_no_filter_by_itself(band):
    assert models.for_filter(band) != "ACS-WFC-fast" and models.names()[0] == models.GLOBAL == "ACS-WFC"


def test_the_fast_model_says_what_it_is_and_whose():
    info = models.info("ACS-WFC-fast")
    assert (info.hidden, info.compression, info.detector, info.simulated) == (8, "asinh", "ACS/WFC", True)
    assert "Kwon, Zhang & Bloom 2021" in info.citation and info.licence == "BSD-3-Clause"
    assert info.hashes == (info.sha256[:16],)


def test_the_small_model_divides_its_input_by_100():
    assert models.info("ACS-WFC-F606W-2-4").scale == 100 and models.info("ACS-WFC").scale == 1


@pytest.mark.parametrize(
    ("filter_name", "name"),
    [
        ("F435W", "ACS-WFC-F435W"),
        ("F606W", "ACS-WFC-F606W"),
        ("F814W", "ACS-WFC-F814W"),
        ("F475W", "ACS-WFC"),
    ],
)
def test_a_filter_without_a_model_gets_the_global_one(filter_name, name):
    assert models.for_filter(filter_name) == name


@pytest.mark.parametrize("name", ["ACS-WFC-F775W", "example_model", "", "auto "])
def test_an_unknown_name_is_refused_with_the_known_ones(name):
    with pytest.raises(ModelError, match="ACS-WFC-F435W"):
        models.load(name or "nothing")


def test_weights_of_ones_own_are_found_by_their_path(tmp_path):
    path = tmp_path / "own.pth"
    torch.save({key: value * 1.01 for key, value in models.load("ACS-WFC-F606W-2-4").state.items()}, path)
    model = models.load(path)
    assert (model.info.levels, model.info.hidden, model.info.scale) == (2, 4, 1.0)


def test_weights_with_values_that_are_not_finite_are_refused(tmp_path):
    state = {key: value.clone() for key, value in models.load("ACS-WFC-F606W-2-4").state.items()}
    state["outc.conv.weight"][0] = float("nan")
    torch.save(state, tmp_path / "nan.pth")
    with pytest.raises(ModelError, match="outc.conv.weight has values that are not finite"):
        models.load(tmp_path / "nan.pth")


def test_weights_of_another_shape_are_refused_by_name(tmp_path):
    state = dict(models.load("ACS-WFC-F606W-2-4").state)
    state["up8.up.bias"] = torch.zeros(7)
    state["surplus"] = torch.zeros(1)
    torch.save(state, tmp_path / "odd.pth")
    with pytest.raises(ModelError, match=r"surplus is unknown; up8.up.bias is \(7,\), not \(4,\)"):
        models.load(tmp_path / "odd.pth")


def test_weights_that_would_run_code_are_refused_and_run_none(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    torch.save({"inc.conv.conv.0.weight": Trap()}, tmp_path / "trap.pth")
    with pytest.raises(ModelError, match="cannot|loaded safely"):
        models.load(tmp_path / "trap.pth")
    assert not (tmp_path / "sprung").exists()


def test_names_and_facts_are_told_without_pytorch():
    code = (
        "import sys, acs_deepcr_step.models as models\n"
        "[models.info(name, kind) for kind in models.KINDS for name in models.names(kind)]\n"
        "print([name for name in sys.modules if name.startswith(('torch', 'safetensors'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_deepcr_is_not_needed():
    code = (
        "import sys\nsys.modules.update({'deepCR': None, 'learned_models': None})\n"
        "from acs_deepcr_step import models\n"
        "[models.load(name, kind) for kind in models.KINDS for name in models.names(kind)]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
