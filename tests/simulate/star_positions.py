"""Where stars really are in an image, and which of them can tell it."""

import numpy as np


def centroid(image, x, y):
    """Centroid of a star near (x, y), with Gaussian weights so that the sky and neighbours hardly matter."""
    ix, iy = round(float(x)), round(float(y))
    stamp = image[iy - 4 : iy + 5, ix - 4 : ix + 5].astype(float)
    stamp = stamp - np.median(image[iy - 10 : iy + 11, ix - 10 : ix + 11])
    dy, dx = np.mgrid[-4:5, -4:5]
    cx, cy = x - ix, y - iy
    for _ in range(30):
        weight = stamp * np.exp(-((dx - cx) ** 2 + (dy - cy) ** 2) / (2 * 1.1**2))
        # The Gaussian halves the step, as the star is about as wide as it.
        cx += 2 * (weight * (dx - cx)).sum() / weight.sum()
        cy += 2 * (weight * (dy - cy)).sum() / weight.sum()
    return ix + cx, iy + cy


def good_stars(stars, shape, snr=50, separation=10):
    """Stars fit for astrometry: bright, not saturated, alone, away from the edges."""
    x, y = stars["x"], stars["y"]
    crowd = (np.hypot(x[:, None] - x, y[:, None] - y) < separation) & (
        stars["flux_e"] > 0.02 * stars["flux_e"][:, None]
    )
    inside = (x > 12) & (y > 12) & (x < shape[1] - 13) & (y < shape[0] - 13)
    return stars[inside & (stars["snr"] > snr) & ~stars["saturated"] & (crowd.sum(1) == 1)]
