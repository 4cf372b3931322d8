"""Observation sets are fetched from MAST: astroquery's own code, against a local stand-in."""

import hashlib
import io
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from helpers import snapshot
from standin import serving

from acs_deepcr_step.cli import main
from acs_deepcr_step.errors import ArchiveError, ExposureError, InputError, ParameterError, StepWarning
from acs_deepcr_step.training.archive import exposures, fetch_directory, mast, sets
from acs_deepcr_step.training.archive.download import Patience

QUICK = Patience(tries=2, wait=0.01, timeout=10.0)
# Of a connection that is cut after 300,000 bytes, whole blocks are kept.
CUT, KEPT = 300_000, 262_144
NAME = "F435W_10349_30"
FILES = ["j8z030abq_flc.fits", "j8z030acq_flc.fits"]


def exposure(seed):
    """A small FITS file, of more than one read."""
    content = io.BytesIO()
    fits.PrimaryHDU(np.random.default_rng(seed).integers(0, 99, (500, 700)).astype("i2")).writeto(content)
    return content.getvalue()


@pytest.fixture
def standin(monkeypatch):
    """MAST with one set's visit, and much beside it that is not the set's."""
    client = pytest.importorskip("astroquery.mast")
    from astroquery.mast.discovery_portal import PortalAPI

    with serving() as (address, standin):
        standin.address = address
        monkeypatch.setattr(PortalAPI, "MAST_REQUEST_URL", f"{address}/api/v0/invoke")
        monkeypatch.setattr(PortalAPI, "COLUMNS_CONFIG_URL", f"{address}/Mashup.asmx/columnsconfig")
        monkeypatch.setattr(PortalAPI, "_column_configs", {})
        monkeypatch.setattr(mast, "CLOUD", f"{address}/stpubdata")
        standin.add_observation("1", "j8z030010", "CLEAR2L;F435W", 10349)
        standin.add_observation("2", "hst_10349_30_acs_wfc_f435w_j8z030", "F435W", 10349)
        standin.add_observation("3", "j8z031010", "F435W", 10349)
        standin.add_observation("4", "j8z030020", "F606W", 10349)
        standin.add_observation("5", "j9z030010", "F435W", 10350)
        for seed, file in enumerate(FILES):
            standin.add_exposure("1", "j8z030010", file[:9], exposure(seed))
        standin.add_exposure("1", "j8z030abq", FILES[0][:9], exposure(0))  # listed twice
        standin.add_exposure("1", "j8z030010", "j8z031adq", exposure(4))  # of another visit
        standin.add_exposure("2", "hst_10349", "hst_10349_30_acs_wfc_f435w_j8z030ab", exposure(2))
        standin.add_exposure("3", "j8z031010", "j8z031abq", exposure(3))
        standin.add_exposure("4", "j8z030020", "j8z030baq", exposure(4))
        with client.conf.set_temp("server", address):
            yield standin


@pytest.fixture
def one():
    return sets.by_name([NAME])


def fetched(one, directory):
    return exposures.fetch(exposures.plan(one, directory), progress=False, patience=QUICK)


def test_the_exposures_of_the_visit_and_filter_are_planned_and_nothing_else(standin, one, tmp_path):
    plan = exposures.plan(one, tmp_path / "new")
    assert [entry.name for entry in plan.missing] == FILES
    assert standin.paths("products of") == ["products of 1"]
    assert plan.bytes == sum(len(exposure(seed)) for seed in (0, 1))
    assert not (tmp_path / "new").exists()
    assert not standin.paths("Download")


def test_plan_names_sets_files_and_bytes(standin, one, tmp_path):
    text = str(exposures.plan(one, tmp_path))
    assert NAME in text and "2 of 2 files to fetch" in text and "1.4 MB" in text and "free" in text


def test_what_came_is_what_the_archive_has_with_its_checksum(standin, one, tmp_path):
    table = fetched(one, tmp_path)
    for seed, (file, row) in enumerate(zip(FILES, table, strict=True)):
        content = (tmp_path / NAME / file).read_bytes()
        assert content == exposure(seed)
        assert (row["set"], row["name"], row["bytes"]) == (NAME, file, len(content))
        assert row["sha256"] == hashlib.sha256(content).hexdigest()
        assert row["uri"] == f"mast:HST/product/{file}" and row["date"].endswith("Z")
    assert [str(cell) for cell in Table.read(tmp_path / "manifest.ecsv")["sha256"]] == list(table["sha256"])
    assert {path.name for path in (tmp_path / NAME).iterdir()} == set(FILES)


