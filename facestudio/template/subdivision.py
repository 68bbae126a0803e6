"""Catmull-Clark subdivision as a sparse matrix, and the render topology of each level.

Source: E. Catmull, J. Clark, "Recursively generated B-spline surfaces on arbitrary topological meshes",
1978; boundary rules after T. DeRose, M. Kass, T. Truong, "Subdivision Surfaces in Character Animation", 1998.
UVs are subdivided bilinearly, so that charts keep their outline.
"""

from dataclasses import dataclass
from functools import cache
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from facestudio.template.model import Template, load_template
from facestudio.values import FloatArray, IntArray, read_only

MAX_LEVEL = 2


@dataclass(frozen=True, eq=False)
class Topology:
    """One subdivision level of the template, ready to draw and to export.

    Attributes
    ----------
    level
        0, 1 or 2.
    matrix
        (V_k, V) sparse: level-0 vertices to this level's (identity at level 0).
    quads, quad_uvs, uvs, quad_material
        As in Template, at this level.
    triangles
        (M, 3) int32 into render vertices (each quad gives two, quad i gives rows 2i and 2i + 1).
    render_vertices
        (R,) int32: the level's vertex each render vertex stands for (vertices are split at UV seams).
    render_uvs
        (R, 2) float64.
    """

    level: int
    matrix: sparse.csr_array
    quads: IntArray
    quad_uvs: IntArray
    uvs: FloatArray
    quad_material: IntArray
    triangles: IntArray
    render_vertices: IntArray
    render_uvs: FloatArray

    def apply(self, vertices: FloatArray) -> FloatArray:
        """Subdivide level-0 vertices (V, 3) to this level's (V_k, 3), same unit and frame."""
        return vertices if self.level == 0 else self.matrix @ vertices


