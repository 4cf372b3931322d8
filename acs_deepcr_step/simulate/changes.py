"""What differs in the scene from exposure to exposure: variable stars and moving sources."""

from dataclasses import replace

import numpy as np

from .seeds import Stream, generator

__all__ = ["scene_at"]

# Electrons per second of the brightest and of the faintest moving source.
_BRIGHTEST, _FAINTEST = 200.0, 20.0


def scene_at(scene, region, options, seed, index):
    """Return the scene as one exposure sees it.

    Parameters
    ----------
    scene : scene.Scene
    region : scene.Region
        Where moving sources are at first.
    options : SimulationOptions
        Of which `variables`, `variability`, `movers` and `mover_step` matter.
    seed : int
        The same for all exposures of an association.
    index : int
        Number of the exposure, from 0.

    Returns
    -------
    scene.Scene
        The same one where nothing changes.
    """
    if not options.variables and not options.movers:
        return scene
    stars, rng = scene.stars.copy(), generator(seed, Stream.CHANGES)
    variable = rng.random(stars.size) < options.variables
    rng_at = generator(seed, Stream.CHANGES, index)
    magnitudes = rng_at.uniform(-0.5, 0.5, stars.size) * options.variability
    stars["rate"][variable] *= 10 ** (-0.4 * magnitudes[variable])
    movers = np.zeros(options.movers, stars.dtype)
    step_x, step_y = options.mover_step
    movers["x"] = rng.uniform(region.x0, region.x1, movers.size) + index * step_x
    movers["y"] = rng.uniform(region.y0, region.y1, movers.size) + index * step_y
    movers["rate"] = np.geomspace(_BRIGHTEST, _FAINTEST, movers.size)
    return replace(scene, stars=np.concatenate([stars, movers]))