def test_finished_set_is_verified_and_nothing_is_asked_of_anybody(standin, one, tmp_path):
    fetched(one, tmp_path)
    standin.asked.clear()
    assert not exposures.plan(one, tmp_path).missing
    fetched(one, tmp_path)
    assert not standin.asked


def test_cut_connection_goes_on_where_it_was_cut(standin, one, tmp_path):
    path = f"/api/v0.1/Download/file?uri=mast:HST/product/{FILES[0]}"
    standin.cut[path] = CUT
    fetched(one, tmp_path)
    assert (tmp_path / NAME / FILES[0]).read_bytes() == exposure(0)
    assert [asked[2] for asked in standin.asked if asked[1] == path] == ["", f"bytes={KEPT}-"]


def test_fetch_that_was_given_up_goes_on_in_the_next_run(standin, one, tmp_path):
    path = f"/api/v0.1/Download/file?uri=mast:HST/product/{FILES[0]}"
    standin.cut[path] = CUT
    with pytest.raises(ArchiveError, match=f"{FILES[0]}.*run it again"):
        exposures.fetch(exposures.plan(one, tmp_path), progress=False, patience=Patience(tries=1))
    assert [path.name for path in (tmp_path / NAME).glob("*.fits")] == FILES[1:]
    plan = exposures.plan(one, tmp_path)
    assert plan.bytes == len(exposure(0)) - KEPT
    exposures.fetch(plan, progress=False, patience=QUICK)
    assert standin.asked[-1] == ("GET", path, f"bytes={KEPT}-")
    assert (tmp_path / NAME / FILES[0]).read_bytes() == exposure(0)
    assert {path.name for path in (tmp_path / NAME).iterdir()} == set(FILES)


@pytest.mark.parametrize("ranges", [True, False], ids=["parts are given", "parts are not given"])
def test_file_that_was_replaced_meanwhile_is_begun_anew(standin, one, tmp_path, ranges):
    path = f"/api/v0.1/Download/file?uri=mast:HST/product/{FILES[0]}"
    standin.cut[path] = CUT
    with pytest.raises(ArchiveError):
        exposures.fetch(exposures.plan(one, tmp_path), progress=False, patience=Patience(tries=1))
    standin.files[path], standin.ranges = exposure(9), ranges
    fetched(one, tmp_path)
    assert (tmp_path / NAME / FILES[0]).read_bytes() == exposure(9)
    assert standin.paths(path) == [path] * 2


def test_corrupted_file_is_found_by_its_checksum_and_fetched_again(standin, one, tmp_path):
    fetched(one, tmp_path)
    damaged = tmp_path / NAME / FILES[1]
    content = bytearray(damaged.read_bytes())
    content[5000] ^= 1
    damaged.write_bytes(content)
    plan = exposures.plan(one, tmp_path)
    assert [entry.name for entry in plan.missing] == FILES[1:]
    assert f"{FILES[1]} is not what came" in str(plan)
    exposures.fetch(plan, progress=False, patience=QUICK)
    assert damaged.read_bytes() == exposure(1)
    # It may have been the user who changed it.
    assert damaged.with_name(f"{FILES[1]}.kept1").read_bytes() == content


def test_user_s_own_file_of_that_name_is_refused_before_anything_is_fetched(standin, one, tmp_path):
    own = tmp_path / NAME / FILES[0]
    own.parent.mkdir()
    own.write_bytes(b"mine")
    with pytest.raises(InputError, match=f"{FILES[0]}.*move it away"):
        exposures.plan(one, tmp_path)
    assert own.read_bytes() == b"mine" and not standin.paths("Download")


def test_user_s_own_file_is_refused_after_a_fetch_that_failed_too(standin, one, tmp_path):
    standin.status[f"/api/v0.1/Download/file?uri=mast:HST/product/{FILES[0]}"] = 404
    with pytest.raises(ArchiveError):
        fetched(one, tmp_path)
    (tmp_path / NAME / FILES[0]).write_bytes(b"mine")
    with pytest.raises(InputError, match=f"{FILES[0]} did not come from here"):
        exposures.plan(one, tmp_path)


