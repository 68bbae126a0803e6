"""Brings ICT-FaceKit's head model to the template: its mean is registered once, its modes follow by correspondence."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse.csgraph import connected_components, dijkstra

from facestudio.database.registration.nonrigid import Anchors, Schedule, bend_onto, kept, outer_quads
from facestudio.database.registration.surface import TargetSurface
from facestudio.database.sources.ict_facekit import IctFaceKit
from facestudio.geometry.folds import folded_quads
from facestudio.geometry.mesh import vertex_normals
from facestudio.geometry.procrustes import similarity
from facestudio.template.completion import Completion
from facestudio.template.model import PointMap, Template
from facestudio.template.parts import Parts, ring_in_order, template_parts
from facestudio.template.seating import close_neck, seat_eyeballs
from facestudio.values import BoolArray, FloatArray, IntArray, read_only

_FLIP = np.array([-1.0, 1.0, 1.0])
_NECK_MM = -95.0  # heads are aligned by what lies above this height
_REACH_MM = 1.0  # a vertex this near to ICT's surface is taken to lie on it
_SIGMAS = 3.0  # modes must not fold the mesh up to here
_MOST_ROUNDS = 12
_FOLD_RINGS = 3
_TRIALS = 100  # heads drawn at random that must not fold either
_POINT_SIGMA_MM = 0.8
_LID_SIGMA_MM = 0.25
_EAR_SIGMA_MM = 1.5
# Which ring of ICT's lids a ring of the template's lies on: inner edge, its middle, outer edge. ICT's rings are
# counted from the border of face and socket.
_LID_RINGS = {1: 1.0, 2: 2.5, 3: 4.0}


@dataclass(frozen=True, eq=False)
class IctOnTemplate:
    """ICT's statistics on the studio topology.

    Attributes
    ----------
    mean
        (V, 3) float64 mm, head space: aligned to the template, of true size.
    modes
        (K, V, 3) float64 mm per standard deviation, the coefficients independent N(0, 1).
    covered
        (V,) bool: vertices that lie on ICT's surface; the others are completed.
    triangles, barycentric
        (V, 3) int32 vertices of ICT's mesh and (V, 3) float64 weights: where covered vertices lie on it.
    rotation, shift
        ICT's frame to head space: head = rotation @ ict + shift.
    """

    mean: FloatArray
    modes: FloatArray
    covered: BoolArray
    triangles: IntArray
    barycentric: FloatArray
    rotation: FloatArray
    shift: FloatArray

    def __post_init__(self) -> None:
        for name, dtype in (
            ("mean", np.float64),
            ("modes", np.float64),
            ("covered", np.bool_),
            ("triangles", np.int32),
            ("barycentric", np.float64),
            ("rotation", np.float64),
            ("shift", np.float64),
        ):
            object.__setattr__(self, name, read_only(getattr(self, name), dtype))

    def head(self, coefficients: FloatArray) -> FloatArray:
        """Return the head of coefficients (K,), (V, 3) mm, head space."""
        return self.mean + np.tensordot(coefficients, self.modes, axes=1)


def register_ict(
    template: Template, source: IctFaceKit, progress: Callable[[float], None] | None = None
) -> IctOnTemplate:
    """Register ICT's mean onto the template and carry its modes over.

    Parameters
    ----------
    template
        The template.
    source
        ICT's model.
    progress
        Called with 0..1.
    """
    tell = progress or (lambda _: None)
    parts = template_parts(template)
    points = template.ibug68.points(template.vertices)[17:]
    scale, rotation, shift = similarity(source.neutral[source.landmarks68[17:]], points)
    # In true size, turned and moved into head space.
    size = 1.0 / scale
    neutral = source.neutral @ rotation.T + shift * size
    start = template.vertices * size
    anchors = _anchors(template, parts, source, neutral)
    target = TargetSurface(neutral, source.skin_triangles)
    weights = parts.outer.astype(np.float64)
    for lids in parts.lids:
        weights[lids.rings[0]] = 0.0
    coarse = bend_onto(
        template, start, target, weights=weights, anchors=anchors, schedule=replace(Schedule(), fine=())
    )
    coarse = (coarse + coarse[template.mirror] * _FLIP) / 2
    tell(0.4)
    bent = bend_onto(
        template, coarse, target, weights=weights, anchors=anchors, schedule=replace(Schedule(), coarse=())
    )
    bent = (bent + bent[template.mirror] * _FLIP) / 2
    tell(0.7)
    found = target.match(bent, vertex_normals(bent, outer_quads(template)))
    covered = kept(found, _REACH_MM, 0.6) & (weights > 0)
    covered &= covered[template.mirror]
    snapped = np.where(covered[:, None], found.points, bent)
    identity = source.identity.astype(np.float64) @ rotation.T
    corners = target.triangles[found.triangles]
    modes = np.zeros((len(identity), *bent.shape))
    for corner in range(3):
        modes += identity[:, corners[:, corner]] * found.barycentric[:, corner, None]
    mean, modes, covered = _complete(template, coarse, snapped, modes, covered)
    modes = _with_teeth(template, parts, source, neutral, identity, mean, modes)
    tell(0.95)
    aligned = np.flatnonzero(parts.outer & (template.vertices[:, 1] > _NECK_MM))
    _, turn, move = similarity(mean[aligned], template.vertices[aligned], scaled=False)
    tell(1.0)
    return IctOnTemplate(
        mean=mean @ turn.T + move,
        modes=modes @ turn.T,
        covered=covered,
        triangles=corners,
        barycentric=found.barycentric,
        rotation=turn @ rotation,
        shift=turn @ (shift * size) + move,
    )


def _vertex_map(ids: IntArray) -> PointMap:
    weights = np.zeros((len(ids), 3))
    weights[:, 0] = 1.0
    return PointMap(np.repeat(np.asarray(ids)[:, None], 3, axis=1), weights)


def _anchors(template: Template, parts: Parts, source: IctFaceKit, neutral: FloatArray) -> list[Anchors]:
    """Return known points: ibug68 without the jaw (it slides), the edges of the lids, three points of each ear."""
    rows = np.arange(17, 68)
    inner = PointMap(template.ibug68.vertex_ids[rows], template.ibug68.weights[rows])
    anchors = [Anchors(inner, neutral[source.landmarks68[rows]], np.array(_POINT_SIGMA_MM))]
    for side, lids in enumerate(parts.lids):
        rings = _ict_lid_rings(source, neutral, side)
        for number, level in _LID_RINGS.items():
            ring, outer = lids.rings[number], lids.outer[number]
            along = _along(template.vertices[ring], outer)
            low, share = int(level), level - int(level)
            place = _at(neutral[rings[low][0]], rings[low][1], along)
            if share:
                place = (1 - share) * place + share * _at(
                    neutral[rings[low + 1][0]], rings[low + 1][1], along
                )
            anchors.append(Anchors(_vertex_map(ring), place, np.array(_LID_SIGMA_MM)))
    ict_ears = _ict_ears(source, neutral)
    for side in (1.0, -1.0):
        here = _ear_points(template.vertices, parts.ears & (side * template.vertices[:, 0] > 74.0))
        there = _ear_points(neutral, ict_ears & (side * neutral[:, 0] > 0))
        anchors.append(Anchors(_vertex_map(here), neutral[there], np.array(_EAR_SIGMA_MM)))
    return anchors


def _ict_lid_rings(source: IctFaceKit, neutral: FloatArray, side: int) -> list[tuple[IntArray, int]]:
    """Return rings of ICT's lids, counted from the border of face and socket, ordered as the template's."""
    graph = source.skin_graph
    eye = neutral[source.landmarks68[42:48] if side == 0 else source.landmarks68[36:42]]
    near = np.linalg.norm(neutral - eye.mean(axis=0), axis=1) < 25.0
    beside = np.asarray((graph @ (~source.in_face).astype(np.float64)) > 0)
    seeds = np.flatnonzero(source.in_face & beside & near)
    away = dijkstra(graph, indices=seeds, unweighted=True, min_only=True, limit=6)
    return [ring_in_order(neutral, np.flatnonzero((away == k) & source.in_face)) for k in range(6)]


def _lengths(line: FloatArray) -> FloatArray:
    """Return how far along a polyline each of its points lies, 0..1."""
    total = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    return total / total[-1]


def _along(ring: FloatArray, outer: int) -> tuple[FloatArray, FloatArray]:
    """Return where the points of a ring lie between its corners: on the upper lid, on the lower lid, 0..1."""
    return _lengths(ring[: outer + 1]), _lengths(np.concatenate([ring[outer:], ring[:1]]))


def _at(ring: FloatArray, outer: int, along: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Return the points of a ring at places between its corners; the inverse of `_along`."""
    pieces: list[FloatArray] = []
    for line, wanted in zip(
        (ring[: outer + 1], np.concatenate([ring[outer:], ring[:1]])), along, strict=True
    ):
        have = _lengths(line)
        pieces.append(np.column_stack([np.interp(wanted, have, line[:, k]) for k in range(3)])[:-1])
    return np.concatenate(pieces)


