"""The demonstration, on a smaller field than the command's."""

import os

import pytest
from helpers import snapshot

from acs_deepcr_step import cli, demo
from acs_deepcr_step.errors import InputError


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(demo, "_SCENE", {**demo._SCENE, "shape": (320, 320), "field": "sparse"})
    monkeypatch.setattr(demo, "_CENTRE", (160, 160))


def test_demo_draws_a_picture_prints_two_tables_and_replaces_an_earlier_one_alone(small, here, capsys):
    show = here / "show"
    show.mkdir()
    for name in (demo.MARKER, demo.PICTURE, "mine.txt"):
        (show / name).write_text("there before")
    assert cli.main(["demo", "show"]) == 0
    out = capsys.readouterr().out
    assert (show / demo.PICTURE).read_bytes().startswith(b"\x89PNG")
    assert (show / "mine.txt").read_text() == "there before"
    assert all(word in out for word in ("flagged", "j8sm01acq_flc.fits", "no rejection", "after the step"))
    assert "AstroDrizzle" not in out
    assert max(map(len, out.replace(str(here), "").splitlines())) <= 80
    assert os.getcwd() == str(here)
    assert [path.name for path in here.iterdir()] == ["show"]


def test_demo_leaves_a_directory_that_holds_other_things_alone(here):
    (here / "flagged").mkdir()
    (here / "flagged" / "mine.fits").touch()
    before = snapshot(here)
    with pytest.raises(InputError, match="holds other things"):
        demo.main(here)
    assert snapshot(here) == before


def test_demo_refuses_a_file_for_a_directory(here):
    (here / "show").touch()
    with pytest.raises(InputError, match="is not a directory"):
        demo.main("show")
