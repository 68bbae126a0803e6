"""The software renderer: the same picture as the OpenGL one within a small tolerance, with numpy alone."""

import cv2
import numpy as np
from numpy.typing import NDArray

from facestudio.geometry.camera import camera_position, project, scale_camera, to_camera_space
from facestudio.geometry.mesh import normalised
from facestudio.geometry.raster import RasterResult, interpolate, rasterise
from facestudio.render.lighting import (
    LOOKS,
    WIRE_COLOUR,
    Style,
    bytes_to_linear,
    shade,
    srgb_to_linear,
)
from facestudio.render.scene import HIDDEN_OPACITY, MARK_LIFT_MM, Marks, RenderMesh
from facestudio.values import ByteArray, Camera, Float32Array, FloatArray


def render_layer(
    mesh: RenderMesh,
    texture: ByteArray | None,
    camera: Camera,
    style: Style,
) -> ByteArray:
    """Draw a mesh from a pinhole camera; see `facestudio.render.offscreen.OffscreenRenderer.layer`."""
    width, height = camera.image_size
    fine = scale_camera(camera, style.supersample)
    pixels, depth = project(fine, mesh.positions)
    raster = rasterise(pixels, depth, mesh.triangles, fine.image_size, perspective=True)
    layer = np.zeros((*raster.triangle.shape, 4), dtype=np.float32)
    seen = raster.covered
    layer[seen, 3] = 1.0
    layer[seen, :3] = _shade(mesh, texture, raster, camera, style)
    if style.mode == "wireframe":
        _draw_lines(layer, mesh, pixels, depth, raster, style.line_width * style.supersample)
    if style.marks is not None:
        _draw_marks(layer, style.marks, fine, raster, style.mark_size * style.supersample)
    if style.supersample > 1:
        layer = cv2.resize(layer, (width, height), interpolation=cv2.INTER_AREA)
    return np.rint(np.clip(layer, 0.0, 1.0) * 255).astype(np.uint8)


def _shade(
    mesh: RenderMesh,
    texture: ByteArray | None,
    raster: RasterResult,
    camera: Camera,
    style: Style,
) -> Float32Array:
    """Return the sRGB colour (P, 3) of the covered pixels, row by row."""
    seen = raster.covered
    look = LOOKS[style.mode]
    colours = mesh.colours if look.own_colour and texture is None else None
    columns: list[Float32Array] = [mesh.positions, mesh.normals, mesh.gloss[:, None], mesh.occlusion[:, None]]
    if colours is not None:
        columns.append(colours)
    surface = interpolate(raster, np.concatenate(columns, axis=1))[seen]
    to_viewer = normalised((camera_position(camera).astype(np.float32) - surface[:, :3]).astype(np.float64))
    # As gl_FrontFacing has it: a surface seen from behind is lit from behind.
    corners = mesh.positions[mesh.triangles].astype(np.float64)
    outward = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    behind = np.einsum("mk,mk->m", outward, camera_position(camera) - corners[:, 0]) < 0
    normals = normalised(surface[:, 3:6].astype(np.float64)).astype(np.float32)
    normals = np.where(behind[raster.triangle[seen]][:, None], -normals, normals)
    if style.mode == "normals":
        return (0.5 + 0.5 * normals).astype(np.float32)
    if look.own_colour and texture is not None:
        albedo = bytes_to_linear(
            _sample(texture, interpolate(raster, mesh.uvs, fill=-1.0), raster, mesh)[seen]
        )
    elif colours is not None:
        albedo = srgb_to_linear(surface[:, 8:11])
    else:
        albedo = np.broadcast_to(np.array(look.albedo, dtype=np.float32), normals.shape)
    return shade(
        albedo, normals, to_viewer.astype(np.float32), surface[:, 6], surface[:, 7], style.light, look, camera
    )


