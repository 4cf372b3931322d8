"""How well what the others show fits two stories: a cosmic ray stands here, or none.

The network judged the electrons f of a pixel by its own exposure. New is what the others lead to expect, V
with its variance. Without a cosmic ray the sky gives f, V is f within both errors; or f is a fluctuation of
blank sky, V near 0; or something changed; or V is less for a reason that is not modelled. With one the sky
gives less: nothing, or a source below f; or something changed. How often each is the case is counted
(`calibration`).
"""

import numpy as np
from scipy.special import ndtr

from .calibration import COSMIC_RAY, SKY

__all__ = ["FLAT", "densities", "log_ratio"]

FLAT = 0.005  # error of flat fields, of the value
_LOWEST = 2.0  # sigma below nothing


def densities(found, expected):
    """Return how likely the value of the others is, for each thing that may be there.

    Parameters
    ----------
    found : candidates.Candidates
    expected : pooling.Expected

    Returns
    -------
    dict of str to ndarray
        (K,) float32 each, per electron: ``nothing`` is there, the ``same`` as here, ``less`` than here
        (anything from nothing to that), or something that ``changed``.
    """
    value, rms = expected.value, found.rms
    flux = np.maximum(found.flux, rms)
    source = np.maximum(value, 0)
    with np.errstate(invalid="ignore"):
        sigma2 = expected.variance + (FLAT * value) ** 2
        sigma = np.sqrt(sigma2)
        # The sky gives no less than nothing; what is lower is an error of the background map.
        value = np.maximum(value, -_LOWEST * sigma)
        # If the sky is the same it gives what both say together; of so many electrons is the photon noise.
        own2 = rms**2 + source
        more = np.maximum(found.flux - source, 0) * sigma2 / (sigma2 + own2)
        both = np.sqrt(sigma2 + own2 + (1 + expected.photons) * more)
        less = (ndtr(value / sigma) - ndtr((value - flux) / sigma)) / flux
        scale = flux + rms + np.sqrt(expected.variance)
        return {
            "nothing": _normal(value, sigma),
            "same": _normal(value - found.flux, both),
            "less": less,
            "changed": 1 / (np.pi * scale * (1 + (value / scale) ** 2)),
        }


def log_ratio(found, expected, calibration):
    """Return the logarithm of the likelihood ratio of the two stories; 0 where the others say nothing.

    Parameters
    ----------
    found : candidates.Candidates
    expected : pooling.Expected
    calibration : calibration.Calibration

    Returns
    -------
    ndarray, (K,), float32
    """
    each = densities(found, expected)
    sky, cosmic_ray = calibration.shares(found)
    without = sum(share * each[name] for share, name in zip(sky, SKY, strict=True))
    with_one = sum(share * each[name] for share, name in zip(cosmic_ray, COSMIC_RAY, strict=True))
    # A place that is not the right one says the same whatever is here.
    anything = expected.astray * each["changed"]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.log(
            ((1 - expected.astray) * with_one + anything) / ((1 - expected.astray) * without + anything)
        )
    return np.where(expected.known & np.isfinite(ratio), ratio, 0).astype(np.float32)


def _normal(offset, sigma):
    return np.exp(-0.5 * (offset / sigma) ** 2) / (sigma * np.float32(np.sqrt(2 * np.pi)))
