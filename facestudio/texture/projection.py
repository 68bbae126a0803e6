"""What the photo saw: visibility of every texel, and the photo sampled there."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.spatial import KDTree

from facestudio.geometry.camera import project
from facestudio.geometry.mesh import vertex_normals
from facestudio.geometry.raster import rasterise
from facestudio.template.model import Template
from facestudio.template.subdivision import topology
from facestudio.texture.layout import SURFACE_LEVEL, TexelLayout
from facestudio.values import BoolArray, Camera, Float32Array, FloatArray, Photo

_DEPTH_SIZE = 640  # pixels of the z-buffer along the head's longer side
_DEPTH_TOLERANCE_MM = 2.5
_SKIN_POINTS = 468  # of mesh478, the first: the others are the irises


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


def feature_shift(vertices: FloatArray, camera: Camera, mesh: FloatArray, template: Template) -> Float32Array:
    """Return how far the photo's features lie from the fitted head's, at its dense vertices, (V_1, 2) pixels.

    No fit is perfect: lips, lids and brows would be sampled a little beside themselves. The difference between the
    located mesh points (478, 2) and the fitted ones is spread over the face and fades away from it.
    """
    points = template.mesh478.points(vertices)[:_SKIN_POINTS]
    shift = mesh[:_SKIN_POINTS] - project(camera, points)[0]
    dense = topology(SURFACE_LEVEL).apply(vertices)
    distance, nearest = KDTree(points).query(dense, k=6)
    # Inverse-distance weights over the nearest points: local, cheap, and no overshoot.
    weight = 1.0 / (distance**2 + 4.0)
    local = (shift[nearest] * weight[..., None]).sum(axis=1) / weight.sum(axis=1, keepdims=True)
    fade = np.exp(-0.5 * (np.maximum(distance[:, 0] - 6.0, 0) / 10.0) ** 2)
    return (local * fade[:, None]).astype(np.float32)


def project_texels(
    layout: TexelLayout, vertices: FloatArray, camera: Camera, shift: Float32Array | None = None
) -> Projection:
    """Project the skin's texels into the photo and test their visibility with a z-buffer.

    Parameters
    ----------
    layout
        The texels.
    vertices
        (V, 3) mm: the posed head, level 0.
    camera
        The fitted camera.
    shift
        (V_1, 2) pixels added to the dense vertices' places in the photo (see `feature_shift`).
    """
    surface = topology(SURFACE_LEVEL)
    dense = surface.apply(vertices)
    near = cropped_camera(camera, dense, _DEPTH_SIZE)
    image, depth = project(near, dense)
    buffer = rasterise(
        image[surface.render_vertices],
        depth[surface.render_vertices],
        surface.triangles,
        near.image_size,
        cull_back=True,
    ).depth
    normals = vertex_normals(dense, surface.quads)
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
    outline = cv2.distanceTransform(covered.astype(np.uint8), cv2.DIST_L2, 3) / _DEPTH_SIZE
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
    # remap takes at most 32,767 columns: the texels are laid out as a near-square picture.
    side = int(np.ceil(np.sqrt(len(pixels))))
    padded = np.full((side * side, 2), -10.0, dtype=np.float32)
    padded[: len(pixels)] = pixels
    maps = padded.reshape(side, side, 2)
    method = cv2.INTER_CUBIC if scale == 1.0 else cv2.INTER_LINEAR
    out = cv2.remap(picture, maps[..., 0], maps[..., 1], method, borderMode=cv2.BORDER_REPLICATE)
    return out.reshape(-1, 3)[: len(pixels)].astype(np.float32)