def _sample(texture: ByteArray, uvs: Float32Array, raster: RasterResult, mesh: RenderMesh) -> ByteArray:
    """Look the texture up bilinearly at UVs (H, W, 2), shrunk first where many texels fall on a pixel."""
    rows, columns = texture.shape[:2]
    corners = mesh.uvs[mesh.triangles].astype(np.float64)
    u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    texels = 0.5 * np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) * rows * columns
    drawn = np.bincount(raster.triangle[raster.covered], minlength=len(texels))
    # Triangles seen edge-on have few pixels: the whole surface's ratio is near enough to the usual one.
    ratio = np.sqrt(texels[drawn > 0].sum() / max(int(drawn.sum()), 1))
    shrink = 2 ** int(np.clip(np.floor(np.log2(max(ratio, 1.0)) + 0.25), 0, 5))
    if shrink > 1:
        columns, rows = max(columns // shrink, 1), max(rows // shrink, 1)
        small = cv2.resize(texture, (columns, rows), interpolation=cv2.INTER_AREA)
        texture = np.asarray(small, dtype=np.uint8)
    x = uvs[..., 0] * columns - 0.5
    y = (1.0 - uvs[..., 1]) * rows - 0.5
    return np.asarray(
        cv2.remap(texture, x, y, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        dtype=np.uint8,
    )


def _draw_lines(
    layer: Float32Array,
    mesh: RenderMesh,
    pixels: FloatArray,
    depth: FloatArray,
    raster: RasterResult,
    width: float,
) -> None:
    """Draw the visible edges into a layer (H, W, 4) in place, `width` pixels wide."""
    height, across = raster.triangle.shape
    a, b = mesh.edges[:, 0], mesh.edges[:, 1]
    ok = (depth[a] > 0) & (depth[b] > 0)
    a, b = a[ok], b[ok]
    span = np.clip(np.abs(pixels[b] - pixels[a]).max(axis=1), 0, 2 * (height + across))
    count = np.ceil(span).astype(np.int64) + 1
    line = np.repeat(np.arange(len(a)), count)
    t = (np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)) / np.maximum(count[line] - 1, 1)
    place = pixels[a][line] + (pixels[b] - pixels[a])[line] * t[:, None]
    # 1/z is linear in the picture.
    z = 1.0 / (1.0 / depth[a][line] + (1.0 / depth[b] - 1.0 / depth[a])[line] * t)
    half = (width - 1) / 2
    steps = np.arange(round(width)) - half
    for dy in steps:
        for dx in steps:
            column, row = np.rint(place + np.array([dx, dy])).astype(np.int64).T
            inside = (column >= 0) & (column < across) & (row >= 0) & (row < height)
            column, row, near = column[inside], row[inside], z[inside]
            # Beside its line the surface may be nearer than the line by its own slope.
            visible = near <= raster.depth[row, column] + _slope(raster.depth, row, column) + 0.2
            layer[row[visible], column[visible]] = (*WIRE_COLOUR, 1.0)


def _slope(depth: Float32Array, row: NDArray[np.int64], column: NDArray[np.int64]) -> Float32Array:
    """Return by how much (mm) the depth changes from these pixels to the next, at most 1."""
    height, width = depth.shape
    here = depth[row, column]
    with np.errstate(invalid="ignore"):
        right = np.abs(depth[row, np.minimum(column + 1, width - 1)] - here)
        below = np.abs(depth[np.minimum(row + 1, height - 1), column] - here)
    return np.minimum(np.nan_to_num(np.maximum(right, below), nan=1.0, posinf=1.0), 1.0)


def _draw_marks(layer: Float32Array, marks: Marks, camera: Camera, raster: RasterResult, size: float) -> None:
    """Draw discs into a premultiplied layer (H, W, 4) in place, as points.frag does; faint where hidden."""
    height, width = raster.triangle.shape
    pixels, depth = project(camera, marks.positions)
    distance = np.linalg.norm(to_camera_space(camera, marks.positions), axis=1)
    lifted = depth * (1.0 - MARK_LIFT_MM / np.maximum(distance, 2 * MARK_LIFT_MM))
    radius = 0.5 * size
    for (x, y), z, colour in zip(pixels, lifted, marks.colours, strict=True):
        if not z > 0 or not (-radius < x < width + radius and -radius < y < height + radius):
            continue
        rows = slice(max(int(y - radius), 0), min(int(y + radius) + 2, height))
        columns = slice(max(int(x - radius), 0), min(int(x + radius) + 2, width))
        grid_y, grid_x = np.mgrid[rows, columns]
        off = np.hypot(grid_x - x, grid_y - y).astype(np.float32)
        visible = z <= raster.depth[rows, columns]
        alpha = np.clip(radius - off, 0.0, 1.0) * np.where(visible, 1.0, HIDDEN_OPACITY)
        rim = 0.85 * np.clip(off - 0.68 * radius + 0.5, 0.0, 1.0)[..., None]
        disc = np.concatenate([colour * (1 - rim) + 0.05 * rim, np.ones((*off.shape, 1))], axis=2)
        layer[rows, columns] *= 1 - alpha[..., None]
        layer[rows, columns] += disc * alpha[..., None]
