"""What is scored, and what an evaluation leaves behind: tables, figures, the command."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astroscrappy import detect_cosmics
from helpers import set_dq, snapshot

from acs_deepcr_step import detect, simulate
from acs_deepcr_step.cli import main
from acs_deepcr_step.errors import InputError
from acs_deepcr_step.training.evaluation import counts_file, figures, outputs, scoring, table3
from acs_deepcr_step.training.evaluation.figures import NamedMask
from acs_deepcr_step.training.evaluation.tally import PLAIN, PUBLISHED, Key, Tallies, Tally, tallied
from acs_deepcr_step.training.samples import FIELD_TYPES, Origin, Sample, ignored
from acs_deepcr_step.training.simulated import simulator


@pytest.fixture(scope="module")
def chip():
    """A small simulated chip with many cosmic rays."""
    return next(simulator.chips([17], "sparse", "F606W", (160, 192), cr_rate=6.0))


def drawn(seed, field="galaxy", band="F435W"):
    """A sample whose image is also what a good model would say of it."""
    rng = np.random.default_rng(seed)
    truth, ignore = rng.random((64, 64)) < 0.05, rng.random((64, 64)) < 0.02
    scores = np.where(truth, 1 - rng.random(truth.shape) ** 2, rng.random(truth.shape) ** 30)
    origin = Origin(f"set{seed}", f"e{seed}", 1, band, field)
    return Sample(scores.astype(np.float32), truth, ignore, 0.0, origin)


@pytest.fixture(scope="module")
def tallies():
    """Counts of the paper's two models, another one, LACosmic and a mask, without running any of them."""
    doubts = {"ACS-WFC": 0.0, "ACS-WFC-F435W": 0.1, "mine": 0.2}
    doubt = np.random.default_rng(0).random((64, 64), np.float32)
    scorers = [
        scoring.Scorer(name, lambda sample, most=most: sample.image * (1 - most * doubt))
        for name, most in doubts.items()
    ]
    scorers += [
        scoring.Scorer("LACosmic", lambda s, cut=cut: s.image > cut, setting=sigclip, is_mask=True)
        for sigclip, cut in ((5.0, 0.75), (30.0, 0.93))
    ]
    scorers += [scoring.Scorer("DQ 8192", lambda sample: sample.image > 0.5, is_mask=True)]
    return tallied([drawn(i, field) for i in range(4) for field in FIELD_TYPES], scorers)


# --- samples of the simulator ---


def test_simulated_exposures_come_with_the_truth_of_the_simulator(simulated_pair):
    paths = sorted(simulated_pair.glob("*_flc.fits"))
    found = list(simulator.samples(paths))
    assert [(s.origin.exposure, s.origin.extver) for s in found] == [
        (path.name[:9], extver) for path in paths for extver in (1, 2)
    ]
    for sample, truth in zip(found, [t for path in paths for t in simulate.read_truth(path)], strict=True):
        path = simulated_pair / f"{sample.origin.exposure}_flc.fits"
        assert np.array_equal(sample.image, fits.getdata(path, "SCI", truth.extver))
        assert np.array_equal(sample.truth, truth.cr)
        assert np.array_equal(sample.ignore, ignored(sample.image, truth.dq_clean))
        assert sample.origin.field == "extragalactic" and sample.origin.exptime == 512.0
        assert abs(sample.sky - np.median(sample.image)) < 3


@pytest.mark.parametrize("field", simulate.FIELDS)
def test_every_simulated_field_stands_for_a_field_type_of_the_paper(field, tmp_path):
    [path] = simulate.association(tmp_path, n=1, shape=(64, 64), chips=1, field=field, filter="F435W")
    [sample] = simulator.samples(path)
    assert sample.origin.field in FIELD_TYPES and sample.origin.filter == "F435W"
    [chip] = simulator.chips([1], field, shape=(64, 64))
    assert chip.origin.field == sample.origin.field


