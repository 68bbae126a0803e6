"""The borrowed skin: which similar head's, in which tone, and with which hair."""

from functools import lru_cache

import cv2
import numpy as np

from facestudio.database.albedo import load_albedo, shipped_skin
from facestudio.database.model import HeadDatabase
from facestudio.texture.layout import TexelLayout, texel_layout
from facestudio.texture.look import PhotoLook, static_maps
from facestudio.values import BoolArray, ByteArray, Float32Array, FloatArray, SimilarHead

_TONE_SIZE = 64
_TYPICAL_TONE = np.array([150.0, 115.0, 98.0])
_HAIRLINE_MM = 45.0  # above the ears' height: where hair or forehead begins
_HAIRLINE_SOFTNESS = 0.006  # in edge lengths of the atlas
_DETAIL_SIZE = 512
_LEAST_HAIR = 0.002  # share of all texels that must show it


def _skin(database: HeadDatabase, row: int, size: int) -> ByteArray:
    return shipped_skin(tuple(float(c) for c in database.skins[row]), size)


def _tone(database: HeadDatabase, row: int) -> FloatArray:
    """Return the median colour of a database head's face, (3,) 0..255."""
    layout, (inside_oval, _) = texel_layout(_TONE_SIZE), static_maps(_TONE_SIZE)
    skin = _skin(database, row, _TONE_SIZE)[layout.rows, layout.columns]
    return np.median(skin[inside_oval > 0.03].astype(np.float64), axis=0)


def photo_tone(look: PhotoLook, seen: BoolArray) -> FloatArray:
    """Return the median colour of the face in the photo, (3,) 0..255; a typical one if nothing was seen."""
    face = seen & (look.inside_oval > 0.03)
    return np.median(look.colours[face], axis=0).astype(np.float64) if face.any() else _TYPICAL_TONE


def borrowed_skin(
    database: HeadDatabase, heads: tuple[SimilarHead, ...], tone: FloatArray, layout: TexelLayout
) -> Float32Array:
    """Return the skin of the similar head nearest in tone, scaled channel by channel to that tone.

    Parameters
    ----------
    database, heads
        Where to borrow from.
    tone
        (3,) 0..255: the face's colour in the photo.
    layout
        The texels.

    Returns
    -------
    numpy.ndarray
        (N, 3) float32; not clipped.
    """
    rows = [database.index(head.id) for head in heads]
    tones = [_tone(database, row) for row in rows]
    nearest = int(np.argmin([float(np.linalg.norm(own - tone)) for own in tones]))
    skin = _skin(database, rows[nearest], layout.size)[layout.rows, layout.columns].astype(np.float32)
    return skin * (tone / np.maximum(tones[nearest], 1.0)).astype(np.float32)


@lru_cache(maxsize=4)
def scalp(size: int) -> Float32Array:
    """Return how much hair grows at each texel, (N,) 0..1."""
    layout = texel_layout(size)
    mask = cv2.resize(load_albedo().hair, (size, size), interpolation=cv2.INTER_LINEAR)
    mask = cv2.GaussianBlur(mask, (0, 0), _HAIRLINE_SOFTNESS * size)
    share = mask[layout.rows, layout.columns].astype(np.float32) / 255
    return np.where(layout.main, share, np.float32(0))


def hair_colour(look: PhotoLook, seen: BoolArray) -> FloatArray | None:
    """Return the colour the photo shows on the front of the scalp, (3,) 0..255, or None if it shows too little of it.

    On a bald sitter that is the skin's own colour, which is just as right.
    """
    front = (scalp(look.layout.size) > 0.5) & (look.rest[:, 2] > 15) & (look.rest[:, 1] > _HAIRLINE_MM)
    sample = front & look.projection.visible & (look.projection.facing > 0.2) & ~seen
    if sample.sum() < _LEAST_HAIR * len(look.layout):
        return None
    return np.median(look.colours[sample], axis=0).astype(np.float64)


def tint_scalp(donor: Float32Array, colour: FloatArray | None, layout: TexelLayout) -> Float32Array:
    """Give the donor's scalp the sitter's hair colour; its stubble stays as fine structure.

    Parameters
    ----------
    donor
        (N, 3) 0..255.
    colour
        (3,) 0..255, or None to leave the donor alone.
    layout
        The texels.

    Returns
    -------
    numpy.ndarray
        (N, 3) float32.
    """
    if colour is None:
        return donor
    grey = layout.grid(donor.mean(axis=1))
    # The local mean is smooth: a small picture of it is enough.
    work = min(layout.size, _DETAIL_SIZE)
    both = np.stack([grey, layout.inside.astype(np.float32)], axis=2)
    both = cv2.GaussianBlur(
        cv2.resize(both, (work, work), interpolation=cv2.INTER_AREA), (0, 0), 0.012 * work
    )
    local = cv2.resize(both[..., 0] / np.maximum(both[..., 1], 1e-3), (layout.size, layout.size))
    detail = (grey / np.maximum(local, 1.0))[layout.rows, layout.columns]
    hair = np.clip(detail, 0.6, 1.5)[:, None] * colour.astype(np.float32)
    tinted = donor + (hair - donor) * scalp(layout.size)[:, None]
    return np.asarray(tinted, dtype=np.float32)
