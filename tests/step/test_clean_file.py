"""The clean file: the flagged exposure but for its filled pixels, and nobody else's file."""

import io
import os
import shutil

import numpy as np
import pytest
from astropy.io import fits
from helpers import (
    cards_of,
    copy,
    data_bytes,
    edit,
    flag,
    flagged,
    hdu_bytes,
    index_of,
    rewrite,
    sci,
    snapshot,
)

import acs_deepcr_step
from acs_deepcr_step import detect, inpaint
from acs_deepcr_step.errors import ExposureError, ModelError, ParameterError, RunError, StepWarning
from acs_deepcr_step.files import atomic, clean_file
from acs_deepcr_step.simulate import association

QUICK = {"precision": "float32", "clean_file": True, "inpaint": "medmask"}


def clean_of(path):
    return path.with_name(f"{path.stem}_deepcr_clean.fits")


def test_by_default_there_is_none(one):
    flag(one)
    assert not clean_of(one).exists()


@pytest.mark.parametrize("model", ["ACS-WFC-F606W-2-32", "medmask"])
def test_sci_is_filled_where_it_is_flagged_and_nowhere_else(one, model):
    flag(one, **{**QUICK, "inpaint": model})
    before, after, hit = sci(one), sci(clean_of(one)), flagged(one)
    assert hit.any()
    np.testing.assert_array_equal(after[~hit], before[~hit])
    np.testing.assert_array_equal(after, inpaint.inpaint(before, hit, model, precision="float32"))


def test_all_else_is_as_in_the_exposure_after_the_run(pair):
    flag(*pair, **QUICK)
    for path in pair:
        numbers = {index_of(path, "SCI", extver) for extver in (1, 2)}
        both = zip(hdu_bytes(path), hdu_bytes(clean_of(path)), strict=True)
        for number, ((header, data), (clean_header, clean_data)) in enumerate(both):
            assert (data == clean_data) == (number not in numbers)
            assert (header == clean_header) == (number not in {0, *numbers})


def test_the_headers_tell_what_was_filled_and_with_what(one):
    flag(one, **QUICK)
    ours, clean = cards_of(one), cards_of(clean_of(one))
    added = set(clean) - set(ours)
    assert added == {"DCRCLEAN", "DCRCHASH"} and clean["DCRCLEAN"] == "medmask"
    assert clean["DCRRUN"] == ours["DCRRUN"] and clean["DEEPCR"] == "COMPLETE"
    count = int(flagged(one).sum())
    assert f"filled {count} flagged pixels of SCI with medmask" in "".join(clean["HISTORY"])
    assert cards_of(clean_of(one), index_of(one, "SCI"))["DCRNFILL"] == count


def test_the_name_of_a_network_and_its_hash_are_in_the_header(one):
    flag(one, **{**QUICK, "inpaint": "ACS-WFC-F606W-3-32"})
    header = cards_of(clean_of(one))
    assert (header["DCRCLEAN"], header["DCRCHASH"]) == ("ACS-WFC-F606W-3-32", "5b4faf2e239185c2")


def test_checksums_fit(one):
    with fits.open(one, memmap=False) as hdus:
        hdus.writeto(one, overwrite=True, checksum=True)
    flag(one, **QUICK)
    with fits.open(clean_of(one), checksum=True) as hdus:  # a wrong one would warn
        assert all("CHECKSUM" in hdu.header for hdu in hdus)
        assert hdus["SCI"].data.shape


