"""What the other exposures together lead to expect at the candidates.

They share the sky, so their likelihoods do not multiply: what they show is pooled into one value, robustly,
since any of them may be hit there too.
"""

from dataclasses import dataclass, fields

import numpy as np

__all__ = ["Expected", "pooled"]

SOURCE_SIGMA = 5.0  # above which an exposure shows a source
_HIT = 3.0  # times what any other exposure shows, the one in question included: a cosmic ray filled the pixel
_MEDIAN = 1.5  # variance of a median of many values, in units of that of their mean
_SCATTER = 2.2  # variance of a normal distribution over the square of its median absolute deviation


@dataclass(frozen=True, eq=False)
class Expected:
    """What the others lead to expect of candidates, in electrons of theirs; (K,) each.

    Attributes
    ----------
    known : ndarray, bool
        Where any of them says something; elsewhere the rest means nothing.
    value, variance : ndarray, float32
        Of a pixel without a cosmic ray, above the background.
    photons : ndarray, float32
        By what the variance grows with each electron of the value.
    high : ndarray, float32
        Of the 2x2 pixels around the place, the highest.
    astray : ndarray, float32
        Probability that they show another place than they should.
    full : ndarray, bool
        Where one of them shows a saturated source.
    alone : ndarray, bool
        Where none of them shows half of what is here.
    """

    known: np.ndarray
    value: np.ndarray
    variance: np.ndarray
    photons: np.ndarray
    high: np.ndarray
    astray: np.ndarray
    full: np.ndarray
    alone: np.ndarray

    def part(self, chosen):
        """Return what is expected of some of the candidates."""
        return Expected(*(getattr(self, one.name)[chosen] for one in fields(self)))


def pooled(found, shown, agreements):
    """Pool what other exposures show.

    Parameters
    ----------
    found : candidates.Candidates
    shown : list of lookup.Shown
        One for each other exposure.
    agreements : list of agreement.Agreement
        Of each of them.

    Returns
    -------
    Expected
        Value and high are medians weighted by certainty (of two exposures the mean). The variance is that
        of such a median, or what their scatter says where that is more.
    """
    if len(shown) == 1:
        return _of_one(found, shown[0], agreements[0].astray)
    value, variance, photons, high = (
        np.stack([getattr(one, name) for one in shown]) for name in ("value", "variance", "photons", "high")
    )
    saturated = np.stack([one.saturated for one in shown])
    seen = np.isfinite(value)
    with np.errstate(invalid="ignore"):
        alone = seen.any(axis=0) & ~(high > 0.5 * found.flux).any(axis=0)
        # A star that fills a pixel is bright in every exposure; a cosmic ray that did it tells nothing.
        least = np.minimum(np.where(seen, high, np.inf).min(axis=0), found.flux)
        usable = seen & ~(saturated & (high > _HIT * np.maximum(least, 0)))
    weight = np.where(usable, 1 / np.where(usable, variance, 1), 0)
    total = weight.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        weight /= total
        centre, least_variance = _middle(value, weight), 1 / total
    highest = _middle(high, weight)
    count = usable.sum(axis=0)
    with np.errstate(invalid="ignore"):
        scatter = _middle(np.abs(value - centre), weight)
    several = count > 1
    together = np.where(count > 2, _MEDIAN, 1) * least_variance
    by_scatter = np.where(several, _SCATTER * scatter**2 / np.maximum(count - 1, 1), 0)
    astray = np.array([one.astray for one in agreements], np.float32)
    return Expected(
        known=count > 0,
        value=centre,
        variance=np.maximum(together, by_scatter).astype(np.float32),
        photons=np.nansum(weight**2 * photons, axis=0).astype(np.float32),
        high=highest,
        astray=np.nan_to_num((weight * astray[:, None]).sum(axis=0)).astype(np.float32),
        full=(saturated & usable).any(axis=0),
        alone=alone,
    )


def _of_one(found, shown, astray):
    """Return what one other exposure leads to expect."""
    with np.errstate(invalid="ignore"):
        alone = shown.known & ~(shown.high > 0.5 * found.flux)
        hit = shown.saturated & (shown.high > _HIT * np.maximum(np.minimum(shown.high, found.flux), 0))
    known = shown.known & ~hit
    return Expected(
        known,
        shown.value,
        shown.variance,
        shown.photons,
        shown.high,
        np.full(known.size, astray, np.float32),
        shown.saturated & known,
        alone,
    )


def _middle(values, weight):
    """Medians along the first axis, weighted, between two values their mean; nan where no weight is."""
    order = np.argsort(np.where(weight > 0, values, np.inf), axis=0)
    values, weight = (np.take_along_axis(each, order, axis=0) for each in (values, weight))
    position = np.cumsum(weight, axis=0) - 0.5 * weight  # of each in the whole, 0 to 1
    middle = np.where(weight[0] > 0, values[0], np.nan)
    for i in range(1, len(values)):
        step = np.clip((0.5 - position[i - 1]) / np.maximum(position[i] - position[i - 1], 1e-6), 0, 1)
        middle = middle + np.where(weight[i] > 0, step * (values[i] - values[i - 1]), 0)
    return middle.astype(np.float32)