def test_exposure_without_its_truth_is_refused_before_anything_is_read(one):
    with pytest.raises(InputError, match="_flc_truth.fits is missing"):
        simulator.samples(one)


# --- scorers ---


def test_a_model_is_scored_by_the_probabilities_of_the_step(chip):
    scorer = scoring.model("ACS-WFC-F606W", precision="float32")
    assert np.array_equal(scorer(chip), detect.probability(chip.image, "ACS-WFC-F606W", precision="float32"))
    assert scorer.applies_to(chip.origin) and not scorer.applies_to(replace(chip.origin, filter="F814W"))


def test_the_models_of_table_3_are_the_global_one_and_the_filters_own():
    found = {scorer.name: scorer.filter for scorer in scoring.published()}
    own = {f"ACS-WFC-{band}": band for band in ("F435W", "F606W", "F814W")}
    assert found == {"ACS-WFC": "", **own}
    assert [scorer.name for scorer in scoring.published(["F606W", "F775W"])] == ["ACS-WFC", "ACS-WFC-F606W"]


def test_lacosmic_is_astroscrappy_with_the_settings_of_the_paper(chip):
    scorers = scoring.lacosmic((5.0, 12.0))
    masks = [scorer(chip) for scorer in scorers]
    settings = {"sigfrac": 0.3, "objlim": 2, "niter": 4, "sepmed": False, "cleantype": "medmask"}
    expected = detect_cosmics(chip.image, sigclip=12.0, gain=1, readnoise=5, satlevel=np.inf, **settings)[0]
    assert np.array_equal(masks[1], expected)
    assert masks[0].sum() > masks[1].sum() > 0 and (masks[1] & chip.truth).mean() > 0.3 * chip.truth.mean()
    [key] = (made := tallied([chip], scorers)).keys()
    assert made.roc(key).thresholds.tolist() == [12.0, 5.0]


def test_lacosmic_takes_an_image_with_pixels_that_are_not_finite(chip):
    image = chip.image.copy()
    image[40:44, 50] = np.nan
    [scorer] = scoring.lacosmic((6.0,))
    mask, before = scorer(replace(chip, image=image)), scorer(chip)
    assert not mask[40:44, 50].any() and np.array_equal(mask[60:], before[60:])


def test_flags_in_dq_and_in_mask_files_are_scored(simulated_pair, pair):
    wanted = np.zeros((256, 256), bool)
    wanted[10:20, 30:33] = True
    for path in pair:
        set_dq(path, wanted, 16384, extver=2)
        shutil.copy(simulated_pair / f"{path.stem}_truth.fits", path.parent)
        mask = [fits.ImageHDU(wanted.astype(np.uint8) * extver, name="MASK", ver=extver) for extver in (1, 2)]
        fits.HDUList([fits.PrimaryHDU(), *mask]).writeto(path.with_name(f"{path.stem}_mine.fits"))
    flagged = scoring.dq_flags(pair, 16384)
    mine = scoring.mask_files([str(path.with_name(f"{path.stem}_mine.fits")) for path in pair], "mine")
    for sample in simulator.samples(pair):
        assert np.array_equal(flagged(sample), wanted if sample.origin.extver == 2 else wanted & False)
        assert np.array_equal(mine(sample), wanted)
    with pytest.raises(InputError, match=f"no file of mine for exposure {sample.origin.exposure}"):
        scoring.mask_files(pair[0].with_name(f"{pair[0].stem}_mine.fits"), "mine")(sample)
    with pytest.raises(InputError, match=r"has one of \(256, 256\)"):
        mine(replace(sample, image=sample.image[1:]))


# --- Table 3 ---


