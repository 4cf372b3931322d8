"""The published patches, from the record or a copy: complete, verified, never outside their directory."""

import hashlib
import io
import json
import shutil
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from standin import serving

from acs_deepcr_step.cli import main
from acs_deepcr_step.errors import ArchiveError, ExposureError, InputError
from acs_deepcr_step.training.archive import unpacking, zenodo
from acs_deepcr_step.training.archive.download import Patience

QUICK = Patience(tries=2, wait=0.01, timeout=10.0)
RECORD = "/api/records/4295902"
TRAIN, TEST = "deepCR.ACS-WFC.train.tar", "deepCR.ACS-WFC.test.tar"
CUT, KEPT = 200_000, 196_608


@pytest.fixture(scope="session")
def patches(tmp_path_factory):
    """A small archive in the published layout, unpacked."""
    root = tmp_path_factory.mktemp("patches")
    draw = np.random.default_rng(1)
    for part, visit in (("npy_train", "f435w/10349/30"), ("npy_test", "f814w/12602/1")):
        folder = root / part / visit
        folder.mkdir(parents=True)
        np.save(folder / "sky.npy", np.array([31.0, 33.0]))
        for number in (1, 2):
            np.save(folder / f"{number}_0.npy", draw.normal(40, 5, (3, 128, 128)).astype("f4"))
    return root


@pytest.fixture(scope="session")
def packed(patches, tmp_path_factory):
    """The two archives of the record."""
    root = tmp_path_factory.mktemp("packed")
    for name, part in ((TRAIN, "npy_train"), (TEST, "npy_test")):
        with tarfile.open(root / name, "w") as file:
            file.add(patches / part, part)
    return root


@pytest.fixture
def standin(packed):
    """The record, with its two archives and a file that is none."""
    with serving() as (address, standin):
        standin.address = address
        files = []
        for name in (TRAIN, TEST, "README.txt"):
            content = (packed / name).read_bytes() if name.endswith("tar") else b"read me"
            path = f"{RECORD}/files/{name}/content"
            standin.files[path] = content
            checksum = "md5:" + hashlib.md5(content).hexdigest()
            links = {"self": address + path}
            files.append({"key": name, "size": len(content), "checksum": checksum, "links": links})
        standin.record = {"id": 4295902, "files": files}
        standin.files[RECORD] = json.dumps(standin.record).encode()
        yield standin


@pytest.mark.parametrize("key", ["a/..tar", "-x.tar", "a\x1b.tar", "~/.tar", "a b.tar"])
def test_record_with_a_strange_name_is_refused(standin, tmp_path, key):
    standin.record["files"][0]["key"] = key
    standin.files[RECORD] = json.dumps(standin.record).encode()
    with pytest.raises(ArchiveError, match="no name of a file"):
        zenodo.plan(tmp_path / "home", standin.address + RECORD)
    assert not (tmp_path / "home").exists()


def contents(directory):
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*.npy"))
        if path.parent != directory
    }


def test_record_is_planned_with_its_sizes_and_nothing_is_fetched(standin, packed, tmp_path):
    plan = zenodo.plan(tmp_path / "new", standin.address + RECORD)
    assert plan.bytes == sum((packed / name).stat().st_size for name in (TRAIN, TEST))
    text = str(plan)
    assert TRAIN in text and TEST in text and "to fetch" in text and "README" not in text
    assert not (tmp_path / "new").exists() and not standin.paths("content")


def test_record_is_fetched_and_unpacked(standin, patches, tmp_path):
    found = zenodo.fetch(zenodo.plan(tmp_path, standin.address + RECORD), progress=False, patience=QUICK)
    assert found == {"train": tmp_path / "npy_train", "test": tmp_path / "npy_test"}
    assert contents(tmp_path) == contents(patches)


def test_page_of_the_record_means_its_files(standin, tmp_path):
    for page in ("/record/4295902", "/records/4295902"):
        assert len(zenodo.plan(tmp_path, standin.address + page).archives) == 2


