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
from scipy.sparse import csc_array, csr_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import splu
from scipy.spatial import KDTree

from facestudio.geometry.folds import folded_quads
from facestudio.geometry.mesh import spread_points
from facestudio.template.model import Template
from facestudio.template.parts import template_parts
from facestudio.template.seating import eyeball_of, held_inside
from facestudio.values import BoolArray, Float32Array, FloatArray, IntArray

# Neighbourhoods are wide (some 3 cm): what is finer than that is no change of proportions but of form.
_CENTRES = 320
_NEIGHBOURS = 32
_WIDTH_NEIGHBOUR = 12  # the distance to this neighbour is the width of the neighbourhood
_STIFFNESS = 0.2  # pull of the local map to the head's size, where a neighbourhood is flat
_BLINKS = ("eyeBlinkLeft", "eyeBlinkRight")
_EDGE = 2  # ring of a lid whose edges meet
_OVERLAP_MM = 0.1
_AJAR_MM = 0.4
_CLEARANCE_MM = (0.0, 0.2, 0.7, 1.4, 1.7)  # skin in front of the eyeball: lid rings from the rim outwards
_SLID_MM = 3.0  # skin that moves this far slides over the eyeball
_HIDDEN = 0.985  # of the eyeball's radius
_STILL, _CORNER_WIDTH = 0.85, 2.0
_LINING_RINGS = 6  # so far into the socket the lining moves with the lids
_UNFOLD_STEPS = 6
_CORNER = 2  # vertices of an edge this near to a corner need not meet exactly
_BLINK_REACH = 9  # rings of skin around the lids that give way when lids are brought together


@dataclass(frozen=True, eq=False)
class _Blink:
    """What a blink needs to know of the rest head.

    Attributes
    ----------
    shape
        Row of the expression.
    upper, lower
        Rows of `area`: the lids' edges, from the inner to the outer corner (both hold the corners).
    area
        (A,) int32: the lids, the skin around them and the socket's lining.
    spread
        (A, U): how much each follows when the upper edge's U inner vertices move.
    calm
        (A,) float32: how much of the shape's motion is kept: little at the corners.
    clearance
        (A,) mm: how far it stays in front of the eyeball.
    quads
        (Q, 4) int32 rows of `area`: the quads within it.
    mean
        (A, A) sparse: the mean of the neighbours within the area.
    free
        (A,) bool: what may be evened out: neither at the area's border nor an edge that must meet the other.
    lining
        (L,) int32 rows of `area`: the socket's lining with its rim.
    """

    shape: int
    upper: IntArray
    lower: IntArray
    area: IntArray
    spread: FloatArray
    calm: Float32Array
    clearance: FloatArray
    quads: IntArray
    mean: csr_array
    free: BoolArray
    lining: IntArray


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
        self.hold32 = self.hold.astype(np.float32)
        self.gather_by = np.ascontiguousarray(self.gather.transpose(2, 0, 1))  # (3, B, K)
        self.deltas = np.ascontiguousarray(template.expression_deltas.transpose(1, 2, 0))
        self.blink_moves = [template.expression_deltas[template.expression_names.index(n)] for n in _BLINKS]
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

    def carried(self, vertices: FloatArray, moves: list[Float32Array]) -> list[Float32Array]:
        """Return moves (V, 3) of the rest head's vertices carried over to a head (V, 3): by its local maps, unmade."""
        rest = self.template.vertices
        scale = np.sqrt(vertices[self.outer].var(axis=0).sum() / rest[self.outer].var(axis=0).sum())
        v = vertices.astype(np.float32)
        # By coordinate: rows of 32 neighbours are quick to work on, columns of 3 are not.
        near = [column[self.near] - column[self.near[:, :1]] for column in np.ascontiguousarray(v.T)]
        means = [
            np.stack(
                [[float((g[members] * n[members]).sum(axis=1).mean()) for g in self.gather_by] for n in near]
            )
            + scale * self.hold[members].mean(axis=0)
            for members in self.solid
        ]
        ratios = [
            eyeball_of(self.template, vertices, k)[1] / eyeball_of(self.template, rest, k)[1] for k in (0, 1)
        ]
        out: list[Float32Array] = []
        for move in moves:
            own = np.ascontiguousarray(move[self.body])
            some = np.flatnonzero((own != 0) @ (True, True, True))
            # A shape that moves little of the head is carried where it does.
            rows = some if len(some) < len(own) // 2 else slice(None)
            part, by = own[rows], [each[rows] for each in self.gather_by]
            along = by[0] * part[:, :1]
            along += by[1] * part[:, 1:2]
            along += by[2] * part[:, 2:]
            body = np.zeros_like(own)
            body[rows] = np.stack([np.einsum("nk,nk->n", each[rows], along) for each in near], axis=1)
            body[rows] += np.float32(scale) * np.einsum("nij,nj->ni", self.hold32[rows], part)
            for members, mean in zip(self.solid, means, strict=True):
                body[members] = own[members] @ mean.T.astype(np.float32)
            moved = np.zeros((len(v), 3), dtype=np.float32)
            moved[self.body] = body
            for ratio, eye in zip(ratios, self.template.eyes, strict=True):
                moved[eye.start : eye.stop] = np.float32(ratio) * move[eye.start : eye.stop]
            out.append(moved)
        return out


