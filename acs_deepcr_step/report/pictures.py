"""Arrays to pictures that stand in a page: grey images, masks to lay over them, cut-outs."""

import base64
import io
import math

import numpy as np
from astropy.visualization import ZScaleInterval
from PIL import Image

from .. import flags
from . import stamps

__all__ = ["COLOURS", "data_uri", "detail", "overlay", "quick_look", "stamp"]

# Told apart by those who do not see all colours, on white paper too.
COLOURS = {"flagged": (240, 90, 10), "vetoed": (20, 125, 255), "added": (225, 30, 200)}
_PAPER = 255
_WIDTH = 1024  # of a quick look, about
_QUALITY = 80
_ZOOM = 4  # of cut-outs
_DETAIL = (192, 384)  # pixels, of the piece at full resolution
_DETAIL_ZOOM = 2
_GAP = 4
_GREYS = 48  # of a cut-out; each pair of panels has these and as many tints
_DARKEST = 0.8  # outlines must stand out of a star's core
_TINT = (20, 90, 130)  # of probability 1


def data_uri(content, kind):
    """Return a picture as a page holds it.

    Parameters
    ----------
    content : bytes
    kind : {'png', 'jpeg'}

    Returns
    -------
    str
    """
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def quick_look(image):
    """Draw a chip in grey, dark on light, between the limits of zscale.

    Parameters
    ----------
    image : ndarray, (R, C), float32

    Returns
    -------
    uri : str
    size : tuple of int
        Width and height.
    """
    return _grey(_means(image, _factor(image.shape)))


