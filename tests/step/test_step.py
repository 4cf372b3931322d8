"""The step on whole exposures: what it writes, what it leaves alone, what it tells."""

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from helpers import (
    cards_of,
    changed,
    copy,
    dq,
    edit,
    flag,
    flagged,
    hdu_bytes,
    index_of,
    mask_of,
    set_dq,
    snapshot,
)
from scipy import ndimage

import acs_deepcr_step
from acs_deepcr_step import run, simulate
from acs_deepcr_step.arrays import reasons
from acs_deepcr_step.arrays.morphology import dilate
from acs_deepcr_step.errors import ParameterError, RunError
from acs_deepcr_step.files import mask_file
from acs_deepcr_step.files.inspection import inspect

OUR_CARDS = "DEEPCR DCRMODEL DCRHASH DCRTHRSH DCRGROW DCRPSAT DCRBIT DCRVERS DCRDATE DCRMASK DCRNEXP".split()


def test_cosmic_rays_are_flagged(pair, truth_of):
    flag(*pair)
    for path in pair:
        for chip in truth_of(path):
            ours = flagged(path, chip.extver)
            assert ours[chip.cr].mean() > 0.95
            # At seven times ACS's rate, much of the chip is the edge of some event.
            assert ours[~chip.cr].mean() < 2e-2 and ours[~dilate(chip.cr, 1)].mean() < 1e-3


def test_only_dq_data_and_the_headers_that_tell_of_it_change(pair):
    path = pair[0]
    before = hdu_bytes(path)
    flag(path)
    after = hdu_bytes(path)
    mine = {index_of(path, "DQ", 1), index_of(path, "DQ", 2)}
    assert len(before) == len(after)
    for index, ((old_header, old_data), (new_header, new_data)) in enumerate(zip(before, after, strict=True)):
        assert (old_header == new_header) == (index not in mine | {0})
        assert (old_data == new_data) == (index not in mine)
        assert len(old_data) == len(new_data)


def test_only_our_cards_are_added_to_headers(one):
    before, before_dq = cards_of(one), cards_of(one, ("DQ", 1))
    flag(one)
    added = set(cards_of(one)) - set(before)
    assert added == {*OUR_CARDS, "DCRRUN", "HISTORY"}
    assert set(cards_of(one, ("DQ", 1))) - set(before_dq) == {"DCRNPIX"}
    assert all(cards_of(one)[key] == before[key] for key in before)


def test_every_other_dq_bit_is_unchanged(pair):
    rng, old = np.random.default_rng(0), {}
    for extver in (1, 2):
        # Every bit there is, 32768 as the sign included, on a twentieth of the pixels each.
        bits = (rng.random((16, 256, 256)) < 0.05) & (np.arange(16) != 13)[:, None, None]
        old[extver] = (bits * 2 ** np.arange(16)[:, None, None]).sum(0).astype(np.uint16).view(np.int16)
        edit(pair[0], lambda hdus, v=extver: hdus["DQ", v].data.__setitem__(slice(None), old[v]))
    flag(pair[0])
    for extver in (1, 2):
        new = dq(pair[0], extver)
        assert np.array_equal(new & ~8192, old[extver]) and flagged(pair[0], extver).sum() > 1000


def test_bit_that_was_set_before_stays_and_is_not_ours(one, truth_of):
    fresh = dq(flag_copy(one))
    cr = truth_of(one)[0].cr
    theirs = np.zeros(cr.shape, bool)
    theirs[::7, ::5] = True
    assert (theirs & cr).sum() > 10 and (theirs & ~cr).sum() > 10
    set_dq(one, theirs, 8192)
    flag(one)
    assert np.array_equal(flagged(one), theirs | ((fresh & 8192) != 0))
    plane = mask_file.read(mask_of(one)).chips[0].reasons
    ours = (plane & 3) == 1
    assert not (ours & theirs).any() and np.array_equal(ours | theirs, flagged(one))
    flag(one, threshold=1.0)
    assert np.array_equal(flagged(one), theirs)


