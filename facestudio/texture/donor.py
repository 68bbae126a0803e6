"""The borrowed skin: which similar head's, in which tone, and its structure finer than the work atlas."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from facestudio.database.albedo import shipped_skin
from facestudio.database.model import HeadDatabase
from facestudio.texture.layout import texel_layout
from facestudio.texture.look import static_maps
from facestudio.values import BoolArray, Float32Array, FloatArray, SimilarHead

_TONE_SIZE = 64
TYPICAL_TONE = np.array([150.0, 115.0, 98.0])


@dataclass(frozen=True, eq=False)
class Donor:
    """A similar head's skin in the sitter's tone.

    Attributes
    ----------
    coefficients
        Of the AlbedoModel.
    gain
        (3,) what its colours are multiplied by.
    """

    coefficients: tuple[float, ...]
    gain: FloatArray

    def skin(self, size: int) -> Float32Array:
        """Return the skin, (size, size, 3) float32; not clipped."""
        return shipped_skin(self.coefficients, size).astype(np.float32) * self.gain.astype(np.float32)

    def raw(self, size: int) -> Float32Array:
        """Return the skin in its own tone, (size, size, 3) float32."""
        return shipped_skin(self.coefficients, size).astype(np.float32)

    def fine(self, size: int, work: int) -> NDArray[np.int8]:
        """Return its structure finer than an atlas of `work` texels a side, in its own tone, (size, size, 3) int8."""
        return _fine(self.coefficients, size, work)


@lru_cache(maxsize=2)
def _fine(coefficients: tuple[float, ...], size: int, work: int) -> NDArray[np.int8]:
    skin = shipped_skin(coefficients, size)
    coarse = cv2.resize(skin, (work, work), interpolation=cv2.INTER_AREA)
    out = np.empty(skin.shape, dtype=np.int8)
    times = size // work
    for first in range(0, work, 64):
        low, high = max(0, first - 2), min(work, first + 66)
        smooth = cv2.resize(coarse[low:high], (size, (high - low) * times), interpolation=cv2.INTER_LINEAR)
        rows = slice(first * times, min(work, first + 64) * times)
        part = smooth[rows.start - low * times : rows.stop - low * times]
        out[rows] = np.clip(cv2.subtract(skin[rows], part, dtype=cv2.CV_16S), -127, 127)
    return out


@lru_cache(maxsize=2048)
def _tone(coefficients: tuple[float, ...]) -> FloatArray:
    """Return the median colour of a skin's face, (3,) 0..255."""
    layout, (inside_oval, _) = texel_layout(_TONE_SIZE), static_maps(_TONE_SIZE)
    skin = shipped_skin(coefficients, _TONE_SIZE)[layout.rows, layout.columns]
    return np.median(skin[inside_oval > 0.03].astype(np.float64), axis=0)


def face_tone(colours: Float32Array, face: BoolArray) -> FloatArray:
    """Return the median of colours (N, 3) over the face, (3,) 0..255; a typical one if nothing was seen."""
    return np.median(colours[face], axis=0).astype(np.float64) if face.any() else TYPICAL_TONE


def choose_donor(database: HeadDatabase, heads: tuple[SimilarHead, ...], tone: FloatArray) -> Donor:
    """Choose the similar head nearest in tone, scaled channel by channel to that tone.

    Parameters
    ----------
    database, heads
        Where to borrow from.
    tone
        (3,) 0..255: the face's colour in the photo.
    """
    skins = [tuple(float(c) for c in database.skins[database.index(head.id)]) for head in heads]
    tones = [_tone(skin) for skin in skins]
    nearest = int(np.argmin([float(np.linalg.norm(own - tone)) for own in tones]))
    return Donor(skins[nearest], tone / np.maximum(tones[nearest], 1.0))
