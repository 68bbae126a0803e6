"""The surface of a scan, prepared so that closest points with agreeing normals are found quickly."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from facestudio.geometry.mesh import barycentric_of_closest, normalised, vertex_normals
from facestudio.values import BoolArray, FloatArray, IntArray, read_only

_CANDIDATES = 6  # vertices whose triangles are tried for each point
_VALENCE = 12  # triangles kept for each vertex: of fans with more, these are tried


@dataclass(frozen=True, eq=False)
class Matches:
    """Where points meet the surface.

    Attributes
    ----------
    points
        (N, 3) float64 mm.
    normals
        (N, 3) float64: the surface's outward unit normals there.
    distances
        (N,) float64 mm.
    triangles
        (N,) int32.
    barycentric
        (N, 3) float64.
    agreement
        (N,) float64: cosine between the normals of point and surface.
    on_border
        (N,) bool: the place lies at an open border, where the surface says nothing about what is beyond.
    """

    points: FloatArray
    normals: FloatArray
    distances: FloatArray
    triangles: IntArray
    barycentric: FloatArray
    agreement: FloatArray
    on_border: BoolArray


class TargetSurface:
    """Triangles with what matching needs: normals, borders and a tree over place and direction.

    Parameters
    ----------
    vertices
        (V, 3) mm.
    triangles
        (M, 3) int32, wound counter-clockwise seen from outside.
    reach
        How many millimetres opposite normals are worth: the tree looks for vertices near in place *and*
        direction, so that a point of the upper lip does not meet the lower one.
    """

    def __init__(self, vertices: FloatArray, triangles: IntArray, reach: float = 8.0) -> None:
        self.vertices = read_only(vertices, np.float64)
        self.triangles = read_only(triangles, np.int32)
        self.normals = vertex_normals(self.vertices, self.triangles)
        self._reach = reach / 2.0
        used = np.unique(self.triangles)
        self._used = used[np.linalg.norm(self.normals[used], axis=1) > 0.5]
        places = np.hstack([self.vertices[self._used], self._reach * self.normals[self._used]])
        self._tree: Any = KDTree(places)
        self._incident = _incident_triangles(self.triangles, len(self.vertices))
        self.border = np.zeros(len(self.vertices), dtype=np.bool_)
        self.border[_border_edges(self.triangles, len(self.vertices)).ravel()] = True

    def match(self, points: FloatArray, normals: FloatArray) -> Matches:
        """Return the places of the surface nearest to points (N, 3) mm with outward normals (N, 3)."""
        count = min(_CANDIDATES, len(self._used))
        _, near = self._tree.query(np.hstack([points, self._reach * normals]), k=count)
        near = self._used[np.asarray(near).reshape(len(points), count)]
        tried = self._incident[near].reshape(len(points), -1)
        row, column = np.nonzero(tried >= 0)
        which = tried[row, column]
        corners = self.vertices[self.triangles[which]]
        bary = barycentric_of_closest(points[row], corners[:, 0], corners[:, 1], corners[:, 2])
        feet = np.einsum("ik,ikj->ij", bary, corners)
        distance = np.linalg.norm(feet - points[row], axis=1)
        # The distance to a triangle whose normal disagrees counts as longer.
        flat = normalised(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]))
        cost = distance + 2.0 * self._reach * np.clip(
            0.5 - np.einsum("ij,ij->i", flat, normals[row]), 0, None
        )
        order = np.lexsort((cost, row))
        best = order[np.unique(row[order], return_index=True)[1]]
        triangles, bary, feet = which[best], bary[best], feet[best]
        ids = self.triangles[triangles]
        at = normalised(np.einsum("ik,ikj->ij", bary, self.normals[ids]))
        return Matches(
            points=feet,
            normals=at,
            distances=distance[best],
            triangles=triangles.astype(np.int32),
            barycentric=bary,
            agreement=np.einsum("ij,ij->i", at, normals),
            on_border=np.asarray(((bary > 1e-3) & self.border[ids]).any(axis=1)),
        )


def _border_edges(triangles: IntArray, count: int) -> IntArray:
    """Return the sides that an odd number of triangles has, (B, 2).

    Where a scan was reduced, sheets touch: sides with four triangles are no border.
    """
    sides = np.sort(np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=2).reshape(-1, 2), axis=1)
    keys, uses = np.unique(sides[:, 0].astype(np.int64) * count + sides[:, 1], return_counts=True)
    once = keys[uses % 2 == 1]
    return np.stack([once // count, once % count], axis=1).astype(np.int32)


def _incident_triangles(triangles: IntArray, count: int) -> IntArray:
    """Return for each vertex the triangles that use it, (V, _VALENCE) int32, filled up with -1."""
    corners = triangles.ravel()
    order = np.argsort(corners, kind="stable")
    vertex = corners[order]
    first = np.searchsorted(vertex, np.arange(count))
    rank = np.arange(len(vertex)) - first[vertex]
    table = np.full((count, _VALENCE), -1, dtype=np.int32)
    keep = rank < _VALENCE
    table[vertex[keep], rank[keep]] = (order // 3)[keep]
    return table
