"""What the photo saw: visibility of every texel, and the photo sampled there."""

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from scipy.spatial import KDTree

from facestudio.geometry.camera import project
from facestudio.geometry.mesh import triangulate
from facestudio.geometry.raster import depth_buffer
from facestudio.template.model import Template, load_template
from facestudio.template.subdivision import topology
from facestudio.texture.layout import SURFACE_LEVEL, TexelLayout
from facestudio.texture.sampling import sample_at
from facestudio.values import BoolArray, Camera, Float32Array, FloatArray, IntArray, Photo, read_only

_DEPTH_SIZE, _COARSE_DEPTH_SIZE = 640, 400  # pixels of the z-buffer along the head's longer side
_COARSE = 256  # layouts up to this size take the coarse one: its pixels are smaller than their texels
_DEPTH_TOLERANCE_MM = 2.5
_SKIN_POINTS = 468  # of mesh478, the first: the others are the irises
_NEAREST = 6
_BESIDE_MM = 6.0  # of a mesh point: the difference there is that of the points around
_FADE_MM, _FADES = 10.0, 4.5  # and it fades away beyond, to nothing after so many times that


@dataclass(frozen=True, eq=False)
class Projection:
    """The texels in the photo.

    Attributes
    ----------
    pixels
        (N, 2) float32 image frame.
    facing
        (N,) float32: cosine between the normal and the direction to the camera.
    visible
        (N,) bool: in the picture, facing the camera and nothing of the head before it.
    rim
        (N,) float32: distance from the head's outline in the picture, in sizes of the head; 0 outside.
    """

    pixels: Float32Array
    facing: Float32Array
    visible: BoolArray
    rim: Float32Array


def cropped_camera(camera: Camera, points: FloatArray, size: int) -> Camera:
    """Return the camera of a picture that holds points (N, 3) mm and whose longer side is `size` pixels."""
    pixels, _ = project(camera, points)
    low, high = pixels.min(axis=0) - 2, pixels.max(axis=0) + 2
    scale = size / float((high - low).max())
    width, height = (int(np.ceil(x)) for x in (high - low) * scale)
    return replace(
        camera,
        fx=camera.fx * scale,
        fy=camera.fy * scale,
        cx=(camera.cx - low[0] + 0.5) * scale - 0.5,
        cy=(camera.cy - low[1] + 0.5) * scale - 0.5,
        image_size=(max(width, 1), max(height, 1)),
    )


@lru_cache(maxsize=1)
def _near_features() -> tuple[IntArray, IntArray]:
    """Return the dense vertices (M,) near the mesh points, and the nearest points of each (M, K), on the template."""
    template = load_template()
    points = template.mesh478.points(template.vertices)[:_SKIN_POINTS]
    dense = topology(SURFACE_LEVEL).apply(template.vertices)
    distance, nearest = KDTree(points).query(dense, k=_NEAREST)
    near = np.flatnonzero(distance[:, 0] < _BESIDE_MM + _FADES * _FADE_MM)
    return read_only(near, np.int32), read_only(np.asarray(nearest)[near], np.int32)


def feature_shift(
    vertices: FloatArray, dense: FloatArray, camera: Camera, mesh: FloatArray, template: Template
) -> Float32Array:
    """Return how far the photo's features lie from the fitted head's, at its dense vertices, (V_1, 2) pixels.

    No fit is perfect: lips, lids and brows would be sampled a little beside themselves. The difference between the
    located mesh points (478, 2) and the fitted ones is spread over the face and fades away from it.

    Parameters
    ----------
    vertices, dense
        (V, 3), (V_1, 3) mm: the posed head, and the same at SURFACE_LEVEL.
    camera
        The fitted camera.
    mesh
        (478, 2) pixels.
    template
        Where the mesh points lie on the head.
    """
    points = template.mesh478.points(vertices)[:_SKIN_POINTS]
    shift = mesh[:_SKIN_POINTS] - project(camera, points)[0]
    near, nearest = _near_features()
    from_points = dense[near].astype(np.float32)[:, None] - points.astype(np.float32)[nearest]
    square = np.einsum("mkc,mkc->mk", from_points, from_points)
    # Inverse-distance weights over the nearest points: local, cheap, and no overshoot.
    weight = 1.0 / (square + np.float32(4.0))
    local = np.einsum("mk,mkc->mc", weight, shift.astype(np.float32)[nearest])
    local /= weight.sum(axis=1)[:, None]
    away = np.maximum(np.sqrt(square.min(axis=1)) - _BESIDE_MM, 0) / _FADE_MM
    out = np.zeros((len(dense), 2), dtype=np.float32)
    out[near] = local * np.exp(-0.5 * away**2)[:, None]
    return out


