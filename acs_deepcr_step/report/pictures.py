"""Arrays to pictures that stand in a page: grey images, masks to lay over them, cut-outs."""

import base64
import io
import math
from dataclasses import dataclass, field

import numpy as np
from astropy.visualization import ZScaleInterval
from PIL import Image

from ..arrays import reasons
from ..arrays.probabilities import SCALE
from . import cutouts

__all__ = ["ChipView", "EncodedImage", "data_uri", "draw_cutout", "middle", "whole"]

# Colours that those who do not see all of them can distinguish, on white paper too.
_ORANGE, _BLUE, _MAGENTA = (240, 90, 10), (20, 125, 255), (225, 30, 200)
_PAPER = 255
_WIDTH = 1024  # of the picture of a whole chip, about
_QUALITY = 80
_ZOOM = 4  # of cut-outs
_MIDDLE_ROWS, _MIDDLE_COLUMNS = 192, 384  # of a chip, at full resolution
_MIDDLE_ZOOM = 2
_GAP = 4
_GREYS = 48  # of a cut-out; its palette has these and as many tints
_DARKEST = 0.8  # outlines must be seen on a star's core
_TINT = (20, 90, 130)  # of probability 1


@dataclass(frozen=True)
class EncodedImage:
    """An image as a page holds it.

    Attributes
    ----------
    uri : str
        The image itself, as a data URI.
    width, height : int or None
        On the screen, CSS pixels; None to leave it to the page.
    """

    uri: str = field(repr=False)
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class ChipView:
    """A chip or a part of it, and its flags.

    Attributes
    ----------
    image : EncodedImage
    overlay : str
        URI of a picture of the flags, to lay over the image.
    rows, columns : slice
        The part of the chip that is shown.
    """

    image: EncodedImage
    overlay: str = field(repr=False)
    rows: slice
    columns: slice


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


def whole(image, flags):
    """Draw a whole chip in grey, dark on light, and what is flagged, spared and added there.

    Parameters
    ----------
    image : ndarray, (R, C), float32
        Electrons.
    flags : ndarray, (R, C), uint16
        Bits of `arrays.reasons`.

    Returns
    -------
    ChipView
        Pixels of a large chip are put together: the image shows their mean, and one flagged
        pixel colours all of them, so that none is lost.
    """
    factor = max(1, math.ceil(max(image.shape) / _WIDTH))
    rows, columns = image.shape
    return ChipView(
        _grey(_means(image, factor)), _overlay(flags, factor=factor), slice(0, rows), slice(0, columns)
    )


def middle(image, flags):
    """Draw the middle of a chip at full resolution, and what is flagged, spared and added there.

    Parameters
    ----------
    image : ndarray, (R, C), float32
        Electrons.
    flags : ndarray, (R, C), uint16
        Bits of `arrays.reasons`.

    Returns
    -------
    ChipView
    """
    rows = _middle_span(image.shape[0], _MIDDLE_ROWS)
    columns = _middle_span(image.shape[1], _MIDDLE_COLUMNS)
    return ChipView(
        _grey(image[rows, columns], _MIDDLE_ZOOM),
        _overlay(flags[rows, columns], zoom=_MIDDLE_ZOOM),
        rows,
        columns,
    )


def draw_cutout(cutout):
    """Draw a cut-out: the image with outlines of what is flagged, beside it the probability.

    Parameters
    ----------
    cutout : cutouts.Cutout

    Returns
    -------
    EncodedImage
    """
    greys = np.round(_stretched(cutout.image) * (_GREYS - 1)).astype(np.uint8)
    tints = cutout.scaled_probability.astype(np.float32) * ((_GREYS - 1) / SCALE)
    tints = np.clip(np.round(tints), 0, _GREYS - 1).astype(np.uint8) + _GREYS
    greys[~np.isfinite(cutout.image)] = 2 * _GREYS + 3  # outside the chip
    left, right = (_flipped(_zoomed(codes)) for codes in (greys, tints))
    for number, bit in enumerate((reasons.FLAGGED, reasons.ADDED, reasons.VETOED)):
        left[_flipped(_outline((cutout.reasons & bit) != 0))] = 2 * _GREYS + number
    gap = np.full((left.shape[0], _GAP), 2 * _GREYS + 3, np.uint8)
    codes = np.hstack([left, gap, right])
    ramp = np.linspace(0, 1, _GREYS)[:, None]
    palette = [
        *(_PAPER * (1 - _DARKEST * ramp) * np.ones(3)).round().astype(int).tolist(),
        *((1 - ramp) * _PAPER + ramp * np.array(_TINT)).round().astype(int).tolist(),
        _ORANGE, _MAGENTA, _BLUE, (_PAPER,) * 3,
    ]  # fmt: skip
    return EncodedImage(_palette_png(codes, palette), width=codes.shape[1], height=codes.shape[0])


