"""Where hair grows on this head: as the photo shows it, and as a barber would draw it where the photo shows little.

Forehead and crown are seen squarely and followed texel by texel. Temples and sideburns are seen at a slant, and hair
that stands off the head hides them: there the hairline is a curve, the same on both sides, that agrees best with what
is seen of either. Its place is a depth for every height (head space, mm); it is found by dynamic programming.
"""

from functools import lru_cache

import cv2
import numpy as np

from facestudio.texture.atlas import spread
from facestudio.texture.layout import texel_layout
from facestudio.texture.look import PhotoLook, static_maps
from facestudio.texture.masks import Segments
from facestudio.values import BoolArray, Float32Array, FloatArray, read_only

_REACH = 0.05  # how far the hairline seen changes the one not seen, edge lengths of the atlas
_SOFT = 0.009
_EAR_FRONT_MM, _EAR_TOP_MM = 24.0, 32.0

# A usual hairline at the temples: depth (forward) at each height, mm on the rest head.
_HEIGHTS = np.array([-4.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 108.0])
_DEPTHS = np.array([34.0, 36.0, 38.0, 42.0, 47.0, 50.0, 51.0, 51.0, 53.0, 58.0, 66.0])
_LOWEST, _HIGHEST, _ROW_MM = 24.0, 108.0, 4.0  # heights between which the photo is asked
_BACK, _FRONT, _STEP_MM = 14.0, 83.0, 3.0
_HANGS_MM, _MOST_MM = (
    (30.0, 45.0, 62.0),
    (5.0, 10.0, 36.0),
)  # heights, and how far before the usual a hairline may lie there: a fringe goes on to the temples
_USUAL = 0.05  # what a step away from the usual hairline costs, in steps of sure evidence
_STIFF = 0.22  # what a bend of one step costs
_SIDE_FROM, _SIDE_TO = 36.0, 47.0  # from so far sideways (mm) the curve decides
_SLANTED, _SQUARE = 0.1, 0.35  # cosines of the viewing angle: what is seen there says nothing, or all
_SOFT_MM = 4.5
_END_FROM, _END_TO = 2.0, 24.0  # heights between which a sideburn ends
_RAGGED_MM = 1.4


