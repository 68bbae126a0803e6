"""Registration: any head mesh becomes a head on the template."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from facestudio.database.registration.locate import find_points
from facestudio.database.registration.nonrigid import (
    Anchors,
    Cancelled,
    Schedule,
    bend_onto,
    kept,
    outer_quads,
)
from facestudio.database.registration.prior import ShapePrior, fit_prior
from facestudio.database.registration.scan import Scan, cleaned, reduced
from facestudio.database.registration.surface import TargetSurface
from facestudio.errors import CancelledError
from facestudio.geometry.folds import folded_quads
from facestudio.geometry.mesh import vertex_normals
from facestudio.geometry.procrustes import similarity
from facestudio.template.completion import KNOWN, Completion, yielding
from facestudio.template.model import PointMap, Template
from facestudio.template.parts import REGIONS, Parts, template_parts
from facestudio.template.seating import close_neck, seat_eyeballs
from facestudio.values import BoolArray, FloatArray, read_only

# Millimetres in a unit. Units are told apart by the distance between the eyes' middles: 54 to 74 mm in people.
UNITS: Mapping[str, float] = {"mm": 1.0, "cm": 10.0, "inch": 25.4, "dm": 100.0, "m": 1000.0}
_EYES_MM = 63.0
_EYES_FACTOR = 1.42  # children and cartoons of heads; neighbouring units are at least 2.5 apart
_POINT_MISFIT_MM = 11.0  # of 68 points from those of the rest head, after a similarity
_GIVEN_SIGMA_MM = 1.5
# Annotators differ most along lines: brows, the nose's bridge, the wings' lower edge.
_LOOSE = {**dict.fromkeys(range(17, 30), 6.0), **dict.fromkeys((31, 32, 34, 35), 4.0)}
# The landmarker was never shown grey heads: its points say where the face is, the surface says the rest.
_FOUND_SIGMA_MM = 40.0
_FACE_SEEN = 0.55
_FACE_MEDIAN_MM, _FACE_P95_MM = 0.8, 3.0
_NOSE_SHARE = 0.45  # of the rest head's nose
_STRETCH = 1.1  # 95th percentile of |log| of edges' stretch
_LID_WEIGHTS = (0.0, 0.0, 0.15, 0.4)
_UNFOLD_ROUNDS = 14
_REACH_MM = 3.0
_SOFT = 0.3  # weight of vertices that only lean on the scan


@dataclass(frozen=True)
class RegionResidual:
    """How near the registered head is to the scan in a region of the template.

    Attributes
    ----------
    median_mm, p95_mm
        Distance from the head's surface to the scan's, where the scan shows the region.
    seen
        Share of the region that the scan shows, 0..1.
    """

    median_mm: float
    p95_mm: float
    seen: float


@dataclass(frozen=True, eq=False)
class Registration:
    """A scan on the template.

    Attributes
    ----------
    vertices
        (V, 3) float64 mm, head space: aligned to the template, of the scan's true size.
    seen
        (V,) bool: vertices that lie on the scan; the others are completed.
    residuals
        By region: face, ears, scalp, neck.
    accepted
        Whether the result can be trusted.
    reason
        Why not; empty if accepted.
    unit
        The scan's unit, a key of UNITS.
    scale, rotation, shift
        The scan's frame to head space: head = scale * rotation @ scan + shift, scale in mm.
    notes
        What was found and done, in plain words.
    """

    vertices: FloatArray
    seen: BoolArray
    residuals: Mapping[str, RegionResidual]
    accepted: bool
    reason: str
    unit: str
    scale: float
    rotation: FloatArray
    shift: FloatArray
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        for name, dtype in (
            ("vertices", np.float64),
            ("seen", np.bool_),
            ("rotation", np.float64),
            ("shift", np.float64),
        ):
            object.__setattr__(self, name, read_only(getattr(self, name), dtype))


def register_scan(
    template: Template,
    scan: Scan,
    *,
    prior: ShapePrior | None = None,
    schedule: Schedule | None = None,
    progress: Callable[[float], None] | None = None,
    cancelled: Cancelled | None = None,
) -> Registration:
    """Bring a head mesh to the template's topology.

    The same scan gives the same result; nothing is kept between calls.

    Parameters
    ----------
    template
        The template.
    scan
        A head, or what of it was scanned, in any unit and any way up; with its 68 points or without (they are then
        found by drawing it and asking the landmarker).
    prior
        How heads vary, if that is known: the likeliest head on the scan is then what bends onto it. Without it
        the template does.
    schedule
        How the stiffness falls.
    progress
        Called with 0..1.
    cancelled
        Asked between steps.

    Returns
    -------
    Registration
        Accepted or not, with the reason.

    Raises
    ------
    UnreadableInputError
        If the mesh is broken beyond use.
    NoFaceError
        If no points were given and no face is found on it.
    CancelledError
        If `cancelled` says so.
    ModelError
        If the landmarker is needed and missing.
    """

    def tell(fraction: float) -> None:
        if cancelled is not None and cancelled():
            raise CancelledError("The registration was cancelled")
        if progress is not None:
            progress(fraction)

    tell(0.0)
    parts = template_parts(template)
    scan, notes = cleaned(scan)
    scan, more = reduced(scan)
    notes += more
    tell(0.1)
    where, points, sigma, inward = _face_points(template, scan, lambda: tell(0.1))
    tell(0.3)
    if inward:
        notes.append("its faces were wound inwards: turned")
        scan = replace(scan, triangles=scan.triangles[:, ::-1])
    rest = where.points(template.vertices)
    eyes = np.linalg.norm(_eye_middle(template, where, points, 0) - _eye_middle(template, where, points, 1))
    unit = _unit_of(float(eyes))
    if unit is None:
        reason = f"its eyes would be {eyes:.3g} units apart: that is a head's size in no unit"
        return _rejected(template, parts, reason, notes)
    if unit != "mm":
        notes.append(f"its unit is taken to be: {unit}")
    size = UNITS[unit]
    scale, rotation, shift = similarity(points * size, rest)
    angle = float(np.degrees(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))))
    if angle > 45:
        notes.append(f"turned by {angle:.0f} degrees to be upright")
    misfit = np.linalg.norm(scale * points * size @ rotation.T + shift - rest, axis=1)
    if float(np.sqrt((misfit**2).mean())) > _POINT_MISFIT_MM:
        reason = f"its points are {np.sqrt((misfit**2).mean()):.0f} mm from where a face has them"
        return _rejected(template, parts, reason, notes)

    # The scan keeps its size; the template is brought to it.
    if prior is not None:
        scale, rotation, shift = similarity(points * size, where.points(prior.mean), scaled=False)
    offset = shift / scale
    moved = scan.vertices * size @ rotation.T + offset
    anchored = Anchors(where, points * size @ rotation.T + offset, sigma)
    target = TargetSurface(moved, scan.triangles)
    start = template.vertices / scale
    weights = _weights(parts)
    plan = schedule or Schedule()
    if prior is not None:
        start = fit_prior(
            template, prior, target, weights=weights, anchors=[anchored], check=lambda: tell(0.3)
        )
        plan = replace(plan, coarse=plan.coarse[::2], reach_mm=(0.5 * plan.reach_mm[0], plan.reach_mm[1]))
    coarse = bend_onto(
        template, start, target, weights=weights, anchors=[anchored], schedule=replace(plan, fine=()),
        progress=lambda f: tell(0.3 + 0.3 * f), cancelled=cancelled,
    )  # fmt: skip
    bent = bend_onto(
        template, coarse, target, weights=weights, anchors=[anchored], schedule=replace(plan, coarse=()),
        progress=lambda f: tell(0.6 + 0.3 * f), cancelled=cancelled,
    )  # fmt: skip
    head, seen = _finish(template, parts, coarse, bent, target, weights)
    tell(0.95)
    aligned = np.flatnonzero(parts.region == REGIONS.index("face"))
    _, turn, back = similarity(head[aligned], template.vertices[aligned], scaled=False)
    residuals = _residuals(template, parts, head, target)
    reason = _doubts(template, parts, head, residuals)
    tell(1.0)
    return Registration(
        vertices=head @ turn.T + back,
        seen=seen,
        residuals=residuals,
        accepted=not reason,
        reason=reason,
        unit=unit,
        scale=size,
        rotation=turn @ rotation,
        shift=turn @ offset + back,
        notes=tuple(notes),
    )


def _face_points(
    template: Template, scan: Scan, check: Callable[[], None]
) -> tuple[PointMap, FloatArray, FloatArray, bool]:
    """Return points of the template, where they are on the scan, how sure, and whether the scan is inside out."""
    if scan.points68 is not None:
        # The jaw's points slide along the cheeks' outline: they tell no place.
        known = 17 + np.flatnonzero(np.isfinite(scan.points68[17:]).all(axis=1))
        where = PointMap(template.ibug68.vertex_ids[known], template.ibug68.weights[known])
        points = np.asarray(scan.points68[known], dtype=np.float64)
        sigma = np.array([_LOOSE.get(int(k), _GIVEN_SIGMA_MM) for k in known])
        return where, points, sigma, _inside_out(scan)
    found = find_points(scan, check)
    count = len(found.points)
    good = np.isfinite(found.points).all(axis=1)
    reach = float(np.median(found.spread[good])) if good.any() else 0.0
    good &= found.spread <= 3.0 * reach + 1e-12
    mesh = template.mesh478
    where = PointMap(mesh.vertex_ids[:count][good], mesh.weights[:count][good])
    return where, found.points[good], np.full(int(good.sum()), _FOUND_SIGMA_MM), found.inward


def _inside_out(scan: Scan) -> bool:
    """Tell whether the faces near the given points look inwards: away from where the nose points."""
    points = scan.points68
    assert points is not None
    nose = np.nanmean(points[27:36], axis=0)
    around = np.nanmean(points[36:60], axis=0)
    reach = float(np.nanmax(np.linalg.norm(points[17:] - nose, axis=1)))
    normals = vertex_normals(scan.vertices, scan.triangles)
    near = np.linalg.norm(scan.vertices - nose, axis=1) < reach
    return bool(near.any() and float((normals[near] @ (nose - around)).sum()) < 0)


def _eye_middle(template: Template, where: PointMap, points: FloatArray, side: int) -> FloatArray:
    """Return the middle between the lids of an eye: the given points nearest to the template's eyes, (3,)."""
    ring = template_parts(template).lids[side].rings[2]
    middle = template.vertices[ring].mean(axis=0)
    away = np.linalg.norm(where.points(template.vertices) - middle, axis=1)
    return points[np.argsort(away)[:6]].mean(axis=0)


