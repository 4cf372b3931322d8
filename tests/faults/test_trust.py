"""What a file says leads nowhere else: to no other path, to no network, and into the log as text."""

import os
import shutil
import warnings

import pytest
from astropy.io import fits
from harness import Conditions, call
from verdict import SECOND, Site, flag, with_right_sum

import acs_deepcr_step
from acs_deepcr_step.errors import ExposureError, InputError, RunError, StepWarning
from acs_deepcr_step.files import mask_file


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Site(tmp_path_factory.mktemp("trust"))


@pytest.fixture
def site(made, monkeypatch):
    made.fresh()
    monkeypatch.chdir(made.directory)
    return made


def set_header(path, **cards):
    with fits.open(path, mode="update") as hdus:
        for key, value in cards.items():
            hdus[0].header[key] = value


@pytest.mark.parametrize(
    "name", ["../outside.fits", "/etc/passwd", "..", ".", "a/../../outside.fits", "..\\outside.fits"]
)
def test_mask_name_in_a_header_leads_nowhere_else(site, name):
    flag(site.path)
    # Outside lies what would do: the mask file itself.
    shutil.move(site.mask, site.root / "outside.fits")
    set_header(site.path, DCRMASK=name)
    before = site.path.read_bytes()
    with pytest.raises(RunError, match="is missing") as caught:
        acs_deepcr_step.undo(site.path, runfile="", progress=False)
    assert f"{os.sep}.." not in str(caught.value) or name == ".."
    assert site.path.read_bytes() == before


@pytest.mark.parametrize("bit", [1, 256, -1, 0, 65536, 8193, True, 8192.5, "8192"])
@pytest.mark.parametrize("mask", ["NONE", None])
def test_bit_in_a_header_that_is_none_of_ours_is_not_cleared(site, bit, mask):
    flag(site.path, mask_file=mask != "NONE")
    set_header(site.path, DCRBIT=bit, **({"DCRMASK": mask} if mask else {}))
    before = site.path.read_bytes()
    with pytest.raises(RunError, match="DCRBIT"):
        acs_deepcr_step.undo(site.path, runfile="", progress=False)
    assert site.path.read_bytes() == before


@pytest.mark.parametrize("bit", [1, 256, -1, 65536, 8192 | 1])
def test_bit_in_a_mask_file_that_is_none_of_ours_is_not_set(site, bit):
    flag(site.path, update_dq=False)
    content = site.mask.read_bytes()
    old, new = (fits.Card("DCRBIT", value).image[:30].encode() for value in (8192, bit))
    assert old in content
    site.mask.write_bytes(with_right_sum(content.replace(old, new)))
    before = site.path.read_bytes()
    with pytest.raises(ExposureError, match="the bit of its flags"):
        acs_deepcr_step.apply(site.path, runfile="", progress=False)
    assert site.path.read_bytes() == before


def test_count_that_is_missing_is_no_permission_to_clear(site):
    flag(site.path, mask_file=False)
    with fits.open(site.path, mode="update") as hdus:
        del hdus["DQ", 1].header["DCRNPIX"]
    with pytest.raises(RunError, match="cannot be taken back"):
        acs_deepcr_step.undo(site.path, runfile="", progress=False)


def test_vast_image_in_a_small_mask_file_is_not_unpacked(site):
    flag(site.path)
    content = site.mask.read_bytes()
    old = fits.Card("ZNAXIS2", 64).image[:30].encode()
    assert old in content
    new = fits.Card("ZNAXIS2", 2_000_000).image[:30].encode()
    site.mask.write_bytes(with_right_sum(content.replace(old, new, 1)))
    with pytest.raises(ExposureError, match="an image of shape"):
        mask_file.read(site.mask)


@pytest.mark.parametrize("member", ["../../X", "/ETC/PASSWD", "..", "A/B", "A B", "$HOME", "~", "*", ""])
def test_member_of_an_association_leads_nowhere_else(site, member):
    columns = [
        fits.Column("MEMNAME", "14A", array=[member]),
        fits.Column("MEMTYPE", "14A", array=["EXP-DTH"]),
    ]
    fits.BinTableHDU.from_columns(columns).writeto("a_asn.fits")
    before = site.path.read_bytes()
    with pytest.raises(InputError, match="no rootname|no exposure"):
        acs_deepcr_step.run("a_asn.fits", runfile="")
    assert site.path.read_bytes() == before


def test_name_with_control_characters_is_escaped_in_the_log(site):
    evil = shutil.copy(site.path, site.directory / "a\x1b[2J\nb\r_flc.fits")
    flag(evil, runfile="a.log")
    log = (site.directory / "a.log").read_text()
    assert r"a\x1b[2J\nb\r_flc.fits" in log
    assert "\x1b" not in log and "\r" not in log
    assert all(line[:4].isdigit() for line in log.splitlines())  # each line is a record with its date


