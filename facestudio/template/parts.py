"""The parts of the template: which of its vertices are lids, sockets, ears, neck, and how the parts hang together.

Everything here follows from the template's own mesh and charts; it is computed once.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from facestudio.geometry.mesh import edge_lengths, unique_edges
from facestudio.template.model import EyeChart, Template, load_template
from facestudio.values import BoolArray, FloatArray, IntArray

REGIONS = ("face", "ears", "scalp", "neck")
LID_RINGS = 4
_EAR_EDGE_MM = 6.0
_EAR_REACH_MM = 46.0


@dataclass(frozen=True, eq=False)
class Lids:
    """The lids of one eye.

    Attributes
    ----------
    eye
        The eyeball.
    socket
        (S,) int32: the lining behind the lids, without the rim.
    rings
        Rings of vertices around the opening, each from the inner corner along the upper lid to the outer corner
        and back along the lower lid: the rim of the lining, the inner edge of the lids (which touches the
        eyeball), and so on outwards.
    outer
        For each ring the position of its outer corner.
    """

    eye: EyeChart
    socket: IntArray
    rings: tuple[IntArray, ...]
    outer: tuple[int, ...]

    @property
    def margin(self) -> IntArray:
        """The ring that touches the eyeball, (R,) int32."""
        return self.rings[1]


class Parts:
    """The parts of a template.

    Parameters
    ----------
    template
        Any version of the studio head.
    """

    def __init__(self, template: Template) -> None:
        self.template = template
        self.edges = unique_edges(template.quads)
        count = len(template.vertices)
        ones = np.ones(len(self.edges))
        half = coo_array((ones, (self.edges[:, 0], self.edges[:, 1])), shape=(count, count))
        self.graph = csr_array(half + half.T)
        """(V, V) sparse: one for each edge, both ways."""

    def rings_from(self, seeds: IntArray, limit: float = np.inf) -> FloatArray:
        """Return how many edges each vertex is away from the seeds, (V,); infinite beyond `limit`."""
        found: Any = dijkstra(self.graph, indices=seeds, unweighted=True, min_only=True, limit=limit)
        return np.asarray(found, dtype=np.float64)

    @cached_property
    def _skin_charts(self) -> list[IntArray]:
        """The quads of each chart of the skin, largest first."""
        t = self.template
        sides = np.concatenate([t.quad_uvs[:, [i, (i + 1) % 4]] for i in range(4)])
        graph = coo_array((np.ones(len(sides)), (sides[:, 0], sides[:, 1])), shape=(len(t.uvs),) * 2)
        _, chart = connected_components(graph, directed=False)
        skin = np.flatnonzero(t.quad_material == t.materials.index("skin"))
        of_quad = chart[t.quad_uvs[skin, 0]]
        names, counts = np.unique(of_quad, return_counts=True)
        return [skin[of_quad == names[i]].astype(np.int32) for i in np.argsort(-counts, kind="stable")]

    @cached_property
    def outer(self) -> BoolArray:
        """(V,): the skin one can see (with nostrils and the lids up to the sockets' lining), without the cap."""
        t = self.template
        inside = np.zeros(len(t.vertices), dtype=np.bool_)
        inside[t.quads[self._skin_charts[0]]] = True
        return inside

    @cached_property
    def cap(self) -> IntArray:
        """Vertices of the cap that closes the neck, without the collar, (C,) int32."""
        lowest = min(
            self._skin_charts[1:], key=lambda q: self.template.vertices[self.template.quads[q], 1].mean()
        )
        ids = np.unique(self.template.quads[lowest])
        return ids[~self.outer[ids]].astype(np.int32)

    @cached_property
    def collar(self) -> IntArray:
        """The loop around the base of the neck in the order of the cap's rings, (42,) int32."""
        ring = (len(self.cap) - 1) // 3
        first = self.cap[:ring]
        rows, columns = self.graph[first].nonzero()
        onto = self.outer[columns]
        out = np.zeros(ring, dtype=np.int32)
        out[rows[onto]] = columns[onto]
        return out

    @cached_property
    def lids(self) -> tuple[Lids, Lids]:
        """The lids of the sitter's left and right eye."""
        t = self.template
        linings = [np.unique(t.quads[q]) for q in self._skin_charts[1:]]

        def of(eye: EyeChart) -> Lids:
            middle = t.vertices[eye.start : eye.stop].mean(axis=0)
            lining = min(
                linings, key=lambda ids: float(np.linalg.norm(t.vertices[ids].mean(axis=0) - middle))
            )
            rim = lining[self.outer[lining]]
            away = self.rings_from(rim, LID_RINGS)
            rings = [np.flatnonzero((away == k) & self.outer) for k in range(LID_RINGS + 1)]
            ordered = [ring_in_order(t.vertices, ring) for ring in rings]
            return Lids(
                eye=eye,
                socket=lining[~self.outer[lining]].astype(np.int32),
                rings=tuple(ring for ring, _ in ordered),
                outer=tuple(outer for _, outer in ordered),
            )

        return of(t.eyes[0]), of(t.eyes[1])

    @cached_property
    def ears(self) -> BoolArray:
        """(V,): both ears, where the mesh is fine at the sides of the head."""
        t = self.template
        length = edge_lengths(t.vertices, self.edges)
        total = np.bincount(self.edges.ravel(), np.repeat(length, 2), len(t.vertices))
        mean = total / np.maximum(np.bincount(self.edges.ravel(), minlength=len(t.vertices)), 1)
        out = np.zeros(len(t.vertices), dtype=np.bool_)
        for side in (1.0, -1.0):
            tip = t.vertices[np.argmax(side * t.vertices[:, 0] * self.outer)]
            near = np.linalg.norm(t.vertices - tip, axis=1) < _EAR_REACH_MM
            out |= near & self.outer & (mean < _EAR_EDGE_MM)
        return out

    @cached_property
    def region(self) -> IntArray:
        """(V,) int32: row of REGIONS for vertices of the outer skin, -1 for others."""
        t = self.template
        p = t.vertices
        jaw = t.ibug68.points(p)
        chin, ear = float(jaw[8, 1]), float(p[self.ears, 2].mean())
        brow = float(jaw[17:27, 1].max())
        # The face reaches from the chin to the hairline and back to the ears; the neck begins below the jaw's line.
        hairline = brow + 0.55 * (brow - float(jaw[33, 1]))
        front = p[:, 2] > ear + 12.0
        jaw_height = np.interp(p[:, 2], [ear, float(jaw[8, 2])], [float(jaw[3, 1]), chin - 4.0])
        face = front & (p[:, 1] > jaw_height) & (p[:, 1] < hairline)
        neck = ~face & (p[:, 1] < np.where(front, jaw_height, float(jaw[2, 1])))
        out = np.full(len(p), -1, dtype=np.int32)
        out[self.outer] = REGIONS.index("scalp")
        out[self.outer & face] = REGIONS.index("face")
        out[self.outer & neck] = REGIONS.index("neck")
        out[self.ears] = REGIONS.index("ears")
        return out


def ring_in_order(vertices: FloatArray, ring: IntArray) -> tuple[IntArray, int]:
    """Order a ring around an eye: inner corner, upper lid, outer corner, lower lid.

    Parameters
    ----------
    vertices
        (V, 3) mm, head space.
    ring
        (R,) vertex ids in any order.

    Returns
    -------
    ordered
        (R,) int32.
    outer
        Position of the outer corner in it.
    """
    p = vertices[ring]
    middle, size = p.mean(axis=0), np.ptp(p, axis=0)
    away = np.sign(middle[0])
    x, y = away * (p[:, 0] - middle[0]) / size[0], (p[:, 1] - middle[1]) / size[1]
    angle = np.mod(np.pi - np.arctan2(y, x), 2 * np.pi)
    order = np.argsort(angle, kind="stable")
    start = int(np.argmin(x[order]))
    order = np.roll(order, -start)
    return ring[order].astype(np.int32), int(np.argmax(x[order]))


@lru_cache(maxsize=4)
def _parts_of(key: int, template: Template) -> Parts:
    return Parts(template)


def template_parts(template: Template | None = None) -> Parts:
    """Return the parts of a template (the shipped one if none is given); computed once for each."""
    template = load_template() if template is None else template
    return _parts_of(id(template), template)
