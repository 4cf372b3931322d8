"""Simulates the fields, lets a model judge them, and compares their exposures, as a run does."""

import sys
import tempfile
from dataclasses import dataclass, replace

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from tqdm import tqdm

from ... import __version__, simulate
from ...arrays.probabilities import to_scaled
from ...files.atomic import atomic
from ...flagging.chip import ChipImage
from ...flagging.consensus import pointing, verdict
from ...flagging.consensus.candidates import Candidates, candidates
from ...flagging.consensus.comparison import compared
from ...flagging.consensus.field_chip import FieldChip
from ...flagging.consensus.pooling import Expected
from ...flagging.consensus.starfit import find_stars
from ...instruments import ACS_WFC
from ...network.detect import Detector
from .counting import counted, evidence
from .fields import TRAINING

__all__ = ["Judged", "calibration", "judged", "write"]

_KNOWN_ERROR = 0.1  # pixels, of the WCS of one exposure against another's of the same visit


@dataclass(frozen=True, eq=False)
class Judged:
    """The candidates of one exposure of a field.

    Attributes
    ----------
    found : candidates.Candidates
    expected : pooling.Expected
        What the field's other exposures lead to expect of them.
    cosmic_ray : ndarray, (K,), bool
        The truth.
    exptime : float
        Seconds.
    """

    found: Candidates
    expected: Expected
    cosmic_ray: np.ndarray
    exptime: float


def calibration(model, fields=TRAINING, *, device="cpu", progress=False):
    """Count the calibration of a mask model.

    Parameters
    ----------
    model : str, path or network.models.Model
        A published model, a weights file, or a loaded model.
    fields : sequence of fields.Field
    device : {'cpu', 'auto', 'cuda', 'cuda:N', 'mps'}
    progress : bool
        Whether to show a bar on a terminal.

    Returns
    -------
    flagging.consensus.calibration.Calibration
        The same for the same model, fields and device.

    Raises
    ------
    ModelError
        If the model cannot be loaded or is no mask model.
    """
    detector = Detector(model, precision="float32", device=device)
    info, chips = detector.model.info, []
    hidden = not (progress and sys.stderr.isatty())
    for field in tqdm(fields, desc="fields", unit="field", disable=hidden):
        for one in judged(detector, field):  # no more than one field is held
            chips.append(evidence(one.found, one.expected, one.cosmic_ray, one.exptime))
    provenance = {
        "model": info.name,
        "hash": info.sha256,
        "package version": __version__,
        "fields": [field.as_dict() for field in fields],
    }
    return counted(chips, provenance)


def write(path, counted_calibration):
    """Write a calibration, in the place of one that is there.

    Parameters
    ----------
    path : pathlib.Path
        As of `network.calibration_file.path_for`.
    counted_calibration : flagging.consensus.calibration.Calibration

    Raises
    ------
    OutputError
        If it cannot be written; what was there stays.
    """
    with atomic(path) as temporary:
        temporary.write_text(counted_calibration.to_json(), encoding="utf-8")


def judged(detector, field):
    """Simulate a field, and compare each of its exposures with the others.

    Parameters
    ----------
    detector : network.detect.Detector
    field : fields.Field

    Yields
    ------
    Judged
        Of each exposure.
    """
    with tempfile.TemporaryDirectory(prefix="acs_deepcr_calibration_") as directory:
        exposures = [_exposure(path, detector) for path in field.simulate(directory)]
    for i, (chip, truth) in enumerate(exposures):
        found = candidates(chip)
        others = [_compared(found, chip, other) for j, (other, _) in enumerate(exposures) if j != i]
        yield Judged(found, verdict.expected_of(found, others), truth.ravel()[found.index], chip.exptime)


def _exposure(path, detector):
    """Return the chip of a simulated exposure, and where its cosmic rays are."""
    with fits.open(path, memmap=False) as hdus:
        image, bits = hdus["SCI", 1].data.astype(np.float32), hdus["DQ", 1].data
        wcs, exptime = WCS(hdus["SCI", 1].header, hdus), hdus[0].header["EXPTIME"]
    [truth] = simulate.read_truth(path)
    seen = ChipImage.of(image, bits, to_scaled(detector.probability(image)), ACS_WFC)
    chip = FieldChip.from_chip(seen, wcs=wcs, exptime=exptime)
    return replace(chip, stars=find_stars(chip)), truth.cr


def _compared(found, chip, other):
    shift = pointing.measure([_stars(chip)], [_stars(other)], _KNOWN_ERROR)
    return compared(found, chip, [other], shift)


def _stars(chip):
    return pointing.ChipStars(chip.wcs, chip.net.shape, chip.stars, chip.exptime)
