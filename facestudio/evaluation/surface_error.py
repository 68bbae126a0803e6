"""How far a head lies from the true one: scan to mesh, by region, by size, and by the NoW benchmark's protocol."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from facestudio.geometry.mesh import closest_points, triangulate
from facestudio.geometry.procrustes import similarity
from facestudio.template.model import Template
from facestudio.template.parts import REGIONS, template_parts
from facestudio.values import FloatArray, IntArray, read_only

FACE_RADIUS_MM = 95.0
NOW_POINTS = (36, 39, 42, 45, 33, 48, 54)
"""The seven points that NoW aligns by: corners of the eyes, nose bottom, corners of the mouth (ibug68)."""

_NOSE_TIP, _BRIDGE, _NOSE_BOTTOM, _OUTER_CORNERS = 30, 27, 33, (36, 45)
_FEATURES = {
    "jaw": range(17),
    "brows": range(17, 27),
    "nose": range(27, 36),
    "eyes": range(36, 48),
    "mouth": range(48, 68),
}
_REFINEMENTS = 12


def face_region(template: Template) -> IntArray:
    """Return the skin vertices within 95 mm of the nose's tip, (R,) int32."""
    skin = template.material_vertices("skin")
    tip = template.ibug68.points(template.vertices)[_NOSE_TIP]
    return skin[np.linalg.norm(template.vertices[skin] - tip, axis=1) < FACE_RADIUS_MM]


@lru_cache(maxsize=2)
def regions(template: Template) -> dict[str, IntArray]:
    """Return the vertices of the face's regions (each with the nearest landmark) and of the rest of the head."""
    face = face_region(template)
    points = template.ibug68.points(template.vertices)
    nearest = np.linalg.norm(template.vertices[face][:, None] - points, axis=2).argmin(axis=1)
    found = {name: face[np.isin(nearest, list(rows))] for name, rows in _FEATURES.items()}
    whole = template_parts(template).region
    for name in REGIONS[1:]:
        found[name] = np.flatnonzero(whole == REGIONS.index(name)).astype(np.int32)
    return found


@dataclass(frozen=True, eq=False)
class SurfaceError:
    """Distances from the true head to an estimate that a similarity laid on the true face, millimetres.

    Attributes
    ----------
    median
        Over the face.
    by_region
        The median of each region.
    size
        How large the true face is, in those of the estimate: 1 if its size is right.
    """

    median: float
    by_region: dict[str, float]
    size: float


def surface_error(template: Template, estimate: FloatArray, truth: FloatArray) -> SurfaceError:
    """Measure an estimate (V, 3) mm beside the true head (V, 3) mm, both on the template's topology."""
    face = face_region(template)
    triangles = triangulate(template.quads[template.quad_material == 0])
    scale, rotation, shift = similarity(estimate[face], truth[face])
    aligned = scale * estimate @ rotation.T + shift
    own = regions(template)
    asked = np.unique(np.concatenate([face, *own.values()]))
    distance = np.zeros(len(truth))
    distance[asked] = closest_points(truth[asked], aligned, triangles).distances
    by_region = {name: float(np.median(distance[rows])) for name, rows in own.items()}
    return SurfaceError(float(np.median(distance[face])), by_region, scale)


def scan_to_mesh(template: Template, estimate: FloatArray, truth: FloatArray) -> float:
    """Return the median distance from the true face to the estimated surface after similarity alignment, mm.

    Parameters
    ----------
    template
        The topology of both.
    estimate, truth
        (V, 3) mm.
    """
    return surface_error(template, estimate, truth).median


def now_region(scan: FloatArray, points: FloatArray) -> IntArray:
    """Return the vertices of a scan (S, 3) mm that NoW judges: a sphere about the nose, (R,) int32.

    `points` are the scan's 68, (68, 3) mm. The sphere is that of the benchmark's description: around nose bottom +
    0.3 (bridge - nose bottom), of radius 1.4 (distance of the outer corners of the eyes + |bridge - nose bottom|) / 2
    (S. Sanyal et al., "Learning to Regress 3D Face Shape and Expression from an Image without 3D Supervision", 2019).
    """
    up = points[_BRIDGE] - points[_NOSE_BOTTOM]
    centre = points[_NOSE_BOTTOM] + 0.3 * up
    eyes = float(np.linalg.norm(np.subtract(*points[list(_OUTER_CORNERS)])))
    radius = 1.4 * (eyes + float(np.linalg.norm(up))) / 2
    return np.flatnonzero(np.linalg.norm(scan - centre, axis=1) < radius).astype(np.int32)


def now_distances(
    estimate: FloatArray,
    triangles: IntArray,
    estimate_points: FloatArray,
    scan: FloatArray,
    scan_points: FloatArray,
    *,
    scaled: bool = True,
) -> FloatArray:
    """Return distances from a scan's face to an estimated surface by NoW's protocol, mm.

    Seven points align the estimate, then it is laid on the scan's face as a whole (nearest points, in turns).

    Parameters
    ----------
    estimate
        (V, 3) mm.
    triangles
        (M, 3) of the estimate.
    estimate_points, scan_points
        (68, 3) mm: ibug68 on the estimate and on the scan.
    scan
        (S, 3) mm.
    scaled
        False keeps the estimate's size: then the metric error is measured.
    """
    face = scan[now_region(scan, scan_points)]
    rows = list(NOW_POINTS)
    scale, rotation, shift = similarity(estimate_points[rows], scan_points[rows], scaled=scaled)
    found = closest_points(face, scale * estimate @ rotation.T + shift, triangles)
    for _ in range(_REFINEMENTS):
        before = float(np.mean(found.distances))
        back = (found.points - shift) @ rotation / scale
        scale, rotation, shift = similarity(back, face, scaled=scaled)
        found = closest_points(face, scale * estimate @ rotation.T + shift, triangles)
        if before - float(np.mean(found.distances)) < 1e-4:
            break
    return read_only(found.distances, np.float64)
