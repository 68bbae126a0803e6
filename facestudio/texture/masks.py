"""What the photo shows at each visible texel: skin, hair, or something that must not come into the texture."""

from dataclasses import dataclass

import cv2
import numpy as np

from facestudio.template.model import load_template
from facestudio.texture.colours import FAR, ColourModel, hair_model, lab, roughness, skin_model, smoothed
from facestudio.texture.crown import Rim, find_rim
from facestudio.texture.layout import TexelLayout
from facestudio.texture.look import PhotoLook
from facestudio.texture.occluders import one_sided
from facestudio.texture.segmenter import Part, PhotoParts
from facestudio.values import BoolArray, ByteArray, Float32Array

_FACING_LOW, _FACING_HIGH = 0.22, 0.42
_BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)  # their upper edge in mesh478
_BROW_GAP_MM = 4.0
_FRINGE = 2.1  # above the brows, what is less like the skin than this is hair
_ROUGH = 1.6
_CHEEK_MM = -30.0  # height of the cheekbones
_RIM = 0.02  # sizes of the head, about five millimetres
_BEYOND_RIM = (
    0.14  # so near the outline (sizes of the head) what looks like the surroundings is taken for them
)
_PALETTE_STEP = 8.0  # of L*, a* and b*
_EAR_MM = 5.0  # forward of this lies the face, behind it the ears
_HAIR_FACING = 0.22
_TEMPLE_MM = 15.0  # height of the eyes' corners: below is no scalp
_SLANT_MM, _SLANT = 50.0, 1.6  # from so far sideways that height rises, by so much
_SIDEBURN_MM = -5.0  # above this the hairline is read off the photo
_FRINGE_MM = 14.0  # how far a fringe may hang below the brows' upper edge
_COVERED, _THINNEST = 24.0, 0.7  # so far from the skin in L*a*b* is hair that hides it
_SHADE = 7.0  # of L*
_CROWN_MM = 22.0  # below the highest place seen
_SIDE_MM, _EAR_TOP_MM = 50.0, 45.0
_HAIRY = 0.12  # share of the crown that must differ from skin for there to be hair


@dataclass(frozen=True, eq=False)
class Segments:
    """The visible texels, sorted.

    Attributes
    ----------
    skin
        (N,) bool: the face's skin, with brows, lips and beard, and the openings of eyes and mouth in it.
    hair
        (N,) bool: what covers the scalp: hair, or the skin of a bald one.
    core
        (N,) bool: skin for sure, by its place alone.
    strands
        (N,) bool: of `hair`, what differs from the skin; none on a bald head.
    likeness
        (N,) float32 0..1: how much each texel looks like the face's skin.
    hairiness
        (N,) float32 0..1: hair rather than skin, above the eyes; one half where that cannot be told.
    hair_tone
        (3,) float32 0..255: the hair's colour, or None if there is none, or too little is seen of it.
    hair_cover
        0..1: how much of the scalp the hair hides; shaved hair lets the skin through.
    """

    skin: BoolArray
    hair: BoolArray
    core: BoolArray
    strands: BoolArray
    likeness: Float32Array
    hairiness: Float32Array
    hair_tone: Float32Array | None = None
    hair_cover: float = 1.0

    @property
    def has_hair(self) -> bool:
        """Whether the head has hair: some is seen on it, or its colour is known."""
        return self.hair_tone is not None or bool(self.strands.any())


def from_below(layout: TexelLayout, values: Float32Array) -> Float32Array:
    """Return the largest value met on the way up the atlas to each texel, (N,): behind a fringe there is no skin."""
    grid = layout.grid(values.astype(np.float32))
    return np.maximum.accumulate(grid[::-1], axis=0)[::-1][layout.rows, layout.columns]


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def cleaned(layout: TexelLayout, chosen: BoolArray, radius: float, shrink: float, one: bool) -> BoolArray:
    """Open and close a selection, fill its holes and take a rim off it.

    Parameters
    ----------
    layout
        The texels.
    chosen
        (N,) bool.
    radius, shrink
        Of opening and closing, and the width of the rim, edge lengths of the atlas.
    one
        Keep only its largest piece.
    """
    size = layout.size
    small = layout.grid(chosen.astype(np.uint8))
    kernel = _disc(max(1, round(radius * size)))
    small = cv2.morphologyEx(small, cv2.MORPH_CLOSE, kernel)
    small = cv2.morphologyEx(small, cv2.MORPH_OPEN, kernel)
    if one:
        count, label, stats, _ = cv2.connectedComponentsWithStats(small, connectivity=4)
        if count > 1:
            small = (label == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA])).astype(np.uint8)
    # Highlights and moles are no holes; eyes and mouth are left out again by the caller.
    small = cv2.erode(without_holes(np.asarray(small, dtype=np.uint8)), _disc(max(1, round(shrink * size))))
    soft = cv2.GaussianBlur(small.astype(np.float32), (0, 0), 1.2)
    return soft[layout.rows, layout.columns] > 0.5