def test_finished_archive_is_not_fetched_again_even_if_it_was_removed(standin, tmp_path):
    zenodo.fetch(zenodo.plan(tmp_path, standin.address + RECORD), progress=False, patience=QUICK)
    (tmp_path / TRAIN).unlink()
    standin.asked.clear()
    plan = zenodo.plan(tmp_path, standin.address + RECORD)
    assert not plan.missing and "unpacked already" in str(plan)
    zenodo.fetch(plan, progress=False, patience=QUICK)
    assert not standin.paths("content")


def test_cut_connection_goes_on_where_it_was_cut(standin, patches, tmp_path):
    path = f"{RECORD}/files/{TRAIN}/content"
    standin.cut[path] = CUT
    with pytest.raises(ArchiveError, match="run it again"):
        zenodo.fetch(
            zenodo.plan(tmp_path, standin.address + RECORD), progress=False, patience=Patience(tries=1)
        )
    plan = zenodo.plan(tmp_path, standin.address + RECORD)
    assert plan.bytes == sum(one.bytes for one in plan.archives) - KEPT
    zenodo.fetch(plan, progress=False, patience=QUICK)
    assert [asked[2] for asked in standin.asked if asked[1] == path] == ["", f"bytes={KEPT}-"]
    assert contents(tmp_path) == contents(patches)


def test_archive_with_another_checksum_is_removed_and_fetched_again(standin, patches, tmp_path):
    path = f"{RECORD}/files/{TRAIN}/content"
    good = standin.files[path]
    standin.files[path] = bytes(reversed(good))
    with pytest.raises(ArchiveError, match=f"{TRAIN} came with another MD5"):
        zenodo.fetch(zenodo.plan(tmp_path, standin.address + RECORD), progress=False, patience=QUICK)
    assert not (tmp_path / "npy_train").exists()
    standin.files[path] = good
    zenodo.fetch(zenodo.plan(tmp_path, standin.address + RECORD), progress=False, patience=QUICK)
    assert contents(tmp_path) == contents(patches)


def test_user_s_own_file_of_an_archive_s_name_is_refused(standin, tmp_path):
    (tmp_path / TRAIN).write_bytes(b"mine")
    with pytest.raises(InputError, match=f"{TRAIN} is not what the record has"):
        zenodo.fetch(zenodo.plan(tmp_path, standin.address + RECORD), progress=False, patience=QUICK)
    assert (tmp_path / TRAIN).read_bytes() == b"mine"


def test_record_that_is_down_is_named(tmp_path):
    with pytest.raises(ArchiveError, match=r"127.0.0.1:9/.* does not answer.*check the connection"):
        zenodo.plan(tmp_path, "http://127.0.0.1:9/api/records/1", QUICK)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html>", "else than JSON"),
        (b'{"files": [{}]}', "public files"),
        (b'{"files": []}', "archive"),
    ],
    ids=["a page", "no files", "no archive"],
)
def test_answer_that_is_no_record_is_named(standin, tmp_path, content, said):
    standin.files[RECORD] = content
    with pytest.raises(ArchiveError, match=said):
        zenodo.plan(tmp_path, standin.address + RECORD, QUICK)


def test_busy_server_is_asked_again(standin, tmp_path):
    standin.status[RECORD] = 429
    with pytest.raises(ArchiveError, match="status 429"):
        zenodo.plan(tmp_path, standin.address + RECORD, QUICK)
    assert standin.paths(RECORD) == [RECORD] * 2


@pytest.mark.parametrize("whole", [True, False], ids=["directory", "file"])
def test_local_archive_is_unpacked_and_left_where_it_is(packed, patches, tmp_path, whole):
    source = packed if whole else packed / TRAIN
    before = {path.name: path.read_bytes() for path in packed.iterdir()}
    found = zenodo.fetch(zenodo.plan(tmp_path, source), progress=False)
    wanted = contents(patches) if whole else {k: v for k, v in contents(patches).items() if "train" in k}
    assert contents(tmp_path) == wanted and set(found) == ({"train", "test"} if whole else {"train"})
    assert {path.name: path.read_bytes() for path in packed.iterdir()} == before
    assert not zenodo.plan(tmp_path, source).missing