def _smooth_step(low: float, high: float, values: Float32Array | FloatArray) -> Float32Array:
    t = np.clip((np.asarray(values, dtype=np.float32) - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)


@lru_cache(maxsize=4)
def _strands(size: int) -> Float32Array:
    """Return fixed noise drawn out up and down, (size, size) float32 of deviation one: hair does not end in a line."""
    noise = np.random.default_rng(6).standard_normal((size, size)).astype(np.float32)
    drawn = cv2.GaussianBlur(noise, (0, 0), sigmaX=0.0012 * size, sigmaY=0.008 * size)
    return read_only(drawn / max(float(drawn.std()), 1e-6), np.float32)


@lru_cache(maxsize=4)
def temples(size: int) -> Float32Array:
    """Return how much the curve decides at each texel of a layout, (N,) float32 0..1: on the sides of the head."""
    layout, (_, rest) = texel_layout(size), static_maps(size)
    aside = _smooth_step(_SIDE_FROM, _SIDE_TO, np.abs(rest[:, 0]))
    aside *= 1 - _smooth_step(_HIGHEST - 14.0, _HIGHEST, rest[:, 1])
    return read_only(aside * layout.main, np.float32)


def temple_curve(look: PhotoLook, segments: Segments) -> FloatArray:
    """Return the depth of the hairline (mm on the rest head) at the heights `temple_heights`, both sides alike."""
    rest, facing = look.rest, look.projection.facing
    heights = temple_heights()
    steps = np.arange(_BACK, _FRONT, _STEP_MM)
    row = np.floor((rest[:, 1] - _LOWEST) / _ROW_MM).astype(np.int64)
    column = np.floor((rest[:, 2] - _BACK) / _STEP_MM).astype(np.int64)
    says = 2 * segments.hairiness - 1
    inside = (row >= 0) & (row < len(heights)) & (column >= 0) & (column < len(steps))
    inside &= (np.abs(rest[:, 0]) > _SIDE_FROM) & look.layout.main
    cell = row[inside] * len(steps) + column[inside]
    count = np.bincount(cell, minlength=len(heights) * len(steps)).astype(np.float64)
    sure = np.abs(says) * _smooth_step(_SLANTED, _SQUARE, facing)
    weight = np.bincount(cell, sure[inside], minlength=len(count))
    total = np.bincount(cell, (sure * says)[inside], minlength=len(count))
    # Both sides' texels of a cell vote; one side alone says as much as both.
    share = np.clip(2 * weight / np.maximum(count, 1), 0, 1)
    vote = (total / np.maximum(weight, 1e-6) * share).reshape(len(heights), len(steps))
    # Cost of a hairline before each step: hair seen before it, and skin seen behind it.
    hair, skin = np.maximum(vote, 0), np.maximum(-vote, 0)
    cost = hair[:, ::-1].cumsum(axis=1)[:, ::-1] + skin.cumsum(axis=1) - skin
    usual = np.interp(heights, _HEIGHTS, _DEPTHS)
    # Hair that hangs over the cheeks does not grow there.
    most = usual + np.interp(heights, _HANGS_MM, _MOST_MM)
    cost[steps[None] > most[:, None]] += len(steps)
    cost += _USUAL * np.abs(steps[None] - usual[:, None]) / _STEP_MM
    slope = np.round(np.diff(usual) / _STEP_MM).astype(np.int64)
    best, came = cost[0], np.zeros((len(heights), len(steps)), dtype=np.int64)
    for number in range(1, len(heights)):
        # The usual hairline bends as well: that costs nothing.
        moved = np.abs(np.arange(len(steps))[:, None] - np.arange(len(steps))[None] - slope[number - 1])
        step = best[None] + _STIFF * moved
        came[number] = step.argmin(axis=1)
        best = cost[number] + step.min(axis=1)
    at = int(best.argmin())
    path = [at]
    for number in range(len(heights) - 1, 0, -1):
        at = int(came[number][at])
        path.append(at)
    depth = steps[np.array(path[::-1])]
    smooth = cv2.GaussianBlur(
        depth.astype(np.float32)[:, None], (1, 0), 0, sigmaY=1.3, borderType=cv2.BORDER_REPLICATE
    )
    return np.asarray(smooth[:, 0], dtype=np.float64)


def temple_heights() -> FloatArray:
    """Return the heights of the rest head at which `temple_curve` has its values, mm."""
    return np.arange(_LOWEST, _HIGHEST, _ROW_MM) + _ROW_MM / 2


def _temple_hair(look: PhotoLook, segments: Segments) -> Float32Array:
    """Return how much hair grows at each texel of the sides of the head by the curve, (N,) 0..1."""
    layout, rest = look.layout, look.rest
    heights, depth = temple_heights(), temple_curve(look, segments)
    # Below what is asked, a sideburn goes on as it begins, as wide as usual at most.
    low = heights[0] > _HEIGHTS
    begin = min(float(depth[0]), float(np.interp(heights[0], _HEIGHTS, _DEPTHS)) + 3.0)
    under = begin + (_DEPTHS[low] - float(np.interp(heights[0], _HEIGHTS, _DEPTHS)))
    line = np.interp(rest[:, 1], np.r_[_HEIGHTS[low], heights], np.r_[under, depth])
    ragged = _strands(layout.size)[layout.rows, layout.columns]
    before = line - rest[:, 2] + _RAGGED_MM * ragged
    hair = _smooth_step(-_SOFT_MM, _SOFT_MM, before)
    return hair * _smooth_step(_END_FROM, _END_TO, rest[:, 1] + 1.5 * _RAGGED_MM * ragged)


def own_hairline(look: PhotoLook, segments: Segments, hair_map: Float32Array) -> Float32Array:
    """Return where hair grows on this head, (W, W) 0..1: as seen, and as on most heads far from what is seen.

    Parameters
    ----------
    look, segments
        The photo at the texels, and what it shows.
    hair_map
        (W, W) 0..1: how much hair grows on most heads.
    """
    layout = look.layout
    hairiness = layout.grid(segments.hairiness, 0.5)
    change = hairiness - hair_map
    # Where hair and skin cannot be told apart there is nothing to correct.
    sure = np.clip(np.abs(hairiness - 0.5) * 4, 0, 1)
    away = cv2.distanceTransform((sure < 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    fade = np.exp(-away / (_REACH * layout.size))
    change = spread(change[..., None], sure)[..., 0] * fade
    front_texels = (look.rest[:, 2] > _EAR_FRONT_MM) | (look.rest[:, 1] > _EAR_TOP_MM)
    front = layout.grid(front_texels.astype(np.float32))
    # Behind the temples the ears begin: no hair grows on those, whatever hangs over them.
    corrected = hair_map + np.where(front > 0.5, change, np.minimum(change, 0))
    main = layout.grid(layout.main.astype(np.float32))
    # Only among the chart's texels: a seam is no hairline.
    sigma = _SOFT * layout.size
    share = np.maximum(cv2.GaussianBlur(main, (0, 0), sigma), 1e-3)
    corrected = cv2.GaussianBlur((corrected * main).astype(np.float32), (0, 0), sigma) / share
    hair = _smooth_step(0.2, 0.8, corrected + 0.08 * _strands(layout.size)) * main
    # At the sides the curve decides, before the ears and above them.
    curve = _temple_hair(look, segments)
    sides = layout.grid(temples(layout.size) * front_texels)
    hair = hair + (layout.grid(curve) - hair) * sides
    # And it goes over into the hair above the ears.
    above = np.maximum(
        _smooth_step(_EAR_FRONT_MM - 12.0, _EAR_FRONT_MM - 2.0, look.rest[:, 2]),
        _smooth_step(_EAR_TOP_MM - 8.0, _EAR_TOP_MM, look.rest[:, 1]),
    )
    above *= 1 - _smooth_step(72.5, 75.0, np.abs(look.rest[:, 0])) * (look.rest[:, 1] < _EAR_TOP_MM)
    hair = np.maximum(hair, layout.grid(curve * above * temples(layout.size)))
    return _whole(np.asarray(hair, dtype=np.float32), hair_map, main, sigma)


def _whole(hair: Float32Array, hair_map: Float32Array, main: Float32Array, sigma: float) -> Float32Array:
    """Return a map of hair (W, W) without spots of hair in the skin and of skin in the hair."""
    # Only what hangs together with the crown: spots at the temples are shadows.
    _, label, stats, _ = cv2.connectedComponentsWithStats((hair > 0.2).astype(np.uint8), connectivity=4)
    if len(stats) > 2:
        hair = hair * (label == 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    # Bare skin hangs together with the face; spots within the hair are its shine.
    bare: BoolArray = (hair < 0.5) & (main > 0)
    _, label, stats, _ = cv2.connectedComponentsWithStats(bare.astype(np.uint8), connectivity=8)
    if len(stats) > 2:
        spots = ((label > 0) & (label != 1 + np.argmax(stats[1:, cv2.CC_STAT_AREA]))).astype(np.float32)
        wide = 2 * round(2 * sigma) + 1
        fill = cv2.GaussianBlur(cv2.dilate(spots, np.ones((wide, wide), np.uint8)), (0, 0), sigma)
        hair = np.maximum(hair, fill * hair_map * main)
    return np.asarray(hair, dtype=np.float32)
