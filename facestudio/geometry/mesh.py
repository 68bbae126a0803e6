"""Mesh maths: normals, areas, edges, closedness, and closest points on triangles.

Faces are (F, 3) triangles or (F, 4) quads of int32 vertex ids, counter-clockwise seen from outside. Lengths
keep the unit of the vertices, which may lie in any frame.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from facestudio.values import FloatArray, IntArray


def triangulate(quads: IntArray) -> IntArray:
    """Split quads (F, 4) into triangles (2F, 3): quad i gives rows 2i and 2i + 1, the diagonal is 0-2."""
    return np.ascontiguousarray(quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3), dtype=np.int32)


def face_area_vectors(vertices: FloatArray, faces: IntArray) -> FloatArray:
    """Return a vector per face along its outward normal, as long as the face is large.

    Parameters
    ----------
    vertices
        (V, 3).
    faces
        (F, 3) or (F, 4). For a quad this is half the cross product of its diagonals: exact for planar quads,
        the vector area for others.

    Returns
    -------
    numpy.ndarray
        (F, 3) float64, square units of the vertices.
    """
    p = np.asarray(vertices, dtype=np.float64)
    if faces.shape[1] == 4:
        a, b = p[faces[:, 2]] - p[faces[:, 0]], p[faces[:, 3]] - p[faces[:, 1]]
    else:
        a, b = p[faces[:, 1]] - p[faces[:, 0]], p[faces[:, 2]] - p[faces[:, 0]]
    return 0.5 * np.stack(
        [
            a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1],
            a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2],
            a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0],
        ],
        axis=1,
    )


def normalised(vectors: FloatArray) -> FloatArray:
    """Return vectors (..., 3) scaled to length one; null vectors stay null."""
    length = np.sqrt(np.einsum("...k,...k->...", vectors, vectors))
    return vectors / np.where(length > 0, length, 1.0)[..., None]


def vertex_normals(vertices: FloatArray, faces: IntArray) -> FloatArray:
    """Return outward unit normals per vertex: the mean of its faces' normals weighted by their areas.

    Parameters
    ----------
    vertices
        (V, 3).
    faces
        (F, 3) or (F, 4).

    Returns
    -------
    numpy.ndarray
        (V, 3) float64; null for vertices that no face with an area uses.
    """
    areas = face_area_vectors(vertices, faces)
    corners = faces.ravel()
    total = np.empty((len(vertices), 3))
    for axis in range(3):
        weights = np.repeat(areas[:, axis], faces.shape[1])
        total[:, axis] = np.bincount(corners, weights=weights, minlength=len(vertices))
    return normalised(total)


def triangle_areas(vertices: FloatArray, triangles: IntArray) -> FloatArray:
    """Return the area of each triangle, (M,) float64, square units of the vertices (V, 3)."""
    return np.linalg.norm(face_area_vectors(vertices, triangles), axis=1)


def unique_edges(faces: IntArray) -> IntArray:
    """Return every edge of the faces once, (E, 2) int32, smaller vertex id first, sorted."""
    sides = np.stack([faces, np.roll(faces, -1, axis=1)], axis=2).reshape(-1, 2)
    return np.unique(np.sort(sides, axis=1), axis=0).astype(np.int32)


def edge_lengths(vertices: FloatArray, edges: IntArray) -> FloatArray:
    """Return the length of each edge (E, 2), (E,) float64, unit of the vertices (V, 3)."""
    return np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)


def open_edges(faces: IntArray) -> IntArray:
    """Return the directed edges that break a closed, consistently wound surface.

    Every directed edge of such a surface occurs exactly once, and so does its reverse.

    Parameters
    ----------
    faces
        (F, 3) or (F, 4).

    Returns
    -------
    numpy.ndarray
        (B, 2) int32: empty if the surface is closed; holes, doubled faces and flipped faces show up here.
    """
    sides = np.stack([faces, np.roll(faces, -1, axis=1)], axis=2).reshape(-1, 2).astype(np.int64)
    count = int(faces.max(initial=0)) + 1
    keys, uses = np.unique(sides[:, 0] * count + sides[:, 1], return_counts=True)
    bad = (uses != 1) | ~np.isin((keys % count) * count + keys // count, keys)
    return np.stack([keys[bad] // count, keys[bad] % count], axis=1).astype(np.int32)


def is_watertight(faces: IntArray) -> bool:
    """Tell whether the surface is closed and wound one way (it may have several parts)."""
    return len(faces) > 0 and len(open_edges(faces)) == 0


def signed_volume(vertices: FloatArray, faces: IntArray) -> float:
    """Return the volume a closed surface encloses, cubic units; negative if its faces look inward."""
    triangles = triangulate(faces) if faces.shape[1] == 4 else faces
    a, b, c = (np.asarray(vertices, dtype=np.float64)[triangles[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6.0)


@dataclass(frozen=True, eq=False)
class ClosestPoints:
    """Where points meet a surface.

    Attributes
    ----------
    points
        (N, 3) float64: the closest points of the surface, frame of the vertices.
    distances
        (N,) float64, unit of the vertices.
    triangles
        (N,) int32: the triangle each closest point lies on.
    barycentric
        (N, 3) float64: its coordinates there, not negative, rows sum to one.
    """

    points: FloatArray
    distances: FloatArray
    triangles: IntArray
    barycentric: FloatArray


def barycentric_of_closest(p: FloatArray, a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    """Return barycentric coordinates (K, 3) of the point of each triangle a, b, c closest to p, all (K, 3).

    The foot of the perpendicular if it falls inside, else the best of the three closest points on the sides.
    """

    def dot(u: FloatArray, v: FloatArray) -> FloatArray:
        return np.einsum("ij,ij->i", u, v)

    def on_side(start: FloatArray, end: FloatArray) -> tuple[FloatArray, FloatArray]:
        side = end - start
        t = np.clip(dot(p - start, side) / np.maximum(dot(side, side), 1e-300), 0.0, 1.0)
        off = p - start - t[:, None] * side
        return t, dot(off, off)

    ab, ac, ap = b - a, c - a, p - a
    d00, d01, d11, d20, d21 = dot(ab, ab), dot(ab, ac), dot(ac, ac), dot(ap, ab), dot(ap, ac)
    area = d00 * d11 - d01 * d01
    flat = area <= 1e-14 * d00 * d11
    area = np.where(flat, 1.0, area)
    v = (d11 * d20 - d01 * d21) / area
    w = (d00 * d21 - d01 * d20) / area
    result = np.stack([1 - v - w, v, w], axis=1)

    outside = np.flatnonzero(flat | (result < 0).any(axis=1))
    if len(outside):
        p, a, b, c = p[outside], a[outside], b[outside], c[outside]
        sides = [on_side(a, b), on_side(b, c), on_side(c, a)]
        best = np.argmin(np.stack([squared for _, squared in sides], axis=1), axis=1)
        t = np.choose(best, [t for t, _ in sides])
        rows = np.arange(len(outside))
        edge = np.zeros((len(outside), 3))
        edge[rows, best] = 1 - t
        edge[rows, (best + 1) % 3] = t
        result[outside] = edge
    return result


def closest_points(
    points: FloatArray, vertices: FloatArray, triangles: IntArray, *, max_distance: float = np.inf
) -> ClosestPoints:
    """Return the exact closest point of a triangle mesh for each point.

    Triangles are found by a k-d tree over their middles, one per class of size. A triangle whose middle is
    farther away than the best distance so far plus the largest radius of its class cannot be closer:
    candidates are doubled until that bound holds for every point.

    Parameters
    ----------
    points
        (N, 3), the frame of the vertices.
    vertices
        (V, 3).
    triangles
        (M, 3), at least one.
    max_distance
        Points farther from the surface than this may be given up: they get an infinite distance, NaN points,
        triangle -1.

    Returns
    -------
    ClosestPoints
        One entry per point.

    Raises
    ------
    ValueError
        If there is no triangle, or a coordinate is not finite.
    """
    p = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    corners = np.asarray(vertices, dtype=np.float64)[triangles]
    if not len(corners) or not np.isfinite(corners).all() or not np.isfinite(p).all():
        raise ValueError("closest_points: needs at least one triangle and finite coordinates")
    # The middle of the bounding box of the triangle's corners is near enough to its smallest sphere's.
    middles = 0.5 * (corners.min(axis=1) + corners.max(axis=1))
    radii = np.linalg.norm(corners - middles[:, None], axis=2).max(axis=1)
    size_class = np.ceil(np.log2(np.maximum(radii, 1e-12 * max(radii.max(), 1e-300)))).astype(np.int64)

    used = np.unique(triangles)
    # The nearest corner is a first bound; a hair wider, so that the triangle that has it is still closer.
    slack = 1e-12 * (1.0 + float(np.abs(p).max(initial=0.0)))
    bound = KDTree(np.asarray(vertices, dtype=np.float64)[used]).query(p)[0] * (1 + 1e-9) + slack
    best = np.minimum(bound, float(max_distance))
    triangle = np.full(len(p), -1, dtype=np.int32)
    barycentric = np.full((len(p), 3), np.nan)
    # The largest class of triangles first: it makes the best bound soonest for most meshes.
    classes, counts = np.unique(size_class, return_counts=True)
    for size in classes[np.argsort(-counts)]:
        members = np.flatnonzero(size_class == size)
        # The stubs of scipy know neither a list of ranks nor what a query of several points returns.
        tree: Any = KDTree(middles[members])
        reach = float(radii[members].max())
        todo, done, k = np.arange(len(p)), 0, min(8, len(members))
        while len(todo):
            still: list[NDArray[np.intp]] = []
            for part in np.array_split(todo, -(-len(todo) * (k - done) // 400_000)):
                limit = best[part] + reach
                away, found = tree.query(p[part], k=range(done + 1, k + 1), distance_upper_bound=limit.max())
                still.append(part[away[:, -1] <= limit])
                row, column = np.nonzero(away <= limit[:, None])
                which = members[found[row, column]]
                useful = away[row, column] <= best[part[row]] + radii[which]
                row, which = part[row[useful]], which[useful]
                bary = barycentric_of_closest(p[row], *(corners[which, n] for n in range(3)))
                distance = np.linalg.norm(np.einsum("ik,ikj->ij", bary, corners[which]) - p[row], axis=1)
                nearest = np.lexsort((distance, row))
                first = nearest[np.unique(row[nearest], return_index=True)[1]]
                better = first[distance[first] < best[row[first]]]
                into = row[better]
                best[into], triangle[into], barycentric[into] = distance[better], which[better], bary[better]
            todo = np.concatenate(still) if k < len(members) else todo[:0]
            done, k = k, min(2 * k, len(members))
    missed = triangle < 0
    foot = np.einsum("ik,ikj->ij", barycentric, corners[triangle])
    return ClosestPoints(foot, np.where(missed, np.inf, best), triangle, barycentric)


def spread_points(points: FloatArray, count: int) -> IntArray:
    """Return `count` indices of points (N, 3) that lie far from each other (farthest point sampling)."""
    chosen = [int(np.argmin(np.linalg.norm(points - points.mean(axis=0), axis=1)))]
    away = np.linalg.norm(points - points[chosen[0]], axis=1)
    while len(chosen) < min(count, len(points)):
        chosen.append(int(np.argmax(away)))
        np.minimum(away, np.linalg.norm(points - points[chosen[-1]], axis=1), out=away)
    return np.array(chosen, dtype=np.int32)
