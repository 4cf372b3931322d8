"""Scorers: models, LACosmic, and masks made by other programs, with one interface.

A `Scorer` takes a `Sample` and returns probabilities or a mask; it does not use the truth.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...errors import InputError, ParameterError
from ...files import inputs
from ...files.fits_reader import quiet
from ...network import models
from ...regular_file import require_regular

__all__ = ["LACOSMIC", "SIGCLIPS", "Scorer", "dq_flags", "lacosmic", "mask_files", "model", "published"]

# Settings of the published comparison (the paper's section 1 and the code of its figures); sigclip varies.
LACOSMIC = {
    "sigfrac": 0.3, "objlim": 2.0, "gain": 1.0, "readnoise": 5.0, "satlevel": np.inf, "niter": 4,
    "sepmed": False, "cleantype": "medmask",
}  # fmt: skip

# They span FPR of 0.05 % and 0.5 % in sparse and in crowded fields.
SIGCLIPS = (3.0, 4.0, 5.0, 8.0, 13.0, 25.0)


@dataclass(frozen=True)
class Scorer:
    """A way to find cosmic rays.

    Attributes
    ----------
    name : str
        Shown in tables and figures.
    find : callable
        Takes a `Sample`; returns probabilities, (R, C) float 0 to 1, or a mask, (R, C) bool.
    filter : str
        The filter it is for; empty for all.
    setting : float
        What made a mask: scorers with one name and several settings are the points of one curve. nan
        if there is none.
    is_mask : bool
        Whether it returns masks.
    """

    name: str
    find: Callable = field(repr=False)
    filter: str = ""
    setting: float = float("nan")
    is_mask: bool = False

    def applies_to(self, origin):
        """Return whether samples of an `Origin` are scored."""
        return self.filter in ("", origin.filter)

    def __call__(self, sample):
        """Return the scores of a sample.

        Parameters
        ----------
        sample : Sample

        Returns
        -------
        ndarray, (R, C)

        Raises
        ------
        ParameterError
            If the scores are not of the image's shape.
        """
        scores = np.asarray(self.find(sample))
        if scores.shape != sample.image.shape:
            raise ParameterError(
                f"{self.name} gives scores of shape {scores.shape} for an image of {sample.image.shape}."
            )
        return scores


def model(name=models.GLOBAL, *, label=None, **detector_options):
    """Return the scorer of a model.

    Parameters
    ----------
    name : str or path-like
        A published model, or a file of weights.
    label : str, optional
        Its name in tables; by default the model's own.
    **detector_options
        ``precision``, ``device``, ``threads`` of `detect.Detector`.

    Returns
    -------
    Scorer
        For the filter of the model's training; for all filters where it has none.

    Raises
    ------
    ModelError
        If the model cannot be loaded.
    """
    from ...network.detect import Detector

    detector = Detector(name, **detector_options)
    info = detector.model.info
    return Scorer(label or info.name, lambda sample: detector.probability(sample.image), info.filter)


def published(filters=None, **detector_options):
    """Return the scorers of Table 3: the global model and those of filters.

    Parameters
    ----------
    filters : iterable of str, optional
        By default all that have a model.
    **detector_options
        As for `model`.

    Returns
    -------
    list of Scorer
    """
    by_filter = {models.info(name).filter: name for name in reversed(models.names(detector="ACS/WFC"))}
    by_filter.pop("")
    chosen = (
        sorted(by_filter)
        if filters is None
        else [band for band in dict.fromkeys(filters) if band in by_filter]
    )
    return [
        model(name, **detector_options) for name in (models.GLOBAL, *(by_filter[band] for band in chosen))
    ]


def lacosmic(sigclips=SIGCLIPS, **settings):
    """Return scorers of LACosmic (astroscrappy), one per `sigclip`.

    Parameters
    ----------
    sigclips : sequence of float
        Together they are the points of one curve.
    **settings
        Keywords of `astroscrappy.detect_cosmics` that override `LACOSMIC`.

    Returns
    -------
    list of Scorer

    References
    ----------
    van Dokkum 2001, PASP, 113, 1420; Zhang & Bloom 2020, section 4.
    """
    keywords = {**LACOSMIC, **settings}

    def at(sigclip):
        return lambda sample: _lacosmic(sample.image, sigclip, keywords)

    return [Scorer("LACosmic", at(float(clip)), setting=float(clip), is_mask=True) for clip in sigclips]


def _lacosmic(image, sigclip, keywords):
    from astroscrappy import detect_cosmics

    finite = np.isfinite(image)
    filled = np.where(finite, image, np.float32(np.median(image[finite])) if finite.any() else 0)
    return detect_cosmics(filled.astype(np.float32), sigclip=sigclip, **keywords)[0].astype(bool) & finite


def dq_flags(paths, bit, name="DQ flags"):
    """Return the scorer of flags in the DQ of exposures.

    Parameters
    ----------
    paths : str, path-like, or list of these
        The exposures, as `inputs.expand` takes them.
    bit : int
        The flag, e.g. 4096 (AstroDrizzle) or 8192 (acsrej, or this step).
    name : str

    Returns
    -------
    Scorer

    Raises
    ------
    InputError
        If a file is missing. When applied: if there is none for the sample's exposure, or it does not fit.
    """
    return _from_files(paths, name, "DQ", lambda data: (data.astype(np.int64) & bit) != 0)


def mask_files(paths, name, flagged=lambda data: data != 0):
    """Return the scorer of masks in FITS files, one file per exposure.

    Parameters
    ----------
    paths : str, path-like, or list of these
        Files whose names begin with the exposure's root name. A chip's mask is the first image with its
        EXTVER, of any name; a file with a single image serves any chip.
    name : str
    flagged : callable
        Takes the image; returns where it is flagged. AstroDrizzle's masks are 0 on cosmic rays.

    Returns
    -------
    Scorer

    Raises
    ------
    InputError
        As for `dq_flags`.
    """
    return _from_files(paths, name, None, flagged)


def _from_files(paths, name, extension, flagged):
    found = inputs.expand(paths).paths

    def find(sample):
        path = _file_of(sample.origin, found, name)
        data = _image(path, extension, sample.origin.extver)
        if data is None or data.shape != sample.image.shape:
            has = "no such image" if data is None else f"one of {data.shape}"
            raise InputError(
                f"{path} has {has} for chip EXTVER {sample.origin.extver} of {sample.image.shape} pixels: "
                f"give the file of {name} that belongs to {sample.origin.exposure}."
            )
        return np.asarray(flagged(data), bool)

    return Scorer(name, find, is_mask=True)


def _file_of(origin, found, name):
    fitting = [path for path in found if path.name.lower().startswith(origin.exposure.lower())]
    if len(fitting) != 1:
        what = f"several files ({', '.join(map(str, fitting))})" if fitting else "no file"
        raise InputError(
            f"There is {what} of {name} for exposure {origin.exposure}: give one, "
            "whose name begins with the root name."
        )
    return Path(fitting[0])


def _image(path, extension, extver):
    from astropy.io import fits

    try:
        require_regular(path)
        with quiet(), fits.open(path, memmap=False) as hdus:
            images = [
                hdu for hdu in hdus if hdu.is_image and len(hdu.shape) == 2 and extension in (None, hdu.name)
            ]
            if extension is None and len(images) == 1:
                return images[0].data
            return next((hdu.data for hdu in images if hdu.ver == extver), None)
    except Exception as error:  # whatever a malformed file makes the FITS reader raise
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} cannot be read as a FITS file ({reason}): give a whole one.") from error
