"""Cuts the studio head out of the hm08 base mesh: skin to a closed collar, new eyeballs, teeth, tongue."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from facestudio.database.sources.makehuman import BaseMesh
from facestudio.geometry.procrustes import similarity
from facestudio.values import FloatArray, IntArray

MATERIALS = ("skin", "mouth", "eyes", "teeth", "tongue")
COLLAR_START = (815, 7523)  # an edge of the loop around the base of the neck, found by walking all neck loops
MOUTH_SEED = 710  # base vertex at the back of the mouth: its UV island is the mouth's lining
EYE_SEGMENTS = 24
_CAP_RINGS = (0.78, 0.5, 0.24)
# Degrees from the pupil axis: pole, pupil, iris, limbus, then the white to the back of the eyeball.
_EYE_RINGS = (8.0, 13.0, 18.0, 22.0, 26.0, 33.0, 42.0, 53.0, 66.0, 80.0, 98.0, 120.0, 148.0)
_UPPER_TEETH_MM = np.array([0.0, -3.5, 1.0])
_CORNEA_MM = 0.35
_CORNEA_EDGE = 24.0


@dataclass(frozen=True, eq=False)
class HeadCut:
    """How the template's vertices come from the base mesh.

    Attributes
    ----------
    base_vertices
        (B,) int32: base vertex of each of the first B template vertices (skin, mouth, teeth, tongue).
    quads
        (F, 4) int32 into the template's vertices.
    base_quads
        (F,) int32: the base quad each came from, or -1 for cap and eyeballs.
    quad_material
        (F,) int32 into MATERIALS.
    collar
        (42,) int32: the loop of template vertices around the base of the neck.
    cap_start, eye_start
        First vertex of the cap and of the two eyeballs (left of the sitter first).
    eye_helpers
        Base vertices of the helper eyes (left, right) that the eyeballs follow.
    eye_rest
        Where the helper eyes are in the mean adult, (H, 3) mm each.
    upper_teeth
        Template vertices of the upper teeth.
    """

    base_vertices: IntArray
    quads: IntArray
    base_quads: IntArray
    quad_material: IntArray
    collar: IntArray
    cap_start: int
    eye_start: int
    eye_helpers: tuple[IntArray, IntArray]
    eye_rest: tuple[FloatArray, FloatArray]
    upper_teeth: IntArray

    def vertices(self, base: FloatArray) -> FloatArray:
        """Carry base-mesh vertices (in any shape of the base, mm) over to the template, (V, 3) mm.

        Cap vertices are recomputed from the collar, eyeballs follow their helpers by a similarity transform; the
        upper teeth are brought down to where a smile shows them.
        """
        skin = base[self.base_vertices]
        skin[self.upper_teeth] += _UPPER_TEETH_MM
        eyes = [
            _follow(rest_helper, base[helper], eyeball)
            for helper, (rest_helper, eyeball) in zip(self.eye_helpers, self._eyes(), strict=True)
        ]
        return np.concatenate([skin, _cap_points(skin[self.collar]), *eyes])

    def _eyes(self) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
        left, right = self.eye_rest
        return (left, _eyeball(left)), (right, _eyeball(right))


def _follow(rest: FloatArray, moved: FloatArray, points: FloatArray) -> FloatArray:
    scale, rotation, shift = similarity(rest, moved)
    return scale * points @ rotation.T + shift


def _sphere(points: FloatArray) -> tuple[FloatArray, float]:
    """Return the least-squares sphere through points: centre (3,), radius."""
    system = np.column_stack([2 * points, np.ones(len(points))])
    solution = np.linalg.lstsq(system, (points**2).sum(axis=1), rcond=None)[0]
    return solution[:3], float(np.sqrt(solution[3] + solution[:3] @ solution[:3]))


def eye_angles() -> FloatArray:
    """Return the angle from the pupil axis of each eyeball vertex, (E,) radians."""
    rings = np.repeat(np.radians(_EYE_RINGS), EYE_SEGMENTS)
    return np.concatenate([[0.0], rings, [np.pi]])


def eye_azimuths() -> FloatArray:
    """Return the angle about the pupil axis of each eyeball vertex, (E,) radians, from +X towards +Y."""
    ring = np.arange(EYE_SEGMENTS) * 2 * np.pi / EYE_SEGMENTS
    return np.concatenate([[0.0], np.tile(ring, len(_EYE_RINGS)), [0.0]])


def _eyeball(helper: FloatArray) -> FloatArray:
    centre, radius = _sphere(helper)
    theta, phi = eye_angles(), eye_azimuths()
    edge = np.radians(_CORNEA_EDGE)
    bulge = _CORNEA_MM * np.clip(1 - (theta / edge) ** 2, 0, None)
    from_centre = (radius - 0.15) + bulge
    direction = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1)
    return centre + from_centre[:, None] * direction


def _eye_quads(start: int) -> IntArray:
    n, rings = EYE_SEGMENTS, len(_EYE_RINGS)
    first = start + 1
    # Around the poles a quad takes two segments: so all faces have four corners.
    quads = [(start, first + 2 * i, first + 2 * i + 1, first + (2 * i + 2) % n) for i in range(n // 2)]
    for ring in range(rings - 1):
        inner, outer = first + ring * n, first + (ring + 1) * n
        quads += [(inner + i, outer + i, outer + (i + 1) % n, inner + (i + 1) % n) for i in range(n)]
    last, back = first + (rings - 1) * n, first + rings * n
    quads += [(back, last + (2 * i + 2) % n, last + 2 * i + 1, last + 2 * i) for i in range(n // 2)]
    return np.array(quads, dtype=np.int32)


def _cap_points(collar: FloatArray) -> FloatArray:
    centre = collar.mean(axis=0)
    rings = [centre + (collar - centre) * scale for scale in _CAP_RINGS]
    return np.concatenate([*rings, centre[None]])


def _cap_quads(collar: IntArray, start: int) -> IntArray:
    n = len(collar)
    rings = [collar] + [start + i * n + np.arange(n) for i in range(len(_CAP_RINGS))]
    centre = start + len(_CAP_RINGS) * n
    quads: list[tuple[int, int, int, int]] = []
    for outer, inner in pairwise(rings):
        quads += [
            (int(outer[i]), int(outer[(i + 1) % n]), int(inner[(i + 1) % n]), int(inner[i])) for i in range(n)
        ]
    last = rings[-1]
    quads += [(centre, int(last[i]), int(last[i + 1]), int(last[(i + 2) % n])) for i in range(0, n, 2)]
    return np.array(quads, dtype=np.int32)


def sides(polygon: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the directed sides of a closed polygon of vertices."""
    return zip(polygon, polygon[1:] + polygon[:1], strict=True)