def _ict_ears(source: IctFaceKit, neutral: FloatArray) -> BoolArray:
    """(V,): ICT's ears, where its mesh is fine and stands out at the sides of the head (not the whole ear)."""
    graph = source.skin_graph.tocoo()
    length = np.linalg.norm(neutral[graph.row] - neutral[graph.col], axis=1)
    count = np.maximum(np.bincount(graph.row, minlength=len(neutral)), 1)
    mean = np.bincount(graph.row, length, len(neutral)) / count
    brow, mouth = (float(neutral[source.landmarks68[k], 1].mean()) for k in ([19, 24], [48, 54]))
    used = np.bincount(graph.row, minlength=len(neutral)) > 0
    out = np.zeros(len(neutral), dtype=np.bool_)
    for side in (1.0, -1.0):
        x = side * neutral[:, 0]
        level = used & (neutral[:, 1] > mouth - 5.0) & (neutral[:, 1] < brow + 5.0)
        tip = neutral[np.flatnonzero(level)[np.argmax(x[level])]]
        # Above the middle of the ear the temple is near: only what stands out is surely ear.
        out_by = np.where(neutral[:, 1] > tip[1], 10.0, 16.0)
        out |= (
            level & (np.linalg.norm(neutral - tip, axis=1) < 46.0) & (mean < 6.0) & (x > abs(tip[0]) - out_by)
        )
    return out


