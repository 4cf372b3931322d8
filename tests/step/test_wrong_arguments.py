"""Arguments of the wrong kind: every public function refuses them, in a sentence."""

import inspect
from pathlib import Path

import numpy as np
import pytest
from helpers import changed, flag, snapshot

import acs_deepcr_step
from acs_deepcr_step import detect, inpaint, models, report, simulate
from acs_deepcr_step.errors import ArrayTypeError, ParameterTypeError, StepError
from acs_deepcr_step.training import roc

IMAGE = np.full((64, 64), 100.0)
QUIET = {"runfile": "", "progress": False}

# What each call is given where it is sound; the exposure stands for EXPOSURE.
CALLS = {
    "run": (acs_deepcr_step.run, {"input": "EXPOSURE", **QUIET}),
    "undo": (acs_deepcr_step.undo, {"input": "EXPOSURE", **QUIET}),
    "apply": (acs_deepcr_step.apply, {"files": "EXPOSURE", "masks": None, **QUIET}),
    "clean": (acs_deepcr_step.clean, {"image": IMAGE}),
    "drizzle_kwargs": (acs_deepcr_step.drizzle_kwargs, {}),
    "tweakreg_kwargs": (acs_deepcr_step.tweakreg_kwargs, {}),
    "detect.probability": (detect.probability, {"image": IMAGE}),
    "detect.mask": (detect.mask, {"probability": IMAGE}),
    "detect.Detector": (detect.Detector, {}),
    "inpaint.inpaint": (inpaint.inpaint, {"image": IMAGE, "mask": IMAGE > 0}),
    "models.names": (models.names, {}),
    "models.load": (models.load, {"name": "ACS-WFC"}),
    "simulate.association": (
        simulate.association,
        {"outdir": "sky", "n": 1, "shape": (64, 64), "chips": 1, "sky": 60.0, "movers": 0},
    ),
    "simulate.chip": (simulate.chip, {"shape": (64, 64), "cr_rate": 1.0}),
    "simulate.read_truth": (simulate.read_truth, {"path": "EXPOSURE"}),
    "simulate.without_cosmic_rays": (simulate.without_cosmic_rays, {"path": "EXPOSURE", "outdir": "twin"}),
    "report.write": (report.write, {"inputs": "EXPOSURE"}),
    "training.roc.curve": (roc.curve, {"probability": IMAGE, "truth": IMAGE > 0}),
}
ARGUMENTS = [
    (name, argument)
    for name, (function, given) in CALLS.items()
    for argument, its in inspect.signature(function).parameters.items()
    if its.kind not in (its.VAR_POSITIONAL, its.VAR_KEYWORD) and argument not in ("executor", "detector")
] + [("simulate.association", "sky"), ("simulate.association", "movers"), ("simulate.chip", "cr_rate")]

# Of each kind one that no argument takes, but for those that are left out below.
WRONG = (3.5, "\0", b"\xff", object(), {"a": 1}, np.zeros(3, complex), lambda: None)


def is_fine(name, argument, value):
    """Whether a value among the wrong ones is a right one here."""
    if argument == "change":
        return callable(value)
    numeric = argument in ("threshold", "sky", "exptime", "cr_rate", "probability")
    return isinstance(value, float) and numeric and not (name == "clean" and argument == "threshold")


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS)
def test_argument_of_a_wrong_kind_is_refused_with_a_sentence(one, name, argument):
    function, given = CALLS[name]
    given = {
        key: str(one) if isinstance(value, str) and value == "EXPOSURE" else value
        for key, value in given.items()
    }
    before = snapshot(".")
    for value in WRONG:
        if is_fine(name, argument, value):
            continue
        with pytest.raises(StepError) as caught:
            function(**{**given, argument: value})
        text = str(caught.value)
        assert text.endswith((".", "?")) and "\n" not in text and len(text) > 20
    assert changed(before, snapshot(".")) == set()


@pytest.mark.parametrize("call", [acs_deepcr_step.clean, detect.probability])
@pytest.mark.parametrize("name", ["j8xi01abq_flc.fits", Path("j8xi01abq_flc.fits")])
def test_name_of_a_file_in_the_place_of_pixels_is_told_so(call, name):
    with pytest.raises(
        ArrayTypeError, match=r"not the name of a file \(.*j8xi01abq_flc.fits.*acs_deepcr_step.run"
    ):
        call(name)


def test_the_sentence_names_function_argument_value_and_what_it_must_be():
    with pytest.raises(ParameterTypeError, match=r"^clean: threshold = half: it must be a number\.$"):
        acs_deepcr_step.clean(IMAGE, threshold="half")
    for kind in (TypeError, ValueError):  # as people may have caught it before
        with pytest.raises(kind):
            simulate.chip(shape=5)


def test_numpy_numbers_and_arrays_without_axes_are_numbers(one):
    mask = detect.mask(IMAGE / 200, threshold=np.float32(0.4), grow=np.int64(1))
    assert mask.all() and detect.mask(IMAGE / 200, threshold=np.array(0.6)).sum() == 0
    assert flag(one, threshold=np.float32(0.5), consensus="no")["status"][0] == "done"