def without_holes(chosen: ByteArray) -> ByteArray:
    """Return a selection (S, S) of 0 and 1 with its holes filled."""
    around = cv2.copyMakeBorder(chosen, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    cv2.floodFill(around, None, (0, 0), 2)
    return (around[1:-1, 1:-1] != 2).astype(np.uint8)


def core_texels(look: PhotoLook) -> BoolArray:
    """Return which texels are skin of the face by their place alone, (N,) bool."""
    upright = look.projection.facing > _FACING_HIGH
    return look.projection.visible & upright & (look.inside_oval > 0.05) & ~look.opening


def brow_height() -> float:
    """Return the height of the brows' upper edge on the rest head, and a little more, mm."""
    template = load_template()
    return float(template.mesh478.points(template.vertices)[list(_BROWS), 1].max()) + _BROW_GAP_MM


def segment(
    look: PhotoLook,
    colours: Float32Array,
    scalp: Float32Array,
    surroundings: Float32Array,
    pixels: ByteArray,
    parts: PhotoParts | None = None,
) -> Segments:
    """Sort the visible texels.

    Parameters
    ----------
    look
        The photo at the texels.
    colours
        (N, 3) 0..255: its colours, the light taken out.
    scalp
        (N,) 0..1: how much hair grows there on most heads.
    surroundings
        (M, 3) 0..255: colours of the photo around the head.
    pixels
        (H, W, 3) uint8: the photo.
    parts
        What the segmenter says, if it says anything: it knows the background, also where it cannot tell hair.
    """
    layout, inside_oval, rest = look.layout, look.inside_oval, look.rest
    facing, visible, rim = look.projection.facing, look.projection.visible, look.projection.rim
    within = (rim > _RIM) & visible & layout.main & (facing > _FACING_LOW)
    if parts is not None:
        shares = parts.at(look.projection.pixels)
        within &= (shares[:, Part.BACKGROUND] < 0.5) | (look.inside_oval > 0.05)
    core = core_texels(look)
    values, raw = lab(colours), lab(look.colours)
    nothing = np.zeros(len(layout), dtype=np.bool_)
    skin = skin_model(values, core)
    if skin is None:
        half = np.full(len(layout), 0.5, np.float32)
        return Segments(nothing, nothing, core, nothing, half, half)
    brow = brow_height()
    above = rest[:, 1] > brow
    unlike = skin.distance(values, 0.6, 0.2)
    # The forehead is lit as the cheeks are, and shines: brighter is no evidence against skin.
    fringe = skin.distance(values, 1.1, 0.25)
    # What is too slanted to be sampled still tells how far the hair goes, and its colour.
    glanced = visible & (rim > 0.5 * _RIM) & (facing > 0.1) & layout.main
    # Where the fitted skull reaches beyond the photo's, the background is no hair to learn from.
    beyond = _backdrop(look, raw, surroundings, unlike, _BEYOND_RIM)
    rim_seen = find_rim(look, pixels, skin_model(raw, core), _palette(surroundings), parts)
    hair = _learn_hair(values, unlike, _crown(look, within & ~beyond, glanced & ~beyond, brow), rim_seen)
    as_hair = np.full(len(layout), FAR, np.float32) if hair is None else hair.distance(values)
    backdrop = _backdrop(look, raw, surroundings, np.minimum(unlike, as_hair), _BEYOND_RIM)
    if hair is None:
        backdrop |= beyond
    within &= ~backdrop
    rough = np.maximum(roughness(layout, colours, core) - _ROUGH, 0.0)
    doubt = fringe if hair is None else np.where(as_hair < fringe, fringe, 0.5 * fringe)
    doubt = smoothed(layout, np.minimum(doubt, 6.0), 0.008, layout.main)
    is_fringe = above & (from_below(layout, np.where(above, doubt + rough, 0.0)) > _FRINGE)
    face = inside_oval > 0.012
    outside = (inside_oval > -0.1) & (unlike < 2.0) & (rest[:, 2] > _EAR_MM) & (facing > 0.45)
    # Close to the oval's edge the photo may already show what lies behind the head: paler than skin, without its hue.
    pale = values[:, 0] > 0.75 * skin.middle[0]
    behind = (inside_oval < 0.05) & ~above & (unlike > 2.2) & (pale | (unlike > 4.0))
    # No beard grows on the temples: what is unlike skin there is hair or its shadow.
    temple = (inside_oval < 0.06) & (rest[:, 1] > _CHEEK_MM) & (unlike > 1.4)
    covered = one_sided(look, skin.distance(values, 0.8, 0.5))
    chosen = within & (face | outside) & ~is_fringe & ~behind & ~temple
    is_skin = cleaned(layout, chosen, 0.011, 0.007, one=True) & (facing > 0.15) & (visible | look.opening)
    is_skin &= ~covered
    likeness = np.exp(-0.5 * np.square(np.maximum(unlike - 0.7, 0) / 0.6)).astype(np.float32)
    is_hair = hair_texels(look, within, is_skin | covered, brow, scalp)
    if hair is None:
        # A bald scalp is skin like the face's.
        half = np.full(len(layout), 0.5, np.float32)
        return Segments(is_skin | is_hair, nothing, core, nothing, likeness, half)
    hairiness = np.clip(0.5 + 0.4 * (fringe - as_hair) + 0.2 * np.minimum(rough, 2.0), 0, 1)
    # What is too dark for skin at the temples is hair or in its shadow: bare skin there would be a patch.
    shaded = temple & (rest[:, 1] > _TEMPLE_MM) & (values[:, 0] < skin.middle[0] - _SHADE)
    hairiness = np.where(shaded, np.maximum(hairiness, 0.85), hairiness)
    glanced &= ~backdrop
    hairiness = smoothed(layout, hairiness.astype(np.float32), 0.006, glanced)
    tell = glanced & (rest[:, 1] > _SIDEBURN_MM) & (above | (inside_oval < 0.03))
    hairiness = np.where(tell, hairiness, np.float32(0.5))
    strands = is_hair & (as_hair < unlike) & (unlike > 1.2)
    tone = None if rim_seen is None or not rim_seen.hair else rim_seen.tone
    apart = 0.0 if tone is None else float(np.linalg.norm(lab(tone[None])[0] - skin.middle))
    cover = 1.0 if tone is None else float(np.clip(apart / _COVERED, _THINNEST, 1.0))
    return Segments(is_skin, is_hair, core, strands, likeness, hairiness, tone, cover)


def _crown(look: PhotoLook, within: BoolArray, glanced: BoolArray, brow: float) -> BoolArray:
    """Return where hair is if it is anywhere, (N,) bool: the highest texels seen, and the sides above the ears."""
    height = look.rest[:, 1]
    shown = within & (height > brow + 15.0)
    if not shown.any():
        return shown
    top = shown & (height > float(np.percentile(height[shown], 98)) - _CROWN_MM)
    return top | (glanced & (np.abs(look.rest[:, 0]) > _SIDE_MM) & (height > _EAR_TOP_MM))


def _learn_hair(
    values: Float32Array, unlike: Float32Array, crown: BoolArray, rim: Rim | None
) -> ColourModel | None:
    """Learn the hair's colours from the crown's; None if they are those of skin: the head is bald or shaved.

    Only the darker half counts: skin shines on top, and hair has its colour where it does not. Where the rim of the
    head shows hair, its colours are learnt there.
    """
    if rim is not None and rim.hair:
        return hair_model(lab(rim.colours), np.ones(len(rim.colours), dtype=np.bool_))
    if not crown.any():
        return None
    dark = crown & (values[:, 0] <= float(np.median(values[crown, 0]))) & (unlike > 1.5)
    if dark.sum() <= _HAIRY * crown.sum():
        return None
    return hair_model(values, dark & (unlike >= float(np.median(unlike[dark]))))


def _palette(surroundings: Float32Array) -> Float32Array:
    """Return the common colours around the head, (K, 3) L*a*b*."""
    # Surroundings have many colours: what counts is whether one of them is met closely.
    if not len(surroundings):
        return np.zeros((0, 3), dtype=np.float32)
    bins, count = np.unique(np.floor(lab(surroundings) / _PALETTE_STEP), axis=0, return_counts=True)
    return np.asarray((bins[count > 0.03 * len(surroundings)] + 0.5) * _PALETTE_STEP, dtype=np.float32)


def _backdrop(
    look: PhotoLook, raw: Float32Array, surroundings: Float32Array, unlike: Float32Array, reach: float
) -> BoolArray:
    """Tell which texels near the outline look more like the photo's surroundings than like skin or hair, (N,)."""
    near = (look.projection.rim < reach) & look.projection.visible
    rows = np.flatnonzero(near)
    out = np.zeros(len(raw), dtype=np.bool_)
    if len(surroundings) < 50 or not len(rows):
        return out
    centres = _palette(surroundings)
    if not len(centres):
        return out
    apart = np.linalg.norm(raw[rows][:, None] - centres[None], axis=2).min(axis=1)
    out[rows] = (apart < 9.0) & (unlike[rows] > 2.0)
    return out


def hair_texels(
    look: PhotoLook, within: BoolArray, skin: BoolArray, brow: float, scalp: Float32Array
) -> BoolArray:
    """Return the texels of the scalp and above the brows that show hair, (N,) bool."""
    layout = look.layout
    size = layout.size
    above = look.rest[:, 1] > brow
    near = cv2.dilate(layout.grid(scalp), _disc(round(0.02 * size)))[layout.rows, layout.columns] > 0.3
    # A fringe may hang over the brows.
    place = near | above | ((look.inside_oval > 0.012) & (look.rest[:, 1] > brow - _FRINGE_MM))
    # Lower down where the head turns away, hair hangs over the cheeks: its end is slanted, a level one would be a slit.
    end = _TEMPLE_MM + _SLANT * np.maximum(np.abs(look.rest[:, 0]) - _SLANT_MM, 0)
    place &= look.rest[:, 1] > end
    chosen = within & place & (look.projection.facing > _HAIR_FACING)
    # Together with the skin, so that no rim is taken off between the two.
    both = cleaned(layout, chosen | skin, 0.008, 0.006, one=True)
    return both & place & ~skin & look.projection.visible & ~look.opening


def around_the_head(look: PhotoLook, pixels: np.ndarray) -> Float32Array:
    """Return colours of the photo around the head, above its chin, (M, 3) float32.

    They are met both in a band around the head's outline and at the photo's edges: background, and not hair.

    Parameters
    ----------
    look
        The photo at the texels.
    pixels
        (H, W, 3) uint8: the photo.
    """
    places = look.projection.pixels[look.layout.main]
    low, high = places.min(axis=0), places.max(axis=0)
    size = float((high - low).max())
    scale = 160.0 / max(size, 1.0)
    spot = np.rint((places - low) * scale).astype(np.int32) + 40
    mask = np.zeros((int((high[1] - low[1]) * scale) + 81, int((high[0] - low[0]) * scale) + 81), np.uint8)
    mask[spot[:, 1], spot[:, 0]] = 1
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, _disc(4))
    band = (cv2.dilate(mask, _disc(30)) > 0) & (cv2.dilate(mask, _disc(16)) == 0)
    chin = look.projection.pixels[look.inside_oval > 0][:, 1]
    y, x = np.nonzero(band)
    at = np.stack([x - 40, y - 40], axis=1) / scale + low
    limit = float(chin.max()) if len(chin) else float(high[1])
    height, width = pixels.shape[:2]
    ok = (at >= 0).all(axis=1) & (at[:, 0] < width) & (at[:, 1] < min(height, limit))
    at = at[ok].astype(np.int32)
    near = pixels[at[:, 1], at[:, 0]].astype(np.float32)
    deep = max(1, min(height, width) // 40)
    top = pixels[:deep].reshape(-1, 3)
    sides = pixels[: max(1, int(min(height, limit)))]
    edge = np.concatenate([top, sides[:, :deep].reshape(-1, 3), sides[:, -deep:].reshape(-1, 3)])
    edge = edge[:: max(1, len(edge) // 4000)].astype(np.float32)
    if not len(near):
        return near
    bins, count = np.unique(np.floor(lab(edge) / _PALETTE_STEP), axis=0, return_counts=True)
    common = (bins[count > 0.01 * len(edge)] + np.float32(0.5)) * np.float32(_PALETTE_STEP)
    away = np.linalg.norm(lab(near)[:, None] - common[None], axis=2).min(axis=1, initial=np.inf)
    return near[away < 2 * _PALETTE_STEP]
