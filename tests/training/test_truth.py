"""Truth by real TweakReg and AstroDrizzle, and models scored on it; the cosmic rays are simulated."""

import shutil
import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from helpers import flag, set_dq, snapshot
from stsci.tools.configobj import ConfigObj

from acs_deepcr_step import handoff, simulate
from acs_deepcr_step.arrays import morphology
from acs_deepcr_step.cli import main
from acs_deepcr_step.errors import DrizzlepacError, ExposureError, InputError, ParameterError, StepWarning
from acs_deepcr_step.training.truth import completeness, completeness_simulation, copies, pipeline
from acs_deepcr_step.training.truth import file as truth_file
from acs_deepcr_step.training.truth.options import AstroDrizzleOptions, TruthOptions, TweakRegOptions

# A field with enough stars to align on, and pointing errors of some tenths of a pixel.
OFFSETS = ((0, 0), (0.4, -0.4), (-0.4, 0.3))
FIELD = dict(n=3, shape=(512, 512), chips=1, field="crowded", seed=3, offsets=OFFSETS)
EVALUATE = ("evaluate", "--threshold", "200", "--field", "globular", "--no-lacosmic")
ALIGNED = TruthOptions(TweakRegOptions(threshold=200.0), flags_first=False, field="globular")
AS_IT_IS = TruthOptions(tweakreg=None)
OTHERS = (slice(100, 120), slice(100, 120))  # flagged by acsrej and an earlier AstroDrizzle
HOT = (slice(200, 210), slice(300, 310))


@pytest.fixture(scope="module")
def exposures(tmp_path_factory):
    """Three exposures; the first carries flags of others. Not to be changed."""
    paths = simulate.association(tmp_path_factory.mktemp("field"), **FIELD)
    with fits.open(paths[0], mode="update") as hdus:
        hdus["DQ", 1].data[OTHERS] |= 4096 | 8192
        hdus["DQ", 1].data[HOT] |= 16
    return paths


@pytest.fixture(scope="module")
def evaluation(exposures, tmp_path_factory):
    """Directory of an evaluation of the exposures; asserts that they stay as they are."""
    before, out = snapshot(exposures[0].parent), tmp_path_factory.mktemp("evaluation")
    assert main([*EVALUATE, *map(str, exposures), "--output", str(out)]) == 0
    assert snapshot(exposures[0].parent) == before
    return out


@pytest.fixture(scope="module")
def made(exposures, evaluation):
    """Truth files of the exposures, aligned."""
    return [evaluation / "truth" / truth_file.name_for(path) for path in exposures]


@pytest.fixture(scope="module")
def judged(exposures, made):
    """Each sample with what was simulated."""
    known = [simulate.read_truth(path)[0] for path in exposures]
    return list(zip(truth_file.samples(made), known, strict=True))


def test_most_of_the_pixels_hit_are_found_and_few_others(judged):
    for sample, known in judged:
        good = ~sample.ignore | (morphology.dilate(sample.truth, 1) & (known.dq_clean == 0))
        assert (sample.truth & known.cr & good).sum() > 0.65 * (known.cr & good).sum()
        assert (sample.truth & ~known.cr & good).sum() < 1e-3 * good.sum()


@pytest.mark.slow
def test_without_tweakreg_misaligned_stars_pass_for_cosmic_rays(exposures, judged, tmp_path):
    as_it_is = truth_file.samples(pipeline.make(exposures, tmp_path, AS_IT_IS))
    false = [(s.truth & ~known.cr & ~s.ignore).sum() for s, (_, known) in zip(as_it_is, judged, strict=True)]
    aligned = [(s.truth & ~known.cr & ~s.ignore).sum() for s, known in judged]
    assert sum(false) > 5 * sum(aligned)


def test_flags_of_other_programs_are_neither_truth_nor_ignored(judged):
    sample, _ = judged[0]
    assert sample.truth[OTHERS].mean() < 0.2
    assert sample.ignore[OTHERS].mean() < 0.3


def test_ignored_are_dq_bright_surroundings_and_a_ring_around_true_cosmic_rays(judged, exposures):
    for (sample, _), path in zip(judged, exposures, strict=True):
        with fits.open(path) as hdus:
            dq, image = hdus["DQ", 1].data, hdus["SCI", 1].data
        assert sample.ignore[(dq & ~(4096 | 8192)) != 0].all()
        assert sample.ignore[morphology.dilate(image > 70_000, 3)].all()
        ring = morphology.dilate(sample.truth, 1) & ~sample.truth
        assert ring.any() and sample.ignore[ring].all()
        assert np.array_equal(sample.image, image)
        assert 0.02 < sample.ignore.mean() < 0.2