@pytest.mark.parametrize("kind", ["rate", "scaled"])
def test_other_units_and_scaled_integers_are_filled_in_their_own(one, kind):
    """A flagged pixel holds what it would in electrons, the others their own bytes."""
    twin = copy(one, "twin/j8sm01aaq_flc.fits")
    exptime = 512.0

    def change(hdus):
        old = hdus["SCI"]
        if kind == "rate":
            old.data = (old.data / np.float32(exptime)).astype(np.float32)
            old.header["BUNIT"] = "ELECTRONS/S"
            return hdus
        header = old.header.copy()
        new = fits.ImageHDU(np.rint(old.data).clip(-1000, 80_000).astype(np.float64), header, name="SCI")
        new.scale("int32", bscale=0.5, bzero=100)
        return [new if hdu is old else hdu for hdu in hdus]

    rewrite(twin, change)
    flag(one, twin, consensus="no", **QUICK)
    hit = flagged(twin)
    per_unit = exptime if kind == "rate" else 1.0
    raw = [np.frombuffer(data_bytes(path, "SCI"), ">f4" if kind == "rate" else ">i4") for path in
           (twin, clean_of(twin))]  # fmt: skip
    raw = [values[: hit.size].reshape(hit.shape) for values in raw]
    np.testing.assert_array_equal(raw[1][~hit], raw[0][~hit])
    expected = inpaint.inpaint(sci(twin) * per_unit, hit, "medmask")
    assert hit.any() and np.abs(sci(clean_of(twin)) * per_unit - expected)[hit].max() < 0.6