def flag_copy(path, **pars):
    """Flag a copy in a directory of its own."""
    target = copy(path, f"fresh{len(list(Path().glob('fresh*')))}/{path.name}")
    flag(target, **pars)
    return target


def test_exactly_exposures_masks_and_log_are_written(pair, here):
    before = snapshot(here)
    run("*_flc.fits", progress=False)
    wanted = {*(p.name for p in pair), *(mask_of(p).name for p in pair), "acs_deepcr_step.log"}
    assert changed(before, snapshot(here)) == wanted


def test_provenance(one):
    flag(one, threshold=0.25, grow=1, crbit=16384, model="auto")
    header, name = cards_of(one), mask_of(one).name
    info = acs_deepcr_step.network.models.info("ACS-WFC-F814W")
    assert (header["DEEPCR"], header["DCRMODEL"], header["DCRHASH"]) == (
        "COMPLETE",
        info.name,
        info.hashes[0],
    )
    assert (header["DCRTHRSH"], header["DCRGROW"], header["DCRBIT"]) == (0.25, 1, 16384)
    assert (header["DCRVERS"], header["DCRMASK"], header["DCRNEXP"]) == (acs_deepcr_step.__version__, name, 1)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", header["DCRDATE"])
    [history] = header["HISTORY"]
    n_flagged = np.count_nonzero(flagged(one, bit=16384))
    assert cards_of(one, ("DQ", 1))["DCRNPIX"] == n_flagged > 0
    assert history == f"acs_deepcr_step {acs_deepcr_step.__version__} set DQ bit 16384 on {n_flagged} pixels"


def test_one_history_line_per_run(one):
    flag(one)
    flag(one, grow=1)
    flag(one, crbit=16384)
    header = cards_of(one)
    assert len(header["HISTORY"]) == 3 and "16384" in header["HISTORY"][2]
    assert all(header.count(key) == 1 for key in OUR_CARDS)


