"""One bad file does not stop the others: the sound ones are done, the faulty ones named."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from helpers import copy, dq, edit, flag, mask_of, rewrite, snapshot

import acs_deepcr_step
from acs_deepcr_step import cli
from acs_deepcr_step.errors import ExposureError, InputError, ModelError, RunError, StepWarning

NAMED_AT_ONCE = pytest.warns(StepWarning, match="cannot be processed and")


@pytest.fixture
def reference(one):
    """DQ of the exposure as a run by itself flags it."""
    fresh = copy(one, f"fresh/{one.name}")
    flag(fresh)
    return dq(fresh)


def truncated(path, name):
    bad = copy(path, name)
    bad.write_bytes(bad.read_bytes()[: bad.stat().st_size // 2])
    return bad


def without_time(path, name):
    return edit(copy(path, name), lambda hdus: hdus[0].header.set("EXPTIME", 0.0))


def failed_run(*files, call=acs_deepcr_step.run, **pars):
    """The RunError of a call that leaves some files as they are, and names them at once."""
    with NAMED_AT_ONCE as told, pytest.raises(RunError) as caught:
        call([str(file) for file in files], **{"runfile": "", "progress": False, **pars})
    [warning] = told
    return caught.value, str(warning.message)


def statuses(table):
    return {Path(row["filename"]).name: str(row["status"]).split(":")[0] for row in table}


@pytest.mark.parametrize("harm", [truncated, without_time], ids=["truncated", "EXPTIME=0"])
def test_the_sound_exposure_is_done_and_the_faulty_one_is_a_row(one, reference, harm):
    bad = harm(one, "a_flc.fits")
    before = bad.read_bytes()
    error, told = failed_run(bad, one)
    assert bad.name in told and "1 of 2 exposures" in told
    assert statuses(error.table) == {bad.name: "failed", one.name: "done"}
    row = error.table[0]
    assert bad.name in str(row["status"]) and row["n_flagged"] == 0 and row["nexp"] == 0
    assert "1 of 2 exposures failed" in str(error) and str(error).count("\n") == 0
    assert np.array_equal(dq(one), reference) and bad.read_bytes() == before


def test_all_faulty_files_are_named_before_work_begins(one, reference):
    bad = [truncated(one, "a_flc.fits"), without_time(one, "b_flc.fits"), copy(one, "c_raw.fits")]
    error, told = failed_run(bad[0], one, *bad[1:], runfile="a.log")
    log = Path("a.log").read_text()
    begin, work = log.index("Initialization finished"), log.index("Find cosmic rays started")
    for path in bad:
        assert path.name in told and path.name in str(error)
        assert re.search(rf"ERROR +.*{re.escape(str(path))}: ", log).start() < begin < work
    assert list(statuses(error.table)) == ["a_flc.fits", one.name, "b_flc.fits", "c_raw.fits"]
    assert "1 exposures done, 3 failed" in log


def test_where_every_file_is_faulty_nothing_is_done_and_the_log_says_why(one, here):
    bad = [truncated(one, "a_flc.fits"), without_time(one, "b_flc.fits")]
    before = snapshot(here)
    with pytest.raises(ExposureError) as caught:
        flag(*bad, runfile="a.log", output_dir="out")
    log = Path("a.log").read_text()
    Path("a.log").unlink()
    assert snapshot(here) == before
    for path in bad:
        assert path.name in str(caught.value) and path.name in log
    assert "parameter" in log and "ERROR" in log


def test_a_faulty_member_of_an_association_leaves_the_others_to_decide_together(simulated_pair, pair):
    table = Path(shutil.copy(next(simulated_pair.glob("*_asn.fits")), "."))
    without_time(pair[0], "j8xx01zzq_flc.fits")

    def add_member(hdus):
        rows = hdus[1].data
        longer = fits.BinTableHDU.from_columns(hdus[1].columns, nrows=len(rows) + 1, header=hdus[1].header)
        longer.data[len(rows)] = rows[0]
        longer.data["MEMNAME"][len(rows)] = "J8XX01ZZQ"
        return [hdus[0], longer]

    rewrite(table, add_member)
    error, _ = failed_run(table)
    wanted = {path.name: "done" for path in pair} | {"j8xx01zzq_flc.fits": "failed"}
    assert statuses(error.table) == wanted
    assert [row["nexp"] for row in error.table if row["status"] == "done"] == [2] * 4


def test_with_consensus_yes_only_the_lone_exposure_fails(pair):
    lone = edit(copy(pair[0], "lone_flc.fits"), lambda hdus: hdus[0].header.set("FILTER2", "F606W"))
    before = lone.read_bytes()
    error, told = failed_run(*pair, lone, consensus="yes")
    assert statuses(error.table) == {pair[0].name: "done", pair[1].name: "done", lone.name: "failed"}
    assert len(error.table) == 6  # its headers are known: a row a chip
    assert "no other exposure of the same field and filter" in told
    assert lone.read_bytes() == before and not mask_of(lone).exists()


def test_a_protected_exposure_does_not_stop_the_others(pair):
    pair[1].chmod(0o444)
    before = pair[1].read_bytes()
    error, told = failed_run(*pair)
    assert "read-only" in told and statuses(error.table)[pair[0].name] == "done"
    assert pair[1].read_bytes() == before


def test_undo_of_sound_exposures_is_not_stopped_by_a_faulty_one(one):
    before = dq(one)
    flag(one)
    bad = truncated(one, "a_flc.fits")
    error, _ = failed_run(bad, one, call=acs_deepcr_step.undo)
    assert statuses(error.table) == {bad.name: "failed", one.name: "undone"}
    assert np.array_equal(dq(one), before)


@pytest.mark.parametrize("fault", ["truncated exposure", "mask missing", "mask damaged"])
def test_apply_sets_the_masks_of_sound_exposures(pair, fault):
    flag(*pair)
    flags = [dq(path) for path in pair]
    acs_deepcr_step.undo(pair, runfile="")
    if fault == "truncated exposure":
        pair[1].write_bytes(pair[1].read_bytes()[:30000])
    elif fault == "mask missing":
        mask_of(pair[1]).unlink()
    else:
        mask_of(pair[1]).write_bytes(mask_of(pair[1]).read_bytes()[:3000])
    before = pair[1].read_bytes()
    error, _ = failed_run(*pair, call=acs_deepcr_step.apply)
    assert statuses(error.table) == {pair[0].name: "done", pair[1].name: "failed"}
    assert np.array_equal(dq(pair[0]), flags[0]) and pair[1].read_bytes() == before


def test_apply_names_a_damaged_mask_among_those_given(pair):
    flag(*pair)
    flags = dq(pair[0])
    acs_deepcr_step.undo(pair, runfile="")
    masks = [Path(shutil.move(mask_of(path), f"m{i}.fits")) for i, path in enumerate(pair)]
    masks[1].write_bytes(b"no mask")
    with NAMED_AT_ONCE, pytest.raises(RunError, match=r"m1\.fits") as caught:
        acs_deepcr_step.apply(pair, masks, runfile="", progress=False)
    assert statuses(caught.value.table) == {pair[0].name: "done", pair[1].name: "failed"}
    assert np.array_equal(dq(pair[0]), flags)


@pytest.mark.parametrize(
    ("error", "pars"),
    [
        (InputError, {"input": ["none_flc.fits"]}),
        (ModelError, {"model": "none.pth"}),
        (ExposureError, {"rerun": "error"}),
    ],
    ids=["nothing matched", "model", "rerun"],
)
def test_faults_of_the_call_stop_all(one, here, error, pars):
    flag(one)
    files = [str(one), str(truncated(one, "a_flc.fits")), *pars.pop("input", [])]
    before = snapshot(here)
    with pytest.raises(error):
        flag(*files, **pars)
    assert snapshot(here) == before


def test_two_targets_alike_stop_all_even_if_one_of_them_is_faulty(one, here):
    truncated(one, f"other/{one.name}")
    before = snapshot(here)
    with pytest.raises(InputError, match="would both become"):
        flag(one, f"other/{one.name}", output_dir="out")
    assert snapshot(here) == before


def test_what_stopped_a_run_is_in_its_log(one):
    with pytest.raises(ModelError):
        flag(one, model="none.pth", runfile="a.log")
    log = Path("a.log").read_text()
    assert "ERROR" in log and "none.pth cannot be read" in log and "DETECTION/threshold" in log


def test_the_report_tells_of_a_faulty_file(one):
    bad = truncated(one, "a_flc.fits")
    failed_run(bad, one, report=True)
    page = Path("acs_deepcr_report.html").read_text()
    assert one.name in page and bad.name in page and "truncated" in page


def test_the_command_ends_with_1_and_the_table_of_all(one, capsys):
    bad = truncated(one, "a_flc.fits")
    status = cli.main(["run", str(bad), str(one), "--no-progress"])
    out, err = capsys.readouterr()
    assert status == 1
    assert any(bad.name in line and "failed" in line for line in out.splitlines())
    assert any(one.name in line and "done" in line for line in out.splitlines())
    assert bad.name in err and Path("acs_deepcr_step.log").exists()


def test_the_command_ends_with_2_where_no_file_is_sound(one, capsys):
    status = cli.main(["run", str(truncated(one, "a_flc.fits")), "--no-progress"])
    out, err = capsys.readouterr()
    assert (status, out) == (2, "") and err.count("\n") == 1 and "truncated" in err