def _unit_of(eyes: float) -> str | None:
    """Return the unit in which eyes are as far apart as in people, or None."""
    off = {name: abs(np.log(max(eyes, 1e-300) * size / _EYES_MM)) for name, size in UNITS.items()}
    best = min(off, key=lambda name: off[name])
    return best if off[best] < np.log(_EYES_FACTOR) else None


def _weights(parts: Parts) -> FloatArray:
    """Return how much each vertex is drawn to the scan: lids little, for scans show eyeballs as they like."""
    weights = parts.outer.astype(np.float64)
    for lids in parts.lids:
        for ring, weight in zip(lids.rings, _LID_WEIGHTS, strict=False):
            weights[ring] = weight
    return weights


def _finish(
    template: Template,
    parts: Parts,
    coarse: FloatArray,
    bent: FloatArray,
    target: TargetSurface,
    weights: FloatArray,
) -> tuple[FloatArray, BoolArray]:
    """Snap to the scan what lies on it, complete the rest, and smooth out folds."""
    found = target.match(bent, vertex_normals(bent, outer_quads(template)))
    seen = kept(found, _REACH_MM, 0.5) & (weights > 0)
    on_it = seen & (weights >= 1.0)
    placed = np.where(on_it[:, None], found.points, bent)
    held = np.where(on_it, KNOWN, np.where(seen, _SOFT * weights, 0.0))
    quads = template.quads[~np.isin(template.quads, parts.cap).any(axis=1)]
    head = bent
    for _ in range(_UNFOLD_ROUNDS):
        filled = coarse + Completion(template, held).fill(placed - coarse)
        # Teeth, tongue and eyeballs hang on nothing: they come with the smooth warp.
        head = close_neck(template, seat_eyeballs(template, filled))
        folded = folded_quads(head, quads)
        if not folded.any():
            break
        held = yielding(parts, held, quads[folded])
    return head, seen


