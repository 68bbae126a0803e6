"""What stands before the face: frames of glasses, and things on one side of it only.

Glasses show as thin dark lines where no face has any: across the bridge of the nose. Only if there is such a line are
dark lines around the eyes taken for frames. A strand of hair or a microphone covers one side: what is unlike skin there
while its mirror image is plain skin is left out.
"""

import cv2
import numpy as np

from facestudio.template.model import load_template
from facestudio.texture.layout import TexelLayout
from facestudio.texture.look import PhotoLook
from facestudio.values import BoolArray, Float32Array, FloatArray

# Points of mesh478: the upper edges of the brows and what lies between, the eyes' outlines, the nose's bridge.
_RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
_LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
_BROWS = (
    (70, 63, 105, 66, 107, 55, 65, 52, 53, 46),
    (300, 293, 334, 296, 336, 285, 295, 282, 283, 276),
)
_BRIDGE = (168, 6, 197)  # between the eyes and down the nose

_FRAME_MM = 7.0  # widest line that is a frame
_DARKER = 13.0  # of L*: a line is at least so much darker than what is on both sides of it
_DARKER_SHARE = 0.22
_BRIDGE_SHARE = 0.5  # of the bridge's width that a frame crosses
_EYE_GAP_MM, _BROW_GAP_MM = 4.0, 3.0
_BELOW_MM, _ASIDE_MM = 26.0, 20.0
_UNLIKE, _LIKE = 3.0, 1.3
_MOST = 0.3  # of the face: more than that on one side is light or a turned head, no occluder


def _ring(points: FloatArray, grow: float) -> FloatArray:
    middle = points.mean(axis=0)
    away = points - middle
    length = np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-6)
    return middle + away * (1 + grow / length)


def _fill(layout: TexelLayout, polygons: list[FloatArray]) -> BoolArray:
    """Return which texels lie in polygons given by UVs, (S, S) bool."""
    mask = np.zeros((layout.size, layout.size), np.uint8)
    for polygon in polygons:
        at = np.column_stack([polygon[:, 0], 1 - polygon[:, 1]]) * layout.size - 0.5
        cv2.fillPoly(mask, [np.rint(at * 16).astype(np.int32)], 1, shift=4)
    return mask > 0


def _mesh_uvs() -> FloatArray:
    template = load_template()
    uv_of = np.zeros((len(template.vertices), 2))
    skin = template.quad_material == template.materials.index("skin")
    uv_of[template.quads[skin]] = template.uvs[template.quad_uvs[skin]]
    return np.einsum("nk,nkc->nc", template.mesh478.weights, uv_of[template.mesh478.vertex_ids])


def _uv_per_mm(uv: FloatArray) -> float:
    """Return the scale of the atlas in the middle of the face, from the distance between the eyes' outer corners."""
    template = load_template()
    points = template.mesh478.points(template.vertices)
    return float(np.linalg.norm(uv[33] - uv[263]) / np.linalg.norm(points[33] - points[263]))


def _lines(layout: TexelLayout, light: Float32Array, usable: BoolArray, texels_per_mm: float) -> Float32Array:
    """Return how much darker than its surroundings on both sides each texel's thin structure is, (S, S) of L*."""
    inside = layout.grid(usable.astype(np.uint8))
    grid = layout.grid(light)
    grid[inside == 0] = float(np.median(light[usable])) if usable.any() else 0.0
    smooth = cv2.GaussianBlur(grid, (0, 0), 0.8)
    width = max(3, round(_FRAME_MM * texels_per_mm) | 1)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    return np.asarray(cv2.morphologyEx(smooth, cv2.MORPH_BLACKHAT, kernel), dtype=np.float32)


