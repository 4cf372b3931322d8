"""Probabilities are reused where the model is the same, whatever file it is in and whoever hashed it."""

import gzip
from pathlib import Path

import deepcr_files
import numpy as np
import pytest
import torch
from astropy.io import fits
from helpers import edit, flag, mask_of

from acs_deepcr_step import models
from acs_deepcr_step.network import detect, weights_file
from acs_deepcr_step.network.published import FOLDER
from acs_deepcr_step.network.unet import Architecture, UNet

DATA = Path(__file__).parents[1] / "data" / "mask_of_0.1"
ALONE = {"precision": "float32", "device": "cpu", "consensus": "no"}
GLOBAL = models.info("ACS-WFC")


@pytest.fixture
def flagged_before(here):
    """An exposure that version 0.1.0 flagged with ACS-WFC, beside its mask file."""
    for name in ("j8sm01aaq_flc.fits", "j8sm01aaq_flc_deepcr.fits"):
        (here / name).write_bytes(gzip.decompress((DATA / f"{name}.gz").read_bytes()))
    return here / "j8sm01aaq_flc.fits"


@pytest.fixture
def no_network(monkeypatch):
    """From here on the network must not be run."""

    def stop():
        def probability(*_):
            raise AssertionError("the network was run")

        monkeypatch.setattr(detect.Detector, "probability", probability)

    return stop


@pytest.fixture
def own_weights(tmp_path):
    """Weights that were trained here."""
    torch.manual_seed(3)
    path = tmp_path / "own.safetensors"
    described = weights_file.Description(hidden=4, scale=100.0)
    weights_file.write(path, UNet(Architecture(2, 4)).state_dict(), described)
    return path


def probabilities(path):
    return fits.getdata(mask_of(path), ("PROB", 1))


def packaged_by_path():
    return str(FOLDER / GLOBAL.file)


def deepcrs_by_path():
    return str(deepcr_files.weights(GLOBAL))


@pytest.mark.parametrize("model", [lambda: "ACS-WFC", packaged_by_path, deepcrs_by_path])
def test_a_rerun_reuses_what_a_mask_file_of_before_holds(flagged_before, no_network, model):
    stored = probabilities(flagged_before)
    no_network()
    table = flag(flagged_before, model=model(), threshold=0.2, **ALONE)
    assert list(table["status"]) == ["done"]
    assert np.array_equal(probabilities(flagged_before), stored)
    for header in (fits.getheader(flagged_before), fits.getheader(mask_of(flagged_before))):
        assert (header["DCRMODEL"], header["DCRHASH"]) == ("ACS-WFC", "0075cef7a8b72f3e")


@pytest.mark.parametrize("model", [lambda: "ACS-WFC", packaged_by_path, deepcrs_by_path])
def test_another_file_of_the_same_model_is_no_reason_to_do_it_anew(one, no_network, model):
    flag(one, **ALONE)
    before = one.read_bytes()
    no_network()
    assert list(flag(one, model=model(), rerun="skip", **ALONE)["status"]) == ["skipped"]
    assert one.read_bytes() == before


def test_an_exposure_that_was_flagged_before_is_skipped(flagged_before, no_network):
    with fits.open(mask_of(flagged_before), memmap=False) as hdus:
        hdus[0].header["DCRGROUP"] = ""  # as if the exposure had been flagged alone
        hdus.writeto(mask_of(flagged_before), overwrite=True, checksum=True)
    no_network()
    table = flag(flagged_before, rerun="skip", threshold=0.5, grow=1, **ALONE)
    assert list(table["status"]) == ["skipped"]


def test_weights_trained_here_are_one_model_whatever_their_file(one, own_weights, no_network):
    flag(one, model=str(own_weights), **ALONE)
    assert fits.getval(one, "DCRHASH") == models.load(own_weights).info.sha256[:16]
    state, _ = weights_file.parse(own_weights, own_weights.read_bytes())
    other = own_weights.with_name("other.safetensors")
    weights_file.write(other, state, weights_file.Description(hidden=4, scale=100.0, threshold=0.3))
    no_network()
    assert list(flag(one, model=str(other), threshold=0.9, **ALONE)["status"]) == ["done"]


def test_mask_files_that_name_own_weights_by_their_file_are_reused(one, own_weights, no_network):
    flag(one, model=str(own_weights), **ALONE)
    info = models.load(own_weights).info
    with fits.open(mask_of(one), memmap=False) as hdus:
        hdus[0].header["DCRHASH"] = info.file_sha256[:16]  # as earlier versions wrote it
        hdus.writeto(mask_of(one), overwrite=True, checksum=True)
    edit(one, lambda hdus: hdus[0].header.update(DCRHASH=info.file_sha256[:16]))
    no_network()
    assert list(flag(one, model=str(own_weights), rerun="skip", **ALONE)["status"]) == ["skipped"]
    assert list(flag(one, model=str(own_weights), threshold=0.9, **ALONE)["status"]) == ["done"]
    assert fits.getval(one, "DCRHASH") == info.sha256[:16]


def test_own_weights_scaled_otherwise_are_another_model(one, own_weights):
    flag(one, model=str(own_weights), **ALONE)
    first = probabilities(one)
    state, _ = weights_file.parse(own_weights, own_weights.read_bytes())
    other = own_weights.with_name("other.safetensors")
    weights_file.write(other, state, weights_file.Description(hidden=4, scale=1.0))
    flag(one, model=str(other), **ALONE)
    assert not np.array_equal(probabilities(one), first)
