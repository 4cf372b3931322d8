"""What another network says of patches: logits beside them, computed once for a whole training."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ...errors import OutputError
from ...files.atomic import atomic
from ...network.detect import Detector
from ..patches.patch import Patch, Patches

__all__ = ["LARGEST_LOGIT", "TaughtPatch", "taught"]

LARGEST_LOGIT = 9.0  # what is surer is as sure: a probability of 1e-4, the smallest that is stored


@dataclass(frozen=True, eq=False)
class TaughtPatch:
    """A patch with its teacher's word.

    Attributes
    ----------
    patch : Patch
    logits : ndarray, (S, S), float32
        The logarithm of the odds that a cosmic ray hit each pixel.
    """

    patch: Patch
    logits: np.ndarray


def taught(patches, teacher, output, progress=True):
    """Let a teacher judge patches.

    Parameters
    ----------
    patches : Patches
    teacher : network.models.Model
    output : pathlib.Path
        Weights that are to be trained: the logits, 2 bytes a pixel, are kept beside them.
    progress : bool
        Whether to show a bar on a terminal.

    Returns
    -------
    patches : Patches
        Of `TaughtPatch`; the same others.
    path : pathlib.Path
        Of the logits. They are not computed again where they are there.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    digits = hashlib.sha256(f"{patches.manifest} {len(patches)} {teacher.info.sha256}".encode()).hexdigest()
    path = output.with_name(f"{output.name}.teacher-{digits[:12]}")
    if not path.exists():
        _judge(patches, teacher, path, progress)
    reader = _Reader(patches, path)
    return Patches(patches.index, reader, patches.side, patches.manifest), path


def _judge(patches, teacher, path, progress):
    detector, hide = Detector(teacher, device="cpu"), None if progress else True
    try:
        with atomic(path) as temporary, open(temporary, "wb") as file:
            for number in tqdm(range(len(patches)), desc="teacher", unit="patch", disable=hide):
                probability = detector.probability(patches[number].image).astype(np.float64)
                with np.errstate(divide="ignore"):
                    logits = np.log(probability) - np.log1p(-probability)
                file.write(np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT).astype("<f2").tobytes())
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error}): make room, "
            f"{2 * len(patches) * patches.side**2 / 1e9:.1f} GB, and train again."
        ) from error


@dataclass(frozen=True)
class _Reader:
    """Reads a taught patch by its number; holds paths only."""

    patches: Patches
    path: Path

    def __call__(self, number, _):
        side = self.patches.side
        logits = np.fromfile(self.path, "<f2", side * side, offset=2 * number * side * side)
        return TaughtPatch(self.patches[number], logits.reshape(side, side).astype(np.float32))