def _residuals(
    template: Template, parts: Parts, head: FloatArray, target: TargetSurface
) -> dict[str, RegionResidual]:
    """Measure, at vertices and the middles of quads, how far the outer skin is from the scan."""
    quads = outer_quads(template)
    normals = vertex_normals(head, quads)
    region = parts.region
    hidden = np.zeros(len(head), dtype=np.bool_)
    for lids in parts.lids:
        hidden[np.concatenate(lids.rings[:2])] = True
    ids = np.flatnonzero((region >= 0) & ~hidden)
    middles = quads[~hidden[quads].any(axis=1)]
    places = np.concatenate([head[ids], head[middles].mean(axis=1)])
    directions = np.concatenate([normals[ids], normals[middles].mean(axis=1)])
    directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-12)
    of = np.concatenate([region[ids], region[middles[:, 0]]])
    found = target.match(places, directions)
    shown = kept(found, 10.0, 0.3)
    out: dict[str, RegionResidual] = {}
    for row, name in enumerate(REGIONS):
        here = of == row
        distances = found.distances[here & shown]
        seen = float((here & shown).sum()) / max(int(here.sum()), 1)
        if len(distances):
            out[name] = RegionResidual(float(np.median(distances)), float(np.percentile(distances, 95)), seen)
        else:
            out[name] = RegionResidual(float("nan"), float("nan"), 0.0)
    return out