def _undirected(a: int, b: int) -> tuple[int, int]:
    return min(a, b), max(a, b)


def _edge_loop(quads: IntArray, start: tuple[int, int]) -> list[int]:
    """Walk straight across four-valent vertices from an edge until the loop closes."""
    neighbours: dict[int, set[int]] = defaultdict(set)
    faces: dict[tuple[int, int], set[int]] = defaultdict(set)
    for index, quad in enumerate(quads.tolist()):
        for a, b in sides(quad):
            neighbours[a].add(b)
            neighbours[b].add(a)
            faces[_undirected(a, b)].add(index)
    loop = list(start)
    while True:
        before, here = loop[-2:]
        beside = faces[_undirected(before, here)]
        ahead = [n for n in neighbours[here] if n != before and not faces[_undirected(n, here)] & beside]
        if len(ahead) != 1 or len(loop) > 500:
            raise ValueError("the collar's edge loop does not close")
        if ahead[0] == loop[0]:
            return loop
        loop.append(ahead[0])


def _above(quads: IntArray, loop: list[int], seed: int) -> IntArray:
    """Return indices of the quads connected to a seed vertex without crossing the loop's edges."""
    on_loop = {_undirected(a, b) for a, b in sides(loop)}
    by_edge: dict[tuple[int, int], list[int]] = defaultdict(list)
    for index, quad in enumerate(quads.tolist()):
        for a, b in sides(quad):
            by_edge[_undirected(a, b)].append(index)
    todo = [int(np.flatnonzero((quads == seed).any(axis=1))[0])]
    seen = set(todo)
    while todo:
        for a, b in sides(quads[todo.pop()].tolist()):
            edge = _undirected(a, b)
            if edge not in on_loop:
                fresh = [i for i in by_edge[edge] if i not in seen]
                seen.update(fresh)
                todo += fresh
    return np.array(sorted(seen), dtype=np.int32)