def test_exposures_decided_together_are_filled_where_they_are_flagged_in_the_end(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = association(
        tmp_path, n=2, shape=(256, 256), chips=1, field="crowded", seed=55_201, cr_rate=6.0, exptime=600.0
    )
    table = flag(*paths, **QUICK)
    assert set(table["nexp"]) == {2} and (table["n_vetoed"].sum() + table["n_added"].sum()) > 0
    for path in paths:
        different = sci(clean_of(path)) != sci(path)
        assert not (different & ~flagged(path)).any()
        assert different[flagged(path)].mean() > 0.9


@pytest.mark.parametrize(
    "pars", [{"update_dq": False}, {"mask_file": False}, {"update_dq": False, "mask_file": False}]
)
def test_it_goes_without_the_other_outputs(one, pars):
    untouched = one.read_bytes()
    flag(one, **QUICK, **pars)
    assert clean_of(one).exists()
    assert (one.read_bytes() == untouched) == (pars.get("update_dq") is False)
    if "update_dq" in pars:
        assert data_bytes(clean_of(one), "DQ") == data_bytes(one, "DQ")


def test_nothing_at_all_to_write_is_refused(refused, one):
    wanted = ["mask_file=no, update_dq=no and clean_file=no together"]
    refused(ParameterError, wanted, one, mask_file=False, update_dq=False)


def test_it_goes_to_the_output_directory(one, here):
    flag(one, **QUICK, output_dir=here / "out")
    assert {path.name for path in (here / "out").iterdir()} == {
        one.name, f"{one.stem}_deepcr.fits", clean_of(one).name,
    }  # fmt: skip
    assert not clean_of(one).exists()


def test_a_second_run_makes_it_anew(one):
    flag(one, **QUICK)
    first = sci(clean_of(one))
    flag(one, **QUICK, threshold=0.05)
    second = sci(clean_of(one))
    assert (second != first).any()
    assert cards_of(clean_of(one))["DCRRUN"] == cards_of(one)["DCRRUN"]


@pytest.mark.parametrize("spoil", ["missing", "other model", "other run"])
def test_skip_makes_it_anew_if_it_is_not_the_one(one, spoil):
    flag(one, **QUICK)
    wanted = {**QUICK, "rerun": "skip"}
    if spoil == "missing":
        clean_of(one).unlink()
    elif spoil == "other model":
        wanted["inpaint"] = "ACS-WFC-F606W-2-32"
    else:
        edit(clean_of(one), lambda hdus: hdus[0].header.set("DCRRUN", "another"))
    with pytest.warns(StepWarning, match="its clean file is missing, of another run, or made with another"):
        assert set(flag(one, **wanted)["status"]) == {"done"}
    assert set(flag(one, **wanted)["status"]) == {"skipped"}


def test_undo_leaves_it(one):
    flag(one, **QUICK)
    content = clean_of(one).read_bytes()
    acs_deepcr_step.undo(one, runfile="", progress=False)
    assert clean_of(one).read_bytes() == content


def foreign(kind, one, pair_of):
    path = clean_of(one)
    if kind == "text":
        path.write_text("my notes")
    elif kind == "exposure":
        shutil.copy(one, path)
    elif kind == "directory":
        path.mkdir()
    else:  # the clean file of another exposure
        flag(pair_of, **QUICK)
        shutil.copy(clean_of(pair_of), path)
    return path


@pytest.mark.parametrize("kind", ["text", "exposure", "directory", "of another exposure"])
def test_a_file_of_another_origin_is_never_overwritten(one, kind, simulated_pair, here, refused):
    other = sorted(simulated_pair.glob("*_flc.fits"))[1]
    path = foreign(kind, one, copy_into(other, here / "other"))
    refused(ExposureError, [path.name, "is not the clean file of", "move it away"], one, **QUICK)


def copy_into(path, directory):
    directory.mkdir()
    return type(path)(shutil.copy(path, directory))


def test_a_file_that_comes_during_the_run_is_not_overwritten(one, monkeypatch):
    """Somebody writes there after the inputs were checked."""
    late = clean_of(one)
    before = one.read_bytes()
    network = detect.Detector.probability

    def probability(*arguments):
        late.write_text("mine")
        return network(*arguments)

    monkeypatch.setattr(detect.Detector, "probability", probability)
    with pytest.raises(RunError, match="is not the clean file of"):
        flag(one, **QUICK)
    assert late.read_text() == "mine" and one.read_bytes() == before


def test_a_disk_that_fails_leaves_all_as_it_was(one, monkeypatch):
    flag(one, **QUICK)
    before = snapshot(one.parent)
    replace = os.replace

    def failing(source, target):
        if str(target).endswith("_clean.fits"):
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(atomic.os, "replace", failing)
    with pytest.raises(RunError, match="No space left on device"):
        flag(one, **QUICK, threshold=0.1)
    assert snapshot(one.parent) == before


def test_a_clean_file_is_no_input(one, refused):
    flag(one, **QUICK)
    refused(ExposureError, ["is a cleaned image of this step"], clean_of(one))
    renamed = one.with_name("j8sm01abq_flc.fits")
    shutil.copy(clean_of(one), renamed)
    refused(ExposureError, ["its SCI pixels were filled by this step"], renamed)


def test_wildcards_of_exposures_do_not_match_it(one, here):
    flag(one, **QUICK)
    assert set(flag("*_flc.fits")["filename"]) == {one.name}


@pytest.mark.parametrize("model", ["ACS-WFC", "nonsense", "missing.pth"])
def test_a_model_that_does_not_fill_is_refused_before_anything_is_changed(one, refused, model):
    refused(ModelError, [model], one, **{**QUICK, "inpaint": model})


def test_a_model_is_not_looked_at_where_no_clean_file_is_wanted(one):
    assert set(flag(one, inpaint="nonsense")["status"]) == {"done"}


@pytest.mark.slow  # two processes load PyTorch
def test_worker_processes_write_the_same(pair, here):
    flag(*pair, **QUICK)
    alone = [clean_of(path).read_bytes() for path in pair]
    for path in pair:
        clean_of(path).unlink()
    flag(*pair, **QUICK, workers=2)
    for path, content in zip(pair, alone, strict=True):
        assert len(clean_of(path).read_bytes()) == len(content)
        np.testing.assert_array_equal(
            sci(clean_of(path)), fits.open(io.BytesIO(content), memmap=False)["SCI", 1].data
        )


def test_its_name_is_the_exposures():
    assert clean_file.name_for("/a/j8xx01abq_flc.fits") == "j8xx01abq_flc_deepcr_clean.fits"
