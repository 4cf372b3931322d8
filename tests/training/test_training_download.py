"""One file from an address: whatever the server can and does, it is whole or it is not there."""

import pytest
from standin import serving

from acs_deepcr_step.errors import ArchiveError
from acs_deepcr_step.training.archive import download
from acs_deepcr_step.training.archive.download import Patience

CONTENT = bytes(range(256)) * 2000
QUICK = Patience(tries=3, wait=0.01, timeout=10.0)
CUT, KEPT = 200_000, 196_608


@pytest.fixture
def standin():
    with serving() as (address, standin):
        standin.url = address + "/file"
        standin.files["/file"] = CONTENT
        yield standin


def ranges(standin):
    return [asked[2] for asked in standin.asked]


def test_bytes_that_come_are_told_and_add_up(standin, tmp_path):
    told = []
    standin.cut["/file"] = CUT
    assert download.get(standin.url, tmp_path / "a.part", QUICK, told.append) == len(CONTENT)
    assert sum(told) == len(CONTENT)
    assert [path.name for path in tmp_path.iterdir()] == ["a.part"]


@pytest.mark.parametrize("able", ["ranges", "tags"])
def test_server_that_cannot_go_on_is_asked_for_all(standin, tmp_path, able):
    setattr(standin, able, False)
    standin.cut["/file"] = CUT
    told = []
    download.get(standin.url, tmp_path / "a.part", QUICK, told.append)
    assert (tmp_path / "a.part").read_bytes() == CONTENT
    assert sum(told) == len(CONTENT)
    # Without a tag nothing tells whether the rest belongs to the same version: it is not asked for.
    assert ranges(standin) == ["", "" if able == "tags" else f"bytes={KEPT}-"]


def test_answer_shorter_than_asked_for_is_followed_by_another(standin, tmp_path):
    standin.cut["/file"], standin.most = CUT, 200_000
    download.get(standin.url, tmp_path / "a.part", QUICK)
    assert (tmp_path / "a.part").read_bytes() == CONTENT
    assert ranges(standin) == ["", f"bytes={KEPT}-", f"bytes={KEPT + 200_000}-"]


def test_rest_of_another_version_is_not_joined_to_what_came(standin, tmp_path):
    standin.cut["/file"], standin.heedless = CUT, True
    with pytest.raises(ArchiveError):
        download.get(standin.url, tmp_path / "a.part", Patience(tries=1))
    standin.files["/file"] = CONTENT[::-1]
    download.get(standin.url, tmp_path / "a.part", QUICK)
    assert (tmp_path / "a.part").read_bytes() == CONTENT[::-1]


def test_part_that_is_complete_is_not_fetched_again(standin, tmp_path):
    part = tmp_path / "a.part"
    download.get(standin.url, part, QUICK)
    tag = tmp_path / "a.part.tag"
    with serving() as (address, other):
        other.files["/file"], other.cut["/file"] = CONTENT, CUT
        with pytest.raises(ArchiveError):
            download.get(address + "/file", tmp_path / "b.part", Patience(tries=1))
    tag.write_bytes((tmp_path / "b.part.tag").read_bytes())
    told = []
    assert download.get(standin.url, part, QUICK, told.append) == len(CONTENT)
    assert not told and part.read_bytes() == CONTENT


def test_server_that_stays_busy_is_given_up_after_the_tries(standin, tmp_path):
    standin.status["/file"] = 503
    with pytest.raises(ArchiveError, match="status 503.*run it again"):
        download.get(standin.url, tmp_path / "a.part", QUICK)
    assert len(standin.asked) == QUICK.tries


def test_file_that_does_not_exist_is_asked_for_once(standin, tmp_path):
    with pytest.raises(ArchiveError, match="status 404"):
        download.get(standin.url + "s", tmp_path / "a.part", QUICK)
    assert len(standin.asked) == 1


def test_directory_that_is_gone_is_named(standin, tmp_path):
    with pytest.raises(ArchiveError, match="gone.*could not be written"):
        download.get(standin.url, tmp_path / "gone" / "a.part", QUICK)
