"""Where things are on the skin's atlas: places on the rest head, outlines of lips and brows, computed once a size."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from facestudio.geometry.raster import interpolate, rasterise, uv_to_texel
from facestudio.template.model import PointMap, Template, load_template
from facestudio.template.subdivision import topology
from facestudio.values import BoolArray, ByteArray, Float32Array, FloatArray, IntArray

# Points of mesh478 around and along things; right and left are the sitter's.
LIPS_OUTER: Final = (
    *(61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146),
)
LIPS_INNER: Final = (
    *(78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95),
)
BROW_UPPER: Final = ((70, 63, 105, 66, 107), (300, 293, 334, 296, 336))
BROW_LOWER: Final = ((46, 53, 52, 65, 55), (276, 283, 282, 295, 285))
LID_UPPER: Final = (
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (263, 466, 388, 387, 386, 385, 384, 398, 362),
)
LID_LOWER: Final = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (263, 249, 390, 373, 374, 380, 381, 382, 362))
_SHIFT = 4  # fractional bits of cv2's drawing: a sixteenth of a texel


@dataclass(frozen=True, eq=False)
class SkinMaps:
    """Pictures over an atlas of one size S.

    Attributes
    ----------
    place
        (S, S, 3) float32 mm: the place on the rest head; zero outside the charts.
    skin
        (S, S) bool: texels of the skin.
    points
        (478, 2) float64: texel coordinates of the mesh points.
    lips
        (S, S) uint8: 255 on the lips, soft by a texel.
    """

    place: Float32Array
    skin: BoolArray
    points: FloatArray
    lips: ByteArray

    @property
    def size(self) -> int:
        """Edge length S."""
        return len(self.skin)


def vertex_uvs(template: Template) -> FloatArray:
    """Return a UV of each vertex, (V, 2): the face's chart where a vertex is in several."""
    quads = template.quad_uvs[template.quad_material == template.materials.index("skin")]
    ends = np.concatenate([quads[:, :2], quads[:, 1:3], quads[:, 2:]])
    count = len(template.uvs)
    graph = sparse.coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    chart = csgraph.connected_components(graph, directed=False)[1]
    face = chart == np.bincount(chart[quads.ravel()]).argmax()
    out = np.zeros((len(template.vertices), 2))
    out[template.quads] = template.uvs[template.quad_uvs]
    of_face = face[template.quad_uvs]
    out[template.quads[of_face]] = template.uvs[template.quad_uvs[of_face]]
    return out


def point_texels(template: Template, points: PointMap, size: int) -> FloatArray:
    """Return where points lie in an atlas, (N, 2) texels, centres at whole numbers."""
    return uv_to_texel(np.einsum("nkc,nk->nc", vertex_uvs(template)[points.vertex_ids], points.weights), size)


def fixed(points: FloatArray) -> IntArray:
    """Return points in cv2's fixed-point coordinates for `shift=_SHIFT`."""
    return np.rint(points * (1 << _SHIFT)).astype(np.int32)


def fill(mask: ByteArray, outline: FloatArray, value: int) -> None:
    """Fill a polygon (N, 2) texels into a mask in place, with a soft edge."""
    cv2.fillPoly(mask, [fixed(outline)], value, lineType=cv2.LINE_AA, shift=_SHIFT)


def stroke(mask: ByteArray, lines: list[FloatArray] | FloatArray, value: int, thickness: int = 1) -> None:
    """Draw lines, (K, 2) texels each, into a mask in place."""
    whole = list(fixed(lines)) if isinstance(lines, np.ndarray) else [fixed(line) for line in lines]
    cv2.polylines(mask, whole, False, value, thickness, lineType=cv2.LINE_AA, shift=_SHIFT)


def smooth_line(points: FloatArray, count: int) -> FloatArray:
    """Return `count` points of the Catmull-Rom curve through (N, D) points, evenly spread over its knots."""
    t = np.linspace(0, len(points) - 1, count)
    i = np.minimum(t.astype(int), len(points) - 2)
    f = (t - i)[:, None]
    ends = np.concatenate([[2 * points[0] - points[1]], points, [2 * points[-1] - points[-2]]])
    a, b, c, d = ends[i], ends[i + 1], ends[i + 2], ends[i + 3]
    return 0.5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3)


@lru_cache(maxsize=3)
def skin_maps(size: int) -> SkinMaps:
    """Return the maps of the shipped template for atlases of a size."""
    template = load_template()
    surface = topology(1)
    texels = uv_to_texel(surface.render_uvs, size)
    raster = rasterise(texels, np.zeros(len(texels)), surface.triangles, (size, size))
    places = surface.apply(template.vertices)[surface.render_vertices]
    material = surface.quad_material[np.maximum(raster.triangle, 0) // 2]
    skin = raster.covered & (material == template.materials.index("skin"))
    points = point_texels(template, template.mesh478, size)
    lips = np.zeros((size, size), np.uint8)
    fill(lips, points[list(LIPS_OUTER)], 255)
    fill(lips, points[list(LIPS_INNER)], 0)
    return SkinMaps(interpolate(raster, places), skin, points, lips)
