"""From an image to the probability of a cosmic ray per pixel, and to a mask. Arrays only."""

from .network.detect import Detector, mask, probability

__all__ = ["Detector", "mask", "probability"]