def _kept_quads(base: BaseMesh, skin: IntArray) -> tuple[IntArray, IntArray]:
    """Return the base quads that the template takes over and the material of each, (K,) and (K,) int32."""
    mouth = np.intersect1d(skin, uv_island(base, MOUTH_SEED))
    parts = {
        "skin": np.setdiff1d(skin, mouth),
        "mouth": mouth,
        "teeth": base.quads_of("helper-upper-teeth", "helper-lower-teeth"),
        "tongue": base.quads_of("helper-tongue"),
    }
    material = [np.full(len(quads), MATERIALS.index(name), dtype=np.int32) for name, quads in parts.items()]
    return np.concatenate(list(parts.values())).astype(np.int32), np.concatenate(material)


def cut_head(base: BaseMesh, rest: FloatArray) -> HeadCut:
    """Cut the head out of the base mesh.

    Parameters
    ----------
    base
        The base mesh.
    rest
        (V, 3) base vertices of the mean adult, mm: the eyeballs are modelled on its helpers.
    """
    body = base.quads_of("body")
    loop = _edge_loop(base.quads[body], COLLAR_START)
    of_body = np.unique(base.quads[body])
    crown = int(of_body[np.argmax(rest[of_body, 1])])
    skin = body[_above(base.quads[body], loop, crown)]
    kept, material = _kept_quads(base, skin)
    used = np.unique(base.quads[kept]).astype(np.int32)
    renumber = np.full(len(base.vertices), -1, dtype=np.int32)
    renumber[used] = np.arange(len(used), dtype=np.int32)
    collar = renumber[np.array(loop)]
    # The collar loop must run so that the cap faces down: against the skin quads that share its edges.
    if _runs_with(renumber[base.quads[skin]], int(collar[0]), int(collar[1])):
        collar = collar[::-1].copy()
    cap = _cap_quads(collar, len(used))
    eye_start = len(used) + len(_CAP_RINGS) * len(collar) + 1
    per_eye = len(_EYE_RINGS) * EYE_SEGMENTS + 2
    eyes = np.concatenate([_eye_quads(eye_start), _eye_quads(eye_start + per_eye)])
    new_material = np.repeat([MATERIALS.index("skin"), MATERIALS.index("eyes")], [len(cap), len(eyes)])
    left, right = (np.unique(base.quads[base.quads_of(f"helper-{s}-eye")]).astype(np.int32) for s in "lr")
    return HeadCut(
        base_vertices=used,
        quads=np.concatenate([renumber[base.quads[kept]], cap, eyes]).astype(np.int32),
        base_quads=np.concatenate([kept, np.full(len(cap) + len(eyes), -1)]).astype(np.int32),
        quad_material=np.concatenate([material, new_material]).astype(np.int32),
        collar=collar,
        cap_start=len(used),
        eye_start=eye_start,
        eye_helpers=(left, right),
        eye_rest=(rest[left], rest[right]),
        upper_teeth=np.unique(renumber[base.quads[base.quads_of("helper-upper-teeth")]]).astype(np.int32),
    )


def _runs_with(quads: IntArray, a: int, b: int) -> bool:
    return bool(((quads == a) & (np.roll(quads, -1, axis=1) == b)).any())


def uv_island(base: BaseMesh, seed: int) -> IntArray:
    """Return the base quads of the UV island that holds a base vertex, (K,) int32."""
    edges = np.concatenate([base.quad_uvs[:, [i, (i + 1) % 4]] for i in range(4)])
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(len(base.uvs),) * 2)
    _, island = connected_components(graph, directed=False)
    rows, columns = np.nonzero(base.quads == seed)
    wanted = island[base.quad_uvs[rows[0], columns[0]]]
    return np.flatnonzero(island[base.quad_uvs[:, 0]] == wanted).astype(np.int32)


def mirror_map(vertices: FloatArray, tolerance: float = 0.5) -> IntArray:
    """Return for each vertex the one mirrored at x = 0, (V,) int32; within `tolerance` mm.

    Raises
    ------
    ValueError
        If the vertices are not symmetric.
    """
    distance, nearest = KDTree(vertices).query(vertices * np.array([-1.0, 1.0, 1.0]))
    partner = np.asarray(nearest, dtype=np.int32)
    farthest = float(np.max(distance))
    if farthest > tolerance or (partner[partner] != np.arange(len(partner))).any():
        raise ValueError(f"the head is not symmetric: {farthest:.3f} mm")
    return partner