def _doubts(
    template: Template, parts: Parts, head: FloatArray, residuals: Mapping[str, RegionResidual]
) -> str:
    """Return why a result cannot be trusted, or an empty string."""
    face = residuals["face"]
    if face.seen < _FACE_SEEN:
        return f"the scan shows only {face.seen:.0%} of the face"
    if not face.median_mm <= _FACE_MEDIAN_MM:
        return f"half of the face is more than {face.median_mm:.1f} mm from the scan"
    if not face.p95_mm <= _FACE_P95_MM:
        return f"a twentieth of the face is more than {face.p95_mm:.1f} mm from the scan"
    points = template.ibug68.points(head)
    nose = _outstanding(points, points[30])
    rest = template.ibug68.points(template.vertices)
    if not nose > _NOSE_SHARE * _outstanding(rest, rest[30]):
        return "there is no nose where a face has it"
    edges = parts.edges[(parts.region[parts.edges] == REGIONS.index("face")).all(axis=1)]
    before = np.linalg.norm(template.vertices[edges[:, 0]] - template.vertices[edges[:, 1]], axis=1)
    after = np.linalg.norm(head[edges[:, 0]] - head[edges[:, 1]], axis=1)
    stretch = float(np.percentile(np.abs(np.log(np.maximum(after, 1e-3) / before)), 95))
    if stretch > _STRETCH:
        return f"the template had to be stretched {np.exp(stretch):.1f} times: this is no human face"
    return ""


def _outstanding(points: FloatArray, point: FloatArray) -> float:
    """Return how far a point stands out from the plane of the eyes' and the mouth's corners, ibug68 points, mm."""
    plane = points[[36, 45, 48, 54]]
    middle = plane.mean(axis=0)
    normal = np.linalg.svd(plane - middle)[2][2]
    away = points[27] + points[33] - 2 * middle
    return float((point - middle) @ normal * np.sign(normal @ away))


def _rejected(template: Template, parts: Parts, reason: str, notes: list[str]) -> Registration:
    nothing = RegionResidual(float("nan"), float("nan"), 0.0)
    return Registration(
        vertices=template.vertices,
        seen=np.zeros(len(template.vertices), dtype=np.bool_),
        residuals=dict.fromkeys(REGIONS, nothing),
        accepted=False,
        reason=reason,
        unit="",
        scale=1.0,
        rotation=np.eye(3),
        shift=np.zeros(3),
        notes=tuple(notes),
    )
