"""The visits of a proposal are fetched from MAST: astroquery's own code, against a local stand-in."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from test_training_archive import FILES, NAME, exposure, standin  # noqa: F401 (a fixture)

from acs_deepcr_step import simulate
from acs_deepcr_step.cli import main
from acs_deepcr_step.errors import InputError, ParameterError
from acs_deepcr_step.training.archive import exposures
from acs_deepcr_step.training.archive.visits import Wanted

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "visit_from_mast.ipynb"


def planned(directory, *args, **wanted):
    return [
        (entry.set, entry.name)
        for entry in exposures.plan_proposal(Wanted(10349, **wanted), directory).missing
    ]


ALL = [(NAME, file) for file in FILES] + [
    ("F435W_10349_31", "j8z031abq_flc.fits"),
    ("F435W_10349_31", "j8z031adq_flc.fits"),
    ("F606W_10349_30", "j8z030baq_flc.fits"),
]


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"visits": ("30",)}, [0, 1, 4]),
        ({"visits": ("30",), "filters": ("f435w",)}, [0, 1]),
        ({"visits": ("31", "30"), "filters": ("F606W", "F814W")}, [4]),
    ],
)
def test_visits_and_filters_of_the_proposal_are_planned_and_nothing_else(standin, tmp_path, wanted, number):  # noqa: F811
    assert planned(tmp_path / "new", **wanted) == [ALL[i] for i in number]
    assert not (tmp_path / "new").exists() and not standin.paths("Download")


def test_the_command_fetches_them_by_visit_and_filter_and_says_what_comes_next(standin, tmp_path, capsys):  # noqa: F811
    call = ["fetch", str(tmp_path / "v"), "--proposal", "10349", "--visits", "30", "--filters", "F435W"]
    assert main(call) == 0
    assert "--yes fetches it" in capsys.readouterr().out and not (tmp_path / "v").exists()
    assert main([*call, "--yes"]) == 0
    out = capsys.readouterr().out
    for seed, file in enumerate(FILES):
        assert (tmp_path / "v" / NAME / file).read_bytes() == exposure(seed)
    assert f"next: acs-deepcr run '{tmp_path}/v/{NAME}/*_fl[ct].fits'" in out
    standin.asked.clear()
    assert main([*call, "--yes"]) == 0
    assert "there and verified" in capsys.readouterr().out and not standin.paths("Download")


def test_nothing_found_is_one_sentence(standin, tmp_path):  # noqa: F811
    with pytest.raises(InputError, match="proposal 10349, ACS/WFC, visits 99: check them"):
        planned(tmp_path, visits=("99",))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"visits": ("301",)}, "two letters or digits"),
        ({"visits": ("../",)}, "two letters or digits"),
        ({"detector": "NICMOS"}, "ACS/WFC, ACS/HRC, WFC3/UVIS"),
    ],
)
def test_what_cannot_be_is_refused_before_mast_is_asked(wrong, why):
    with pytest.raises(ParameterError, match=why):
        Wanted(10349, **wrong)


@pytest.mark.parametrize(
    "options",
    [
        ["--proposal", "10349", "--sets", NAME],
        ["--proposal", "10349", "--zenodo"],
        ["--visits", "30"],
        ["--detector", "ACS/HRC"],
        ["--proposal", "0"],
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path, capsys, options):
    assert main(["fetch", str(tmp_path / "v"), *options]) == 2
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "v").exists()


@pytest.mark.parametrize(
    ("filters", "name"),
    [
        ("CLEAR1L;F814W", "F814W"),
        ("F606W;POL0V", "F606W+POL0V"),
        ("CLEAR1S;CLEAR2S", "CLEAR"),
        ("F350LP", "F350LP"),
    ],
)
def test_filter_wheel_becomes_a_filter(filters, name):
    assert Wanted(1).filter_of(filters) == name
    assert Wanted(1, filters=(name,)).filter_of(filters) == name
    assert Wanted(1, filters=("F502N",)).filter_of(filters) is None


def test_names_of_other_instruments_and_of_mosaics_are_left_out():
    for name in ("hst_10349_30_acs_wfc_f435w_j8z030ab_flc.fits", "ibz030abq_flc.fits", "j8z030abq_flt.fits"):
        assert Wanted(1).visit_of(name) is None
    assert Wanted(1, detector="WFC3/UVIS").visit_of("ibz030abq_flc.fits") == "30"
    assert Wanted(1, visits=("A1", "3")).visit_of("j8z003abq_flc.fits") == "03"


# What makes a kernel ask the stand-in: only addresses are redirected.
STARTUP = """
from astroquery.mast import conf
from astroquery.mast.discovery_portal import PortalAPI
conf.server = "{address}"
PortalAPI.MAST_REQUEST_URL = "{address}/api/v0/invoke"
PortalAPI.COLUMNS_CONFIG_URL = "{address}/Mashup.asmx/columnsconfig"
"""


def test_the_notebook_goes_from_mast_to_an_image(standin, tmp_path, monkeypatch):  # noqa: F811
    """Its cells with `fetch = True`, up to the flags; tests/house/test_notebooks.py runs all of them."""
    for path in simulate.association(tmp_path / "sky", n=2, shape=(200, 200), chips=1, filter="F435W"):
        name = path.name.replace("j8sm01", "j8z030")
        standin.add_exposure("9", "j8z030030", name[:9], path.read_bytes())
    standin.observations.clear()
    standin.add_observation("9", "j8z030030", "CLEAR2L;F435W", 10349)
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "standin.py").write_text(STARTUP.format(address=standin.address))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    assert "fetch = False" in sources[0]
    cells = [sources[0].replace("fetch = False", "fetch = True"), *sources[1:3]]
    notebook.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    said = str([cell.outputs for cell in notebook.cells])
    assert "2 of 2 files to fetch" in said and "Done: visit" in said and said.count("'text/plain'") == 2
    assert len(standin.paths("Download")) == 2
    [flagged] = tmp_path.rglob("j8z030aaq_flc.fits")
    assert flagged.with_name("j8z030aaq_flc_deepcr.fits").is_file()