def _overlay(flags, factor=1, zoom=1):
    """Draw which pixels are flagged, spared and added, transparent elsewhere.

    Parameters
    ----------
    flags : ndarray, (R, C), uint16
    factor : int, optional
        Pixels of the chip, along a side, that are put together.
    zoom : int, optional
        Screen pixels per pixel of the chip.

    Returns
    -------
    str
        URI.
    """
    codes = np.zeros(tuple(side // factor for side in flags.shape), np.uint8)
    # Later colours cover earlier ones: most groups have an added pixel and are to be orange, and of the
    # few spared pixels none is to be hidden.
    added = flags & reasons.ADDED
    flagged = ((flags & reasons.FLAGGED) != 0) & (added == 0)
    for code, pixels in ((2, added), (1, flagged), (3, flags & reasons.VETOED)):
        codes[_any(pixels, factor)] = code
    codes = codes.repeat(zoom, axis=0).repeat(zoom, axis=1)
    return _palette_png(_flipped(codes), [(0, 0, 0), _ORANGE, _MAGENTA, _BLUE], transparent=0)


def _middle_span(side, shown):
    """Return the middle `shown` pixels of a side, or all where it has no more; a slice."""
    return slice((side - shown) // 2, (side + shown) // 2) if side > shown else slice(0, side)


def _blocks(array, factor):
    rows, columns = (side // factor for side in array.shape)
    return array[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor)


def _means(image, factor):
    return image if factor == 1 else _blocks(image, factor).mean(axis=(1, 3))


def _any(array, factor):
    return array != 0 if factor == 1 else _blocks(array, factor).max(axis=(1, 3)) != 0


def _grey(image, zoom=1):
    """Draw an image in grey between the limits of zscale, the first row at the bottom."""
    finite = np.isfinite(image)
    low, high = ZScaleInterval().get_limits(image[finite]) if finite.any() else (0.0, 1.0)
    image = np.where(finite, image, low)
    share = np.clip((image - low) / max(high - low, 1e-6), 0, 1)
    greys = _flipped((_PAPER * (1 - share)).astype(np.uint8)).repeat(zoom, axis=0).repeat(zoom, axis=1)
    buffer = io.BytesIO()
    Image.fromarray(greys).save(buffer, "JPEG", quality=_QUALITY)
    return EncodedImage(data_uri(buffer.getvalue(), "jpeg"), width=greys.shape[1], height=greys.shape[0])


def _stretched(image):
    """Stretch a cut-out by asinh, from 0 below the background to 1 at its brightest pixel."""
    image = np.nan_to_num(image, nan=0.0, posinf=0.0, neginf=0.0)
    rms = max(1.4826 * float(np.median(np.abs(image - np.median(image)))), 1.0)
    centre = image[_CENTRE, _CENTRE]
    low, high = -2 * rms, max(float(centre.max()), float(np.percentile(image, 99)), 10 * rms)
    soft = 3 * rms
    return np.clip(np.arcsinh((image - low) / soft) / np.arcsinh((high - low) / soft), 0, 1)


_CENTRE = slice(cutouts.HALF - 2, cutouts.HALF + 3)  # rows, and columns, of the middle of a cut-out


def _flipped(array):
    """Return an array with the first row at the bottom, as images of the sky are shown."""
    return array[::-1]


def _zoomed(array):
    return array.repeat(_ZOOM, axis=0).repeat(_ZOOM, axis=1)


def _outline(pixels):
    """Return the border of some pixels, inside them, one screen pixel wide."""
    large = np.pad(_zoomed(pixels), 1)
    inner = large[:-2, 1:-1] & large[2:, 1:-1] & large[1:-1, :-2] & large[1:-1, 2:]
    return large[1:-1, 1:-1] & ~inner


def _palette_png(codes, palette, transparent=None):
    """Return the URI of a picture of few colours; `transparent` is a code."""
    picture = Image.fromarray(np.ascontiguousarray(codes), mode="P")
    picture.putpalette([int(part) for colour in palette for part in colour])
    buffer = io.BytesIO()
    options = {} if transparent is None else {"transparency": transparent}
    bits = max(1, math.ceil(math.log2(len(palette))))
    picture.save(buffer, "PNG", optimize=False, bits=1 << (bits - 1).bit_length(), **options)
    return data_uri(buffer.getvalue(), "png")
