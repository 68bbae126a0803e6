"""Pins in the fit: news of the most probable head, and what is left is met exactly by a smooth, local field.

A pin says where a vertex of the head is in the picture; its depth stays the model's (docs/adr/0030). The field is a sum
of Wendland's functions of space, phi(d) = (1 - d)^4 (4 d + 1) with d in units of a radius: smooth, nothing beyond the
radius, and positive definite, so that any set of pins can be met (H. Wendland, Adv. Comput. Math. 4, 1995). Landmarks
within the radius hold the face: those moved by hand exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.distance import cdist

from facestudio.database.model import HeadDatabase
from facestudio.fitting.fit_values import Fit
from facestudio.fitting.outline import slid
from facestudio.fitting.problem import pixels_by_place
from facestudio.fitting.sparse_model import SparseModel, mean_expressions
from facestudio.geometry.camera import back_project, camera_position, project, to_camera_space
from facestudio.geometry.folds import folded_quads
from facestudio.template.model import Template
from facestudio.template.pins import Pins, pinned_place
from facestudio.values import BoolArray, Camera, FloatArray, IntArray, read_only

SIGMA_MM = 1.5
"""How far a pin may be off for the most probable head; what it leaves is met exactly."""

FACE_SIGMA_MM = 0.7
"""How far the landmarks may give way to pins."""

_WIDE_MM, _NARROW_MM = 110.0, 55.0
_RADIUS_PER_MM = 3.2  # the field's slope is at most 2.1 times displacement / radius
_WIDENINGS = (1.0, 1.5, 2.2)
_LANDMARK_GIVES = 0.6  # added to the kernel's 1 for landmarks as located: they hold, but not exactly
_REACH_MM = 6.0
_ROUNDS = 4
_BEHIND_MM = 10.0


def fit_with_pins(
    fit: Fit,
    pins: Pins,
    database: HeadDatabase,
    template: Template,
    landmarks: SparseModel,
    local: FloatArray,
) -> Fit:
    """Return the most probable head once pins are known too.

    Camera and expression stay, for they follow from the face; what is known of identity, a Gaussian, is updated by the
    pins and by the landmarks as they were fitted (a Kalman step). So the skull and the ears, of which the face tells
    little, give way, and the face hardly does.

    Parameters
    ----------
    fit
        To the landmarks.
    pins
        Of the photo that the fit's camera is of.
    database, template
        Of the fit.
    landmarks
        The sparse model of ibug68.
    local
        (L, V) local deformation modes, mm per standard deviation.
    """
    if not pins:
        return fit
    rows, camera = [pin.vertex for pin in pins], fit.camera
    basis = database.basis[:, rows].astype(np.float64)
    places = database.mean[rows] + np.tensordot(fit.identity, basis, axes=1) + local[:, rows].T @ fit.local
    places = places + np.tensordot(fit.expression, mean_expressions(database, template)[:, rows], axes=1)
    left = np.array([(pin.x, pin.y) for pin in pins]) - project(camera, places)[0]
    face = landmarks.points(fit.identity, fit.expression, fit.local)
    news = np.concatenate([left.reshape(-1), np.zeros(2 * len(face))])
    shapes = np.concatenate([basis, landmarks.identity], axis=1)
    by_place = pixels_by_place(camera, to_camera_space(camera, np.concatenate([places, face])))
    slope = np.einsum("pic,kpc->pik", by_place @ camera.rotation, shapes).reshape(len(news), -1)
    known = fit.identity_covariance @ slope.T
    sigma = np.repeat([SIGMA_MM, FACE_SIGMA_MM], [left.size, face.shape[0] * 2])
    noise = (sigma * camera.fx / float(camera.translation_mm[2])) ** 2
    seen = slope @ known + np.diag(noise)
    return replace(
        fit,
        identity=fit.identity + known @ np.linalg.solve(seen, news),
        identity_covariance=fit.identity_covariance - known @ np.linalg.solve(seen, known.T),
    )


@dataclass(frozen=True, eq=False)
class PinSight:
    """The pins of one photo, the camera, and the head as it stands in that photo, (V, 3) mm."""

    pins: Pins
    camera: Camera
    posed: FloatArray


@dataclass(frozen=True, eq=False)
class PinField:
    """What meets pins.

    Attributes
    ----------
    displacement
        (V, 3) mm, to be added to the neutral head.
    held
        (V,) 0..1: how firmly the pins hold each vertex.
    """

    displacement: FloatArray
    held: FloatArray

    def __post_init__(self) -> None:
        for name in ("displacement", "held"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))


def pulls(sights: Sequence[PinSight]) -> tuple[IntArray, FloatArray]:
    """Return which vertices pins pull, (P,), and how far, (P, 3) mm, each at its own depth.

    A vertex with pins in several photos goes where the lines of sight come nearest.
    """
    across: dict[int, FloatArray] = {}
    pull: dict[int, FloatArray] = {}
    for sight in sights:
        for pin in sight.pins:
            now = sight.posed[pin.vertex]
            depth = to_camera_space(sight.camera, now)[2]
            by = back_project(sight.camera, np.array([pin.x, pin.y]), depth) - now
            line = now + by - camera_position(sight.camera)
            line = line / np.linalg.norm(line)
            # Across the line of sight; along it only as much as settles what several lines leave open.
            own = np.eye(3) - (1 - 1e-6) * np.outer(line, line)
            # Depth is the model's: of all points of the line, the one at the vertex's own depth.
            across[pin.vertex] = across.get(pin.vertex, np.zeros((3, 3))) + own
            pull[pin.vertex] = pull.get(pin.vertex, np.zeros(3)) + own @ by
    vertices = np.array(sorted(across), dtype=np.int32)
    if not len(vertices):
        return vertices, np.zeros((0, 3))
    moved = [np.linalg.solve(across[int(v)], pull[int(v)]) for v in vertices]
    return vertices, np.stack(moved).astype(np.float64)


def pin_field(
    template: Template, neutral: FloatArray, sights: Sequence[PinSight], moved: BoolArray
) -> PinField | None:
    """Return the field that brings pinned vertices to their pins; None without pins.

    Parameters
    ----------
    template
        The template.
    neutral
        (V, 3) mm: the head it will be added to; no quad of it is folded that was not, if a wider field can avoid that.
    sights
        Of every photo.
    moved
        (68,): landmarks set by hand, which stay where they are.
    """
    vertices, by = pulls(sights)
    if not len(vertices):
        return None
    skin = template.quads[template.quad_material == template.materials.index("skin")]
    before = folded_quads(neutral, skin)
    fine = np.array([pinned_place(template, int(v)).startswith("ear") for v in vertices])
    field = None
    for wider in _WIDENINGS:
        field = _layers(template, vertices, by, fine, moved, wider)
        if not (folded_quads(neutral + field.displacement, skin) & ~before).any():
            break
    return field


def settled_field(
    template: Template, neutral: FloatArray, sights: Sequence[PinSight], moved: BoolArray
) -> PinField | None:
    """Return the field that brings pins to their places, those of the outline where that is once they are there.

    Parameters are those of `pin_field`; the field of a few rounds, for what it moves may change the outline.
    """
    field = None
    for _ in range(_ROUNDS):
        by = 0.0 if field is None else field.displacement
        now = [
            replace(sight, pins=slid(template, sight.camera, sight.posed + by, sight.pins))
            for sight in sights
        ]
        if field is not None and all(a.pins == b.pins for a, b in zip(now, sights, strict=True)):
            break
        sights = now
        field = pin_field(template, neutral, sights, moved)
        if field is None:
            break
    return field


def _layers(
    template: Template,
    vertices: IntArray,
    by: FloatArray,
    fine: BoolArray,
    moved: BoolArray,
    wider: float,
) -> PinField:
    """Meet pins of the skull with a wide field first, then all of them, ears too, with a narrow one."""
    total = np.zeros((len(template.vertices), 3))
    held = np.zeros(len(template.vertices))
    layers = [(~fine, _WIDE_MM), (np.ones(len(fine), dtype=np.bool_), _NARROW_MM)]
    for chosen, least in layers if fine.any() else layers[:1]:
        if not chosen.any():
            continue
        left = by[chosen] - total[vertices[chosen]]
        farthest = float(np.linalg.norm(left, axis=1).max())
        radius = wider * max(least, _RADIUS_PER_MM * farthest)
        layer = _field(template, vertices[chosen], left, moved, radius)
        total, held = total + layer.displacement, np.maximum(held, layer.held)
    return PinField(total, held)


def _field(
    template: Template, vertices: IntArray, by: FloatArray, moved: BoolArray, radius: float
) -> PinField:
    rest = template.open_mouthed()  # where the lips touch, one could not move without the other
    points = template.ibug68
    landmarks = points.points(rest)
    near = np.flatnonzero(moved | (cdist(landmarks, rest[vertices]).min(axis=1) < 2 * radius))
    centres = np.concatenate([rest[vertices], landmarks[near]])
    response = _wendland(np.asarray(cdist(rest, centres), dtype=np.float64) / radius)
    # A landmark lies inside a triangle: what it does follows from the corners.
    at = np.einsum("nkc,nk->nc", response[points.vertex_ids[near]], points.weights[near])
    system = np.concatenate([response[vertices], at])
    count = len(vertices)
    gives = np.where(moved[near], 0.0, _LANDMARK_GIVES)
    system[count:, count:] += np.diag(gives)
    wanted = np.zeros((len(centres), 4))
    wanted[:count, :3], wanted[:count, 3] = by, 1.0
    field = response @ np.linalg.solve(system, wanted)
    for eye in template.eyes:  # a ball that is bent no longer turns in its socket
        field[eye.start : eye.stop] = field[eye.start : eye.stop].mean(axis=0)
    return PinField(field[:, :3], np.clip(field[:, 3], 0, 1))


def _wendland(d: FloatArray) -> FloatArray:
    left = np.maximum(1 - d, 0)
    return left**4 * (4 * d + 1)


def vertex_at(template: Template, camera: Camera, posed: FloatArray, pixel: tuple[float, float]) -> int:
    """Return the vertex of the skin that a place of the photo shows; off the head, the nearest one of its outline.

    Parameters
    ----------
    template
        The template.
    camera
        Of the photo.
    posed
        (V, 3) mm: the head as it stands in it.
    pixel
        (x, y), image frame.
    """
    quads = template.quads[template.quad_material == template.materials.index("skin")]
    pixels, depth = project(camera, posed)
    corners = pixels[quads]
    d1, d2 = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    facing = np.unique(quads[d1[:, 0] * d2[:, 1] - d1[:, 1] * d2[:, 0] < 0])
    away = np.linalg.norm(pixels[facing] - pixel, axis=1)
    near = _REACH_MM * camera.fx / float(np.median(depth[facing]))
    if away.min() > near:
        return int(facing[np.argmin(away)])
    # Near enough candidates, and of those what is in front: an ear hides the head behind it.
    reach = away.min() + near
    front = depth[facing][away <= reach].min() + _BEHIND_MM
    visible = (away <= reach) & (depth[facing] <= front)
    return int(facing[np.argmin(np.where(visible, away, np.inf))])