def test_manifest_that_cannot_be_read_is_named(standin, one, tmp_path):
    (tmp_path / "manifest.ecsv").write_text("name\nx\n", encoding="utf-8")
    with pytest.raises(InputError, match="manifest.ecsv cannot be read"):
        exposures.plan(one, tmp_path)


OUTSIDE = [
    "../evil_flc.fits",
    "../../../evil_flc.fits",
    "/tmp/evil_flc.fits",
    "..",
    ".hidden_flc.fits",
    "a/b.fits",
]


@pytest.mark.parametrize("name", [*OUTSIDE, "a\x1b_flc.fits", "a b_flc.fits"])
@pytest.mark.parametrize("column", ["name", "set"])
def test_manifest_with_a_name_that_leads_elsewhere_is_refused(standin, one, tmp_path, name, column):
    home = tmp_path / "a" / "b" / "c"
    fetched(one, home)
    table = Table.read(home / "manifest.ecsv", format="ascii.ecsv")
    table[column] = [name, *table[column][1:]]
    table.write(home / "manifest.ecsv", format="ascii.ecsv", overwrite=True)
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match="manifest.ecsv cannot be read .*no name of a file"):
        fetched(one, home)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize(
    "name",
    ["j8z030aeq_/../../../../evil", "../j8z030aeq", "j8z030aeq\n", "j8z030aeq_\x1b[2J"],
)
def test_name_from_the_archive_that_is_no_exposure_s_is_not_fetched(standin, one, tmp_path, name):
    standin.add_exposure("1", "j8z030010", name, exposure(5))
    fetched(one, tmp_path / "home")
    assert {path.name for path in (tmp_path / "home" / NAME).iterdir()} == set(FILES)
    assert {path.name for path in tmp_path.iterdir()} == {"home"}


def test_another_number_of_exposures_than_the_paper_s_warns(standin, one, tmp_path):
    standin.add_exposure("1", "j8z030010", "j8z030adq", exposure(5))
    with pytest.warns(StepWarning, match=f"{NAME}: the paper has 2 exposures and MAST 3.*j8z030adq"):
        plan = exposures.plan(one, tmp_path)
    assert len(plan.missing) == 3


def test_set_that_mast_does_not_have_warns_and_the_others_are_planned(standin, one, tmp_path):
    with pytest.warns(StepWarning, match="F435W_10524_7: the paper has 2 exposures and MAST 0"):
        plan = exposures.plan(one + sets.by_name(["F435W_10524_7"]), tmp_path)
    assert [entry.name for entry in plan.missing] == FILES


def test_nothing_at_all_is_an_error(standin, tmp_path):
    with pytest.raises(InputError, match="F435W_10524_7"), warnings.catch_warnings():
        warnings.simplefilter("ignore", StepWarning)
        exposures.plan(sets.by_name(["F435W_10524_7"]), tmp_path)


def test_size_that_mast_did_not_list_warns_and_the_file_is_kept(standin, one, tmp_path):
    for row in standin.products:
        row["size"] -= 1
    with pytest.warns(StepWarning, match="the list is older than the file"):
        fetched(one, tmp_path)
    assert not exposures.plan(one, tmp_path).missing


def test_page_in_place_of_a_file_is_not_taken_for_one(standin, one, tmp_path):
    standin.files[f"/api/v0.1/Download/file?uri=mast:HST/product/{FILES[0]}"] = b"<html>later</html>"
    with pytest.raises(ArchiveError, match="1 of 2 files.*not a FITS file"):
        fetched(one, tmp_path)
    assert [path.name for path in (tmp_path / NAME).iterdir()] == FILES[1:]


def test_portal_that_is_broken_is_named(standin, one, tmp_path):
    standin.status["/api/v0/invoke"] = 503
    with pytest.raises(ArchiveError, match=rf"{standin.address} does not answer.*try again later"):
        exposures.plan(one, tmp_path)


def test_portal_that_is_down_is_named(standin, one, tmp_path, monkeypatch):
    from astroquery.mast.discovery_portal import PortalAPI

    monkeypatch.setattr(PortalAPI, "COLUMNS_CONFIG_URL", "http://127.0.0.1:9/columns")
    with pytest.raises(ArchiveError, match="does not answer.*check the connection"):
        exposures.plan(one, tmp_path)


