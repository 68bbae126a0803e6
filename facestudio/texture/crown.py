"""The colour of the hair, from the rim of the head in the photo.

The top and the sides of a head are seen at a slant at best, and a fitted skull may be a little small or large; but
whatever hair there is shows along the outline of the fitted head, above the ears.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from facestudio.texture.colours import ColourModel, lab
from facestudio.texture.look import PhotoLook
from facestudio.texture.segmenter import Part, PhotoParts
from facestudio.values import BoolArray, ByteArray, Float32Array, FloatArray

_CELLS = 200  # a head's longer side
_HEAD_MM = 290.0  # of which that is about the length
_DEEP_MM, _OUT_MM = 8.0, 11.0  # the rim: so far inside the outline, and outside
_ABOVE_MM = 38.0  # above the ears
_EDGE = 16  # cells around the head
_LEAST = 60
_LIKE_SKIN = 1.5
_SHARE = 0.2  # of the rim: less than that is no hair
_FEW = 0.06
_BLUEST = -6.0  # of b*
_DARK, _LIGHT = 10.0, 60.0  # per cent: between gaps and shine


@dataclass(frozen=True, eq=False)
class Rim:
    """What the photo shows at the rim of the head, above the ears.

    Attributes
    ----------
    colours
        (M, 3) float32 0..255; neither background nor, if there is hair, skin.
    hair
        Whether it is hair.
    tone
        (3,) float32 0..255: its own colour, without gaps and shine.
    """

    colours: Float32Array
    hair: bool
    tone: Float32Array


def _raster(
    look: PhotoLook, chosen: BoolArray, low: FloatArray, scale: float, shape: tuple[int, ...]
) -> ByteArray:
    spot = np.rint((look.projection.pixels[chosen] - low) * scale).astype(np.int32) + _EDGE
    mask = np.zeros(shape, np.uint8)
    mask[spot[:, 1], spot[:, 0]] = 1
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8)), dtype=np.uint8)


def find_rim(
    look: PhotoLook,
    pixels: ByteArray,
    skin: ColourModel | None,
    backdrop: Float32Array,
    parts: PhotoParts | None = None,
) -> Rim | None:
    """Look at the rim of the head.

    Parameters
    ----------
    look
        The photo at the texels.
    pixels
        (H, W, 3) uint8: the photo.
    skin
        The face's skin.
    backdrop
        (K, 3) L*a*b*: colours of the photo around the head.
    parts
        What the segmenter says: background and covers are left out.

    Returns
    -------
    Rim or None
        None if the photo shows too little of it.
    """
    places = look.projection.pixels[look.layout.main]
    low, high = places.min(axis=0).astype(np.float64), places.max(axis=0).astype(np.float64)
    length = float((high - low).max())
    if skin is None or not np.isfinite(length) or length < 8:
        return None
    scale = _CELLS / length
    shape = tuple(int(side) + 2 * _EDGE + 1 for side in ((high - low) * scale)[::-1])
    head = _raster(look, look.layout.main, low, scale, shape)
    above = _raster(look, look.layout.main & (look.rest[:, 1] > _ABOVE_MM), low, scale, shape)
    per_mm = _CELLS / _HEAD_MM
    inside = cv2.distanceTransform(head, cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(1 - head, cv2.DIST_L2, 5)
    rim = (inside < _DEEP_MM * per_mm) & (outside < _OUT_MM * per_mm)
    reach = 2 * round(_OUT_MM * per_mm) + 1
    y, x = np.nonzero(rim & (cv2.dilate(above, np.ones((reach, reach), np.uint8)) > 0))
    at = np.rint((np.stack([x, y], axis=1) - _EDGE) / scale + low).astype(np.int64)
    height, width = pixels.shape[:2]
    at = at[(at >= 0).all(axis=1) & (at[:, 0] < width) & (at[:, 1] < height)]
    if parts is not None:
        shares = parts.at(at.astype(np.float32))
        at = at[shares[:, Part.BACKGROUND] + shares[:, Part.COVER] < 0.5]
    if len(at) < _LEAST:
        return None
    colours = pixels[at[:, 1], at[:, 0]].astype(np.float32)
    values = lab(colours)
    unlike = skin.distance(values, 0.6, 0.2)
    if len(backdrop):
        apart = np.linalg.norm(values[:, None] - backdrop[None], axis=2).min(axis=1)
        other = (apart > 9.0) | (unlike < _LIKE_SKIN)
        # A background of the hair's colour is no reason to think there is no hair.
        if other.mean() > _SHARE:
            colours, values, unlike = colours[other], values[other], unlike[other]
    hairy = unlike > _LIKE_SKIN
    hair = bool(hairy.mean() > _SHARE and hairy.sum() >= _LEAST)
    # Hair is seldom blue or green, but bands and hats often are.
    natural = hairy & (values[:, 2] > _BLUEST)
    if natural.mean() > _FEW and natural.sum() >= _LEAST:
        hairy = natural
    if hair:
        colours, values = colours[hairy], values[hairy]
    if len(colours) < _LEAST:
        return None
    dark, light = np.percentile(values[:, 0], [_DARK, _LIGHT])
    tone = np.median(colours[(values[:, 0] >= dark) & (values[:, 0] <= light)], axis=0)
    return Rim(colours, hair, tone.astype(np.float32))