def test_visit_is_scored_with_the_completeness_of_its_truth_beside_it(evaluation, exposures, capsys):
    said = (evaluation / "table3_plain.txt").read_text()
    assert "deepCR-ACS/WFC F814W +" in said and "% of the pixels that cosmic rays hit" in said
    table = Table.read(evaluation / "table3_plain.ecsv")
    assert set(table["model"]) == {"ACS-WFC", "ACS-WFC-F814W"}
    assert (table["globular_exposures"] == 3).all()
    assert (table["globular_high"][~table["dilated"]] > 0.9).all()
    made = {path.name for path in evaluation.iterdir()}
    assert {"roc_plain.png", "figure1_j8sm01aaq_1.png", "figure2_j8sm01aaq_1.png"} <= made
    before = snapshot(evaluation)
    assert main([*EVALUATE, *map(str, exposures), "--output", str(evaluation)]) == 2
    assert "already holds" in capsys.readouterr().err
    assert snapshot(evaluation) == before


def test_truth_file_tells_what_it_was_made_of_and_with(made, exposures):
    its = truth_file.read(made[1])
    assert made[1].name == "j8sm01abq_flc_crtruth.fits"
    assert (its.rootname, its.n, its.filter, its.exptime) == ("j8sm01abq", 3, "F814W", 500.0)
    assert (its.field, its.observation_set) == ("globular", "F814W_99999_1")
    assert its.exposure == exposures[1]
    assert set(its.settings) == set(ALIGNED.settings())
    assert ("astrodrizzle", "driz_cr_snr", "'3.5 3.0'") in its.settings
    assert ("tweakreg", "threshold", "200.0") in its.settings
    assert its.versions["drizzlepac"].startswith("3.")
    assert 0.5 < its.completeness < 1 and "N = 3, 500 s, F814W, globular field" in its.statement


def test_samples_know_where_they_come_from_and_the_sky(judged):
    for (sample, _), root in zip(judged, ("j8sm01aaq", "j8sm01abq", "j8sm01acq"), strict=True):
        origin = sample.origin
        assert (origin.exposure, origin.extver, origin.filter, origin.exptime) == (root, 1, "F814W", 500.0)
        assert (origin.field, origin.observation_set) == ("globular", "F814W_99999_1")
        assert 50 < sample.sky < 120


def test_exposure_is_found_beside_its_truth_after_both_moved(made, exposures, tmp_path):
    copy = shutil.copy(made[0], tmp_path)
    here = shutil.copy(exposures[0], tmp_path)
    [sample] = truth_file.samples([copy])
    assert sample.truth.any()
    with fits.open(here, mode="update") as hdus:
        hdus["SCI", 1].data[5, 5] += 1
    with pytest.raises(ExposureError, match="its pixels differ"):
        next(truth_file.samples([copy]))
    shutil.copy(exposures[1], here)
    with pytest.raises(ExposureError, match="another exposure"):
        next(truth_file.samples([copy]))


def test_damaged_or_missing_truth_file_is_refused(made, tmp_path):
    path = tmp_path / made[0].name
    content = bytearray(made[0].read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ExposureError, match="checksum"):
        next(truth_file.samples([path]))
    with pytest.raises(ExposureError, match="does not exist"):
        next(truth_file.samples([tmp_path / "other_crtruth.fits"]))


@pytest.fixture(scope="module")
def shifted_pair(tmp_path_factory):
    """Two exposures of two chips that share three quarters of their columns."""
    options = dict(dithers=((0, 0), (64, 0)), seed=5)
    return simulate.association(tmp_path_factory.mktemp("pair"), n=2, shape=(256, 256), chips=2, **options)


def test_two_exposures_warn_and_what_only_one_sees_is_ignored(shifted_pair, tmp_path):
    with pytest.warns(StepWarning, match="the truth of two exposures is poor"):
        paths = pipeline.make(shifted_pair, tmp_path, AS_IT_IS)
    chips = list(truth_file.samples(paths))
    assert [chip.origin.extver for chip in chips] == [1, 2, 1, 2]
    for first, second in zip(chips[:2], chips[2:], strict=True):
        # Stars move to the right, so the left of the second and the right of the first are seen once.
        assert first.ignore[:, -60:].all() and second.ignore[:, :60].all()
        assert first.ignore[:, :180].mean() < 0.2 and second.ignore[:, 70:].mean() < 0.2
    assert not list(tmp_path.glob(".truth-*"))


