"""Masked pixels of an image, filled from what is around them. Arrays only.

What is filled is a guess to look at, or for programs that cannot leave pixels out. For
photometry and for AstroDrizzle flag cosmic rays, do not fill them.
"""

from .network.inpaint import Inpainter, inpaint

__all__ = ["Inpainter", "inpaint"]