def test_running_twice_gives_what_running_once_gives(pair):
    path = pair[0]
    flag(path)
    first, mask, headers = hdu_bytes(path), mask_of(path), cards_of(path)
    planes = [fits.getdata(mask, name, ver) for name in ("FLAGS", "PROB") for ver in (1, 2)]
    flag(path)
    again = [fits.getdata(mask, name, ver) for name in ("FLAGS", "PROB") for ver in (1, 2)]
    assert [data for _, data in hdu_bytes(path)] == [data for _, data in first]
    # The mask file marks besides which flags the run before had set: the same.
    assert all(np.array_equal(a & 127, b & 127) for a, b in zip(planes[:2], again[:2], strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(planes[2:], again[2:], strict=True))
    assert cards_of(path)["DCRRUN"] == headers["DCRRUN"]
    flag(path)
    assert np.array_equal(fits.getdata(mask, "FLAGS", 1), again[0])


@pytest.mark.parametrize(
    "other",
    [{"threshold": 0.1}, {"threshold": 0.95}, {"grow": 2}, {"crbit": 16384}, {"protect_saturated": False}],
)
def test_other_decision_takes_own_flags_back_first_and_keeps_the_probabilities(one, other):
    fresh = flag_copy(one, **other)
    flag(one, threshold=0.5, crbit=8192)
    probabilities = fits.getdata(mask_of(one), "PROB", 1)
    flag(one, **other)
    assert np.array_equal(dq(one), dq(fresh))
    assert np.array_equal(fits.getdata(mask_of(one), "PROB", 1), probabilities)


def doctored(path):
    """Replace an exposure's stored probabilities by zeros."""
    import dataclasses

    mask = mask_file.read(mask_of(path))
    chips = tuple(dataclasses.replace(c, scaled_probability=np.zeros_like(c.scaled_probability))
        for c in mask.chips)
    mask_file.write(mask_of(path), dataclasses.replace(mask, chips=chips))


def test_stored_probabilities_are_reused_for_the_same_model_and_precision(one):
    flag(one, precision="float32")
    doctored(one)
    flag(one, precision="float32", threshold=0.3)
    # All are 0 now: what is left are tracks that the edge cuts, which need no probability.
    plane = fits.getdata(mask_of(one), "FLAGS", 1)
    assert not (plane[3:-3, 3:-3] & reasons.FLAGGED).any()


@pytest.mark.parametrize("other", [{"model": "ACS-WFC-F814W"}, {"precision": "bfloat16"}])
def test_another_model_or_precision_is_computed_anew(one, other):
    flag(one, precision="float32")
    doctored(one)
    table = flag(one, **{"precision": "float32", **other})
    assert table["n_flagged"][0] > 1000
    assert np.array_equal(dq(one), dq(flag_copy_of_clean(one, {"precision": "float32", **other})))


def flag_copy_of_clean(path, pars):
    """The same simulated exposure flagged afresh."""
    clean = copy(path, f"clean/{path.name}")
    edit(clean, lambda hdus: [hdus[0].header.remove(k) for k in [*OUR_CARDS, "DCRRUN"]])
    clean_dq = dq(path) & ~8192
    edit(clean, lambda hdus: hdus["DQ", 1].data.__setitem__(slice(None), clean_dq))
    flag(clean, **pars)
    return clean


def test_without_mask_file_flags_are_set_and_taken_back(one, here):
    fresh = flag_copy(one, grow=1)
    before = snapshot(here)
    flag(one, mask_file=False)
    assert changed(before, snapshot(here)) == {one.name}
    assert cards_of(one)["DCRMASK"] == "NONE"
    flag(one, mask_file=False, grow=1)
    assert np.array_equal(dq(one), dq(fresh))
    flag(one, mask_file=True, threshold=1.0)
    assert not flagged(one).any()


def test_without_mask_file_foreign_flags_of_the_same_bit_are_refused(one, here):
    set_dq(one, (slice(0, 4), slice(0, 4)), 8192)
    before = snapshot(here)
    with pytest.raises(RunError, match="mask_file=True or choose another crbit"):
        flag(one, mask_file=False)
    assert snapshot(here) == before
    flag(one, mask_file=False, crbit=16384)
    assert flagged(one, bit=16384).any()


def test_without_update_dq_only_the_mask_file_is_written(one, here):
    before = snapshot(here)
    table = flag(one, update_dq=False)
    assert changed(before, snapshot(here)) == {mask_of(one).name}
    plane = mask_file.read(mask_of(one)).chips[0].reasons
    assert np.count_nonzero(plane & 1) == table["n_flagged"][0] > 1000
    flag(one)
    assert np.array_equal(flagged(one), (plane & 1) != 0)


def test_mask_only_run_does_not_forget_the_flags_in_the_file(one):
    fresh = flag_copy(one, threshold=0.9)
    flag(one, threshold=0.5)
    flag(one, threshold=0.1, update_dq=False)
    flag(one, threshold=0.2, crbit=4096 * 4, update_dq=False)
    flag(one, threshold=0.9)
    assert np.array_equal(dq(one), dq(fresh))


def test_nothing_to_write_is_an_error(one, here):
    before = snapshot(here)
    with pytest.raises(ParameterError, match="set one to yes"):
        flag(one, mask_file=False, update_dq=False)
    assert snapshot(here) == before


def test_table_is_as_designed(pair, truth_of):
    before = [[dq(p, extver) for extver in (1, 2)] for p in pair]
    table = flag(*pair, threshold=0.4)
    columns = (
        "filename extver filter exptime model threshold crbit n_flagged fraction cr_rate "
        "nexp n_vetoed n_added status note seconds"
    )
    assert table.colnames == columns.split()
    assert list(table["filename"]) == [str(p) for p in pair for _ in range(2)]
    assert list(table["extver"]) == [1, 2, 1, 2]
    for row in table:
        i = [str(p) for p in pair].index(row["filename"])
        ours, good = flagged(pair[i], row["extver"]), before[i][row["extver"] - 1] == 0
        assert row["n_flagged"] == ours.sum() > 1000
        assert row["fraction"] == pytest.approx(ours[good].mean())
        area = ours.size * (15e-4) ** 2
        groups = ndimage.label(ours, np.ones((3, 3)))[1]
        assert row["cr_rate"] == pytest.approx(groups / 512.0 / area)
        assert (row["filter"], row["exptime"], row["model"]) == ("F814W", 512.0, "ACS-WFC")
        assert (row["threshold"], row["crbit"], row["status"]) == (0.4, 8192, "done")
        assert 0 < row["seconds"] < 60
    assert table["cr_rate"].unit == "1 / (cm2 s)" and table["exptime"].unit == "s"


def test_cr_rate_is_the_simulators(here):
    """At ACS rates, where few events overlap."""
    paths = simulate.association(here, n=1, shape=(512, 512), chips=1, exptime=1000.0, cr_rate=1.15, seed=2)
    assert flag(*paths)["cr_rate"][0] == pytest.approx(1.15, rel=0.2)


def test_fraction_of_a_chip_without_a_good_pixel_is_nan(one):
    set_dq(one, slice(None), 16)
    table = flag(one)
    assert np.isnan(table["fraction"][0]) and table["n_flagged"][0] > 0


def test_symbolic_link_stays_one_and_its_target_is_flagged(one, here):
    real = here / "archive" / one.name
    real.parent.mkdir()
    shutil.move(one, real)
    one.symlink_to(real)
    table = flag(one)
    assert one.is_symlink() and os.readlink(one) == str(real) and list(table["filename"]) == [str(one)]
    assert flagged(real).any() and mask_of(real).is_file() and not mask_of(one).exists()
    flag(real, threshold=0.3)  # under its own name as well
    flag(one, threshold=1.0)
    assert one.is_symlink() and not flagged(real).any()


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_mode_is_kept(one, mode):
    one.chmod(mode)
    flag(one)
    assert one.stat().st_mode & 0o7777 == mode and flagged(one).any()


def test_failure_of_one_exposure_does_not_stop_the_others(pair, here):
    edit(pair[0], lambda hdus: hdus["SCI", 2].data.fill(np.nan))
    before = snapshot(here)
    with pytest.raises(RunError) as caught:
        flag(*pair, runfile="a.log")
    assert changed(before, snapshot(here)) == {pair[1].name, mask_of(pair[1]).name, "a.log"}
    message, table = str(caught.value), caught.value.table
    assert pair[0].name in message and "1 of 2" in message and pair[1].name not in message
    assert [status.partition(":")[0] for status in table["status"]] == ["failed", "failed", "done", "done"]
    assert all(np.isnan(table["cr_rate"][:2])) and list(table["n_flagged"][:2]) == [0, 0]
    assert re.search(rf"ERROR.*{pair[0].name}", Path("a.log").read_text())


def test_interrupt_leaves_exposures_whole(pair, here, monkeypatch):
    """Ctrl-C while an exposure is under work."""
    from acs_deepcr_step.work import deciders

    before = snapshot(here)

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(deciders, "to_scaled", interrupted)
    with pytest.raises(KeyboardInterrupt):
        flag(*pair)
    assert snapshot(here) == before


def test_pairs_stay_together_whatever_the_order_of_the_hdus(one):
    fresh = flag_copy(one)

    def shuffled(hdus):
        return [hdus[0], *[hdus[i].copy() for i in (3, 2, 1)]]

    with fits.open(one, memmap=False) as hdus:
        content = shuffled(hdus)
        fits.HDUList(content).writeto(one, overwrite=True)
    flag(one)
    assert np.array_equal(dq(one), dq(fresh))


def test_inspection_tells_what_the_headers_say(pair):
    exposure = inspect(pair[0])
    assert (str(exposure.instrument), exposure.filter) == ("ACS/WFC", "F814W")
    assert exposure.rootname == pair[0].name.split("_")[0] and exposure.provenance == {}
    assert [(c.extver, c.ccdchip, c.shape) for c in exposure.chips] == [
        (1, 2, (256, 256)),
        (2, 1, (256, 256)),
    ]
    flag(pair[0])
    assert inspect(pair[0]).provenance["DEEPCR"] == "COMPLETE"