def test_single_exposure_other_filter_and_doubles_are_refused(exposures, tmp_path):
    with pytest.raises(InputError, match="needs two or more exposures"):
        pipeline.make(exposures[:1], tmp_path / "out")
    other = shutil.copy(exposures[1], tmp_path / "other_flc.fits")
    with pytest.raises(InputError, match="j8sm01abq is given more than once"):
        pipeline.make([*exposures, other], tmp_path / "out")
    fits.setval(other, "ROOTNAME", value="j8sm01azq")
    fits.setval(other, "FILTER2", value="CLEAR2L")
    fits.setval(other, "FILTER1", value="F606W")
    with pytest.raises(InputError, match="F606W and F814W"):
        pipeline.make([*exposures, other], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_exposures_that_do_not_overlap_are_refused(tmp_path):
    far = simulate.association(tmp_path, n=2, shape=(128, 128), chips=1, dithers=((0, 0), (300, 0)))
    with warnings.catch_warnings(), pytest.raises((InputError, DrizzlepacError), match="overlap|one field"):
        warnings.simplefilter("ignore", StepWarning)
        pipeline.make(far, tmp_path / "out", AS_IT_IS)
    assert not list((tmp_path / "out").glob("*_crtruth.fits"))


@pytest.mark.slow
def test_failed_alignment_is_an_error_that_keeps_the_logs(exposures, tmp_path):
    no_sources = TruthOptions(TweakRegOptions(threshold=1e6), flags_first=False)
    before = snapshot(exposures[0].parent)
    with pytest.raises(DrizzlepacError, match=r"TweakReg .*change the threshold \(1e\+06\)"):
        pipeline.make(exposures, tmp_path, no_sources)
    assert snapshot(exposures[0].parent) == before
    assert [path.name for path in tmp_path.iterdir()] == ["failed_drizzlepac_terminal.log"]


def test_another_file_of_the_truths_name_is_never_overwritten(exposures, tmp_path):
    other = tmp_path / truth_file.name_for(exposures[0])
    other.write_text("mine")
    with pytest.raises(InputError, match="is no truth file and stays"):
        pipeline.make(exposures, tmp_path, AS_IT_IS)
    assert other.read_text() == "mine"


def test_every_parameter_of_astrodrizzle_that_acts_is_written_out_with_its_default():
    call = AstroDrizzleOptions().keywords(1)
    assert set(call) - {"updatewcs"} <= set(handoff.astrodrizzle_names())
    later = {name for name in handoff.astrodrizzle_names() if name.startswith(("final_", "driz_sep_"))}
    instrument = {"gain", "gnkeyword", "rdnoise", "rnkeyword", "exptime", "expkeyword"}
    left = set(handoff.astrodrizzle_names()) - set(call) - later - instrument
    assert left == {"input"}
    reference = ConfigObj(str(handoff.cfg_path()), interpolation=False)
    given = {**reference, **{k: v for s in reference.sections for k, v in reference[s].items()}}
    for name in ("static_sig", "skymethod", "combine_type", "combine_nsigma", "driz_cr_snr", "driz_cr_scale"):
        assert str(call[name]) == str(given[name])


def test_faulty_options_are_refused_by_name():
    for faulty, name in (
        (lambda: AstroDrizzleOptions(driz_cr_snr="3.5"), "driz_cr_snr"),
        (lambda: TweakRegOptions(conv_width=0), "conv_width"),
        (lambda: TruthOptions(field="nebula"), "field"),
        (lambda: TruthOptions(ring=-1), "ring"),
    ):
        with pytest.raises(ParameterError, match=name):
            faulty()


def test_completeness_is_told_with_its_conditions():
    entry = completeness.nearest(4, 500.0, TruthOptions(field="extragalactic"))
    assert 0.6 < entry.completeness < 0.95 and not entry.note
    assert entry.completeness > completeness.nearest(2, 500.0, TruthOptions()).completeness
    elsewhere = completeness.nearest(5, 620.0, TruthOptions(field="galaxy"))
    assert "nearest entry to the case at hand (N = 5, 620 s)" in elsewhere.statement
    other = TruthOptions(drizzle=AstroDrizzleOptions(driz_cr_snr="5 4"))
    assert "not known" in completeness.nearest(4, 500.0, other).statement


@pytest.mark.parametrize("crbit", [8192, 16384])
def test_copies_carry_no_flags_of_the_step_and_keep_those_of_others(crbit, pair, tmp_path):
    trail = np.zeros((256, 256), bool)
    trail[30:40] = True
    set_dq(pair[0], trail, 16384)  # a satellite, by another program
    before = [fits.getdata(path, "DQ", 1) for path in pair]
    flag(*pair, crbit=crbit)
    changed = snapshot(pair[0].parent)
    made = copies.make(copies.inspect_set(pair), tmp_path)
    assert snapshot(pair[0].parent) == changed
    for path, dq in zip(made, before, strict=True):
        assert np.array_equal(fits.getdata(path, "DQ", 1), dq)
        assert not [key for key in fits.getheader(path) if key.startswith(("DEEPCR", "DCR"))]


@pytest.mark.slow
def test_table_of_completeness_is_what_is_measured_now():
    measured = completeness_simulation.measure(4, 500.0, field="extragalactic")
    entry = completeness.nearest(4, 500.0, TruthOptions(field="extragalactic"))
    assert measured.completeness == pytest.approx(entry.completeness, abs=0.005)
    assert measured.hidden == pytest.approx(entry.hidden, rel=0.05)


@pytest.mark.slow
def test_alignment_on_exposures_flagged_first_is_as_good(exposures, judged, tmp_path):
    options = TruthOptions(TweakRegOptions(threshold=50.0), flags_first=True, field="globular")
    made = pipeline.make(exposures, tmp_path, options)
    same = [
        (one.truth == other.truth).mean()
        for one, (other, _) in zip(truth_file.samples(made), judged, strict=True)
    ]
    assert min(same) > 0.999
