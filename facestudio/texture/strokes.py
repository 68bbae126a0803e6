"""Where the photo may not be used for the texture: strokes of a brush, drawn by a person."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facestudio.values import BoolArray, Float32Array, FloatArray

_SHIFT = 4  # fractional bits of OpenCV's coordinates


@dataclass(frozen=True)
class Stroke:
    """One stroke of a round brush.

    Attributes
    ----------
    points
        (x, y) pixels, image frame, in the order they were drawn.
    radius
        Of the brush, pixels.
    erase
        Takes earlier strokes away in place of adding to them.
    """

    points: tuple[tuple[float, float], ...]
    radius: float
    erase: bool = False


def stroke_mask(strokes: Sequence[Stroke], size: tuple[int, int], scale: float = 1.0) -> BoolArray:
    """Return what strokes cover, (H, W) bool.

    Parameters
    ----------
    strokes
        In the order they were drawn.
    size
        (width, height) of the mask.
    scale
        Pixels of the mask to one of the photo.
    """
    import cv2

    mask = np.zeros((size[1], size[0]), dtype=np.uint8)
    for stroke in strokes:
        colour = 0 if stroke.erase else 1
        at = (np.array(stroke.points) + 0.5) * scale - 0.5
        radius = max(stroke.radius * scale, 0.5)
        fixed = np.round(at * 2**_SHIFT).astype(np.int32)
        cv2.polylines(mask, [fixed], False, colour, max(1, round(2 * radius)), cv2.LINE_8, _SHIFT)
        for end in (fixed[0], fixed[-1]):
            cv2.circle(mask, end.tolist(), round(radius * 2**_SHIFT), colour, -1, cv2.LINE_8, _SHIFT)
    return mask > 0


def covered(mask: BoolArray, pixels: FloatArray | Float32Array) -> BoolArray:
    """Return which places (N, 2) pixels lie in a mask (H, W); what is not a number, or outside, does not."""
    height, width = mask.shape
    inside = np.isfinite(pixels).all(axis=1)
    whole = np.zeros(pixels.shape, dtype=np.int64)
    whole[inside] = np.round(pixels[inside]).astype(np.int64)
    inside &= (whole >= 0).all(axis=1) & (whole < (width, height)).all(axis=1)
    result = np.zeros(len(pixels), dtype=np.bool_)
    result[inside] = mask[whole[inside, 1], whole[inside, 0]]
    return result