@pytest.mark.parametrize("value", [b"'a\x1b[31m'", b"'a\x07b'", b"'a\xe9\xff'", b"'a\x00b'", b"'$HOME %s ~'"])
@pytest.mark.parametrize("key", [b"FILTER1", b"ROOTNAME", b"INSTRUME", b"DETECTOR"])
def test_header_values_are_text(site, key, value):
    """Refused, or taken as they stand; no control character reaches a message, the table or the log."""
    content = bytearray(site.path.read_bytes())
    at = content.index(key.ljust(8) + b"=")
    content[at + 10 : at + 80] = value.ljust(70)
    site.path.write_bytes(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            told = " ".join(str(flag(site.path, runfile="a.log")["filter"][0]).split())
    except (ExposureError, RunError) as error:
        told = str(error)
        assert site.path.read_bytes() == content
    assert told.isprintable()
    log = site.directory / "a.log"
    assert not log.exists() or all(c.isprintable() or c == "\n" for c in log.read_text())


@pytest.mark.parametrize("name", ["\u00e9_flc.fits", "a\x1bb_flc.fits", "n" * 120 + "_flc.fits"])
def test_any_name_of_a_file_goes(site, name):
    """Headers hold printable ASCII and short values only; the exposure has no ROOTNAME but its file's."""
    path = site.path.rename(site.directory / name)
    with fits.open(path, mode="update") as hdus:
        del hdus[0].header["ROOTNAME"]
    before = site.dq(path)
    flag(path)
    assert site.dq(path) == site.dq(site.flagged / site.path.name)
    flag(path, **SECOND)
    acs_deepcr_step.undo(path, runfile="", progress=False)
    assert site.dq(path) == before


def test_no_network_is_used(site):
    report = call(site.report, "run", [site.path], {}, Conditions(without_network=True))
    assert report.outcome == "done" and site.state() == "new"


def test_hard_link_is_named_and_the_other_name_keeps_its_content(site):
    other = site.directory / "other_name.fits"
    os.link(site.path, other)
    with pytest.warns(StepWarning, match=f"{site.path.name} is one of 2 names of the same file"):
        acs_deepcr_step.run(site.path, runfile="", progress=False, precision="float32")
    assert site.state() == "new"
    assert other.read_bytes() == site.original.read_bytes()


@pytest.mark.parametrize("outcome", ["update_dq=no", "output_dir"])
def test_hard_link_that_stays_whole_is_not_warned_of(site, outcome):
    os.link(site.path, site.directory / "other_name.fits")
    pars = {"update_dq": False} if outcome == "update_dq=no" else {"output_dir": "out"}
    with warnings.catch_warnings():
        warnings.simplefilter("error", StepWarning)
        acs_deepcr_step.run(site.path, runfile="", progress=False, precision="float32", **pars)


def test_behind_a_symlink_the_file_is_flagged_and_has_its_mask_beside_it(site, tmp_path):
    archive = tmp_path / "archive"
    archive.mkdir()
    real = shutil.move(site.path, archive / site.path.name)
    site.path.symlink_to(real)
    flag(site.path)
    assert site.path.is_symlink() and site.state() == "new"
    assert sorted(os.listdir(archive)) == sorted([real.name, mask_file.name_for(real)])
    assert os.listdir(site.directory) == [site.path.name]


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_private_exposure_is_private_while_it_is_written(site, mode):
    """A kill at each step: what is left behind is for nobody else either."""
    site.path.chmod(mode)
    steps = call(site.report, "run", [site.path], {}, Conditions("kill", 0)).steps
    first = next(i for i, name in enumerate(steps) if name.startswith("atomic:private"))
    for step in range(first + 2, len(steps) - 100, 60):
        site.fresh()
        site.path.chmod(mode)
        call(site.report, "run", [site.path], {}, Conditions("kill", step))
        left = [entry for entry in site.directory.iterdir() if entry.name.endswith(".deepcr-tmp")]
        assert all(entry.stat().st_mode & 0o077 & ~mode == 0 for entry in left)


def test_directory_that_cannot_be_flushed_is_warned_of(site, monkeypatch):
    real = os.fsync

    def fsync(descriptor):
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(22, "Invalid argument")
        real(descriptor)

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc to tell directories")
    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.warns(StepWarning, match="is written, but its directory could not be flushed"):
        acs_deepcr_step.run(site.path, runfile="", progress=False, precision="float32")
    assert site.state() == "new"


def test_log_on_a_full_disk_is_told_of_once_and_stops_no_run(site):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    with pytest.warns(StepWarning, match="The log /dev/full is incomplete") as caught:
        acs_deepcr_step.run(site.path, runfile="/dev/full", progress=False, precision="float32")
    assert site.state() == "new" and len(caught) == 1