def _blink_of(template: Template, side: int, shape: int) -> _Blink:
    parts = template_parts(template)
    lids = parts.lids[side]
    ring, outer = lids.rings[_EDGE], lids.outer[_EDGE]
    away = parts.rings_from(lids.rings[0], _BLINK_REACH + 1)
    eye = np.append(lids.socket, lids.rings[0])
    skin = np.flatnonzero((away <= _BLINK_REACH) & parts.outer)
    area = np.union1d(skin, lids.socket).astype(np.int32)
    clearance = np.interp(away[area], np.arange(len(_CLEARANCE_MM)), _CLEARANCE_MM)
    clearance[np.isin(area, eye)] = -100.0
    # How the area follows the lids' edges: a membrane held at its border and spanned at the edges.
    inside = np.setdiff1d(skin, ring)
    graph = parts.graph
    degree = np.asarray(graph.sum(axis=1)).ravel()
    system = csc_array(diags_array(degree[inside]) - graph[inside][:, inside])
    spread = np.zeros((len(area), len(ring)))
    spread[np.searchsorted(area, inside)] = splu(system).solve(graph[inside][:, ring].toarray())
    spread[np.searchsorted(area, ring), np.arange(len(ring))] = 1.0
    quads = template.quads[np.isin(template.quads, area).all(axis=1)]
    beside = graph[area][:, area]
    held = np.concatenate(
        [ring[_CORNER : outer - _CORNER + 1], ring[outer + _CORNER : len(ring) - _CORNER + 1]]
    )
    # The corners of the eye hardly move when it shuts: the shape drags them along, and the skin below them folds.
    along = np.arange(len(ring))
    steps = np.minimum(np.minimum(along, len(ring) - along), np.abs(along - outer))
    still = _STILL * np.exp(-0.5 * (steps / _CORNER_WIDTH) ** 2)
    calm = 1.0 - spread @ still
    rows = np.searchsorted(area, eye)
    apart = np.linalg.norm(template.vertices[eye][:, None] - template.vertices[ring][None], axis=2)
    depth = parts.rings_from(lids.rings[0])[eye]
    calm[rows] = (1.0 - still[np.argmin(apart, axis=1)]) * np.clip(1.0 - depth / _LINING_RINGS, 0.0, 1.0)
    return _Blink(
        shape=shape,
        calm=calm.astype(np.float32),
        upper=np.searchsorted(area, ring[: outer + 1]).astype(np.int32),
        lower=np.searchsorted(area, np.append(ring[0], ring[outer:][::-1])).astype(np.int32),
        area=area,
        spread=spread[:, 1:outer],
        clearance=clearance,
        quads=np.searchsorted(area, quads).astype(np.int32),
        free=(np.asarray(beside.sum(axis=1)).ravel() == degree[area]) & ~np.isin(area, held),
        lining=np.searchsorted(area, eye).astype(np.int32),
        mean=csr_array(diags_array(1.0 / np.maximum(np.asarray(beside.sum(axis=1)).ravel(), 1.0)) @ beside),
    )


