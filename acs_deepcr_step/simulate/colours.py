"""Colours: how bright the sources of a scene are through another filter."""

from dataclasses import replace

import numpy as np

from .seeds import Stream, generator

__all__ = ["seen_through"]

_BLUE, _MIDDLE, _RED = 432.8, 592.1, 804.5  # nm: F435W, F606W, F814W
_REDDEST = 5.0  # spreads from the mean at which the tail ends
_TAIL = 4  # degrees of freedom of Student's distribution, whose variance is 2


def seen_through(scene, bandpass, options, seed):
    """Return a scene with a colour for every star and galaxy.

    A colour is how much fainter a source is in F435W than in F814W, magnitudes, against a flat spectrum; it
    is drawn from Student's distribution with four degrees of freedom. Between the filters, and beyond them,
    magnitudes go linearly with inverse wavelength; those in F606W stay what they are without colours.

    Parameters
    ----------
    scene : scene.Scene
    bandpass : filters.Bandpass
    options : SimulationOptions
        Of which `colour_spread` matters.
    seed : int
        The same for all filters that see the scene.

    Returns
    -------
    scene.Scene
        The same one without a spread.
    """
    if not options.colour_spread:
        return scene
    rng = generator(seed, Stream.COLOURS)
    share = (1 / bandpass.pivot - 1 / _MIDDLE) / (1 / _BLUE - 1 / _RED)
    changed = {}
    for name in ("stars", "galaxies"):
        sources = getattr(scene, name).copy()
        spreads = rng.standard_t(_TAIL, sources.size) / np.sqrt(2)
        colour = options.colour_spread * np.clip(spreads, -_REDDEST, _REDDEST)
        sources["rate"] *= 10 ** (-0.4 * share * colour)
        changed[name] = sources
    return replace(scene, **changed)