def frames(look: PhotoLook, light: Float32Array) -> BoolArray:
    """Find the frames of glasses.

    Parameters
    ----------
    look
        The photo at the texels.
    light
        (N,) L* of its colours, the light taken out.

    Returns
    -------
    numpy.ndarray
        (N,) bool; all False where no frame crosses the bridge of the nose.
    """
    layout = look.layout
    none = np.zeros(len(layout), dtype=np.bool_)
    usable = look.projection.visible & ~look.opening & (look.projection.facing > 0.15)
    uv = _mesh_uvs()
    per_mm = _uv_per_mm(uv)
    texels_per_mm = per_mm * layout.size
    dark = _lines(layout, light, usable, texels_per_mm)
    here = layout.grid(usable)
    face = usable & (look.inside_oval > 0.05)
    # On dark skin a dark frame stands out less.
    least = min(_DARKER, _DARKER_SHARE * float(np.median(light[face]))) if face.any() else _DARKER
    if not _crosses_bridge(dark * here, uv, per_mm, least):
        return none
    eyes = [_ring(uv[list(ids)], _EYE_GAP_MM * per_mm) for ids in (_RIGHT_EYE, _LEFT_EYE)]
    brows = [_ring(uv[list(ids)], _BROW_GAP_MM * per_mm) for ids in _BROWS]
    keep = _fill(
        layout, [cv2.convexHull(p.astype(np.float32))[:, 0].astype(np.float64) for p in (*eyes, *brows)]
    )
    both = uv[[*_RIGHT_EYE, *_LEFT_EYE]]
    low, high = both.min(axis=0), both.max(axis=0)
    zone = np.array(
        [
            [low[0] - _ASIDE_MM * per_mm, low[1] - _BELOW_MM * per_mm],
            [high[0] + _ASIDE_MM * per_mm, low[1] - _BELOW_MM * per_mm],
            [high[0] + _ASIDE_MM * per_mm, high[1] + 14 * per_mm],
            [low[0] - _ASIDE_MM * per_mm, high[1] + 14 * per_mm],
        ]
    )
    found = (dark > 0.6 * least) & _fill(layout, [zone]) & ~keep & here
    # Frames are long: specks are moles and lashes.
    count, label, stats, _ = cv2.connectedComponentsWithStats(found.astype(np.uint8), connectivity=8)
    longest = np.maximum(stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]) / texels_per_mm
    good = np.flatnonzero(longest >= 10.0)
    found = np.isin(label, good[good > 0]) if count > 1 else found & False
    # A frame throws a narrow shadow and shines at its edges.
    grown = cv2.dilate(found.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return (grown & ~keep)[layout.rows, layout.columns]


def _crosses_bridge(dark: Float32Array, uv: FloatArray, per_mm: float, least: float) -> bool:
    """Tell whether a dark line runs across the nose between the eyes: in most columns of a strip 12 mm wide."""
    top, low = uv[_BRIDGE[0]], uv[_BRIDGE[2]]
    size = len(dark)
    rows = slice(int((1 - top[1] - 6 * per_mm) * size), int((1 - low[1]) * size) + 1)
    columns = slice(int((top[0] - 6 * per_mm) * size), int((top[0] + 6 * per_mm) * size) + 1)
    strip = dark[rows, columns]
    return bool(strip.size and (strip.max(axis=0) > least).mean() > _BRIDGE_SHARE)


def one_sided(look: PhotoLook, unlike: Float32Array) -> BoolArray:
    """Find what covers one side of the face.

    Parameters
    ----------
    look
        The photo at the texels.
    unlike
        (N,) distance of each texel's colour from the face's skin, standard deviations.

    Returns
    -------
    numpy.ndarray
        (N,) bool: unlike skin while the mirror image is plain skin.
    """
    layout = look.layout
    visible = look.projection.visible & ~look.opening & (look.projection.facing > 0.3)
    here = layout.grid(visible)
    smooth = cv2.GaussianBlur(
        layout.grid(np.where(visible, unlike, 0).astype(np.float32)), (0, 0), 0.004 * layout.size
    )
    other, seen_there = smooth[:, ::-1], here[:, ::-1]
    # Nothing is exactly symmetric: a feature a little aside on the other side counts as its mirror image.
    reach = 2 * round(0.012 * layout.size) + 1
    other = cv2.dilate(np.ascontiguousarray(other), np.ones((reach, reach), np.uint8))
    found = here & seen_there & (smooth > _UNLIKE) & (other < 0.5 * (_UNLIKE + _LIKE))
    chosen = found[layout.rows, layout.columns] & (look.inside_oval > 0.0)
    if chosen.sum() > _MOST * max(1, int((visible & (look.inside_oval > 0.0)).sum())):
        return np.zeros(len(layout), dtype=np.bool_)
    grown = cv2.dilate(
        cv2.morphologyEx(layout.grid(chosen.astype(np.uint8)), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)),
        np.ones((7, 7), np.uint8),
    )
    return grown[layout.rows, layout.columns] > 0