def _edges(quads: IntArray, count: int) -> tuple[IntArray, IntArray, IntArray]:
    """Return unique edges (E, 2), the edge of each quad's side (F, 4) and how many quads share it (E,)."""
    sides = np.stack([quads, np.roll(quads, -1, axis=1)], axis=2).reshape(-1, 2)
    ordered = np.sort(sides, axis=1).astype(np.int64)
    keys, inverse, uses = np.unique(
        ordered[:, 0] * count + ordered[:, 1], return_inverse=True, return_counts=True
    )
    edges = np.stack([keys // count, keys % count], axis=1).astype(np.int32)
    return edges, inverse.reshape(-1, 4).astype(np.int32), uses.astype(np.int32)


def _split(quads: IntArray, sides: IntArray, first_edge: int, first_face: int) -> IntArray:
    """Return the (4F, 4) quads of the next level: corner, edge point, face point, previous edge point."""
    n = len(quads)
    face = np.repeat((first_face + np.arange(n, dtype=np.int32))[:, None], 4, axis=1)
    out = first_edge + sides
    return np.stack([quads, out, face, np.roll(out, 1, axis=1)], axis=2).reshape(-1, 4).astype(np.int32)


def _incidence(
    rows: NDArray[np.integer], columns: NDArray[np.integer], value: float, shape: tuple[int, int]
) -> sparse.csr_array:
    """Return the sparse matrix with one value at the given places."""
    return sparse.csr_array((np.full(len(rows), value), (rows, columns)), shape=shape)


def _vertex_rule(
    quads: IntArray,
    edges: IntArray,
    uses: IntArray,
    count: int,
    face: sparse.csr_array,
    ends: sparse.csr_array,
) -> sparse.csr_array:
    """Return the rows of the moved old vertices, (V, V); `face` and `ends` give face points, edge middles."""
    n_edges, n_faces = len(edges), len(quads)
    boundary = edges[uses != 2]
    on_boundary = np.zeros(count, dtype=bool)
    on_boundary[boundary.ravel()] = True
    valence = np.bincount(quads.ravel(), minlength=count).astype(np.float64)
    n = np.where((valence == 0) | on_boundary, 1.0, valence)
    touches = _incidence(quads.ravel(), np.repeat(np.arange(n_faces), 4), 1.0, (count, n_faces))
    at_edges = _incidence(edges.ravel(), np.repeat(np.arange(n_edges), 2), 1.0, (count, n_edges))
    identity = sparse.eye_array(count, format="csr")
    # Inside: (F + 2 R + (n - 3) P) / n of DeRose et al.; on the boundary: the cubic B-spline's 1/8, 6/8, 1/8.
    smooth = (
        sparse.diags_array(1 / n**2) @ (touches @ face)
        + sparse.diags_array(2 / n**2) @ (at_edges @ ends)
        + sparse.diags_array((n - 3) / n) @ identity
    )
    crease = 0.75 * identity + _incidence(boundary.ravel(), boundary[:, ::-1].ravel(), 0.125, (count, count))
    border = on_boundary.astype(np.float64)
    alone = (valence == 0).astype(np.float64)
    keep = sparse.diags_array(1 - np.maximum(border, alone)) @ smooth
    return sparse.csr_array(
        keep + sparse.diags_array(border) @ crease + sparse.diags_array(alone * (1 - border)) @ identity
    )


def catmull_clark(quads: IntArray, count: int) -> tuple[sparse.csr_array, IntArray]:
    """One Catmull-Clark step of a quad mesh.

    Parameters
    ----------
    quads
        (F, 4) int32.
    count
        Number of vertices V.

    Returns
    -------
    matrix
        (V + E + F, V) sparse; rows: moved old vertices, edge points, face points.
    quads
        (4F, 4) int32.
    """
    edges, sides, uses = _edges(quads, count)
    n_edges, n_faces = len(edges), len(quads)
    of_face = np.repeat(np.arange(n_faces), 4)
    face = _incidence(of_face, quads.ravel(), 0.25, (n_faces, count))
    ends = _incidence(np.repeat(np.arange(n_edges), 2), edges.ravel(), 0.5, (n_edges, count))
    beside = _incidence(sides.ravel(), of_face, 0.5, (n_edges, n_faces))
    inner = (uses == 2).astype(np.float64)
    edge = sparse.diags_array(1 - 0.5 * inner) @ ends + sparse.diags_array(0.5 * inner) @ (beside @ face)
    vertex = _vertex_rule(quads, edges, uses, count, face, ends)
    matrix = sparse.csr_array(sparse.vstack([vertex, edge, face]))
    matrix.eliminate_zeros()
    return matrix, _split(quads, sides, count, count + n_edges)


def _subdivide_uvs(uvs: FloatArray, quad_uvs: IntArray) -> tuple[FloatArray, IntArray]:
    edges, sides, _ = _edges(quad_uvs, len(uvs))
    points = np.concatenate([uvs, uvs[edges].mean(axis=1), uvs[quad_uvs].mean(axis=1)])
    return points, _split(quad_uvs, sides, len(uvs), len(uvs) + len(edges))


def _topology(template: Template, level: int) -> Topology:
    count = len(template.vertices)
    matrix = sparse.csr_array(sparse.eye_array(count, format="csr"))
    quads, quad_uvs, uvs, material = template.quads, template.quad_uvs, template.uvs, template.quad_material
    for _ in range(level):
        step, quads = catmull_clark(quads, count)
        uvs, quad_uvs = _subdivide_uvs(uvs, quad_uvs)
        material = np.repeat(material, 4)
        matrix = sparse.csr_array(step @ matrix)
        count, _ = cast(tuple[int, int], matrix.shape)
    corners = quads.ravel().astype(np.int64) * len(uvs) + quad_uvs.ravel()
    keys, inverse = np.unique(corners, return_inverse=True)
    corner = inverse.reshape(-1, 4).astype(np.int32)
    triangles = corner[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
    return Topology(
        level=level,
        matrix=matrix,
        quads=read_only(quads, np.int32),
        quad_uvs=read_only(quad_uvs, np.int32),
        uvs=read_only(uvs, np.float64),
        quad_material=read_only(material, np.int32),
        triangles=read_only(triangles, np.int32),
        render_vertices=read_only(keys // len(uvs), np.int32),
        render_uvs=read_only(uvs[keys % len(uvs)], np.float64),
    )


def build_topology(template: Template, level: int) -> Topology:
    """Return the topology of a template at a Catmull-Clark level.

    Raises
    ------
    ValueError
        If the level is not 0, 1 or 2.
    """
    if not 0 <= level <= MAX_LEVEL:
        raise ValueError(f"subdivision level {level}: expected 0, 1 or 2")
    return _topology(template, level)


@cache
def topology(level: int) -> Topology:
    """Return the shipped template's topology at a level (computed once)."""
    return build_topology(load_template(), level)