def test_local_zip_is_unpacked(patches, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "patches"), "zip", patches)
    zenodo.fetch(zenodo.plan(tmp_path / "here", archive), progress=False)
    assert contents(tmp_path / "here") == contents(patches)


def test_unpacked_copy_is_used_where_it_is(patches, tmp_path):
    plan = zenodo.plan(tmp_path / "new", patches)
    assert "nothing to fetch" in str(plan)
    assert zenodo.fetch(plan)["test"] == patches / "npy_test"
    assert not (tmp_path / "new").exists()


def test_interrupted_unpacking_goes_on(packed, patches, tmp_path, monkeypatch):
    write, written = unpacking._write, []

    def interrupted(source, member, target):
        if len(written) == 1:
            raise KeyboardInterrupt
        written.append(member.name)
        write(source, member, target)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(unpacking, "_write", interrupted)
        zenodo.fetch(zenodo.plan(tmp_path, packed / TRAIN), progress=False)
    [first] = tmp_path.rglob("*.npy")
    stamp = first.stat().st_mtime_ns
    zenodo.fetch(zenodo.plan(tmp_path, packed), progress=False)
    assert contents(tmp_path) == contents(patches)
    assert first.stat().st_mtime_ns == stamp


def test_another_archive_of_the_same_name_does_not_go_on_with_the_first(packed, tmp_path):
    copy = Path(shutil.copy(packed / TRAIN, tmp_path))
    zenodo.fetch(zenodo.plan(tmp_path / "here", copy), progress=False)
    before = contents(tmp_path / "here")
    with tarfile.open(copy, "w") as file:
        file.addfile(tarfile.TarInfo("npy_train/f435w/10349/30/1_0.npy"))
    plan = zenodo.plan(tmp_path / "here", copy)
    assert plan.missing
    with pytest.raises(InputError, match="1_0.npy is there already"):
        zenodo.fetch(plan, progress=False)
    assert contents(tmp_path / "here") == before


def test_user_s_own_patch_is_never_overwritten(packed, tmp_path):
    own = tmp_path / "npy_train" / "f435w" / "10349" / "30" / "1_0.npy"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    with pytest.raises(InputError, match="1_0.npy is there already"):
        zenodo.fetch(zenodo.plan(tmp_path, packed / TRAIN), progress=False)
    assert own.read_bytes() == b"mine" and len(list(tmp_path.rglob("*.npy"))) == 1


def hostile(path, name, kind):
    """An archive with one good file and one that is not."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("npy_train/f435w/1/1/good.npy", b"good")
            file.writestr(name, b"evil")
        return
    with tarfile.open(path, "w") as file:
        for info in (tarfile.TarInfo("npy_train/f435w/1/1/good.npy"), tarfile.TarInfo(name)):
            info.size = 4
            if info.name == name and kind != tarfile.REGTYPE:
                info.type, info.size, info.linkname = kind, 0, "../../evil"
            file.addfile(info, io.BytesIO(b"evil"))


@pytest.mark.parametrize(
    ("archive", "name", "kind"),
    [
        ("a.tar", "../evil.npy", tarfile.REGTYPE),
        ("a.tar", "npy_train/../../evil.npy", tarfile.REGTYPE),
        ("a.tar", "/tmp/evil.npy", tarfile.REGTYPE),
        ("a.tar", "npy_train/link.npy", tarfile.SYMTYPE),
        ("a.tar", "npy_train/link.npy", tarfile.LNKTYPE),
        ("a.tar", "npy_train/pipe.npy", tarfile.FIFOTYPE),
        ("a.zip", "../evil.npy", tarfile.REGTYPE),
        ("a.zip", "/tmp/evil.npy", tarfile.REGTYPE),
    ],
)
def test_archive_that_leads_out_of_its_directory_is_refused_whole(tmp_path, archive, name, kind):
    hostile(tmp_path / archive, name, kind)
    target = tmp_path / "deep" / "here"
    with pytest.raises(ArchiveError, match="not to be trusted"):
        zenodo.fetch(zenodo.plan(target, tmp_path / archive), progress=False)
    assert not list(tmp_path.rglob("*.npy"))


def test_link_in_the_directory_is_not_followed_out_of_it(packed, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "npy_train").symlink_to(tmp_path / "outside")
    with pytest.raises(ArchiveError, match="a link that leads out of it"):
        zenodo.fetch(zenodo.plan(tmp_path / "here", packed / TRAIN), progress=False)
    assert not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize("keep", [0, 700, 1024, 2000, 5000, 150_000])
def test_broken_archive_is_named_and_unpacked_nowhere(packed, tmp_path, keep):
    broken = tmp_path / TRAIN
    broken.write_bytes((packed / TRAIN).read_bytes()[:keep])
    with pytest.raises(ArchiveError, match=f"{TRAIN} is broken"):
        zenodo.fetch(zenodo.plan(tmp_path / "here", broken), progress=False)
    assert not list(tmp_path.rglob("*.npy"))


def _zip_with(change, method=zipfile.ZIP_STORED):
    """The bytes of a zip archive of one file, changed."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as file:
        file.writestr("npy_train/evil.npy", bytes(1000))
    return change(bytearray(made.getvalue()))


