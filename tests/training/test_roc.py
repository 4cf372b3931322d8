"""Curves by counting once are those of trying every threshold."""

import os
import time
import tracemalloc

import numpy as np
import pytest
from scipy import ndimage

from acs_deepcr_step.arrays import morphology, probabilities
from acs_deepcr_step.errors import InputError, ParameterError
from acs_deepcr_step.training import roc
from acs_deepcr_step.training.evaluation import confidence, counts_file, scoring
from acs_deepcr_step.training.evaluation.scoring import Scorer
from acs_deepcr_step.training.evaluation.tally import PLAIN, PUBLISHED, Key, Tallies, Tally, tallied
from acs_deepcr_step.training.samples import Origin, Sample
from acs_deepcr_step.training.simulated import simulator

EVERY_THRESHOLD = np.arange(probabilities.SCALE, -1, -1)
CROSS = ndimage.generate_binary_structure(2, 1)


def image(seed, shape=(24, 30)):
    """Scores, truth and ignored pixels; all of every kind meet each other."""
    rng = np.random.default_rng(seed)
    truth, ignore = rng.random(shape) < 0.1, rng.random(shape) < 0.1
    scores = np.where(truth, 1 - rng.random(shape) ** 3, rng.random(shape) ** 6).astype(np.float32)
    scores[0, :2] = 0, 1
    return scores, truth, ignore


def grown(mask, dilate):
    """A mask dilated by what is not under test."""
    if dilate == roc.DISK:
        return ndimage.binary_dilation(mask, CROSS)
    return ndimage.binary_dilation(mask, np.ones((2 * dilate + 1,) * 2, bool)) if dilate else mask


def swept(scores, truth, use, dilate, thresholds=EVERY_THRESHOLD):
    """(FPR, TPR) threshold by threshold, each a pass over all pixels."""
    stored, rates = probabilities.to_scaled(scores), []
    for threshold in thresholds:
        mask = grown(stored > threshold, dilate)
        rates.append((mask[~truth & use].mean(), mask[truth & use].mean()))
    return np.array(rates)


@pytest.mark.parametrize("dilate", [0, 1, 3, roc.DISK])
@pytest.mark.parametrize("ignoring", [False, True])
def test_curve_is_that_of_every_threshold_tried(dilate, ignoring):
    scores, truth, ignore = image(1)
    use = ~ignore if ignoring else np.ones(truth.shape, bool)
    curve = roc.curve(scores, truth, ignore if ignoring else None, dilate)
    expected = swept(scores, truth, use, dilate)
    assert np.array_equal(curve.thresholds, EVERY_THRESHOLD / probabilities.SCALE)
    np.testing.assert_array_equal(np.transpose([curve.fpr, curve.tpr]), expected)


@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.29, 0.5, 0.50004, 0.9999, 1.0])
def test_rates_at_a_threshold_are_those_of_the_flags_of_the_step(threshold):
    scores, truth, _ = image(2)
    mask = probabilities.above_threshold(probabilities.to_scaled(scores), threshold)
    assert roc.curve(scores, truth).at(threshold) == (mask[~truth].mean(), mask[truth].mean())


@pytest.mark.parametrize("dilate", [1, roc.DISK])
def test_published_reading_is_dilated_tpr_at_fpr_before_dilation_with_ignored_pixels_clean(dilate):
    scores, truth, ignore = image(3)
    tally = Tally.of(scores, truth, ignore, dilate)
    counted = truth & ~ignore
    thresholds = EVERY_THRESHOLD[::50]
    expected = []
    for threshold in thresholds:
        mask = (probabilities.to_scaled(scores) > threshold) & ~ignore
        expected.append((mask[~counted].mean(), grown(mask, dilate)[counted].mean()))
    curve = tally.histogram(PUBLISHED, dilate=True).roc()
    np.testing.assert_array_equal(np.transpose([curve.fpr, curve.tpr])[::50], expected)
    plain = tally.histogram(PLAIN, dilate=True).roc()
    np.testing.assert_array_equal(
        np.transpose([plain.fpr, plain.tpr])[::50], swept(scores, truth, ~ignore, dilate, thresholds)
    )


def test_paper_dilation_is_the_growth_of_the_step():
    scores, *_ = image(4)
    stored = probabilities.to_scaled(scores)
    assert np.array_equal(roc.dilated(stored, 1) > 5000, morphology.dilate(stored > 5000, 1))


def test_counts_of_parts_add_up_to_those_of_the_whole():
    scores, truth, ignore = image(5)
    stored = roc.scaled_probability(scores)
    parts = [roc.Histogram.of(stored[rows], truth[rows], ignore[rows]) for rows in np.s_[:7, 7:8, 8:]]
    whole = roc.Histogram.of(stored, truth, ignore)
    merged = parts[0] + parts[1] + parts[2]
    assert np.array_equal(merged.hits, whole.hits) and np.array_equal(merged.clean, whole.clean)
    assert merged.ignored == whole.ignored == ignore.sum()
    assert whole.hits.sum() + whole.clean.sum() + whole.ignored == truth.size