def overlay(plane, uncover=1):
    """Draw which pixels are flagged, spared and added, transparent elsewhere.

    Parameters
    ----------
    plane : ndarray, (R, C), uint8
        Reasons.
    uncover : int, optional
        Screen pixels per pixel of the detector, where not the whole chip is drawn; 0
        for a whole chip, whose pixels are put together as in `quick_look`. One flagged
        pixel colours all of what it is put together with, so that none is lost.

    Returns
    -------
    str
    """
    factor = 1 if uncover else _factor(plane.shape)
    code = np.zeros(tuple(side // factor for side in plane.shape), np.uint8)
    # Few pixels are spared, and most groups have some that were added: so the last one wins.
    added = plane & flags.ADDED
    flagged = ((plane & flags.FLAGGED) != 0) & (added == 0)
    for value, pixels in ((2, added), (1, flagged), (3, plane & flags.VETOED)):
        code[_any(pixels, factor)] = value
    code = code.repeat(max(uncover, 1), axis=0).repeat(max(uncover, 1), axis=1)
    palette = [(0, 0, 0), COLOURS["flagged"], COLOURS["added"], COLOURS["vetoed"]]
    return _palette_png(code, palette, transparent=0)


def detail(image, plane):
    """Draw the middle of a chip at full resolution, and what is flagged there.

    Parameters
    ----------
    image : ndarray, (R, C), float32
    plane : ndarray, (R, C), uint8

    Returns
    -------
    image, mask : str
        URIs of pictures of one size.
    size : tuple of int
        Width and height of both, screen pixels.
    place : tuple of slice
        Rows and columns that are shown.
    """
    place = tuple(
        slice(max((side - wanted) // 2, 0), (side + wanted) // 2 if side > wanted else side)
        for side, wanted in zip(image.shape, _DETAIL, strict=True)
    )
    uri, size = _grey(image[place], _DETAIL_ZOOM)
    return uri, overlay(plane[place], _DETAIL_ZOOM), size, place


def stamp(given):
    """Draw a cut-out: the image with outlines of what is flagged, beside it the probability.

    Parameters
    ----------
    given : stamps.Stamp

    Returns
    -------
    uri : str
    size : tuple of int
        Width and height.
    """
    greys = np.round(_stretched(given.image) * (_GREYS - 1)).astype(np.uint8)
    tints = given.stored.astype(np.float32) * ((_GREYS - 1) / flags.STORED_UNIT)
    tints = np.clip(np.round(tints), 0, _GREYS - 1).astype(np.uint8) + _GREYS
    greys[~np.isfinite(given.image)] = 2 * _GREYS + 3  # beyond the frame
    panels = [_flipped(_zoomed(panel)) for panel in (greys, tints)]
    for value, bit in enumerate((flags.FLAGGED, flags.ADDED, flags.VETOED)):
        panels[0][_flipped(_outline((given.plane & bit) != 0))] = 2 * _GREYS + value
    gap = np.full((panels[0].shape[0], _GAP), 2 * _GREYS + 3, np.uint8)
    code = np.hstack([panels[0], gap, panels[1]])
    ramp = np.linspace(0, 1, _GREYS)[:, None]
    palette = [
        *(_PAPER * (1 - _DARKEST * ramp) * np.ones(3)).round().astype(int).tolist(),
        *((1 - ramp) * _PAPER + ramp * np.array(_TINT)).round().astype(int).tolist(),
        COLOURS["flagged"], COLOURS["added"], COLOURS["vetoed"], (_PAPER,) * 3,
    ]  # fmt: skip
    return _palette_png(code, palette), (code.shape[1], code.shape[0])


def _factor(shape):
    return max(1, math.ceil(max(shape) / _WIDTH))


def _blocks(array, factor):
    rows, columns = (side // factor for side in array.shape)
    return array[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)


def _means(image, factor):
    return image if factor == 1 else _blocks(image, factor).mean(axis=(1, 3))


def _any(array, factor):
    return array != 0 if factor == 1 else _blocks(array, factor).max(axis=(1, 3)) != 0


def _grey(image, zoom=1):
    """A grey picture, the first row at the bottom; its URI and size."""
    known = np.isfinite(image)
    low, high = ZScaleInterval().get_limits(image[known]) if known.any() else (0.0, 1.0)
    image = np.where(known, image, low)
    share = np.clip((image - low) / max(high - low, 1e-6), 0, 1)
    code = _flipped((_PAPER * (1 - share)).astype(np.uint8)).repeat(zoom, axis=0).repeat(zoom, axis=1)
    buffer = io.BytesIO()
    Image.fromarray(code).save(buffer, "JPEG", quality=_QUALITY)
    return data_uri(buffer.getvalue(), "jpeg"), (code.shape[1], code.shape[0])


def _stretched(image):
    """From 0 on the sky to 1 at the brightest pixel, by asinh."""
    image = np.nan_to_num(image, nan=0.0, posinf=0.0, neginf=0.0)
    scatter = max(1.4826 * float(np.median(np.abs(image - np.median(image)))), 1.0)
    low, high = -2 * scatter, max(float(image[_MIDDLE].max()), float(np.percentile(image, 99)), 10 * scatter)
    soft = 3 * scatter
    return np.clip(np.arcsinh((image - low) / soft) / np.arcsinh((high - low) / soft), 0, 1)


_MIDDLE = (slice(stamps.HALF - 2, stamps.HALF + 3),) * 2


def _flipped(array):
    """With the first row at the bottom, as images of the sky are shown."""
    return array[::-1]


def _zoomed(array):
    return array.repeat(_ZOOM, axis=0).repeat(_ZOOM, axis=1)


def _outline(pixels):
    """The border of some pixels, inside them, one screen pixel wide."""
    large = np.pad(_zoomed(pixels), 1)
    inner = large[:-2, 1:-1] & large[2:, 1:-1] & large[1:-1, :-2] & large[1:-1, 2:]
    return large[1:-1, 1:-1] & ~inner


def _palette_png(code, palette, transparent=None):
    if transparent is not None:
        code = _flipped(code)
    picture = Image.fromarray(np.ascontiguousarray(code), mode="P")
    picture.putpalette([int(part) for colour in palette for part in colour])
    buffer = io.BytesIO()
    options = {} if transparent is None else {"transparency": transparent}
    bits = max(1, math.ceil(math.log2(len(palette))))
    picture.save(buffer, "PNG", optimize=False, bits=1 << (bits - 1).bit_length(), **options)
    return data_uri(buffer.getvalue(), "png")