def test_table_3_stands_in_the_papers_layout_with_the_papers_figures_beside_ours(tallies):
    table = table3.make(tallies, "Truth: drawn by lot.")
    lines = table3.text(table).splitlines()
    heads = [title for title in FIELD_TYPES.values()]
    assert [lines[1].index(title) for title in heads] == sorted(lines[1].index(title) for title in heads)
    assert lines[2].split()[1:] == ["TPR", "(0.05%)", "TPR", "(0.5%)"] * 3
    assert lines[4] == "F435W exposures (4, 4, 4)"
    labels = ["deepCR-ACS/WFC", "deepCR-ACS/WFC F435W", "deepCR-ACS/WFC +", "deepCR-ACS/WFC F435W +"]
    labels += ["mine", "mine +", "LACosmic", "LACosmic +"]
    body = lines[5:13]
    assert [line[: max(map(len, labels)) + 2].strip() for line in body] == labels
    published = [part.strip("()") for part in body[0].split() if part.startswith("(")]
    assert published == ["80.24", "95.53", "87.47", "99.39", "76.46", "90.36"]
    assert "(" not in body[4]
    assert "Truth: drawn by lot." in lines and "FPR before dilation" in lines[-1]


def test_table_3_holds_the_rates_of_the_curves_with_their_intervals(tallies):
    for reading in (PUBLISHED, PLAIN):
        table = table3.make(tallies, "Truth: drawn by lot.", reading)
        for row in table:
            curve = tallies.roc(Key("F435W", "galaxy", row["model"]), reading, bool(row["dilated"]))
            np.testing.assert_equal(row["galaxy_high"], curve.tpr_at(0.005))
            if np.isfinite(row["galaxy_high_from"]):
                assert row["galaxy_high_from"] <= row["galaxy_high"] <= row["galaxy_high_to"]
    assert np.isfinite(table["galaxy_high_from"]).sum() >= 3


def test_a_rate_that_no_threshold_reaches_is_marked():
    sure = np.zeros((32, 32))
    sure[4:8] = 1  # half of the hits and some clean pixels have the highest score there is
    truth = np.zeros((32, 32), bool)
    truth[4:7] = truth[20] = True
    made = Tallies()
    made.add(Key("F435W", "galaxy", "ACS-WFC"), "e", Tally.of(sure, truth))
    text = table3.text(table3.make(made, "Drawn.", PLAIN))
    assert "* (76.46)" in text and "* No threshold has so low an FPR" in text


def test_a_single_mask_is_an_operating_point_and_no_row_of_table_3(tallies):
    table = table3.operating_points(tallies)
    [row] = table[(table["model"] == "DQ 8192") & (table["field"] == "galaxy")]
    curve = tallies.roc(Key("F435W", "galaxy", "ACS-WFC"))
    assert (row["fpr"], row["tpr"]) == pytest.approx(curve.at(0.5), abs=2e-3)
    assert "DQ 8192" not in table3.make(tallies, "Drawn.")["model"]
    with pytest.raises(InputError, match="Nothing was scored"):
        table3.make(Tallies(), "Drawn.")


# --- figures ---


def pixels(path):
    """An image as (rows, columns, 3) whole numbers."""
    from matplotlib.image import imread

    return np.rint(imread(path)[..., :3] * 255).astype(int)


def share(picture, colour, tolerance=2):
    """Share of the pixels of a colour."""
    return (abs(picture - np.array(colour)).max(axis=2) <= tolerance).mean()


def test_figure_3_shows_every_curve_in_its_colour(tallies, tmp_path):
    picture = pixels(figures.curves(tmp_path / "roc.png", tallies, "Drawn by lot"))
    assert picture.shape[1] > 1000
    panels = picture[: int(0.8 * len(picture))]  # without the legend
    for colour in ((0xE6, 0x9F, 0x00), (0, 0, 0), (0x00, 0x9E, 0x73), (0xCC, 0x79, 0xA7)):
        assert share(panels, colour) > 1e-4
    bare = Tallies()
    bare.add(Key("F435W", "galaxy", "ACS-WFC"), "e", Tally.of(drawn(1).image, drawn(1).truth))
    assert pixels(figures.curves(tmp_path / "one.png", bare)).shape[1] < picture.shape[1]


