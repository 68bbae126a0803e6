"""Regions of the face given by landmarks: the face oval in the atlas, the openings of eyes and mouth in the photo."""

import cv2
import numpy as np

from facestudio.template.model import Template
from facestudio.texture.layout import TexelLayout
from facestudio.values import BoolArray, Float32Array, FloatArray, IntArray

# MediaPipe's face oval, clockwise from the top of the forehead.
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
# The openings of eyes and mouth in mesh478: what lies inside them is not skin.
OPENINGS = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95),
)  # fmt: skip


def _polygon(template: Template, outline: tuple[int, ...], size: int) -> IntArray:
    """Return the texels that points of mesh478 lie at in an atlas, (P, 2) int32."""
    points = template.mesh478.vertex_ids[list(outline)]
    weights = template.mesh478.weights[list(outline)]
    uv_of = np.zeros((len(template.vertices), 2))
    skin = template.quad_material == template.materials.index("skin")
    uv_of[template.quads[skin]] = template.uvs[template.quad_uvs[skin]]
    uv = np.einsum("nk,nkc->nc", weights, uv_of[points])
    polygon = np.column_stack([uv[:, 0] * size, (1 - uv[:, 1]) * size])
    return np.rint(polygon).astype(np.int32)


def openings_of_atlas(template: Template, size: int) -> BoolArray:
    """Return where an atlas holds what lies within the outlines of eyes and mouth, (size, size) bool."""
    mask = np.zeros((size, size), np.uint8)
    for outline in OPENINGS:
        cv2.fillPoly(mask, [_polygon(template, outline, size)], 1)
    return mask > 0


def oval_distance(template: Template, layout: TexelLayout) -> Float32Array:
    """Return each texel's signed distance to the face oval in the atlas, (N,) in UV units; positive inside."""
    size = layout.size
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [_polygon(template, FACE_OVAL, size)], 1)
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
    return (distance[layout.rows, layout.columns] / size).astype(np.float32)


def in_openings(pixels: Float32Array, mesh: FloatArray) -> BoolArray:
    """Tell which pixels (N, 2) lie inside the eyes or the open mouth of the located mesh (478, 2); (N,) bool."""
    # Drawn at four times the resolution of a cut-out: a pixel more or less is a row of lashes.
    points = mesh[[i for opening in OPENINGS for i in opening]]
    low, high = points.min(axis=0) - 2, points.max(axis=0) + 2
    scale = min(4.0, 1600.0 / float((high - low).max()))
    width, height = (int(np.ceil(v)) for v in (high - low) * scale)
    mask = np.zeros((height, width), np.uint8)
    for opening in OPENINGS:
        cv2.fillPoly(mask, [np.rint((mesh[list(opening)] - low) * scale).astype(np.int32)], 1)
    spot = np.rint((pixels - low.astype(np.float32)) * np.float32(scale)).astype(np.int32)
    near = (spot[:, 0] >= 0) & (spot[:, 1] >= 0) & (spot[:, 0] < width) & (spot[:, 1] < height)
    out = np.zeros(len(pixels), dtype=np.bool_)
    out[near] = mask[spot[near, 1], spot[near, 0]] > 0
    return out
