"""Beards: how much of one the photo shows, so that the borrowed jaw and neck bear it too."""

from functools import lru_cache

import cv2
import numpy as np

from facestudio.database.albedo import load_albedo
from facestudio.texture.colours import lab, roughness
from facestudio.texture.layout import texel_layout
from facestudio.texture.look import PhotoLook
from facestudio.values import BoolArray, Float32Array, read_only

_GROWN = 0.45  # of the typical density: where a beard is if there is one
_SQUARE = 0.55  # cosine: texels that a shadow at the jaw does not reach
_LEAST = 40
_SHADOW, _FULL = 6.0, 16.0  # of L*: darker than the cheeks by this is a shadow, or a full beard
_SMOOTH, _ROUGH = 1.35, 1.85  # roughness, relative to the cheeks': of skin, of stubble
_SOFT = 0.01  # edge lengths of the atlas


@lru_cache(maxsize=4)
def beard_grid(size: int) -> Float32Array:
    """Return how densely a beard grows over the atlas, (size, size) float32 0..1, smooth."""
    layer = load_albedo().layers["beard"]
    picture = cv2.resize(layer, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return read_only(np.clip(1.3 * cv2.GaussianBlur(picture, (0, 0), _SOFT * size), 0, 1), np.float32)


@lru_cache(maxsize=4)
def beard(size: int) -> Float32Array:
    """Return how densely a beard grows at each texel of a layout, (N,) float32 0..1."""
    layout = texel_layout(size)
    return read_only(beard_grid(size)[layout.rows, layout.columns] * layout.main, np.float32)


def beard_amount(look: PhotoLook, colours: Float32Array, skin: BoolArray) -> float:
    """Tell how much of a beard a photo shows, 0 (none) .. 1 (a dark one).

    Chin, jaw and upper lip are compared with the cheeks and the forehead: they are darker, or rougher.

    Parameters
    ----------
    look
        The photo at the texels.
    colours
        (N, 3) 0..255: its colours, the light taken out.
    skin
        (N,) bool: where the photo shows the face's skin or beard.
    """
    seen = skin & ~look.opening & (look.projection.facing > _SQUARE)
    density = beard(look.layout.size)
    grown, bare = seen & (density > _GROWN), seen & (density < 0.05) & (look.inside_oval > 0.03)
    if grown.sum() < _LEAST or bare.sum() < _LEAST:
        return 0.0
    light = lab(colours)[:, 0]
    level = float(np.median(light[bare]))
    # Dark hair stands out less from dark skin.
    darker = (level - float(np.median(light[grown]))) * 65.0 / float(np.clip(level, 25.0, 65.0))
    grain = float(np.median(roughness(look.layout, colours, bare)[grown]))
    shadow = max(darker - _SHADOW, 0.0) / (_FULL - _SHADOW)
    return float(np.clip(shadow + max(grain - _SMOOTH, 0.0) / (_ROUGH - _SMOOTH), 0, 1))