def test_figure_2_shows_where_two_masks_differ(chip, tmp_path):
    same = figures.masks(tmp_path / "a.png", chip, NamedMask("a", chip.truth), NamedMask("b", chip.truth))
    other = figures.masks(tmp_path / "b.png", chip, NamedMask("a", chip.truth), NamedMask("b", ~chip.truth))
    panel = np.s_[:, -pixels(same).shape[1] // 6 :]
    assert share(pixels(same)[panel], (0, 0, 0)) > 0.5
    assert share(pixels(other)[panel], (0, 0, 0)) < 0.2
    assert len(np.unique(pixels(figures.exposure(tmp_path / "c.png", chip)).reshape(-1, 3), axis=0)) > 100


# --- the command ---


@pytest.fixture(scope="module")
def visit(tmp_path_factory):
    """Two simulated exposures with the simulator's truth, not to be changed."""
    directory = tmp_path_factory.mktemp("visit")
    settings = {"n": 2, "shape": (128, 160), "chips": 1, "filter": "F606W", "field": "galaxies", "seed": 21}
    simulate.association(directory, cr_rate=6.0, **settings)
    return directory


def test_command_makes_tables_and_figures_of_two_exposures(visit, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = snapshot(visit)
    call = ["roc", str(visit / "*_flc.fits"), "--truth", "simulated", "--lacosmic", "--dq-bit", "8192"]
    assert main([*call, "--output", "out"]) == 0
    printed = capsys.readouterr().out
    assert "deepCR-ACS/WFC F606W +" in printed and "(85.98)" not in printed and "(64.79)" in printed
    assert "no real ACS/WFC pixels" in printed and "LACosmic" in printed
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {*outputs.file_names(), "figure1_j8sm01aaq_1.png", "figure2_j8sm01aaq_1.png"}
    table = Table.read(tmp_path / "out" / "table3_published.ecsv")
    assert table["galaxy_high"][0] > 0.9 and table["galaxy_exposures"][0] == 2
    assert counts_file.load(tmp_path / "out" / outputs.COUNTS).keys()
    assert snapshot(visit) == before

    there = snapshot(tmp_path)
    assert main([*call, "--output", "out"]) == 2
    assert "already holds" in capsys.readouterr().err and snapshot(tmp_path) == there
    arguments = [
        "--output",
        "out",
        "--overwrite",
        "--models",
        "ACS-WFC",
        "--picture",
        "J8SM01ABQ",
        "--dilate",
        "disk",
    ]
    assert main([*call[:4], *arguments]) == 0
    assert (tmp_path / "out" / "figure1_j8sm01abq_1.png").is_file()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "_flc_crtruth.fits is missing"),
        (["--truth", "simulated", "--picture", "j9zz"], "--picture j9zz"),
        (["--truth", "simulated", "--models", "nonsense"], "nonsense"),
    ],
)
def test_command_refuses_before_it_writes(options, said, visit, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["roc", str(visit / "*_flc.fits"), *options]) == 2
    assert said in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.slow
def test_command_scores_against_the_truth_of_astrodrizzle(tmp_path, capsys, monkeypatch):
    from acs_deepcr_step.training.truth import pipeline
    from acs_deepcr_step.training.truth.options import TruthOptions

    monkeypatch.chdir(tmp_path)
    paths = simulate.association(tmp_path, n=3, shape=(256, 256), chips=1, cr_rate=4.0, seed=5)
    pipeline.make(paths, tmp_path, TruthOptions(tweakreg=None))
    assert (
        main(["roc", *map(str, paths), "--models", "ACS-WFC", "--field", "globular", "--output", "out"]) == 0
    )
    printed = capsys.readouterr().out
    assert "Truth: made by AstroDrizzle" in printed and "Completeness of this truth" in printed
    table = Table.read(tmp_path / "out" / "table3_plain.ecsv")
    assert table["globular_exposures"][0] == 3 and 0.5 < table["globular_high"][0] <= 1
