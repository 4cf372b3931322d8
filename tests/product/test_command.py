"""`acs-deepcr drizzle`."""

import pytest
from astropy.io import fits
from helpers import flagged, snapshot

from acs_deepcr_step import cli


def called(*arguments):
    return cli.main(["drizzle", *map(str, arguments), "--runfile", "", "--no-progress"])


@pytest.mark.slow
def test_the_command_makes_the_image_and_names_every_file(one, here, capsys):
    before = set(snapshot(here))
    assert called(one, "--output", "final", "--set", "final_pixfrac=0.9", "build=yes") == 0
    said = capsys.readouterr().out
    made = set(snapshot(here)) - before
    assert {"final_drc.fits", "final_astrodrizzle.log"} <= made and all(f"/{name}\n" in said for name in made)
    assert "pixels filled (weight 0, extension FILLED)" in said
    assert fits.getval("final_drc.fits", "D001PIXF") == 0.9
    assert flagged(one).any()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "final_scale"], "--set final_scale: write NAME=VALUE"),
        (["--set", "final_scal=1"], "did you mean final_scale"),
        (["--set", "resetbits=8192"], "clear bit 8192"),
        (["--align", "threshold"], "--align threshold: write NAME=VALUE"),
        (["--align", "treshold=5"], "did you mean threshold"),
        (["--drizzle-cfg", "nowhere.cfg"], "nowhere.cfg"),
        (["--threshold", "2"], "threshold = 2"),
    ],
)
def test_a_call_that_cannot_be_changes_nothing(options, words, one, here, capsys):
    before = snapshot(here)
    assert called(one, "--output", "final", *options) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert snapshot(here) == before


def test_the_help_shows_an_example_and_how_flags_are_reused(capsys):
    with pytest.raises(SystemExit):
        cli.main(["drizzle", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "acs-deepcr drizzle '*_flc.fits' --output final" in said
    assert "redo, skip or error; default: skip" in said


def test_the_parameter_file_of_a_visit_that_is_not_there_is_refused(here, capsys):
    assert cli.main(["pars", "--hap", "nowhere.out"]) == 2
    assert "nowhere.out" in capsys.readouterr().err