def test_memory_does_not_grow_with_the_number_of_images():
    def peak(count):
        tracemalloc.start()
        tallied(samples(count), [SCORES], by_exposure=False)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(2)
    assert peak(60) < 1.05 * peak(6)


def test_one_pass_takes_less_than_a_twentieth_of_a_sweep_of_500_thresholds():
    thresholds = np.linspace(0.001, 0.999, 500).tolist()
    [chip] = simulator.chips([31], "galaxies", shape=(512, 512))
    scores = scoring.model()(chip)
    places = [np.s_[row : row + 256, column : column + 256] for row in (0, 256) for column in (0, 256)]
    patches = [tuple(np.array(part[place]) for part in (scores, chip.truth, chip.ignore)) for place in places]

    def once():
        counts = [
            roc.Histogram.of(roc.scaled_probability(scores), truth, ignore)
            for scores, truth, ignore in patches
        ]
        return sum(counts[1:], start=counts[0]).roc()

    def sweep():
        rates = []
        for threshold in thresholds:
            found = wrong = 0
            for scores, truth, ignore in patches:
                flagged = (scores > threshold) & ~ignore
                n_found = np.count_nonzero(flagged & truth)
                found, wrong = found + n_found, wrong + np.count_nonzero(flagged) - n_found
            rates.append((found, wrong))
        return rates

    once()  # the first call pays for what stays
    ratios = []
    for _ in range(3):
        times = []
        for way in (sweep, once):
            began = time.process_time()
            way()
            times.append(time.process_time() - began)
        ratios.append(times[0] / times[1])
    assert np.median(ratios) > 20, ratios


def samples(count, shape=(64, 64), field="galaxy"):
    """Samples made as they are asked for; the scores are the image."""
    for number in range(count):
        scores, truth, ignore = image(100 + number, shape)
        yield Sample(scores, truth, ignore, 0.0, Origin("set", f"e{number // 2}", 1, "F606W", field))


SCORES = Scorer("scores", lambda sample: sample.image)
ABOVE = [Scorer("cuts", lambda s, cut=cut: s.image > cut, setting=cut, is_mask=True) for cut in (0.2, 0.9)]


def test_tpr_between_two_thresholds_is_linear_or_that_of_the_stricter_one():
    curve = roc.ROC(np.array([0, 0.1, 0.1, 0.3]), np.array([0, 0.4, 0.5, 0.9]), np.array([1, 0.8, 0.5, 0.2]))
    assert curve.tpr_at(0.2) == pytest.approx(0.7) and curve.tpr_at(0.2, conservative=True) == 0.5
    assert curve.tpr_at(0.1) == curve.tpr_at(0.1, conservative=True) == 0.5
    np.testing.assert_allclose(curve.tpr_at([0.05, 0.3]), [0.2, 0.9])
    assert np.isnan(curve.tpr_at(0.31)) and np.isnan(curve.tpr_at(-0.1, conservative=True))
    whole = roc.curve(*image(10)[:2])
    assert whole.fpr[-1] < 1 and whole.tpr_at(1.0) == whole.tpr_at(1.0, conservative=True) == whole.tpr[-1]
    assert curve.reaches(0.1) and not curve.reaches(0.09)
    with pytest.raises(ParameterError, match="below all of the curve"):
        curve.at(0.1)


def test_a_mask_has_one_point_and_says_nothing_of_other_false_positive_rates():
    scores, truth, ignore = image(6)
    curve = roc.curve(scores > 0.5, truth, ignore)
    assert len(curve.fpr) == 1
    assert curve.at(0.5) == ((scores > 0.5)[~truth & ~ignore].mean(), (scores > 0.5)[truth & ~ignore].mean())
    assert np.isnan(curve.tpr_at(curve.fpr[0] / 2)) and np.isnan(curve.tpr_at(2 * curve.fpr[0]))


def test_masks_of_several_settings_are_the_points_of_one_curve():
    tallies = tallied(samples(4), [SCORES, *ABOVE])
    key = Key("F606W", "galaxy", "cuts")
    whole = tallies.roc(Key("F606W", "galaxy", "scores"))
    for reading in (PLAIN, PUBLISHED):
        points = tallies.roc(key, reading)
        assert points.thresholds.tolist() == [0.9, 0.2] and (np.diff(points.fpr) > 0).all()
    # Up to the rounding of the scores they lie on the curve of the scores that were cut.
    np.testing.assert_allclose(tallies.roc(key).tpr, [whole.at(cut)[1] for cut in (0.9, 0.2)], atol=5e-3)


def test_settings_counted_on_other_exposures_are_no_curve():
    tallies = tallied(samples(4), ABOVE[:1]) + tallied(samples(2), ABOVE[1:])
    with pytest.raises(ParameterError, match="same exposures"):
        tallies.roc(tallies.keys()[0])


def test_an_image_without_hits_gives_nan_and_no_warning():
    scores, truth, _ = image(7)
    assert np.isnan(roc.curve(scores, truth & False).tpr_at(0.005))