def _ear_points(vertices: FloatArray, ear: BoolArray) -> IntArray:
    """Return the topmost, the lowest and the hindmost vertex of an ear, (3,)."""
    ids = np.flatnonzero(ear)
    p = vertices[ids]
    return ids[[np.argmax(p[:, 1]), np.argmin(p[:, 1]), np.argmin(p[:, 2])]].astype(np.int32)


def _complete(
    template: Template, rest: FloatArray, mean: FloatArray, modes: FloatArray, covered: BoolArray
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Complete mean and modes where they are not known, and wherever else the mesh would fold.

    Parameters
    ----------
    template
        The template.
    rest
        (V, 3) mm: the template warped smoothly to the mean; the mean departs from it smoothly where unknown.
    mean, modes
        (V, 3) and (K, V, 3) mm, right where covered.
    covered
        (V,).
    """
    known = covered.copy()
    cap = template_parts(template).cap
    quads = template.quads[~np.isin(template.quads, cap).any(axis=1)]
    spread = _SIGMAS * np.eye(len(modes))
    drawn = np.random.default_rng(0).standard_normal((_TRIALS, len(modes)))
    trials = np.concatenate([spread, -spread, drawn])
    stacked = modes.transpose(1, 0, 2).reshape(len(mean), -1)
    for _ in range(_MOST_ROUNDS):
        completion = Completion(template, known)
        full_mean = rest + completion.fill(mean - rest)
        full_modes = completion.fill(stacked).reshape(len(mean), -1, 3).transpose(1, 0, 2)
        full_mean, full_modes = _with_eyes_and_cap(template, full_mean, full_modes)
        flat = full_modes.reshape(len(full_modes), -1)
        folded = folded_quads(full_mean, quads)
        for coefficients in trials:
            folded |= folded_quads(full_mean + (coefficients @ flat).reshape(-1, 3), quads)
        culprits = np.zeros(len(mean), dtype=np.bool_)
        culprits[quads[folded]] = True
        culprits |= culprits[template.mirror]
        if not folded.any():
            break
        # Where all corners are free already, the surroundings are what is wrong.
        for _ in range(_FOLD_RINGS):
            if (culprits & known).any():
                break
            culprits |= np.asarray(template_parts(template).graph @ culprits.astype(np.float64)) > 0
        known &= ~culprits
    return full_mean, full_modes, known


def _with_teeth(
    template: Template,
    parts: Parts,
    source: IctFaceKit,
    neutral: FloatArray,
    identity: FloatArray,
    mean: FloatArray,
    modes: FloatArray,
) -> FloatArray:
    """Let teeth and tongue follow ICT's teeth as far as a (linear) similarity can."""
    upper, lower = source.teeth()
    _, label = connected_components(parts.graph, directed=False)
    hard = template.material_vertices("teeth")
    rows = [hard[label[hard] == name] for name in np.unique(label[hard])]
    rows.sort(key=lambda ids: -float(template.vertices[ids, 1].mean()))
    out = modes.copy()
    for ids, teeth in ((rows[0], upper), (rows[1], lower), (template.material_vertices("tongue"), lower)):
        if len(teeth):
            middle = neutral[teeth].mean(axis=0)
            solved = np.linalg.lstsq(
                _similarity_rows(neutral[teeth] - middle),
                identity[:, teeth].reshape(len(identity), -1).T,
                rcond=None,
            )[0]
            out[:, ids] = (_similarity_rows(mean[ids] - middle) @ solved).T.reshape(len(identity), -1, 3)
    return out


def _similarity_rows(q: FloatArray) -> FloatArray:
    """Return the design matrix (3 N, 7) of small similarities of points (N, 3): shift, scale, turn."""
    rows = np.zeros((len(q), 3, 7))
    rows[:, :, :3] = np.eye(3)
    rows[:, :, 3] = q
    for axis in range(3):
        unit = np.eye(3)[axis]
        rows[:, :, 4 + axis] = np.cross(unit, q)
    return rows.reshape(-1, 7)


def _with_eyes_and_cap(
    template: Template, mean: FloatArray, modes: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Seat the eyeballs and close the neck, at the mean and (as a derivative) along each mode."""

    def whole(head: FloatArray) -> FloatArray:
        return close_neck(template, seat_eyeballs(template, head))

    along = np.stack([(whole(mean + mode) - whole(mean - mode)) / 2 for mode in modes])
    return whole(mean), along
