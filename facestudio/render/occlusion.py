"""Ambient occlusion: how much of the sky each vertex sees. It keeps mouths, nostrils and eye corners dark."""

from functools import cache

import numpy as np

from facestudio.geometry.mesh import normalised, triangulate, unique_edges, vertex_normals
from facestudio.geometry.raster import rasterise
from facestudio.template.model import Template, load_template
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


# Points of mesh478 along the edges of the lids, from corner to corner: left upper and lower, right upper and lower.
_LIDS = (
    ((362, 398, 384, 385, 386, 387, 388, 466, 263), (362, 382, 381, 380, 374, 373, 390, 249, 263)),
    ((133, 173, 157, 158, 159, 160, 161, 246, 33), (133, 155, 154, 153, 145, 144, 163, 7, 33)),
)
_UPPER_LIP, _LOWER_LIP = 62, 66  # of ibug68: the middle of the inner line
_APART_MM = 3.5
_IN_THE_MOUTH = {"teeth": (0.1, 0.8), "tongue": (0.1, 0.6)}
# Behind closed lips. Below 0 is below what is left of light in the deepest hollow: lips are never quite shut.
BEHIND_LIPS = -0.3
_LID_SHADE_MM = 4.5  # how far down the upper lid and its lashes shade the eye
# Where skin shines: points of mesh478, spread (mm), how much glossier than the rest.
_SHINY = (
    *((point, 6.0, 0.12) for point in (0, 17, 37, 267, 84, 314, 14, 13, 91, 321)),  # lips
    *((point, 9.0, 0.07) for point in (4, 195, 5)),  # nose
    *((point, 24.0, 0.04) for point in (151, 69, 299)),  # forehead
    *((point, 9.0, 0.04) for point in (117, 346)),  # cheekbones
)


def _lid_shade(template: Template) -> Float32Array:
    """Return how much light lids and lashes leave on the eyeballs, (V,) float32 0..1; 1 elsewhere."""
    points = template.mesh478.points(template.vertices)
    left = np.ones(len(template.vertices))
    for chart, (upper, lower) in zip(template.eyes, _LIDS, strict=True):
        ball = template.vertices[chart.start : chart.stop]
        high, low = (edge[np.argsort(edge[:, 0])] for edge in (points[list(upper)], points[list(lower)]))
        top = np.interp(ball[:, 0], high[:, 0], high[:, 1])
        foot = np.interp(ball[:, 0], low[:, 0], low[:, 1])
        side = np.minimum(ball[:, 0] - high[0, 0], high[-1, 0] - ball[:, 0])
        shades = [
            0.30 + 0.70 * np.clip((top - ball[:, 1]) / _LID_SHADE_MM, 0, 1) ** 0.8,
            0.62 + 0.38 * np.clip((ball[:, 1] - foot) / 2.0, 0, 1),
            0.45 + 0.55 * np.clip(side / 4.0, 0, 1),
        ]
        left[chart.start : chart.stop] = np.prod(shades, axis=0)
    return left.astype(np.float32)


def mouth_is_open(vertices: FloatArray) -> bool:
    """Tell whether the lips of a head on the template (V, 3) mm are apart."""
    points = load_template().ibug68.points(vertices)
    return bool(points[_UPPER_LIP, 1] - points[_LOWER_LIP, 1] > _APART_MM)


@cache
def template_occlusion(*, open_mouth: bool = False) -> Float32Array:
    """Return the ambient occlusion of the template at rest, (V,) float32; heads differ little from it.

    With an open mouth teeth and tongue have light from the front; behind closed lips they are dark (BEHIND_LIPS).
    """
    template = load_template()
    if open_mouth:
        lit = template_occlusion().copy()
        for material, (deep, fore) in _IN_THE_MOUTH.items():
            own = template.material_vertices(material)
            z = template.vertices[own, 2]
            lit[own] = deep + (fore - deep) * (z - z.min()) / np.ptp(z)
        return read_only(lit, np.float32)
    open_sky = ambient_occlusion(template.vertices, template.quads).copy()
    # Depth maps are too coarse for the gap between closed lips, too: no tooth shines at the corners.
    open_sky[template.material_vertices(*_IN_THE_MOUTH)] = BEHIND_LIPS
    shade = _lid_shade(template)
    for chart in template.eyes:
        # Depth maps are too coarse for the gap between lids and eyeball.
        open_sky[chart.start : chart.stop] = shade[chart.start : chart.stop]
    return read_only(open_sky, np.float32)


@cache
def template_gloss() -> Float32Array:
    """Return how much glossier than plain skin each vertex of the template is, (V,) float32: lips, nose, forehead."""
    template = load_template()
    points = template.mesh478.points(template.vertices)
    out = np.zeros(len(template.vertices))
    skin = template.material_vertices("skin")
    for point, spread, strength in _SHINY:
        square = ((template.vertices[skin] - points[point]) ** 2).sum(axis=1)
        out[skin] = np.maximum(out[skin], strength * np.exp(-square / (2 * spread**2)))
    return read_only(out, np.float32)