@pytest.mark.parametrize(
    "scores", [np.full((3, 3), np.nan), np.full((3, 3), 1.5), np.zeros((3, 3), int), np.zeros(9)]
)
def test_what_is_no_probability_is_refused(scores):
    with pytest.raises(ParameterError, match="Scores must be|two-dimensional"):
        roc.curve(scores, np.zeros(scores.shape, bool))


def test_arrays_that_do_not_fit_are_refused():
    scores, truth, ignore = image(8)
    with pytest.raises(ParameterError, match="one shape"):
        roc.curve(scores, truth[1:])
    with pytest.raises(ParameterError, match="one shape"):
        roc.curve(scores, truth, ignore[1:])
    with pytest.raises(ParameterError, match="scores of shape"):
        Scorer("broken", lambda sample: sample.image[1:])(next(samples(1)))
    with pytest.raises(ParameterError, match="scores is given more than once"):
        tallied(samples(1), [SCORES, SCORES])
    for dilate in (-1, 0.5, True, "diamond"):
        with pytest.raises(ParameterError, match="dilate ?="):
            roc.curve(scores, truth, dilate=dilate)
    with pytest.raises(ParameterError, match="reading="):
        Tally.of(scores, truth).histogram("loud")


def test_saved_counts_give_the_same_curves(tmp_path):
    tallies = tallied(samples(4), [SCORES, *ABOVE])
    counts_file.save(tallies, tmp_path / "counts.npz")
    read = counts_file.load(tmp_path / "counts.npz")
    assert read.keys() == tallies.keys()
    for key in read.keys():
        assert read.exposures(key) == tallies.exposures(key) == ["set/e0", "set/e1"]
        for reading in (PLAIN, PUBLISHED):
            for dilate in (False, True):
                ours, theirs = (each.roc(key, reading, dilate) for each in (tallies, read))
                assert np.array_equal(ours.fpr, theirs.fpr) and np.array_equal(ours.tpr, theirs.tpr)


def test_a_file_of_another_kind_is_refused_by_name(tmp_path):
    (tmp_path / "a.npz").write_text("no counts")
    with pytest.raises(InputError, match=r"a\.npz cannot be read as saved counts"):
        counts_file.load(tmp_path / "a.npz")


@pytest.mark.parametrize("kind", ["text", "pipe"])
def test_a_mask_of_another_tool_that_cannot_be_read_is_named(tmp_path, kind):
    path = tmp_path / "j8xx01aaq_mask.fits"
    if kind == "text":
        path.write_text("no mask")
    else:
        os.mkfifo(path)
    with pytest.raises(InputError, match="j8xx01aaq_mask.fits cannot be read as a FITS file"):
        scoring._image(path, None, 1)


def test_merged_counts_are_those_of_all_samples_together():
    together, apart = tallied(samples(6), [SCORES]), Tallies()
    for sample in samples(6):
        apart += tallied([sample], [SCORES])
    [key] = together.keys()
    assert apart.exposures(key) == together.exposures(key) and len(together.exposures(key)) == 3
    assert np.array_equal(apart.roc(key).tpr, together.roc(key).tpr)


# --- confidence ---


def drawn_exposures(rng, count):
    """Exposures of unlike difficulty; scores from 0 to 50."""
    exposures = []
    for strength in rng.normal(3, 0.7, count):
        hits, clean = rng.normal(strength, 1, 400), rng.normal(0, 1, 8000)
        counts = [np.histogram(np.clip(5 * x + 15, 0, 50), np.arange(52))[0] for x in (hits, clean)]
        exposures.append([roc.Histogram(*counts)])
    return exposures


def test_interval_contains_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    crowd = drawn_exposures(rng, 1500)
    population = sum((one[0] for one in crowd[1:]), start=crowd[0][0]).roc().tpr_at(0.02)
    inside = 0
    for _ in range(80):
        low, high = confidence.bootstrap(drawn_exposures(rng, 15), [0.02], draws=200)[0]
        inside += low <= population <= high
    # 95 % by percentiles of 15 exposures covers a little less.
    assert 0.82 <= inside / 80 <= 0.995


def test_interval_is_repeatable_and_shrinks_with_more_exposures():
    exposures = drawn_exposures(np.random.default_rng(6), 64)
    few, many = (confidence.bootstrap(exposures[:count], [0.02, 0.1]) for count in (8, 64))
    assert np.array_equal(few, confidence.bootstrap(exposures[:8], [0.02, 0.1]))
    assert not np.array_equal(few, confidence.bootstrap(exposures[:8], [0.02, 0.1], seed=1))
    assert ((many[:, 1] - many[:, 0]) < 0.7 * (few[:, 1] - few[:, 0])).all()


def test_one_exposure_has_no_interval():
    assert np.isnan(confidence.bootstrap(drawn_exposures(np.random.default_rng(7), 1), [0.02])).all()
    with pytest.raises(ParameterError, match="level="):
        confidence.bootstrap([], [0.02], level=95)