def test_files_that_are_refused_are_all_named(standin, one, tmp_path):
    for file in FILES:
        standin.status[f"/api/v0.1/Download/file?uri=mast:HST/product/{file}"] = 404
    with pytest.raises(ArchiveError, match=f"2 of 2 files.*{FILES[0]}, {FILES[1]}.*status 404"):
        fetched(one, tmp_path)


def test_archive_that_is_gone_is_not_asked_for_every_file(standin, one, tmp_path):
    more = [f"j8z030{letter}dq" for letter in "abcde"]
    for name in more:
        standin.add_exposure("1", "j8z030010", name, exposure(1))
    with pytest.warns(StepWarning, match="MAST 7"):
        plan = exposures.plan(one, tmp_path)
    standin.status |= dict.fromkeys(standin.files, 404)
    with pytest.raises(ArchiveError, match="3 of 7 files"):
        exposures.fetch(plan, progress=False, patience=QUICK)
    assert len(standin.paths("Download")) == 3


def test_second_fetch_into_the_same_directory_is_refused(standin, one, tmp_path):
    plan = exposures.plan(one, tmp_path)
    with fetch_directory.exclusive(tmp_path), pytest.raises(InputError, match="another process"):
        exposures.fetch(plan, progress=False)


def test_full_disk_is_told_before_anything_comes(standin, one, tmp_path, monkeypatch):
    plan = exposures.plan(one, tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(ExposureError, match="make room"):
        exposures.fetch(plan, progress=False)
    assert not standin.paths("Download")


@pytest.fixture
def cloud(standin, monkeypatch):
    """The cloud copy at the same address, with one of the two files."""
    pytest.importorskip("boto3")
    from astroquery.mast import utils

    def here(url, params=None, asked=utils._simple_request):
        return asked(url.replace("https://mast.stsci.edu", standin.address), params)

    monkeypatch.setattr(utils, "_simple_request", here)
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", standin.address)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    del standin.files[f"/stpubdata/hst/public/j8z0/{FILES[1][:9]}/{FILES[1]}"]
    return standin


def test_cloud_copy_is_used_where_it_has_the_file(cloud, one, tmp_path):
    plan = exposures.plan(one, tmp_path, cloud=True)
    with pytest.warns(StepWarning, match="1 of 2 files are not in the cloud and come from MAST"):
        exposures.fetch(plan, progress=False, patience=QUICK)
    got = [path for method, path, _ in cloud.asked if method == "GET" and path.endswith(".fits")]
    assert [path for path in got if "path_lookup" not in path] == [
        f"/stpubdata/hst/public/j8z0/{FILES[0][:9]}/{FILES[0]}",
        f"/api/v0.1/Download/file?uri=mast:HST/product/{FILES[1]}",
    ]
    assert (tmp_path / NAME / FILES[0]).read_bytes() == exposure(0)


def test_missing_client_is_named_with_the_extra_that_has_it(one, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "astroquery.mast", None)
    with pytest.raises(ParameterError, match=r"astroquery.*pip install 'acs_deepcr_step\[train\]'"):
        exposures.plan(one, tmp_path)


def test_command_without_yes_shows_the_plan_and_fetches_nothing(standin, tmp_path, capsys):
    assert main(["fetch", str(tmp_path / "new"), "--sets", NAME]) == 0
    assert "2 of 2 files to fetch" in (text := capsys.readouterr().out) and "--yes fetches it" in text
    assert not (tmp_path / "new").exists() and not standin.paths("Download")


def test_command_with_yes_fetches_and_a_second_time_finds_all_there(standin, tmp_path, capsys):
    assert main(["fetch", str(tmp_path), "--sets", NAME, "--yes"]) == 0
    assert [path.name for path in sorted((tmp_path / NAME).iterdir())] == FILES
    capsys.readouterr()
    assert main(["fetch", str(tmp_path), "--sets", NAME]) == 0
    assert "Everything is there and verified." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sets", "F435W_1_1"], "'F435W_1_1'"),
        (["--sets", NAME, "--filters", "F435W"], "leave out --filters"),
        (["--fields", "sparse"], "extragalactic"),
        (["--zenodo", "--filters", "F435W"], "whole archive"),
    ],
)
def test_call_that_cannot_be_meant_is_refused(options, said, tmp_path, capsys):
    assert main(["fetch", str(tmp_path), *options]) == 2
    assert said in capsys.readouterr().err
