"""What the texture is made of, on the work atlas: which source gives each texel, in which light and colour."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facestudio.texture.atlas import spread, threefold, work_inside
from facestudio.texture.beard import beard_grid
from facestudio.texture.donor import Donor
from facestudio.texture.hair import scalp_grid
from facestudio.texture.hairline import own_hairline, temples
from facestudio.texture.layout import SMALLEST, TexelLayout, texel_layout
from facestudio.texture.look import PhotoLook
from facestudio.texture.masks import Segments, without_holes
from facestudio.texture.poisson import solve_correction
from facestudio.values import BoolArray, Float32Array, read_only

_SOFT = 0.005  # half width of the change from one source to the next, edge lengths of the atlas
_HAIR_SOFT = 0.016  # the same among hair: a hairline is no line
_LEVEL = 0.008  # structure finer than this is not what a correction is about
_POOR, _GOOD = 0.2, 0.55  # cosines of the viewing angle: badly and well seen
_THINNING = 0.03  # atlas widths, for hair that hides nothing
_STUBBLE = 0.55
_UNLIT = 60.0  # per cent
_LIFT_REACH, _LIFT_MOST = 0.045, 60.0  # edge lengths of the atlas; 0..255
_SIDE_LOW, _SIDE_HIGH = 0.35, 0.66  # cosines of the viewing angle: a cheek's side, and its front
_SIDE_WIDE, _SIDE_LOCAL = 0.05, 0.012  # edge lengths of the atlas: of the front's level, and the side's
_SIDE_SHARE, _SIDE_HUE, _SIDE_MOST = 0.9, 0.5, 45.0
_JOIN = 0.02  # reach of the seamless change between seen hair and skin, edge lengths of the atlas
_LEAST_HAIR = 0.001  # share of all texels that must show hair for its colour to be known


@dataclass(frozen=True, eq=False)
class Layers:
    """The texture's layers on a work atlas of W texels a side, all float32.

    Attributes
    ----------
    base
        (W, W, 3) 0..255: everything, as far as this size shows it; goes on beyond the charts.
    seen, mirrored
        (W, W) 0..1: how much is the photo's, and the mirrored photo's (of what is not seen).
    gain, lift
        (W, W), (W, W, 3): what the photo's colours are multiplied by, and what is added then.
    offset
        (W, W, 3): what is added to the mirrored photo.
    fine
        (W, W) 0..1: how much of the borrowed skin's fine structure shows.
    hair
        (W, W) 0..1: how much of the hair's fine structure shows.
    confidence
        (W, W) 0..1.
    closed
        (W, W) 0 where the photo shows an eyeball or the inside of the mouth, else 1.
    residual
        Relative, of the larger of the two fusions.
    solved_size
        Edge length of the atlas that they were solved on.
    """

    base: Float32Array
    seen: Float32Array
    mirrored: Float32Array
    gain: Float32Array
    lift: Float32Array
    offset: Float32Array
    fine: Float32Array
    hair: Float32Array
    confidence: Float32Array
    closed: Float32Array
    residual: float
    solved_size: int


def _single(picture: NDArray[Any]) -> Float32Array:
    return np.asarray(picture, dtype=np.float32)


def _step(low: float, high: float, values: NDArray[Any]) -> Float32Array:
    t = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


@lru_cache(maxsize=4)
def _border_width(size: int) -> Float32Array:
    """Return how wide the change from one source to the next is at each texel, (size, size) float32 texels."""
    hairy = np.clip(2 * cv2.GaussianBlur(scalp_grid(size), (0, 0), _HAIR_SOFT * size), 0, 1)
    return read_only(np.maximum(2 * size * (_SOFT + (_HAIR_SOFT - _SOFT) * hairy), 1.0), np.float32)


def _soft(layout: TexelLayout, chosen: BoolArray, within: BoolArray) -> Float32Array:
    """Return a selection with a soft inner border, (W, W) 0..1, nowhere where `within` is not; softer among hair."""
    size = layout.size
    grid = layout.grid(chosen.astype(np.uint8))
    away = cv2.distanceTransform(cv2.copyMakeBorder(grid, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 5)
    away = _single(away[1:-1, 1:-1])
    t = np.clip(away / _border_width(size), 0, 1)
    return _single(t * t * (3 - 2 * t)) * layout.grid(within.astype(np.float32))


def _level(values: Float32Array, weight: Float32Array, sigma: float, shrink: int = 1) -> Float32Array:
    """Return weighted local means of a picture (W, W, 3); where there is no weight near, those from farther away.

    They are of W / `shrink` texels a side: smooth as they are, half the size shows them.
    """
    mass, share = _single(values * threefold(_single(weight))), _single(weight)
    if shrink > 1:
        small, sigma = (len(share) // shrink,) * 2, sigma / shrink
        mass, share = (_single(cv2.resize(p, small, interpolation=cv2.INTER_AREA)) for p in (mass, share))
    mass, share = (_single(cv2.GaussianBlur(p, (0, 0), sigma)) for p in (mass, share))
    local = mass / threefold(np.maximum(share, 1e-6))
    return spread(local.astype(np.float32), np.clip(4 * share, 0, 1))


def _lift(
    look: PhotoLook, segments: Segments, photo: Float32Array, donor: Float32Array, likeness: Float32Array
) -> Float32Array:
    """Return what the photo's colours gain towards the border of what is seen, (W, W, 3).

    Cheeks darken where they turn away and where hair shades them. There the level goes over into that of plain skin;
    the fine structure stays. Borders to hair and to the openings are none.
    """
    layout = look.layout
    sigma = _LEVEL * layout.size
    known = layout.grid((segments.skin & ~look.opening).astype(np.float32))
    whole = without_holes(layout.grid((segments.skin | segments.hair).astype(np.uint8)))
    away = cv2.distanceTransform(whole, cv2.DIST_L2, 5) / layout.size
    near = known * (1 - _step(0.0, _LIFT_REACH, away.astype(np.float32)))
    change = photo - donor
    lift = _level(change, known * np.maximum(likeness, 1e-3), sigma, 2) - _level(change, known, sigma, 2)
    lift = _single(cv2.resize(lift, (layout.size, layout.size), interpolation=cv2.INTER_LINEAR))
    return np.clip(lift, -_LIFT_MOST, _LIFT_MOST) * threefold(_single(cv2.GaussianBlur(near, (0, 0), 1.5)))


def _side_lift(
    look: PhotoLook, segments: Segments, photo: Float32Array, donor: Float32Array, likeness: Float32Array
) -> Float32Array:
    """Return what the sides of cheeks and forehead gain to have the level that the front has, (W, W, 3).

    Low harmonics do not take all of the light out where the head turns away: seen from there, that is a grey patch.
    What is not plain skin (beard, brows, hair's shade) is left alone.
    """
    layout = look.layout
    size = layout.size
    facing = layout.grid(look.projection.facing)
    known = layout.grid((segments.skin & ~look.opening).astype(np.float32))
    side = known * (1 - _step(_SIDE_LOW, _SIDE_HIGH, facing))
    if not side.any():
        return np.zeros_like(photo)
    plain = _single(known * np.maximum(likeness, 1e-3))
    front = _single(plain * _step(_SIDE_LOW, _SIDE_HIGH, facing))
    # Levels are smooth: a fourth of the size shows them as well.
    small = (size // 4, size // 4)
    sums = cv2.resize(
        cv2.merge([*cv2.split((photo - donor) * threefold(plain)), plain]),
        small,
        interpolation=cv2.INTER_AREA,
    )
    change = _single(sums[..., :3] / np.maximum(sums[..., 3:], 1e-6))
    square = _single(cv2.resize(front, small, interpolation=cv2.INTER_AREA))
    wide = _level(change, square, _SIDE_WIDE * small[0])
    away = np.clip(
        wide - _level(change, _single(sums[..., 3]), _SIDE_LOCAL * small[0]), -_SIDE_MOST, _SIDE_MOST
    )
    away = _single(cv2.resize(away, (size, size), interpolation=cv2.INTER_LINEAR))
    share = _single(cv2.GaussianBlur(_single(side * likeness), (0, 0), _SIDE_LOCAL * size))
    # Most of it is light: less of the hue is taken over.
    grey = away.mean(axis=2, keepdims=True)
    return _single(_SIDE_SHARE * (grey + _SIDE_HUE * (away - grey)) * threefold(share))


def _fused(
    layout: TexelLayout,
    goal: Float32Array,
    donor: Float32Array,
    known: Float32Array,
    likeness: Float32Array,
    check: Callable[[], None],
) -> tuple[Float32Array, float]:
    """Return the correction (W, W, 3) that makes the donor meet the goal where it is known, and its residual.

    What is no plain skin (brows, beard, shadow; `likeness` (W, W) is small) does not say what lies beyond the border:
    the correction there is that of the skin around.
    """
    # Levels have no structure finer than two texels of a grid half as fine: there it is solved.
    coarse = texel_layout(max(layout.size // 2, SMALLEST))
    half, shrink = (coarse.size, coarse.size), layout.size // coarse.size
    level = _level(goal - donor, known * np.maximum(likeness, 1e-3), _LEVEL * layout.size, shrink)
    place = coarse.rows, coarse.columns
    is_known = _single(cv2.resize(known, half, interpolation=cv2.INTER_AREA))[place] > 0.5
    values = level[place]
    solved = solve_correction(coarse, is_known, values, check)
    smooth = spread(coarse.grid(solved.values), work_inside(coarse.size))
    full = cv2.resize(smooth, (layout.size, layout.size), interpolation=cv2.INTER_LINEAR)
    return _single(full), solved.residual


def _bare(skin: Float32Array, layout: TexelLayout, hair_map: Float32Array) -> Float32Array:
    """Return the colours (W, W, 3) that the scalp of a skin has without hair: those of the skin around it."""
    main = layout.grid(layout.main.astype(np.float32))
    weight = main * (1 - hair_map) ** 2
    forehead = weight * (cv2.GaussianBlur(hair_map, (0, 0), 0.03 * layout.size) > 0.1)
    mean = np.average(skin.reshape(-1, 3), axis=0, weights=forehead.reshape(-1) + 1e-9).astype(np.float32)
    # One colour on top, so that both sides of the seam have it.
    near = threefold(_single(np.clip(3 * cv2.GaussianBlur(weight, (0, 0), 0.04 * layout.size), 0, 1)))
    return _single(mean + (cv2.GaussianBlur(spread(skin, weight), (0, 0), 4.0) - mean) * near)


def _hair_layer(
    look: PhotoLook,
    segments: Segments,
    photo: Float32Array,
    skin: Float32Array,
    hair_map: Float32Array,
    mode: str,
) -> tuple[Float32Array, Float32Array, Float32Array]:
    """Return how much hair covers what is borrowed, how much hair is the photo's (W, W), and its colour (W, W, 3)."""
    layout = look.layout
    size = layout.size
    nothing = np.zeros_like(skin)
    sample = segments.strands
    shown = _soft(layout, segments.hair | segments.skin, layout.main & look.projection.visible)
    reach = round(_JOIN * size)
    about = cv2.dilate(layout.grid(segments.hair.astype(np.float32)), np.ones((2 * reach + 1,) * 2, np.uint8))
    # Between hair and skin the photo goes on without a border.
    shown = _single(np.clip(shown - skin, 0, 1) * about)
    own = own_hairline(look, segments, hair_map)
    # What is seen at a slant before the hairline of the temples is hair that hangs or stands there, or its shade.
    slanted = layout.grid(temples(size) * (1 - _step(_SIDE_LOW, _SIDE_HIGH, look.projection.facing)))
    shown = _single(shown * (1 - slanted * (1 - _step(0.1, 0.6, own))))
    tone = segments.hair_tone
    if mode == "bald" or (tone is None and sample.sum() < _LEAST_HAIR * len(layout)):
        return nothing, shown if mode == "photo" else nothing, np.zeros_like(photo)
    # Hair shines; its own colour is that of its darker part.
    weight = layout.grid(sample.astype(np.float32))
    grey = photo @ np.full(3, 1 / 3, dtype=np.float32)
    if sample.any():
        weight[grey > np.percentile(grey[weight > 0], _UNLIT)] = 0
    if tone is None:
        tone = np.median(photo[weight > 0], axis=0).astype(np.float32)
    # Far from what is seen the colour goes over into the hair's own.
    near = threefold(_single(np.clip(4 * cv2.GaussianBlur(weight, (0, 0), 0.04 * size), 0, 1)))
    colour = cv2.GaussianBlur(spread(photo, weight), (0, 0), 0.012 * size)
    colour = _single(tone + (colour - tone) * near)
    if segments.hair_cover < 1:
        # What is shaved has no edge: it thins out.
        main = layout.grid(layout.main.astype(np.float32))
        sigma = _THINNING * (1 - segments.hair_cover) * size
        thinned = cv2.GaussianBlur(own * main, (0, 0), sigma) / np.maximum(
            cv2.GaussianBlur(main, (0, 0), sigma), 1e-3
        )
        own = _single(np.minimum(thinned, 1) * main)
    own = _single(segments.hair_cover * own)
    if mode == "stubble":
        return _STUBBLE * own * (1 - skin), nothing, colour
    return own * (1 - skin), shown, colour


def make_layers(
    look: PhotoLook,
    segments: Segments,
    gain: Float32Array,
    donor: Donor,
    scalp_mode: str,
    beard: float = 0.0,
    shine: Float32Array | None = None,
    even_sides: bool = True,
    check: Callable[[], None] = lambda: None,
) -> Layers:
    """Work out the layers.

    Parameters
    ----------
    look, segments
        The photo at the texels of the work atlas, and what it shows.
    gain
        (N,) what takes the photo's light out or evens it.
    donor
        The borrowed skin.
    scalp_mode
        photo, stubble or bald.
    beard
        How much of a beard the photo shows, 0..1; the borrowed skin has it too.
    shine
        (N, 3) what is taken off the photo's colours after the gain (`texture.shine`), or None.
    even_sides
        Whether the sides of the face get the level of its front.
    check
        Called between the steps: may raise to cancel.
    """
    layout = look.layout
    size = layout.size
    inside = work_inside(size)
    photo = layout.grid(look.colours * gain[:, None])
    dulled = np.zeros_like(photo) if shine is None else layout.grid(shine)
    photo = photo - dulled
    closed = layout.grid((~look.opening).astype(np.float32))
    # The borrowed skin, and the photo brought towards plain skin at its borders.
    skin_map = donor.skin(size)
    hair_map = scalp_grid(size) * layout.grid(layout.main.astype(np.float32))
    bald = scalp_mode == "bald" or (scalp_mode == "photo" and not segments.has_hair)
    if bald or scalp_mode == "stubble":
        bare = _bare(skin_map, layout, hair_map)
        skin_map = _single(skin_map + (bare - skin_map) * threefold(hair_map))
    # A beard is met by the borrowed skin's, as plain skin is by plain skin.
    grown = _single(beard_grid(size) * np.float32(min(1.0, 2.0 * beard)))
    likeness = _single(
        np.maximum(layout.grid(segments.likeness), grown * layout.grid(segments.skin.astype(np.float32)))
    )
    lift = _single(_lift(look, segments, photo, skin_map, likeness) * threefold(1 - grown))
    if even_sides:
        lift += _side_lift(look, segments, photo + lift, skin_map, likeness) * threefold(1 - grown)
    photo, lift = photo + lift, lift - dulled
    # Seen skin. Where the other side shows the place much better, what is seen at a grazing angle gives way to it.
    quality = layout.grid(_step(_POOR, _GOOD, look.projection.facing))
    whole = _soft(layout, segments.skin, layout.main)
    other = (whole * quality)[:, ::-1]
    skin = _single(whole * (quality + (1 - quality) * (1 - np.clip(1.5 * other, 0, 1))))
    check()
    # Mirrored skin, brought to the level of what is seen beside it.
    mirrored = _single((1 - skin) * (whole * quality)[:, ::-1] * inside)
    image = np.ascontiguousarray(photo[:, ::-1])
    seen_closed = skin * closed
    both = _single(seen_closed * (closed * whole)[:, ::-1])
    offset, first = _fused(layout, photo, image, both, likeness * likeness[:, ::-1], check)
    face = _single(photo + (image + offset - photo) * threefold(1 - skin))
    # Borrowed skin, brought to the level of both.
    known = _single(np.maximum(skin, mirrored * closed[:, ::-1]) * closed)
    plain = _single(likeness + (likeness[:, ::-1] - likeness) * (1 - skin))
    correction, second = _fused(layout, face, skin_map, known, plain, check)
    borrowed = skin_map + correction
    mixed = mirrored * closed[:, ::-1]
    base = borrowed + (image + offset - borrowed) * threefold(_single(mixed))
    hair, photo_hair, colour = _hair_layer(look, segments, photo, skin, hair_map, scalp_mode)
    base = base + (colour - base) * threefold(_single(hair))
    seen = _single(np.clip(skin + photo_hair, 0, 1))
    base = base + (photo - base) * threefold(seen * closed)
    base = spread(_single(base), inside)
    check()
    # The donor's own stubble is the structure of stubble.
    smooth = 0 * hair if scalp_mode == "stubble" else 0.8 * hair_map if bald else hair
    relief = 1 - smooth
    confidence = np.maximum(seen * closed * (0.35 + 0.65 * quality), 0.6 * mixed * quality[:, ::-1])
    return Layers(
        base=base,
        seen=seen,
        mirrored=mirrored,
        gain=spread(layout.grid(gain)[..., None], inside)[..., 0],
        lift=spread(lift, inside),
        offset=spread(offset, inside),
        fine=relief.astype(np.float32),
        # Shaved hair has hardly any strands.
        hair=spread(_single(hair * (1 - seen) * segments.hair_cover**2)[..., None], inside)[..., 0]
        if scalp_mode == "photo"
        else 0 * hair,
        confidence=np.clip(confidence + 0.1, 0, 1).astype(np.float32) * inside,
        closed=closed,
        residual=max(first, second),
        solved_size=max(size // 2, SMALLEST),
    )
