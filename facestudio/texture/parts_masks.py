"""The visible texels sorted by what the segmenter says of the photo; colours only refine it."""

import cv2
import numpy as np

from facestudio.geometry.camera import to_camera_space
from facestudio.texture.colours import lab, roughness, skin_model, smoothed
from facestudio.texture.look import PhotoLook
from facestudio.texture.masks import (
    Segments,
    brow_height,
    cleaned,
    core_texels,
    from_below,
    hair_texels,
)
from facestudio.texture.occluders import one_sided
from facestudio.texture.segmenter import SQUARE_MM, SQUARE_SIZE, Part, PhotoParts
from facestudio.values import ByteArray, Camera, Float32Array

_SURE = 0.55  # share of the core that must be said to be skin for the rest to be believed
_RIM = 0.012  # sizes of the head: nearer to the outline the photo mixes head and background
_FACING_LOW = 0.22
_EAR_MM = 5.0
_CHEEK_MM = -30.0
_SIDEBURN_MM = -5.0
_GLANCED = 0.1
_HAIR_AREA_MM2 = 2000.0  # less hair than that, around the head above its mouth: it is bald or shaved
_PURE = 0.85
_DARK, _LIGHT = 15.0, 70.0  # per cent of the hair's brightness: between gaps and shine
_COVERED, _THINNEST = 24.0, 0.7  # so far from the skin in L*a*b* is hair that hides it
_SHORT_MM2, _LONG_MM2 = (
    6000.0,
    12000.0,
)  # hair of less area may be shaved; of more it hides the skin, whatever its colour
_COVER = 0.35
_THICK_MM = 5.0  # of hair that is neither shaved nor long
_BROWS_TONE = 25.0  # per cent: the darkest of the brows have the hair's colour


def hair_of_photo(pixels: ByteArray, parts: PhotoParts) -> tuple[Float32Array, float]:
    """Return the colours of the hair in a photo, (M, 3) float32 0..255, and how large it is there, mm² at the head.

    Parameters
    ----------
    pixels
        (H, W, 3) uint8: the photo.
    parts
        What it shows.
    """
    square = parts.cut(pixels)
    at = np.arange(SQUARE_SIZE, dtype=np.float32) - (SQUARE_SIZE - 1) / 2
    near = (at[:, None] * SQUARE_MM < 25.0) & (np.hypot(at[:, None], at[None]) * SQUARE_MM < 175.0)
    # What lies outside the photo is its border drawn out.
    x, y = np.meshgrid(np.arange(SQUARE_SIZE), np.arange(SQUARE_SIZE))
    places = np.stack([x, y], axis=-1) @ parts.to_photo[:, :2].T + parts.to_photo[:, 2]
    inside = (places >= 0).all(axis=2) & (places <= np.array(pixels.shape[1::-1]) - 1).all(axis=2)
    share = parts.shares[..., Part.HAIR] * (near & inside)
    area = float((share > 0.5).sum()) * SQUARE_MM**2
    # The surest half: at its edges hair mixes with what is behind it.
    sure = share > min(_PURE, float(np.median(share[share > 0.5]))) if area else share > 0.5
    return square[sure].astype(np.float32), area


def _tone(colours: Float32Array) -> Float32Array:
    light = lab(colours)[:, 0]
    low, high = np.percentile(light, [_DARK, _LIGHT])
    return np.median(colours[(light >= low) & (light <= high)], axis=0).astype(np.float32)


