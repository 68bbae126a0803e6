"""Shine: the hard highlights of a flash on skin, which stay where they are when the head is lit anew."""

import numpy as np

from facestudio.texture.colours import smoothed
from facestudio.texture.look import PhotoLook
from facestudio.texture.masks import Segments
from facestudio.values import BoolArray, Float32Array

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
_BRIGHT = 1.18  # of the face's middle brightness: what is brighter shines
_SURE = 0.3  # more than that, in the same unit, and it is nothing but shine
_LEFT = 0.25  # exponent: how much of the shine is left
_HUE = 0.4  # how much of the face's hue it gets: what is left of shine is nearly grey
_WIDE = 0.006  # edge lengths of the atlas; finer structure stays
_ENOUGH = 200


def shine(
    look: PhotoLook, colours: Float32Array, segments: Segments, face: BoolArray
) -> tuple[Float32Array, Float32Array] | None:
    """Return how the photo's colours lose their hard shine: a factor (N,), and what is then taken off (N, 3), float32.

    What shines gets most of the face's brightness and hue back, and its fine structure in proportion. Fair hair is
    brighter than skin too: hair is left alone unless the skin shows through it.

    Parameters
    ----------
    look, segments
        The photo at the texels, and what it shows.
    colours
        (N, 3) 0..255: the photo's, evened.
    face
        (N,) bool: plain skin of the face.

    Returns
    -------
    tuple or None
        None if no face is seen.
    """
    if face.sum() < _ENOUGH:
        return None
    layout = look.layout
    where = segments.skin & ~look.opening
    if segments.hair_cover < 1.0:
        where |= segments.hair
    middle = np.median(colours[face], axis=0).astype(np.float32)
    usual = np.float32(max(float(middle @ _LUMINANCE), 1.0))
    mean = smoothed(layout, colours, _WIDE, where)
    bright = np.maximum(mean @ _LUMINANCE, np.float32(1.0))
    over = np.maximum(bright / (_BRIGHT * usual), np.float32(1.0))
    share = np.clip((over - 1) / np.float32(_SURE), 0, 1)
    share *= smoothed(layout, where.astype(np.float32), _WIDE, layout.main)
    hue = _HUE * middle / usual + (1 - _HUE) * mean / bright[:, None]
    level = _BRIGHT * usual * over ** np.float32(_LEFT)
    wanted = mean + share[:, None] * (hue * level[:, None] - mean)
    factor = np.where(share > 0, (wanted @ _LUMINANCE) / bright, np.float32(1.0))
    loss = np.where(share[:, None] > 0, mean * factor[:, None] - wanted, np.float32(0.0))
    return np.asarray(factor, dtype=np.float32), np.asarray(loss, dtype=np.float32)
