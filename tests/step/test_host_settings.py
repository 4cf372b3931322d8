"""Settings of the host's libraries change nothing, and are as before when a call ends."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
import torch
from astropy.io import fits
from helpers import copy, dq, flag, sci

import acs_deepcr_step
from acs_deepcr_step import detect, inpaint, simulate
from acs_deepcr_step.training.roc import curve
from acs_deepcr_step.work.executors import execute
from acs_deepcr_step.work.exposure_work import flag as flag_task


@contextlib.contextmanager
def torch_dtype():
    torch.set_default_dtype(torch.float64)
    try:
        yield
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@contextlib.contextmanager
def torch_device():
    torch.set_default_device("meta")  # it has no pixels
    try:
        yield
        assert torch.get_default_device().type == "meta"
    finally:
        torch.set_default_device(None)


@contextlib.contextmanager
def numpy_errors():
    with np.errstate(all="raise"):
        yield
        assert set(np.geterr().values()) == {"raise"}


@contextlib.contextmanager
def fits_settings():
    changed = {
        "enable_record_valued_keyword_cards": False,
        "enable_uint": False,
        "extension_name_case_sensitive": True,
        "lazy_load_hdus": False,
        "strip_header_whitespace": False,
        "use_memmap": False,
    }
    with contextlib.ExitStack() as settings:
        for name, value in changed.items():
            settings.enter_context(fits.conf.set_temp(name, value))
        yield
        assert {name: getattr(fits.conf, name) for name in changed} == changed


@contextlib.contextmanager
def numpy_and_fits():
    with numpy_errors(), fits_settings():
        yield


@pytest.mark.parametrize("host", [torch_dtype, torch_device, numpy_and_fits])
def test_a_run_and_its_way_back_are_the_same(pair, host):
    others = [copy(path, f"other/{path.name}") for path in pair]
    before = [dq(path) for path in pair]
    flag(*pair, precision="float32")
    with host():
        flag(*others, precision="float32")
        again = flag(*others, precision="float32", rerun="skip")
    assert set(again["status"]) == {"skipped"}
    for path, other in zip(pair, others, strict=True):
        assert all(np.array_equal(dq(path, extver), dq(other, extver)) for extver in (1, 2))
    with host():
        acs_deepcr_step.undo(others, runfile="", progress=False)
    assert all(np.array_equal(dq(path), old) for path, old in zip(others, before, strict=True))


@pytest.mark.parametrize("host", [torch_dtype, torch_device, numpy_errors])
def test_arrays_are_treated_the_same(one, host):
    image = sci(one)
    image[10:20, 10:20], image[30, 30], image[40:60] = np.nan, 1e-40, 0

    def results():
        probability = detect.probability(image, precision="float32")
        filled = inpaint.inpaint(image, probability > 0.5, precision="float32")
        rates = curve(probability, probability > 0.9, dilate=1)
        return probability, filled, *acs_deepcr_step.clean(image, precision="float32"), rates.tpr, rates.fpr

    wanted = results()
    with host():
        found = results()
    for one_array, other in zip(wanted, found, strict=True):
        assert np.array_equal(one_array, other, equal_nan=True)


def test_the_truth_of_a_simulated_exposure_is_read_the_same(simulated_pair):
    path = next(simulated_pair.glob("*_flc.fits"))
    wanted = simulate.read_truth(path)
    with fits_settings():
        found = simulate.read_truth(path)
    assert [chip.extver for chip in found] == [chip.extver for chip in wanted] == [1, 2]
    assert all(np.array_equal(a.cr, b.cr) for a, b in zip(found, wanted, strict=True))


def test_an_association_table_is_read_the_same(simulated_pair, pair):
    table = copy(next(simulated_pair.glob("*_asn.fits")), Path.cwd() / "my_asn.fits")
    with fits_settings():
        result = flag(table)
    assert [Path(name).name for name in result["filename"]] == [p.name for p in pair for _ in range(2)]


@pytest.mark.parametrize("workers", [1, 2])
def test_no_tasks_are_no_work(workers):
    assert list(execute(flag_task, [], workers)) == []
