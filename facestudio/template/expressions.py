"""The 52 ARKit shapes of any head: the rest head's shapes carried over, with lids that close.

Each displacement is turned, stretched and scaled as the head deforms the rest head around its vertex: the local
linear map of deformation transfer (R. Sumner, J. Popović, 2004), here fitted to each vertex' neighbourhood, which
makes it linear in the head and a few milliseconds cheap. Blinking lids are then brought together: a displacement
that closes the rest head's eyes stops short or overshoots on others.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.sparse import csc_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu
from scipy.spatial import KDTree

from facestudio.geometry.mesh import spread_points
from facestudio.template.model import Template
from facestudio.template.parts import template_parts
from facestudio.template.seating import eyeball_of
from facestudio.values import Float32Array, FloatArray, IntArray

# Neighbourhoods are wide (some 3 cm): what is finer than that is no change of proportions but of form.
_CENTRES = 320
_NEIGHBOURS = 32
_WIDTH_NEIGHBOUR = 12  # the distance to this neighbour is the width of the neighbourhood
_STIFFNESS = 0.2  # pull of the local map to the head's size, where a neighbourhood is flat
_BLINKS = ("eyeBlinkLeft", "eyeBlinkRight")
_EDGE = 2  # ring of a lid whose edges meet
_OVERLAP_MM = 0.1
_CLEARANCE_MM = (0.0, 0.2, 0.6, 1.1, 1.3)  # skin in front of the eyeball: lid rings from the rim outwards
_SLID_MM = 3.0  # skin that moves this far slides over the eyeball
_BLINK_REACH = 9  # rings of skin around the lids that give way when lids are brought together


@dataclass(frozen=True, eq=False)
class _Blink:
    """What a blink needs to know of the rest head.

    Attributes
    ----------
    shape
        Row of the expression.
    upper, lower
        Vertices of the lids' edges, from the inner to the outer corner (both hold the corners).
    area
        (A,) int32: the lids and the skin around them.
    spread
        (A, U): how much each follows when the upper edge's U inner vertices move.
    clearance
        (A,) mm: how far it stays in front of the eyeball.
    """

    shape: int
    upper: IntArray
    lower: IntArray
    area: IntArray
    spread: FloatArray
    clearance: FloatArray


class _Transfer:
    """The linear part, computed once for a template."""

    def __init__(self, template: Template) -> None:
        self.template = template
        p = template.vertices
        eyes = np.zeros(len(p), dtype=np.bool_)
        for eye in template.eyes:
            eyes[eye.start : eye.stop] = True
        body = np.flatnonzero(~eyes)
        skin = np.flatnonzero(template_parts(template).outer)
        centres = skin[spread_points(p[skin], _CENTRES)]
        tree: Any = KDTree(p[centres])
        away, near = tree.query(p[body], k=_NEIGHBOURS)
        self.body, self.near = body, centres[near]
        width = away[:, _WIDTH_NEIGHBOUR]
        weight = np.exp(-0.5 * (away / width[:, None]) ** 2)
        weight /= weight.sum(axis=1, keepdims=True)
        edge = p[self.near] - np.einsum("nk,nkj->nj", weight, p[self.near])[:, None]
        moment = np.einsum("nk,nki,nkj->nij", weight, edge, edge)
        stiff = _STIFFNESS * np.trace(moment, axis1=1, axis2=2) / 3.0
        inverse = np.linalg.inv(moment + stiff[:, None, None] * np.eye(3))
        # map_i = sum_k v_k g_ik' + scale * hold_i; the rows of g_i sum to null.
        self.gather = np.einsum("nk,nki,nij->nkj", weight, edge, inverse).astype(np.float32)
        self.hold = stiff[:, None, None] * inverse
        # Skin and lining make way vertex by vertex; teeth and tongue stay what they are.
        _, label = connected_components(template_parts(template).graph, directed=False)
        self.solid = [
            np.flatnonzero(label[body] == name)
            for name in np.unique(label[body])
            if name != label[template.ibug68.vertex_ids[30, 0]]
        ]
        self.outer = template_parts(template).outer
        self.deltas = np.ascontiguousarray(template.expression_deltas.transpose(1, 2, 0))
        self.blinks = [
            _blink_of(template, side, shape)
            for side, name in enumerate(_BLINKS)
            for shape in [template.expression_names.index(name)]
        ]

    def local_maps(self, vertices: FloatArray) -> Float32Array:
        """Return how a head deforms the rest head around each vertex, (V, 3, 3) float32."""
        rest = self.template.vertices
        scale = np.sqrt(vertices[self.outer].var(axis=0).sum() / rest[self.outer].var(axis=0).sum())
        v = vertices.astype(np.float32)
        near = v[self.near] - v[self.near].mean(axis=1, keepdims=True)
        of_body = near.transpose(0, 2, 1) @ self.gather + (scale * self.hold).astype(np.float32)
        for members in self.solid:
            of_body[members] = of_body[members].mean(axis=0)
        maps = np.empty((len(v), 3, 3), dtype=np.float32)
        maps[self.body] = of_body
        for side, eye in enumerate(self.template.eyes):
            ratio = eyeball_of(self.template, vertices, side)[1] / eyeball_of(self.template, rest, side)[1]
            maps[eye.start : eye.stop] = ratio * np.eye(3)
        return maps


def _blink_of(template: Template, side: int, shape: int) -> _Blink:
    parts = template_parts(template)
    lids = parts.lids[side]
    ring, outer = lids.rings[_EDGE], lids.outer[_EDGE]
    away = parts.rings_from(lids.rings[0], _BLINK_REACH + 1)
    eye = np.append(lids.socket, lids.rings[0])
    area = np.flatnonzero((away <= _BLINK_REACH) & parts.outer).astype(np.int32)
    clearance = np.interp(away[area], np.arange(len(_CLEARANCE_MM)), _CLEARANCE_MM)
    clearance[np.isin(area, eye)] = -100.0
    # How the area follows the lids' edges: a membrane held at its border and spanned at the edges.
    inside = np.setdiff1d(area, ring)
    graph = parts.graph
    degree = np.asarray(graph.sum(axis=1)).ravel()
    system = csc_array(diags_array(degree[inside]) - graph[inside][:, inside])
    spread = np.zeros((len(area), len(ring)))
    spread[np.searchsorted(area, inside)] = splu(system).solve(graph[inside][:, ring].toarray())
    spread[np.searchsorted(area, ring), np.arange(len(ring))] = 1.0
    return _Blink(
        shape=shape,
        upper=ring[: outer + 1],
        lower=np.append(ring[0], ring[outer:][::-1]).astype(np.int32),
        area=area,
        spread=spread[:, 1:outer],
        clearance=clearance,
    )


def _close(template: Template, vertices: FloatArray, delta: Float32Array, blink: _Blink, side: int) -> None:
    """Change a blink (V, 3) mm in place so that the edges of the lids just meet."""
    lower = vertices[blink.lower] + delta[blink.lower]
    upper = vertices[blink.upper[1:-1]] + delta[blink.upper[1:-1]]
    order = np.argsort(lower[:, 0])
    missing = np.interp(upper[:, 0], lower[order, 0], lower[order, 1]) - _OVERLAP_MM - upper[:, 1]
    closed = vertices[blink.area] + delta[blink.area]
    closed[:, 1] += blink.spread @ missing
    centre, radius = eyeball_of(template, vertices, side)
    ray = closed - centre
    length = np.linalg.norm(ray, axis=1)
    # The cornea stands out; skin that hardly moves may stay as close to the eyeball as it is.
    radius = max(radius, float(np.linalg.norm(vertices[template.eyes[side].start] - centre)))
    open_gap = np.linalg.norm(vertices[blink.area] - centre, axis=1) - radius
    moved = np.linalg.norm(closed - vertices[blink.area], axis=1) / _SLID_MM
    least = radius + np.minimum(blink.clearance, open_gap + np.minimum(moved, 1.0) * np.abs(blink.clearance))
    closed = np.where((length < least)[:, None], centre + ray * (least / length)[:, None], closed)
    delta[blink.area] = closed - vertices[blink.area]


@lru_cache(maxsize=4)
def _transfer_of(key: int, template: Template) -> _Transfer:
    return _Transfer(template)


def expression_deltas_for(template: Template, vertices: FloatArray) -> Float32Array:
    """Return the ARKit shapes of a head.

    Parameters
    ----------
    template
        The template.
    vertices
        (V, 3) mm, head space: a neutral head on the template, its eyeballs seated.

    Returns
    -------
    numpy.ndarray
        (52, V, 3) float32 mm at weight 1, in the order of `template.expression_names`.
    """
    transfer = _transfer_of(id(template), template)
    head = np.asarray(vertices, dtype=np.float64)
    carried = transfer.local_maps(head) @ transfer.deltas
    out = np.ascontiguousarray(carried.transpose(2, 0, 1))
    for side, blink in enumerate(transfer.blinks):
        _close(template, head, out[blink.shape], blink, side)
    return out
