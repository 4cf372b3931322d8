"""What differs in the scene from exposure to exposure: variable stars and moving sources."""

from dataclasses import replace

import numpy as np

__all__ = ["scene_at"]

_MOVER_RATE = 200.0, 20.0  # electrons per second of the brightest and faintest moving source


def scene_at(scene, box, options, key, index):
    """Return the scene as one exposure sees it.

    Parameters
    ----------
    scene : scene.Scene
    box : tuple of float
        x0, y0, x1, y1 of the plane, pixels.
    options : SimulationOptions
        Of which `variables`, `variability`, `movers` and `mover_step` matter.
    key : tuple of int
        Seeds the choice; the same for all exposures.
    index : int
        Number of the exposure, from 0.

    Returns
    -------
    scene.Scene
        The same one where nothing changes.
    """
    if not options.variables and not options.movers:
        return scene
    stars, rng = scene.stars.copy(), np.random.default_rng([*key])
    chosen = rng.random(stars.size) < options.variables
    epoch = np.random.default_rng([*key, index])
    magnitudes = epoch.uniform(-0.5, 0.5, stars.size) * options.variability
    stars["rate"][chosen] *= 10 ** (-0.4 * magnitudes[chosen])
    movers = np.zeros(options.movers, stars.dtype)
    movers["x"] = rng.uniform(box[0], box[2], movers.size) + index * options.mover_step[0]
    movers["y"] = rng.uniform(box[1], box[3], movers.size) + index * options.mover_step[1]
    movers["rate"] = np.geomspace(*_MOVER_RATE, movers.size)
    return replace(scene, stars=np.concatenate([stars, movers]))
