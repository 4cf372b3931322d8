"""What is measured of one exposure that was decided on alone and together; the rows of `disturbed.py`."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from scipy.ndimage import maximum_filter

from acs_deepcr_step import instruments, simulate
from acs_deepcr_step.arrays import dq
from acs_deepcr_step.arrays.background_map import measure_map
from acs_deepcr_step.arrays.morphology import dilate
from acs_deepcr_step.files import mask_file
from acs_deepcr_step.flagging import guard
from acs_deepcr_step.training.roc import Histogram

_NEAR = 2  # pixels on each side of a hit pixel
_SNR = 50.0  # of the peaks of stars that count
_BRIGHT = 5.0  # rms of the background: charge whose loss counts
# What counts as worse: less of the hit pixels, times as many false flags and more, more peaks; each a seed.
_LESS, _TIMES, _MORE, _MORE_PEAKS = 0.002, 1.2, 3, 1


@dataclass(frozen=True, eq=False)
class Before:
    """A chip before it is flagged.

    Attributes
    ----------
    truth : simulate.ChipTruth
    seen : ndarray, (R, C), bool
        Pixels with an image: no NaN, no bad column.
    clear : ndarray, (R, C), bool
        Pixels without any charge of a cosmic ray, and with DQ 0.
    far : ndarray, (R, C), bool
        Those of them that are 3 pixels or more from every hit pixel.
    near_full : ndarray, (R, C), bool
        Pixels within 7x7 of a saturated one.
    bright : ndarray, (R, C), bool
        Seen pixels with more charge of cosmic rays than 5 rms of the background.
    """

    truth: simulate.ChipTruth
    seen: np.ndarray
    clear: np.ndarray
    far: np.ndarray
    near_full: np.ndarray
    bright: np.ndarray

    @classmethod
    def read(cls, path):
        """Read the chips of a simulated exposure, (extver: Before) dict."""
        found, full_well = {}, instruments.find("ACS", "WFC").full_well
        with fits.open(path, memmap=False) as hdus:
            for truth in simulate.read_truth(path):
                image, bits = (hdus[name, truth.extver].data for name in ("SCI", "DQ"))
                seen = np.isfinite(image) & ((bits & dq.NO_IMAGE) == 0)
                clear = (truth.cr_charge == 0) & dq.is_good(bits)
                full = dq.is_saturated(image, full_well, bits)
                far = clear & ~dilate(truth.cr, _NEAR)
                background = measure_map(image, dq.is_sky(bits))
                bright = seen & background.above(truth.cr_charge, _BRIGHT)
                found[truth.extver] = cls(truth, seen, clear, far, guard.near(full), bright)
        return found

    def peaks(self):
        """Return rows and columns of the peaks of stars that no cosmic ray touched."""
        stars = self.truth.stars
        stars = stars[(stars["snr"] > _SNR) & ~stars["saturated"]]
        places = np.array([np.rint(stars[axis]).astype(int) for axis in ("y", "x")])
        inside = np.all([(0 <= at) & (at < n) for at, n in zip(places, self.seen.shape, strict=True)], axis=0)
        y, x = places[:, inside]
        untouched = self.seen[y, x] & ~maximum_filter(self.truth.cr, size=3)[y, x]
        return y[untouched], x[untouched]


def flags_of(path):
    """Return the flags of the step in an exposure, (extver: (R, C) bool) dict."""
    with fits.open(path, memmap=False) as hdus:
        return {hdu.ver: (hdu.data & dq.CR_ACSREJ) != 0 for hdu in hdus if hdu.name == "DQ"}


def probabilities_of(path):
    """Return the stored probabilities of an exposure, (extver: (R, C) int16) dict."""
    mask = mask_file.read(path.with_name(mask_file.name_for(path)))
    return {chip.extver: chip.scaled_probability for chip in mask.chips}


@dataclass(frozen=True, eq=False)
class Figures:
    """Counts of one exposure.

    Attributes
    ----------
    counts : Counter
        hit, other: pixels; found, wrong: how many of them are flagged; false: flagged pixels without charge;
        far: those far from any hit pixel; stars, peaks: peaks of stars, and how many of them are flagged.
        away_*: the first four away from saturated pixels. All but false and far of pixels with an image.
        missed_away, missed_near: electrons in bright pixels that are not flagged, away from saturated pixels
        and near them.
    scores : Histogram or None
        Of the probabilities away from saturated pixels.
    """

    counts: Counter
    scores: Histogram | None = None

    @classmethod
    def of(cls, before, flags, scaled=None):
        """Count the flags of an exposure.

        Parameters
        ----------
        before : dict of int to Before
        flags : dict of int to ndarray, (R, C), bool
        scaled : dict of int to ndarray, (R, C), int16, optional
            Probabilities.

        Returns
        -------
        Figures
        """
        counts, scores = Counter(), None
        for extver, chip in before.items():
            flagged, cr = flags[extver], chip.truth.cr
            for name, area in (("", chip.seen), ("away_", chip.seen & ~chip.near_full)):
                counts[f"{name}hit"] += np.count_nonzero(area & cr)
                counts[f"{name}other"] += np.count_nonzero(area & ~cr)
                counts[f"{name}found"] += np.count_nonzero(area & cr & flagged)
                counts[f"{name}wrong"] += np.count_nonzero(area & ~cr & flagged)
            counts["false"] += np.count_nonzero(chip.clear & flagged)
            counts["far"] += np.count_nonzero(chip.far & flagged)
            for name, area in (("away", ~chip.near_full), ("near", chip.near_full)):
                counts[f"missed_{name}"] += float(chip.truth.cr_charge[chip.bright & area & ~flagged].sum())
            peaks = chip.peaks()
            counts["stars"] += peaks[0].size
            counts["peaks"] += np.count_nonzero(flagged[peaks])
            if scaled:
                its = Histogram.of(scaled[extver], cr, ~chip.seen | chip.near_full)
                scores = its if scores is None else scores + its
        return cls(counts, scores)

    def rate(self, flagged, pixels):
        """Return the share of some pixels that is flagged; nan of none."""
        return self.counts[flagged] / self.counts[pixels] if self.counts[pixels] else np.nan

    def tpr_at(self, fpr):
        """Return the TPR of the probabilities at an FPR, away from saturated pixels."""
        return self.scores.roc().tpr_at(fpr) if self.counts["away_hit"] else np.nan


@dataclass(frozen=True, eq=False)
class Decided:
    """One member of a field of one seed, as one code decided on it.

    Attributes
    ----------
    alone, together : Figures
        `alone` with the scores.
    nexp : int
    note : str
    """

    alone: Figures
    together: Figures
    nexp: int
    note: str


def row(case, member, code, found, twins):
    """Return a row of the table.

    Parameters
    ----------
    case : str
    member : int
        From 1.
    code : str
    found : list of Decided
        One for each seed.
    twins : list of Decided
        The same member of the undisturbed twin.

    Returns
    -------
    dict
        Means of the rates, sums of the counts over the seeds.
    """
    rates = [_rates(one) for one in found]
    made = {name: float(np.nanmean([one[name] for one in rates])) for name in rates[0] if _any(rates, name)}
    made = {name: made.get(name, np.nan) for name in rates[0]}
    alone, together = ([getattr(one, way) for one in found] for way in ("alone", "together"))
    ways = {"alone": alone, "together": together, "twin": [one.together for one in twins]}
    made |= {f"{what}_{way}": _sum(its, what) for what in ("false", "far") for way, its in ways.items()}
    made |= {
        "stars": _sum(alone, "stars"),
        "peaks_alone": _sum(alone, "peaks"),
        "peaks_together": _sum(together, "peaks"),
        "nexp": float(np.mean([one.nexp for one in found])),
    }
    return {
        "case": case, "member": member, "code": code, **made, "worse": _worse(made, found),
        "note": next((one.note for one in found if one.note), ""),
    }  # fmt: skip


def _rates(one):
    together = one.together.rate("away_wrong", "away_other")
    return {
        "tpr_alone": one.alone.rate("found", "hit"),
        "fpr_alone": one.alone.rate("wrong", "other"),
        "tpr_together": one.together.rate("found", "hit"),
        "fpr_together": one.together.rate("wrong", "other"),
        "tpr_away": one.together.rate("away_found", "away_hit"),
        "tpr_alone_equal_fpr": one.alone.tpr_at(together),
    }


def _any(rates, name):
    return np.isfinite([one[name] for one in rates]).any()


def _sum(figures, name):
    return int(sum(one.counts[name] for one in figures))


def _worse(made, found):
    """Return in which way a row is worse together than alone; empty if it is not."""
    if all(one.alone.counts == one.together.counts for one in found):
        return ""  # further rules than the probabilities', which decide alone as well
    seeds = len(found)
    most = _TIMES * max(made["false_twin"], made["false_alone"]) + _MORE * seeds
    ways = {
        "tpr": made["tpr_away"] < made["tpr_alone_equal_fpr"] - _LESS,
        "false": made["false_together"] > most,
        "peaks": made["peaks_together"] > made["peaks_alone"] + _MORE_PEAKS * seeds,
    }
    return " ".join(way for way, is_worse in ways.items() if is_worse)
