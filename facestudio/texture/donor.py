"""The borrowed skin: which similar head's, in which tone, and its structure finer than the work atlas."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from facestudio.database.albedo import load_albedo
from facestudio.database.model import HeadDatabase
from facestudio.database.skin_axes import skin_values, with_values
from facestudio.database.store import own_texture
from facestudio.texture.layout import texel_layout
from facestudio.texture.look import static_maps
from facestudio.values import BoolArray, ByteArray, Float32Array, FloatArray, SimilarHead, read_only

_TONE_SIZE = 64
TYPICAL_TONE = np.array([150.0, 115.0, 98.0])
_STUBBLE_DENSITY = 0.85
_CALM = {"wrinkles": 0.3, "blotches": 0.5, "mottling": 0.4}


@dataclass(frozen=True, eq=False)
class DonorSkin:
    """A head's skin; equal only to itself, so that what is made of it can be kept.

    Attributes
    ----------
    coefficients
        (J,) of the AlbedoModel.
    own
        The texture that an imported head came with, (S, S, 3) uint8; None for the AlbedoModel's.
    """

    coefficients: FloatArray
    own: ByteArray | None = None


@dataclass(frozen=True, eq=False)
class Donor:
    """A similar head's skin in the sitter's tone.

    Attributes
    ----------
    source
        The skin.
    gain
        (3,) what its colours are multiplied by.
    head_id
        Whose skin it is.
    """

    source: DonorSkin
    gain: FloatArray
    head_id: str = ""

    def skin(self, size: int) -> Float32Array:
        """Return the skin, (size, size, 3) float32; not clipped."""
        return _skin(self.source, size).astype(np.float32) * self.gain.astype(np.float32)

    def raw(self, size: int) -> Float32Array:
        """Return the skin in its own tone, (size, size, 3) float32."""
        return _skin(self.source, size).astype(np.float32)

    def fine(self, size: int, work: int) -> NDArray[np.int8]:
        """Return its structure finer than an atlas of `work` texels a side, in its own tone, (size, size, 3) int8."""
        return _fine(self.source, size, work)


@lru_cache(maxsize=64)
def donor_skin(database: HeadDatabase, head_id: str, stubble: bool, beard: float = 0.0) -> DonorSkin:
    """Return a head's skin without marks, its scalp shaved bare or to stubble, with as much beard as the photo shows.

    Hair, freckles and moles are a person's own: only the photo says which the sitter has. Deep wrinkles and blotches
    are too: beside smooth seen skin they look like dirt, so the borrowed skin has no more of them than most.
    The texture of an imported head is taken as it is.
    """
    own = database.skins[database.index(head_id)]
    values = skin_values(own)
    calm = {name: min(values[name], most) for name, most in _CALM.items()}
    bare = with_values(
        own,
        **calm,
        beard=beard,
        moustache=0.0,
        freckles=0.0,
        moles=0.0,
        age_spots=0.0,
        hair_density=_STUBBLE_DENSITY if stubble else 0.0,
        hair_loss=0.0,
    )
    return DonorSkin(bare, own_texture(database, head_id))


@lru_cache(maxsize=8)
def _skin(source: DonorSkin, size: int) -> ByteArray:
    if source.own is None:
        return read_only(load_albedo().skin(source.coefficients, size), np.uint8)
    method = cv2.INTER_AREA if size < len(source.own) else cv2.INTER_CUBIC
    return read_only(np.asarray(cv2.resize(source.own, (size, size), interpolation=method)), np.uint8)


@lru_cache(maxsize=2)
def _fine(source: DonorSkin, size: int, work: int) -> NDArray[np.int8]:
    skin = _skin(source, size)
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


@lru_cache(maxsize=64)
def _tone(source: DonorSkin) -> FloatArray:
    """Return the median colour of a skin's face, (3,) 0..255."""
    layout, (inside_oval, _) = texel_layout(_TONE_SIZE), static_maps(_TONE_SIZE)
    skin = _skin(source, _TONE_SIZE)[layout.rows, layout.columns]
    return np.median(skin[inside_oval > 0.03].astype(np.float64), axis=0)


def face_tone(colours: Float32Array, face: BoolArray) -> FloatArray:
    """Return the median of colours (N, 3) over the face, (3,) 0..255; a typical one if nothing was seen."""
    return np.median(colours[face], axis=0).astype(np.float64) if face.any() else TYPICAL_TONE


def choose_donor(
    database: HeadDatabase,
    heads: tuple[SimilarHead, ...],
    tone: FloatArray,
    stubble: bool = False,
    beard: float = 0.0,
) -> Donor:
    """Choose the similar head nearest in tone, scaled channel by channel to that tone.

    Parameters
    ----------
    database, heads
        Where to borrow from.
    tone
        (3,) 0..255: the face's colour in the photo.
    stubble
        With shaved hair on the scalp; bald otherwise.
    beard
        How much of a beard the photo shows, 0..1.
    """
    tones = [_tone(donor_skin(database, head.id, stubble)) for head in heads]
    nearest = int(np.argmin([float(np.linalg.norm(own - tone)) for own in tones]))
    skin = donor_skin(database, heads[nearest].id, stubble, round(beard, 1))
    return Donor(skin, tone / np.maximum(tones[nearest], 1.0), heads[nearest].id)