def segment_by_parts(
    look: PhotoLook,
    colours: Float32Array,
    scalp: Float32Array,
    pixels: ByteArray,
    parts: PhotoParts,
    camera: Camera,
) -> Segments | None:
    """Sort the visible texels.

    None where the segmenter does not see the face, or no hair: shaved hair is skin to it, and colours tell it from a
    bald head's.

    Parameters
    ----------
    look
        The photo at the texels.
    colours
        (N, 3) 0..255: its colours, the light taken out.
    scalp
        (N,) 0..1: how much hair grows there on most heads.
    pixels
        (H, W, 3) uint8: the photo.
    parts
        What it shows.
    camera
        The photo's.
    """
    layout, inside_oval, rest = look.layout, look.inside_oval, look.rest
    facing, visible, rim = look.projection.facing, look.projection.visible, look.projection.rim
    core = core_texels(look)
    values = lab(colours)
    skin = skin_model(values, core)
    shares = parts.at(look.projection.pixels)
    bare = shares[:, Part.SKIN] + shares[:, Part.BEARD]
    if skin is None or float(bare[core].mean()) < _SURE:
        return None
    hairy, cover = shares[:, Part.HAIR], shares[:, Part.COVER]
    brow = brow_height()
    above = rest[:, 1] > brow
    outer = shares[:, Part.BACKGROUND] > 0.5
    # Well inside the face there is no background, and clothes are none.
    outer &= (rim < 0.2) | (inside_oval < 0.0)
    hidden = (cover > _COVER) & visible
    hidden = _grown(look, hidden & ~core | hidden & (inside_oval > 0.0))
    covered = one_sided(look, skin.distance(values, 0.8, 0.5)) | hidden
    within = (rim > _RIM) & visible & layout.main & (facing > _FACING_LOW) & ~outer
    fringe = above & (from_below(layout, np.where(above, hairy, np.float32(0))) > 0.5)
    face = inside_oval > 0.012
    unlike = skin.distance(values, 0.6, 0.2)
    outside = (inside_oval > -0.1) & (unlike < 2.0) & (rest[:, 2] > _EAR_MM) & (facing > 0.45)
    # Hair throws its shade on the skin beside it: what is unlike skin there would be a patch.
    shaded = (inside_oval < 0.06) & (rest[:, 1] > _CHEEK_MM) & (unlike > 1.9)
    chosen = within & (face | outside) & ~fringe & (hairy < 0.5) & ~shaded
    is_skin = cleaned(layout, chosen, 0.011, 0.007, one=True) & (facing > 0.15) & (visible | look.opening)
    is_skin &= ~covered
    likeness = np.exp(-0.5 * np.square(np.maximum(unlike - 0.7, 0) / 0.6)) * (1 - cover)
    likeness = np.asarray(likeness, dtype=np.float32)
    is_hair = hair_texels(look, within & ~hidden, is_skin | covered, brow, scalp)
    of_hair, area = hair_of_photo(pixels, parts)
    on_scalp = above & visible & layout.main & (facing > 0.2)
    hat = bool(on_scalp.any()) and float(hidden[on_scalp].mean()) > 0.3
    if area < _HAIR_AREA_MM2 and not hat:
        return None
    tone = _tone(of_hair) if area >= _HAIR_AREA_MM2 else _brow_tone(look, core)
    glanced = visible & (rim > 0.5 * _RIM) & (facing > _GLANCED) & layout.main & ~outer & ~hidden
    over = parts.at(_raised(look, camera))
    told = over[:, Part.HAIR] + over[:, Part.SKIN] + over[:, Part.BEARD]
    hairiness = np.where(told > 0.4, over[:, Part.HAIR] / np.maximum(told, 1e-3), np.float32(0.5))
    rough = np.clip(roughness(layout, colours, core) - 1.6, 0, 1)
    hairiness = np.clip(hairiness + 0.15 * rough * (unlike > 2.0), 0, 1).astype(np.float32)
    hairiness = smoothed(layout, hairiness, 0.004, glanced)
    tell = glanced & (rest[:, 1] > _SIDEBURN_MM) & (above | (inside_oval < 0.03))
    hairiness = np.where(tell, hairiness, np.float32(0.5))
    strands = is_hair & (hairy > 0.5)
    apart = float(np.linalg.norm(lab(tone[None])[0] - skin.middle))
    long = (area - _SHORT_MM2) / (_LONG_MM2 - _SHORT_MM2)
    thick = float(np.clip(max(apart / _COVERED, long), _THINNEST, 1.0))
    return Segments(is_skin, is_hair, core, strands, likeness, hairiness, tone, thick)


def _raised(look: PhotoLook, camera: Camera) -> Float32Array:
    """Return where the photo shows the hair's surface over each texel if hair grows there, (N, 2) pixels.

    Hair is some millimetres thick: at the outline of the head it shows beyond the skull's.
    """
    depth = float(to_camera_space(camera, np.zeros(3))[2])
    outward = look.normals @ camera.rotation.T.astype(np.float32)
    step = np.float32(_THICK_MM / max(depth, 1.0)) * np.array([camera.fx, camera.fy], dtype=np.float32)
    return np.asarray(look.projection.pixels + step * outward[:, :2], dtype=np.float32)


def _grown(look: PhotoLook, chosen: np.ndarray) -> np.ndarray:
    """Return texels (N,) bool and a rim of four around them: covers throw shadows."""
    grid = look.layout.grid(chosen.astype(np.uint8))
    grid = cv2.dilate(
        cv2.morphologyEx(grid, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.ones((9, 9), np.uint8)
    )
    return grid[look.layout.rows, look.layout.columns] > 0


def _brow_tone(look: PhotoLook, core: np.ndarray) -> Float32Array:
    """Return the colour of the brows, (3,) 0..255: that of hair which a hat hides."""
    brows = core & (np.abs(look.rest[:, 1] - brow_height() + 8.0) < 9.0)
    colours = look.colours[brows if brows.any() else core]
    light = colours.mean(axis=1)
    return np.median(colours[light <= np.percentile(light, _BROWS_TONE)], axis=0).astype(np.float32)
