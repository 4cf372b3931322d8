"""Small patches for tests of training: noise with hot pixels in the place of cosmic rays."""

import numpy as np

from acs_deepcr_step.training.fit.recipe import Recipe, RunOptions
from acs_deepcr_step.training.patches.dataset import PatchOptions, open_patches, write
from acs_deepcr_step.training.samples import Origin, Sample

SMALL = PatchOptions(side=64, border=0)
# Two steps an epoch with the patches of `small_patches`, two epochs in each phase.
TINY = Recipe(hidden=4, epochs=4, frozen_from=2, batch=4, scale=100.0, momentum=0.1, seed=50_000)
QUIET = RunOptions(device="cpu", threads=1, tensorboard=False, progress=False, checkpoint_seconds=0.0)


def sample(observation_set="F814W_1_1", exposure=None, shape=(128, 128), seed=0, **origin):
    """An image of noise, a hundredth of it hit."""
    rng = np.random.default_rng(seed)
    image = rng.normal(50, 7, shape).astype(np.float32)
    truth = rng.random(shape) < 0.01
    image[truth] += rng.exponential(1000, int(truth.sum())).astype(np.float32)
    ignore = rng.random(shape) < 0.02
    origin = {"extver": 1, "filter": "F814W", "field": "galaxy", "exptime": 500.0, **origin}
    return Sample(image, truth, ignore, 50.0, Origin(observation_set, exposure or f"e{seed}", **origin))


def samples(sets=3, exposures=1, **keywords):
    """Exposures of several observation sets, one set after the other."""
    for s in range(sets):
        for e in range(exposures):
            yield sample(f"F814W_1_{s}", seed=10 * s + e, **keywords)


def small_patches(directory, **keywords):
    """Patches of `samples`, written and opened."""
    write(samples(**keywords), directory, SMALL)
    return open_patches(directory)
