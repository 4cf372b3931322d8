"""Whose files the step writes, and who may read them."""

import os
import struct

import pytest
from harness import Conditions, call
from verdict import SECOND, Site, flag, place_for_others

from acs_deepcr_step import report
from acs_deepcr_step.files import clean_file
from acs_deepcr_step.files.rights import Rights, strictest

OWNER, COLLEAGUE, TEAM, OTHER_TEAM = 1500, 1501, 2500, 2501

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can become another user")


@pytest.fixture(scope="module")
def made():
    with place_for_others() as root:
        yield Site(root)


@pytest.fixture
def site(made):
    made.fresh()
    yield made
    made.directory.chmod(0o755)


def given_to(site, owner, group, mode, directory_mode=0o777):
    """The exposure as another user's, in a directory where others may write."""
    for path in site.directory.iterdir():
        os.chown(path, owner, group)
        path.chmod(mode)
    site.directory.chmod(directory_mode)


def as_colleague(site, what="run", pars=None, groups=(TEAM,)):
    return call(site.report, what, [site.path], pars, Conditions(user=COLLEAGUE, groups=groups))


def rights(path):
    found = path.stat()
    return found.st_uid, found.st_gid, found.st_mode & 0o7777


@as_root
def test_colleague_of_the_group_leaves_the_file_to_the_group(site):
    given_to(site, OWNER, TEAM, 0o660)
    told = as_colleague(site)
    assert told.outcome == "done" and site.state() == "new"
    assert rights(site.path) == rights(site.mask) == (COLLEAGUE, TEAM, 0o660)
    assert f"belonged to user {OWNER} and now belongs to {COLLEAGUE}" in " ".join(told.output.split())


@as_root
def test_owner_can_go_on_after_a_colleague(site):
    given_to(site, OWNER, TEAM, 0o660)
    assert as_colleague(site).outcome == "done"
    again = call(site.report, "run", [site.path], SECOND, Conditions(user=OWNER, groups=(TEAM,)))
    assert again.outcome == "done" and site.state(new=site.second) == "new"
    assert (
        call(site.report, "undo", [site.path], {}, Conditions(user=OWNER, groups=(TEAM,))).outcome == "done"
    )
    assert site.dq(site.path) == site.dq(site.original)


@as_root
@pytest.mark.parametrize("flagged", [False, True])
@pytest.mark.parametrize("mode", [0o666, 0o646])
def test_who_cannot_keep_the_group_changes_nothing_that_the_group_would_lose(site, mode, flagged):
    """Anybody may write here; who does so is in another group, which must not take the team's place."""
    site.fresh(flagged=flagged)
    given_to(site, OWNER, TEAM, mode)
    before = {path: (path.read_bytes(), rights(path)) for path in site.directory.iterdir()}
    told = as_colleague(site, "undo" if flagged else "run", groups=(OTHER_TEAM,))
    if mode == 0o666:  # the team has what everybody has
        assert told.outcome == "done" and rights(site.path)[2] == mode
    else:
        assert told.outcome == "refused"
        assert f"its group ({TEAM}) could not be kept" in told.message
        assert {path: (path.read_bytes(), rights(path)) for path in site.directory.iterdir()} == before


@as_root
def test_alignment_by_who_cannot_keep_the_group_changes_nothing(site):
    """It puts a new file in the place of the exposure, too, before any flag is set."""
    given_to(site, OWNER, TEAM, 0o646)
    other = site.path.with_name("other_flc.fits")
    other.write_bytes(site.path.read_bytes())
    other.chmod(0o666)
    before = {path: (path.read_bytes(), rights(path)) for path in site.directory.iterdir()}
    conditions = Conditions(user=COLLEAGUE, groups=(OTHER_TEAM,))
    pars = {"output": str(site.directory / "final"), "align": True}
    told = call(site.report, "drizzle", [other, site.path], pars, conditions)
    assert told.outcome == "refused" and f"its group ({TEAM}) could not be kept" in told.message
    assert {path: (path.read_bytes(), rights(path)) for path in site.directory.iterdir()} == before


