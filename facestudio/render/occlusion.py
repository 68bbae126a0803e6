"""Ambient occlusion: how much of the sky each vertex sees. It keeps mouths, nostrils and eye corners dark."""

from functools import cache

import numpy as np

from facestudio.geometry.mesh import normalised, triangulate, unique_edges, vertex_normals
from facestudio.geometry.raster import rasterise
from facestudio.template.model import load_template
from facestudio.values import Float32Array, FloatArray, IntArray, read_only

_LIFT_MM = 1.5  # look from a little above the skin, so that it does not hide itself


def _sphere_directions(count: int) -> FloatArray:
    """Return evenly spread directions (count, 3) on the sphere (Fibonacci spiral)."""
    k = np.arange(count) + 0.5
    z = 1 - 2 * k / count
    turn = np.pi * (1 + 5**0.5) * k
    ring = np.sqrt(1 - z**2)
    return np.stack([ring * np.cos(turn), ring * np.sin(turn), z], axis=1)


def ambient_occlusion(
    vertices: FloatArray, quads: IntArray, *, directions: int = 32, size: int = 160
) -> Float32Array:
    """Return the share of the sky over each vertex that the mesh itself does not hide.

    The mesh is drawn into a depth map from each direction; a vertex sees a direction if nothing lies before
    it there. Directions count by the cosine to the normal.

    Parameters
    ----------
    vertices
        (V, 3) mm.
    quads
        (F, 4) int32.
    directions
        How many, over the whole sphere.
    size
        Edge of the depth maps, pixels.

    Returns
    -------
    numpy.ndarray
        (V,) float32, 0 (hidden) to 1 (open).
    """
    normals = vertex_normals(vertices, quads)
    triangles = triangulate(quads)
    centre = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    points = vertices - centre
    lifted = points + _LIFT_MM * normals
    scale = (size - 3) / 2 / np.linalg.norm(points, axis=1).max()
    open_light, all_light = np.zeros(len(vertices)), np.full(len(vertices), 1e-9)
    for towards in _sphere_directions(directions):
        across = normalised(np.cross(towards, np.eye(3)[np.argmin(np.abs(towards))]))
        frame = np.stack([across, np.cross(towards, across)])
        depth_map = rasterise(points @ frame.T * scale + size / 2, -points @ towards, triangles, (size, size))
        pixel = np.rint(lifted @ frame.T * scale + size / 2).astype(np.int64).clip(0, size - 1)
        sees = -lifted @ towards <= depth_map.depth[pixel[:, 1], pixel[:, 0]]
        facing = np.maximum(normals @ towards, 0.0)
        open_light += facing * sees
        all_light += facing
    share = open_light / all_light
    # Depth maps are coarse: even out between neighbours.
    edges = unique_edges(quads)
    near = np.bincount(edges.ravel(), weights=share[edges[:, ::-1].ravel()], minlength=len(share))
    count = np.bincount(edges.ravel(), minlength=len(share))
    return read_only((share + near) / (1 + count), np.float32)


@cache
def template_occlusion() -> Float32Array:
    """Return the ambient occlusion of the template at rest, (V,) float32; heads differ little from it."""
    template = load_template()
    return ambient_occlusion(template.vertices, template.quads)
