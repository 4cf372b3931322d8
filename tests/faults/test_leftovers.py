"""What killed runs leave beside files is removed by the next one that writes them."""

import os
import shutil

import pytest
import torch
from harness import Conditions, call
from helpers import flag, mask_of
from verdict import Site, leftovers

from acs_deepcr_step import apply, report, undo
from acs_deepcr_step.errors import OutputError
from acs_deepcr_step.files.atomic import atomic
from acs_deepcr_step.training.archive.manifest import Entry, Manifest
from acs_deepcr_step.training.fit import checkpoint


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return Site(tmp_path_factory.mktemp("leftovers"))


def test_next_run_removes_what_a_kill_left_of_a_report(site):
    """A kill before each line that writes the report; all else is finished by then."""
    pars = {"report": True, "runfile": ""}
    site.fresh()
    steps = call(site.report, "run", [site.path], pars, Conditions("kill", 0)).steps
    first = next(i for i, name in enumerate(steps, 1) if name.startswith("atomic:write_private"))
    last = max(i for i, name in enumerate(steps, 1) if name.startswith("atomic:write_private"))
    left = set()
    for step in (first, last, len(steps) - 3):
        site.fresh()
        assert call(site.report, "run", [site.path], pars, Conditions("kill", step)).outcome == "killed"
        left.update(name.rpartition(".")[2] for name in leftovers(site.directory))
        assert call(site.report, "run", [site.path], pars).outcome == "done"
        assert sorted(os.listdir(site.directory)) == sorted([site.path.name, site.mask.name, report.NAME])
    assert left == {"deepcr-tmp", "deepcr-lock"}


def write_manifest(directory):
    Manifest(directory).add_planned([Entry("F435W_10349_30", "j8z030abq_flc.fits", "mast:x", 5)])
    return directory / "manifest.ecsv"


def write_checkpoint(directory):
    checkpoint.save(directory / "a.checkpoint", {"identity": {}, "weights": torch.zeros(3)})
    return directory / "a.checkpoint"


@pytest.mark.parametrize("write", [write_manifest, write_checkpoint])
def test_next_writing_removes_what_a_kill_left_of_a_file_of_the_training(here, write):
    name = write(here).name
    (here / f".{name}.0123abcd.deepcr-tmp").write_bytes(b"half of it")
    (here / f".{name}.deepcr-lock").touch()
    (here / f".{name}.notes").write_text("mine")
    (here / f".{name}.more.0123abcd.deepcr-tmp").write_text("of another file")
    write(here)
    assert sorted(os.listdir(here)) == sorted([name, f".{name}.notes", f".{name}.more.0123abcd.deepcr-tmp"])


def test_two_writers_of_one_file_come_one_after_the_other(here):
    with atomic(here / "a.txt") as first:
        first.write_text("first")
        assert (here / ".a.txt.deepcr-lock").exists()
    with atomic(here / "a.txt") as second:
        second.write_text("second")
    assert (here / "a.txt").read_text() == "second" and os.listdir(here) == ["a.txt"]


def test_directory_that_is_not_there_is_not_made_for_a_lock(here):
    with pytest.raises(OutputError, match="could not be written"), atomic(here / "none" / "a.txt"):
        pass
    assert not list(here.iterdir())


NEXT = {
    "run": lambda path: flag(path),
    "run without mask file": lambda path: flag(path, mask_file=False),
    "undo": lambda path: undo(path, runfile="", progress=False),
    "apply": lambda path: apply(path, path.with_name("made_elsewhere.fits"), runfile="", progress=False),
}


@pytest.mark.parametrize("next_call", NEXT.values(), ids=NEXT)
def test_hidden_mask_of_a_killed_run_without_mask_files_is_removed_by_the_next(one, here, next_call):
    clean = one.read_bytes()
    flag(one)
    mask = shutil.move(mask_of(one), here / "made_elsewhere.fits")
    one.write_bytes(clean)
    hidden = here / f".{mask_of(one).name}"
    shutil.copy(mask, hidden)
    next_call(one)
    assert not hidden.exists() and not leftovers(here)


def test_half_a_hidden_mask_of_a_killed_run_is_removed_by_the_next(one, here):
    (here / f"..{mask_of(one).name}.0123abcd.deepcr-tmp").write_bytes(b"half of it")
    flag(one)
    assert not leftovers(here)


def test_hidden_file_of_that_name_that_is_no_mask_is_left_alone(one, here):
    hidden = here / f".{mask_of(one).name}"
    hidden.write_text("mine")
    flag(one)
    assert hidden.read_text() == "mine"