def _close(
    template: Template,
    vertices: FloatArray,
    delta: Float32Array,
    blink: _Blink,
    side: int,
    *,
    even: bool = True,
) -> None:
    """Change a blink (V, 3) mm in place so that the edges of the lids just meet; `even`: without folds."""
    delta[blink.area] *= blink.calm[:, None]
    closed = vertices[blink.area] + delta[blink.area]
    closed[:, 1] += blink.spread @ _missing(closed, blink)
    centre, radius = eyeball_of(template, vertices, side)
    ray = closed - centre
    length = np.linalg.norm(ray, axis=1)
    back = radius
    # The cornea stands out; skin that hardly moves may stay as close to the eyeball as it is.
    radius = max(radius, float(np.linalg.norm(vertices[template.eyes[side].start] - centre)))
    open_gap = np.linalg.norm(vertices[blink.area] - centre, axis=1) - radius
    moved = np.linalg.norm(closed - vertices[blink.area], axis=1) / _SLID_MM
    least = radius + np.minimum(blink.clearance, open_gap + np.minimum(moved, 1.0) * np.abs(blink.clearance))
    closed = np.where((length < least)[:, None], centre + ray * (least / length)[:, None], closed)
    # The lining hides within the eyeball: so it never shows through lids that slide over it.
    before = vertices[blink.area]
    rest = np.linalg.norm(before[blink.lining] - centre, axis=1)
    closed[blink.lining] = held_inside(closed[blink.lining], centre, np.clip(rest, _HIDDEN * back, back))
    if even:
        closed = before + _unfolded(before, closed - before, blink)
    # What sliding and unfolding have opened again; a little may stay open rather than fold.
    closed[:, 1] += blink.spread @ np.minimum(_missing(closed, blink) + _OVERLAP_MM + _AJAR_MM, 0.0)
    delta[blink.area] = closed - before


def _missing(closed: FloatArray, blink: _Blink) -> FloatArray:
    """Return how much the upper edge's inner vertices must rise (negative: sink) to meet the lower edge, (U,) mm."""
    lower, upper = closed[blink.lower], closed[blink.upper[1:-1]]
    order = np.argsort(lower[:, 0])
    return np.interp(upper[:, 0], lower[order, 0], lower[order, 1]) - _OVERLAP_MM - upper[:, 1]


def _unfolded(before: FloatArray, move: FloatArray, blink: _Blink) -> FloatArray:
    """Return displacements (A, 3) mm of the area, evened out where they would fold quads."""
    flat = folded_quads(before, blink.quads)
    loose = np.zeros(len(before), dtype=np.bool_)
    for _ in range(_UNFOLD_STEPS):
        folded = folded_quads(before + move, blink.quads) & ~flat
        if not folded.any():
            break
        here = np.zeros(len(before), dtype=np.bool_)
        here[blink.quads[folded]] = True
        here &= blink.free
        while here.any() and not (here & ~loose).any():  # loose already: the surroundings must give way too
            grown = here.copy()
            grown[blink.mean[here].nonzero()[1]] = True
            grown &= blink.free
            if (grown == here).all():
                break
            here = grown
        loose |= here
        ids = np.flatnonzero(loose)
        rows = blink.mean[ids]
        own = np.eye(len(ids)) - rows[:, ids].toarray()
        held = move.copy()
        held[ids] = 0.0
        move[ids] = np.linalg.solve(own, rows @ held)
    return move


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


def expression_offsets(
    template: Template, vertices: FloatArray, weights: FloatArray, *, rough: float = 0.0
) -> FloatArray:
    """Return how far an expression moves a head's vertices, (V, 3) mm: the weighted sum of its ARKit shapes.

    Many times faster than making all shapes.

    Parameters
    ----------
    template
        The template.
    vertices
        (V, 3) mm, head space: a neutral head on the template, its eyeballs seated.
    weights
        (52,) in the order of `template.expression_names`.
    rough
        Of blinks of less weight the folds that lids have only when shut are left in, which saves time.
    """
    transfer = _transfer_of(id(template), template)
    head = np.asarray(vertices, dtype=np.float64)
    simple = np.array(weights, dtype=np.float32)
    simple[[blink.shape for blink in transfer.blinks]] = 0.0
    flat = transfer.deltas.reshape(-1, len(simple))
    moves = [(flat @ simple).reshape(-1, 3)]
    shut = [(side, blink) for side, blink in enumerate(transfer.blinks) if weights[blink.shape] != 0]
    moves += [transfer.blink_moves[side] for side, _ in shut]
    total, *deltas = transfer.carried(head, moves)
    total = total.astype(np.float64)
    for (side, blink), delta in zip(shut, deltas, strict=True):
        _close(template, head, delta, blink, side, even=bool(weights[blink.shape] >= rough))
        total += float(weights[blink.shape]) * delta
    return total
