"""Simple solid shapes for things that are worn or held: tubes, sheets, capsules, boxes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facestudio.geometry.mesh import vertex_normals
from facestudio.render.photo_scene import Kind, Surface, pack_vertices
from facestudio.values import ByteArray, FloatArray, IntArray


def grid_quads(rows: int, columns: int, *, around: bool = False) -> IntArray:
    """Return the quads of a grid of vertices, row by row; `around` joins the last column to the first."""
    ids = np.arange(rows * columns).reshape(rows, columns)
    right = np.roll(ids, -1, axis=1) if around else ids[:, 1:]
    left = ids if around else ids[:, :-1]
    quads = np.stack([left[:-1], left[1:], right[1:], right[:-1]], axis=-1)
    return quads.reshape(-1, 4).astype(np.int32)


def sheet(
    kind: Kind,
    label: int,
    points: FloatArray,
    colour: FloatArray | tuple[float, float, float],
    *,
    around: bool = False,
    sky: float = 0.9,
    picture: ByteArray | None = None,
    grain: float = 0.0,
    grain_scale: float = 12.0,
    gloss: float = 0.4,
    opacity: float = 0.0,
    shadow: bool = True,
    solid: bool = True,
) -> Surface:
    """Return a Surface of a grid of points (rows, columns, 3) mm; its normals point where the grid's turn says.

    Parameters
    ----------
    kind, label, sky, grain, grain_scale, gloss, opacity, solid
        As in Surface.
    points
        Head space, mm.
    colour
        (3,) linear tint.
    around
        Columns close.
    picture
        Texture over the grid.
    shadow
        Whether it throws one.
    """
    rows, columns, _ = points.shape
    quads = grid_quads(rows, columns, around=around)
    flat = points.reshape(-1, 3)
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    uvs = np.stack([u.ravel(), v.ravel()], axis=1)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    return Surface(
        kind,
        label,
        pack_vertices(flat, vertex_normals(flat, quads), uvs, np.asarray(colour), sky),
        triangles,
        texture=picture,
        grain=grain,
        grain_scale=grain_scale,
        gloss=gloss,
        opacity=opacity,
        shadow=triangles if shadow else None,
        solid=solid,
    )


def tube(
    path: FloatArray, radius: NDArray[Any] | float, *, flat: float = 1.0, closed: bool = False
) -> FloatArray:
    """Return the grid (N, 8, 3) mm of a tube along a path (N, 3); `flat` is its height over its width.

    Parameters
    ----------
    path
        mm.
    radius
        (N,) or a number, mm.
    flat
        1 is round.
    closed
        The path's end joins its start.
    """
    if closed:
        path = np.concatenate([path, path[:1]])
        radius = np.append(radius, np.atleast_1d(radius)[0]) if np.ndim(radius) else radius
        along = np.roll(path[:-1], -1, axis=0) - np.roll(path[:-1], 1, axis=0)
        along = np.concatenate([along, along[:1]])
    else:
        along = np.gradient(path, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    aid = np.where(np.abs(along[:, 2:3]) < 0.9, np.array([[0.0, 0.0, 1.0]]), np.array([[0.0, 1.0, 0.0]]))
    across = np.cross(aid, along)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    third = np.cross(along, across)
    turn = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    wide = np.broadcast_to(np.asarray(radius, dtype=np.float64), len(path))[:, None, None]
    ring = np.cos(turn)[None, :, None] * across[:, None] + flat * np.sin(turn)[None, :, None] * third[:, None]
    return path[:, None] + wide * ring


def capsule(start: FloatArray, stop: FloatArray, radius: float, end: float | None = None) -> FloatArray:
    """Return the grid of a rounded stick from `start` to `stop` (3,) mm, `radius` mm thick (at the stop `end`)."""
    end = radius if end is None else end
    angle = np.linspace(-np.pi / 2, np.pi / 2, 5)
    axis = (stop - start) / max(float(np.linalg.norm(stop - start)), 1e-9)
    near = start + np.sin(angle[:3])[:, None] * axis * radius
    far = stop + np.sin(angle[2:])[:, None] * axis * end
    radii = np.concatenate([np.cos(angle[:3]) * radius, np.cos(angle[2:]) * end])
    return tube(np.concatenate([near, far]), np.maximum(radii, 0.05))


def box(size: FloatArray) -> FloatArray:
    """Return the grid of a box with rounded edges around the origin: a short fat tube along z, (rows, 24, 3) mm."""
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False) + np.pi / 24
    c, s = np.cos(turn), np.sin(turn)
    rim = np.stack([np.sign(c) * np.abs(c) ** 0.22, np.sign(s) * np.abs(s) ** 0.22], axis=1) * size[:2] / 2
    rows = [
        np.column_stack([rim * share, np.full(24, z * size[2] / 2)])
        for share, z in ((0.0, -1), (0.97, -1), (1.0, -0.6), (1.0, 0.6), (0.97, 1), (0.0, 1))
    ]
    return np.stack(rows)