@as_root
def test_owner_whom_the_group_does_not_help_is_not_locked_out(site):
    given_to(site, 1, TEAM, 0o660)  # the system knows user 1, who is not in the team
    told = as_colleague(site)
    assert told.outcome == "refused" and "its owner (1) could not be kept" in told.message
    assert rights(site.path) == (1, TEAM, 0o660) and site.state() == "old"


@as_root
def test_superuser_keeps_owner_and_group_of_all_files(site):
    given_to(site, OWNER, TEAM, 0o640)
    flag(site.path, clean_file=True)
    clean = site.path.with_name(clean_file.name_for(site.path))
    assert {rights(path) for path in (site.path, site.mask, clean)} == {(OWNER, TEAM, 0o640)}


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_mask_and_clean_file_have_the_mode_of_their_exposure(site, mode):
    site.path.chmod(mode)
    flag(site.path, clean_file=True)
    clean = site.path.with_name(clean_file.name_for(site.path))
    assert {path.stat().st_mode & 0o777 for path in (site.path, site.mask, clean)} == {mode}


def test_files_of_an_exposure_that_was_made_private_become_private(site):
    flag(site.path, clean_file=True)
    site.path.chmod(0o600)
    flag(site.path, clean_file=True, **SECOND)
    assert {path.stat().st_mode & 0o777 for path in site.directory.iterdir()} == {0o600}


@as_root
def test_copy_is_not_opened_to_the_group_of_who_makes_it(site):
    given_to(site, OWNER, TEAM, 0o644)
    site.path.chmod(0o654)
    told = as_colleague(site, pars={"output_dir": str(site.directory / "out")}, groups=())
    assert told.outcome == "done"
    made = [rights(path) for path in sorted((site.directory / "out").iterdir())]
    assert made == [(COLLEAGUE, COLLEAGUE, 0o644)] * 2


def test_report_has_the_mode_of_the_strictest_exposure(site):
    flag(site.path)
    other = site.path.with_name("other_flc.fits")
    other.write_bytes(site.original.read_bytes())
    flag(other)
    site.path.chmod(0o640)
    other.chmod(0o604)
    page = report.write([site.path, other], site.directory / "page.html")
    assert page.stat().st_mode & 0o777 == 0o600


def test_report_of_a_run_is_as_private_as_its_exposure(site):
    site.path.chmod(0o600)
    flag(site.path, report=True)
    assert (site.directory / report.NAME).stat().st_mode & 0o777 == 0o600


def test_access_list_is_carried_over(site):
    entries = ((1, 6, -1), (2, 4, COLLEAGUE), (4, 0, -1), (16, 4, -1), (32, 0, -1))
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
    try:
        os.setxattr(site.path, "system.posix_acl_access", acl)
    except (OSError, AttributeError):
        pytest.skip("this file system has no access lists")
    flag(site.path)
    assert {os.getxattr(path, "system.posix_acl_access") for path in (site.path, site.mask)} == {acl}


def test_group_that_cannot_be_kept_gets_no_more_than_anybody():
    old = Rights(os.getuid(), TEAM, 0o664)
    assert old.loss(Rights(os.getuid(), OTHER_TEAM, 0o644)) == f"its group ({TEAM}) could not be kept"
    assert Rights(os.getuid(), TEAM, 0o600).loss(Rights(os.getuid(), OTHER_TEAM, 0o600)) == ""


def test_strictest_rights_of_files_of_two_groups_leave_nothing_to_either():
    assert strictest([Rights(1, 10, 0o664), Rights(1, 11, 0o664)]) == Rights(-1, -1, 0o644)
    assert strictest([Rights(1, 10, 0o664), Rights(1, 10, 0o640)]) == Rights(-1, 10, 0o640)
    assert strictest([Rights(1, 10, 0o660), Rights(1, 11, 0o660)]) == Rights(-1, -1, 0o600)