@lru_cache(maxsize=1)
def _coarse_triangles() -> IntArray:
    return read_only(triangulate(load_template().quads), np.int32)


def project_texels(
    layout: TexelLayout,
    dense: FloatArray,
    normals: FloatArray,
    camera: Camera,
    shift: Float32Array | None = None,
) -> Projection:
    """Project the skin's texels into the photo and test their visibility with a z-buffer.

    Parameters
    ----------
    layout
        The texels.
    dense, normals
        (V_1, 3) mm, (V_1, 3): the posed head at SURFACE_LEVEL and its normals.
    camera
        The fitted camera.
    shift
        (V_1, 2) pixels added to the dense vertices' places in the photo (see `feature_shift`).
    """
    size = _COARSE_DEPTH_SIZE if layout.size <= _COARSE else _DEPTH_SIZE
    near = cropped_camera(camera, dense, size)
    image, depth = project(near, dense)
    # The template's own faces, their corners on the dense surface: few of their pixels are off by the tolerance.
    buffer = depth_buffer(image, depth, _coarse_triangles(), near.image_size, cull_back=True)
    centre = -camera.rotation.T @ camera.translation_mm
    towards = centre - dense
    facing = np.einsum("ij,ij->i", normals, towards) / np.linalg.norm(towards, axis=1)
    # Pixels, depth and facing vary slowly over a triangle: they are interpolated, not recomputed per texel.
    moved = np.zeros((len(dense), 2)) if shift is None else shift
    table = layout.on_surface(np.column_stack([image, depth, facing, moved]).astype(np.float32))
    width, height = near.image_size
    x = np.clip(np.rint(table[:, 0]).astype(np.int32), 0, width - 1)
    y = np.clip(np.rint(table[:, 1]).astype(np.int32), 0, height - 1)
    covered = np.isfinite(buffer)
    nearest = np.where(covered, buffer, 1e6).astype(np.float32)
    in_front = table[:, 2] <= nearest[y, x] + _DEPTH_TOLERANCE_MM  # forgives the stairs of the z-buffer
    scale = camera.fx / near.fx
    pixels = np.empty((len(layout), 2), dtype=np.float32)
    pixels[:, 0] = (table[:, 0] - near.cx) * scale + camera.cx + table[:, 4]
    pixels[:, 1] = (table[:, 1] - near.cy) * scale + camera.cy + table[:, 5]
    right, low = camera.image_size[0] - 2, camera.image_size[1] - 2
    inside = (pixels[:, 0] >= 1) & (pixels[:, 0] <= right) & (pixels[:, 1] >= 1) & (pixels[:, 1] <= low)
    outline = cv2.distanceTransform(covered.astype(np.uint8), cv2.DIST_L2, 3) / size
    rim = outline[y, x].astype(np.float32)
    return Projection(pixels, table[:, 3], in_front & inside & (table[:, 3] > 0.05), rim)


def sample_photo(photo: Photo, layout: TexelLayout, projection: Projection) -> Float32Array:
    """Sample the photo at the texels, (N, 3) float32 0..255; anti-aliased where texels are larger than pixels."""
    seen = projection.visible
    pixels, picture = projection.pixels, photo.pixels
    grid_x = layout.grid(pixels[:, 0], np.nan)
    step = np.abs(np.diff(grid_x, axis=1))
    spacing = step[np.isfinite(step)]
    per_texel = float(np.median(spacing)) if len(spacing) and seen.any() else 1.0
    scale = 1.0
    if per_texel > 1.5:
        scale = 1.0 / per_texel
        size = (max(8, round(photo.size[0] * scale)), max(8, round(photo.size[1] * scale)))
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        scale_xy = np.array([size[0] / photo.size[0], size[1] / photo.size[1]], dtype=np.float32)
        pixels = (pixels + np.float32(0.5)) * scale_xy - np.float32(0.5)
    method = cv2.INTER_CUBIC if scale == 1.0 else cv2.INTER_LINEAR
    return sample_at(np.asarray(picture, dtype=np.uint8), pixels, method)