def _set(where, value):
    def change(content):
        central = content.index(b"PK\x01\x02")
        content[central + where : central + where + len(value)] = value
        return content

    return change


def _tar_with(name=b"", size=b""):
    header = bytearray(tarfile.TarInfo("npy_train/evil.npy").tobuf())
    header[: len(name)] = name
    header[124 : 124 + len(size)] = size
    header[148:156] = b" " * 8
    header[148:155] = b"%06o\0" % sum(header)
    return bytes(header) + bytes(3 * 512)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.zip", _zip_with(lambda content: content.replace(b"train/evil", b"train\0evil"))),
        ("a.zip", _zip_with(_set(10, b"\x63\0"))),
        ("a.zip", _zip_with(_set(24, b"\xff\xff\0\0"), zipfile.ZIP_DEFLATED)),
        ("a.zip", _zip_with(_set(24, b"\x05\0\0\0"))),
        ("a.zip", _zip_with(_set(42, b"\xff\xff\xff\x7f"))),
        ("a.tar", _tar_with(name=b"\0" * 20)),
        ("a.tar", _tar_with(size=b"00000777777\0")),
        ("a.tar", _tar_with(size=b"\xff" * 12)),
        ("a.tar", _tar_with(size=b"not octal")),
    ],
    ids=["NUL", "method", "too large", "too small", "offset", "no name", "tar size", "negative", "no number"],
)
def test_malformed_archive_is_named(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    (tmp_path / "out").mkdir()
    with pytest.raises(ArchiveError, match=name):
        unpacking.unpack(tmp_path / name, tmp_path / "out")
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


def test_full_disk_is_told_before_anything_is_unpacked(packed, tmp_path, monkeypatch):
    plan = zenodo.plan(tmp_path / "here", packed)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(ExposureError, match="make room"):
        zenodo.fetch(plan, progress=False)
    assert not list(tmp_path.rglob("*.npy"))


def test_room_for_what_is_unpacked_is_asked_for_before_the_fetch(standin, tmp_path, monkeypatch):
    plan = zenodo.plan(tmp_path, standin.address + RECORD)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=plan.bytes + 1))
    with pytest.raises(ExposureError, match="make room"):
        zenodo.fetch(plan, progress=False)
    assert not standin.paths("content")


@pytest.mark.parametrize("source", ["nowhere", "."], ids=["absent", "empty"])
def test_copy_that_has_nothing_is_refused(tmp_path, source):
    with pytest.raises(InputError, match="name"):
        zenodo.plan(tmp_path / "new", tmp_path / source)


def test_command_unpacks_a_copy(packed, patches, tmp_path, capsys):
    call = ["fetch", str(tmp_path), "--zenodo", str(packed)]
    assert main(call) == 0
    assert "Nothing was fetched" in capsys.readouterr().out and not (tmp_path / "npy_train").exists()
    assert main([*call, "--yes"]) == 0
    assert contents(tmp_path) == contents(patches)
