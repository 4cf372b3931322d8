"""What the step tells on the way: its log, its warnings; and the host's own stay as they are."""

import logging
import os
import platform
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from helpers import edit, flag, flagged

from acs_deepcr_step import apply, run, undo
from acs_deepcr_step.errors import StepError, StepWarning
from acs_deepcr_step.work.call import Call
from acs_deepcr_step.work.log import RunLog

HOST = platform.node().partition(".")[0]


def test_log_is_appended_and_complete(one):
    Path("my.log").write_text("mine\n")
    flag(one, runfile="my.log")
    first = Path("my.log").read_text()
    flag(one, runfile="my.log", threshold=0.3)
    text = Path("my.log").read_text()
    assert first.startswith("mine\n") and text.startswith(first) and len(text) > len(first)
    for wanted in (
        "DETECTION/threshold = 0.3",
        "SHA-256",
        f"{one.name}[SCI,1] F814W 512 s",
        "1 exposures done",
    ):
        assert wanted in text


LINE = re.compile(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ [A-Z]+ +{re.escape(HOST)}\[{os.getpid()}\] .+")


def test_every_line_names_its_machine_and_process(one):
    flag(one, runfile="a.log")
    assert all(LINE.fullmatch(line) for line in Path("a.log").read_text().splitlines())


def test_runs_that_write_at_once_can_be_told_apart(pair):
    """Two processes, one log: no line is torn."""
    code = "import sys, acs_deepcr_step as a; a.undo(sys.argv[1], runfile='a.log', progress=False)"
    running = [subprocess.Popen([sys.executable, "-c", code, str(path)]) for path in pair]
    assert [one.wait() for one in running] == [0, 0]
    for one, path in zip(running, pair, strict=True):
        own = [line for line in Path("a.log").read_text().splitlines() if f"[{one.pid}] " in line]
        assert any(line.endswith(f" exposure {path}") for line in own)
        assert "started" in own[0] and "1 exposures done" in own[-1]


def test_log_says_what_was_given_and_which_files_it_meant(pair):
    flag("*_flc.fits", runfile="a.log", threshold=0.3)
    text = Path("a.log").read_text()
    assert "called as run(input=['*_flc.fits'], runfile='a.log', progress=False, threshold=0.3)" in text
    assert f"current directory {Path.cwd()}" in text and "parameter input" not in text
    assert all(f"exposure {path.name}\n" in text for path in pair)


def test_log_of_undo_names_the_parameters_that_matter_to_it(one):
    undo(str(one), runfile="a.log", progress=False)
    text = Path("a.log").read_text()
    assert "parameter EXECUTION/workers = 1" in text and "threshold" not in text


def test_a_long_list_of_inputs_is_cut_in_the_call_and_whole_below():
    lines = Call.of("run", None, {"grow": 1}, input=[f"{i}_flc.fits" for i in range(30)]).lines()
    assert "'19_flc.fits', ... and 10 more], grow=1)" in lines[0] and "'20_flc.fits'" not in lines[0]


def test_log_says_what_was_reused(pair):
    flag(*pair, runfile="a.log")
    assert "used again" not in Path("a.log").read_text()
    flag(*pair, runfile="b.log", threshold=0.3)
    text = Path("b.log").read_text()
    for path in pair:
        assert f"{path.name}: probabilities of an earlier run are used again" in text


REFUSED = {
    "a parameter": lambda one: flag(one, runfile="a.log", threshold=7),
    "a name of a parameter": lambda one: flag(one, runfile="a.log", treshold=0.7),
    "an input": lambda one: flag("none_flc.fits", runfile="a.log"),
    "nothing to write": lambda one: flag(
        one, runfile="a.log", mask_file=False, update_dq=False, clean_file=False
    ),
    "the only file": lambda one: flag("a.log.fits", runfile="a.log"),
    "undo": lambda one: undo("none_flc.fits", runfile="a.log"),
    "apply": lambda one: apply(str(one), runfile="a.log", crbit=4096),
    "a parameter file": lambda one: flag(one, configobj={"DETECTION": {"grow": -1}}, runfile="a.log"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_call_that_was_refused_is_in_the_log_with_the_reason(one, what):
    Path("a.log.fits").write_text("no exposure")
    before = one.read_bytes()
    with pytest.raises(StepError) as caught:
        REFUSED[what](one)
    text = Path("a.log").read_text()
    assert "called as " in text and f"ERROR {'':1}" in text
    assert f"nothing was done: {caught.value}\n" in text and one.read_bytes() == before


def test_log_of_a_refused_call_is_where_its_parameter_file_says(one):
    Path("my.cfg").write_text("runfile = from_cfg.log\n[DETECTION]\nthreshold = 7\n")
    with pytest.raises(StepError):
        run(str(one), configobj="my.cfg")
    assert "threshold" in Path("from_cfg.log").read_text() and not Path("acs_deepcr_step.log").exists()
    with pytest.raises(StepError):
        run(str(one), configobj="my.cfg", runfile="")
    assert {path.name for path in Path().glob("*.log")} == {"from_cfg.log"}


def _headings(text):
    return re.findall(r"==== Processing Step (.*?) at \d\d:\d\d:\d\d\.\d{3} \(\d\d/\d\d/\d{4}\)$", text, re.M)


def test_log_has_the_headings_and_times_of_astrodrizzle(pair):
    flag(*pair, runfile="a.log")
    steps = ("Initialization", "Find cosmic rays", "Decide on fields together")
    text = Path("a.log").read_text()
    assert _headings(text) == [f"{step} {end}" for step in steps for end in ("started", "finished")]
    begun = [text.index(f"Step {step} started") for step in steps]
    # Parameters in the first step, what became of each chip in the last one, then the times of all.
    assert begun[0] < text.index("parameter DETECTION/threshold") < begun[1]
    for path in pair:
        for extver in (1, 2):
            assert text.index(f"{path.name}[SCI,{extver}] F814W 512 s: done") > begun[2]
    times = re.findall(r"INFO +\S+ +(\S.*?) +(\d+\.\d\d) sec\.$", text, re.M)
    assert [name for name, _ in times] == [*steps, "Total"]
    assert sum(float(seconds) for _, seconds in times[:-1]) <= float(times[-1][1]) + 0.05


def test_step_that_is_interrupted_is_not_said_to_have_finished(here):
    with pytest.raises(KeyboardInterrupt), RunLog("a.log") as log, log.step("Find cosmic rays"):
        raise KeyboardInterrupt
    headings = _headings(Path("a.log").read_text())
    assert headings == ["Find cosmic rays started", "Find cosmic rays stopped"]


def test_undo_and_apply_have_their_own_headings(one):
    flag(one)
    undo([str(one)], runfile="a.log", progress=False)
    apply([str(one)], runfile="a.log", progress=False)
    text = Path("a.log").read_text()
    assert "Step Take flags back finished" in text and "Step Set flags of mask files finished" in text


def test_logging_of_the_host_is_left_alone(one):
    def state():
        named = [logging.getLogger(), *(logging.getLogger(n) for n in list(logging.root.manager.loggerDict))]
        return [(lg.name, lg.level, list(lg.handlers), lg.propagate, lg.disabled) for lg in named]

    flag(one, runfile="a.log")  # what libraries do once when they are imported
    before, filters = state(), list(warnings.filters)
    flag(one, runfile="a.log", threshold=0.3)
    assert state() == before and warnings.filters == filters
    assert not logging.getLogger("acs_deepcr_step").handlers


def test_host_that_listens_gets_the_lines(one, caplog):
    with caplog.at_level(logging.INFO, logger="acs_deepcr_step"):
        flag(one)
    assert any("pixels flagged" in message for message in caplog.messages)


def test_crbit_4096_comes_with_a_warning(one):
    with pytest.warns(StepWarning, match="resetbits"):
        flag(one, crbit=4096)
    assert flagged(one, bit=4096).any() and not flagged(one).any()


def test_stale_mask_of_astrodrizzle_is_warned_of(one):
    stale = Path(f"{one.name.split('_')[0]}_sci1_crmask.fits")
    shutil.copy(one, stale)
    with pytest.warns(StepWarning, match=rf"{stale}.*move"):
        flag(one, runfile="a.log")
    assert stale.exists() and re.search(rf"WARNING.*{stale}", Path("a.log").read_text())


def test_short_exposure_is_warned_of(one):
    edit(one, lambda hdus: hdus[0].header.set("EXPTIME", 99.9))
    with pytest.warns(StepWarning, match=rf"{one.name}: exposure time 99.9 s"):
        flag(one)


def test_negative_sky_is_warned_of(one):
    edit(one, lambda hdus: hdus["SCI", 1].data.__isub__(np.median(hdus["SCI", 1].data) + 20))
    with pytest.warns(StepWarning, match=rf"{one.name}: the sky of \[SCI,1\] is negative \(-20"):
        flag(one)
    assert flagged(one).any()


def test_subtracted_sky_alone_is_not_warned_of(one):
    def subtract(hdus):
        hdus["SCI", 1].data -= np.median(hdus["SCI", 1].data)

    edit(one, subtract)
    flag(one)  # a warning would be an error here


def test_warnings_of_the_host_survive_runs_of_several_exposures(pair):
    """The filters of the `warnings` module belong to the process, not to a thread."""
    for _ in range(3):
        before = list(warnings.filters)
        flag(*pair, output_dir="out")  # which looks at the results of the run before in both threads
        flag(*pair, output_dir="out", rerun="skip")
        assert warnings.filters == before
